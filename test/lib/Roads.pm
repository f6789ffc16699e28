
=pod

=head1 NAME

Roads - which road a relay's stream takes, and what makes it take the other one

=head1 SYNOPSIS

  use Nova;
  use E2E;
  use Roads;
  restart_points($node);
  my $relay = start_relay('x', $node, $kafka, load_config($prefix, road_config('auto')));
  takes_road($relay, 'replication', 'there is little to catch up with', 'no backlog');
  fall_behind($relay, $node, 20);
  changes_road($relay, 'direct', 'there is a backlog', 'a backlog');
  takes_road($relay, 'direct', 'there is a backlog', 'a backlog');

=head1 DESCRIPTION

All of it is read from the relay's log, which is waited for, and from its metrics: a
test that wants a change of roads does not pass without one.  The tables are those
of E2E's load.

The traps: the direct road is kept while a new stream would have as much WAL to read again
as a backlog is, and where it would begin to moves only with the server's records of
running transactions, of which a busy server has one in 15 s: restart_points() has it write
them all the time.  And after a direct stream, auto stays with the walsender for a while, whatever
the backlog (ROAD_REST_MS of relay/road.h); fall_behind() waits for the end of that.

=cut

package Roads;

use strict;
use warnings;

use Exporter 'import';
use E2E;
use HTTP::Tiny;
use IPC::Run ();
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(restart_points road_config takes_road changes_road url_of metric backlog_of fall_behind);

my $rest = 10; # ROAD_REST_MS, in seconds
my @checkpoints;

END
{
	my $status = $?;
	$_->kill_kill for @checkpoints;
	$? = $status;
}

=head2 restart_points($node)

Until the node stops, or the test ends.  A checkpoint writes such a record; what writes
that alone is in later servers only.

=cut

sub restart_points
{
	my ($node) = @_;
	my $in = "CHECKPOINT \\watch 0.1\n";

	push @checkpoints, IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', '/dev/null', '2>', '/dev/null');
	return;
}

=head2 road_config($mode, %more)

Settings with which a backlog is eight megabytes, and is looked for all the time.

=cut

sub road_config
{
	my ($mode, %more) = @_;
	return ('nova.stream.mode' => $mode, 'nova.position.interval.ms' => 50,
		'nova.stream.backlog.mb' => 8, 'nova.slot.watch.ms' => 50, %more);
}

=head2 takes_road($relay, $road, $why, $name)

Waits until a stream begins, which is to come by this road, for this reason (a regex).

=cut

sub takes_road
{
	my ($relay, $road, $why, $name) = @_;
	like($relay->wait_for_line(qr/streaming from slot/), qr/by the $road road: .*$why/, $name);
	return;
}

=head2 changes_road($relay, $road, $why, $name)

Waits until it leaves the other road for this one.  The stream begins later.

=cut

sub changes_road
{
	my ($relay, $road, $why, $name) = @_;
	like($relay->wait_for_line(qr/changing to the/), qr{to the $road road at LSN [0-9A-F]+/[0-9A-F]+: .*$why}, $name);
	return;
}

=head2 url_of($relay)

The relay's URL, once it serves.

=cut

sub url_of { return ($_[0]->wait_for_line(qr/serving HTTP on \S+/) =~ /HTTP on (\S+)/)[0] }

=head2 metric($url, $name)

The first sample of this name: its labels but the connector's, a space, the value; '' without one.

=cut

sub metric
{
	my ($url, $name) = @_;
	return HTTP::Tiny->new(timeout => 20)->get("$url/metrics")->{content} =~ /^\Q$name\E\{connector="[^"]*",?([^}]*)\} (\S+)$/m
	  ? "$1 $2" : '';
}

=head2 backlog_of($node, $mb)

Transactions of the load, until there is so much more WAL.

=cut

sub backlog_of
{
	my ($node, $mb) = @_;
	my $until = $node->safe_psql('postgres', "SELECT pg_current_wal_lsn() + $mb * 1048576::numeric");

	$node->safe_psql('postgres', q{DO $$ BEGIN FOR i IN 1..100 LOOP PERFORM ledger.step(20, 3000, 100); COMMIT; END LOOP; END $$})
	  while $node->safe_psql('postgres', "SELECT pg_current_wal_lsn() < '$until'") eq 't';
	return;
}

=head2 fall_behind($relay, $node, $mb, $left)

The same while the relay reads nothing (SIGSTOP): more than it could read before
it looks at the slot again.  With $left, the time() at which it was seen to leave the
direct road, at least until it may take it again.

=cut

sub fall_behind
{
	my ($relay, $node, $mb, $left) = @_;

	$relay->signal('STOP');
	backlog_of($node, $mb);
	wait_until('the time between two direct streams is over', sub { backlog_of($node, 0.1); time() > $left + $rest })
	  if defined $left;
	$relay->signal('CONT');
	return;
}

1;
