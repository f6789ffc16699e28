#
# A mixed load of concurrent writers arrives exactly as it was committed: every
# change of every key once, in order, and the topics fold to the tables.
#
use strict;
use warnings;

use Nova;
use E2E;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();
my $prefix = topic_prefix();

load_setup($node);
load_topics($kafka, $prefix);
my $relay = start_relay('load', $node, $kafka, load_config($prefix));
$relay->wait_for_line(qr/streaming from slot nova_load/);

is(load_wait(load_start($node, clients => 5, transactions => 2200, ops => 10)), 0, 'the load ran');
my ($changes) = load_changes($node);
cmp_ok($changes, '>=', 100_000, "it made $changes changes");
wait_confirmed($node, 'nova_load');
load_verify($node, $kafka, $prefix, 'mixed load', exact => 1);

is($relay->term, 0, 'the relay stops in order');
like($relay->log_text, qr/stopped: (\d+) records acknowledged of \1 sent, .* 0 dropped changes, 0 reconnects/,
	'its own account says the same');

done_testing();
