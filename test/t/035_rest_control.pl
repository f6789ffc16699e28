#
# A connector's life over HTTP, with the team's commands: deployed, paused under
# load, resumed, started again, stopped, deleted, and what of it survives the
# process.  Nothing is lost or out of order by any of it.
#
use strict;
use warnings;

use JSON::PP ();
use Nova;
use E2E;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();
my $prefix = topic_prefix();
my $dir = PostgreSQL::Test::Utils::tempdir('data') . '/relay';
my $work = PostgreSQL::Test::Utils::tempdir('work');
my $json = JSON::PP->new->canonical;
my $name = 'nova-postgres-cdc-connector';
my ($base, $relay);

sub sql { return $node->safe_psql('postgres', $_[0]) }

# curl's status and body.
sub curl
{
	my ($method, $path, @more) = @_;
	my ($rc, @lines) = Nova::capture('curl', '-sS', '--max-time', 30, '-X', $method, '-w', '\n%{http_code}', @more, "$base$path");
	my $code = pop @lines // "curl: $rc";
	return ($code, join("\n", @lines) =~ s/\n$//r);
}

sub sent
{
	my ($method, $path, $body, @more) = @_;
	my $file = "$work/body.json";
	PostgreSQL::Test::Utils::append_to_file("$file.new", ref $body ? $json->encode($body) : $body);
	rename "$file.new", $file or die "$file: $!";
	return curl($method, $path, '-H', 'Content-Type: application/json', '-d', "\@$file", @more);
}

sub is_answer { my ($got, $want, $what) = @_; return is_deeply([ $got->[0], $got->[1] ], $want, $what) || diag("@$got") }
sub error_of { my ($code, $message) = @_; return [ $code, $json->encode({ error_code => $code, message => $message }) ] }

sub status { return $json->decode((curl('GET', "/connectors/$name/status"))[1]) }
sub state { my $s = status(); return join ' ', $s->{connector}{state} // '', map { $_->{state} } @{ $s->{tasks} // [] } }
sub metric { my ($code, $text) = curl('GET', '/metrics'); return $text =~ /^\Q$_[0]\E(?:\{.*\})? (\S+)$/m ? $1 : undef }

# The state of the connector that alerts look at.
sub told_state { return join ' ', (curl('GET', '/metrics'))[1] =~ /^nova_connector_state\{connector="\Q$name\E",state="(\w+)"\} 1$/mg }

# The team's health check, as it is.
sub is_healthy
{
	return system(qq{curl -s "$base/connectors/$name/status" | jq -e '.connector.state == "RUNNING" and .tasks[0].state == "RUNNING"' > /dev/null}) == 0;
}

sub start
{
	$relay = start_relay_with('worker', "$work/worker.json", '--data-dir', $dir);
	($base) = $relay->wait_for_line(qr/serving HTTP on \S+/) =~ /HTTP on (\S+)/;
	return;
}

# The connector JSON that is shipped, for this server and these tables.
sub shipped
{
	my (%more) = @_;
	my $whole = $json->decode(PostgreSQL::Test::Utils::slurp_file('deploy/postgres-connector.json'));
	my $c = $whole->{config};
	delete @$c{ grep { /^topic[.]creation|^transforms[.]route/ } keys %$c };
	%$c = (%$c, 'topic.prefix' => $prefix, 'table.include.list' => 'load[.].*', 'transforms' => 'unwrap', 'slot.name' => 'worker',
		'database.user' => scalar getpwuid($>), 'database.dbname' => 'postgres', 'snapshot.mode' => 'no_data',
		'nova.shutdown.timeout.ms' => 60000, %more);
	delete $c->{'bootstrap.servers'};
	return $whole;
}

load_setup($node);
sql('CREATE EXTENSION nova_decoder');
load_topics($kafka, $prefix);
@ENV{qw(DB_HOST DB_PORT DB_PASSWORD)} = ($node->host, $node->port, 'hunter2');
PostgreSQL::Test::Utils::append_to_file("$work/worker.json", $json->encode({ 'listeners' => 'http://127.0.0.1:0', 'bootstrap.servers' => $kafka->bootstrap }));

# Nothing is deployed yet.
start();
is_answer([ curl('GET', '/connectors') ], [ 200, '[]' ], 'empty: no connectors');
is_answer([ curl('GET', '/readyz') ], [ 200, 'EMPTY' ], 'empty: it can be deployed to');
is_answer([ curl('GET', "/connectors/$name/status") ], error_of(404, "No status found for connector $name"), 'empty: no status');
is_answer([ curl('PUT', "/connectors/$name/pause") ], error_of(404, "Unknown connector $name"), 'empty: nothing to pause');
my ($code, $body) = sent('POST', '/connectors', shipped('slot.name' => 'Bad', 'topc.prefix' => 'x'));
is($code, 400, 'bad: refused');
like($body, qr/invalid and contains the following 2 error\(s\):.*slot[.]name: .*topc[.]prefix: unknown key; did you mean topic[.]prefix/, 'bad: both errors');
is_answer([ curl('GET', '/connectors') ], [ 200, '[]' ], 'bad: nothing is deployed');
is((sent('POST', '/connectors', '{"name":'))[0], 400, 'bad JSON');
is_answer([ curl('POST', '/connectors', '-d', $json->encode(shipped())) ], error_of(415, 'HTTP 415 Unsupported Media Type'), 'a form is no JSON');
is((curl('POST', "/connectors/$name/restart", '-H', "Origin: $_"))[0], 403, "a page at $_") for 'http://evil.example', $base =~ s/\d+$/1/r, 'null';
is((curl('POST', "/connectors/$name/restart", '-H', "Origin: $base"))[0], 404, 'our own page');
is((sent('POST', '/connectors', '{"name":"' . 'x' x 300_000))[0], 413, 'a body that is too large');
($code, $body) = sent('PUT', '/connector-plugins/PostgresConnector/config/validate', { 'slot.name' => 'Bad' });
my $infos = $json->decode($body);
is_deeply([ $code, $infos->{error_count}, map { $_->{value}{name} } grep { @{ $_->{value}{errors} } } @{ $infos->{configs} } ],
	[ 200, 5, 'topic.prefix', 'database.hostname', 'database.user', 'database.dbname', 'slot.name' ], 'validated');

my $class = 'io.debezium.connector.mysql.MySqlConnector';
is_answer([ sent('PUT', '/connector-plugins/PostgresConnector/config/validate', { 'connector.class' => $class }) ],
	error_of(400, "Included connector type $class does not match request type PostgresConnector"), "another class's settings");

# Deployed.
($code, $body) = sent('POST', '/connectors', shipped(), '-D', "$work/headers");
is($code, 201, 'deployed');
like(PostgreSQL::Test::Utils::slurp_file("$work/headers"), qr{^Location: \Q$base/connectors/$name\E\r$}m, 'and where it is now');
my $made = $json->decode($body);
is_deeply([ $made->{name}, $made->{tasks}, $made->{type}, $made->{config}{'database.password'} ], [ $name, [], 'source', '${env:DB_PASSWORD}' ], 'what was made');
is_answer([ sent('POST', '/connectors', shipped()) ], error_of(409, "Connector $name already exists"), 'deployed twice');
like((sent('POST', '/connectors', { %{ shipped() }, name => 'other' }))[1], qr/^\{"error_code":409,"message":"This relay has the connector $name, and room for one/, 'a second one');
$relay->wait_for_line(qr/streaming from slot/);
ok(is_healthy(), 'the health check passes');
is((stat "$dir/connector.json")[2] & 0777, 0600, 'what was deployed is nobody else\'s to read');
my $file = PostgreSQL::Test::Utils::slurp_file("$dir/connector.json");
like($file, qr/\$\{env:DB_PASSWORD\}/, 'and has its placeholders');
unlike($file, qr/hunter2/, 'and not what they stand for');
my $second = start_relay_with('second', "$work/worker.json", '--data-dir', $dir);
isnt($second->wait_exit, 0, 'a second process of the directory');
like($second->log_text, qr/--data-dir \Q$dir\E: another relay uses it/, 'is told why not');

# Paused under load: nothing more comes, the connection stays.
my $load = load_start($node, clients => 2, transactions => 150);
wait_until('some of it is delivered', sub { (metric('nova_records_acknowledged_total') // 0) > 200 });
is_answer([ curl('PUT', "/connectors/$name/pause") ], [ 202, '' ], 'pause');
$relay->wait_for_line(qr/paused, as asked/);
wait_until('what was in flight is delivered', sub { state() eq 'PAUSED PAUSED' && metric('nova_lag_records') == 0 });
ok(!is_healthy(), 'paused: the health check says so');
is(told_state(), 'PAUSED', 'paused: so do the metrics');
is((curl('GET', '/readyz'))[0], 503, 'paused: it is not ready');
is((curl('GET', '/healthz'))[0], 200, 'paused: it is well');
my $before = metric('nova_records_acknowledged_total');
my $pid = sql("SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'worker'");
is(load_wait($load), 0, 'the load comes to its end');
is(metric('nova_records_acknowledged_total'), $before, 'paused: nothing was delivered');
is(sql("SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'worker'"), $pid, 'paused: the connection stayed');

is_deeply([ sort @{ $json->decode((curl('GET', "/connectors/$name/topics"))[1])->{$name}{topics} } ],
	[ map { "$prefix.load.$_" } qw(events posts users) ], 'its topics');
is((curl('PUT', "/connectors/$name/topics/reset"))[0], 202, 'which can be reset');

# It is remembered, and a start does not end it.
is($relay->term, 0, 'paused: it ends in order');
start();
wait_until('it is paused', sub { state() eq 'PAUSED PAUSED' });
is($json->decode((curl('GET', "/connectors/$name"))[1])->{config}{'topic.prefix'}, $prefix, 'what was deployed is there');
is_answer([ curl('PUT', "/connectors/$name/resume") ], [ 202, '' ], 'resume');
$relay->wait_for_line(qr/streaming from slot/);
wait_confirmed($node, 'worker');
load_verify($node, $kafka, $prefix, 'paused and resumed', exact => 1);
ok(is_healthy(), 'resumed: the health check passes');

# Started again, stopped, changed, all of it under load.
$load = load_start($node, clients => 2, transactions => 150);
is_answer([ curl('POST', "/connectors/$name/restart") ], [ 204, '' ], 'restart');
$relay->wait_for_line(qr/streaming from slot/);
($code, $body) = curl('POST', "/connectors/$name/restart?includeTasks=true&onlyFailed=true");
is_deeply([ $code, $json->decode($body)->{connector}{state} ], [ 202, 'RUNNING' ], 'only what has failed: nothing');
($code, $body) = curl('POST', "/connectors/$name/restart?includeTasks=true");
is_deeply([ $code, map { $_->{state} } @{ $json->decode($body)->{tasks} } ], [ 202, 'RESTARTING' ], 'with its tasks');
$relay->wait_for_line(qr/streaming from slot/);
is_answer([ curl('PUT', "/connectors/$name/stop") ], [ 204, '' ], 'stop');
wait_until('it is stopped', sub { state() eq 'STOPPED' });
is(told_state(), 'STOPPED', 'stopped: so do the metrics');
wait_until('the slot is free', sub { sql("SELECT active FROM pg_replication_slots WHERE slot_name = 'worker'") eq 'f' });
is_answer([ curl('GET', "/connectors/$name/tasks") ], [ 200, '[]' ], 'stopped: no tasks');
is_answer([ curl('POST', "/connectors/$name/restart") ], [ 204, '' ], 'stopped: restart');
is(state(), 'STOPPED', 'stopped: it stays so');
is((sent('PUT', "/connectors/$name/config", shipped('nova.profile' => 'novel')->{config}))[0], 400, 'a bad change');
is($json->decode((curl('GET', "/connectors/$name/config"))[1])->{'nova.profile'}, 'nova', 'changes nothing');
is((sent('PUT', "/connectors/$name/config", shipped('heartbeat.interval.ms' => 500)->{config}))[0], 200, 'a good change');
is((sent('PATCH', "/connectors/$name/config", { 'heartbeat.interval.ms' => 0 - 1 }))[0], 400, 'a bad patch');
($code, $body) = sent('PATCH', "/connectors/$name/config", { 'heartbeat.interval.ms' => 700, 'nova.shutdown.timeout.ms' => undef });
is_deeply([ $code, @{ $json->decode($body)->{config} }{qw(heartbeat.interval.ms nova.shutdown.timeout.ms slot.name)} ], [ 200, 700, undef, 'worker' ], 'a good patch');
like(PostgreSQL::Test::Utils::slurp_file("$dir/connector.json"), qr/\$\{env:DB_PASSWORD\}/, 'leaves the rest as it was given');
is_answer([ curl('PUT', "/connectors/$name/resume") ], [ 202, '' ], 'resume');
$relay->wait_for_line(qr/streaming from slot/);
is((sent('PUT', "/connectors/$name/config", shipped('heartbeat.interval.ms' => 600)->{config}))[0], 200, 'a change while it runs');
$relay->wait_for_line(qr/streaming from slot/);
is(load_wait($load), 0, 'the load comes to its end');
wait_confirmed($node, 'worker');
load_verify($node, $kafka, $prefix, 'restarted, stopped, changed', exact => 1);
unlike($relay->log_text, qr/hunter2/, 'no secret in the log');

# What fails stays, says why, and is started again.
is((sent('PUT', "/connectors/$name/config", shipped('database.dbname' => 'template1')->{config}))[0], 200, 'a change that cannot work');
wait_until('it has failed', sub { state() eq 'FAILED FAILED' });
like(status()->{tasks}[0]{trace}, qr/slot "worker"/, 'failed: why');
is((curl('GET', '/healthz'))[0], 503, 'failed: it is not well');
is(told_state(), 'FAILED', 'failed: the metrics, too');
is((sent('PUT', "/connectors/$name/config", shipped()->{config}))[0], 200, 'corrected');
$relay->wait_for_line(qr/streaming from slot/);
wait_until('it runs', sub { state() eq 'RUNNING RUNNING' });

# Offsets: looked at always, changed when it is stopped.
sub offsets_of { return { offsets => [ { partition => { server => $prefix }, offset => { map { $_ => $_[0] } qw(lsn lsn_proc lsn_commit) } } ] } }
sub altered { return sent('PATCH', "/connectors/$name/offsets", offsets_of($_[0])) }
sub slot_lsn { return sql("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'worker'") }
sub number_of { return 0 + sql("SELECT '$_[0]'::pg_lsn - '0/0'") }
sub event { sql("INSERT INTO load.events VALUES ('$_[0]0000000-0000-0000-0000-000000000000', 1)"); return }
sub events { return join ' ', sort map { /^\{"id":"(\w)0000000-0000-0000-0000-000000000000"\}\t.*"__op":"(\w)"/ ? "$1$2" : () } Nova::kcat($kafka, "$prefix.load.events") }
sub stop_it { curl('PUT', "/connectors/$name/stop"); return $relay->wait_for_line(qr/: stopped: /) }
sub resume_it { curl('PUT', "/connectors/$name/resume"); my $line = $relay->wait_for_line(qr/streaming from slot/); wait_confirmed($node, 'worker'); return $line }
my $altered = '{"message":"The offsets for this connector have been altered successfully"}';
my $reset = '{"message":"The offsets for this connector have been reset successfully"}';
my $running = error_of(400, "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the "
	. "specified connector by issuing a 'PUT' request to the '/connectors/$name/stop' endpoint");
is_answer([ altered(1) ], $running, 'offsets: not while it runs');
is_answer([ curl('DELETE', "/connectors/$name/offsets") ], $running, 'offsets: nor reset');
is((curl('DELETE', '/connectors/other/offsets'))[0], 404, 'offsets: of another connector');
event('a');
wait_confirmed($node, 'worker');
stop_it();
event('b');
my $there = sql('SELECT pg_current_wal_lsn()');
event('c');
my $at = slot_lsn();
($code, $body) = altered(number_of($at) - 8);
is($code, 400, 'offsets: a slot does not go back');
like($body, qr{LSN [0-9A-F]+/[0-9A-F]+ is before \Q$at\E, where slot worker stands}, 'offsets: and where it is, is said');
is((altered(number_of(sql('SELECT pg_current_wal_lsn()')) + 16_777_216))[0], 400, 'offsets: nor beyond the end');
is((sent('PATCH', "/connectors/$name/offsets", $_))[0], 400, "offsets: refused: $_")
  for '{}', '{"offsets":[{"partition":{"server":"other"},"offset":{"lsn":1}}]}';
is(slot_lsn(), $at, 'offsets: nothing was changed');
is_answer([ altered(number_of($there)) ], [ 200, $altered ], 'offsets: altered');
is(slot_lsn(), $there, 'offsets: the slot is there');
is_deeply($json->decode((curl('GET', "/connectors/$name/offsets"))[1]), offsets_of(number_of($there) + 0), 'offsets: and they say so');
like(resume_it(), qr/at LSN \Q$there\E,/, 'offsets: it goes on there');
is(events(), 'ac cc', 'offsets: what was left out, and nothing else, is not there');

# Exactly once the position in Kafka goes with them.
my %once = ('exactly.once.support' => 'required');
is((sent('PUT', "/connectors/$name/config", shipped(%once)->{config}))[0], 200, 'once');
$relay->wait_for_line(qr/streaming from slot/);
event('d');
wait_confirmed($node, 'worker');
stop_it();
event('e');
$there = sql('SELECT pg_current_wal_lsn()');
event('f');
is_answer([ altered(number_of($there)) ], [ 200, $altered ], 'once: altered');
curl('PUT', "/connectors/$name/resume");
$relay->wait_for_line(qr/exactly once: Kafka has everything up to LSN \Q$there\E and 0 records/);
$relay->wait_for_line(qr/streaming from slot/);
wait_confirmed($node, 'worker');
is(events(), 'ac cc dc fc', 'once: and no more left out than was asked');

# Reset: the next start does what snapshot.mode says of a first one.
is((sent('PUT', "/connectors/$name/config", shipped(%once, 'snapshot.mode' => 'initial')->{config}))[0], 200, 'reset: another mode');
$relay->wait_for_line(qr/streaming from slot/);
stop_it();
is_answer([ curl('DELETE', "/connectors/$name/offsets") ], [ 200, $reset ], 'reset');
is_answer([ curl('GET', "/connectors/$name/offsets") ], [ 200, '{"offsets":[]}' ], 'reset: there are none');
is((altered(number_of(sql('SELECT pg_current_wal_lsn()'))))[0], 400, 'reset: a snapshot that is due is not passed over');
event('0');
curl('PUT', "/connectors/$name/resume");
$relay->wait_for_line(qr/slot worker: the last snapshot was interrupted, or the offsets reset: its slot is dropped/);
$relay->wait_for_line(qr/streaming from slot/);
wait_confirmed($node, 'worker');
is(events(), '0r ac ar br cc cr dc dr er fc fr', 'reset: every row is there');

# Its log.
is_answer([ sent('PUT', '/admin/loggers/root', '{"level":"DEBUG"}') ], [ 200, '["root"]' ], 'the log is set');
is($json->decode((curl('GET', '/admin/loggers/root'))[1])->{level}, 'DEBUG', 'and says so');

# Deleted: the slot stays.
is_answer([ curl('DELETE', "/connectors/$name") ], [ 204, '' ], 'deleted');
is_answer([ curl('GET', '/connectors') ], [ 200, '[]' ], 'deleted: none is there');
wait_until('the slot is free', sub { sql("SELECT active FROM pg_replication_slots WHERE slot_name = 'worker'") eq 'f' });
ok(!-e "$dir/connector.json", 'deleted: its file is gone');
is($relay->term, 0, 'it ends in order');
start();
is_answer([ curl('GET', '/connectors') ], [ 200, '[]' ], 'deleted: it does not come back');
is($relay->term, 0, 'it ends in order');

# With a password.
PostgreSQL::Test::Utils::append_to_file("$work/closed.json", $json->encode({ 'listeners' => 'http://0.0.0.0:0',
	'nova.listeners.user' => 'team', 'nova.listeners.password' => '${env:DB_PASSWORD}' }));
$relay = start_relay_with('closed', "$work/closed.json", '--data-dir', $dir);
$base = ($relay->wait_for_line(qr/serving HTTP on \S+/) =~ /HTTP on (\S+)/)[0] =~ s/0[.]0[.]0[.]0/127.0.0.1/r;
is_answer([ curl('GET', '/connectors') ], error_of(401, 'User cannot access the resource.'), 'closed: to nobody');
like((curl('GET', '/connectors', '-i'))[1], qr/^WWW-Authenticate: Basic realm=/mi, 'closed: it says how to open');
is((curl('GET', '/connectors', '-u', $_))[0], 401, "closed: to $_") for 'team:hunter', 'team:hunter22', 'tea:hunter2', 'team:', ':';
is((curl('POST', '/connectors', '-u', 'team:x', '-d', '{}'))[0], 401, 'closed: to calls that change something');
is_answer([ curl('GET', '/connectors', '-u', 'team:hunter2') ], [ 200, '[]' ], 'closed: open to whom it is for');
is((curl('GET', $_))[0], 200, "closed: not $_") for '/healthz', '/readyz?x';
is($relay->term, 0, 'closed: it ends in order');
unlike($relay->log_text, qr/hunter2|is reached from other machines/, 'closed: no warning, no secret');

# With a file alone: controlled, and not deployed to.
$relay = start_relay('file', $node, $kafka, { 'topic.prefix' => $prefix, 'listeners' => 'http://127.0.0.1:0,http://0.0.0.0:0', 'slot.drop.on.stop' => 'true' });
($base) = $relay->wait_for_line(qr/serving HTTP on \S+/) =~ /HTTP on (\S+)/;
$name = 'file';
$relay->wait_for_line(qr/streaming from slot/);
is((sent('PUT', '/connectors/file/config', shipped()->{config}))[0], 403, 'file: nothing is deployed');
is((curl('DELETE', '/connectors/file'))[0], 403, 'file: or deleted');
like($relay->log_text, qr/listeners: 0[.]0[.]0[.]0:\d+ is reached from other machines/, 'file: an open listener is warned of');
is_answer([ curl('POST', '/connectors/file/restart') ], [ 204, '' ], 'file: restart');
unlike($relay->wait_for_line(qr/dropped slot|streaming from slot/), qr/dropped/, 'file: a restart is no stop');
is_answer([ curl('PUT', '/connectors/file/stop') ], [ 204, '' ], 'file: stop');
$relay->wait_for_line(qr/dropped slot nova_file/);
wait_until('it is stopped', sub { state() eq 'STOPPED' });
is_answer([ curl('PUT', '/connectors/file/resume') ], [ 202, '' ], 'file: resume');
$relay->wait_for_line(qr/streaming from slot/);
is($relay->term, 0, 'file: it ends in order');

done_testing();
