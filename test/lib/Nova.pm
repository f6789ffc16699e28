
=pod

=head1 NAME

Nova - end to end tests of nova: a server, a relay and a Kafka

=head1 SYNOPSIS

  use Nova;
  my $node  = new_node('primary');                   # a running server, extension not created
  my $kafka = kafka_start();                         # the run's shared broker
  my $relay = start_relay('main', $node, $kafka, { 'table.include.list' => 'public.users' });
  $relay->wait_for_line(qr/streaming from slot/);
  $node->safe_psql('postgres', 'INSERT INTO users VALUES (1)');
  my @records = read_topic($kafka, 'cdc.public.users', min_count => 1);
  $relay->term;                                      # its exit status

=head1 DESCRIPTION

On top of PostgreSQL::Test::Cluster.  Expects what test/run sets: PG_CONFIG,
NOVA_RELAY, TEMP_CONFIG, NOVA_KAFKA_STATE.  Nothing here sleeps: what a test
waits for is a line of a log, a record that arrives, a process that ends.  A
wait that takes longer than $PostgreSQL::Test::Utils::timeout_default seconds
ends the test.  Relays and own brokers that still run at the end are killed.

The broker of kafka_start() is shared by all test files: use topic names of
your own (topic_prefix() gives a fresh prefix), and kafka_start(own => 1, …) for
whatever stops brokers.

=cut

package Nova;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(basename dirname);
use JSON::PP ();
use POSIX ();
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(new_node kafka_start topic_prefix write_config start_relay start_relay_with
  read_topic kcat python_tap workload);

my $lib = dirname(__FILE__);
my $json = JSON::PP->new->utf8->canonical->pretty;
my $test = basename($0, '.pl');
my @relays;
my @brokers;

# Older copies of PostgreSQL's modules do not export the number.
sub patience
{
	no warnings 'once';
	return $PostgreSQL::Test::Utils::timeout_default || 180;
}

=head2 new_node($name, %params)

A fresh, running server with wal_level=logical and nova_decoder among its
output_plugin_libraries where it knows that setting.  conf => text is appended
to postgresql.conf; initdb => [arguments]; start => 0 leaves the server stopped.
Returns the PostgreSQL::Test::Cluster.

=cut

sub new_node
{
	my ($name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	# whatever locale this runs in: records hold characters
	$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C', @{ $params{initdb} // [] } ]);
	$node->append_conf('postgresql.conf', "max_connections = 50\n" . ($params{conf} // ''));
	$node->start if $params{start} // 1;
	return $node;
}

=head2 kafka_start(%params)

A Nova::Kafka with the methods bootstrap, create_topic($name, $partitions, 'k=v'…),
stop_broker($n, 'kill'?), start_broker($n), stop.  Without parameters the broker
of the whole run.  own => 1 starts one for this test: brokers => 3, properties
=> { 'message.max.bytes' => 1000 }, start => [more arguments of "kafka start"].
tls => [ KEYS, CA ] and user => [ NAME, PASSWORD ] add the listeners whose addresses
bootstrap('ssl') and bootstrap('sasl_ssl') are.

=cut

sub kafka_start
{
	my (%params) = @_;
	my $shared = $ENV{NOVA_KAFKA_STATE};

	return bless { state => $shared, shared => 1 }, 'Nova::Kafka'
	  if $shared && !$params{own};
	my $kafka = bless { state => PostgreSQL::Test::Utils::tempdir('kafka') }, 'Nova::Kafka';
	my $properties = $params{properties} // {};
	push @brokers, $kafka;
	$kafka->command('start', '--brokers', $params{brokers} // 1,
		(map { ('--property', "$_=$properties->{$_}") } sort keys %$properties),
		($params{tls} ? ('--tls', @{ $params{tls} }) : ()),
		($params{user} ? ('--user', @{ $params{user} }) : ()),
		@{ $params{start} // [] }, $kafka->{state});
	return $kafka;
}

=head2 topic_prefix()

A prefix no other test of this run uses.

=cut

my $prefixes = 0;

sub topic_prefix
{
	return "$test-$$-" . ++$prefixes;
}

=head2 write_config($name, $node, $kafka, \%config)

Writes a connector JSON and returns its path.  Given are the connection to
$node (database postgres), a slot "nova_$name", bootstrap.servers of $kafka,
topic.prefix "cdc", no snapshot, no HTTP, and what makes Debezium write flat JSON with
__op, __source_ts_ms and tombstones; %config adds and overrides, undef removes.

=cut

sub write_config
{
	my ($name, $node, $kafka, $config) = @_;
	my %c = (
		'connector.class' => 'io.debezium.connector.postgresql.PostgresConnector',
		'database.hostname' => $node->host,
		'database.port' => '' . $node->port,
		'database.user' => scalar getpwuid($>),
		'database.dbname' => 'postgres',
		'slot.name' => "nova_$name",
		'snapshot.mode' => 'no_data',
		'nova.profile' => 'nova',
		'topic.prefix' => 'cdc',
		'listeners' => '', # many relays at a time
		'transforms' => 'unwrap',
		'transforms.unwrap.type' => 'io.debezium.transforms.ExtractNewRecordState',
		'transforms.unwrap.drop.tombstones' => 'false',
		'transforms.unwrap.add.fields' => 'op,source.ts_ms',
		'key.converter' => 'org.apache.kafka.connect.json.JsonConverter',
		'key.converter.schemas.enable' => 'false',
		'value.converter' => 'org.apache.kafka.connect.json.JsonConverter',
		'value.converter.schemas.enable' => 'false',
		$kafka ? ('bootstrap.servers' => $kafka->bootstrap) : (),
		%{ $config // {} });
	delete @c{ grep { !defined $c{$_} } keys %c };
	my $path = PostgreSQL::Test::Utils::tempdir('config') . "/$name.json";
	open my $out, '>', $path or die "$path: $!";
	print $out $json->encode({ name => $name, config => \%c });
	close $out or die "$path: $!";
	return $path;
}

=head2 start_relay($name, $node, $kafka, \%config, @arguments)

Starts the relay with write_config()'s file; $kafka may be undef with
'--sink', 'stdout' or '--embedded-broker'.  Returns a Nova::Relay.  With the
same name again, the same slot is used and the log goes on in the same file.

=cut

sub start_relay
{
	my ($name, $node, $kafka, $config, @arguments) = @_;

	return start_relay_with($name, write_config($name, $node, $kafka, $config), @arguments);
}

=head2 start_relay_with($name, $path, @arguments)

The same with a connector JSON that is there already.

=cut

sub start_relay_with
{
	my ($name, $path, @arguments) = @_;
	my $base = "$PostgreSQL::Test::Utils::log_path/${test}_relay_$name";
	my $relay = bless { name => $name, log => "$base.log", out => "$base.out" }, 'Nova::Relay';

	# The file has to be there before anybody waits for lines of it.
	open my $touch, '>>', $relay->{log} or die "$relay->{log}: $!";
	close $touch;
	$relay->{from} = -s $relay->{log};
	$relay->{pid} = fork() // die "fork: $!";
	if ($relay->{pid} == 0)
	{
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', $relay->{out};
		open STDERR, '>>', $relay->{log};
		no warnings 'exec';
		exec { $ENV{NOVA_RELAY} } 'nova-relay', 'run', $path, @arguments;
		print STDERR "cannot run $ENV{NOVA_RELAY}: $!\n";
		POSIX::_exit(127);
	}
	push @relays, $relay;
	return $relay;
}

=head2 read_topic($kafka, $topic or [$topic…], %params)

The records, in the order of partitions and offsets, as hashes with topic,
partition, offset, key, value, headers, ts.  min_count => N waits for that many
records; tombstones => 1 gives only records without a value, tombstones => 0
only the others; uncommitted => 1 reads what a transaction left open, too.

=cut

sub read_topic
{
	my ($kafka, $topics, %params) = @_;
	my @command = ('/usr/bin/python3', "$lib/readback.py", '--bootstrap', $kafka->bootstrap,
		'--timeout', patience());

	push @command, '--min-count', $params{min_count} if $params{min_count};
	push @command, $params{tombstones} ? '--tombstones' : '--no-tombstones'
	  if defined $params{tombstones};
	push @command, '--isolation-level', 'read_uncommitted' if $params{uncommitted};
	push @command, ref $topics ? @$topics : $topics;
	my ($status, @lines) = Nova::capture(@command);
	fail("read back of $topics: status $status") if $status != 0;
	return map { $json->decode($_) } @lines;
}

=head2 kcat($kafka, $topic, $format, @arguments)

The lines kcat prints for all records there are, a second opinion on what
read_topic() sees.  $format is kcat's -f, by default key, tab, value; further
arguments go to kcat as they are.

=cut

sub kcat
{
	my ($kafka, $topic, $format, @more) = @_;
	my ($status, @lines) = Nova::capture('kcat', '-C', '-q', '-e', '-b', $kafka->bootstrap, @more,
		'-t', $topic, '-o', 'beginning', '-f', $format // "%k\t%s\n");

	fail("kcat $topic: status $status") if $status != 0;
	return @lines;
}

=head2 python_tap($script, @arguments)

Runs a Python script that speaks TAP; its tests become this file's.

=cut

sub python_tap
{
	my ($script, @arguments) = @_;
	my ($tests, $failed) = (0, 0);

	open my $in, '-|', '/usr/bin/python3', $script, @arguments or die "$script: $!";
	while (my $line = <$in>)
	{
		chomp $line;
		if ($line =~ /^(not )?ok \d+ - (.*)/)
		{
			$tests++;
			$failed += defined $1;
			ok(!$1, $2);
		}
		elsif ($line =~ /^# ?(.*)/) { diag($1) }
		else { note($line) }
	}
	close $in;
	ok($tests > 0 && ($? == 0 || $failed > 0), "$script came to its end");
	return;
}

=head2 workload($node, $database, $base, @files)

Runs files of test/compat, whose changes the real Debezium has seen, too.  $base
is what their generated keys begin above.  A test for each file.

=cut

sub workload
{
	my ($node, $database, $base, @files) = @_;
	for my $file (@files)
	{
		$node->command_ok([ 'psql', '-XqAt', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-v', "base=$base",
				'-d', $node->connstr($database), '-f', "test/compat/$file" ], $file);
	}
	return;
}

# A command's exit status and lines; its stderr goes to the test's log.
sub capture
{
	my @command = @_;
	open my $in, '-|', @command or die "$command[0]: $!";
	chomp(my @lines = <$in>);
	close $in;
	return ($?, @lines);
}

END
{
	my $status = $?;
	$_->kill9 for @relays;
	$_->stop('kill') for @brokers;
	$? = $status;
}

package Nova::Kafka;

use Test::More;

my $script = File::Basename::dirname(__FILE__) . '/../kafka/kafka';

sub command
{
	my ($self, @arguments) = @_;
	my ($status, @lines) = Nova::capture($script, @arguments);
	BAIL_OUT("kafka @arguments: status $status") if $status != 0;
	return @lines;
}

sub bootstrap
{
	my ($self, $listener) = @_;
	my $file = $listener ? "bootstrap.$listener" : 'bootstrap';
	return PostgreSQL::Test::Utils::slurp_file("$self->{state}/$file") =~ s/\s+$//r;
}

sub create_topic
{
	my ($self, $topic, $partitions, @properties) = @_;
	$self->command('create-topic', $self->{state}, $topic, $partitions, @properties);
	return;
}

sub own_only
{
	my ($self) = @_;
	die "the shared broker is not a test's to stop; use kafka_start(own => 1)\n"
	  if $self->{shared};
	return;
}

sub stop_broker
{
	my ($self, $n, $kill) = @_;
	$self->own_only;
	$self->command('stop-broker', ($kill ? '--kill' : ()), $self->{state}, $n);
	return;
}

sub start_broker
{
	my ($self, $n) = @_;
	$self->own_only;
	$self->command('start-broker', $self->{state}, $n);
	return;
}

sub stop
{
	my ($self, $kill) = @_;
	$self->own_only;
	$self->command('stop', ($kill ? '--kill' : ()), $self->{state});
	return;
}

package Nova::Relay;

use Test::More;

sub pid { return $_[0]{pid} }
sub log_file { return $_[0]{log} }
sub stdout { return PostgreSQL::Test::Utils::slurp_file($_[0]{out}) }

# What was logged since this relay was started.
sub log_text
{
	my ($self) = @_;
	return PostgreSQL::Test::Utils::slurp_file($self->{log}, $self->{from});
}

# Waits for a line of the log that matches; each call goes on after the line the
# one before has found.  Returns the line.  Ends the test when the relay ends or
# time runs out without one.
sub wait_for_line
{
	my ($self, $regex) = @_;
	my $from = $self->{seen} // $self->{from};
	my $found;

	my $tail = open my $in, '-|', 'tail', '-s', '0.1', '-c', '+' . ($from + 1), '-f',
	  "--pid=$self->{pid}", $self->{log};
	die "tail: $!" if !$tail;
	# A relay that has ended must not linger as a zombie: tail waits for the pid.
	local $SIG{CHLD} = sub { $self->reap(POSIX::WNOHANG()) };
	$self->reap(POSIX::WNOHANG());
	eval {
		local $SIG{ALRM} = sub { die "timeout\n" };
		alarm Nova::patience();
		while (my $line = <$in>)
		{
			$from += length $line;
			next if $line !~ $regex;
			$found = $line;
			last;
		}
		alarm 0;
	};
	kill 'TERM', $tail;
	close $in;
	if (!defined $found)
	{
		diag($self->log_text);
		die "relay $self->{name}: no line matches $regex\n";
	}
	$self->{seen} = $from;
	chomp $found;
	return $found;
}

sub reap
{
	my ($self, $flags) = @_;
	return if defined $self->{status};
	$self->{status} = $? if waitpid($self->{pid}, $flags) == $self->{pid};
	return;
}

# The exit status: 0 to 255, or -N if signal N ended it.  Waits for the end.
sub wait_exit
{
	my ($self) = @_;
	eval {
		local $SIG{ALRM} = sub { die "timeout\n" };
		alarm Nova::patience();
		$self->reap(0) while !defined $self->{status};
		alarm 0;
	};
	if (!defined $self->{status})
	{
		diag($self->log_text);
		die "relay $self->{name} does not end\n";
	}
	my $exit = $self->{status} & 127 ? -($self->{status} & 127) : $self->{status} >> 8;
	# where it was not asked for, this is what one wants to know
	note("relay $self->{name} ended with $exit: $1") if $exit != 0 && $self->log_text =~ /([^\n]*)\n\z/;
	return $exit;
}

sub signal
{
	my ($self, $signal) = @_;
	kill $signal, $self->{pid} if !defined $self->{status};
	return;
}

# Ask it to stop; its exit status.
sub term
{
	my ($self) = @_;
	$self->signal('TERM');
	return $self->wait_exit;
}

sub kill9
{
	my ($self) = @_;
	$self->signal('KILL');
	return $self->wait_exit;
}

1;
