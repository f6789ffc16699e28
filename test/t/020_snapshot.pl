#
# Rows that exist at the start: what each mode does with them, what the state
# topic remembers, and the one clear line for everything that stands in the way.
#
use strict;
use warnings;

use JSON::PP ();
use Nova;
use E2E;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();

sub sql { return $node->safe_psql('postgres', $_[0]) }

# A start's configuration: a slot and a prefix of its own, and one table.
sub config
{
	my ($prefix, %more) = @_;
	return { 'topic.prefix' => $prefix, 'snapshot.mode' => 'initial',
		'table.include.list' => 'public[.](small|empty|parted.*)', 'slot.retry.delay.ms' => 50,
		'retriable.restart.connector.wait.ms' => 500, %more };
}

# op and id of a topic's records.
sub ops
{
	my ($topic, %params) = @_;
	return join ' ', sort map {
		my $v = JSON::PP::decode_json($_->{value});
		"$v->{__op}$v->{id}"
	} read_topic($kafka, $topic, tombstones => 0, %params);
}

# What is remembered of a slot, or '' .
sub remembered
{
	my ($prefix, $slot) = @_;
	my @records = grep { $_->{key} eq $slot } read_topic($kafka, "__nova-state.$prefix");
	return '' if !@records || !defined $records[-1]{value};
	return JSON::PP::decode_json($records[-1]{value});
}

sub slot_exists
{
	my ($slot) = @_;
	return sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$slot'");
}

sub drop_slot
{
	my ($slot) = @_;
	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_replication_slots WHERE slot_name = '$slot' AND active");
	sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '$slot'");
	return;
}

sql(q{
	CREATE TABLE small (id int PRIMARY KEY, t text);
	INSERT INTO small SELECT g, 'row ' || g FROM generate_series(1, 3) g;
	CREATE TABLE empty (id int PRIMARY KEY);
	CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
	CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
	INSERT INTO parted VALUES (1), (11);
	CREATE TABLE other (id int PRIMARY KEY);
	INSERT INTO other VALUES (1);
});

# Without the extension nothing is begun.
my $prefix = topic_prefix();
my $relay = start_relay('initial', $node, $kafka, config($prefix));
relay_fails($relay, qr/stopping: PostgreSQL: snapshot: .*run CREATE EXTENSION nova_decoder.*snapshot\.mode to no_data/,
	'no extension');
is(slot_exists('nova_initial'), 0, 'no extension: no slot is left');
sql('CREATE EXTENSION nova_decoder');

# initial: the rows, then the changes; the second start has nothing to read.
$relay = start_relay('initial', $node, $kafka, config($prefix));
$relay->wait_for_line(qr/snapshot: 4 of 4 tables, 5 .*rows.*complete.*every record is acknowledged/);
$relay->wait_for_line(qr/streaming from slot nova_initial/);
sql("INSERT INTO small VALUES (4, 'new')");
is(ops("$prefix.public.small", min_count => 4), 'c4 r1 r2 r3', 'initial: rows as r, then changes');
is(ops("$prefix.public.parted_2", min_count => 1), 'r11', 'initial: a partition');
my $state = remembered($prefix, 'nova_initial');
is($state->{phase}, 'done', 'the state topic says that it is complete');
is($state->{system}, sql('SELECT system_identifier FROM pg_control_system()'), 'of this cluster');
like($state->{lsn}, qr{^[0-9A-F]+/[0-9A-F]+$}, 'from this position');
wait_confirmed($node, 'nova_initial');
is($relay->term, 0, 'it stops in order');
sql("INSERT INTO small VALUES (5, 'while away')");
$relay = start_relay('initial', $node, $kafka, config($prefix));
$relay->wait_for_line(qr/streaming from slot nova_initial/);
wait_confirmed($node, 'nova_initial');
is(ops("$prefix.public.small", min_count => 5), 'c4 c5 r1 r2 r3', 'a second start reads no rows again');
is($relay->term, 0, 'and stops');

# Its slot is gone: initial refuses, when_needed reads anew.
drop_slot('nova_initial');
$relay = start_relay('initial', $node, $kafka, config($prefix));
relay_fails($relay, qr/stopping: PostgreSQL: slot "nova_initial": it is gone.*when_needed.*/, 'initial without its slot');
$relay = start_relay('initial', $node, $kafka, config($prefix, 'snapshot.mode' => 'when_needed'));
$relay->wait_for_line(qr/warn: slot nova_initial: the slot is gone.*a new snapshot is needed/);
$relay->wait_for_line(qr/streaming from slot nova_initial/);
is(ops("$prefix.public.small", min_count => 10), 'c4 c5 r1 r1 r2 r2 r3 r3 r4 r5', 'when_needed: read again');
is($relay->term, 0, 'when_needed stops');

# always: beside the slot that is there, which is kept.
sql("INSERT INTO small VALUES (6, 'between')");
$relay = start_relay('initial', $node, $kafka, config($prefix, 'snapshot.mode' => 'always'));
$relay->wait_for_line(qr/streaming from slot nova_initial/);
is(ops("$prefix.public.small", min_count => 17), 'c4 c5 c6 r1 r1 r1 r2 r2 r2 r3 r3 r3 r4 r4 r5 r5 r6',
	'always: all rows again, and the change since the slot\'s position');
is($relay->term, 0, 'always stops');

# A slot somebody made: the hand-over.  No rows, and it is said.
$prefix = topic_prefix();
sql("SELECT pg_create_logical_replication_slot('nova_handover', 'nova_decoder')");
$relay = start_relay('handover', $node, $kafka, config($prefix));
$relay->wait_for_line(qr/info: slot nova_handover: the slot was there before.*not read; to get them, set snapshot\.mode/);
$relay->wait_for_line(qr/streaming from slot nova_handover/);
sql("UPDATE small SET t = 'x' WHERE id = 1");
is(ops("$prefix.public.small", min_count => 1), 'u1', 'a slot made by hand: changes only');
is($relay->term, 0, 'hand-over stops');

# initial_only ends by itself; its slot stays; another start has nothing to do.
$prefix = topic_prefix();
$relay = start_relay('only', $node, $kafka, config($prefix, 'snapshot.mode' => 'initial_only'));
is($relay->wait_exit, 0, 'initial_only ends');
is(slot_exists('nova_only'), 1, 'and keeps its slot');
is(ops("$prefix.public.small"), 'r1 r2 r3 r4 r5 r6', 'and has read the rows');
$relay = start_relay('only', $node, $kafka, config($prefix, 'snapshot.mode' => 'initial_only'));
is($relay->wait_exit, 0, 'initial_only again ends');
like($relay->log_text, qr/nothing is left to do/, 'without reading again');
sql("INSERT INTO small VALUES (7, 'later')");
$relay = start_relay('only', $node, $kafka, config($prefix));
$relay->wait_for_line(qr/streaming from slot nova_only/);
is(ops("$prefix.public.small", min_count => 7), 'c7 r1 r2 r3 r4 r5 r6', 'initial goes on from its slot');
is($relay->term, 0, 'and stops');

# A slot that goes with its relay takes what is remembered along.
$prefix = topic_prefix();
for my $time (1, 2)
{
	$relay = start_relay('gone', $node, $kafka, config($prefix, 'slot.drop.on.stop' => 'true'));
	$relay->wait_for_line(qr/snapshot: 4 of 4 tables.*complete/);
	$relay->wait_for_line(qr/streaming from slot nova_gone/);
	is($relay->term, 0, "slot.drop.on.stop, start $time: a snapshot, and an end");
	is(slot_exists('nova_gone') . remembered($prefix, 'nova_gone'), '0', "slot.drop.on.stop, start $time: nothing is left");
}

# no_data reads nothing and remembers nothing.
$prefix = topic_prefix();
$relay = start_relay('nodata', $node, $kafka, config($prefix, 'snapshot.mode' => 'never'));
$relay->wait_for_line(qr/streaming from slot nova_nodata/);
sql("DELETE FROM small WHERE id = 7");
is(ops("$prefix.public.small", min_count => 1), 'd7', 'no_data: changes only');
is($relay->term, 0, 'no_data stops');

# Which rows: include list and a query of one's own.
$prefix = topic_prefix();
$relay = start_relay('some', $node, $kafka, config($prefix, 'snapshot.mode' => 'initial_only',
	'snapshot.include.collection.list' => 'public[.]small, public[.]parted_1',
	'snapshot.select.statement.overrides' => 'public.small,public.nosuch',
	'snapshot.select.statement.overrides.public.small' => q{SELECT * FROM small WHERE id > 4 AND t <> 'it''s'},
	'snapshot.select.statement.overrides.public.nosuch' => 'SELECT 1'));
is($relay->wait_exit, 0, 'include list and override');
like($relay->log_text, qr/snapshot: 2 of 2 tables, 3/, 'two tables, three rows');
like($relay->log_text, qr/warn: .*overrides\.public\.nosuch: the snapshot reads no table of this name/, 'a misspelt override is said');
is(ops("$prefix.public.small"), 'r5 r6', 'the query in the place of the table');
$relay = start_relay('bad', $node, $kafka, config(topic_prefix(),
	'snapshot.select.statement.overrides' => 'public.small',
	'snapshot.select.statement.overrides.public.small' => 'SELECT nosuch FROM small'));
relay_fails($relay, qr/stopping: PostgreSQL: snapshot of table public\.small: .*overrides.*/, 'a query that fails');
is(slot_exists('nova_bad'), 0, 'a query that fails: its slot is dropped');
like($relay->log_text, qr/dropped slot nova_bad; the next start begins it again/, 'and that is said');

# No tables at all.
$prefix = topic_prefix();
$relay = start_relay('none', $node, $kafka, config($prefix, 'table.include.list' => 'no[.]such'));
$relay->wait_for_line(qr/snapshot: 0 of 0 tables, 0 rows.*complete/);
$relay->wait_for_line(qr/streaming from slot nova_none/);
is($relay->term, 0, 'no tables: nothing to read');

# A role that may not read, or not all rows.
sql(q{
	CREATE ROLE reader LOGIN REPLICATION;
	GRANT USAGE ON SCHEMA public TO reader;
	GRANT SELECT ON empty, parted, parted_1, parted_2 TO reader;
});
my %reader = ('database.user' => 'reader');
$prefix = topic_prefix();
$relay = start_relay('reader', $node, $kafka, config($prefix, %reader));
relay_fails($relay, qr/stopping: PostgreSQL: snapshot: .*GRANT USAGE ON SCHEMA nova TO .*/, 'no USAGE on the schema nova');
sql('GRANT USAGE ON SCHEMA nova TO reader');
$relay = start_relay('reader', $node, $kafka, config($prefix, %reader));
relay_fails($relay, qr/stopping: PostgreSQL: snapshot: role "reader" may not read 1 of .*GRANT SELECT ON "public"\."small" TO "reader".*/, 'no SELECT');
sql('GRANT SELECT ON small TO reader; ALTER TABLE small ENABLE ROW LEVEL SECURITY');
$relay = start_relay('reader', $node, $kafka, config($prefix, %reader));
relay_fails($relay, qr/stopping: PostgreSQL: snapshot: row security would hide rows from role "reader".*"public"\."small".*BYPASSRLS.*/, 'row security');
is(slot_exists('nova_reader'), 0, 'no slot was made for any of them');
sql('ALTER TABLE small DISABLE ROW LEVEL SECURITY');
$relay = start_relay('reader', $node, $kafka, config($prefix, %reader));
$relay->wait_for_line(qr/streaming from slot nova_reader/);
is($relay->term, 0, 'with its grants it may');

# Standard output: this process alone remembers.
$relay = start_relay('stdout', $node, undef, config('cdc'), '--sink', 'stdout');
$relay->wait_for_line(qr/streaming from slot nova_stdout/);
is($relay->term, 0, 'standard output');
is(scalar(() = $relay->stdout =~ /"op":"r"/g), 8, 'standard output: all rows');
$relay = start_relay('stdout', $node, undef, config('cdc'), '--sink', 'stdout');
$relay->wait_for_line(qr/streaming from slot nova_stdout/);
is($relay->term, 0, 'standard output again');
is(scalar(() = $relay->stdout =~ /"op":"r"/g), 8, 'standard output: not a second time');

# The embedded broker forgets; within its life it remembers.
$relay = start_relay('embedded', $node, undef, config('cdc'), '--embedded-broker');
$relay->wait_for_line(qr/streaming from slot nova_embedded/);
wait_streaming($node, 'nova_embedded');
sql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = \'nova_embedded\'');
$relay->wait_for_line(qr/warn: PostgreSQL:/);
$relay->wait_for_line(qr/streaming from slot nova_embedded/);
unlike($relay->log_text, qr/snapshot begins.*snapshot begins/s, 'a lost connection takes no second snapshot');
is($relay->term, 0, 'the embedded broker');

done_testing();
