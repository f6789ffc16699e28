#
# Memory, files and disk run out: the relay goes on, or ends with one line that
# says so; it never crashes, and never confirms what was not delivered.
#
use strict;
use warnings;

use IPC::Run ();
use Nova;
use E2E;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir('exhaustion');
my $relay_program = $ENV{NOVA_RELAY};
my $node = new_node('primary');
$node->safe_psql('postgres',
	'CREATE EXTENSION nova_decoder; CREATE TABLE t (id int PRIMARY KEY, v text)');

my $config = write_config('short', $node, undef, { 'slot.retry.delay.ms' => 50 });
my ($out, $err);

# Runs as a program that begins with these commands of a shell.
sub limited
{
	my ($commands) = @_;
	my $path = "$dir/limited";

	open my $file, '>', $path or die "$path: $!";
	print $file "#!/bin/sh\n$commands\nexec '$relay_program' \"\$@\"\n";
	close $file or die "$path: $!";
	chmod 0755, $path;
	return $path;
}

sub start_limited
{
	my ($commands) = @_;
	local $ENV{NOVA_RELAY} = limited($commands);

	return start_relay_with('short', $config, '--sink', 'stdout');
}

my $ids = 0;

# A transaction of three rows; where it ends.
sub write_rows
{
	my ($value) = @_;
	$value //= "'x'";
	my ($from, $to) = ($ids + 1, $ids + 3);

	$ids = $to;
	$node->safe_psql('postgres', "INSERT INTO t SELECT i, $value FROM generate_series($from, $to) i");
	return $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
}

sub is_confirmed
{
	my ($lsn) = @_;
	return $node->safe_psql('postgres',
		"SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = 'nova_short'") eq 't';
}

# Until it has confirmed the LSN, or has ended by itself; how it ended.
sub run_to
{
	my ($relay, $lsn) = @_;
	my $by_itself = 0;

	wait_until('it has delivered, or ended',
		sub { $relay->reap(POSIX::WNOHANG()); ($by_itself = defined $relay->{status}) || is_confirmed($lsn) });
	return ($by_itself ? $relay->wait_exit : $relay->term, $by_itself);
}

# Every row up to now is in what was delivered.
sub all_delivered
{
	my ($relay, $name) = @_;
	my %seen = map { $_ => 1 } $relay->stdout =~ /"key":\{"id":(\d+)\}/g;

	is(scalar(grep { !$seen{$_} } 1 .. $ids), 0, $name);
	return;
}

###############################################################################
# Allocations that fail
###############################################################################

my $library = "$dir/failmalloc.so";
ok(IPC::Run::run([ 'cc', '-O1', '-shared', '-fPIC', '-o', $library, 'test/lib/failmalloc.c' ]), 'failmalloc.so');

# The configuration: some of its allocations, each in its turn.
my $preload = "LD_PRELOAD=$library; export LD_PRELOAD; FAILMALLOC_REPORT=$dir/count; export FAILMALLOC_REPORT";
IPC::Run::run([ limited($preload), 'config', $config ], '>', \$out, '2>', \$err);
my $total = slurp_file("$dir/count") + 0;
cmp_ok($total, '>', 50, "reading the configuration allocates ($total)");
my %ended;
srand($ENV{NOVA_SEED} // 33);
for my $n (map { 1 + int($total * ($_ + rand) / 30) } 0 .. 29)
{
	IPC::Run::run([ limited("$preload; FAILMALLOC_AT=$n; export FAILMALLOC_AT"), 'config', $config ],
		'>', \$out, '2>', \$err);
	$ended{ $? & 127 ? 'signal' : $? == 0 ? 'whole' : $err =~ /out of memory/ ? 'told' : "status $?: $err" }++;
}
is(join(' ', sort keys %ended), $ended{whole} ? 'told whole' : 'told',
	'one of them fails: the relay says that it is out of memory');
my $before = $total;

# A stream: some of those that come after.  Each run has rows to deliver that the run
# before had not.
my $relay = start_limited($preload);
$relay->wait_for_line(qr/streaming from slot/);
my ($status) = run_to($relay, write_rows());
is($status, 0, 'a stream with none that fails');
$total = slurp_file("$dir/count") + 0;

my (%statuses, $ended);
my $runs = 14;
for my $run (1 .. $runs)
{
	my $at = $before + int(($total - $before) * ($run - rand) / $runs);
	my $count = $run % 2 ? 1 : 10;
	my $lsn = write_rows();

	$relay = start_limited("$preload; export FAILMALLOC_AT=$at FAILMALLOC_COUNT=$count");
	my ($how, $by_itself) = run_to($relay, $lsn);
	$statuses{$how}++;
	$ended += $by_itself;
	diag("allocation $at and $count: status $how") if $how < 0;
	like($relay->log_text, qr/ error: /, "allocation $at and $count: why it ended is told")
	  if $by_itself;
}
is_deeply([ grep { !/\A[012]\z/ } keys %statuses ], [], "$runs runs: none crashed");
note("of $total allocations; statuses: ", join(', ', map { "$_: $statuses{$_}" } sort keys %statuses));
$relay = start_limited(':');
($status) = run_to($relay, write_rows());
is($status, 0, 'with memory it goes on');
all_delivered($relay, 'nothing was confirmed that was not delivered');

###############################################################################
# A value that there is no memory for
###############################################################################

my $lsn = write_rows("repeat('y', 50000000)");
$relay = start_limited('ulimit -v 150000');
($status, $ended) = run_to($relay, $lsn);
is("$status $ended", '1 1', 'a large value and little memory: exit 1');
like($relay->log_text, qr/ error: .*out of memory.*/, 'it says so');
ok(!is_confirmed($lsn), 'it is not confirmed');

###############################################################################
# Files and disk.  What was not delivered comes again.
###############################################################################

my ($streams, %told);
for my $limit (5 .. 20)
{
	$relay = start_limited("ulimit -n $limit");
	# it tries again, since files may become free, or cannot even start
	my $line = $relay->wait_for_line(qr/Too many open files|cannot open shared object|streaming from slot/);
	$streams = $line =~ /streaming/;
	$status = $line =~ /cannot (?:start|open)/ ? $relay->wait_exit : $relay->term;
	$told{$status}++ if !$streams;
	last if $streams;
}
ok($streams, 'with a few files it streams');
is_deeply([ grep { !/\A(?:[012]|127)\z/ } keys %told ], [], 'with fewer it says that there are too many');

# A disk that is full, and a file that may not grow.
$relay = start_limited('exec > /dev/full');
is($relay->wait_exit, 1, 'a full disk: exit 1');
like($relay->log_text, qr/ error: .*No space left on device.*/, 'it says so');
# Its log is not such a file here, or it could not say anything.
IPC::Run::run([ limited("exec > $dir/small; ulimit -f 1"), 'run', $config, '--sink', 'stdout' ],
	'<', '/dev/null', '2>', \$err, IPC::Run::timeout(Nova::patience()));
is($?, 1 << 8, 'a file that may not grow: exit 1');
like($err, qr/ error: .*File too large.*/, 'it says so');
ok(!is_confirmed($lsn), 'nothing was confirmed by any of them');

# What it says goes nowhere; that is no reason to stop.
$relay = start_limited('exec 2> /dev/full');
($status) = run_to($relay, $lsn);
is($status, 0, 'a log that cannot be written does not stop it');
all_delivered($relay, 'all came in the end');

done_testing();
