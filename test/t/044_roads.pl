#
# The two roads: a walsender's stream and nova.stream().  Whichever it is, the topics
# hold each change once and in order, and so they do where the relay changes from the
# one to the other, at the end of a transaction.  Where the direct one cannot be taken,
# the relay says what is missed and goes on without.
#
use strict;
use warnings;

use Nova;
use E2E;
use Roads;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('primary', conf => 'full_page_writes = off');
my $kafka = kafka_start();
my $prefix = topic_prefix();
my $slot = 'nova_roads';

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub start
{
	my ($mode, %more) = @_;
	return start_relay('roads', $node, $kafka,
		load_config($prefix, road_config($mode, %more)), '--log-level', 'debug');
}

# Of the process that reads the slot, as the server shows it.
sub holder
{
	return sql("SELECT a.backend_type, r.pid IS NOT NULL FROM pg_replication_slots s "
		. "JOIN pg_stat_activity a ON a.pid = s.active_pid LEFT JOIN pg_stat_replication r ON r.pid = a.pid "
		. "WHERE s.slot_name = '$slot'");
}

sub checks
{
	my ($regex, $name, %more) = @_;
	my ($status, $out) = run_relay('check', write_config('roads', $node, $kafka,
			load_config($prefix, 'nova.stream.mode' => 'auto', %more)));
	like($out, $regex, "check: $name");
	return;
}

load_setup($node, identity => 'FULL');
load_topics($kafka, $prefix);
restart_points($node);

###############################################################################
# What is missed is said, and done without
###############################################################################

my $relay = start('direct');
like($relay->wait_for_line(qr/the walsender is used all the same/),
	qr/warn: .*needs the extension nova_decoder in the database, which is not there; run in this database: CREATE EXTENSION nova_decoder/,
	'no extension: said, with what to do');
takes_road($relay, 'replication', 'needs the extension', 'no extension: the walsender');
checks(qr/^warn  nova.stream.mode: .*needs the extension.*CREATE EXTENSION nova_decoder/m, 'no extension');
backlog_of($node, 1);
wait_confirmed($node, $slot);
is(holder(), 'walsender|t', 'no extension: it streams');
is($relay->term, 0, 'no extension: it stops in order');
is(() = $relay->log_text =~ /the walsender is used all the same/g, 1, 'no extension: said once');

sql(q{CREATE EXTENSION nova_decoder; CREATE ROLE plain LOGIN REPLICATION});
for my $right ([ 'USAGE ON SCHEMA nova', 'may not use the schema nova' ],
	[ 'EXECUTE ON PROCEDURE nova.stream(name, pg_lsn, text[])', 'may not call nova\.stream\(\)' ])
{
	my ($grant, $why) = @$right;
	my $what = $grant =~ s/ ON.*//r;
	$relay = start('auto', 'database.user' => 'plain');
	like($relay->wait_for_line(qr/nova\.stream\(\), which is faster, cannot be used/),
		qr/info: .*$why.*; run in this database: GRANT \Q$grant\E TO/, "no $what: said, with what to do");
	takes_road($relay, 'replication', $why, "no $what: the walsender");
	checks(qr/^warn  nova.stream.mode: .*$why.*GRANT \Q$grant\E/m, "no $what", 'database.user' => 'plain');
	is($relay->term, 0, "no $what: it stops in order");
	sql("GRANT $grant TO plain");
}
$relay = start('direct', 'database.user' => 'plain');
takes_road($relay, 'direct', 'as nova\.stream\.mode says', 'with both rights: the direct road');
checks(qr/^ok    nova.stream.mode: the direct road can be taken/m, 'both rights', 'database.user' => 'plain');
is($relay->term, 0, 'with both rights: it stops in order');

###############################################################################
# Direct: a backlog, and then what comes
###############################################################################

backlog_of($node, 3);
$relay = start('direct', 'listeners' => 'http://127.0.0.1:0');
my $url = url_of($relay);
takes_road($relay, 'direct', 'as nova\.stream\.mode says', 'a backlog: the direct road');
wait_confirmed($node, $slot);
is(holder(), 'client backend|f', 'direct: an ordinary backend, and no walsender');
backlog_of($node, 1);
wait_confirmed($node, $slot);
my ($status, $out) = run_relay('status', $url);
like($out, qr/^  road +direct \(configured\)$/m, 'direct: the status says so');
($status, $out) = run_relay('status', '--json', $url);
like($out, qr/"road":"direct","road_reason":"configured"/, 'and as JSON');
is(metric($url, 'nova_stream_road'), 'road="direct",reason="configured" 1', 'and the metrics');
is(metric($url, 'nova_stream_road_changes_total'), ' 0', 'nothing was changed');
is($relay->term, 0, 'direct: it stops in order');
load_verify($node, $kafka, $prefix, 'direct', exact => 1);

###############################################################################
# Auto, under load: there, back, and there again
###############################################################################

backlog_of($node, 12);
my $load = load_start($node, clients => 2, transactions => 1_000_000, rate => 200, ops => 10, width => 100);
$relay = start('auto', 'listeners' => 'http://127.0.0.1:0');
$url = url_of($relay);
takes_road($relay, 'direct', 'there is a backlog', 'auto, a backlog at the start: the direct road');
changes_road($relay, 'replication', 'it has caught up', 'auto, caught up: it changes');
takes_road($relay, 'replication', 'it has caught up', 'auto, caught up: the walsender');
my $changed = time();

# While it reads nothing, more is written than it could read before it looks at the slot.
fall_behind($relay, $node, 20, $changed);
changes_road($relay, 'direct', 'there is a backlog', 'auto, a backlog while it streams: it changes');
takes_road($relay, 'direct', 'there is a backlog', 'auto, a backlog while it streams: the direct road');
changes_road($relay, 'replication', 'it has caught up', 'auto, caught up again: it changes');
takes_road($relay, 'replication', 'it has caught up', 'auto, caught up again: the walsender');
load_wait($load, 1);
wait_confirmed($node, $slot);
is(holder(), 'walsender|t', 'auto, caught up: it is a walsender');
is(metric($url, 'nova_stream_road'), 'road="replication",reason="caught_up" 1', 'auto: the metrics say so');
is(metric($url, 'nova_stream_road_changes_total'), ' 3', 'auto: and how often it has changed');
is(metric($url, 'nova_reconnects_total'), ' 0', 'auto: which is no connection that was lost');
($status, $out) = run_relay('status', $url);
like($out, qr/^  changes of road +3$/m, 'auto: so does the status');
is($relay->term, 0, 'auto: it stops in order');
load_verify($node, $kafka, $prefix, 'auto', exact => 1);

###############################################################################
# A change that is wanted within a transaction waits for its end
###############################################################################

# Its own WAL is less than the backlog that is asked for; what is written while it is read is more.
my $rows = 400_000;
sql(q{CREATE TABLE load.big (id int PRIMARY KEY, body text);
	CREATE TABLE noise (v text); ALTER TABLE noise ALTER v SET STORAGE EXTERNAL});
$kafka->create_topic("$prefix.load.big", 1);
$relay = start('auto', 'listeners' => 'http://127.0.0.1:0', 'nova.stream.backlog.mb' => 64);
$url = url_of($relay);
takes_road($relay, 'replication', 'there is little to catch up with', 'no backlog: the walsender');
sql("INSERT INTO load.big SELECT i, 'row ' || i FROM generate_series(1, $rows) i");
wait_until('it is within the transaction', sub { metric($url, 'nova_records_total') =~ / (\d+)/ && $1 > 0 });
$relay->signal('STOP');
sql(q{INSERT INTO noise SELECT repeat(md5(i::text), 100) FROM generate_series(1, 32768) i});
$relay->signal('CONT');
$relay->wait_for_line(qr/debug: the road is to be direct: waiting for the end of a transaction/);
$relay->wait_for_line(qr/changing to the direct road/);
takes_road($relay, 'direct', 'there is a backlog', 'wanted within a transaction: changed behind it');
wait_confirmed($node, $slot);
is($relay->term, 0, 'it stops in order');
my @ids = map { /"id":(\d+)/ } kcat($kafka, "$prefix.load.big", "%k\n");
is(scalar @ids, $rows, 'no record of the transaction came twice');
is_deeply([ @ids[ 0, -1 ] ], [ 1, $rows ], 'and all of them came in order');

###############################################################################
# Who waits for a slot that is read directly, sees by whom
###############################################################################

$relay = start('direct');
takes_road($relay, 'direct', 'as nova\.stream\.mode says', 'the direct road once more');
my $second = start_relay_with('second', write_config('roads', $node, $kafka, load_config($prefix)));
like($second->wait_for_line(qr/another process uses the slot/),
	qr/PID \d+, application "roads", role \S+, from a local socket, on the direct road; standing by/,
	'a second relay stands by and says who holds the slot');
is($relay->term, 0, 'the first one stops');
$second->wait_for_line(qr/slot $slot is free: taking over/);
takes_road($second, 'replication', 'there is little to catch up with', 'and the second one takes over; auto is the default');
is($second->term, 0, 'it stops in order');

###############################################################################
# Exactly once and killed, on the direct road
###############################################################################

my $other = new_node('other');
my $once = topic_prefix();

sub start_once
{
	my $started = start_relay('once', $other, $kafka,
		load_config($once, 'exactly.once.support' => 'required', 'nova.stream.mode' => 'direct',
			'nova.takeover.grace.ms' => 0, 'transaction.boundary.interval.ms' => 20,
			'producer.override.transaction.timeout.ms' => 20000));
	$started->wait_for_line(qr/streaming from slot nova_once .* by the direct road/);
	return $started;
}

load_setup($other, identity => 'FULL');
load_topics($kafka, $once);
$other->safe_psql('postgres', 'CREATE EXTENSION nova_decoder');
$relay = start_once();
$load = load_start($other, clients => 2, transactions => 1_000_000, ops => 10);
for my $fault (1 .. 3)
{
	my ($before) = load_changes($other);
	wait_until('the load runs', sub { (load_changes($other))[0] > $before + 500 });
	$relay->kill9;
	$relay = start_once();
}
$other->safe_psql('postgres', q{SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active});
$relay->wait_for_line(qr/streaming from slot nova_once .* by the direct road/);
load_wait($load, 1);
wait_confirmed($other, 'nova_once');
load_verify($other, $kafka, $once, 'exactly once, killed on the direct road', exact => 1);
is($relay->term, 0, 'exactly once: the relay stops in order');

done_testing();
