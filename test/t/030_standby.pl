#
# Two relays, one slot: the second stands by, says who holds the slot, and takes
# over when the first is stopped, killed, or frozen (and the policy is to end it).
# Nothing is lost: every change is there, in order, and the topic's last word of a
# key is the table's.
#
use strict;
use warnings;

use JSON::PP ();
use Nova;
use E2E;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('primary', conf => "wal_sender_timeout = 600s\n");
my $kafka = kafka_start();
my $prefix = topic_prefix();
my $slot = 'nova_ha';

load_setup($node, identity => 'FULL');
load_topics($kafka, $prefix);

sub sql { return $node->safe_psql('postgres', $_[0]) }

# The name of the connector is what both have in common, the log what they have not.
sub start
{
	my ($log, %more) = @_;
	return start_relay_with($log, write_config('ha', $node, $kafka, load_config($prefix, %more)));
}

sub holder { return sql("SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$slot'") }

# From now until the relay streams.
sub takes_over
{
	my ($relay, $name, $limit, $from) = @_;

	$relay->wait_for_line(qr/slot $slot is free: taking over/);
	$relay->wait_for_line(qr/streaming from slot $slot/);
	my $took = time() - $from;
	cmp_ok($took, '<', $limit, sprintf('%s: taken over after %.1f s', $name, $took));
	return;
}

my $one = start('one');
$one->wait_for_line(qr/streaming from slot $slot/);
my $pid = wait_streaming($node, $slot);
my $two = start('two');
like($two->wait_for_line(qr/another process uses the slot/),
	qr/info: slot $slot: another process uses the slot: PID $pid, application "ha", role \S+, from a local socket; standing by, and taking over once it is free/,
	'the second relay stands by and says who holds the slot');

# Stopped in order: nothing comes twice.
my $load = load_start($node, clients => 2, transactions => 100, ops => 10);
wait_until('the load runs', sub { (load_changes($node))[0] > 200 });
is($one->term, 0, 'the first relay stops in order');
takes_over($two, 'stopped', 10, time());
is(() = $two->log_text =~ /another process uses the slot/g, 1, 'that it stood by was said once');
load_wait($load);
wait_confirmed($node, $slot);
load_verify($node, $kafka, $prefix, 'stopped', exact => 1);

# What is confirmed is remembered.
my $record = JSON::PP::decode_json((read_topic($kafka, "__nova-state.$prefix"))[-1]{value});
is(sql("SELECT '$record->{position}'::pg_lsn >= confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '$slot'"),
	't', 'the state topic has the position, and the slot is not beyond it');
is("$record->{system} $record->{timeline}", sql('SELECT system_identifier FROM pg_control_system()') . ' 1',
	'with system identifier and timeline');

# Killed: at the most what was not confirmed comes twice.
$one = start('one');
$one->wait_for_line(qr/another process uses the slot/);
$load = load_start($node, clients => 2, transactions => 150, ops => 10);
my ($before) = load_changes($node);
wait_until('the load runs', sub { (load_changes($node))[0] > $before + 200 });
my $from = time();
$two->kill9;
takes_over($one, 'killed', 10, $from);
load_wait($load);
wait_confirmed($node, $slot);
load_verify($node, $kafka, $prefix, 'killed');
is($one->term, 0, 'and stops in order');

# Frozen, with a policy to end it: it is told from one that lives and has nothing to say, on either road.
my %ends = ('status.update.interval.ms' => 250, 'nova.takeover' => 'terminate', 'nova.takeover.after.ms' => 2500);
sql('CREATE EXTENSION nova_decoder');
for my $road ('direct', 'replication')
{
	my %by = (%ends, 'nova.stream.mode' => $road);
	$one = start('one', %by);
	like($one->wait_for_line(qr/streaming from slot $slot/), qr/by the $road road/, "$road: the first relay streams");
	$pid = holder();
	$two = start('two', %by);
	like($two->wait_for_line(qr/another process uses the slot/),
		qr/taking over once it is free, or the other one is silent for 2500 ms/, "$road, policy terminate: it says so");
	ok(outlives($two, 4), "$road, policy terminate: the second relay waits");
	is(holder(), $pid, "$road, policy terminate: a relay that lives keeps its slot");
	$one->signal('STOP');
	$from = time();
	sql(q{INSERT INTO load.users VALUES (999001, 0, true, 1, 'while the first one is frozen')});
	$two->wait_for_line(qr/warn: slot $slot: PID $pid holds it and was not heard of for \d+ ms: ending it/);
	takes_over($two, "$road, frozen", 15, $from);
	wait_confirmed($node, $slot);

	# It comes back to a slot that is not its own any more.
	$one->signal('CONT');
	$one->wait_for_line(qr/warn: PostgreSQL: /);
	$one->wait_for_line(qr/another process uses the slot/);
	sql(q{UPDATE load.users SET body = 'thawed' WHERE id = 999001});
	wait_confirmed($node, $slot);
	unlike($one->log_text, qr/ error: /, "$road, thawed: it stands by");
	$from = time();
	is($two->term, 0, "$road: the second relay stops in order");
	takes_over($one, "$road: back to the first", 10, $from);
	sql(q{DELETE FROM load.users WHERE id = 999001});
	wait_confirmed($node, $slot);
	load_verify($node, $kafka, $prefix, "$road: frozen and thawed");
	is($one->term, 0, "$road: the first relay stops in order") if $road eq 'direct';
}

# A server that does not note when others were heard of: that is said.
sql('ALTER SYSTEM SET track_activities = off; SELECT pg_reload_conf()');
wait_until('it notes nothing', sub { sql('SHOW track_activities') eq 'off' });
is($one->term, 0, 'the first relay stops in order');
$one = start('one', %ends, 'nova.stream.mode' => 'direct');
$one->wait_for_line(qr/streaming from slot $slot/);
$two = start('two', %ends);
like($two->wait_for_line(qr/another process uses the slot/),
	qr/from a local socket; .*nova\.takeover=terminate cannot help, for the server does not note when .*: set track_activities = on/,
	'direct, without track_activities: it says that it cannot help');
is($two->term, 0, 'direct, without track_activities: the second relay stops');
is($one->term, 0, 'direct, without track_activities: the first relay stops');
sql('ALTER SYSTEM RESET track_activities; SELECT pg_reload_conf()');
wait_until('it notes it again', sub { sql('SHOW track_activities') eq 'on' });
$one = start('one', %ends);
$one->wait_for_line(qr/streaming from slot $slot/);

# A role that may not see who lives, and one that may not end it, says so and waits.
sql('CREATE ROLE other LOGIN REPLICATION');
$two = start('two', %ends, 'database.user' => 'other');
like($two->wait_for_line(qr/another process uses the slot/),
	qr/application "ha", role \S+, from an address that is not shown; .*terminate cannot help, for this role may not see .*GRANT pg_monitor/,
	'another role: it may not see');
sql('GRANT pg_monitor TO other');
$pid = holder();
$one->signal('STOP');
like($two->wait_for_line(qr/this role may not/), qr/may not end PID $pid: GRANT pg_signal_backend/, 'another role: it may not end');
$one->signal('CONT');
is(holder(), $pid, 'another role: the slot stays with the first');
is($two->term, 0, 'another role: it stops');

# Not ended: one that is no relay of this name.
is($one->term, 0, 'the first relay stops');
my $other = IPC::Run::start([ 'pg_recvlogical', '-d', $node->connstr('postgres'), '-S', $slot, '--start',
		'-f', '/dev/null', '-s', '600' ], '<', \undef, '>', \my $out, '2>', \my $err);
$pid = wait_streaming($node, $slot);
$two = start('two', %ends);
like($two->wait_for_line(qr/another process uses the slot/),
	qr/application "030_standby.pl".*once it is free; nova\.takeover=terminate cannot help, for that is no relay of this name/, 'a stranger: it is waited for');
ok(outlives($two, 3), 'a stranger: the relay waits');
is(holder(), $pid, 'a stranger: it is not ended');
is($two->term, 0, 'a relay that stands by stops in order');
$other->signal('INT');
$other->finish;

done_testing();
