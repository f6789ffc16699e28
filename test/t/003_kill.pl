#
# The relay is killed at random points under load, twenty times, and started
# again: nothing is lost, what comes again does not break the order of a key.
# Set E2E_SEED to the number a failed run has printed to have its points again.
#
use strict;
use warnings;

use Nova;
use E2E;
use Test::More;

my $kills = 20;
my $seed = $ENV{E2E_SEED} // int(rand(1_000_000));
srand($seed);
note("E2E_SEED=$seed");

my $node = new_node('primary');
my $kafka = kafka_start();
my $prefix = topic_prefix();

load_setup($node, identity => 'FULL');
load_topics($kafka, $prefix);

my $relay = start_relay('kill', $node, $kafka, load_config($prefix));
$relay->wait_for_line(qr/streaming from slot nova_kill/);
my $load = load_start($node, clients => 2, transactions => 1_000_000, ops => 10);
my $began = 0;
my @points;

for my $n (1 .. $kills)
{
	# Some die while they connect, most while they stream.
	my $point = $n % 5 == 0 ? rand(0.05) : 0.1 + rand(1);
	push @points, sprintf('%.2f', $point);
	outlives($relay, $point) or BAIL_OUT("the relay ended by itself before kill $n");
	$began++ if $relay->log_text =~ /streaming from slot/;
	$relay->kill9 == -9 or BAIL_OUT("kill $n did not kill");
	$relay = start_relay('kill', $node, $kafka, load_config($prefix));
}
note("killed after @points seconds");
cmp_ok($began, '>=', $kills / 2, 'most of them were killed while they streamed');
ok(load_running($load), 'there was load all the time');
$relay->wait_for_line(qr/streaming from slot nova_kill/);
load_wait($load, 1);
wait_confirmed($node, 'nova_kill');
load_verify($node, $kafka, $prefix, "$kills kills");
is($relay->term, 0, 'the last relay stops in order');

done_testing();
