#
# The only broker is away for twenty seconds under load: the relay stops
# reading, keeps its connection to PostgreSQL and its memory, and goes on.
#
use strict;
use warnings;

use Nova;
use E2E;
use Test::More;

my $outage_seconds = 20;
my $node = new_node('primary', conf => "wal_sender_timeout = 5s\n");
my $kafka = kafka_start(own => 1);
my $prefix = topic_prefix();

load_setup($node, identity => 'FULL');
load_topics($kafka, $prefix);
my $relay = start_relay('outage', $node, $kafka,
	# far longer than wal_sender_timeout: what the server asks is not read meanwhile
	load_config($prefix, 'status.update.interval.ms' => 60_000));
$relay->wait_for_line(qr/streaming from slot nova_outage/);
my $load = load_start($node, clients => 2, transactions => 1_000_000, ops => 10, width => 300);
my $walsender = wait_streaming($node, 'nova_outage');
wait_until('the load runs', sub { (load_changes($node))[0] > 3000 });

$kafka->stop_broker(1, 'kill');
my ($before) = load_changes($node);
my $stuck = confirmed($node, 'nova_outage');
ok(outlives($relay, $outage_seconds), "the relay outlives $outage_seconds s without a broker");
my ($after) = load_changes($node);
cmp_ok($after, '>', $before, 'the writers went on writing');
is(wait_streaming($node, 'nova_outage'), $walsender,
	'the walsender is the same, in spite of wal_sender_timeout: status goes on');
cmp_ok(
	$node->safe_psql('postgres',
		"SELECT extract(epoch FROM now() - reply_time) FROM pg_stat_replication WHERE pid = $walsender"),
	'<', 5, 'the last status is recent');
cmp_ok(
	$node->safe_psql('postgres', "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '$stuck')"),
	'>', 64 * 1024 * 1024, 'there is more than the relay may hold');
unlike($relay->log_text, qr/ error: /, 'no error');

load_wait($load, 1);
$kafka->start_broker(1);
wait_confirmed($node, 'nova_outage');
is(wait_streaming($node, 'nova_outage'), $walsender, 'still the same walsender');
my $peak = peak_rss_mb($relay);
cmp_ok($peak, '<=', 128, sprintf('peak memory of the relay: %.0f MB', $peak));
load_verify($node, $kafka, $prefix, 'broker outage', exact => 1);
is($relay->term, 0, 'the relay stops in order');

# What is remembered cannot be read, and until then nothing is: what has come waits in the server.
$kafka->stop_broker(1, 'kill');
$node->safe_psql('postgres', q{INSERT INTO load.events SELECT md5('late' || g)::uuid, 0 FROM generate_series(1, 10000) g});
$relay = start_relay('outage', $node, $kafka, load_config($prefix));
$relay->wait_for_line(qr/streaming from slot nova_outage/);
my $ticks = cpu_ticks($relay->pid);
ok(outlives($relay, 3), 'started without a broker: the relay waits');
cmp_ok(cpu_ticks($relay->pid) - $ticks, '<', 60, 'started without a broker: it does not spin meanwhile');
$kafka->start_broker(1);
wait_confirmed($node, 'nova_outage');
is($relay->term, 0, 'started without a broker: the relay stops in order');

done_testing();
