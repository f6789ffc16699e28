#
# The short form of the chaos suite: a few faults under load, one broker, from a
# seed that is printed.  CHAOS_SEED=n has the same ones again; the long form is
# make test-chaos.
#
use strict;
use warnings;

use Chaos::World;
use Chaos::Run;
use Nova qw(python_tap);
use Test::More;

python_tap('test/chaos/test_verify.py');

# What is meant by a seed: the same plan again.
my $world = bless { brokers => 3, mode => 'at-least-once', road => 'replication' }, 'Chaos::World';
my %plans = map { srand int; ($_ => [ Chaos::Run::plan($world, 50) ]) } 5, '5.0', 6;
is_deeply($plans{5}, $plans{'5.0'}, 'the same seed makes the same plan');
isnt("@{[ map { $_->{n} } @{ $plans{5} } ]}", "@{[ map { $_->{n} } @{ $plans{6} } ]}", 'another seed another one');

# An odd seed is exactly once; and of three pairs of seeds each goes by another road.
my $seed = $ENV{CHAOS_SEED} // 1 + int rand 1_000_000;
my @roads = qw(replication direct auto);
my $report = chaos(
	seed => $seed,
	faults => 9,
	quick => 1,
	brokers => [1],
	mode => $seed % 2 ? 'exactly-once' : 'at-least-once',
	road => $roads[ int($seed / 2) % @roads ]);

diag($report);
done_testing();
