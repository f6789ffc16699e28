#
# The environment of "make start": started twice, used, stopped twice, started
# again with its data, removed; what it must not touch; the calls over REST.  Then
# one of three brokers, of which one is missed by nobody.
#
use strict;
use warnings;

use IO::Socket::INET;
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir('dev') . '/state';
my $connector = 'nova-postgres-cdc-connector';

# In a row, below those of outgoing connections (test/kafka/kafka says why).
sub free_ports
{
	my ($count) = @_;
	for (1 .. 1000)
	{
		my $first = 10240 + int rand 20000;
		my @held = grep { $_ } map { IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $_, Listen => 1) } $first .. $first + $count - 1;
		return $first .. $first + $count - 1 if @held == $count;
	}
	die 'no free ports';
}

my @ports = free_ports(4);
my ($kafka_port, undef, $pg_port, $relay_port) = @ports;
%ENV = (%ENV, DEV_DIR => $dir, PG_PORT => $pg_port, KAFKA_PORT => $kafka_port, RELAY_PORT => $relay_port);
delete @ENV{qw(BROKERS RUNTIME DB_PASSWORD COUNT SQL S)};

# Status and what it said.
sub make
{
	my ($out, @arguments) = ('', @_);
	IPC::Run::run([ 'make', '-s', '--no-print-directory', @arguments ], '<', \'', '>&', \$out);
	my $status = $? >> 8;
	note("make @arguments: $status\n$out");
	return ($status, $out);
}

sub made
{
	my ($name, @arguments) = @_;
	my ($status, $out) = make(@arguments);
	is($status, 0, $name) or diag($out);
	return $out;
}

# Whoever was started from there, by what it was given.
sub processes
{
	return grep { my $line = slurp($_) // ''; index($line, "$dir/") >= 0 } glob '/proc/[0-9]*/cmdline';
}

sub slurp
{
	my ($path) = @_;
	open my $in, '<', $path or return;
	local $/;
	return scalar <$in>;
}

sub spew
{
	my ($path, $text) = @_;
	open my $out, '>', $path or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	return;
}

sub taken { return grep { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $_) } @ports }

sub pids { my ($text) = @_; return join ' ', $text =~ /runs, pid (\d+)/g }

END
{
	my $status = $?;
	system('deploy/dev', 'remove') if -e "$dir/settings";
	$? = $status;
}

# A port that somebody has.
{
	my $other = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $pg_port, Listen => 1);
	my ($status, $out) = make('start');
	isnt($status, 0, 'a port that is taken ends the start');
	like($out, qr/postgres: somebody else listens on port $pg_port; .*PG_PORT/, 'and is named');
}

# Twice.
my $started = made('it starts', 'start');
is(scalar(() = $started =~ /runs, pid/g), 3, 'three processes');
like($started, qr/$connector RUNNING, task RUNNING/, 'the connector runs');
my $again = made('it starts again', 'start');
is(pids($again), pids($started), 'the same processes');
is(pids(made('status', 'status')), pids($started), 'status has them, too');
is(system("curl -s http://127.0.0.1:$relay_port/connectors/$connector/status | " .
	q{jq -e '.connector.state == "RUNNING" and .tasks[0].state == "RUNNING"' > /dev/null}), 0, 'the health check of the team');
made('health', 'health');
# Five empty tables: a snapshot that is over before it is looked at.
like(scalar `curl -s http://127.0.0.1:$relay_port/metrics`, qr/^debezium_metrics_RemainingTableCount\S+ 0$/m, 'its snapshot leaves no table');

# Topics and records.
my $days = 24 * 3600 * 1000;
my %asked = (map({ ("cdc.$_->[0]" => "$_->[1] partitions, replication factor 1, cleanup.policy=compact, retention.ms=@{[ $_->[2] * $days ]}, compression.type=snappy") }
	[ users => 3, 30 ], [ posts => 10, 30 ], [ follows => 5, 30 ], [ comments => 5, 14 ], [ likes => 8, 7 ]),
	events => "10 partitions, replication factor 1, cleanup.policy=delete, retention.ms=@{[ 3 * $days ]}, compression.type=lz4");
like($started, qr/^made +\Q$_: $asked{$_}\E$/m, "start made $_") for sort keys %asked;
unlike($again, qr/^(?:made|differs|missing)/m, 'and the second one none');
my %listed = made('topics', 'topics') =~ /^equal +(\S+): (.*) \(.*\)$/mg;
is_deeply({ map { $_ => $listed{$_} } keys %asked }, \%asked, 'topics: as they are asked for');
my $record = made('test-cdc', 'test-cdc');
like($record, qr/^cdc\.users \[\d\] \{"id":1\} => \{"id":1,"username":"test-cdc-\d+",.*"__op":"c","__source_ts_ms":\d+\}$/, 'the record');
is(made('consume-users', 'consume-users', 'COUNT=1'), $record, 'the same from the beginning');
is(made('psql', 'psql', q{SQL=SELECT count(*) AS "how many" FROM users}), " how many \n----------\n        1\n(1 row)\n\n", 'one row');
# The role that was made may do what the commands of the relay need.
{
	for my $command ([qw(doctor)], [qw(verify)], [qw(snapshot public.follows --wait)])
	{
		my ($name, @more) = @$command;
		my $said = '';
		IPC::Run::run([ 'bash', '-c', 'eval "$(deploy/dev env)" && exec nova-relay "$@"', 'bash', $name, 'deploy/postgres-connector.json', @more ],
			'<', \'', '>&', \$said);
		is($? >> 8, 0, "nova-relay @$command") or diag($said);
	}
}
like(made('kafka-ui', 'kafka-ui'), qr/^cdc\.users +3 +1$/m, 'and one record');
like(made('logs', 'logs', 'S=relay'), qr/streaming from slot debezium_nova_slot/, 'of the relay');

# Deployed anew over REST, by the relay itself.
made('delete-connector: the relay', 'delete-connector');
isnt((make('health'))[0], 0, 'no connector');
made('deploy-connector: the relay', 'deploy-connector');
made('health: deployed', 'health');

# The drill of the lost slot, as the runbook has it.
{
	my ($pid) = slurp("$dir/relay.pid") =~ /(\d+)/;
	kill 'TERM', $pid;
	system('timeout', '60', 'tail', '-s', '0.05', '-f', "--pid=$pid", '/dev/null');
	made('the slot is dropped', 'psql', q{SQL=SELECT pg_drop_replication_slot('debezium_nova_slot')});
	my ($status, $out) = make('start');
	isnt($status, 0, 'a connector that fails ends the start');
	like($out, qr/the connector is FAILED: PostgreSQL: slot "debezium_nova_slot": it is gone: /, 'with the reason');
	is(system(q{jq '.config + {"snapshot.mode": "when_needed"}' deploy/postgres-connector.json | } .
		"curl -fs -o /dev/null -X PUT -H 'Content-Type: application/json' -d \@- http://127.0.0.1:$relay_port/connectors/$connector/config"), 0, 'a new snapshot is asked for');
	# whether it is there before the slot, or comes after it
	like(made('test-cdc: a new slot', 'test-cdc'), qr/"__op":"[cr]"/, 'and it goes on');
	made('deploy-connector: as it was', 'deploy-connector');
}

# What was fixed.
my ($status, $out) = make('start', 'RELAY_PORT=1');
isnt($status, 0, 'another port is refused');
like($out, qr/has RELAY_PORT=$relay_port/, 'with the one there is');

# It stops, and so does nobody else.
made('it stops', 'stop');
is_deeply([ processes() ], [], 'nothing is left running');
is_deeply([ taken() ], [], 'its ports are free');
like(made('it stops again', 'stop'), qr/^nothing runs$/m, 'with nothing to do');
($status, $out) = make('status');
isnt($status, 0, 'status is a failure');
is(scalar(() = $out =~ /stopped/g), 3, 'all are stopped');
spew($_, "$$\n") for "$dir/relay.pid", "$dir/kafka/1/pid", "$dir/data/postmaster.pid";
like(made('pid files of others', 'stop'), qr/^nothing runs$/m, 'this process is not ended');

# Called as Connect is.
{
	my $log = "$dir/rest";
	my ($in, $said) = ('', '');
	my $fake = IPC::Run::start([ '/usr/bin/python3', 'test/lib/fake_connect.py', $relay_port, $log ], '<', \$in, '>', \$said);
	$fake->pump until $said =~ /ready/;
	made('deploy-connector', 'deploy-connector');
	made('delete-connector', 'delete-connector');
	($status, $out) = make('health');
	isnt($status, 0, 'health without an answer');
	$fake->finish;
	my ($post, $put, $delete) = split /\n/, slurp($log);
	like($post, qr{^POST /connectors '\{\\n  "name": "$connector",\\n  "config"}, 'the connector JSON as it is');
	like($put, qr{^PUT /connectors/$connector/config '\{\\n  "connector.class"}, 'where there is one already, its settings');
	is($delete, "DELETE /connectors/$connector ''", 'it is deleted');
}

# In containers: what is asked of docker, by one that only writes it down.
{
	my $bin = PostgreSQL::Test::Utils::tempdir('bin');
	local $ENV{PATH} = "$bin:$ENV{PATH}";
	local $ENV{RUNTIME} = 'docker';
	local $ENV{DOCKER_LOG} = "$bin/log";
	local $ENV{DB_PASSWORD} = 'x';
	spew("$bin/docker", <<'END');
#!/bin/sh
echo "$*" >> "$DOCKER_LOG"
case $* in
	*" relay topics "*) printf 'made     cdc.posts: 10 partitions\nequal    cdc.users: 3 partitions\ndifferent\n'; exit "$TOPICS_STATUS" ;;
esac
END
	chmod 0755, "$bin/docker";
	local $ENV{TOPICS_STATUS} = 1;
	is(made('docker: start, a topic differs', 'start'), "made     cdc.posts: 10 partitions\ndifferent\n", 'docker: what was made is said');
	my @asked = map { s/^compose --env-file \S+\.env\.example -f \S+docker-compose\.yml //r } split /\n/, slurp("$bin/log");
	is_deeply(\@asked, [ 'up -d --build --wait postgres kafka', 'run --rm --no-deps -T relay topics /etc/nova/postgres-connector.json --apply --log-level warn',
		'up -d --build --wait' ], 'docker: first those the topics need, then the topics, then all');
	$ENV{TOPICS_STATUS} = 2;
	isnt((make('start'))[0], 0, 'docker: topics that cannot be made end the start');
	spew("$bin/log", '');
	made("docker: $_", $_) for qw(stop status logs consume-users clean-dev);
	my @done = map { s/^.*docker-compose\.yml //r } split /\n/, slurp("$bin/log");
	is_deeply([ map { /^(\S+)/ } @done ], [qw(stop ps logs exec down)], 'docker: what follows');
}

# Its data is still there; then it is gone.
made('it starts with what it had', 'start');
like(made('psql', 'psql', 'SQL=SELECT username FROM users'), qr/test-cdc-\d+/, 'the row');
like(made('consume', 'consume-users', 'COUNT=3'), qr/^\Q$record\E/m, 'the record, and those of the drill');
made('clean-dev', 'clean-dev');
ok(!-e $dir, 'it is removed');
is_deeply([ processes() ], [], 'nothing is left running');

# Three brokers.
$dir = PostgreSQL::Test::Utils::tempdir('dev3') . '/state';
@ports = free_ports(8);
%ENV = (%ENV, DEV_DIR => $dir, KAFKA_PORT => $ports[0], PG_PORT => $ports[6], RELAY_PORT => $ports[7], BROKERS => 3);
$started = made('three brokers: it starts', 'start');
like($started, qr/^kafka +runs, pid \d+ \d+ \d+ +port $ports[0]$/m, 'three brokers: all run');
unlike($started, qr/replication factor [^3]/, 'three brokers: no topic has fewer copies');
like($started, qr/^made +\Q$_\E: .*replication factor 3\b/m, "three brokers: of $_ all have one") for sort keys %asked;
is(system('test/kafka/kafka', 'stop-broker', "$dir/kafka", '1'), 0, 'three brokers: the first one stops');
($status, $out) = make('status');
isnt($status, 0, 'three brokers: that is a failure of status');
like($out, qr/^kafka +runs in part, pid \d+ \d+ +port/m, 'three brokers: which says what is left');
like(made('three brokers: test-cdc without the first one', 'test-cdc'), qr/"username":"test-cdc-\d+"/, 'three brokers: the record comes all the same');
made('three brokers: they stop', 'stop');
is_deeply([ processes() ], [], 'three brokers: nothing is left running');
is_deeply([ taken() ], [], 'three brokers: the ports are free');
made('three brokers: clean-dev', 'clean-dev');
ok(!-e $dir, 'three brokers: it is removed');

done_testing();
