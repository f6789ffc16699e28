#
# A change of roads while something else goes on: Kafka is away and changes go to
# the spool, an incremental snapshot runs, somebody pauses the connector, a standby
# is promoted, delivery is exactly once, an old transaction is open, the relay stops and
# drops its slot.  Each change is there, in order, and none
# twice where nothing was killed.
#
use strict;
use warnings;

use HTTP::Tiny;
use IPC::Run ();
use JSON::PP ();
use Nova;
use E2E;
use PostgreSQL::Test::Utils;
use Roads;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('primary', conf => 'full_page_writes = off');
my $kafka = kafka_start(own => 1);
my ($broker) = slurp_file("$kafka->{state}/1/pid") =~ /(\d+)/;
my $http = HTTP::Tiny->new(timeout => 20);

sub sql { return $node->safe_psql('postgres', join ' ', @_) }
sub kafka_leaves { return kill 'STOP', $broker }
sub kafka_returns { return kill 'CONT', $broker }

END { my $status = $?; kafka_returns() if $broker; $? = $status; }

sub start
{
	my ($name, $prefix, $mode, %more) = @_;
	my $relay = start_relay($name, $node, $kafka, load_config($prefix, road_config($mode, 'listeners' => 'http://127.0.0.1:0', %more)));

	$relay->{url} = url_of($relay);
	return $relay;
}

# How often it has changed its road, as the metrics say.
sub changes { return metric($_[0]{url}, 'nova_stream_road_changes_total') =~ / (\d+)/ ? $1 : 'unknown' }

# Topics of their own, so that each part is proven by itself.
sub prefix_with_topics
{
	my $prefix = topic_prefix();
	load_topics($kafka, $prefix);
	return $prefix;
}

# The load begins from nothing, as the topics do.
sub begin_load { return sql('TRUNCATE load.users, load.posts, load.events, ledger.keys, ledger.deletes') }

load_setup($node, identity => 'FULL');
sql('CREATE EXTENSION nova_decoder');
restart_points($node);

###############################################################################
# The spool, with auto: Kafka leaves before the change is made
###############################################################################

my $prefix = prefix_with_topics();
my $spool = PostgreSQL::Test::Utils::tempdir('spool') . '/spool';
my %spool = ('nova.spool.dir' => $spool, 'nova.spool.after.ms' => 500, 'nova.spool.max.mb' => 100, 'status.update.interval.ms' => 500);

sub spools
{
	my ($relay, $name) = @_;
	like($relay->wait_for_line(qr/Kafka has acknowledged nothing for/), qr/are kept in the spool/, "$name: to the spool");
	return;
}

my $relay = start('spool', $prefix, 'auto', %spool);
takes_road($relay, 'replication', 'there is little to catch up with', 'spool: by the walsender at first');
backlog_of($node, 0.1);
wait_confirmed($node, 'nova_spool');
kafka_leaves();
fall_behind($relay, $node, 20);
changes_road($relay, 'direct', 'there is a backlog', 'spool: a backlog, and Kafka does not acknowledge');
spools($relay, 'spool');
takes_road($relay, 'direct', 'there is a backlog', 'spool: it is filled by the direct road');
wait_confirmed($node, 'nova_spool');
is(metric($relay->{url}, 'nova_spooling'), ' 1', 'spool: all is confirmed, and Kafka has not got it');
is(metric($relay->{url}, 'nova_stream_road'), 'road="direct",reason="backlog" 1', 'spool: it is not left for the walsender although it has caught up');
my $load = load_start($node, clients => 1, transactions => 1_000_000, rate => 200, ops => 10, width => 100);
kafka_returns();
$relay->wait_for_line(qr/the spool is delivered: \d+ records/);
changes_road($relay, 'replication', 'it has caught up', 'spool: delivered, it changes');
takes_road($relay, 'replication', 'it has caught up', 'spool: back to the walsender');
load_wait($load, 1);
wait_confirmed($node, 'nova_spool');
is(changes($relay), 2, 'spool: two changes of road');
is($relay->term, 0, 'spool: it stops in order');
load_verify($node, $kafka, $prefix, 'spool', exact => 1);

# And killed while it fills it, once for each way of asking for the direct road.
for my $mode ('direct', 'auto')
{
	my $why = $mode eq 'auto' ? 'there is a backlog' : 'as nova\.stream\.mode says';

	backlog_of($node, 10);
	$relay = start('spool', $prefix, $mode, %spool);
	takes_road($relay, 'direct', $why, "spool, $mode, killed: the direct road");
	wait_confirmed($node, 'nova_spool');
	kafka_leaves();
	backlog_of($node, 10);
	spools($relay, "spool, $mode, killed");
	wait_confirmed($node, 'nova_spool');
	$relay->kill9;
	backlog_of($node, 10);
	$relay = start('spool', $prefix, $mode, %spool);
	$relay->wait_for_line(qr/spool \S+: \d+ bytes from before, up to LSN \S+, are confirmed/);
	takes_road($relay, 'direct', $why, "spool, $mode, killed: the direct road goes on where the spool ends");
	kafka_returns();
	$relay->wait_for_line(qr/the spool is empty: Kafka has everything/);
	if ($mode eq 'auto')
	{
		takes_road($relay, 'replication', 'it has caught up', "spool, $mode, killed: back to the walsender");
	}
	wait_confirmed($node, 'nova_spool');
	is($relay->term, 0, "spool, $mode, killed: it stops in order");
	load_verify($node, $kafka, $prefix, "spool, $mode, killed");
}
sql(q{SELECT pg_drop_replication_slot('nova_spool')});

###############################################################################
# Paused and resumed over REST
###############################################################################

sub put { return $http->put("$_[0]{url}/connectors/$_[1]/$_[2]")->{status} }

begin_load();
$prefix = prefix_with_topics();
$relay = start('paused', $prefix, 'auto');
takes_road($relay, 'replication', 'there is little', 'paused: by the walsender');

# Paused, it is in no hurry; resumed, it goes there for what has come meanwhile.
is(put($relay, 'paused', 'pause'), 202, 'paused: asked for');
$relay->wait_for_line(qr/paused, as asked/);
backlog_of($node, 20);
is(changes($relay), 0, 'paused: with a backlog it stays where it is');
is(put($relay, 'paused', 'resume'), 202, 'resumed: asked for');
$relay->wait_for_line(qr/going on, as asked/);
changes_road($relay, 'direct', 'there is a backlog', 'resumed: it changes');
takes_road($relay, 'direct', 'there is a backlog', 'resumed: the direct road');
changes_road($relay, 'replication', 'it has caught up', 'resumed, caught up: it changes');
takes_road($relay, 'replication', 'it has caught up', 'resumed, caught up: the walsender');
my $left = time();

# Paused in the midst of a change, which waits for Kafka.
kafka_leaves();
fall_behind($relay, $node, 20, $left);
changes_road($relay, 'direct', 'there is a backlog', 'paused within a change: it was to change');
is(put($relay, 'paused', 'pause'), 202, 'paused within a change: asked for');
like($relay->wait_for_line(qr/paused, as asked/), qr/ [1-9]\d* records are still to be acknowledged/, 'paused within a change: Kafka has still to acknowledge');
kafka_returns();
wait_until('nothing is in flight', sub { metric($relay->{url}, 'nova_lag_records') eq ' 0' });
is(changes($relay), 2, 'paused within a change: it was not made');
is(put($relay, 'paused', 'resume'), 202, 'resumed after that: asked for');
takes_road($relay, 'direct', 'there is a backlog', 'resumed after that: it is made');
is(put($relay, 'paused', 'pause'), 202, 'paused for the third time: asked for');
$relay->wait_for_line(qr/paused, as asked/);
is(put($relay, 'paused', 'resume'), 202, 'resumed: asked for');
$relay->wait_for_line(qr/going on, as asked/);
wait_confirmed($node, 'nova_paused');
takes_road($relay, 'replication', 'it has caught up', 'resumed on the direct road: back to the walsender');
is(changes($relay), 4, 'paused: four changes');
is($relay->term, 0, 'paused: it stops in order');
load_verify($node, $kafka, $prefix, 'paused', exact => 1);

# The direct road alone.
$relay = start('paused', $prefix, 'direct');
takes_road($relay, 'direct', 'as nova\.stream\.mode says', 'paused, direct: the direct road');
put($relay, 'paused', 'pause');
$relay->wait_for_line(qr/paused, as asked/);
backlog_of($node, 3);
put($relay, 'paused', 'resume');
$relay->wait_for_line(qr/going on, as asked/);
wait_confirmed($node, 'nova_paused');
is($relay->term, 0, 'paused, direct: it stops in order');
load_verify($node, $kafka, $prefix, 'paused, direct', exact => 1);
sql(q{SELECT pg_drop_replication_slot('nova_paused')});

###############################################################################
# An incremental snapshot
###############################################################################

my $rows = 20000;

sql(qq{
	CREATE SCHEMA items;
	CREATE TABLE items.t (id int PRIMARY KEY, ver int NOT NULL);
	INSERT INTO items.t SELECT i, 1 FROM generate_series(1, $rows) i;
	CREATE FUNCTION items.touch() RETURNS void LANGUAGE sql AS
	'UPDATE items.t SET ver = ver + 1 WHERE id % 100 = (random() * 99)::int; UPDATE items.t SET ver = ver + 1 WHERE id = 1'});

# The last record of each key is the row, and none is older than the one before it.
sub snapshot_verify
{
	my ($prefix, $name) = @_;
	my (%ver, $back, $read);

	$back = $read = 0;
	for my $record (kcat($kafka, "$prefix.items.t"))
	{
		my ($id, $ver, $op) = $record =~ /"id":(\d+),"ver":(\d+),"__op":"(\w)"/ or die "a record: $record\n";
		$back++ if $ver < ($ver{$id} // 0);
		$read++ if $op eq 'r';
		$ver{$id} = $ver;
	}
	is($back, 0, "$name: no record is older than the one before it");
	is(join(' ', map { "$_|$ver{$_}" } sort { $a <=> $b } keys %ver), join(' ', split /\n/, sql('SELECT id, ver FROM items.t ORDER BY id')),
		"$name: what came last of each key is the row");
	return $read;
}

$prefix = topic_prefix();
$kafka->create_topic("$prefix.items.t", 1);
$relay = start('items', $prefix, 'auto', 'table.include.list' => 'items[.].*', 'incremental.snapshot.chunk.size' => 10);
takes_road($relay, 'replication', 'there is little', 'snapshot: by the walsender');
sql(q{SELECT nova.signal('execute-snapshot', '{"data-collections": ["items[.]t"]}', 'all')});
$relay->wait_for_line(qr/incremental snapshot "all" begins: 1 table/);
sql('SELECT items.touch()') for 1 .. 5;
# the load is not captured here: WAL that is read for nothing
fall_behind($relay, $node, 20);
changes_road($relay, 'direct', 'there is a backlog', 'snapshot: a backlog while it runs');
takes_road($relay, 'direct', 'there is a backlog', 'snapshot: the direct road');
sql('SELECT items.touch()') for 1 .. 5;
changes_road($relay, 'replication', 'it has caught up', 'snapshot: caught up while it runs');
takes_road($relay, 'replication', 'it has caught up', 'snapshot: the walsender');
sql('SELECT items.touch()') for 1 .. 5;
$relay->wait_for_line(qr/incremental snapshot "all" is complete/);
wait_confirmed($node, 'nova_items');
is(changes($relay), 2, 'snapshot: two changes of road while it ran');
is($relay->term, 0, 'snapshot: it stops in order');
cmp_ok(snapshot_verify($prefix, 'snapshot'), '>', $rows / 2, 'snapshot: rows as r');

# Begun, and ended, on the direct road alone.
$relay = start('items', $prefix, 'direct', 'table.include.list' => 'items[.].*', 'incremental.snapshot.chunk.size' => 1000);
takes_road($relay, 'direct', 'as nova\.stream\.mode says', 'snapshot, direct: the direct road');
sql(q{SELECT nova.signal('execute-snapshot', '{"data-collections": ["items[.]t"]}', 'more')});
sql('SELECT items.touch()') for 1 .. 5;
$relay->wait_for_line(qr/incremental snapshot "more" is complete/);
wait_confirmed($node, 'nova_items');
is($relay->term, 0, 'snapshot, direct: it stops in order');
cmp_ok(snapshot_verify($prefix, 'snapshot, direct'), '>', $rows * 1.5, 'snapshot, direct: rows as r once more');
sql(q{SELECT pg_drop_replication_slot('nova_items')});

###############################################################################
# Exactly once
###############################################################################

begin_load();
$prefix = prefix_with_topics();
sql(q{SELECT pg_create_logical_replication_slot('nova_once', 'nova_decoder')});
my %once = ('exactly.once.support' => 'required', 'transaction.boundary.interval.ms' => 20,
	'producer.override.transaction.timeout.ms' => 20000, 'nova.takeover.grace.ms' => 0);
backlog_of($node, 12);
$load = load_start($node, clients => 2, transactions => 1_000_000, rate => 200, ops => 10, width => 100);
$relay = start('once', $prefix, 'auto', %once);
takes_road($relay, 'direct', 'there is a backlog', 'exactly once: a backlog at the start');
changes_road($relay, 'replication', 'it has caught up', 'exactly once: it changes');
takes_road($relay, 'replication', 'it has caught up', 'exactly once: the walsender');
$left = time();
fall_behind($relay, $node, 20, $left);
changes_road($relay, 'direct', 'there is a backlog', 'exactly once: a backlog while it streams');
takes_road($relay, 'direct', 'there is a backlog', 'exactly once: the direct road');
takes_road($relay, 'replication', 'it has caught up', 'exactly once: and back');
is(changes($relay), 3, 'exactly once: three changes of road');

# Killed when it changes: there, and on the way back, for it begins there again.
sub killed_at_change
{
	my ($road) = @_;
	$relay->wait_for_line(qr/changing to the $road road/);
	$relay->kill9;
	$relay = start('once', $prefix, 'auto', %once);
	$relay->wait_for_line(qr/streaming from slot/);
	pass("exactly once: killed when it changed to the $road road");
	return;
}

fall_behind($relay, $node, 20, time());
killed_at_change('direct');
killed_at_change('replication');
load_wait($load, 1);
wait_confirmed($node, 'nova_once');
is($relay->term, 0, 'exactly once: it stops in order');
load_verify($node, $kafka, $prefix, 'exactly once', exact => 1);
sql(q{SELECT pg_drop_replication_slot('nova_once')});

###############################################################################
# An old transaction is open: every new stream reads again what was written since it began.
# Prepared, it outlives the session.
###############################################################################

sub old_transaction
{
	my ($id) = @_;
	sql("BEGIN; INSERT INTO load.old VALUES ($id); PREPARE TRANSACTION 'old'");
	return;
}

# Megabytes of WAL: of which nothing is captured, or all.
sub noise
{
	my ($table, $mb) = @_;
	sql("DO \$\$ BEGIN FOR n IN 1 .. $mb LOOP INSERT INTO $table (v) SELECT repeat(md5(i::text), 128) FROM generate_series(1, 256) i; COMMIT; END LOOP; END \$\$");
	return;
}

# What was written is behind it.
sub goes_by
{
	my ($relay, $road, $count, $name) = @_;
	wait_confirmed($node, 'nova_old');
	like(metric($relay->{url}, 'nova_stream_road'), qr/road="$road"/, "$name: the $road road");
	is(changes($relay), $count, "$name: changes of road");
	return;
}

begin_load();
$prefix = prefix_with_topics();
$kafka->create_topic("$prefix.load.$_", 1) for qw(old bulk);
sql(q{CREATE TABLE load.old (id int PRIMARY KEY);
	CREATE TABLE noise (v text); ALTER TABLE noise ALTER v SET STORAGE EXTERNAL;
	CREATE TABLE load.bulk (id serial PRIMARY KEY, v text); ALTER TABLE load.bulk ALTER v SET STORAGE EXTERNAL});
sql(q{SELECT pg_create_logical_replication_slot('nova_old', 'nova_decoder')});
old_transaction(1);
noise('noise', 80);
backlog_of($node, 16);
$relay = start('old', $prefix, 'auto');
takes_road($relay, 'direct', 'there is a backlog', 'an open transaction: a backlog at the start');
wait_until('it has caught up', sub { metric($relay->{url}, 'nova_stream_road') eq 'road="direct",reason="reread" 1' });
pass('an open transaction: caught up, the direct road is kept');
for my $time (1 .. 3)
{
	fall_behind($relay, $node, 12);
	goes_by($relay, 'direct', 0, "an open transaction, a backlog, time $time");
}
sql(q{COMMIT PREPARED 'old'});
changes_road($relay, 'replication', 'it has caught up', 'it has ended: it changes');
takes_road($relay, 'replication', 'it has caught up', 'it has ended: the walsender');
$left = time();

# A walsender's stream is not left for a backlog that is less than what would be read again,
# nor does one that is begun anew take that for a backlog.
old_transaction(2);
noise('noise', 24);
wait_confirmed($node, 'nova_old');
wait_until('a direct stream may be begun again', sub { time() > $left + 10 });
fall_behind($relay, $node, 12);
goes_by($relay, 'replication', 1, 'an open transaction, and the walsender');
sql(q{SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'nova_old'});
takes_road($relay, 'replication', 'there is little', 'an open transaction, a new stream of the walsender');
fall_behind($relay, $node, 12);
goes_by($relay, 'replication', 1, 'an open transaction, a new stream of the walsender');

# For more than that it is, once.
$relay->signal('STOP');
noise('load.bulk', 80);
$relay->signal('CONT');
changes_road($relay, 'direct', 'there is a backlog', 'an open transaction, a larger backlog: it changes');
takes_road($relay, 'direct', 'there is a backlog', 'an open transaction, a larger backlog: the direct road');
fall_behind($relay, $node, 12);
goes_by($relay, 'direct', 2, 'an open transaction, a larger backlog');
sql(q{COMMIT PREPARED 'old'});
changes_road($relay, 'replication', 'it has caught up', 'the second one has ended: it changes');
takes_road($relay, 'replication', 'it has caught up', 'the second one has ended: the walsender');
goes_by($relay, 'replication', 3, 'the second one has ended');
is($relay->term, 0, 'an open transaction: it stops in order');
load_verify($node, $kafka, $prefix, 'an open transaction', exact => 1);
is_deeply([ kcat($kafka, "$prefix.load.old", "%k\n") ], [ '{"id":1}', '{"id":2}' ], 'an open transaction: its own row came once');
sql(q{SELECT pg_drop_replication_slot('nova_old')});

###############################################################################
# slot.drop.on.stop, while there is no stream: it is on its way from one road to the other
###############################################################################

# Until it is let go, nobody reads this catalog; it begins once somebody waits for that.
sub hold_up
{
	my ($catalog) = @_;
	my ($in, $out) = ("BEGIN; LOCK TABLE $catalog IN ACCESS EXCLUSIVE MODE;\n\\echo locked\n", '');
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ],
		'<', \$in, '>', \$out, IPC::Run::timeout(60));

	$psql->pump until $out =~ /locked/;
	return { psql => $psql, in => \$in, out => \$out, catalog => $catalog };
}

# The relay's connection waits for it.
sub is_held_up
{
	my ($held) = @_;

	${ $held->{in} } .= "DO \$\$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
	  . "WHERE NOT l.granted AND l.relation = '$held->{catalog}'::regclass AND a.application_name = 'gone') "
	  . "LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END \$\$;\n\\echo waits\n";
	$held->{psql}->pump until ${ $held->{out} } =~ /waits/;
	return;
}

sub let_go
{
	my ($held) = @_;
	${ $held->{in} } .= "COMMIT;\n\\q\n";
	$held->{psql}->finish;
	return;
}

sub stops_without_slot
{
	my ($relay, $held, $name) = @_;

	$relay->signal('TERM');
	$relay->wait_for_line(qr/stop requested/);
	let_go($held);
	is($relay->wait_exit, 0, "$name: it stops in order");
	like($relay->log_text, qr/dropped slot nova_gone, as slot\.drop\.on\.stop says/, "$name: it says so");
	is(sql(q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'nova_gone'}), 0, "$name: the slot is dropped");
	return;
}

my %drop = ('slot.drop.on.stop' => 'true');
$relay = start('gone', $prefix, 'auto', %drop);
takes_road($relay, 'replication', 'there is little', 'stopped within a change: by the walsender');
my $held = hold_up('pg_catalog.pg_extension');
fall_behind($relay, $node, 20);
changes_road($relay, 'direct', 'there is a backlog', 'stopped within a change: it changes');
is_held_up($held);
stops_without_slot($relay, $held, 'stopped within a change');

# The connection for the CALL, the first one: it is made when Kafka is back, which is waited
# for exactly once.
sql(q{SELECT pg_create_logical_replication_slot('nova_gone', 'nova_decoder')});
kafka_leaves();
$relay = start('gone', $prefix, 'direct', %drop, %once);
wait_until('it waits for Kafka', sub { metric($relay->{url}, 'nova_state') =~ /state="CLAIM"/ });
$held = hold_up('pg_catalog.pg_proc');
kafka_returns();
is_held_up($held);
stops_without_slot($relay, $held, 'stopped before the CALL is answered');

###############################################################################
# Another server: a standby is promoted, with its slots, which are behind: exactly once what the
# old one had delivered does not come again
###############################################################################

begin_load();
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
my %moves = (auto => prefix_with_topics(), direct => prefix_with_topics());
my %delivery = (auto => {}, direct => \%once);
my %relays = map { $_ => start($_, $moves{$_}, $_, %{ $delivery{$_} }) } keys %moves;
$relays{$_}->wait_for_line(qr/streaming from slot/) for keys %moves;
backlog_of($node, 0.1);
sql('CHECKPOINT');
wait_confirmed($node, "nova_$_") for keys %moves;
is($relays{$_}->term, 0, "$_: a relay for one host stops") for sort keys %moves;
$standby->start;
$node->wait_for_catchup($standby);
$standby->stop;
# versions before 17 copy no slots, so we do
Nova::capture('cp', '-r', $node->data_dir . "/pg_replslot/nova_$_", $standby->data_dir . '/pg_replslot/') for keys %moves;
$standby->start;
my %hosts = ('database.hostname' => $standby->host . ',' . $node->host, 'database.port' => $standby->port . ',' . $node->port);
%relays = map { $_ => start($_, $moves{$_}, $_, %{ $delivery{$_} }, %hosts) } keys %moves;
takes_road($relays{direct}, 'direct', 'as nova\.stream\.mode says', 'two hosts, direct: the direct road');
takes_road($relays{auto}, 'replication', 'there is little', 'two hosts, auto: the walsender');
backlog_of($node, 1);
wait_confirmed($node, "nova_$_") for keys %moves;
$node->wait_for_catchup($standby);
$relays{auto}->signal('STOP');
$node->stop('fast');
$standby->promote;
$node = $standby;
restart_points($node);
takes_road($relays{direct}, 'direct', 'as nova\.stream\.mode says', 'promoted, direct: by the direct road of the other server');
fall_behind($relays{auto}, $node, 20);
takes_road($relays{auto}, 'direct', 'there is a backlog', 'promoted, auto: a backlog there');
changes_road($relays{auto}, 'replication', 'it has caught up', 'promoted, auto: it changes');
takes_road($relays{auto}, 'replication', 'it has caught up', 'promoted, auto: the walsender there');
wait_confirmed($node, "nova_$_") for keys %moves;
for my $mode (sort keys %moves)
{
	like($relays{$mode}->log_text, qr/streaming from slot nova_$mode .*timeline 2/, "promoted, $mode: on the new timeline");
	is($relays{$mode}->term, 0, "promoted, $mode: it stops in order");
	load_verify($node, $kafka, $moves{$mode}, "promoted, $mode", exact => $mode eq 'direct');
}

done_testing();
