#
# What becomes of a snapshot where something is not as it should be: a standby
# as the source, a snapshot that is too old, tables that are odd or are altered
# meanwhile, a right that is taken away, and ends without warning at moments
# that chance picks.  docs/snapshots.md has the table of outcomes.
#
use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use Nova;
use E2E;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('primary');
my $kafka = kafka_start();
my $dir = PostgreSQL::Test::Utils::tempdir('outcomes');
my $gate = $node->data_dir . '/gate';

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub config
{
	my ($prefix, $tables, %more) = @_;
	return { 'topic.prefix' => $prefix, 'snapshot.mode' => 'initial', 'table.include.list' => "public[.]($tables)",
		'slot.retry.delay.ms' => 50, 'retriable.restart.connector.wait.ms' => 500, %more };
}

sub slots
{
	my ($slot, $where) = @_;
	return ($where // $node)->safe_psql('postgres', "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$slot'");
}

# The values of a topic, without what is added to them.
sub values_of
{
	my ($topic, %params) = @_;
	return map {
		my $v = JSON::PP::decode_json($_->{value});
		my $op = delete $v->{__op};
		delete $v->{__source_ts_ms};
		$op . ' ' . JSON::PP->new->canonical->encode($v)
	} read_topic($kafka, $topic, tombstones => 0, %params);
}

# A snapshot waits at the table a_gate while the gate is shut: its other tables
# are read after it.
my %gated = ('snapshot.select.statement.overrides' => 'public.a_gate',
	'snapshot.select.statement.overrides.public.a_gate' => 'SELECT * FROM public.a_gate WHERE public.gate()');

sub shut { append_to_file($gate, ''); return }
sub open_gate { unlink $gate or die "$gate: $!"; return }

sub wait_at_gate
{
	my ($relay, $table) = @_;
	$relay->wait_for_line(qr/snapshot begins/);
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'COPY%$table%' AND wait_event = 'PgSleep'")
	  or die 'nobody waits at the gate';
	return;
}

sub start_gated
{
	my ($name, $prefix, $tables, %more) = @_;
	shut();
	my $relay = start_relay($name, $node, $kafka, config($prefix, "a_gate|$tables", %gated, %more));
	wait_at_gate($relay, 'a_gate');
	return $relay;
}

sql(q{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE a_gate (id int PRIMARY KEY);
	INSERT INTO a_gate VALUES (1);
	CREATE FUNCTION gate() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN
		WHILE (pg_stat_file('gate', true)).size IS NOT NULL LOOP
			PERFORM pg_sleep(0.02);
		END LOOP;
		RETURN true;
	END$$;
	CREATE TABLE keyless (n int, t text);
	INSERT INTO keyless SELECT g % 3, repeat('k', 400) FROM generate_series(1, 3000) g;
	CREATE TABLE void (id int PRIMARY KEY);
	CREATE TABLE huge (id int PRIMARY KEY, body text);
	INSERT INTO huge VALUES (1, 'small'),
		(2, (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 150000) g)), (3, 'small');
	ANALYZE;
});

# Tables without a key, without rows, and with a row larger than 4 MB.
my $prefix = topic_prefix();
my $limit = 8 * 1024 * 1024;
$kafka->create_topic("$prefix.public.huge", 1, "max.message.bytes=$limit");
$kafka->create_topic("$prefix.public.keyless", 3);
my $relay = start_relay('odd', $node, $kafka, config($prefix, 'keyless|void|huge', 'snapshot.max.threads' => 3,
	'producer.override.max.request.size' => $limit));
$relay->wait_for_line(qr/snapshot: 3 of 3 tables, 3003.*complete/);
$relay->wait_for_line(qr/streaming from slot nova_odd/);
my @keyless = read_topic($kafka, "$prefix.public.keyless");
is(scalar @keyless, 3000, 'no key: every row, once, equal ones too');
is(scalar(grep { defined $_->{key} } @keyless), 0, 'no key: the keys are null');
is_deeply([ python('e2e_values.py', $kafka->bootstrap, "$prefix.public.huge", 'body') ],
	[ split /\n/, sql(q{SELECT format('{"id":%s} %s %s', id, length(body), encode(sha256(convert_to(body, 'UTF8')), 'hex')) FROM huge ORDER BY id}) ],
	'a huge row: byte for byte');
sql('INSERT INTO void VALUES (1)');
is_deeply([ values_of("$prefix.public.void", min_count => 1) ], ['c {"id":1}'], 'an empty table: no r, and then its changes');
is($relay->term, 0, 'odd tables: the relay stops in order');

# A row that is larger than its topic takes.
$prefix = topic_prefix();
$kafka->create_topic("$prefix.public.huge", 1, 'max.message.bytes=100000');
my %huge = ('producer.override.max.request.size' => $limit);
$relay = start_relay('toohuge', $node, $kafka, config($prefix, 'huge', %huge));
relay_fails($relay, qr{stopping: Kafka did not take a record of \d+ bytes for topic \Q$prefix\E\.public\.huge \(from LSN \S+\): .*raise max\.message\.bytes on the topic.*},
	'a row larger than its topic takes');
is(slots('nova_toohuge'), 0, 'a row larger than its topic takes: no slot is left');
like($relay->log_text, qr/warn: the snapshot is not complete: dropped slot nova_toohuge; the next start begins it again from zero, and rows repeat/,
	'a row larger than its topic takes: and what repeats is said');

# Columns that come and go before a table is read: rows are as they are then.
sql(q{
	CREATE TABLE added (id int PRIMARY KEY, old text);
	INSERT INTO added VALUES (1, 'a'), (2, 'b');
	CREATE TABLE removed (id int PRIMARY KEY, secret text, kept text);
	INSERT INTO removed VALUES (1, 's', 'k');
});
$prefix = topic_prefix();
$kafka->create_topic("$prefix.public.added", 1);
$relay = start_gated('columns', $prefix, 'added|removed');
sql(q{
	UPDATE added SET old = 'b2' WHERE id = 2;
	ALTER TABLE added ADD COLUMN new int DEFAULT 7;
	UPDATE added SET old = 'a3' WHERE id = 1;
	ALTER TABLE removed DROP COLUMN secret;
});
open_gate();
$relay->wait_for_line(qr/streaming from slot nova_columns/);
is_deeply([ values_of("$prefix.public.added", min_count => 4) ],
	[ 'r {"id":1,"new":7,"old":"a"}', 'r {"id":2,"new":7,"old":"b"}', 'u {"id":2,"old":"b2"}', 'u {"id":1,"new":7,"old":"a3"}' ],
	'a new column: the rows have it, changes from before it do not');
is_deeply([ values_of("$prefix.public.removed", min_count => 1) ], ['r {"id":1,"kept":"k"}'], 'a dropped column: the rows lack it');
is($relay->term, 0, 'columns: the relay stops in order');

# A table that is rewritten, and one that gets another name.
sql(q{
	CREATE TABLE typed (id int PRIMARY KEY, v int);
	INSERT INTO typed VALUES (1, 10), (2, 20);
	CREATE TABLE before (id int PRIMARY KEY);
	INSERT INTO before VALUES (1);
});
$prefix = topic_prefix();
$relay = start_gated('altered', $prefix, 'typed|before|after');
sql('ALTER TABLE typed ALTER v TYPE text');
open_gate();
$relay->wait_for_line(qr/warn: PostgreSQL: snapshot of table public\.typed: .*rewritten or truncated after this snapshot.*; a new snapshot is begun; attempt/);
$relay->wait_for_line(qr/streaming from slot nova_altered/);
is_deeply([ sort { $a cmp $b } values_of("$prefix.public.typed") ], [ 'r {"id":1,"v":"10"}', 'r {"id":2,"v":"20"}' ], 'another type: the rows have it');
is($relay->term, 0, 'another type: the relay stops in order');

$prefix = topic_prefix();
$relay = start_gated('renamed', $prefix, 'typed|before|after');
sql('ALTER TABLE before RENAME TO after');
open_gate();
$relay->wait_for_line(qr/warn: PostgreSQL: snapshot of table public\.before: table "after" was renamed after this snapshot was taken.*; a new snapshot is begun; attempt/);
$relay->wait_for_line(qr/streaming from slot nova_renamed/);
is_deeply([ values_of("$prefix.public.after") ], ['r {"id":1}'], 'another name: the rows go where its changes will');
is($relay->term, 0, 'another name: the relay stops in order');

# A right that is taken away between the look and the read.
sql(q{
	CREATE ROLE reader LOGIN REPLICATION;
	GRANT USAGE ON SCHEMA public, nova TO reader;
	GRANT SELECT ON a_gate, typed, void TO reader;
});
$prefix = topic_prefix();
$relay = start_gated('revoked', $prefix, 'typed|void', 'database.user' => 'reader');
sql('REVOKE SELECT ON typed FROM reader');
open_gate();
relay_fails($relay, qr/stopping: PostgreSQL: snapshot of table public\.typed: permission denied for table typed \(SQLSTATE 42501\); run: GRANT SELECT ON the table TO <database\.user>.*/,
	'a right taken away');
is(slots('nova_revoked'), 0, 'a right taken away: no slot is left');
sql('GRANT SELECT ON typed TO reader');
$relay = start_relay('revoked', $node, $kafka, config($prefix, 'typed|void', 'database.user' => 'reader'));
$relay->wait_for_line(qr/warn: slot nova_revoked: the last snapshot was interrupted.*rows repeat/);
$relay->wait_for_line(qr/streaming from slot nova_revoked/);
is(scalar(read_topic($kafka, "$prefix.public.typed")), 2, 'a right given back: the next start reads the table');
is($relay->term, 0, 'a right given back: the relay stops in order');

# A slot that waits for open transactions: what it waits for is said.
$prefix = topic_prefix();
sql(q{BEGIN; INSERT INTO void VALUES (2); PREPARE TRANSACTION 'open'});
$relay = start_relay('waits', $node, $kafka, config($prefix, 'typed'));
$relay->wait_for_line(qr/info: slot nova_waits: still being made, which waits for the end of every transaction that has written and is open: see backend_xid in pg_stat_activity, and pg_prepared_xacts/);
sql(q{ROLLBACK PREPARED 'open'});
$relay->wait_for_line(qr/streaming from slot nova_waits/);
is($relay->term, 0, 'open transactions: the relay stops in order');

# A snapshot that is too old, for real.
SKIP:
{
	skip 'no old_snapshot_threshold any more', 4 if $node->pg_version >= 17;
	my $old = new_node('old', conf => "old_snapshot_threshold = 0\nautovacuum = off\n");
	$old->safe_psql('postgres', q{
		CREATE EXTENSION nova_decoder;
		CREATE TABLE a_first (id int PRIMARY KEY, v int);
		INSERT INTO a_first VALUES (1, 1);
		CREATE FUNCTION gate() RETURNS boolean LANGUAGE plpgsql AS $$
		BEGIN
			WHILE (pg_stat_file('gate', true)).size IS NOT NULL LOOP
				PERFORM pg_sleep(0.02);
			END LOOP;
			RETURN true;
		END$$;
		CREATE TABLE late (id int PRIMARY KEY, v int);
		INSERT INTO late SELECT g, 1 FROM generate_series(1, 10) g});
	$prefix = topic_prefix();
	append_to_file($old->data_dir . '/gate', '');
	$relay = start_relay('old', $old, $kafka, config($prefix, 'a_first|late',
		'snapshot.select.statement.overrides' => 'public.a_first',
		'snapshot.select.statement.overrides.public.a_first' => 'SELECT * FROM public.a_first WHERE public.gate()'));
	$relay->wait_for_line(qr/snapshot begins/);
	$old->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'COPY%a_first%' AND wait_event = 'PgSleep'});
	# Even a threshold of 0 spares the last five seconds.
	$old->safe_psql('postgres', 'UPDATE late SET v = v + 1') for 1, 2;
	$old->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'COPY%a_first%' AND xact_start < now() - interval '5500 ms'});
	$old->safe_psql('postgres', 'SELECT txid_current()');
	$old->safe_psql('postgres', 'VACUUM late');
	unlink $old->data_dir . '/gate';
	$relay->wait_for_line(qr/warn: PostgreSQL: snapshot of table public\.late: snapshot too old \(SQLSTATE 72000\); a new snapshot is begun; if this happens again, raise old_snapshot_threshold.*attempt/);
	$relay->wait_for_line(qr/warn: slot nova_old: the last snapshot was interrupted.*rows repeat/);
	$relay->wait_for_line(qr/streaming from slot nova_old/);
	my %last = map { /"id":(\d+)/ ? ($1 => $_) : () } values_of("$prefix.public.late");
	is(scalar(grep { /"v":3/ } values %last), 10, 'snapshot too old: all rows come, with a snapshot that is not');
	is($relay->term, 0, 'snapshot too old: the relay stops in order');
	$old->stop;
}

###############################################################################
# A standby as the source.
###############################################################################

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = 0\n");
$standby->start;
sql(q{CREATE TABLE conflict (id int PRIMARY KEY); INSERT INTO conflict SELECT generate_series(1, 1000)});
$node->wait_for_catchup($standby);

# The functions read there as they do on the primary.
for my $table (split /\n/, sql('SELECT relation FROM nova.snapshot_tables()'))
{
	my $query = qq{SELECT md5(string_agg(f, '')) FROM nova.snapshot_frames('$table', '{topic.prefix=cdc,format=envelope}',
		at => '2024-02-29 12:00Z', lsn => '0/1234', txid => 77, last_mark => 'last') f};
	my $there = $standby->safe_psql('postgres', $query);
	like($there, qr/^[0-9a-f]{32}$/, "standby: frames of $table");
	is($there, sql($query), "standby: the same bytes of $table");
}
is($standby->safe_psql('postgres', 'SELECT * FROM nova.snapshot_tables()'), sql('SELECT * FROM nova.snapshot_tables()'),
	'standby: the same tables');
is($standby->safe_psql('postgres', q{SELECT nova.snapshot_last_key('huge')}), '{3}', 'standby: the last key');
for my $call (q{nova.signal('log', '{"message":"m"}')}, q{nova.watermark('w')}, q{nova.publish('t', 'k', 'v'::text)})
{
	my ($name) = $call =~ /^([a-z.]+)/;
	my (undef, undef, $stderr) = $standby->psql('postgres', "SELECT $call");
	like($stderr, qr/ERROR:  cannot execute .*\Q$name\E\(\).* during recovery/, "standby: no $name()");
}

# A read that stands in the way of the primary's changes ends with an error, and
# not with what looks like all of the table.
shut();
my ($out, $err) = ('', '');
my $reader = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $standby->connstr('postgres'), '-c',
		q{SELECT count(*) FROM nova.snapshot_frames('conflict', '{}', query => 'SELECT * FROM conflict WHERE gate()')} ],
	'>', \$out, '2>', \$err, IPC::Run::timeout(Nova::patience()));
append_to_file($standby->data_dir . '/gate', '');
$standby->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%conflict%gate()%' AND wait_event = 'PgSleep'});
sql('DELETE FROM conflict WHERE id > 1');
sql('VACUUM conflict');
$reader->finish;
unlink $gate, $standby->data_dir . '/gate';
is($out, '', 'recovery conflict: nothing comes that looks whole');
like($err, qr/conflict with recovery/, 'recovery conflict: an error');

# The relay, where that happens to it: a function that fails as the server does.
sql(q{
	CREATE TABLE trap (id int);
	INSERT INTO trap VALUES (1);
	CREATE FUNCTION trap() RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		IF EXISTS (SELECT FROM trap) THEN
			RAISE 'canceling statement due to conflict with recovery' USING ERRCODE = '40001';
		END IF;
		RETURN true;
	END$$});
$prefix = topic_prefix();
$relay = start_relay('conflict', $node, $kafka, config($prefix, 'typed',
	'snapshot.select.statement.overrides' => 'public.typed',
	'snapshot.select.statement.overrides.public.typed' => 'SELECT * FROM public.typed WHERE public.trap()'));
$relay->wait_for_line(qr/warn: PostgreSQL: snapshot of table public\.typed: canceling .* conflict with recovery \(SQLSTATE 40001\); a new snapshot is begun; if this happens again, set hot_standby_feedback = on on this standby.*attempt/);
sql('DELETE FROM trap');
$relay->wait_for_line(qr/streaming from slot nova_conflict/);
is(scalar(read_topic($kafka, "$prefix.public.typed")), 2, 'recovery conflict: another snapshot has the rows');
is($relay->term, 0, 'recovery conflict: the relay stops in order');

# Before version 16 a standby cannot decode: that is said at once.
$prefix = topic_prefix();
my $path = write_config('standby', $standby, $kafka, config($prefix, 'typed'));
my $where = quotemeta($standby->host . ':' . $standby->port) . ' is a standby \(in recovery\)';
my ($status, $checked) = run_relay('check', $path);
if ($standby->pg_version < 16)
{
	is($status, 1, 'standby before 16, check: exit 1');
	like($checked, qr/^FAIL  standby: $where, and version \S+ (?:\(.*\) )?cannot decode changes there, only 16 and later can  → point database\.hostname at the primary$/m,
		'standby before 16, check: a line with the fix');
	unlike($checked, qr/will be created/, 'standby before 16, check: and nothing that promises a slot');
	for my $mode ('initial', 'always', 'no_data')
	{
		$relay = start_relay('standby', $standby, $kafka, config($prefix, 'typed', 'snapshot.mode' => $mode));
		relay_fails($relay, qr/stopping: PostgreSQL: $where, and version .* cannot decode changes there, only 16 and later can: point database\.hostname at the primary/,
			"standby before 16, $mode");
	}
	is(slots('nova_standby', $standby), 0, 'standby before 16: no slot');
	my (undef, @topics) = Nova::capture('kcat', '-L', '-b', $kafka->bootstrap);
	is(scalar(grep { /\Q$prefix\E/ } @topics), 0, 'standby before 16: no topic was made');
}
else
{
	is($status, 0, 'standby, check: exit 0') or diag($checked);
	like($checked, qr/^ok    standby: $where; making the slot waits for .* SELECT pg_log_standby_snapshot\(\)/m, 'standby, check: what it waits for');
	$relay = start_relay('standby', $standby, $kafka, config($prefix, 'typed', 'slot.failover' => 'true'));
	$relay->wait_for_line(qr/info: slot nova_standby: still being made, for this server is a standby .* SELECT pg_log_standby_snapshot\(\)/);
	sql('SELECT pg_log_standby_snapshot()');
	$relay->wait_for_line(qr/warn: slot\.failover has no effect on a standby/);
	$relay->wait_for_line(qr/streaming from slot nova_standby .* \(a standby\)/);
	sql(q{INSERT INTO typed VALUES (3, '30')});
	is_deeply([ sort { $a cmp $b } values_of("$prefix.public.typed", min_count => 3) ],
		[ 'c {"id":3,"v":"30"}', 'r {"id":1,"v":"10"}', 'r {"id":2,"v":"20"}' ], 'standby: rows, then changes');
	is($relay->term, 0, 'standby: the relay stops in order');
	$relay = start_relay('standby', $standby, $kafka, config($prefix, 'typed', 'snapshot.mode' => 'always'));
	$relay->wait_for_line(qr/streaming from slot nova_standby/);
	is(scalar(read_topic($kafka, "$prefix.public.typed", min_count => 6)), 6, 'standby: and beside the slot');
	is($relay->term, 0, 'standby: the relay stops again');
}
$standby->stop('immediate');

# From 16 on it waits for its primary: the line that says so, with a server that
# never answers.
my $queries = "$dir/standby.log";
my ($in, $port) = ('', '');
my $server = IPC::Run::start([ '/usr/bin/python3', 'test/lib/e2e_fake_server.py', 'standby', $queries ],
	'<', \$in, '>', \$port, IPC::Run::timeout(Nova::patience()));
$server->pump until $port =~ /^(\d+)\n/;
$relay = start_relay('fake', $node, $kafka, config($prefix, 'typed', 'snapshot.mode' => 'no_data', 'slot.failover' => 'true',
	'database.hostname' => '127.0.0.1', 'database.port' => $1, 'database.dbname' => 'fake'));
$relay->wait_for_line(qr/info: slot nova_fake: still being made, for this server is a standby and waits for its primary to log which transactions run: run there SELECT pg_log_standby_snapshot\(\)/);
is(slurp_file($queries), qq(CREATE_REPLICATION_SLOT "nova_fake" LOGICAL nova_decoder NOEXPORT_SNAPSHOT\n), 'a standby of 16: it is asked for a slot, without failover');
is($relay->term, 0, 'a standby of 16: the relay can be stopped while it waits');
$server->finish;

###############################################################################
# Ends without warning, of the relay and of the server, while writers write.
###############################################################################

my $seed = $ENV{NOVA_SEED} // int(time() * 1000) % 1_000_000_000;
srand($seed);
note("seed: NOVA_SEED=$seed");
load_setup($node, identity => 'FULL');
sql(q{
	CREATE FUNCTION ledger.slow() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.005); RETURN true; END$$;
	INSERT INTO load.users SELECT k, 0, true, 0.5, repeat('u', 100) FROM generate_series(3, 6000, 3) k;
	INSERT INTO load.posts SELECT 'a"b', k, 0, true, 0.5, repeat('p', 100) FROM generate_series(1, 6000, 3) k;
	INSERT INTO load.events SELECT md5(k::text)::uuid, 0, true, 0.5, repeat('e', 100) FROM generate_series(2, 6000, 3) k;
	VACUUM ANALYZE;
});

my %load = (clients => 2, transactions => 1_000_000, ops => 5, keys => 6000, width => 50);
$prefix = topic_prefix();
load_topics($kafka, $prefix);
my %slow = ('snapshot.select.statement.overrides' => 'load.users',
	'snapshot.select.statement.overrides.load.users' => 'SELECT * FROM load.users WHERE ledger.slow()');
my $writers = load_start($node, %load);
my ($crashes, $cut) = (0, 0);
my ($name, $slot) = ('random', 'nova_random');

# A relay that its server leaves goes on by itself: it lives until it is killed.
$relay = undef;
for my $round (1 .. 8)
{
	my $begun = $round <= 2 || rand() < 0.5;
	my $wait = rand($begun ? 0.7 : 1.5);
	my $server_dies = $round == 2 || ($round != 1 && rand() < 0.4);

	$relay //= start_relay($name, $node, $kafka, load_config($prefix, 'snapshot.mode' => 'initial', 'snapshot.max.threads' => 2, %slow));
	$relay->wait_for_line(qr/snapshot begins/) if $begun;
	ok(outlives($relay, $wait), sprintf('round %d: the relay is there %.3f s after %s', $round, $wait, $begun ? 'it began to read' : 'the round before'));
	if ($server_dies)
	{
		$crashes++;
		$node->stop('immediate');
		$node->start;
		load_wait($writers, 1);
		$writers = load_start($node, %load);
		next;
	}
	unlike($relay->log_text, qr/streaming from slot/, "round $round: it is not done yet");
	is($relay->kill9, -9, "round $round: kill -9");
	$cut += () = $relay->log_text =~ /the last snapshot was interrupted/g;
	$relay = undef;
}
$relay->kill9 if $relay;
# The last one is held at the gate, so that we can look at what it sees.
shut();
$relay = start_relay($name, $node, $kafka, load_config($prefix, 'snapshot.mode' => 'initial', 'snapshot.max.threads' => 2,
	'snapshot.select.statement.overrides' => 'load.users',
	'snapshot.select.statement.overrides.load.users' => 'SELECT * FROM load.users WHERE public.gate()'));
$relay->wait_for_line(qr/warn: slot $slot: the last snapshot was interrupted.*rows repeat/);
wait_at_gate($relay, 'load.users');
my @snapshots = map { m{([^/]+)$} } glob $node->data_dir . '/pg_snapshots/*';
is(scalar @snapshots, 1, 'ends without warning: one exported snapshot');
my $gone = load_gone($node, $snapshots[0]);
open_gate();
$relay->wait_for_line(qr/snapshot: 3 of 3 tables.*complete/);
$relay->wait_for_line(qr/streaming from slot $slot/);
my ($before) = load_changes($node);
wait_until('the writers go on', sub { (load_changes($node))[0] > $before + 500 });
ok(load_running($writers), 'ends without warning: there was load to the end');
load_wait($writers, 1);
wait_confirmed($node, $slot);
my $report = load_verify($node, $kafka, $prefix, 'ends without warning', snapshots => $gone);
note("$crashes crashes of the server, $cut snapshots begun again before the last; $report->{reads} rows, $report->{records} records");
cmp_ok($cut, '>', 0, 'ends without warning: snapshots were cut off');
cmp_ok($report->{reads}, '>', 6000 * 0.9, 'ends without warning: the rows came as r');
is($relay->term, 0, 'ends without warning: the relay stops in order');

done_testing();
