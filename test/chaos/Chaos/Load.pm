
=pod

=head1 NAME

Chaos::Load - concurrent writers that survive their server, and the proof

=head1 SYNOPSIS

  use Chaos::Load;
  my $load = Chaos::Load->new($world, $seed);
  $load->start; … $load->stop;
  my $report = $load->verify;

=head1 DESCRIPTION

load.sql makes the tables and what a single change is; here is who does how many
of them in one transaction: single ones, several with savepoints of which some
are rolled back, thousands at once, some that are given up, and DDL.  All of it
is decided by the writer's number and the seed.  A writer whose connection ends
connects anew and goes on with its next transaction; whether the last one was
committed is in the ledger.

=cut

package Chaos::Load;

use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Open2 qw(open2);
use JSON::PP ();
use Nova ();
use POSIX ();
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep);

my $here = dirname(__FILE__) . '/..';
my $writers = 4;
my $keys = 400;
my @tables = qw(single pair word wide);
my @running;

sub new
{
	my ($class, $world, $seed) = @_;
	my $load = bless { world => $world, seed => $seed, pids => [] }, $class;

	$world->node->safe_psql($world->{database}, slurp_file("$here/load.sql"));
	$world->kafka->create_topic("$world->{prefix}.chaos.$_", 4) for @tables;
	return $load;
}

# The statements of one transaction.
sub transaction
{
	my $kind = rand;
	my $t = int rand @tables;

	return "SELECT ledger.ddl($t);" if $kind < 0.01;
	if ($kind < 0.02)
	{
		my $from = 1 + int rand $keys;
		return sprintf 'SELECT ledger.ops(%d, %d, %d, %.6f);', $t, $from, $from + int(rand 1500), rand;
	}
	my %places = map { ($_ => 1) } map { sprintf '%d, %4d', int rand @tables, 1 + int rand $keys } 1 .. 1 + rand 6;
	my @sql = 'BEGIN';
	my $open = 0;
	for my $place (sort keys %places)
	{
		if ($kind > 0.6 && !$open)
		{
			push @sql, 'SAVEPOINT s';
			$open = 1;
		}
		push @sql, sprintf 'SELECT ledger.op(%s, %.6f)', $place, rand;
		push @sql, sprintf 'SELECT pg_sleep(%.3f)', rand 0.02 if rand() < 0.5;
		if ($open && rand() < 0.5)
		{
			push @sql, rand() < 0.5 ? 'ROLLBACK TO s' : 'RELEASE s';
			$open = 0 if $sql[-1] eq 'RELEASE s';
		}
	}
	push @sql, rand() < 0.05 ? 'ROLLBACK' : 'COMMIT';
	return join(";\n", @sql) . ';';
}

# A writer's life; psql says "done" behind each transaction, and nothing more
# when its connection is gone.
sub write_on
{
	my ($load, $number) = @_;
	my $node = $load->{world}->node;
	my $stop = 0;
	my @psql = ($node->config_data('--bindir') . '/psql', '-XqAt', '-h', $node->host, '-p', $node->port,
		$load->{world}{database});

	srand $load->{seed} * 100 + $number;
	local $SIG{TERM} = sub { $stop = 1 };
	local $SIG{PIPE} = 'IGNORE';
	open STDERR, '>>', "$PostgreSQL::Test::Utils::log_path/chaos_writers.log";
	until ($stop)
	{
		my $pid = open2(my $out, my $in, @psql);
		until ($stop)
		{
			print $in transaction(), "\n\\echo done\n" or last;
			$in->flush or last;
			my $line;
			do { $line = <$out> } while defined $line && $line ne "done\n";
			last if !defined $line;
		}
		close $in;
		close $out;
		waitpid $pid, 0;
		sleep 0.1 if !$stop;
	}
	return;
}

sub start
{
	my ($load) = @_;

	for my $number (1 .. $writers)
	{
		my $pid = fork() // die "fork: $!";
		if ($pid == 0)
		{
			write_on($load, $number);
			POSIX::_exit(0);
		}
		push @{ $load->{pids} }, $pid;
		push @running, $pid;
	}
	return;
}

sub stop
{
	my ($load) = @_;
	kill 'TERM', @{ $load->{pids} };
	waitpid $_, 0 for @{ $load->{pids} };
	my %gone = map { ($_ => 1) } @{ $load->{pids} };
	@running = grep { !$gone{$_} } @running;
	return;
}

=head2 verify()

verify.py's report on the round's topics; all must have been confirmed.

=cut

sub verify
{
	my ($load) = @_;
	my $w = $load->{world};
	my $path = PostgreSQL::Test::Utils::tempdir('expect') . '/expect.jsonl';

	append_to_file($path,
		$w->node->safe_psql($w->{database}, 'SELECT line FROM ledger.expectations') . "\n");
	my ($status, @lines) = Nova::capture('/usr/bin/python3', "$here/verify.py", $w->kafka->bootstrap,
		"$w->{prefix}.chaos.", $path, $w->{mode});
	die "verify.py: status $status\n" if $status != 0;
	return JSON::PP::decode_json($lines[0]);
}

END
{
	my $status = $?;
	kill 'TERM', @running if @running;
	$? = $status;
}

1;
