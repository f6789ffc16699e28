#
# Records that Kafka refuses, records that are too large, changes that cannot be
# decoded: nova.on.bad.record says what becomes of them.  Whatever it is, nothing
# else is lost and every key keeps its order.
#
use strict;
use warnings;

use E2E;
use JSON::PP ();
use Nova;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();
my $prefix = topic_prefix();
my $dlq = "$prefix.dead";

make_fragile($node);
$node->safe_psql('postgres', q{
	CREATE EXTENSION nova_decoder;
	CREATE FUNCTION fine() RETURNS fragile LANGUAGE sql AS $$ SELECT oid::text::fragile FROM pg_enum WHERE enumlabel = 'fine' $$;
	CREATE TABLE narrow (id int PRIMARY KEY, n int, v text);
	CREATE TABLE wide (id int PRIMARY KEY, v text);
	ALTER TABLE narrow ALTER v SET STORAGE EXTERNAL;
	ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
});
# Batches no larger than what the narrow topic takes: a record that is, is alone.
$kafka->create_topic("$prefix.public.narrow", 1, 'max.message.bytes=4000');
$kafka->create_topic("$prefix.public.wide", 1);
$kafka->create_topic("$prefix.public.brittle", 1);
$kafka->create_topic("$prefix.compact", 1, 'cleanup.policy=compact');
$kafka->create_topic($dlq, 1);
$kafka->create_topic("$prefix.mid", 1, 'max.message.bytes=5500');
$kafka->create_topic("$prefix.tiny", 1, 'max.message.bytes=1500');

sub run_with
{
	my ($name, %more) = @_;
	return start_relay($name, $node, $kafka,
		{
			'topic.prefix' => $prefix,
			'nova.dlq.topic' => $dlq,
			'retriable.restart.connector.wait.ms' => 100,
			'producer.override.batch.size' => 3000,
			'kafka.topic.metadata.propagation.max.ms' => 500,
			%more
		});
}

# Returns the position behind it.
sub change
{
	$node->safe_psql('postgres', $_[0]);
	return $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
}

sub not_confirmed
{
	my ($lsn, $name) = @_;
	return is($node->safe_psql('postgres', "SELECT confirmed_flush_lsn < '$lsn' FROM pg_replication_slots WHERE slot_name = 'nova_main'"),
		't', $name);
}

# "key n" of each record, or "key tombstone".
sub shown
{
	my ($topic, $column) = @_;
	return map { defined $_->{value} ? JSON::PP::decode_json($_->{key})->{id} . ' ' . JSON::PP::decode_json($_->{value})->{$column}
		: JSON::PP::decode_json($_->{key})->{id} . ' tombstone' } read_topic($kafka, $topic);
}

sub letters
{
	my ($topic) = @_;
	return map { my %h = map { @$_ } @{ $_->{headers} }; +{ %$_, h => \%h } } read_topic($kafka, $topic);
}

# fail: what is before is confirmed, nothing behind
my $relay = run_with('main');
$relay->wait_for_line(qr/streaming from slot/);
change(q{INSERT INTO narrow VALUES (1, 1, 'x')});
wait_confirmed($node, 'nova_main');
my $behind = change(q{INSERT INTO narrow VALUES (2, 1, repeat('y', 9000))});
relay_fails($relay,
	qr/stopping: Kafka did not take a record of 9\d\d\d bytes for topic \Q$prefix\E\.public\.narrow .*Message size too large.*not confirmed.*/,
	'fail');
not_confirmed($behind, 'fail: nothing of it is confirmed');

# dlq: too large for its topic, for the producer, in parts; a record without a key in a compacted topic
change(q{
	BEGIN;
	INSERT INTO narrow VALUES (3, 1, 'x');
	UPDATE narrow SET n = 2, v = 'small' WHERE id = 2;
	UPDATE narrow SET n = 3, v = repeat('z', 5000) WHERE id = 2;
	UPDATE narrow SET n = 4, v = 'small' WHERE id = 2;
	COMMIT;
	INSERT INTO wide VALUES (1, 'first'), (2, repeat('w', 150000)), (3, repeat(E'\u00e9', 2000000)), (4, 'last');
	SELECT nova.publish('TOPIC', NULL, 'value', '{"h": "1"}');
	INSERT INTO wide VALUES (5, 'behind');
} =~ s/TOPIC/$prefix.compact/r);
$relay = run_with('main', 'nova.on.bad.record' => 'dlq', 'producer.override.max.request.size' => 100000);
wait_confirmed($node, 'nova_main');
is_deeply([ shown("$prefix.public.narrow", 'n') ], [ '1 1', '3 1', '2 2', '2 4' ],
	'dlq: the records around it are there, in order');
is_deeply([ map { s/ .*//r } shown("$prefix.public.wide", 'v') ], [ 1, 4, 5 ], 'dlq: of the other topic, too');
my %letters = map { ("$_->{h}{'__nova.topic'} " . ($_->{key} // '-') => $_) } letters($dlq);
is_deeply([ sort keys %letters ],
	[ sort(("$prefix.public.narrow {\"id\":2}"), (map { "$prefix.public.wide {\"id\":$_}" } 2, 3), "$prefix.compact -") ],
	'dlq: a letter for each of the others, with the key of each');
my @narrow = grep { $_->{h}{'__nova.topic'} =~ /narrow/ } letters($dlq);
is_deeply([ map { JSON::PP::decode_json($_->{value})->{n} } @narrow ], [ 1, 3 ], 'dlq: the whole values, in order');
is(join(' ', map { $narrow[0]{h}{"__nova.$_"} } qw(value key reason)), 'whole whole Broker: Message size too large', 'dlq: what it says');
like($narrow[0]{h}{'__nova.lsn'}, qr{^[0-9A-F]+/[0-9A-F]+$}, 'dlq: the position');
my $parts = $letters{"$prefix.public.wide {\"id\":3}"};
my $pointer = JSON::PP->new->decode($parts->{value});
is("$parts->{h}{'__nova.value'} $parts->{h}{'__nova.value.bytes'} $pointer->{value_bytes}",
	"pointer $pointer->{value_bytes} $pointer->{value_bytes}", 'dlq: of a value in parts a pointer');
cmp_ok($pointer->{value_bytes}, '>', 4000000, 'dlq: that says how much it was');
like($pointer->{value_begins}, qr/^\{"id":3,"v":"\x{e9}{2000,}$/, 'dlq: how it began');
is("$pointer->{topic} $pointer->{key} $pointer->{table}", "$prefix.public.wide {\"id\":3} public.wide", 'dlq: and what it is of');
my $message = $letters{"$prefix.compact -"};
is("$message->{value} $message->{h}{h}", 'value 1', 'dlq: value and headers of the record without a key');
$relay->wait_for_line(qr/it goes to the dead-letter topic \Q$dlq\E, as nova.on.bad.record says/);
is($relay->term, 0, 'dlq: it stops in order');
like($relay->log_text, qr/stopped: (\d+) records acknowledged of \1 sent.* 5 dead letters, 0 skipped/, 'dlq: the sum');
cmp_ok(() = $relay->log_text =~ /as nova.on.bad.record says/g, '<=', 2, 'dlq: not a line for each');

# a topic of dead letters that takes only pointers, then one that takes nothing
change(q{INSERT INTO narrow VALUES (10, 1, repeat('a', 6000)), (11, 1, 'good')});
$relay = run_with('main', 'nova.on.bad.record' => 'dlq', 'nova.dlq.topic' => "$prefix.mid");
wait_confirmed($node, 'nova_main');
is($relay->term, 0, 'dlq: too small a topic');
is_deeply([ map { "$_->{key} $_->{h}{'__nova.value'}" } letters("$prefix.mid") ], ['{"id":10} pointer'],
	'dlq: of what is too large for it, a pointer');
$behind = change(q{INSERT INTO narrow VALUES (12, 1, repeat('b', 6000)), (13, 1, 'good')});
$relay = run_with('main', 'nova.on.bad.record' => 'dlq', 'nova.dlq.topic' => "$prefix.tiny");
relay_fails($relay, qr/stopping: a record of 6\d\d\d bytes for topic .*narrow .*and the dead-letter topic \Q$prefix\E\.tiny does not take it either: .*too large.*/,
	'dlq: a topic that refuses');
not_confirmed($behind, 'dlq: and nothing of it is confirmed');

# skip, of the same
$relay = run_with('main', 'nova.on.bad.record' => 'skip');
wait_confirmed($node, 'nova_main');
$relay->wait_for_line(qr/a record of 6\d\d\d bytes .* cannot be delivered: .*; skipped, as nova.on.bad.record says/);
is($relay->term, 0, 'skip: it goes on');
like($relay->log_text, qr/ 0 dead letters, 1 skipped records/, 'skip: and counts');
is((shown("$prefix.public.narrow", 'n'))[-1], '13 1', 'skip: what is behind is there');

# many of them, with batches behind them on their way: each key keeps its order
change(q{
	INSERT INTO narrow SELECT id, 0, 'x' FROM generate_series(100, 104) id;
	DO $$ BEGIN
		FOR i IN 1..300 LOOP
			UPDATE narrow SET n = i, v = CASE WHEN i % 9 = 0 THEN repeat('q', 6000) ELSE repeat('x', 300) END WHERE id = 100 + i % 5;
		END LOOP;
	END $$;
});
$relay = run_with('main', 'nova.on.bad.record' => 'dlq');
wait_confirmed($node, 'nova_main');
is($relay->term, 0, 'dlq: many');
my (%seen, %expected);
push @{ $seen{ $_->[0] } }, $_->[1] for grep { $_->[0] >= 100 && $_->[1] > 0 } map { [split] } shown("$prefix.public.narrow", 'n');
push @{ $expected{ 100 + $_ % 5 } }, $_ for grep { $_ % 9 } 1 .. 300;
is_deeply(\%seen, \%expected, 'dlq: every other change of each key once, in order');
is_deeply([ map { JSON::PP::decode_json($_->{value})->{n} } grep { $_->{key} && $_->{key} =~ /"id":10[0-4]\}/ } letters($dlq) ],
	[ grep { $_ % 9 == 0 } 1 .. 300 ], 'dlq: a letter for each of them, in order');

# a change that cannot be decoded
change(q{
	BEGIN;
	INSERT INTO brittle VALUES (1, fine());
	INSERT INTO brittle VALUES (2, '0');
	INSERT INTO wide VALUES (6, 'in between');
	INSERT INTO brittle VALUES (3, fine());
	COMMIT;
});
$relay = run_with('main');
my $lsn = relay_fails($relay,
	qr{stopping: PostgreSQL: the change at LSN ([0-9A-F]+/[0-9A-F]+) cannot be decoded, 3 times in a row: invalid internal value for enum: 0 .*nova\.on\.bad\.record to dlq or skip.*},
	'an error in the plugin, fail');
$relay = run_with('main', 'nova.on.bad.record' => 'dlq');
wait_confirmed($node, 'nova_main');
is_deeply([ shown("$prefix.public.brittle", 'v') ], [ '1 fine', '3 fine' ], 'dlq: the changes around it are there');
my ($letter) = grep { $_->{h}{'__nova.table'} eq 'public.brittle' } letters($dlq);
is("$letter->{h}{'__nova.lsn'} $letter->{h}{'__nova.topic'} $letter->{h}{'__nova.value'}",
	"$lsn $prefix.public.brittle pointer", 'dlq: a letter names position and topic');
like($letter->{h}{'__nova.xid'}, qr/^\d+$/, 'dlq: and transaction');
like(JSON::PP::decode_json($letter->{value})->{reason}, qr/^invalid internal value for enum: 0 \(SQLSTATE 22P03\)$/, 'dlq: and reason');
# again, without a restart; then in a stream that was restarted
change(q{INSERT INTO brittle VALUES (4, '0'); INSERT INTO brittle VALUES (5, fine())});
wait_confirmed($node, 'nova_main');
is((shown("$prefix.public.brittle", 'v'))[-1], '5 fine', 'dlq: one more is passed');
$relay->kill9;
$relay = run_with('main', 'nova.on.bad.record' => 'skip');
change(q{INSERT INTO brittle VALUES (6, '0'); INSERT INTO brittle VALUES (7, fine())});
wait_confirmed($node, 'nova_main');
is($relay->term, 0, 'skip: a change that cannot be decoded');
like($relay->log_text, qr/the change at LSN \S+ of table public\.brittle cannot be decoded: invalid .*; skipped/, 'skip: it is said');
like($relay->log_text, qr/ 0 dead letters, 1 skipped records/, 'skip: and counted');
is_deeply([ map { s/ .*//r } shown("$prefix.public.brittle", 'v') ], [ 1, 3, 5, 7 ], 'nothing else is lost');

# all of it by the direct road, which is not to blame: it is not left for the walsender
my %direct = ('nova.stream.mode' => 'direct');
change(q{
	INSERT INTO narrow VALUES (20, 1, 'x'), (21, 1, repeat('d', 6000)), (22, 1, 'x');
	INSERT INTO brittle VALUES (20, fine()), (21, '0'), (22, fine());
	INSERT INTO narrow VALUES (23, 1, 'x'); INSERT INTO brittle VALUES (23, '0'), (24, fine());
});
$relay = run_with('main', %direct, 'nova.on.bad.record' => 'dlq');
wait_confirmed($node, 'nova_main');
is($relay->term, 0, 'direct, dlq: it stops in order');
cmp_ok(() = $relay->log_text =~ /streaming from slot .* by the direct road/g, '>=', 4, 'direct, dlq: again and again by the direct road');
unlike($relay->log_text, qr/by the replication road|the direct road (does not last|cannot be taken)/, 'direct, dlq: and by no other');
is_deeply([ map { $_ => [ grep { /^2\d / } shown("$prefix.public.$_", $_ eq 'narrow' ? 'n' : 'v') ] } qw(narrow brittle) ],
	[ narrow => [ '20 1', '22 1', '23 1' ], brittle => [ '20 fine', '22 fine', '24 fine' ] ], 'direct, dlq: the others are there, in order');
my @direct = (letters($dlq))[ -3 .. -1 ];
is_deeply([ sort map { join ' ', @{ $_->{h} }{qw(__nova.topic __nova.value)} } @direct ],
	[ ("$prefix.public.brittle pointer") x 2, "$prefix.public.narrow whole" ], 'direct, dlq: a letter for each of the bad ones');
$behind = change(q{INSERT INTO brittle VALUES (30, '0'), (31, fine())});
$relay = run_with('main', %direct);
relay_fails($relay, qr{stopping: PostgreSQL: the change at LSN \S+ cannot be decoded, 3 times in a row: invalid internal value for enum: 0 .*}, 'direct, fail');
not_confirmed($behind, 'direct, fail: nothing of it is confirmed');
$relay = run_with('main', %direct, 'nova.on.bad.record' => 'skip');
wait_confirmed($node, 'nova_main');
is($relay->term, 0, 'direct, skip: it goes on');
is((shown("$prefix.public.brittle", 'v'))[-1], '31 fine', 'direct, skip: what is behind is there');

# standard output instead of Kafka
my $out = start_relay('out', $node, undef,
	{ 'nova.on.bad.record' => 'dlq', 'topic.prefix' => 'cdc', 'retriable.restart.connector.wait.ms' => 100 }, '--sink', 'stdout');
$out->wait_for_line(qr/streaming from slot/);
change(q{INSERT INTO brittle VALUES (8, '0'); INSERT INTO brittle VALUES (9, fine())});
wait_confirmed($node, 'nova_out');
is($out->term, 0, 'stdout: a change that cannot be decoded');
like($out->stdout, qr/\A\{"topic":"cdc\.dlq",.*"reason":"invalid internal value.*"__nova\.table":"public\.brittle".*\n\{"topic":"cdc\.public\.brittle",.*"id":9.*\n\z/,
	'stdout: is a line of its own');

done_testing();
