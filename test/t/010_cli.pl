#
# The command line: help, commands, masked secrets, check with its fixes, the
# sinks for trying out, and the log as JSON.
#
use strict;
use warnings;

use JSON::PP ();
use Nova;
use E2E;
use PostgreSQL::Test::Utils;
use Test::More;

my $json = JSON::PP->new->utf8;
my $secret = 'p4ss-in-the-Config';
my $node = new_node('primary');
my $kafka = kafka_start();
my $prefix = topic_prefix();
my $dir = PostgreSQL::Test::Utils::tempdir('cli');

$node->safe_psql('postgres', 'CREATE TABLE users (id int PRIMARY KEY, t text)');

# Help, version, options.
my ($status, $out, $err) = run_relay('--help');
is($status, 0, '--help: exit 0');
is($err, '', '--help: to standard output');
like($out, qr/(?<![\w-])$_\b/, "--help names $_") for qw(run check doctor topics status tail snapshot verify config options completion --sink --embedded-broker --log-format --log-level --version);
like($out, qr/Exit status: 0 .*1 .*2 .*3 /s, '--help explains the exit statuses');
for my $command (qw(run check doctor topics status tail snapshot verify config options metrics completion))
{
	($status, $out, $err) = run_relay($command, '--help');
	is("$status $err", '0 ', "$command --help: exit 0");
	like($out, qr/\AUsage: nova-relay $command\b.*^Exit status: 0 /ms, "$command --help is about $command");
}
($status, $out) = run_relay('--version');
like($out, qr/\Anova-relay \d+\.\d+\.\d+\n\z/, '--version');
is($status, 0, '--version: exit 0');
($status, $out) = run_relay('options');
is($status, 0, 'options: exit 0');
like($out, qr/^\|.*`$_`/m, "options has $_") for qw(topic.prefix slot.name table.include.list database.password snapshot.mode heartbeat.interval.ms);

# Mistakes on the command line: one line, exit 2.
my @mistakes = (
	[ [], qr/a command is missing: run, check, doctor, .*, completion, help/ ],
	[ ['start'], qr/unknown command start/ ],
	[ ['run'], qr/a file is missing after run/ ],
	[ [ 'run', 'a.json', 'b.json' ], qr/one argument too many: b\.json/ ],
	[ [ 'run', '--frobnicate', 'a.json' ], qr/unknown option --frobnicate/ ],
	[ [ 'run', 'a.json', '--sink', 'redis' ], qr/not a value of that option: redis/ ],
	[ [ 'run', 'a.json', '--sink' ], qr/a value is missing after --sink/ ],
	[ [ 'run', 'a.json', '--sink', 'stdout', '--embedded-broker' ], qr/--sink stdout and --embedded-broker exclude each other/ ],
	[ [ 'config', 'a.json', '--sink', 'stdout' ], qr/this command has no option --sink/ ],
	[ [ 'tail', 'a.json' ], qr/something is missing: nova-relay tail TOPIC\.\.\. CONFIG\.json/ ],
	[ [ 'tail', '-n', '0', 'a', 'a.json' ], qr/not a value of that option: 0/ ],
	[ [ 'topics', '--add-partitions', 'a.json' ], qr/--add-partitions needs --apply/ ],
	[ [ 'snapshot', 'a.json' ], qr/a table is missing \(schema\.table\), or --stop, --pause or --resume/ ],
	[ [ 'snapshot', '--pause', 'a.json', 'public.t' ], qr/this option goes without tables: public\.t/ ],
	[ [ 'snapshot', '--pause', '--stop', 'a.json' ], qr/an option that excludes another one: --stop/ ],
	[ [ 'snapshot', '--wait', '--pause', 'a.json' ], qr/--wait goes without --stop, --pause and --resume/ ],
	[ [ 'help', 'nothing' ], qr/unknown command nothing/ ],
	[ [ 'completion', 'zsh' ], qr/no completion for zsh/ ]);
for my $mistake (@mistakes)
{
	my ($arguments, $line) = @$mistake;
	($status, $out, $err) = run_relay(@$arguments);
	is("$status $out", '2 ', "nova-relay @$arguments: exit 2");
	like($err, qr/\Anova-relay: $line; try "nova-relay --help"\n\z/, 'one line says why');
}

# config: effective settings, secrets masked.
my $good = { 'topic.prefix' => $prefix, 'table.include.list' => 'public.users', 'database.password' => $secret,
	'producer.override.sasl.mechanism' => undef };
my $path = write_config('cli', $node, $kafka, $good);
($status, $out, $err) = run_relay('config', $path);
is($status, 0, 'config: exit 0');
like($out, qr/\Q$prefix\E/, 'config shows a setting');
like($out, qr/nova_cli/, 'and another');
unlike($out . $err, qr/\Q$secret\E/, 'but not the password');
my $sasl = write_config('sasl', $node, $kafka, {
	%$good,
	'producer.override.security.protocol' => 'SASL_PLAINTEXT',
	'producer.override.sasl.mechanism' => 'PLAIN',
	'producer.override.sasl.jaas.config' => qq(org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="$secret";),
	'producer.override.ssl.key.password' => $secret,
	'kafka.sasl.password' => undef });
($status, $out, $err) = run_relay('config', $sasl);
is($status, 0, 'config with SASL: exit 0');
unlike($out . $err, qr/\Q$secret\E/, 'shows no password of Kafka either');

# check: nothing wrong, then one thing at a time.
($status, $out, $err) = run_relay('check', $path);
is($status, 0, 'check of a good set-up: exit 0') or diag($out . $err);
like($out, qr/^ok    $_/m, "check: ok $_") for 'configuration', 'PostgreSQL', 'wal_level: logical', 'role', 'plugin', 'slot: nova_cli will be created', 'replication connection', 'Kafka';
like($out, qr/^0 failures, \d+ warnings?\n\z/m, 'check: no failure');
unlike($out . $err, qr/\Q$secret\E/, 'check: no password');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), 0, 'check has not made the slot');

$node->safe_psql('postgres', q{
	CREATE ROLE weak LOGIN;
	CREATE TABLE heap_only (v int);
	SELECT pg_create_logical_replication_slot('nova_taken', 'test_decoding')});
my @bad = (
	[ 'a role without REPLICATION', { 'database.user' => 'weak' }, 1,
		qr/^FAIL  role: REPLICATION is missing  → ALTER ROLE weak WITH REPLICATION;$/m ],
	[ 'a slot of another plugin', { 'slot.name' => 'nova_taken' }, 1,
		qr/^FAIL  slot: nova_taken was made for the plugin test_decoding  → use another slot\.name.*pg_drop_replication_slot\('nova_taken'\)/m ],
	[ 'a database that is not there', { 'database.dbname' => 'nowhere' }, 1,
		qr/^FAIL  PostgreSQL: .*database "nowhere" does not exist  → check database\.\*/m ],
	[ 'no broker', { 'bootstrap.servers' => '127.0.0.1:1' }, 1,
		qr/^FAIL  Kafka: 127\.0\.0\.1:1: .*  → check bootstrap\.servers/m ],
	[ 'a table without identity', {}, 0,
		qr/^warn  replica identity: 1 table without: public\.heap_only; deletes there carry nothing  → .*REPLICA IDENTITY FULL/m ]);
for my $bad (@bad)
{
	my ($what, $change, $exit, $line) = @$bad;
	($status, $out) = run_relay('check', write_config('bad', $node, $kafka, { %$good, %$change }));
	is($status, $exit, "check with $what: exit $exit");
	like($out, $line, 'and the line with the fix');
}

# --sink stdout: a line of JSON per record.
my $relay = start_relay('stdout', $node, undef, $good, '--sink', 'stdout');
$relay->wait_for_line(qr/streaming from slot nova_stdout/);
$node->safe_psql('postgres', q{
	CREATE EXTENSION nova_decoder;
	INSERT INTO users VALUES (1, E'"quoted"\\n'), (2, 'é');
	DELETE FROM users WHERE id = 1;
	SELECT nova.publish('events', 'k', E'free\\ttext "x"', '{"h": "v"}'::jsonb)});
wait_confirmed($node, 'nova_stdout');
is($relay->term, 0, '--sink stdout stops in order');
my @lines = map { my $r = $json->decode($_); delete $r->{value}{__source_ts_ms} if ref $r->{value}; $r } split /\n/, $relay->stdout;
is_deeply(
	\@lines,
	[
		{ topic => "$prefix.public.users", op => 'c', key => { id => 1 }, value => { id => 1, t => "\"quoted\"\n", __op => 'c' } },
		{ topic => "$prefix.public.users", op => 'c', key => { id => 2 }, value => { id => 2, t => "\x{e9}", __op => 'c' } },
		{ topic => "$prefix.public.users", op => 'd', key => { id => 1 }, value => { id => 1, __op => 'd' } },
		{ topic => "$prefix.public.users", op => 'x', key => { id => 1 }, value => undef },
		{ topic => 'events', op => 'm', key => 'k', value => "free\ttext \"x\"", headers => { h => 'v' } }
	],
	'--sink stdout: the records');

# --embedded-broker: topics with the configured partitions, and a log in JSON.
$relay = start_relay('embedded', $node, undef, {
		%$good,
		'topic.prefix' => 'cdc',
		'topic.creation.groups' => 'users,other',
		'topic.creation.default.partitions' => 2,
		'topic.creation.default.replication.factor' => 1,
		'topic.creation.users.include' => 'cdc\.public\.users',
		'topic.creation.users.partitions' => 7,
		'topic.creation.other.include' => 'a\.b|c',
		'topic.creation.other.partitions' => 11 },
	'--embedded-broker', '--log-format', 'json', '--log-level', 'debug');
$relay->wait_for_line(qr/"msg":"streaming from slot nova_embedded/);
my ($broker) = $relay->log_text =~ /embedded broker on (127\.0\.0\.1:\d+)/;
ok($broker, 'the embedded broker says where it is, on loopback');
my $there = bless { bootstrap => $broker }, 'EmbeddedKafka';
sub EmbeddedKafka::bootstrap { return $_[0]{bootstrap} }
$node->safe_psql('postgres', 'INSERT INTO users SELECT i FROM generate_series(100, 199) i');
wait_confirmed($node, 'nova_embedded');
my (undef, @list) = Nova::capture('kcat', '-L', '-b', $broker);
my $list = join "\n", @list;
like($list, qr/topic "cdc\.public\.users" with 7 partitions/, 'a topic of a group has its partitions');
like($list, qr/topic "$_" with 11 partitions/, "topic $_ too") for 'a.b', 'c';
is(scalar(kcat($there, 'cdc.public.users')), 100, 'kcat reads the records');
# What ps shows of it; ps itself is not on every machine.
(my $args = slurp_file('/proc/' . $relay->pid . '/cmdline')) =~ tr/\0/ /;
is($relay->term, 0, '--embedded-broker stops in order');
my @log = split /\n/, $relay->log_text;
my @parsed = grep { ref $_ eq 'HASH' } map { scalar eval { $json->decode($_) } } @log;
is(scalar @parsed, scalar @log, '--log-format json: every line is JSON');
is_deeply([ grep { "@{[ sort keys %$_ ]}" ne 'level msg ts' } @parsed ], [], 'with ts, level and msg');
ok((grep { $_->{level} eq 'debug' } @parsed), '--log-level debug shows debug lines');
like($args, qr/nova-relay/, 'ps shows the relay');
unlike("$args@log", qr/\Q$secret\E/, 'the password is neither in ps nor in the log');

# A configuration from standard input.
IPC::Run::run([ $ENV{NOVA_RELAY}, 'config', '-' ], '<', $path, '>', \$out, '2>', \$err);
is($? >> 8, 0, 'a configuration from standard input');

done_testing();
