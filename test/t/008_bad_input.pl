#
# What an operator can get wrong, and what should not happen at all: each ends
# in one line that names it and says what to do, and nothing is confirmed that
# was not delivered.
#
use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run ();
use Nova;
use E2E;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $lsn = qr{[0-9A-F]+/[0-9A-F]+};
my $node = new_node('primary');
my $kafka = kafka_start(
	own => 1,
	properties => {
		'authorizer.class.name' => 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
		'allow.everyone.if.no.acl.found' => 'true' });
my $prefix = topic_prefix();
my $dir = PostgreSQL::Test::Utils::tempdir('bad');

###############################################################################
# The configuration: exit 2, one line with the file and the key.
###############################################################################

my $files = 0;

sub file_with
{
	my ($text) = @_;
	my $path = "$dir/" . ++$files . '.json';

	append_to_file($path, $text);
	return $path;
}

sub refused
{
	my ($path, $line, $name) = @_;
	my ($status, $out, $err) = run_relay('run', $path, '--sink', 'stdout');
	my @errors = $err =~ /^\S+ error: (.*)$/mg;

	is("$status $out", '2 ', "$name: exit 2, no record");
	is(scalar @errors, 1, "$name: one line");
	like($errors[0] // '', qr/\A\Q$path\E: $line\z/, "$name: the right one");
	return;
}

refused("$dir/missing.json", qr/.*No such file or directory.*/, 'a file that is not there');
refused(file_with(''), qr/line 1, column 1: not JSON: expected '\{'.*/, 'an empty file');
refused(file_with('slot.name=x'), qr/line 1, column 1: not JSON: expected '\{'.*/, 'not JSON');
refused(file_with("{\n  \"slot.name\": \"x\",\n}\n"), qr/line 3, column 1: not JSON: expected a key in double quotes after ','.*/, 'a comma too many');
refused(file_with('["slot.name"]'), qr/not a connector JSON: expected an object .*/, 'an array');
refused(file_with("{\"slot.name\": \"\xff\"}"), qr/line 1, column 16: a byte that is not UTF-8; save the file as UTF-8/, 'not UTF-8');
refused(file_with('{"slot.name": null}'), qr/slot\.name: expected .*, not null \(leave the key out instead\)/, 'null for a text');

my @refusals = (
	[ 'an unknown key', { 'table.inclde.list' => 'x' }, qr/table\.inclde\.list: unknown key; did you mean table\.include\.list\? \(nova-relay options lists all\)/ ],
	[ 'a number that is none', { 'heartbeat.interval.ms' => 'often' }, qr/heartbeat\.interval\.ms: "often" is not valid; expected a whole number from 0 to 86400000/ ],
	[ 'a number out of bounds', { 'database.port' => '70000' }, qr/database\.port: "70000" is not valid; expected a whole number from 1 to 65535, or several, separated by commas/ ],
	[ 'a boolean that is none', { 'tombstones.on.delete' => 'maybe' }, qr/tombstones\.on\.delete: "maybe" is not valid; expected true or false/ ],
	[ 'an array for a text', { 'table.include.list' => ['a'] }, qr/table\.include\.list: expected text in double quotes, a number, true or false, not an array \(write "a,b"\)/ ],
	[ 'a slot name that cannot be', { 'slot.name' => 'My-Slot' }, qr/slot\.name: "My-Slot" is not valid; expected 1 to 63 of lower-case letters, digits .*/ ],
	[ 'a key that is refused', { 'column.mask.5.chars' => 'a.b.c' }, qr/column\.mask\.\*: refused: masks are column\.mask\.with\.N\.chars, .*/ ],
	[ 'another database', { 'connector.class' => 'io.debezium.connector.mysql.MySqlConnector' }, qr/connector\.class: .*nova-relay is a PostgreSQL source only.*/ ],
	[ 'Avro', { 'value.converter' => 'io.confluent.connect.avro.AvroConverter' }, qr/value\.converter: .*nova writes JSON, with or without schemas.*use org\.apache\.kafka\.connect\.json\.JsonConverter.*/ ],
	[ 'a transform of somebody else', { 'transforms' => 'x', 'transforms.x.type' => 'com.example.X', map { ("transforms.unwrap.$_" => undef) } qw(type drop.tombstones delete.handling.mode add.fields) }, qr/transforms\.x\.type: .*nova has no such transform.*/ ],
	[ 'acks that lose', { 'producer.override.acks' => '1' }, qr/producer\.override\.acks: .*less than all loses what was committed; set it to all.*/ ],
	[ 'no topic prefix', { 'topic.prefix' => undef }, qr/.*topic\.prefix.*/ ],
	[ 'no user', { 'database.user' => undef }, qr/.*database\.user.*/ ],
	[ 'an environment variable that is not there', { 'database.password' => '${env:E2E_NOT_THERE}' }, qr/database\.password: environment variable E2E_NOT_THERE is not set; set it, or write \$\{env:E2E_NOT_THERE:-default\}/ ],
	[ 'an empty password', { 'database.password' => '' }, qr/database\.password: is empty; set the password .*/ ]);
for my $refusal (@refusals)
{
	my ($name, $change, $line) = @$refusal;
	refused(write_config('refused', $node, $kafka, $change), $line, $name);
}

###############################################################################
# PostgreSQL
###############################################################################

sub start
{
	my ($name, $config) = @_;
	return start_relay($name, $config->{node} // $node, $kafka,
		{ 'topic.prefix' => $prefix, %$config, node => undef });
}

sub no_slot
{
	my ($slot, $name) = @_;
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$slot'"),
		0, "$name: no slot was made");
	return;
}

my $hba = $node->data_dir . '/pg_hba.conf';
my $rules = slurp_file($hba);
unlink $hba;
append_to_file($hba, "local all secretive scram-sha-256\nlocal all stranger reject\n$rules");
$node->reload;
$node->safe_psql('postgres', q{
	CREATE ROLE secretive LOGIN REPLICATION PASSWORD 'right';
	CREATE ROLE stranger LOGIN REPLICATION;
	CREATE ROLE weak LOGIN;
	CREATE DATABASE elsewhere;
	CREATE TABLE t (id int PRIMARY KEY, v text);
	CREATE TABLE keyless (v text)});

relay_fails(start('password', { 'database.user' => 'secretive' }),
	qr/stopping: PostgreSQL: .*no password supplied.*database\.password.*/, 'no password');
relay_fails(start('password', { 'database.user' => 'secretive', 'database.password' => 'wr0ng-one' }),
	qr/stopping: PostgreSQL: .*password authentication failed for user "secretive" \(SQLSTATE 28P01\); check database\.user and database\.password/,
	'a wrong password');
unlike(slurp_file("$PostgreSQL::Test::Utils::log_path/008_bad_input_relay_password.log"), qr/wr0ng-one/, 'which is not shown');
no_slot('nova_password', 'no password');
relay_fails(start('stranger', { 'database.user' => 'stranger' }),
	qr/stopping: PostgreSQL: .*pg_hba\.conf rejects.*\(SQLSTATE 28000\); add a pg_hba\.conf line .*/, 'a role that pg_hba.conf rejects');
relay_fails(start('nobody', { 'database.user' => 'nobody_knows_me' }),
	qr/stopping: PostgreSQL: .*role "nobody_knows_me" does not exist \(SQLSTATE 28000\); check database\.user and its right to log in/, 'a role that is not there');
relay_fails(start('weak', { 'database.user' => 'weak' }),
	qr/stopping: PostgreSQL: .*\(SQLSTATE 42501\); give the role the right to replicate: ALTER ROLE .* REPLICATION/, 'a role that may not replicate');
relay_fails(start('database', { 'database.dbname' => 'nowhere' }),
	qr/stopping: PostgreSQL: .*database "nowhere" does not exist \(SQLSTATE 3D000\); check database\.dbname/, 'a wrong database');
relay_fails(start('include', { 'table.include.list' => 'public.(' }),
	qr/stopping: PostgreSQL: invalid value for option "table\.include\.list": .*\(SQLSTATE 2201B\); correct this expression in the connector configuration/, 'a bad expression');

# wal_level
SKIP:
{
	skip 'from 19 on wal_level=replica is enough', 3 if $node->safe_psql('postgres', 'SHOW server_version_num') >= 190000;
	my $replica = new_node('replica', conf => "wal_level = replica\n");
	relay_fails(start('wal', { node => $replica }),
		qr/stopping: PostgreSQL: logical decoding requires "?wal_level"? >= "?logical"? \(SQLSTATE 55000\); run: ALTER SYSTEM SET wal_level = logical; and restart the server/,
		'wal_level = replica');
	$replica->stop;
}

# Without the plugin: an installation of its own that lacks it.
my ($rc, $pg_config) = Nova::capture('test/lib/private-pg', "$dir/without");
is($rc, 0, 'an installation without the plugin');
unlink $_ for glob(dirname(dirname($pg_config)) . '/lib/nova_decoder*');
my $bare = PostgreSQL::Test::Cluster->new('bare', install_path => dirname(dirname($pg_config)));
$bare->init(allows_streaming => 'logical');
$bare->start;
relay_fails(start('bare', { node => $bare }),
	qr/stopping: PostgreSQL: could not access file "nova_decoder": No such file or directory \(SQLSTATE 58P01\); install the nova_decoder extension package on the database server/,
	'the plugin is not installed');
$bare->stop;

# Slots that are not ours.
$node->safe_psql('postgres', q{
	SELECT pg_create_logical_replication_slot('nova_other_plugin', 'test_decoding');
	SELECT pg_create_physical_replication_slot('nova_physical')});
$node->safe_psql('elsewhere', q{SELECT pg_create_logical_replication_slot('nova_other_database', 'nova_decoder')});
relay_fails(start('other_plugin', {}),
	qr/stopping: PostgreSQL: slot "nova_other_plugin" was made for the plugin test_decoding; use another slot\.name, or, when its present user is stopped for good, drop it: SELECT pg_drop_replication_slot\('nova_other_plugin'\)/,
	'a slot of another plugin');
relay_fails(start('other_database', {}),
	qr/stopping: PostgreSQL: slot "nova_other_database" belongs to database "elsewhere", not "postgres"; use another slot\.name or that database\.dbname/,
	'a slot of another database');
relay_fails(start('physical', {}),
	qr/stopping: PostgreSQL: slot "nova_physical" is a physical slot; use another slot\.name/, 'a physical slot');

# A slot that somebody else holds: wait, and take over.
$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('nova_held', 'nova_decoder')});
my $holder = IPC::Run::start(
	[ 'pg_recvlogical', '-d', $node->connstr('postgres'), '-S', 'nova_held', '--start', '-f', '/dev/null' ],
	'<', \undef, '>', \my $held_out, '2>', \my $held_err);
wait_streaming($node, 'nova_held');
my $waiting = start('held', { 'retriable.restart.connector.wait.ms' => 500 });
like(
	$waiting->wait_for_line(qr/another process/),
	qr/info: slot nova_held: another process uses the slot: PID \d+, application "008_bad_input.pl", role \S+, from a local socket; standing by, and taking over once it is free/,
	'a slot in use: the relay waits and says so');
$holder->signal('INT');
$holder->finish;
like($waiting->wait_for_line(qr/streaming from slot nova_held/), qr/info/, 'and takes over when it is free');
$node->safe_psql('postgres', q{INSERT INTO t VALUES (1, 'held')});
wait_confirmed($node, 'nova_held');
is(scalar(read_topic($kafka, "$prefix.public.t")), 1, 'with the next change');
is($waiting->term, 0, 'stops in order');

###############################################################################
# Kafka: a topic that does not take a record.
###############################################################################

# The record before is delivered and may be confirmed, the bad one never is.
sub topic_refuses
{
	my ($name, $config, $good, $bad, $line) = @_;
	my $relay = start($name, $config);

	$relay->wait_for_line(qr/streaming from slot nova_$name/);
	$node->safe_psql('postgres', $good) if $good;
	wait_confirmed($node, "nova_$name");
	my $before = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
	$node->safe_psql('postgres', $bad);
	my $after = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
	my $named = relay_fails($relay, $line, $name);
	if (ok($named, "$name: the line names an LSN"))
	{
		is($node->safe_psql('postgres', "SELECT '$named' BETWEEN '$before'::pg_lsn AND '$after'::pg_lsn"),
			't', "$name: that of the record");
	}
	is($node->safe_psql('postgres', "SELECT confirmed_flush_lsn < '$after' FROM pg_replication_slots WHERE slot_name = 'nova_$name'"),
		't', "$name: the record is not confirmed");
	# It is refused again after a restart: nothing was skipped meanwhile.
	relay_fails(start($name, $config), $line, "$name, after a restart");
	$node->safe_psql('postgres', "SELECT pg_drop_replication_slot('nova_$name')");
	return;
}

my $refusal = qr/stopping: Kafka did not take a record of \d+ bytes for topic/;
$kafka->create_topic("small.public.t", 1, 'max.message.bytes=2000');
topic_refuses('small', { 'topic.prefix' => 'small', 'table.include.list' => 'public.t' },
	q{INSERT INTO t VALUES (10, 'fits')},
	q{INSERT INTO t SELECT 11, string_agg(md5(i::text), '') FROM generate_series(1, 300) i},
	qr/$refusal small\.public\.t \(from LSN ($lsn)\): .*; it is not confirmed and will be sent again; raise max\.message\.bytes on the topic and producer\.override\.max\.request\.size, then start again/);
is(scalar(read_topic($kafka, 'small.public.t')), 1, 'small: the topic has what fits');

topic_refuses('large', { 'topic.prefix' => 'large', 'table.include.list' => 'public.t' },
	q{INSERT INTO t VALUES (20, 'fits')},
	q{INSERT INTO t SELECT 21, string_agg(md5(i::text), '') FROM generate_series(1, 100000) i},
	qr/stopping: .*record.* for topic large\.public\.t \(from LSN ($lsn)\).*max\.message\.bytes on the topic and producer\.override\.max\.request\.size, then start again/);

$kafka->create_topic('compact.public.keyless', 1, 'cleanup.policy=compact');
topic_refuses('compact', { 'topic.prefix' => 'compact', 'table.include.list' => 'public.keyless' },
	undef, q{INSERT INTO keyless VALUES ('x')},
	qr/$refusal compact\.public\.keyless \(from LSN ($lsn)\): .*; it is not confirmed and will be sent again; the topic refuses the record: a compacted topic takes no record without a key; .* then start again/);

$kafka->create_topic('denied.public.t', 1);
python('e2e_acl.py', $kafka->bootstrap, 'denied.public.t');
topic_refuses('denied', { 'topic.prefix' => 'denied', 'table.include.list' => 'public.t' },
	undef, q{INSERT INTO t VALUES (30, 'x')},
	qr/$refusal denied\.public\.t \(from LSN ($lsn)\): Broker: Topic authorization failed; it is not confirmed and will be sent again; give the Kafka user the right to write to the topic, then start again/);

###############################################################################
# Frames that no plugin sends: a server that is none.
###############################################################################

my $place = qr{bad frame at byte \d+ of the payload at LSN $lsn \(frame type (?:'.'|0x..|none)\)};
my $advice = qr/; nothing of this transaction is confirmed; if it happens again at the same place, report it with this line/;
my %bad_frames = (
	'corrupt' => qr/$place: unknown frame type$advice/,
	'cut-frame' => qr/$place: frame is cut short or has an impossible length$advice/,
	'impossible-length' => qr/$place: frame is cut short or has an impossible length$advice/,
	'crc' => qr/$place: transaction 77 fails its checksum: commit says deadbeef, the bytes give [0-9a-f]{8}$advice/,
	'count' => qr/$place: transaction 77 has 2 records by its commit, but 1 arrived$advice/,
	'protocol' => qr/$place: plugin 9\.9\.9 speaks protocol 99, this relay speaks protocol 2; install the plugin and the relay of one release.*/,
	'protocol-older' => qr/$place: plugin 9\.9\.9 speaks protocol 1, this relay speaks protocol 2; install the plugin and the relay of one release.*/,
	'chunk' => qr/$place: CHUNK in the stream of changes, where a COMMIT ends a transaction$advice/,
	'no-hello' => qr/$place: the stream does not begin with HELLO$advice/,
	'second-hello' => qr/$place: a second HELLO in one stream$advice/,
	'cut-message' => qr/the server sent a replication message of 21 bytes that is cut short or of an unknown kind \(first byte 0x77\); is there a proxy between\?/,
	'unknown-message' => qr/the server sent a replication message of 25 bytes that is cut short or of an unknown kind \(first byte 0x3f\); is there a proxy between\?/,
	'more-alone' => qr/$place: MORE without a value that goes on$advice/,
	'more-missing' => qr/$place: a value was to go on, but no MORE follows$advice/,
	'unknown-route' => qr/$place: record for a route that was never announced$advice/,
	'no-end' => qr/$place: commit without an end LSN$advice/,
	'bad-headers' => qr/$place: record headers are malformed$advice/);
my ($slot_lsn, $good_lsn, $bad_lsn) = (0x1000, 0x2000, 0x3000);

sub fake
{
	my ($scenario, %more) = @_;
	my ($in, $out) = ('', '');
	my $positions = "$dir/$scenario.log";
	local $ENV{E2E_TOPIC} = "$prefix.$scenario";
	my $server = IPC::Run::start(
		[ '/usr/bin/python3', 'test/lib/e2e_fake_server.py', $scenario, $positions ],
		'<', \$in, '>', \$out, IPC::Run::timeout(Nova::patience()));

	$server->pump until $out =~ /^(\d+)\n/;
	my $relay = start($scenario, {
			'slot.name' => 'nova_fake',
			'database.hostname' => '127.0.0.1',
			'database.port' => $1,
			'database.dbname' => 'fake',
			%more });
	return ($server, $relay, $positions);
}

# The highest position that the relay has confirmed.
sub highest
{
	my ($positions) = @_;
	my ($highest) = sort { $b <=> $a } slurp_file($positions) =~ /^flush (\d+)$/mg;
	return $highest // 0;
}

my ($server, $relay, $positions) = fake('good');
$relay->wait_for_line(qr/plugin nova_decoder 9\.9\.9/);
wait_until('the good transaction is confirmed', sub { highest($positions) == $good_lsn });
is(scalar(read_topic($kafka, "$prefix.good")), 1, 'the fake server is one: a good transaction arrives');
like(slurp_file($positions), qr/\Arefused stats\.interval\.ms\n(?!.*refused)/s, 'also from a plugin that cannot tell what tables cost');
unlike($relay->log_text, qr/stats\.interval\.ms/, 'which is no trouble');
is($relay->term, 0, 'and the relay stops in order');
$server->finish;

# With batch.hold a walsender may ask for a reply while it still holds what is
# before that position: only one that asks twice, and sent nothing, is at its end.
($server, $relay, $positions) = fake('pings', 'status.update.interval.ms' => 60000);
wait_until('the second ping is confirmed', sub { highest($positions) == $bad_lsn });
like(slurp_file($positions), qr/\A(?:flush \d+\n)*?(?:flush $good_lsn\n)+ping\n(?:flush $good_lsn\n)+ping\n(?:flush $good_lsn\n)*flush $bad_lsn\n/,
	'the position of a keepalive that asks for a reply is taken when it comes twice');
is($relay->term, 0, 'and the relay stops in order');
$server->finish;

for my $scenario (sort keys %bad_frames)
{
	($server, $relay, $positions) = fake($scenario);
	relay_fails($relay, qr/stopping: $bad_frames{$scenario}/, $scenario);
	$server->finish;
	my $limit = $scenario =~ /^(?:protocol|protocol-older|no-hello)$/ ? $slot_lsn : $good_lsn;
	cmp_ok(highest($positions), '<=', $limit, "$scenario: nothing of it is confirmed");
	my $delivered = $limit == $good_lsn ? 1 : 0;
	cmp_ok(scalar(read_topic($kafka, "$prefix.$scenario")), '>=', $delivered, "$scenario: what was good before it is there");
}

done_testing();
