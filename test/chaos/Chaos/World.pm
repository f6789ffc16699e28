
=pod

=head1 NAME

Chaos::World - the server, the brokers, the relay, and what is between them

=head1 SYNOPSIS

  use Chaos::World;                      # before everything that opens a port
  my $w = Chaos::World->new(brokers => 3, mode => 'at-least-once');
  $w->link('b1', 'cut'); $w->link('b1', 'open');
  my $why = $w->lacks('net');            # undef if this machine can do it

=head1 DESCRIPTION

The program runs itself again in namespaces of its own: user (in which it keeps
its id, for initdb refuses root, and has all capabilities), network and mount.
So nobody else's network is touched, no root is needed, and whatever was set up
is gone with the last process.

  main network                              the relay's network
  PostgreSQL     10.77.100.1 ─ pg ──────────  10.77.100.2
  broker 1       10.77.1.1   ─ b1 ──────────  10.77.1.2
  broker 2 …     10.77.2.1   ─ b2 ──────────  10.77.2.2

Each link is a pair of virtual devices.  "cut" and "slow" are token buckets on
both ends: one so small that no packet fits (silence, as behind a pulled plug;
nobody is told), and one of 300 kbit/s.  Writers and verification are in the
main network and see none of it.  PostgreSQL's WAL and the data of each broker
are on file systems of their own; a full disk is one that is made as small as
what is on it.

Where namespaces, ip, tc or mounting are not to be had, everything is on the
loopback address, and lacks() says what cannot be done and why.

=cut

package Chaos::World;

use strict;
use warnings;

use File::Basename qw(dirname);
use POSIX ();

# How to get there, kept for lacks().
my %lacking;

sub quiet { return system("@_ > /dev/null 2>&1") == 0 }

sub enter
{
	my @own = qw(unshare --user --map-current-user --keep-caps --net --mount);

	return if defined $ENV{NOVA_CHAOS_INSIDE};
	$ENV{NOVA_CHAOS_INSIDE} = quiet(@own, 'true') ? 1 : 0;
	return if !$ENV{NOVA_CHAOS_INSIDE};
	exec @own, $^X, (map { "-I$_" } @INC), $0, @ARGV or die "unshare: $!";
}

# Ports are looked for on the loopback address: it has to be up by then.
sub probe
{
	my $inside = $ENV{NOVA_CHAOS_INSIDE};
	my $up = $inside && quiet('ip link set lo up');

	$lacking{net} = $lacking{disk} = 'no namespaces: unshare --user --net --mount is not permitted'
	  if !$inside;
	die "in a network namespace without a loopback address: is iproute2 installed?\n" if $inside && !$up;
	return if !$inside;
	$lacking{net} = 'no virtual network devices with token buckets (ip, tc)'
	  if !quiet('ip link add probe0 type veth peer name probe1')
	  || !quiet('tc qdisc add dev probe0 root tbf rate 8kbit burst 10 limit 10');
	quiet('ip link del probe0');
	my $dir = "/tmp/chaos-probe-$$";
	mkdir $dir;
	$lacking{disk} = 'mounting a file system is not permitted'
	  if !quiet("mount -t tmpfs none $dir") || !quiet("umount $dir");
	rmdir $dir;
	return;
}

BEGIN { enter(); probe() }

use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(sleep);
use Nova qw(new_node kafka_start write_config start_relay_with);
use E2E qw(wait_until outlives);

my $script = dirname(__FILE__) . '/../../kafka/kafka';
my $disk_size = '512m';
my $give_up_seconds = 10;
my $cut = 'tbf rate 8kbit burst 10 limit 10';
my $slow = 'tbf rate 300kbit burst 3000 latency 300ms';
my @mounts;
my @helpers;

# A dead broker or replica is to be noticed within seconds.
my %broker_properties = (
	'broker.session.timeout.ms' => 2000,
	'broker.heartbeat.interval.ms' => 300,
	'replica.lag.time.max.ms' => 3000,
	'log.segment.bytes' => 16 * 1024 * 1024,
	'metadata.log.segment.bytes' => 16 * 1024 * 1024,
	'file.delete.delay.ms' => 1000);

my $server_conf = q{
wal_sender_timeout = 3s
tcp_user_timeout = 3s
restart_after_crash = on
deadlock_timeout = 200ms
min_wal_size = 2MB
max_locks_per_transaction = 256
log_statement = none
log_min_error_statement = panic
};

=head2 new(%params)

Starts server and brokers; brokers => 1 or 3, mode => the delivery mode, road => the
relay's nova.stream.mode.

=cut

sub new
{
	my ($class, %params) = @_;
	my $w = bless {
		brokers => $params{brokers},
		mode => $params{mode},
		road => $params{road},
		base => PostgreSQL::Test::Utils::tempdir('chaos'),
		rounds => 0 }, $class;

	$w->{disks} = { map { ($_ => $w->disk($_)) } 'wal', 1 .. $w->{brokers} };
	$w->start_net if !$lacking{net};
	$w->start_server;
	my @start = map { ('--address', $w->address("b$_")) } 1 .. $w->{brokers};
	push @start, '--heap', 256, $lacking{disk} ? () : ('--data', "$w->{base}/disk");
	$w->{kafka} = kafka_start(own => 1, brokers => $w->{brokers}, start => \@start,
		properties => { %broker_properties, 'min.insync.replicas' => $w->{brokers} >= 3 ? 2 : 1 });
	return $w;
}

sub node { return $_[0]{node} }
sub kafka { return $_[0]{kafka} }
sub relay { return $_[0]{relay} }
sub brokers { return 1 .. $_[0]{brokers} }

=head2 shut_down()

Ends all of it; another world may follow.

=cut

sub shut_down
{
	my ($w) = @_;

	$w->node->stop('immediate', fail_ok => 1);
	$w->kafka->stop('kill');
	return if $lacking{net};
	$w->ip(map { "ip link del $_" } 'pg', map { "b$_" } $w->brokers);
	$ENV{NOVA_RELAY} = $w->{program};
	return;
}

=head2 lacks($need)

Why the need ("net", "disk", "cluster") of a fault cannot be met, or undef.

=cut

sub lacks
{
	my ($w, $need) = @_;

	return $w->{brokers} < 3 ? 'only with three brokers' : undef if $need eq 'cluster';
	return $lacking{$need} && "UNAVAILABLE: $lacking{$need}";
}

# A file system of its own for the directory.
sub disk
{
	my ($w, $name) = @_;
	my $dir = "$w->{base}/disk/$name";

	mkdir "$w->{base}/disk";
	mkdir $dir or die "$dir: $!";
	return $dir if $lacking{disk};
	quiet("mount -t tmpfs -o size=$disk_size none $dir") or die "mount $dir: status $?\n";
	push @mounts, $dir;
	return $dir;
}

=head2 fill_disk($name), free_disk($name)

No byte more fits on the disk "wal" or that of broker N, and whoever writes there
has given up, or nobody wrote for some seconds; then there is room again.

=cut

sub fill_disk
{
	my ($w, $name) = @_;
	my $dir = $w->{disks}{$name};
	my $full = 0;

	# It may grow between the question and the answer, and be refused.
	for (1 .. 20)
	{
		my ($kb) = `df -k --output=used $dir` =~ /(\d+)/;
		$full = quiet("mount -o remount,size=${kb}k $dir") and last;
	}
	die "$dir cannot be made full\n" if !$full;
	my $until = Time::HiRes::time() + $give_up_seconds;
	# There may be segments left, made for later.
	while ($name eq 'wal' ? $w->ask('SELECT pg_switch_wal()') : !grep { $_ == $name } $w->dead_brokers)
	{
		return note("disk $name is full, and nobody has noticed") if Time::HiRes::time() > $until;
		sleep 0.05;
	}
	return;
}

sub free_disk
{
	my ($w, $name) = @_;
	quiet("mount -o remount,size=$disk_size $w->{disks}{$name}") or die "remount: status $?\n";
	return;
}

# Number of a link in its addresses.
sub subnet { my ($link) = @_; return $link eq 'pg' ? 100 : substr $link, 1 }

sub address
{
	my ($w, $link) = @_;
	return $lacking{net} ? '127.0.0.1' : '10.77.' . subnet($link) . '.1';
}

sub start_net
{
	my ($w) = @_;
	my $pid = fork() // die "fork: $!";

	if ($pid == 0)
	{
		exec 'unshare', '--net', 'sleep', 'infinity' or POSIX::_exit(127);
	}
	push @helpers, $pid;
	$w->{netns} = "/proc/$pid/ns/net";
	my $mine = readlink '/proc/self/ns/net';
	wait_until('the network of the relay', sub { sleep(0.01); return readlink($w->{netns}) ne $mine });
	for my $link ('pg', map { "b$_" } $w->brokers)
	{
		my $net = '10.77.' . subnet($link);
		$w->ip("ip link add $link type veth peer name $link netns $pid");
		$w->ip("ip addr add $net.1/24 dev $link", "ip link set $link up");
		$w->ip(map { "$w->{inside} $_" } "ip addr add $net.2/24 dev $link", "ip link set $link up");
	}

	# The relay is started in there: a program that runs another keeps its pid.
	my $path = "$w->{base}/relay";
	PostgreSQL::Test::Utils::append_to_file($path,
		"#!/bin/sh\nexec nsenter --net=$w->{netns} $ENV{NOVA_RELAY} \"\$@\"\n");
	chmod 0755, $path;
	$w->{program} = $ENV{NOVA_RELAY};
	$ENV{NOVA_RELAY} = $path;
	return;
}

sub ip
{
	my ($w, @commands) = @_;

	$w->{inside} //= "nsenter --net=$w->{netns}";
	for my $command (@commands)
	{
		quiet($command) or die "$command: status $?\n";
	}
	return;
}

=head2 link($name, $how)

The link "pg" or "bN" is "cut", "slow" or "open".

=cut

sub link
{
	my ($w, $link, $how) = @_;

	for my $where ('', "$w->{inside} ")
	{
		quiet("${where}tc qdisc del dev $link root");
		$w->ip("${where}tc qdisc add dev $link root " . ($how eq 'cut' ? $cut : $slow)) if $how ne 'open';
	}
	return;
}

sub start_server
{
	my ($w) = @_;
	my $address = $w->address('pg');

	$w->{node} = new_node("primary$w->{brokers}", start => 0,
		initdb => [ '--wal-segsize=1', "--waldir=$w->{disks}{wal}/pg_wal" ],
		conf => $server_conf . "listen_addresses = '$address'\n");
	for my $database (qw(all replication))
	{
		PostgreSQL::Test::Utils::append_to_file($w->node->data_dir . '/pg_hba.conf',
			"host $database all 10.77.0.0/16 trust\nhost $database all 127.0.0.1/32 trust\n");
	}
	$w->node->start;
	return;
}

# Not PostgreSQL::Test::Cluster's way, which ends the test when a server that
# has crashed cannot be stopped, or cannot be started at the first attempt.
sub pg_ctl
{
	my ($w, @arguments) = @_;
	return quiet('pg_ctl', '-w', '-D', $w->node->data_dir, '-l', $w->node->logfile, @arguments);
}

=head2 stop_server($mode), revive_server()

The first may find that it is down already, the second that it is up.  A fast stop
waits until the relay has confirmed everything, so it may take as long as Kafka is
out of reach: after some seconds it goes on without us.

=cut

sub stop_server { my ($w, $mode) = @_; $w->pg_ctl('-t', $give_up_seconds, '-m', $mode, 'stop'); return }

sub revive_server
{
	my ($w) = @_;

	# What is left of the one before may still hold its shared memory.
	wait_until('the server starts', sub { return $w->ask('SELECT 1') || $w->pg_ctl('start') && $w->ask('SELECT 1') });
	return;
}

=head2 signal_server($signal)

All of its processes.

=cut

sub signal_server
{
	my ($w, $signal) = @_;
	my ($postmaster) = slurp_file($w->node->data_dir . '/postmaster.pid') =~ /^(\d+)/;

	kill $signal, $postmaster, split ' ', slurp_file("/proc/$postmaster/task/$postmaster/children");
	return;
}

=head2 ask($sql)

One value from the round's database, or undef if the server does not answer.

=cut

sub ask
{
	my ($w, $sql) = @_;
	my ($out, $err, $late);
	# a psql that ends before it was told the query breaks the pipe: that is no answer either
	my $status = eval {
		$w->node->psql($w->{database} // 'postgres', $sql,
			stdout => \$out, stderr => \$err, timeout => 20, timed_out => \$late);
	};
	die $@ if $@ && $@ !~ /Broken pipe/;
	return !$late && defined $status && $status == 0 ? $out : undef;
}

sub walsender
{
	my ($w) = @_;
	return $w->ask("SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'nova_$w->{name}'") || undef;
}

=head2 begin_round()

A database of its own; topics, slot and relay of this round are named after it.

=cut

sub begin_round
{
	my ($w) = @_;

	$w->{rounds}++;
	$w->{name} = "round$w->{rounds}";
	$w->{prefix} = "chaos$w->{rounds}";
	$w->{database} = undef;
	$w->node->safe_psql('postgres', "CREATE DATABASE $w->{name}");
	$w->{database} = $w->{name};
	$w->node->safe_psql($w->{database}, 'CREATE EXTENSION nova_decoder') if $w->{road} ne 'replication';
	delete $w->{config};
	return;
}

sub config
{
	my ($w) = @_;

	return $w->{config} //= write_config($w->{name}, $w->node, $w->kafka, {
			'database.hostname' => $w->address('pg'),
			'database.dbname' => $w->{database},
			'topic.prefix' => $w->{prefix},
			'table.include.list' => 'chaos[.].*',
			'transforms.unwrap.add.fields' => 'op,lsn',
			'nova.stream.mode' => $w->{road},
			'nova.stream.backlog.mb' => 1,
			'nova.slot.watch.ms' => 200,
			'slot.retry.delay.ms' => 50,
			'retriable.restart.connector.wait.ms' => 500,
			'status.update.interval.ms' => 500,
			'producer.override.reconnect.backoff.max.ms' => 300,
			'producer.override.metadata.max.age.ms' => 2000,
			'kafka.socket.timeout.ms' => 3000,
			$w->{mode} eq 'exactly-once' ? ('exactly.once.support' => 'required') : ()
		});
}

sub start_relay
{
	my ($w) = @_;
	$w->{relay} = start_relay_with($w->{name}, $w->config);
	return;
}

=head2 end_round()

The relay is asked to stop, slot and database go; the relay's exit status.

=cut

sub end_round
{
	my ($w) = @_;
	my $status = $w->relay->term;

	wait_until('the slot is free', sub { sleep(0.05); return !$w->walsender });
	$w->node->safe_psql($w->{database}, "SELECT pg_drop_replication_slot('nova_$w->{name}')");
	$w->{database} = undef;
	$w->node->safe_psql('postgres', "DROP DATABASE $w->{name}");
	return $status;
}

=head2 confirmed($lsn)

Has the slot come so far?  Undef if the server does not answer.

=cut

sub confirmed
{
	my ($w, $lsn) = @_;
	my $answer = $w->ask("SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = 'nova_$w->{name}'");
	return defined $answer && $answer eq 't';
}

=head2 settle()

Waits until what was written by now is confirmed; the seconds that took.

=cut

sub settle
{
	my ($w) = @_;
	my $began = Time::HiRes::time();
	my $lsn;

	wait_until('the server answers', sub { return $lsn = $w->ask('SELECT pg_current_wal_insert_lsn()') });
	wait_until("LSN $lsn is confirmed", sub {
		return 1 if $w->confirmed($lsn);
		outlives($w->relay, 0.1) or die "the relay has ended by itself, status " . $w->relay->wait_exit . "\n";
		return 0;
	});
	return Time::HiRes::time() - $began;
}

=head2 signal_broker($n, $signal), kill_brokers(@n), dead_brokers(), revive_brokers()

The last starts the dead ones, at the same time: without a quorum none of them
gets to its end.

=cut

sub signal_broker
{
	my ($w, $n, $signal) = @_;
	kill $signal, slurp_file("$w->{kafka}{state}/$n/pid") =~ s/\s+//r;
	return;
}

sub kill_brokers { my ($w, @n) = @_; $w->kafka->stop_broker($_, 'kill') for @n; return }

sub dead_brokers
{
	my ($w) = @_;
	my $status = qx{'$script' status '$w->{kafka}{state}'};
	return grep { $status =~ /^broker $_ stopped/m } $w->brokers;
}

sub revive_brokers
{
	my ($w) = @_;
	my @started;

	for my $n ($w->dead_brokers)
	{
		my $pid = fork() // die "fork: $!";
		if ($pid == 0)
		{
			exec $script, 'start-broker', $w->{kafka}{state}, $n or POSIX::_exit(127);
		}
		push @started, $pid;
	}
	for my $pid (@started)
	{
		waitpid $pid, 0;
		die "a broker did not start again\n" if $? != 0;
	}
	return;
}

=head2 cluster($command, @arguments)

cluster.py: leaders and replicas of the round's topics.

=cut

sub cluster
{
	my ($w, @arguments) = @_;
	my ($status) = Nova::capture('/usr/bin/python3', dirname(__FILE__) . '/../cluster.py',
		$w->kafka->bootstrap, @arguments);

	die "cluster.py @arguments: status $status\n" if $status != 0;
	return;
}

END
{
	my $status = $?;
	quiet("umount -l $_") for @mounts;
	kill 'KILL', @helpers if @helpers;
	$? = $status;
}

1;
