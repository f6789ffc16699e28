
=pod

=head1 NAME

Chaos::Faults - the table of what can go wrong

=head1 DESCRIPTION

A fault has

  name     in the report
  part     what it happens to, in words; two at once have no word in common
  needs    what the machine must be able to do (Chaos::World::lacks), if anything
  dies     if it is the relay's end
  late     if what the relay has sent may arrive much later
  slow     if a broker is started again, which takes seconds of CPU time
  hold     how long it lasts at most, in seconds; 0: it is over at once
  inject   sub ($world, $n), $n a random number, decides which broker and the like
  heal     sub ($world, $n), if there is something to heal; finds the part in any
           state

Two faults of one point are injected from the bottom of this table upwards, and
healed from the top downwards: the relay meets with trouble around it before its
own, and comes back while that lasts.

In at-least-once mode nothing fences a relay that was killed: what it had handed
to the kernel or to a broker that stands still may arrive after the records of the
relay that follows it.  So there "dies" and "late" do not meet.

=cut

package Chaos::Faults;

use strict;
use warnings;

use Exporter 'import';

use E2E qw(outlives);

our @EXPORT_OK = qw(faults may_meet);

# Broker number $n of those there are.
sub broker { my ($w, $n) = @_; return 1 + $n % $w->{brokers} }

# Two or three of three: no controller is elected, and no topic can be written to.
sub some_brokers
{
	my ($w, $n) = @_;
	my @brokers = $w->brokers;
	my $first = $n % @brokers;
	return map { $brokers[ ($first + $_) % @brokers ] } 0 .. 1 + int($n / @brokers) % 2;
}

sub signal_walsender
{
	my ($w, $signal) = @_;
	my $pid = $w->walsender // return;
	kill $signal, $pid;
	return $pid;
}

# The relay reads on, and has much that nobody has acknowledged.
sub kill_with_a_backlog
{
	my ($w) = @_;

	$w->kill_brokers($w->brokers);
	outlives($w->relay, 1);
	$w->relay->kill9;
	return;
}

# It may be impatient.  With the server gone the relay cannot confirm, and says so.
sub after_term
{
	my ($w, $n) = @_;

	$w->relay->signal('KILL') if $n % 4 == 0;
	my $status = $w->relay->wait_exit;
	die "the relay that was to stop has status $status\n"
	  if $status != 0 && $status != -9 && $w->relay->log_text !~ /stopped with a rest/;
	$w->start_relay;
	return;
}

sub links { my ($w, $how) = @_; $w->link("b$_", $how) for $w->brokers; return }

my @faults = (
	{ name => 'relay killed', part => 'relay', dies => 1, hold => 0.5,
		inject => sub { $_[0]->relay->kill9 }, heal => sub { $_[0]->start_relay } },
	{ name => 'relay killed while it starts', part => 'relay', dies => 1, hold => 0.3,
		inject => sub { $_[0]->relay->kill9; $_[0]->start_relay; select undef, undef, undef, $_[1] % 100 / 1000; $_[0]->relay->kill9 },
		heal => sub { $_[0]->start_relay } },
	{ name => 'relay stopped in order', part => 'relay', dies => 1, hold => 0.5,
		inject => sub { $_[0]->relay->signal('TERM') },
		heal => \&after_term },
	{ name => 'relay paused', part => 'relay', hold => 5,
		inject => sub { $_[0]->relay->signal('STOP') }, heal => sub { $_[0]->relay->signal('CONT') } },

	{ name => 'walsender terminated', part => 'server', hold => 0,
		inject => sub { my $pid = $_[0]->walsender; $_[0]->ask("SELECT pg_terminate_backend($pid)") if $pid } },
	{ name => 'walsender killed, server recovers', part => 'server', hold => 0.5,
		inject => sub { signal_walsender($_[0], 'KILL') }, heal => sub { $_[0]->revive_server } },
	{ name => 'walsender paused', part => 'server', hold => 4,
		inject => sub { $_[0]{paused} = signal_walsender($_[0], 'STOP') },
		heal => sub { kill 'CONT', $_[0]{paused} if $_[0]{paused} } },
	{ name => 'server paused', part => 'server', hold => 4,
		inject => sub { $_[0]->signal_server('STOP') }, heal => sub { $_[0]->signal_server('CONT') } },
	{ name => 'server stopped immediately', part => 'server', hold => 1,
		inject => sub { $_[0]->stop_server('immediate') }, heal => sub { $_[0]->revive_server } },
	{ name => 'server stopped fast', part => 'server', hold => 1,
		inject => sub { $_[0]->stop_server('fast') },
		heal => sub { $_[0]->stop_server('immediate'); $_[0]->revive_server } },
	{ name => 'disk of the WAL full', part => 'server', needs => 'disk', hold => 4,
		inject => sub { $_[0]->fill_disk('wal') },
		heal => sub { $_[0]->free_disk('wal'); $_[0]->revive_server } },

	{ name => 'server unreachable', part => 'server-way', needs => 'net', hold => 5,
		inject => sub { $_[0]->link('pg', 'cut') }, heal => sub { $_[0]->link('pg', 'open') } },
	{ name => 'server slow to reach', part => 'server-way', needs => 'net', hold => 3,
		inject => sub { $_[0]->link('pg', 'slow') }, heal => sub { $_[0]->link('pg', 'open') } },

	{ name => 'brokers unreachable', part => 'kafka-way', late => 1, needs => 'net', hold => 5,
		inject => sub { links($_[0], 'cut') }, heal => sub { links($_[0], 'open') } },
	{ name => 'brokers slow to reach', part => 'kafka-way', late => 1, needs => 'net', hold => 3,
		inject => sub { links($_[0], 'slow') }, heal => sub { links($_[0], 'open') } },
	{ name => 'one broker of three unreachable', part => 'kafka-way', late => 1, needs => 'net cluster', hold => 6,
		inject => sub { $_[0]->link('b' . broker(@_), 'cut') }, heal => sub { $_[0]->link('b' . broker(@_), 'open') } },

	{ name => 'broker killed', part => 'kafka', slow => 1, hold => 2,
		inject => sub { $_[0]->kill_brokers(broker(@_)) }, heal => sub { $_[0]->revive_brokers } },
	{ name => 'broker stopped in order', part => 'kafka', slow => 1, hold => 1,
		inject => sub { $_[0]->kafka->stop_broker(broker(@_)) }, heal => sub { $_[0]->revive_brokers } },
	{ name => 'broker paused', part => 'kafka', late => 1, hold => 5,
		inject => sub { $_[0]->signal_broker(broker(@_), 'STOP') }, heal => sub { $_[0]->signal_broker(broker(@_), 'CONT') } },
	{ name => 'disk of a broker full', part => 'kafka', slow => 1, needs => 'disk', hold => 3,
		inject => sub { $_[0]->fill_disk(broker(@_)) },
		heal => sub { $_[0]->free_disk(broker(@_)); $_[0]->kill_brokers(broker(@_)); $_[0]->revive_brokers } },
	{ name => 'several brokers killed', part => 'kafka', slow => 1, needs => 'cluster', hold => 1,
		inject => sub { $_[0]->kill_brokers(some_brokers(@_)) }, heal => sub { $_[0]->revive_brokers } },
	{ name => 'all brokers killed, then the relay', part => 'kafka relay', slow => 1, dies => 1, hold => 1,
		inject => \&kill_with_a_backlog, heal => sub { $_[0]->start_relay; $_[0]->revive_brokers } },
	{ name => 'leaders moved', part => 'kafka', needs => 'cluster', hold => 0,
		inject => sub { $_[0]->cluster('lead', $_[0]{prefix}, $_[1]) } },
	{ name => 'partitions reassigned', part => 'kafka', needs => 'cluster', hold => 1,
		inject => sub { $_[0]->cluster('shrink', $_[0]{prefix}, $_[1]) },
		heal => sub { $_[0]->cluster('restore', $_[0]{prefix}, $_[1]) } });

$faults[$_]{place} = $_ for 0 .. $#faults;

=head2 faults()

All of them.

=head2 may_meet($fault, $other, $mode)

Can both be part of the same point?

=cut

sub faults { return @faults }

sub may_meet
{
	my ($fault, $other, $mode) = @_;
	my %parts = map { ($_ => 1) } split / /, $fault->{part};

	return 0 if grep { $parts{$_} } split / /, $other->{part};
	return $mode eq 'exactly-once' || !grep { $_->[0]{dies} && $_->[1]{late} } [ $fault, $other ], [ $other, $fault ];
}

1;
