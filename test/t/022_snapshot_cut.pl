#
# A snapshot that is cut off: by kill -9, by a stop, by a lost connection, by
# the server's restart, by DDL.  None leaves a topic that looks complete and is
# not.  A query that waits at each row makes the snapshot slow enough to be cut.
#
use strict;
use warnings;

use JSON::PP ();
use Nova;
use E2E;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();
my $rows = 2000;

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Tables are read in the order of their names: the slow one first.
sql(qq{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE a_slow (id int PRIMARY KEY, ver int, body text);
	INSERT INTO a_slow SELECT g, 1, repeat('x', 500) FROM generate_series(1, $rows) g;
	CREATE TABLE z_last (id int PRIMARY KEY, ver int, body text);
	INSERT INTO z_last SELECT g, 1, 'z' FROM generate_series(1, 10) g;
});

sub config
{
	my ($prefix, %more) = @_;
	return { 'topic.prefix' => $prefix, 'snapshot.mode' => 'initial', 'table.include.list' => 'public[.].*',
		'slot.retry.delay.ms' => 50, 'retriable.restart.connector.wait.ms' => 500, %more };
}

my %slow = ('snapshot.select.statement.overrides' => 'public.a_slow',
	'snapshot.select.statement.overrides.public.a_slow' =>
	  'SELECT * FROM a_slow WHERE pg_sleep(0.002) IS NOT NULL');

# Starts a slow snapshot and waits until rows of it are in Kafka.
sub start_slow
{
	my ($name, $prefix, %more) = @_;
	my $relay = start_relay($name, $node, $kafka, config($prefix, %slow, %more));
	$relay->wait_for_line(qr/snapshot begins/);
	read_topic($kafka, "$prefix.public.a_slow", min_count => 50);
	unlike($relay->log_text, qr/complete after/, "$name: it is under way");
	return $relay;
}

# The last record of every key against the table.
sub is_whole
{
	my ($prefix, $table, $name) = @_;
	my %last;

	$last{ $_->{key} } = $_->{value} for read_topic($kafka, "$prefix.public.$table");
	my $got = join "\n", sort map {
		my $v = JSON::PP::decode_json($_);
		"$v->{id} $v->{ver}"
	} grep { defined } values %last;
	my $want = join "\n", sort split /\n/, sql("SELECT id || ' ' || ver FROM $table");
	ok($got eq $want, "$name: the topic has what $table has") or diag(scalar(keys %last) . ' keys');
	return;
}

sub slots
{
	my ($slot) = @_;
	return sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$slot'");
}

sub phase
{
	my ($prefix) = @_;
	my @records = read_topic($kafka, "__nova-state.$prefix");
	return JSON::PP::decode_json($records[-1]{value})->{phase};
}

sub finish
{
	my ($relay, $slot, $prefix, $name) = @_;
	$relay->wait_for_line(qr/streaming from slot $slot/);
	wait_confirmed($node, $slot);
	is_whole($prefix, 'a_slow', $name);
	is_whole($prefix, 'z_last', $name);
	is(phase($prefix), 'done', "$name: and the state topic says so");
	is($relay->term, 0, "$name: it stops");
	return;
}

# kill -9: the slot is there and looks like any other; the state topic knows better.
my $prefix = topic_prefix();
my $relay = start_slow('kill', $prefix);
is($relay->kill9, -9, 'kill -9');
is(slots('nova_kill'), 1, 'kill -9: the slot is left');
is(phase($prefix), 'begin', 'kill -9: the state topic says that it was begun');
sql('UPDATE a_slow SET ver = ver + 1 WHERE id % 2 = 0');
$relay = start_relay('kill', $node, $kafka, config($prefix));
$relay->wait_for_line(qr/warn: slot nova_kill: the last snapshot was interrupted.*: its slot is dropped.*rows repeat/);
finish($relay, 'nova_kill', $prefix, 'kill -9');

# A stop in order: no slot is left that would keep WAL for nothing.
$prefix = topic_prefix();
$relay = start_slow('stop', $prefix);
is($relay->term, 0, 'stop: in order');
like($relay->log_text, qr/warn: the snapshot is not complete: dropped slot nova_stop; the next start begins it again/, 'stop: it is said');
is(slots('nova_stop'), 0, 'stop: no slot is left');
$relay = start_relay('stop', $node, $kafka, config($prefix));
$relay->wait_for_line(qr/warn: slot nova_stop: the last snapshot was interrupted/);
finish($relay, 'nova_stop', $prefix, 'stop');

# The same with standard output, where nothing but the slot remembers.
$relay = start_relay('stdout', $node, undef, config('cdc', %slow), '--sink', 'stdout');
$relay->wait_for_line(qr/snapshot begins/);
wait_until('rows come out', sub { sql('SELECT 1') && length($relay->stdout) > 1000 });
is($relay->term, 0, 'standard output, stop: in order');
is(slots('nova_stdout'), 0, 'standard output, stop: no slot is left');

# A reader's connection is lost: again from zero, by itself.
$prefix = topic_prefix();
$relay = start_slow('lost', $prefix);
is(sql("SELECT bool_and(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'COPY%snapshot_frames%' AND pid <> pg_backend_pid()"),
	't', 'lost connection: terminated');
$relay->wait_for_line(qr/warn: PostgreSQL: snapshot of table public\.a_slow: .*attempt \d+, next in/);
$relay->wait_for_line(qr/warn: slot nova_lost: the last snapshot was interrupted/);
finish($relay, 'nova_lost', $prefix, 'lost connection');

# The server goes down and comes back.
$prefix = topic_prefix();
$relay = start_slow('restart', $prefix);
$node->stop('immediate');
$node->start;
$relay->wait_for_line(qr/warn: PostgreSQL: snapshot of table/);
finish($relay, 'nova_restart', $prefix, 'server restart');

# Two relays, one slot: the second waits, and then finds it done.
$prefix = topic_prefix();
$relay = start_slow('two', $prefix);
my $second = start_relay_with('second', write_config('two', $node, $kafka, config($prefix)));
$second->wait_for_line(qr/warn: PostgreSQL: another process takes the snapshot of slot "nova_two"/);
$relay->wait_for_line(qr/complete after/);
$second->wait_for_line(qr/another process uses the slot/);
unlike($second->log_text, qr/snapshot begins/, 'two relays: one snapshot');
is($second->term, 0, 'two relays: the second stops');
finish($relay, 'nova_two', $prefix, 'two relays');

# Heartbeats go on meanwhile.
$prefix = topic_prefix();
$relay = start_slow('beat', $prefix, 'heartbeat.interval.ms' => 200);
$relay->wait_for_line(qr/complete after/);
cmp_ok(scalar(() = read_topic($kafka, "__debezium-heartbeat.$prefix")), '>=', 5, 'heartbeats during the snapshot');
finish($relay, 'nova_beat', $prefix, 'heartbeats');

# A table that is truncated before it is read: only a new snapshot is right.
$prefix = topic_prefix();
$relay = start_slow('truncate', $prefix);
sql("TRUNCATE z_last; INSERT INTO z_last VALUES (1, 7, 'new')");
$relay->wait_for_line(qr/warn: PostgreSQL: snapshot of table public\.z_last: .*rewritten or truncated.*a new snapshot is begun/);
$relay->wait_for_line(qr/streaming from slot nova_truncate/);
wait_confirmed($node, 'nova_truncate');
is_whole($prefix, 'z_last', 'truncate');
is($relay->term, 0, 'truncate: it stops');

# A table that is dropped before it is read is left out.
$prefix = topic_prefix();
$relay = start_slow('drop', $prefix);
sql('DROP TABLE z_last');
$relay->wait_for_line(qr/warn: snapshot: table public\.z_last was dropped meanwhile; its rows are left out/);
$relay->wait_for_line(qr/snapshot: 2 of 2 tables.*complete/);
$relay->wait_for_line(qr/streaming from slot nova_drop/);
is_whole($prefix, 'a_slow', 'drop');
is($relay->term, 0, 'drop: it stops');

done_testing();
