#
# Slots that are not as the relay left them: dropped, made anew, of another plugin
# or cluster, short of WAL, invalidated; and a standby that is promoted with its
# slot and without.  It says so, and never goes on with a silent gap.
#
use strict;
use warnings;

use JSON::PP ();
use Nova;
use E2E;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary', conf => "max_slot_wal_keep_size = 96MB\nautovacuum = off\n");
my $kafka = kafka_start();

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub config
{
	my ($prefix, %more) = @_;
	return { 'topic.prefix' => $prefix, 'table.include.list' => 'public[.]t', 'slot.retry.delay.ms' => 50,
		'retriable.restart.connector.wait.ms' => 300, 'nova.position.interval.ms' => 50, %more };
}

sub ids
{
	my ($prefix, $count) = @_;
	my %seen = map { JSON::PP::decode_json($_->{key})->{id} => 1 }
	  read_topic($kafka, "$prefix.public.t", min_count => $count);
	return join ' ', sort { $a <=> $b } keys %seen;
}

# What "nova-relay check" has to say that matches.
sub checks
{
	my ($name, $at, $prefix, $regex, $what) = @_;
	my ($status, $out) = run_relay('check', write_config($name, $at, $kafka, config($prefix)));

	like($out, $regex, "check: $what");
	is($status, $out =~ /^FAIL/m ? 1 : 0, "check: $what: exit status");
	return;
}

# Streams one row and stops, so that a position is remembered.
sub run_once
{
	my ($name, $prefix, $id) = @_;
	my $relay = start_relay($name, $node, $kafka, config($prefix));

	$relay->wait_for_line(qr/streaming from slot nova_$name/);
	sql("INSERT INTO t VALUES ($id)");
	wait_confirmed($node, "nova_$name");
	is($relay->term, 0, "$name: stops in order");
	return;
}

sql(q{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE t (id int PRIMARY KEY);
	CREATE TABLE noise (id int)});

# Dropped while nobody looks: without a snapshot it is not made anew in silence.
my $lsn = qr{[0-9A-F]+/[0-9A-F]+};
my $prefix = topic_prefix();
run_once('dropped', $prefix, 1);
checks('dropped', $node, $prefix, qr/^ok    position: everything up to LSN $lsn, timeline 1, is delivered/m, 'a position');
sql(q{SELECT pg_drop_replication_slot('nova_dropped'); INSERT INTO t VALUES (2)});
checks('dropped', $node, $prefix, qr/^FAIL  position: everything up to LSN $lsn.*is not on this server/m, 'dropped');
relay_fails(start_relay('dropped', $node, $kafka, config($prefix)),
	qr/stopping: PostgreSQL: slot "nova_dropped": it is gone: .*when_needed.*; everything up to LSN $lsn, timeline 1, is delivered, .*/,
	'dropped');
is(sql(q{SELECT count(*) FROM pg_replication_slots}), 0, 'dropped: no slot is made');

# Made anew by somebody: what is between is named.
sql(q{SELECT pg_create_logical_replication_slot('nova_dropped', 'nova_decoder')});
checks('dropped', $node, $prefix, qr/^FAIL  position: .* but the slot begins at $lsn/m, 'made anew');
relay_fails(start_relay('dropped', $node, $kafka, config($prefix)),
	qr{stopping: PostgreSQL: slot "nova_dropped": everything up to LSN $lsn is delivered, but the slot begins at $lsn: .*when_needed.*},
	'made anew, no_data');
relay_fails(start_relay('dropped', $node, $kafka, config($prefix, 'snapshot.mode' => 'initial')),
	qr{stopping: PostgreSQL: slot "nova_dropped": .*when_needed.*everything up to LSN $lsn is delivered, but the slot begins at $lsn: .*},
	'made anew, initial');
my $relay = start_relay('dropped', $node, $kafka, config($prefix, 'snapshot.mode' => 'when_needed'));
$relay->wait_for_line(qr/warn: slot nova_dropped: it is dropped and made anew, with a new snapshot.*begins at $lsn/);
$relay->wait_for_line(qr/streaming from slot nova_dropped/);
is(ids($prefix, 3), '1 2', 'made anew, when_needed: the row in the gap comes with the snapshot');
is($relay->term, 0, 'made anew, when_needed: stops');

# Dropped under a relay that runs, and a slot of another plugin in its place.
$prefix = topic_prefix();
$relay = start_relay('under', $node, $kafka, config($prefix, 'slot.retry.delay.ms' => 4000, 'retriable.restart.connector.wait.ms' => 4000));
$relay->wait_for_line(qr/streaming from slot nova_under/);
sql('INSERT INTO t VALUES (3)');
wait_confirmed($node, 'nova_under');
sql(q{SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'nova_under'});
$node->poll_query_until('postgres', q{SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'nova_under'});
sql(q{SELECT pg_drop_replication_slot('nova_under'), pg_create_logical_replication_slot('nova_under', 'test_decoding')});
relay_fails($relay, qr/stopping: PostgreSQL: slot "nova_under" was made for the plugin test_decoding; .*/, 'of another plugin, while it runs');
checks('under', $node, $prefix, qr/^FAIL  slot: nova_under was made for the plugin test_decoding/m, 'of another plugin');

# Short of WAL: a transaction that is open keeps it, whatever is confirmed.
$prefix = topic_prefix();
$relay = start_relay('short', $node, $kafka, config($prefix, 'nova.slot.watch.ms' => 100, 'nova.slot.safe.percent' => 60));
$relay->wait_for_line(qr/streaming from slot nova_short/);
sub hold
{
	my $session = $node->background_psql('postgres', on_error_stop => 1);
	$session->query_safe('BEGIN; INSERT INTO noise VALUES (1)');
	sql('CHECKPOINT');
	return $session;
}
sub fill { sql('INSERT INTO noise VALUES (1); SELECT pg_switch_wal()') for 1 .. $_[0] }
{
	my $session = hold();
	fill(4);
	like($relay->wait_for_line(qr/warn: slot nova_short: it keeps/),
		qr/it keeps \d+ MB of WAL \(wal_status \w+\), -?\d+ MB more may be written until it is lost; confirmed is LSN $lsn: let the relay catch up, or raise max_slot_wal_keep_size/,
		'short of WAL: said before it is lost');
	$session->query_safe('COMMIT');
	$session->quit;
	# what is kept ends where running transactions were logged last
	sql('CHECKPOINT; INSERT INTO t VALUES (4)');
	wait_confirmed($node, 'nova_short');
	sql('CHECKPOINT; INSERT INTO t VALUES (5)');
	$relay->wait_for_line(qr/info: slot nova_short: enough room for WAL again: it keeps/);
	pass('and that it is over');

	# Invalidated under the relay.
	$session = hold();
	fill(8);
	sql('CHECKPOINT');
	relay_fails($relay, qr/stopping: PostgreSQL: slot "nova_short": .*its changes are gone.*/, 'invalidated while it runs');
	checks('short', $node, $prefix, qr/^FAIL  slot: nova_short is invalidated \(wal_removed\) and its changes are gone/m, 'invalidated');
	$session->query_safe('COMMIT');
	$session->quit;
	$relay = start_relay('short', $node, $kafka, config($prefix, 'snapshot.mode' => 'when_needed'));
	$relay->wait_for_line(qr/warn: slot nova_short: the slot was invalidated/);
	$relay->wait_for_line(qr/streaming from slot nova_short/);
	is(ids($prefix, 7), '1 2 3 4 5', 'invalidated, when_needed: a new snapshot');
	is($relay->term, 0, 'and it stops');
}

# A position that is not kept up is removed, so that it is no gap later.
$prefix = topic_prefix();
run_once('kept', $prefix, 6);
$relay = start_relay('kept', $node, $kafka, config($prefix, 'nova.position.interval.ms' => 0));
$relay->wait_for_line(qr/streaming from slot nova_kept/);
wait_until('the position is removed', sub {
	my @records = read_topic($kafka, "__nova-state.$prefix");
	return !defined $records[-1]{value};
});
sql('INSERT INTO t VALUES (7)');
wait_confirmed($node, 'nova_kept');
is($relay->term, 0, 'not kept: stops');
run_once('kept', $prefix, 8);
is(ids($prefix, 3), '6 7 8', 'kept again: it goes on');

# A standby is promoted.  This version copies no slots, so we do.  Beside a relay that
# delivers at least once there is one that delivers exactly once, and one that will
# have delivered from the old primary what the new one has not.
sub pair
{
	my ($name) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($name);

	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', "max_slot_wal_keep_size = -1\n");
	return $standby;
}
sql(q{ALTER SYSTEM SET max_slot_wal_keep_size = -1});
$node->reload;
sql(q{SELECT pg_drop_replication_slot('nova_under')});
$node->backup('base');
my $standby = pair('standby');
$standby->start;
$prefix = topic_prefix();
my %once = map { $_ => { %{ config("$prefix-$_") }, 'nova.delivery' => 'exactly-once', 'transaction.boundary.interval.ms' => 20 } } qw(once lost);
$kafka->create_topic("$prefix-once.public.t", 1);
my %relays = (moves => start_relay('moves', $node, $kafka, config($prefix)),
	map { $_ => start_relay($_, $node, $kafka, $once{$_}) } keys %once);
$relays{$_}->wait_for_line(qr/streaming from slot nova_$_/) for sort keys %relays;
sql('INSERT INTO t VALUES (10); CHECKPOINT');
wait_confirmed($node, "nova_$_") for keys %relays;
is($relays{$_}->term, 0, "switch-over: a relay for one host stops: $_") for sort keys %relays;
$standby->stop;
Nova::capture('cp', '-r', $node->data_dir . "/pg_replslot/nova_$_", $standby->data_dir . '/pg_replslot/') for keys %relays;
$standby->start;
my %hosts = ('database.hostname' => $standby->host . ', ' . $node->host, 'database.port' => $standby->port . ',' . $node->port);
$relay = start_relay('moves', $node, $kafka, config($prefix, %hosts));
$relay->wait_for_line(qr/streaming from slot nova_moves.*timeline 1/);
my $once = start_relay('once', $node, $kafka, { %{ $once{once} }, %hosts });
$once->wait_for_line(qr/streaming from slot nova_once.*timeline 1/);
sql('INSERT INTO t VALUES (11)');
wait_confirmed($node, "nova_$_") for qw(moves once);
sql('DO $$ BEGIN FOR i IN 101..120 LOOP INSERT INTO t VALUES (i); COMMIT; END LOOP; END $$');
$node->wait_for_catchup($standby);
my $old = $node;
$node->stop('fast');
$relay->wait_for_line(qr/warn: PostgreSQL: /);
$standby->promote;
$relay->wait_for_line(qr/warn: PostgreSQL: timeline 2, it was 1: a standby was promoted/);
$relay->wait_for_line(qr/streaming from slot nova_moves.*timeline 2/);
$relay->wait_for_line(qr/info: slot nova_moves: timeline 2, it was 1: a standby was promoted, and the slot is there at LSN $lsn/);
$once->wait_for_line(qr/info: exactly once: timeline 2, the position nova_once\/position is of timeline 1: a standby was promoted, which has everything/);
$once->wait_for_line(qr/streaming from slot nova_once.*timeline 2/);
$node = $standby;
sql('INSERT INTO t VALUES (12)');
wait_confirmed($node, "nova_$_") for qw(moves once);
is(ids($prefix, 23), join(' ', 10 .. 12, 101 .. 120), 'switch-over: nothing is lost');
is($relay->term, 0, 'switch-over: stops');
is($once->term, 0, 'switch-over, exactly once: stops');
is(join(' ', map { /"id":(\d+)/ } kcat($kafka, "$prefix-once.public.t", "%k\n")), join(' ', 10, 11, 101 .. 120, 12),
	'switch-over, exactly once: each change is there once, in order');

# The one that was not asked to go comes back with its old timeline.
$old->start;
relay_fails(start_relay('moves', $old, $kafka, config($prefix)),
	qr/stopping: PostgreSQL: slot "nova_moves": this server is on timeline 1, but timeline 2 was delivered from already: .*/,
	'the primary from before');
relay_fails(start_relay('once', $old, $kafka, $once{once}),
	qr/stopping: state topic \S+: the position nova_once\/position: it is of timeline 2, and the server is on 1: this is a primary from before a promotion; .*/,
	'the primary from before, exactly once');

# What it writes on its own, and is delivered, the new one has not.
my $lost = start_relay('lost', $old, $kafka, $once{lost});
$lost->wait_for_line(qr/streaming from slot nova_lost.*timeline 1/);
$old->safe_psql('postgres', 'INSERT INTO t VALUES (13)');
wait_confirmed($old, 'nova_lost');
is($lost->term, 0, 'exactly once from the primary from before');
$old->stop;
relay_fails(start_relay('lost', $node, $kafka, $once{lost}),
	qr/stopping: state topic \S+: the position nova_lost\/position: the server is on timeline 2, which left timeline 1 at LSN \S+, but that one was delivered up to LSN \S+: .*remove the record to go on from LSN \S+, where the slot stands.*/,
	'a position that the promoted one does not have');

# Promoted without the slot.
sql(q{SELECT pg_drop_replication_slot('nova_moves')});
relay_fails(start_relay('moves', $node, $kafka, config($prefix)),
	qr/stopping: PostgreSQL: slot "nova_moves": it is gone: .*this server was promoted without it.*/, 'promoted without the slot');
relay_fails(start_relay('moves', $node, $kafka, config($prefix, 'snapshot.mode' => 'initial')),
	qr/stopping: PostgreSQL: slot "nova_moves": it is gone: .*this server was promoted without it.*/, 'promoted without the slot, initial');

# Another cluster altogether, with a slot of that name and without.
my $other = new_node('other');
$other->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY)');
my $cluster = qr/stopping: PostgreSQL: slot "nova_moves": .*this is another cluster: system identifier \d+, the state topic remembers \d+.*/;
checks('moves', $other, $prefix, qr/^FAIL  position: this is another cluster/m, 'another cluster');
relay_fails(start_relay('moves', $other, $kafka, config($prefix)), $cluster, 'another cluster, without the slot');
$other->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('nova_moves', 'nova_decoder')});
relay_fails(start_relay('moves', $other, $kafka, config($prefix)), $cluster, 'another cluster, with a slot');
relay_fails(start_relay('moves', $other, $kafka, config($prefix, 'snapshot.mode' => 'initial')), $cluster, 'another cluster, initial');

done_testing();
