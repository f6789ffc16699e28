#
# How a snapshot begins and ends beside others: with a publication in the
# configuration, with a second relay that decided before the first one was done,
# with a slot that takes its time.  And a partition that its topic lacks.
#
use strict;
use warnings;

use JSON::PP ();
use Nova;
use E2E;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary', conf => "max_prepared_transactions = 2\n");
my $kafka = kafka_start();

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub config
{
	my ($prefix, %more) = @_;
	return { 'topic.prefix' => $prefix, 'snapshot.mode' => 'initial',
		'table.include.list' => 'public[.](small|hidden)', 'slot.retry.delay.ms' => 50,
		'retriable.restart.connector.wait.ms' => 500, %more };
}

sub phase
{
	my ($prefix) = @_;
	my @records = read_topic($kafka, "__nova-state.$prefix");
	return JSON::PP::decode_json($records[-1]{value})->{phase};
}

# A schema without the functions: an extension that is too old.
sql('CREATE SCHEMA nova');
relay_fails(start_relay('old', $node, $kafka, config(topic_prefix())),
	qr/stopping: PostgreSQL: snapshot: .*ALTER EXTENSION nova_decoder UPDATE.*/, 'an older extension');
sql('DROP SCHEMA nova');

sql(q{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE small (id int PRIMARY KEY);
	INSERT INTO small VALUES (1), (2), (3);
	CREATE TABLE hidden (id int PRIMARY KEY);
	INSERT INTO hidden VALUES (1);
	CREATE TABLE outbox (id int PRIMARY KEY, aggregatetype text, aggregateid text, payload jsonb, part int);
});

# A publication that does not exist decides nothing, for rows as for changes.
my $prefix = topic_prefix();
my $relay = start_relay('nopub', $node, $kafka, config($prefix, 'publication.name' => 'pub'));
$relay->wait_for_line(qr/warn: publication pub does not exist; nova needs none/);
$relay->wait_for_line(qr/streaming from slot nova_nopub/);
like($relay->log_text, qr/snapshot: 2 of 2 tables, 4.*complete/, 'no publication: the lists decide what is read');
unlike($relay->log_text, qr/at this point of the WAL/, 'no publication: the plugin is not asked for one');
is(scalar(read_topic($kafka, "$prefix.public.hidden")), 1, 'no publication: every table');
is($relay->term, 0, 'no publication: it stops');

# One that exists decides which tables are read; its WHERE is for changes, as in Debezium.
sql('CREATE PUBLICATION pub FOR TABLE small WHERE (id > 1)');
$prefix = topic_prefix();
$relay = start_relay('pub', $node, $kafka, config($prefix, 'publication.name' => 'pub'));
$relay->wait_for_line(qr/streaming from slot nova_pub/);
like($relay->log_text, qr/snapshot: 1 of 1 tables, 3.*complete/, 'publication: its tables');
is($relay->term, 0, 'publication: it stops');

# The second relay sees no slot, waits, and comes when the first one is done.
$prefix = topic_prefix();
my $second = start_relay('late', $node, $kafka, config($prefix, 'snapshot.delay.ms' => 4000));
wait_until('the second relay has looked', sub {
	sql(q{SELECT count(*) FROM pg_stat_replication WHERE application_name = 'late'}) > 0;
});
wait_until('and decided', sub { $second->log_text =~ /made the topic __nova-state/ && outlives($second, 0.5) });
$relay = start_relay_with('early', write_config('late', $node, $kafka, config($prefix)));
$relay->wait_for_line(qr/streaming from slot nova_late/);
$second->wait_for_line(qr/another process uses the slot/);
unlike($second->log_text, qr/snapshot begins|already exists/, 'a late second relay: one snapshot');
is(phase($prefix), 'done', 'a late second relay: what is remembered stays');
is($second->term, 0, 'a late second relay stops');
is($relay->term, 0, 'so does the first');

# While the slot is made, the connection that waits for it is lost.
$prefix = topic_prefix();
sql(q{BEGIN; INSERT INTO hidden VALUES (2); PREPARE TRANSACTION 'open'});
$relay = start_relay('waits', $node, $kafka, config($prefix, 'table.include.list' => 'public[.]small'));
$node->poll_query_until('postgres',
	q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT "nova_waits"%'});
is(sql(q{SELECT bool_and(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%nova.snapshot_tables%' AND pid <> pg_backend_pid()}),
	't', 'idle connection: terminated');
my $before = cpu_ticks($relay->pid);
ok(outlives($relay, 2), 'idle connection: the relay goes on waiting');
cmp_ok(cpu_ticks($relay->pid) - $before, '<', 20, 'idle connection: and does not spin meanwhile');
sql(q{ROLLBACK PREPARED 'open'});
$relay->wait_for_line(qr/warn: slot nova_waits: the last snapshot was interrupted/);
$relay->wait_for_line(qr/streaming from slot nova_waits/);
is(scalar(read_topic($kafka, "$prefix.public.small")), 3, 'idle connection: then all rows come');
is($relay->term, 0, 'idle connection: it stops');

# slot.drop.on.stop during a snapshot: the slot goes with it, and all is well.
$prefix = topic_prefix();
$relay = start_relay('stops', $node, $kafka, config($prefix, 'slot.drop.on.stop' => 'true',
	'snapshot.select.statement.overrides' => 'public.small',
	'snapshot.select.statement.overrides.public.small' => 'SELECT * FROM small WHERE pg_sleep(100) IS NOT NULL'));
$relay->wait_for_line(qr/snapshot begins/);
is($relay->term, 0, 'slot.drop.on.stop during a snapshot: in order');
unlike($relay->log_text, qr/could not be dropped/, 'slot.drop.on.stop during a snapshot: and it says so');
is(sql(q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'nova_stops'}), 0, 'the slot is gone');

# The topic is not known yet when the record comes that asks for a partition.
$prefix = topic_prefix();
$kafka->create_topic("$prefix.orders", 2);
my %outbox = ((map { ($_ => undef) } 'transforms.unwrap.type', 'transforms.unwrap.drop.tombstones',
		'transforms.unwrap.add.fields'), 'snapshot.mode' => 'never', 'table.include.list' => 'public[.]outbox', 'transforms' => 'outbox',
	'transforms.outbox.type' => 'io.debezium.transforms.outbox.EventRouter',
	'transforms.outbox.route.topic.replacement' => "$prefix.\${routedByValue}",
	'transforms.outbox.table.fields.additional.placement' => 'part:partition');
$relay = start_relay('parts', $node, $kafka, config($prefix, %outbox));
$relay->wait_for_line(qr/streaming from slot nova_parts/);
sql(q{INSERT INTO outbox VALUES (1, 'orders', 'a', '{"n":1}', 77), (2, 'orders', 'b', '{"n":2}', 1)});
is(scalar(read_topic($kafka, "$prefix.orders", min_count => 2)), 2, 'a partition that the topic lacks: the key decides');
like($relay->log_text, qr/warn: topic \S+orders has no partition 77/, 'and that is said');
wait_confirmed($node, 'nova_parts');
is($relay->term, 0, 'and the stream goes on');

done_testing();
