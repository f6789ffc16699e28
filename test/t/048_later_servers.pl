#
# What only later servers have: slots that a standby copies (17), which a relay must
# not run ahead of, slots that are invalidated because nobody reads them (18), and
# generated columns that a publication has, or that are computed when read (18), and a
# list of the plugins that a server loads (minor releases from August 2026 on).
# On older ones that they have it not, and what the relay says of it.
#
use strict;
use warnings;

use Nova;
use E2E;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary', conf => "autovacuum = off\n");
my $kafka = kafka_start();
my $version = int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);
my $slot = 'nova_main';
my %hosts;

sub sql { return $node->safe_psql('postgres', $_[0]) }

my $prefix = topic_prefix();

sub relay
{
	my ($name, %more) = @_;
	return start_relay($name, $node, $kafka, { 'topic.prefix' => $prefix, 'table.include.list' => 'public[.]t', %hosts,
			'nova.position.interval.ms' => 50, 'slot.retry.delay.ms' => 50, 'retriable.restart.connector.wait.ms' => 300, %more });
}

# At least once: a record may repeat.
sub ids
{
	my %seen = map { /"id":(\d+)/ ? ($1 => 1) : () } kcat($kafka, "$prefix.public.t", "%k\n");
	return join ' ', sort { $a <=> $b } keys %seen;
}

sql('CREATE TABLE t (id int PRIMARY KEY); CREATE EXTENSION nova_decoder');

sub without_failover
{
	my $relay = relay('main', 'slot.failover' => 'true');
	$relay->wait_for_line(qr/warn: slot\.failover needs PostgreSQL 17; slot $slot will not be there on a promoted standby/);
	$relay->wait_for_line(qr/streaming from slot $slot/);
	sql('INSERT INTO t VALUES (1)');
	wait_confirmed($node, $slot);
	is(ids(), '1', 'before 17: slot.failover is warned of, and the rest works');
	is($relay->term, 0, 'and it stops');
	return;
}

sub with_failover
{
	my $standby = PostgreSQL::Test::Cluster->new('standby');

	sql(q{SELECT pg_create_physical_replication_slot('standby')});
	$node->backup('base');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', join "\n", q{primary_slot_name = 'standby'}, 'hot_standby_feedback = on',
		'sync_replication_slots = on', sprintf(q{primary_conninfo = 'host=%s port=%d dbname=postgres'}, $node->host, $node->port), '');
	$standby->start;
	sql(q{ALTER SYSTEM SET synchronized_standby_slots = 'standby'});
	$node->reload;
	%hosts = ('database.hostname' => $node->host . ',' . $standby->host, 'database.port' => $node->port . ',' . $standby->port);

	my $relay = relay('main', 'slot.failover' => 'true');
	$relay->wait_for_line(qr/streaming from slot $slot/);
	is(sql("SELECT failover FROM pg_replication_slots WHERE slot_name = '$slot'"), 't', '17: the slot is one for failover');
	sql('INSERT INTO t VALUES (1)');
	wait_confirmed($node, $slot);
	wait_until('the standby has the slot', sub {
		sql('SELECT pg_log_standby_snapshot()');
		return $standby->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots '
			  . "WHERE slot_name = '$slot' AND synced AND NOT temporary AND invalidation_reason IS NULL");
	});

	# What the standby does not have is not delivered.
	$standby->stop;
	my $end = -s $node->logfile;
	sql('INSERT INTO t VALUES (2)');
	$node->wait_for_log(qr/"standby" specified in parameter "synchronized_standby_slots"/, $end);
	is(ids(), '1', 'while the standby is away, nothing that it has not');
	$standby->start;
	wait_confirmed($node, $slot);
	is(ids(), '1 2', 'and all of it when it is back');

	my $old = $node;
	sql('INSERT INTO t SELECT generate_series(3, 50)');
	$node->wait_for_catchup($standby);
	$node->stop;
	$standby->promote;
	$relay->wait_for_line(qr/streaming from slot $slot.*timeline 2/);
	$node = $standby;
	sql('ALTER SYSTEM RESET synchronized_standby_slots');
	$node->reload;
	sql('INSERT INTO t VALUES (51)');
	wait_confirmed($node, $slot);
	is(ids(), join(' ', 1 .. 51), 'promoted with its copy of the slot: nothing is lost');
	is($relay->term, 0, 'and it stops');
	%hosts = ();
	return;
}

sub idle_timeout
{
	my $relay = relay('idle');
	$relay->wait_for_line(qr/streaming from slot nova_idle/);
	is($relay->term, 0, '18: a relay stops, its slot stays');
	sql(q{ALTER SYSTEM SET idle_replication_slot_timeout = '1s'});
	$node->reload;
	# the checkpointer looks
	wait_until('the slot is invalidated', sub {
		sql('CHECKPOINT');
		return sql(q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'nova_idle' AND invalidation_reason = 'idle_timeout'});
	});
	like(sql(q{SELECT finding FROM nova.doctor() WHERE subject = 'slot nova_idle'}), qr/invalidated: idle_timeout/, 'nova.doctor() says why');
	my ($status, $out) = run_relay('check', write_config('idle', $node, $kafka, { 'topic.prefix' => $prefix, 'table.include.list' => 'public[.]t' }));
	like($out, qr/^FAIL  slot: nova_idle is invalidated \(idle_timeout\) and its changes are gone/m, 'so does check');
	relay_fails(relay('idle', 'snapshot.mode' => $_),
		qr/stopping: PostgreSQL: slot "nova_idle": .*its changes are gone.*the server's reason is idle_timeout; to prevent it see idle_replication_slot_timeout/,
		"and the relay, with snapshot.mode=$_") for qw(no_data initial);
	$relay = relay('idle', 'snapshot.mode' => 'when_needed');
	$relay->wait_for_line(qr/warn: slot nova_idle: the slot was invalidated/);
	$relay->wait_for_line(qr/streaming from slot nova_idle/);
	is($relay->term, 0, 'with when_needed it goes on with a new slot');
	return;
}

# The rows of a table as the plugin shows them with that publication.
sub published
{
	my ($profile, $publication) = @_;
	return sql(qq{SELECT string_agg(((data::jsonb -> 'value') - '__op')::text, ' ' ORDER BY n)
		FROM pg_logical_slot_peek_changes('generated', NULL, NULL, 'add.fields', 'op', 'format', 'flat', 'profile', '$profile',
			'publication.names', '$publication') WITH ORDINALITY p (lsn, xid, data, n) WHERE data::jsonb -> 'value' <> 'null'});
}

# Debezium has what pgoutput sends; the nova profile has every stored column of a table without a list.
sub generated_columns
{
	sql(q{CREATE TABLE gen (id int PRIMARY KEY, a int, s int GENERATED ALWAYS AS (a * 2) STORED, v int GENERATED ALWAYS AS (a * 3) VIRTUAL);
		CREATE PUBLICATION p_none FOR TABLE gen;
		CREATE PUBLICATION p_stored FOR TABLE gen WITH (publish_generated_columns = stored);
		CREATE PUBLICATION p_listed FOR TABLE gen (id, s);
		CREATE PUBLICATION p_where FOR TABLE gen WHERE (v > 10) WITH (publish = 'insert');
		CREATE PUBLICATION p_all FOR ALL TABLES WITH (publish_generated_columns = stored)});
	sql(q{SELECT pg_create_logical_replication_slot('generated', 'nova_decoder')});
	sql('INSERT INTO gen (id, a) VALUES (1, 3), (2, 5)');
	my $plain = '{"a": 3, "id": 1} {"a": 5, "id": 2}';
	my $stored = '{"a": 3, "s": 6, "id": 1} {"a": 5, "s": 10, "id": 2}';
	is(published('debezium', 'p_none'), $plain, '18: a publication without generated columns');
	is(published('debezium', $_), $stored, "$_: with stored ones; virtual ones have no value in the log") for qw(p_stored p_all);
	is(published('debezium', 'p_none, p_stored'), $stored, 'the wider of two');
	is(published('nova', 'p_none'), $stored, 'the nova profile has stored ones');
	is(published($_, 'p_listed'), '{"s": 6, "id": 1} {"s": 10, "id": 2}', "$_: a list names one") for qw(nova debezium);
	is(published('debezium', 'p_where'), '{"a": 5, "id": 2}', 'a row filter reads a virtual one');
	sql(q{SELECT pg_drop_replication_slot('generated')});
	return;
}

# A publication of all tables but some: an excepted root stands for its partitions.
sub excepted_tables
{
	sql(q{CREATE TABLE kept (id int PRIMARY KEY);
		CREATE TABLE excepted (id int PRIMARY KEY);
		CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id);
		CREATE TABLE part PARTITION OF root FOR VALUES FROM (0) TO (100);
		CREATE PUBLICATION but FOR ALL TABLES EXCEPT (TABLE excepted, TABLE root);
		CREATE PUBLICATION everything FOR ALL TABLES;
		SELECT pg_create_logical_replication_slot('generated', 'nova_decoder');
		INSERT INTO kept VALUES (1); INSERT INTO excepted VALUES (2); INSERT INTO root VALUES (3)});
	is(published('nova', 'but'), '{"id": 1}', '19: what a publication excepts is not let through');
	is(published('nova', 'everything'), '{"id": 1} {"id": 2} {"id": 3}', 'without that it is');
	sql(q{SELECT pg_drop_replication_slot('generated')});
	return;
}

# The plugin is not in the server's list: no slot is made, and the fix is said.
sub unlisted_plugin
{
	my $listed = 'ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, nova_decoder';
	sql('ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding');
	$node->reload;
	relay_fails(relay('library'),
		qr/stopping: PostgreSQL: .*nova_decoder.*\(SQLSTATE 42501\); run: \Q$listed\E; SELECT pg_reload_conf\(\);/,
		'not in output_plugin_libraries');
	is(sql(q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'nova_library'}), 0, 'and no slot was made');
	# as it is written there
	sql($listed);
	$node->reload;
	my $relay = relay('library');
	$relay->wait_for_line(qr/streaming from slot nova_library/);
	is($relay->term, 0, 'with it in the list the relay runs');
	return;
}

if (sql(q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'}))
{
	unlisted_plugin();
}
else
{
	diag('NOT RUN: this server does not know output_plugin_libraries');
}
$version >= 17 ? with_failover() : without_failover();
if ($version >= 18)
{
	idle_timeout();
	generated_columns();
	excepted_tables() if $version >= 19;
}
else
{
	is(sql(q{SELECT count(*) FROM pg_settings WHERE name = 'idle_replication_slot_timeout'}), 0, 'before 18 no slot ends because nobody reads it');
}

done_testing();
