#
# The long form of the chaos suite: make test-chaos.  Parameters come through the
# environment: SEED, FAULTS (points, 200), MINUTES (no round begins later),
# BROKERS (1, 3, or "1 3"), MODE (at-least-once or exactly-once), ROAD (replication,
# direct or auto).  The report goes to descriptor 4, too.  See docs/chaos.md.
#
use strict;
use warnings;

use Chaos::World;
use Chaos::Run;
use Test::More;

my $mode = $ENV{MODE} || 'at-least-once';
die "MODE is at-least-once or exactly-once\n" if $mode !~ /^(at-least|exactly)-once$/;
my $road = $ENV{ROAD} || 'replication';
die "ROAD is replication, direct or auto\n" if $road !~ /^(replication|direct|auto)$/;
my $report = chaos(
	seed => $ENV{SEED} || 1 + int rand 1_000_000,
	faults => $ENV{FAULTS} || 200,
	minutes => $ENV{MINUTES},
	brokers => [ split ' ', $ENV{BROKERS} || '1 3' ],
	mode => $mode,
	road => $road);

diag($report);
if (open my $out, '>&=', 4)
{
	print $out $report;
	close $out;
}
done_testing();
