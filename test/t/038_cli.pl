#
# The commands that look at or tell a running relay: status, tail, snapshot,
# doctor, and the completion for bash.
#
use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use Nova;
use E2E;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();
my $json = JSON::PP->new->utf8;
my $prefix = topic_prefix();
my ($status, $out, $err);

sub sql { return $node->safe_psql('postgres', $_[0]) }

sql(q{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE users (id int PRIMARY KEY, t text);
	INSERT INTO users SELECT g, 'old' FROM generate_series(1, 5) g;
	CREATE ROLE weak LOGIN});
my %config = ('topic.prefix' => $prefix, 'table.include.list' => 'public.users', 'listeners' => 'http://127.0.0.1:0');
my $path = write_config('cli', $node, $kafka, \%config);
$kafka->create_topic("$prefix.public.users", 1);
my $relay = start_relay_with('cli', $path);
my ($url) = $relay->wait_for_line(qr/serving HTTP on \S+/) =~ /HTTP on (\S+)/;
$relay->wait_for_line(qr/streaming from slot/);

# snapshot: the rows that there are come as records.
($status, $out, $err) = run_relay('snapshot', $path, 'public.users', '--json');
is($status, 0, 'snapshot: exit 0') or diag($err);
like($json->decode($out)->{lsn}, qr{\A[0-9A-F]+/[0-9A-F]+\z}, 'snapshot --json: where the signal is');
my @records = read_topic($kafka, "$prefix.public.users", min_count => 5);
is(scalar(grep { $_->{value} =~ /"__op":"r"/ } @records), 5, 'snapshot: every row came');
for my $how ([ '--pause', 'pause-snapshot' ], [ '--resume', 'resume-snapshot' ], [ '--stop', 'stop-snapshot' ])
{
	($status, $out, $err) = run_relay('snapshot', $path, $how->[0]);
	is($status, 0, "snapshot $how->[0]: exit 0") or diag($err);
	like($out, qr{\A$how->[1] is signalled at LSN [0-9A-F]+/[0-9A-F]+; }, 'and says so');
}
my $weak = write_config('weak', $node, $kafka, { %config, 'database.user' => 'weak' });
($status, $out, $err) = run_relay('snapshot', $weak, 'public.users');
is("$status $out", '1 ', 'snapshot by somebody who may not: exit 1');
like($err, qr/error: no signal was sent: .*; GRANT USAGE ON SCHEMA nova and EXECUTE ON FUNCTION nova\.signal to this role$/m, 'with the fix');

# tail: what was there, then what comes.
($status, $out, $err) = run_relay('tail', "$prefix.public.users", $path, '--from-beginning', '-n', 2);
is($status, 0, 'tail -n 2: exit 0') or diag($err);
is($out =~ s/"__source_ts_ms":\d+/"__source_ts_ms":0/gr,
	join('', map { qq($prefix.public.users\t0\t@{[ $_ - 1 ]}\t{"id":$_}\t{"id":$_,"t":"old","__op":"r","__source_ts_ms":0}\n) } 1, 2), 'tail: the first two records');
my ($tail_out, $tail_err) = ('', '');
my $tail = IPC::Run::start([ $ENV{NOVA_RELAY}, 'tail', "$prefix.public.users", $path, '--json', '--count=3' ],
	'<', '/dev/null', '>', \$tail_out, '2>', \$tail_err, my $timer = IPC::Run::timeout(Nova::patience()));
$tail->pump until $tail_err =~ /reading the end of 1 topic/;
sql(q{INSERT INTO users VALUES (10, E'a\x1b[2Jb'); DELETE FROM users WHERE id = 10});
$tail->finish;
ok(!$tail->result, 'tail: it ends after so many records');
my @tailed = map { $json->decode($_) } split /\n/, $tail_out;
is_deeply([ map { $_->{key} } @tailed ], [ ('{"id":10}') x 3 ], 'tail --json: what came after it began');
is_deeply([ map { defined $_->{value} ? $_->{value} =~ /"__op":"(.)"/ : undef } @tailed ], [ 'c', 'd', undef ], 'a tombstone is null');
is($tailed[0]{topic}, "$prefix.public.users", 'with its topic');
cmp_ok($tailed[0]{timestamp}, '>', 1600000000000, 'and time');
($status, $out) = run_relay('tail', "$prefix.public.users", $path, '--timeout', 1, '-n', 1);
is("$status $out", '1 ', 'tail: none came in time');
($status, $out, $err) = run_relay('tail', "$prefix.nowhere", $path);
is("$status $out", '1 ', 'tail of a topic that is not there');
like($err, qr/error: topic \Q$prefix\E\.nowhere does not exist; /, 'that is said');
my (undef, @topics) = Nova::capture('kcat', '-b', $kafka->bootstrap, '-L');
is(scalar(grep { /\Q$prefix\E\.nowhere/ } @topics), 0, 'and it does not come into being');

# status: by URL and by configuration.
wait_confirmed($node, 'nova_cli');
wait_until('that is told', sub { (run_relay('status', $url, '--json'))[1] =~ /"nova_records_acknowledged_total":8\b/ });
($status, $out, $err) = run_relay('status', $url);
is($status, 0, 'status of a relay that streams: exit 0') or diag($err);
like($out, qr/\Acli: connector RUNNING, task RUNNING, \Q$url\E$/m, 'status: connector and task');
like($out, qr/^  state +STREAM$/m, 'its state');
like($out, qr/^  records acknowledged +8$/m, 'numbers');
like($out, qr{^  confirmed LSN +[0-9A-F]+/[0-9A-F]+$}m, 'positions');
unlike($out, qr/\033/, 'no terminal: no control sequences');
($status, $out) = run_relay('status', $url, '--json');
my $answer = $json->decode($out);
is($answer->{state}, 'STREAM', 'status --json');
is($answer->{connectors}{cli}{status}{tasks}[0]{state}, 'RUNNING', 'with what Connect says');
my ($port) = $url =~ /:(\d+)$/;
($status, $out) = run_relay('status', write_config('port', $node, $kafka, { %config, 'listeners' => "http://:$port" }));
is($status, 0, 'status by the listeners of a configuration');
for my $bad ([ [ 'status', $path ], qr/listeners has port 0: give the URL/ ], [ [ 'status', 'ftp://x' ], qr{ftp://x: expected http://host:port or https://host:port} ],
	[ [ 'status', 'http://127.0.0.1:1' ], qr{http://127\.0\.0\.1:1: Connection refused; is the relay running} ])
{
	($status, $out, $err) = run_relay(@{ $bad->[0] });
	is("$status $out", '2 ', "@{ $bad->[0] }: exit 2");
	like($err, $bad->[1], 'and why');
}

# A terminal for standard output and error, and what was shown on it so far.
sub on_terminal
{
	my ($shown, @command) = @_;
	local $ENV{TERM} = $ENV{TERM_FOR_TEST} // 'xterm';
	my $keys = '';
	return IPC::Run::start([ $ENV{NOVA_RELAY}, @command ], '<pty<', \$keys, '>pty>', $shown, IPC::Run::timeout(Nova::patience()));
}

# On a terminal it is drawn until a signal.
my $drawn = '';
my $live = on_terminal(\$drawn, 'status', $url);
$live->pump until $drawn =~ /\033\[H\033\[J.*\033\[H\033\[J/s;
$live->signal('INT');
$live->finish;
like($drawn, qr/records acknowledged +8 +\(0\/s\)/, 'on a terminal: again and again, with rates');
ok(!$live->result, 'until a signal');

# What takes long shows a bar, which is gone before anything else comes.
my $clear = qr/\r\033\[K/;
sub shows_bar
{
	my ($name, $shown, $bar) = @_;
	like($shown, qr/$clear$bar/, "$name: a bar");
	unlike($shown, qr/^(?:(?!$clear).)*[^\r\n](?<!\033\[K)\d{4}-\d\d-\d\dT/m, "$name: no line stands behind it");
	return;
}
{
	sql('INSERT INTO users SELECT g, repeat(\'x\', 50) FROM generate_series(1000, 9000) g; ANALYZE users');
	wait_confirmed($node, 'nova_cli');
	my $shown = '';
	my $run = on_terminal(\$shown, 'verify', $path);
	$run->finish;
	ok(!$run->result, 'verify on a terminal') or diag($shown);
	shows_bar('verify', $shown, qr/\Q$prefix\E\.public\.users \[[#.]{10,}\] +\d+%  \d+ of 80\d\d offsets/);
	shows_bar('verify', $shown, qr/public\.users \[[#.]{10,}\] +\d+%  \d+ of 8006 rows/);
	like($shown, qr/^public\.users \(topic \Q$prefix\E\.public\.users\): rows 8006, equal 8006/m, 'the report stands where the bar was');
	for my $plain ([ TERM_FOR_TEST => 'dumb' ], [ NO_COLOR => 1 ])
	{
		local $ENV{ $plain->[0] } = $plain->[1];
		$shown = '';
		$run = on_terminal(\$shown, 'verify', $path);
		$run->finish;
		unlike($shown, qr/\033|#/, "$plain->[0]: nothing is drawn");
		like($shown, qr/^equal at LSN/m, 'but it works');
	}

	$shown = '';
	$run = on_terminal(\$shown, 'snapshot', $path, 'public.users', '--wait');
	$run->finish;
	ok(!$run->result, 'snapshot --wait') or diag($shown);
	like($shown, qr/incremental snapshot "wait-[\d.-]+" is complete/, 'it says so');
	my ($id) = $shown =~ /snapshot "(wait-[\d.-]+)"/;
	like($relay->log_text, qr/incremental snapshot "\Q$id\E" is complete/, 'and it is');
	($status, $out, $err) = run_relay('snapshot', $path, 'public.nothing', '--wait', '--json');
	is($status, 4, 'snapshot --wait of no table: exit 4') or diag($err);
	my $answer = $json->decode($out);
	is($answer->{result}, 'nothing', 'and the result');
	like($relay->log_text, qr/incremental snapshot "\Q$answer->{id}\E"/, 'its id is that of the log');

	# One that waits for its turn when somebody stops it.
	is((run_relay('snapshot', $path, '--pause'))[0], 0, 'snapshot --pause');
	($out, $err) = ('', '');
	$run = IPC::Run::start([ $ENV{NOVA_RELAY}, 'snapshot', $path, 'public.users', '--wait' ], '<', '/dev/null',
		'>', \$out, '2>', \$err, IPC::Run::timeout(Nova::patience()));
	$run->pump while $run->pumpable && $err !~ /is sent at LSN/;
	is((run_relay('snapshot', $path, $_))[0], 0, "snapshot $_") for '--stop', '--resume';
	$run->finish;
	is($run->result(0), 4, 'snapshot --wait of one that is stopped: exit 4') or diag($err);
	like($out, qr/^incremental snapshot "\S+" is over, but not complete: a signal stopped it; /m, 'and says so');
}

# doctor: what check finds, and what the database says.
($status, $out) = run_relay('doctor', $path);
is($status, 0, 'doctor: exit 0') or diag($out);
like($out, qr/^ok    Kafka: /m, 'doctor: what check looks at');
like($out, qr/^ok    nova\.doctor: wal_level: logical$/m, 'and what nova.doctor() says');
($status, $out) = run_relay('doctor', $path, '--json');
is((grep { $_->{what} eq 'nova.doctor: wal_level' } @{ $json->decode($out)->{findings} })[0]{verdict}, 'ok', 'doctor --json');
($status, $out) = run_relay('check', $path);
unlike($out, qr/nova\.doctor/, 'which check does not ask');

is($relay->term, 0, 'the relay stops in order');
($status, $out, $err) = run_relay('snapshot', $path, 'public.users', '--wait', '--timeout', 1);
is("$status $out", '1 ', 'snapshot --wait without a relay: exit 1');
like($err, qr/error: cannot wait for the snapshot: slot nova_cli is not confirmed .*: no relay reads from it; start it/, 'and why');
($status) = run_relay('status', $url);
is($status, 2, 'status of one that is gone: exit 2');

# A relay on a terminal: its snapshot.
{
	my $shown = '';
	my $run = on_terminal(\$shown, 'run', write_config('drawn', $node, $kafka, { %config, 'topic.prefix' => "$prefix.drawn", 'snapshot.mode' => 'initial' }));
	$run->pump until $shown =~ /streaming from slot/;
	$run->signal('TERM');
	$run->finish;
	ok(!$run->result, 'run on a terminal') or diag($shown);
	shows_bar('run', $shown, qr/snapshot \[[#.]{10,}\] +\d+%  \d+ of 8006 rows/);
	unlike($shown, qr/info: snapshot: \d+ of \d+ rows/, 'run: and no lines beside it');
}

# Completion: every command and every option that the help has.
($status, $out) = run_relay('completion', 'bash');
is($status, 0, 'completion: exit 0');
my $script = PostgreSQL::Test::Utils::tempdir('completion') . '/nova-relay';
append_to_file($script, $out);

# What bash offers behind these words.
sub offered
{
	my @words = @_;
	my (undef, @lines) = Nova::capture('bash', '-c', 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nova_relay; printf "%s\n" "${COMPREPLY[@]}"', $script, 'nova-relay', @words);
	return sort grep { /./ } map { s/\s+$//r } @lines;
}

my (undef, $help) = run_relay('--help');
my @commands = $help =~ /^  ([a-z]+) /mg;
cmp_ok(scalar @commands, '>=', 12, 'the help has the commands');
is_deeply([ grep { !/^-/ } offered('') ], [ sort @commands ], 'every command is completed');
for my $command (@commands)
{
	my (undef, $text) = run_relay($command, '--help');
	my @options = $text =~ /^  (?:-\w, )?(--[a-z-]+)/mg;
	is_deeply([ offered($command, '--') ], [ sort @options ], "every option of $command is completed");
}
is_deeply([ offered('run', '--sink', '') ], [qw(kafka stdout)], 'values, too');
is_deeply([ offered('topics', '--ap') ], ['--apply'], 'by their beginning');
is_deeply([ offered('help', 'ver') ], ['verify'], 'commands behind help');
is_deeply([ offered('completion', 'b') ], ['bash'], 'the shell');
is_deeply([ offered('check', 'Make') ], ['Makefile'], 'files');
is((run_relay('help', 'verify'))[1], (run_relay('verify', '--help'))[1], 'help COMMAND is COMMAND --help');

done_testing();
