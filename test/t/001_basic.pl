#
# The team's five tables with the shipped connector JSON and init SQL, as they
# are, against a real Kafka: keys, values, tombstones, partitions, order, a
# published event, heartbeats, read back by two independent clients.
#
use strict;
use warnings;

use JSON::PP ();
use Nova;
use E2E;
use PostgreSQL::Test::Utils;
use Test::More;

my $shipped = 'deploy/postgres-connector.json';
my $slot = 'debezium_nova_slot';
my $node = new_node('primary');
my $kafka = kafka_start(own => 1);

# A topic for each group of the shipped configuration, with its partitions.
my $config = JSON::PP::decode_json(slurp_file($shipped))->{config};
my %partitions = (users => 3, posts => 10, follows => 5, comments => 5, likes => 8, events => 10);
for my $group (sort keys %partitions)
{
	my $count = $config->{"topic.creation.$group.partitions"} =~ s/^\$\{env:\w+:-(\d+)\}$/$1/r;
	is($count, $partitions{$group}, "the shipped configuration gives $group $count partitions");
	$kafka->create_topic($group eq 'events' ? 'events' : "cdc.$group", $count,
		'cleanup.policy=' . $config->{"topic.creation.$group.cleanup.policy"});
}

$node->safe_psql('postgres', 'CREATE DATABASE nova');
$node->command_ok(
	[ 'psql', '-X', '-q', '-d', $node->connstr('nova'), '-v', 'relay_password=very-Secret', '-f', 'deploy/init-postgres.sql' ],
	"init-postgres.sql, run $_") for 'once', 'again';
is($node->safe_psql('nova', q{SELECT bool_and(has_function_privilege('nova_relay', p.oid, 'EXECUTE')) FROM pg_proc p
	WHERE pronamespace = 'nova'::regnamespace AND proname IN ('stream', 'watermark', 'signal')}), 't',
	'the role may call what the relay calls');

# As a deployment does: only the environment is ours.  A value that an operator
# exported before does not count.
delete local @ENV{qw(DB_NAME EVENTS_PARTITIONS REPLICATION_FACTOR)};
local %ENV = (%ENV, DB_HOST => $node->host, DB_PORT => $node->port, DB_USER => 'nova_relay',
	DB_PASSWORD => 'very-Secret', KAFKA_BROKER => $kafka->bootstrap, NOVA_LISTENERS => 'http://127.0.0.1:0');
my $relay = start_relay_with('basic', $shipped);
$relay->wait_for_line(qr/streaming from slot $slot/);

sub sql
{
	my ($sql) = @_;
	$node->safe_psql('nova', $sql);
	return;
}

# What a topic has for one key, tombstones as null, the commit time checked and cut out.
sub history
{
	my ($topic, $key) = @_;
	my $now = time() * 1000;
	my @values;

	for my $record (grep { $_->{key} eq $key } read_topic($kafka, $topic))
	{
		my $value = $record->{value};
		if (defined $value && $value =~ s/,"__source_ts_ms":(\d+)\}\z/}/)
		{
			cmp_ok(abs($now - $1), '<', 600_000, "$topic: the time of the commit in ms") if !@values;
		}
		push @values, $value;
	}
	return \@values;
}

sub settled
{
	wait_confirmed($node, $slot);
	return;
}

my $at = "'2023-10-16 10:17:36.789'";
my $rest = '"created_at":1697451456789,"updated_at":1697451456789';
sql(qq{INSERT INTO users (id, username, email, created_at, updated_at) VALUES
	(1, 'ada', 'ada\@example.org', $at, $at), (2, 'grace', 'grace\@example.org', $at, $at)});
sql(qq{INSERT INTO posts VALUES (123, 1, 'Hello World', NULL, $at, $at)});
sql(q{UPDATE posts SET content = E'Hello "World", 你好\\n\\t\\\\ \\u0001 😀' WHERE id = 123});
sql(qq{BEGIN;
	INSERT INTO follows VALUES (7, 2, 1, $at);
	INSERT INTO comments VALUES (45, 123, 2, NULL, 'Welcome!', $at, $at);
	INSERT INTO likes VALUES (99, 2, 123, $at);
	UPDATE users SET bio = 'liked' WHERE id = 2;
	SELECT nova.publish('events', 'user-2', '{"type":"liked","post":123}', '{"trace": "t-1"}'::jsonb);
	COMMIT});
sql('DELETE FROM likes WHERE id = 99');
sql('BEGIN; DELETE FROM comments WHERE id = 45; UPDATE posts SET id = 124 WHERE id = 123; COMMIT');
settled();

is_deeply(
	history('cdc.users', '{"id":1}'),
	[ qq({"id":1,"username":"ada","email":"ada\@example.org","display_name":null,"bio":null,"avatar_url":null,"is_active":true,$rest,"__op":"c"}) ],
	'an insert');
is_deeply(
	history('cdc.users', '{"id":2}'),
	[
		map { qq({"id":2,"username":"grace","email":"grace\@example.org","display_name":null,"bio":$_->[0],"avatar_url":null,"is_active":true,$rest,"__op":"$_->[1]"}) }
		([ 'null', 'c' ], [ '"liked"', 'u' ])
	],
	'an insert and an update');
my $content = "Hello \\\"World\\\", \x{4f60}\x{597d}\\n\\t\\\\ \\u0001 \x{1f600}";
is_deeply(
	history('cdc.posts', '{"id":123}'),
	[
		qq({"id":123,"user_id":1,"content":"Hello World","media_url":null,$rest,"__op":"c"}),
		qq({"id":123,"user_id":1,"content":"$content","media_url":null,$rest,"__op":"u"}),
		'{"id":123,"__op":"d"}',
		undef
	],
	'a life of a key until it changes');
is_deeply(
	history('cdc.posts', '{"id":124}'),
	[ qq({"id":124,"user_id":1,"content":"$content","media_url":null,$rest,"__op":"c"}) ],
	'and under its new key');
is_deeply(
	history('cdc.follows', '{"id":7}'),
	['{"id":7,"follower_id":2,"followee_id":1,"created_at":1697451456789,"__op":"c"}'],
	'a transaction: its first table');
is_deeply(
	history('cdc.comments', '{"id":45}'),
	[
		qq({"id":45,"post_id":123,"user_id":2,"parent_id":null,"content":"Welcome!",$rest,"__op":"c"}),
		'{"id":45,"__op":"d"}',
		undef
	],
	'its second, and what a delete is');
is_deeply(
	history('cdc.likes', '{"id":99}'),
	[
		'{"id":99,"user_id":2,"post_id":123,"created_at":1697451456789,"__op":"c"}',
		'{"id":99,"__op":"d"}',
		undef
	],
	'its third');
my @events = read_topic($kafka, 'events');
is(scalar @events, 1, 'one published event');
is($events[0]{key}, 'user-2', 'its key');
is($events[0]{value}, '{"type":"liked","post":123}', 'its value, as it was given');
is_deeply($events[0]{headers}, [ [ 'trace', 't-1' ] ], 'its headers');

# Many keys: partitions and order.
sql(q{INSERT INTO users (id, username, email) SELECT i, 'u' || i, i || '@example.org' FROM generate_series(1001, 1500) i});
sql(q{INSERT INTO posts (id, user_id, content) SELECT i, 1001, 'post' FROM generate_series(1001, 1500) i});
sql(qq{UPDATE posts SET content = 'edit $_' WHERE id > 1000}) for 1 .. 5;
sql(q{INSERT INTO likes (id, user_id, post_id) SELECT i, i, i FROM generate_series(1001, 1500) i});
sql(q{DELETE FROM likes WHERE id % 2 = 0});
sql(q{SELECT nova.publish('events', 'user-' || i, 'x' || i) FROM generate_series(1, 300) i});
settled();

my @topics = ((map { "cdc.$_" } qw(users posts follows comments likes)), 'events');
is_deeply(
	[ python('e2e_partitions.py', $kafka->bootstrap, @topics) ],
	[
		'cdc.users 3 503 3 0', 'cdc.posts 10 3005 10 0', 'cdc.follows 5 1 1 0',
		'cdc.comments 5 3 1 0', 'cdc.likes 8 1003 8 0', 'events 10 301 10 0'
	],
	'every record is where murmur2 of its key puts it');

my %edits;
for my $record (read_topic($kafka, 'cdc.posts'))
{
	push @{ $edits{ $record->{key} } }, $1 // 0
	  if ($record->{value} // '') =~ /"content":"(?:post|edit (\d))"/;
}
is(scalar keys %edits, 500, 'five hundred posts were edited');
is_deeply([ grep { "@{ $edits{$_} }" ne '0 1 2 3 4 5' } sort keys %edits ],
	[], 'each in the order of its edits');

# A second client, byte for byte, with real nulls.
for my $topic (@topics)
{
	my @ours = map { JSON::PP->new->utf8->canonical->encode([ @$_{qw(partition offset key value)} ]) }
	  read_topic($kafka, $topic);
	my @theirs = map {
		my ($partition, $offset, $length, $key, $value) = split /\t/, $_, 5;
		utf8::decode($_) for $key, $value;
		JSON::PP->new->utf8->canonical->encode(
			[ $partition + 0, $offset + 0, $key, $length == -1 ? undef : $value ])
	} kcat($kafka, $topic, "%p\t%o\t%S\t%k\t%s\n");
	is_deeply([ sort @theirs ], [ sort @ours ], "kcat sees the same in $topic, tombstones are null");
}

# Heartbeats: the first comes before the snapshot, the next with the stream.
my @beats = read_topic($kafka, '__debezium-heartbeat.cdc', min_count => 3);
is_deeply([ grep { $_->{key} ne '{"serverName":"cdc"}' } @beats ], [], "heartbeats: the key");
is_deeply([ grep { $_->{value} !~ /\A\{"ts_ms":\d{13}\}\z/ } @beats ], [], 'the value');
is_deeply([ grep { $_->{partition} != 0 } @beats ], [], 'all in partition 0');
my @times = map { $_->{value} =~ /(\d+)/ } @beats;
cmp_ok(abs($times[2] - $times[1] - 10_000), '<', 1000, 'one every ten seconds');

is($relay->term, 0, 'the relay stops in order');
unlike($relay->log_text, qr/very-Secret/, 'the password is not in the log');

done_testing();
