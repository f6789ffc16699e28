
=pod

=head1 NAME

CopyBoth - a client of a stream, over either road, that a test steers

=head1 SYNOPSIS

  use Nova;
  use CopyBoth;
  my $slot = copied_slot($node, 'base');
  my $client = copyboth($node, [ '--until', $lsn, '--out', $file ], stream_command('direct', $slot));
  is($client->ended->{ended}, 'done');

  $client = copyboth($node, ['--confirm']);         # takes commands as they are sent
  $client->send(stream_command('direct', $slot));
  $client->streaming;
  kill 'STOP', $client->client;

=head1 DESCRIPTION

Runs test/lib/copyboth, whose options and JSON lines these are.  A wait that takes
longer than the usual time ends the test.  Clients that still run at the end are
killed.

=cut

package CopyBoth;

use strict;
use warnings;

use Exporter 'import';
use E2E qw(wait_until);
use File::Basename qw(dirname);
use IPC::Run ();
use JSON::PP ();
use Nova;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(copyboth stream_command copied_slot);

my $lib = dirname(__FILE__);
my @running;
my $copies = 0;

=head2 copied_slot($node, $slot)

The name of a new slot that stands where the other one does.

=cut

sub copied_slot
{
	my ($node, $slot) = @_;
	my $name = "${slot}_" . ++$copies;

	$node->safe_psql('postgres', "SELECT pg_copy_logical_replication_slot('$slot', '$name')");
	return $name;
}

=head2 stream_command($road, $slot, %params)

What begins a stream over the road 'direct' or 'replication'.  lsn => the
position to start at; options => [ name, value, … ] of the plugin.

=cut

sub stream_command
{
	my ($road, $slot, %params) = @_;
	my $lsn = $params{lsn} // '0/0';
	my @options = @{ $params{options} // [ 'topic.prefix', 'cdc' ] };

	return "CALL nova.stream('$slot', '$lsn', ARRAY[" . join(', ', map { "'$_'" } 'copy.both', 'true', @options) . '])'
	  if $road eq 'direct';
	my @pairs;
	push @pairs, sprintf(q{"%s" '%s'}, splice(@options, 0, 2)) while @options;
	return qq{START_REPLICATION SLOT "$slot" LOGICAL $lsn (} . join(', ', @pairs) . ')';
}

=head2 copyboth($node, [option…], command…)

Starts it and returns it when it is connected.  A hash as first option is what
goes into the connection: { replication => 'database', options => '-c x=y' }.
Without a command it runs those that come by send().

=cut

sub copyboth
{
	my ($node, $options, @commands) = @_;
	my %connect = ref $options->[0] ? %{ shift @$options } : ();
	my $stopped = grep { $_ eq '--stopped' } @$options;
	my $self = bless { in => '', out => '', err => '', seen => 0, stopped => $stopped }, 'CopyBoth';

	$connect{replication} = 'database' if grep { /^START_REPLICATION/ } @commands;
	$self->{run} = IPC::Run::start(
		[ "$lib/copyboth", @$options, join(' ', $node->connstr('postgres'), map { "$_='$connect{$_}'" } sort keys %connect), @commands ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, IPC::Run::timeout(Nova::patience()));
	push @running, $self;
	my $connected = $self->line('client');
	$self->{$_} = $connected->{$_} for qw(client backend);
	return $self;
}

sub client { return $_[0]{client} }
sub backend { return $_[0]{backend} }

# The next line that has this field, as a hash; those before it are passed over.
sub line
{
	my ($self, $field) = @_;

	while (1)
	{
		while (substr($self->{out}, $self->{seen}) =~ /\A(.*)\n/)
		{
			$self->{seen} += length($1) + 1;
			my $line = JSON::PP::decode_json($1);
			return $line if exists $line->{$field};
		}
		die "copyboth has ended without \"$field\": $self->{out}$self->{err}\n" if !$self->{run}->pumpable;
		$self->{run}->pump;
	}
}

# A stream has begun, and a client that was to stop then (--stopped) has stopped.
sub streaming
{
	my ($self) = @_;

	$self->line('streaming');
	wait_until('the client is stopped', sub { slurp_file("/proc/$self->{client}/stat") =~ /\) T / }) if $self->{stopped};
	return;
}

sub send
{
	my ($self, $command) = @_;

	$self->{in} .= "$command\n";
	return;
}

# The end of the command that runs now, or of the one given.
sub ended
{
	my ($self, $command) = @_;

	$self->send($command) if defined $command;
	return $self->line('ended');
}

# It goes when it has nothing more to run.
sub finish
{
	my ($self) = @_;

	$self->{run}->finish;
	@running = grep { $_ != $self } @running;
	return;
}

sub kill9
{
	my ($self) = @_;

	kill 'KILL', $self->{client};
	$self->finish;
	return;
}

END
{
	my $status = $?;
	$_->kill9 for grep { $_->{client} } @running;
	$? = $status;
}

1;
