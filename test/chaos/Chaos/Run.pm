
=pod

=head1 NAME

Chaos::Run - rounds of faults under load, the proof after each, and a report

=head1 SYNOPSIS

  use Chaos::World;
  use Chaos::Run;
  my $report = chaos(seed => 17, faults => 8, brokers => [1], mode => 'at-least-once', road => 'auto');

=head1 DESCRIPTION

A run is a number of rounds; each has its seed, its writers, and a plan: at so
many points, after so long, these faults, for so long.  Seed and parameters make
the plan and what the writers write; only the moments at which the two meet are
the machine's.  A point is survived when what was written before its end has been
confirmed.  At the end of a round topics and ledger are compared.

Faults are dealt like cards, so that all of them come up about as often.  One
point in four or five has two at once.

=cut

package Chaos::Run;

use strict;
use warnings;

use Exporter 'import';
use List::Util qw(min shuffle);
use Test::More import => [qw(note diag pass fail is is_deeply cmp_ok)];
use Time::HiRes qw(time sleep);
use PostgreSQL::Test::Utils qw(slurp_file);
use E2E qw(outlives);
use Chaos::Faults qw(faults may_meet);
use Chaos::Load;

our @EXPORT = qw(chaos report);

my $points_of_a_round = 20;

# Why the fault cannot happen here, or undef.
sub obstacle
{
	my ($w, $fault) = @_;
	return (grep { defined } map { $w->lacks($_) } split / /, $fault->{needs} // '')[0];
}

# The points of a round: faults with how long they are held, and a number.
sub plan
{
	my ($w, $points, $quick) = @_;
	my @possible = grep { !defined obstacle($w, $_) } faults();
	my (@deck, @plan);

	if ($quick)
	{
		my ($slow) = shuffle(grep { $_->{slow} } @possible);
		@possible = ($slow, grep { !$_->{slow} } @possible);
	}

	while (@plan < $points)
	{
		@deck = shuffle(@possible) if !@deck;
		my @faults = shift @deck;
		if (rand() < 0.3 && @deck && may_meet($faults[0], $deck[0], $w->{mode}))
		{
			push @faults, shift @deck;
		}
		push @plan, { after => rand(0.8), hold => rand, n => int rand 1000,
			faults => [ sort { $a->{place} <=> $b->{place} } @faults ] };
	}
	return @plan;
}

# Inject, hold, heal, and see that it is got over.
sub point
{
	my ($w, $point, $name, $tally) = @_;
	my @faults = @{ $point->{faults} };
	my $what = join ' + ', map { $_->{name} } @faults;
	my $hold = $point->{hold} * (sort { $b <=> $a } map { $_->{hold} } @faults)[0];

	$tally->{''}{points}++;
	outlives($w->relay, $point->{after});
	my $began = time();
	my $survived = eval {
		$_->{inject}->($w, $point->{n}) for reverse @faults;
		sleep $hold;
		$_->{heal} && $_->{heal}->($w, $point->{n}) for @faults;
		my $healed = time() - $began;
		my $settled = $w->settle;
		pass(sprintf '%s: %s (%d), over after %.1f s, caught up after %.1f s', $name, $what, $point->{n}, $healed, $settled);
		1;
	};
	my $why = $@;
	for my $fault (@faults)
	{
		$tally->{ $fault->{name} }{injected}++;
		$tally->{ $fault->{name} }{survived} += $survived ? 1 : 0;
	}
	return 1 if $survived;
	fail("$name: $what ($point->{n})");
	diag($why, $w->relay->log_text =~ s/.*?((?:[^\n]*\n){0,40})\z/$1/sr);
	return 0;
}

sub verify
{
	my ($w, $load, $name) = @_;
	my $report = $load->verify;

	is_deeply($report->{order}, [], "$name: each key has its changes, in the order of their commits");
	is_deeply($report->{state}, [], "$name: what came last is what the tables hold");
	is_deeply($report->{count}, [], "$name: as many records as changes") if $w->{mode} eq 'exactly-once';
	cmp_ok($report->{changes}, '>', 0, "$name: $report->{changes} changes of $report->{keys} keys; "
		  . "$report->{records} records and $report->{tombstones} tombstones, $report->{repeats} of them again; "
		  . "$report->{not_in_wal} values were not in the WAL");
	return $report;
}

# Did the streams of the round take the road that was asked for, and with auto both, if there was
# time for a backlog?  The log is that of all its relays.
sub took_roads
{
	my ($w, $name, $quick) = @_;
	my %streams = $w->{road} eq 'auto' && $quick ? (direct => 0, replication => 0) : ();

	$streams{$_}++ for slurp_file($w->relay->log_file) =~ /streaming from slot [^\n]* by the (\w+) road/g;
	return is_deeply([ sort keys %streams ], $w->{road} eq 'auto' ? [qw(direct replication)] : [ $w->{road} ],
		"$name: streams by road: " . join ', ', map { "$_ $streams{$_}" } sort keys %streams);
}

# True if the round has stood the test.
sub round
{
	my ($w, $seed, $points, $quick, $tally) = @_;
	my $name = "seed $seed, $w->{brokers} broker" . ($w->{brokers} > 1 ? 's' : '') . ", $w->{mode}, $w->{road}";
	my $n = 0;

	srand $seed;
	my @plan = plan($w, $points, $quick);
	$w->begin_round;
	my $load = Chaos::Load->new($w, $seed);
	$w->start_relay;
	$w->relay->wait_for_line(qr/streaming from slot/);
	$load->start;
	for my $point (@plan)
	{
		$n++;
		point($w, $point, "$name: point $n", $tally) or return 0;
	}
	$load->stop;
	$w->settle;
	my $report = verify($w, $load, $name);
	$tally->{''}{$_} += $report->{$_} for qw(changes records repeats);
	my $roads = took_roads($w, $name, $quick);
	my $status = $w->end_round;
	is($status, 0, "$name: the relay stops in order");
	return $roads && !@{ $report->{order} } && !@{ $report->{state} } && !@{ $report->{count} } && $status == 0;
}

=head2 chaos(%params)

seed of the first round, the next ones count on from it; faults, the number of
points in all, or minutes, after which no round begins; brokers, a list: so many
in turn; mode; road; quick => 1 draws only one of the faults after which brokers have to
be started again.  Stops at the first round that fails, and says how to have it
again.  Returns the text of the report.

=cut

sub chaos
{
	my (%p) = @_;
	my (%tally, %obstacles, $failed);
	my ($rounds, $began) = (0, time());
	my $share = int(($p{faults} + @{ $p{brokers} } - 1) / @{ $p{brokers} });

	note("SEED=$p{seed}");
	for my $brokers (@{ $p{brokers} })
	{
		my $w = Chaos::World->new(brokers => $brokers, mode => $p{mode}, road => $p{road});
		my $here = 0;
		$obstacles{ $_->{name} }{ obstacle($w, $_) // '' } = 1 for faults();
		while ($here < $share && !$failed && (!$p{minutes} || time() - $began < 60 * $p{minutes}))
		{
			my $seed = $p{seed} + $rounds++;
			my $now = min($share - $here, $points_of_a_round);
			my $good = eval { round($w, $seed, $now, $p{quick}, \%tally) };
			fail("seed $seed: $@") if !defined $good;
			if (!$good)
			{
				$failed = "make test-chaos SEED=$seed FAULTS=$now BROKERS=$brokers MODE=$p{mode} ROAD=$p{road}";
				diag("that round again: $failed");
			}
			$here += $now;
		}
		$w->shut_down;
	}
	return report(\%tally, \%obstacles, $failed, $rounds, time() - $began, \%p);
}

# "name  injected  survived", and what could not happen, and why.
sub report
{
	my ($tally, $obstacles, $failed, $rounds, $seconds, $p) = @_;
	my $total = delete $tally->{''} // {};
	my @lines = (
		sprintf('chaos: %d points in %d rounds, SEED=%d, mode %s, road %s, brokers %s, %d s', $total->{points} // 0, $rounds, $p->{seed},
			$p->{mode}, $p->{road}, "@{ $p->{brokers} }", $seconds),
		sprintf('%d changes, %d records, %d of them again', map { $total->{$_} // 0 } qw(changes records repeats)),
		$failed ? "FAILED; that round again: $failed" : 'every round ended with topics that equal the tables', '',
		sprintf('%-40s %8s %8s', 'fault', 'injected', 'survived'));
	my ($injected, $survived) = (0, 0);

	for my $fault (faults())
	{
		my $t = $tally->{ $fault->{name} };
		my ($why) = sort keys %{ $obstacles->{ $fault->{name} } };
		push @lines, sprintf '%-40s %8s %8s%s', $fault->{name}, $t ? @{$t}{qw(injected survived)} : ('-', '-'),
		  $t ? '' : $why ? "  $why" : '  not drawn';
		$injected += $t->{injected} // 0;
		$survived += $t->{survived} // 0;
	}
	push @lines, sprintf '%-40s %8d %8d', 'all', $injected, $survived;
	return join("\n", @lines) . "\n";
}

1;
