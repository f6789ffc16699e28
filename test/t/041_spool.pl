#
# Kafka is away for long: changes go to local disk, and only what is there is
# confirmed; after whatever comes in between, the topics have what the tables
# have.  The broker is stopped by a signal, so that nothing of it is lost.
#
use strict;
use warnings;

use File::Copy qw(copy);
use Nova;
use E2E;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start(own => 1);
my $prefix = topic_prefix();
my $dir = PostgreSQL::Test::Utils::tempdir('spool') . '/spool';
my ($broker) = slurp_file("$kafka->{state}/1/pid") =~ /(\d+)/;
my $relay;

sub config
{
	my (%more) = @_;
	return load_config($prefix,
		'nova.spool.dir' => $dir, 'nova.spool.after.ms' => 500, 'nova.spool.max.mb' => 100,
		'nova.position.interval.ms' => 50, 'status.update.interval.ms' => 500, %more);
}

# While there is a relay that knows where it is, and something in flight.
sub kafka_leaves
{
	kill 'STOP', $broker;
	write_rows();
	$relay->wait_for_line(qr/Kafka has acknowledged nothing for .* are kept in the spool/);
	return;
}

sub kafka_returns { kill 'CONT', $broker }

END { my $status = $?; kafka_returns() if $broker; $? = $status; }

# Transactions; where the last one ends.
sub write_rows
{
	my ($transactions, $width) = @_;
	$transactions //= 1;
	$width //= 0;
	$node->safe_psql('postgres', "DO \$\$ BEGIN FOR i IN 1..$transactions LOOP "
		. "PERFORM ledger.step(10, 300, $width); COMMIT; END LOOP; END \$\$");
	return $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
}

sub spool_files
{
	my @files = sort glob "$dir/*.spool";
	return @files;
}

sub keep_files
{
	my ($to) = @_;
	mkdir $to;
	copy($_, $to) or die "copy: $!" for spool_files();
	return;
}

sub restore_files
{
	my ($from) = @_;
	unlink spool_files();
	copy($_, $dir) or die "copy: $!" for glob "$from/*";
	return;
}

# What check finds of the spool, and of the position.
sub check_finds
{
	my ($name, $more, $expected, @lines) = @_;
	my ($status, $out) = run_relay('check',
		write_config('checked', $node, $kafka, config('slot.name' => 'nova_spool', %$more)));
	is($status, $expected, "check, $name: exit $expected") or diag($out);
	like($out, $_, "check, $name: and the line") for @lines;
	return;
}

# The byte in the middle of a file becomes another one.
sub damage
{
	my ($path) = @_;
	my $at = int((-s $path) / 2);
	open my $file, '+<', $path or die "$path: $!";
	seek $file, $at, 0;
	read $file, my $byte, 1;
	seek $file, $at, 0;
	print $file chr(ord($byte) ^ 1);
	close $file;
	return;
}

load_setup($node, identity => 'FULL');
load_topics($kafka, $prefix);

###############################################################################
# Under load: Kafka leaves, the relay is killed, Kafka comes back
###############################################################################

$relay = start_relay('spool', $node, $kafka, config('listeners' => 'http://127.0.0.1:0'));
my ($url) = $relay->wait_for_line(qr/serving HTTP on \S+/) =~ /HTTP on (\S+)/;
$relay->wait_for_line(qr/changes go there when Kafka acknowledges nothing for 500 ms, .* would be lost/);
$relay->wait_for_line(qr/streaming from slot nova_spool/);
my $load = load_start($node, clients => 2, transactions => 1_000_000, ops => 10, width => 300);
wait_confirmed($node, 'nova_spool', write_rows());

kafka_leaves();
wait_confirmed($node, 'nova_spool', write_rows());
pass('what is written while Kafka is away is confirmed');
my ($status, $out) = run_relay('status', $url);
like($out, qr/^  spooling to local disk +yes$/m, 'the status says so');
like($out, qr/^  spool: bytes +[1-9]/m, 'and how much it is');
isnt(scalar spool_files(), 0, 'it is in files');
($status, $out) = run_relay('check', '--sink', 'stdout', write_config('checked', $node, $kafka, config('slot.name' => 'nova_spool')));
like($out, qr/^warn  spool: \Q$dir\E is in use by a relay that runs, and has [1-9]\d* bytes/m, 'so does check, and leaves it alone');

$relay->kill9;
$relay = start_relay('spool', $node, $kafka, config());
$relay->wait_for_line(qr/spool \S+: \d+ bytes from before, up to LSN \S+, are confirmed/);
wait_confirmed($node, 'nova_spool', write_rows());
pass('after a crash it goes on where the spool ends');

kafka_returns();
$relay->wait_for_line(qr/the spool is delivered: \d+ records/);
$relay->wait_for_line(qr/the spool is empty: Kafka has everything/);
is(scalar spool_files(), 0, 'nothing is left of it');
load_wait($load, 1);
wait_confirmed($node, 'nova_spool');
my $repeats = load_verify($node, $kafka, $prefix, 'killed while Kafka is away')->{repeats};
is($relay->term, 0, 'the relay stops in order');

###############################################################################
# Started while Kafka is away, with nothing in the spool: it has to wait for Kafka
###############################################################################

kafka_returns();
kill 'STOP', $broker;
$relay = start_relay('spool', $node, $kafka, config());
$relay->wait_for_line(qr/streaming from slot nova_spool/);
write_rows(20);
$relay->wait_for_line(qr/plugin nova_decoder \S+ on server/);
{
	my $ticks = sub { my @stat = split ' ', slurp_file('/proc/' . $relay->pid . '/stat') =~ s/.*\) //sr; $stat[11] + $stat[12] };
	my $before = $ticks->();
	ok(outlives($relay, 3), 'started without Kafka: it waits');
	cmp_ok(($ticks->() - $before) / POSIX::sysconf(POSIX::_SC_CLK_TCK()), '<', 0.6, 'and does not use a processor for it');
}
kafka_returns();
wait_confirmed($node, 'nova_spool');
is($relay->term, 0, 'the relay stops in order');

###############################################################################
# A disk that is full: as without a spool
###############################################################################


# In place of a disk: files that may not grow beyond 200 kB.
sub start_with_small_files
{
	my $path = PostgreSQL::Test::Utils::tempdir('limited') . '/limited';
	append_to_file($path, "#!/bin/bash\nulimit -f 200\nexec '$ENV{NOVA_RELAY}' \"\$@\"\n");
	chmod 0755, $path;
	local $ENV{NOVA_RELAY} = $path;
	return start_relay('small', $node, $kafka, config('slot.name' => 'nova_spool', 'nova.spool.max.mb' => 2));
}

$relay = start_with_small_files();
$relay->wait_for_line(qr/streaming from slot/);
wait_confirmed($node, 'nova_spool', write_rows());
kafka_leaves();
my $written = write_rows(100, 2000);
like($relay->wait_for_line(qr/nothing more is read/), qr/File too large/, 'it says why it reads no more');
is($node->safe_psql('postgres',
	"SELECT confirmed_flush_lsn < '$written' FROM pg_replication_slots WHERE slot_name = 'nova_spool'"),
	't', 'what did not fit is not confirmed');
kafka_returns();
$relay->wait_for_line(qr/the spool is empty/);
wait_confirmed($node, 'nova_spool');
is(load_verify($node, $kafka, $prefix, 'a full disk')->{repeats}, $repeats, 'and nothing comes twice');
is($relay->term, 0, 'the relay stops in order');

###############################################################################
# Stopped while Kafka is away; and what must not be delivered
###############################################################################

# Four megabytes of eight, in files of one.
$relay = start_relay('spool', $node, $kafka, config('nova.spool.max.mb' => 8));
$relay->wait_for_line(qr/streaming from slot/);
wait_confirmed($node, 'nova_spool', write_rows());
kafka_leaves();
wait_confirmed($node, 'nova_spool', write_rows(50, 2000));
cmp_ok(scalar spool_files(), '>', 2, 'several files');
is($relay->term, 0, 'it stops in order without Kafka');
like($relay->log_text, qr/the spool \S+ keeps \d+ bytes, which are confirmed/, 'and says what it leaves');
my $kept = PostgreSQL::Test::Utils::tempdir('kept') . '/kept';
keep_files($kept);

my $other = start_relay('other', $node, $kafka, config());
relay_fails($other, qr/stopping: spool \S+: it has changes of slot nova_spool, .* and this is slot nova_other, .*/,
	'the spool of another slot');
is(join(' ', map { -s } spool_files()), join(' ', map { -s } sort glob "$kept/*"), 'it is left as it is');

# Each is what was written; then something is done to it.
for my $case (
	[ 'a file in the middle that is damaged', 2, qr/cannot start: spool \S+: 0\S+\.spool: an entry .*, at byte \d+: .*/,
		sub { damage((spool_files())[1]) } ],
	[ 'a file in the middle that is missing', 2, qr/cannot start: spool \S+: 0\S+\.spool: the file is missing, .*/,
		sub { unlink((spool_files())[1]) } ],
	[ 'a last file that is damaged', 1,
		qr/stopping: spool \S+: it ends at LSN \S+, but slot nova_spool was confirmed up to \S+: .* damaged .*/,
		sub { damage((spool_files())[-1]) } ],
  )
{
	my ($name, $status, $regex, $how) = @$case;
	$how->();
	my $refused = start_relay('refused', $node, $kafka, config('slot.name' => 'nova_spool'));
	relay_fails($refused, $regex, $name, $status);
	restore_files($kept);
}

# Before a start check says the same, and of one that is whole what waits in it.
kafka_returns();
my $failure = qr/^FAIL  position: everything up to LSN \S+ is delivered, but the slot begins at \S+: .*its spool/m;
check_finds('a spool that waits', {}, 0,
	qr/^warn  spool: \Q$dir\E has \d+ bytes in \d+ messages since \S+, up to LSN \S+, .*  → start the relay here/m,
	qr/^ok    position: everything up to LSN \S+, timeline 1, is delivered, and the spool has what follows, up to \S+$/m);
check_finds('no spool here', { 'nova.spool.dir' => "$dir-elsewhere" }, 1, qr/^ok    spool: \S+ is made/m, $failure);
check_finds('the spool of another slot', { 'slot.name' => 'nova_other' }, 1,
	qr/^FAIL  spool: .* it has changes of slot nova_spool, .*  → .*operations\.md/m);
damage((spool_files())[1]);
check_finds('a damaged spool', {}, 1, qr/^FAIL  spool: .*0\S+\.spool: an entry .*operations\.md/m, $failure);
restore_files($kept);
damage((spool_files())[-1]);
check_finds('a spool without its end', {}, 1,
	qr/^FAIL  spool: .* it ends at LSN \S+, but slot nova_spool was confirmed up to \S+: .* damaged .*operations\.md/m, $failure);
restore_files($kept);

# Another relay would leave out what only the spool has.
my $elsewhere = start_relay('elsewhere', $node, $kafka,
	config('slot.name' => 'nova_spool', 'nova.spool.dir' => "$dir-elsewhere"));
relay_fails($elsewhere,
	qr/stopping: PostgreSQL: slot "nova_spool": everything up to LSN \S+ is delivered, but .* in its spool .*/,
	'a relay of another host');

# A crash may leave half an entry, which was never confirmed.
append_to_file((spool_files())[-1], 'x' x 100);
write_rows(3);
$relay = start_relay('spool', $node, $kafka, config());
$relay->wait_for_line(qr/its last 100 bytes are no whole transaction/);
$relay->wait_for_line(qr/the spool is empty/);
wait_confirmed($node, 'nova_spool', write_rows());
load_verify($node, $kafka, $prefix, 'torn at the end');
is($relay->term, 0, 'the relay stops in order');

# The same files once more, when others have gone on.
restore_files($kept);
$relay = start_relay('spool', $node, $kafka, config());
relay_fails($relay,
	qr/stopping: spool \S+: it ends at LSN \S+, but slot nova_spool was confirmed up to .* another relay has gone on .*/,
	'a spool that others have passed');
isnt(scalar spool_files(), 0, 'it is kept');
unlink spool_files();
$relay = start_relay('spool', $node, $kafka, config());
wait_confirmed($node, 'nova_spool', write_rows());
pass('without it there is nothing to refuse');
is($relay->term, 0, 'the relay stops in order');

# What a spool has is confirmed before Kafka has it: so is what is skipped here.
$node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS nova_decoder');
my ($report, $waits) = ('', '');
my $verify = IPC::Run::start([ $ENV{NOVA_RELAY}, 'verify', write_config('spool', $node, $kafka, config()) ],
	'<', '/dev/null', '>', \$report, '2>', \$waits, IPC::Run::timeout(Nova::patience()));
$verify->pump while $verify->pumpable && $waits !~ /waiting until slot nova_spool has confirmed it/;
write_rows();
$node->safe_psql('postgres', "SELECT pg_replication_slot_advance('nova_spool', pg_current_wal_lsn())");
$verify->pump while $verify->pumpable && $waits !~ /waiting until the relay's spool is delivered up to LSN/;
ok($verify->pumpable, 'verify compares nothing that only a spool has') or diag("$report$waits");
$verify->kill_kill;

done_testing();
