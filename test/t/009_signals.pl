#
# Stopping: a signal drains and confirms, so that nothing comes twice; a second
# one forces; a stop without a broker ends in time; and a server that shuts down
# does not have to wait for the relay.
#
use strict;
use warnings;

use Nova;
use E2E;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('primary');
my $kafka = kafka_start(own => 1);
my $prefix = topic_prefix();
my %quick = ('nova.shutdown.timeout.ms' => 2000, 'status.update.interval.ms' => 1000);

load_setup($node, identity => 'FULL');
load_topics($kafka, $prefix);

sub start
{
	my ($slot, %more) = @_;
	my $relay = start_relay($slot, $node, $kafka, load_config($prefix, %more));
	$relay->wait_for_line(qr/streaming from slot nova_$slot/);
	return $relay;
}

sub seconds(&)
{
	my ($work) = @_;
	my $from = time();
	$work->();
	return time() - $from;
}

# SIGTERM and SIGINT, under load, again and again.
my $relay = start('signals');
my $load = load_start($node, clients => 2, transactions => 1_000_000);
for my $signal (qw(TERM INT TERM INT))
{
	my ($before) = load_changes($node);
	wait_until('the load runs', sub { (load_changes($node))[0] > $before + 2000 });
	$relay->signal($signal);
	is($relay->wait_exit, 0, "SIG$signal under load: exit 0");
	like($relay->log_text, qr/stop requested: no more reading, waiting for \d+ records/, 'it says what it waits for');
	like($relay->log_text, qr/stopped: (\d+) records acknowledged of \1 sent/, 'all that was sent is acknowledged');
	$relay = start('signals');
}

# The server shuts down with the relay attached and WAL on its way.
my $took = seconds { $node->stop('fast') };
cmp_ok($took, '<', 20, sprintf('a fast shutdown under load takes %.1f s', $took));
$relay->wait_for_line(qr/warn: PostgreSQL: /);
$node->start;
$relay->wait_for_line(qr/streaming from slot nova_signals/);
load_wait($load, 1);
wait_confirmed($node, 'nova_signals');
load_verify($node, $kafka, $prefix, 'four orderly stops and a shutdown', exact => 1);

# The same without load: the final position is confirmed to the last byte.
$took = seconds { $node->stop('fast') };
cmp_ok($took, '<', 10, sprintf('a fast shutdown of an idle server takes %.1f s', $took));
$relay->wait_for_line(qr/warn: PostgreSQL: /);

# A stop while PostgreSQL is away.  From here on records may come again: before
# version 17 a server that is shut down forgets a confirmed position that it had
# no other reason to write to disk, and the next relay has only the slot.
$took = seconds { is($relay->term, 0, 'SIGTERM while PostgreSQL is away: nothing is open, exit 0') };
cmp_ok($took, '<', 5, 'at once');
$node->start;

# No broker: the stop ends in time and says what is left.
$relay = start('signals', %quick);
$kafka->stop_broker(1, 'kill');
my $confirmed = confirmed($node, 'nova_signals');
is(load_wait(load_start($node, clients => 1, transactions => 50)), 0, 'changes without a broker');
my $walsender = wait_streaming($node, 'nova_signals');
$node->poll_query_until('postgres',
	"SELECT write_lsn >= pg_current_wal_lsn() FROM pg_stat_replication WHERE pid = $walsender")
  or die 'the relay does not receive';
$took = seconds { is($relay->term, 1, 'SIGTERM without a broker: exit 1') };
cmp_ok($took, '<', 10, sprintf('after %.1f s', $took));
like(
	$relay->log_text,
	qr/^\S+ warn: stopped with a rest: not everything was acknowledged in time; records from LSN [0-9A-F]+\/[0-9A-F]+ on will be sent again after the next start$/m,
	'and one line says so');
my ($rest) = $relay->log_text =~ /records from LSN (\S+) on will/;
is($node->safe_psql('postgres', "SELECT confirmed_flush_lsn <= '$rest' FROM pg_replication_slots WHERE slot_name = 'nova_signals'"),
	't', 'nothing behind it is confirmed');

# Two signals while it waits.
$relay = start('signals', 'nova.shutdown.timeout.ms' => 60000);
$relay->wait_for_line(qr/plugin nova_decoder/);
$relay->signal('INT');
$relay->wait_for_line(qr/stop requested/);
$took = seconds { $relay->signal('INT'); is($relay->wait_exit, 3, 'SIGINT twice: exit 3') };
cmp_ok($took, '<', 5, 'at once');
like($relay->log_text, qr/second signal, stopping without draining/, 'and it says so');

$kafka->start_broker(1);
$relay = start('signals');
wait_confirmed($node, 'nova_signals');
load_verify($node, $kafka, $prefix, 'after all stops');
is($relay->term, 0, 'the last relay stops in order');

done_testing();
