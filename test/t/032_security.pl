#
# TLS and passwords on both sides, secrets that are never shown, and a role that
# may do what the relay needs and nothing more.
#
use strict;
use warnings;

use Nova;
use E2E;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir('security');
my %secret = (database => 'db-pa55-Word', kafka => 'kafka-pa55-Word', key => 'key-pa55-Word');

sub openssl
{
	my (@arguments) = @_;
	system("openssl @arguments >> '$dir/openssl.log' 2>&1") == 0 or die slurp_file("$dir/openssl.log");
	return;
}

# An authority, and a key with a certificate of it.
sub authority
{
	my ($name) = @_;
	openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$name -keyout $dir/$name.key -out $dir/$name.pem");
	return;
}

sub certificate
{
	my ($name, $authority, $names) = @_;
	append_to_file("$dir/$name.ext", "subjectAltName=$names\n");
	openssl("req -newkey rsa:2048 -nodes -subj /CN=$name -keyout $dir/$name.key -out $dir/$name.csr");
	openssl("x509 -req -days 2 -in $dir/$name.csr -CA $dir/$authority.pem -CAkey $dir/$authority.key "
		. "-CAcreateserial -extfile $dir/$name.ext -out $dir/$name.pem");
	chmod 0600, "$dir/$name.key";
	return;
}

authority($_) for qw(right wrong);
certificate('database', 'right', 'DNS:localhost');
certificate('broker', 'right', 'IP:127.0.0.1');
certificate('client', 'right', 'DNS:client');
openssl("rsa -aes256 -passout pass:$secret{key} -in $dir/client.key -out $dir/client.enc");
append_to_file("$dir/broker.keys", slurp_file("$dir/broker.key") . slurp_file("$dir/broker.pem"));
append_to_file("$dir/secrets", "# of the test\nkafka=$secret{kafka}\nkey=$secret{key}\n");
append_to_file("$dir/password", "$secret{database}\n");

my $kafka = kafka_start(own => 1, tls => [ "$dir/broker.keys", "$dir/right.pem" ], user => [ 'relay', $secret{kafka} ]);
my $node = new_node('primary', conf => qq{
	listen_addresses = '127.0.0.1'
	ssl = on
	ssl_cert_file = '$dir/database.pem'
	ssl_key_file = '$dir/database.key'
	password_encryption = 'scram-sha-256'
});
my $hba = $node->data_dir . '/pg_hba.conf';
my $rules = slurp_file($hba);
unlink $hba;
append_to_file($hba, "hostssl all all 127.0.0.1/32 scram-sha-256\nhostnossl all all 127.0.0.1/32 reject\n$rules");
$node->reload;

sub sql { return $node->safe_psql('postgres', $_[0]) }

# All that the role gets: see docs/security.md.
sql(qq{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE users (id int PRIMARY KEY, name text);
	CREATE TABLE secrets (id int PRIMARY KEY, name text);
	INSERT INTO users VALUES (1, 'one');
	REVOKE CREATE ON SCHEMA public FROM PUBLIC;
	CREATE ROLE relay LOGIN REPLICATION PASSWORD '$secret{database}';
	GRANT SELECT ON users TO relay;
	GRANT USAGE ON SCHEMA nova TO relay;
});

my $number = 0;
my $jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="relay" password="${file:%s:kafka}";';
my %postgres = (
	'database.hostname' => 'localhost',
	'database.user' => 'relay',
	'database.password' => '${env:NOVA_TEST_PASSWORD}',
	'database.sslmode' => 'verify-full',
	'database.sslrootcert' => "$dir/right.pem");
my %sasl = (
	'bootstrap.servers' => $kafka->bootstrap('sasl_ssl'),
	'producer.override.security.protocol' => 'SASL_SSL',
	'producer.override.sasl.mechanism' => 'PLAIN',
	'producer.override.sasl.jaas.config' => sprintf($jaas, "$dir/secrets"),
	'producer.override.ssl.truststore.type' => 'PEM',
	'producer.override.ssl.truststore.location' => "$dir/right.pem");
$ENV{NOVA_TEST_PASSWORD} = $secret{database};

sub config
{
	my (%more) = @_;
	return { 'topic.prefix' => 'cdc', 'table.include.list' => 'public.users', 'snapshot.mode' => 'initial',
		'slot.retry.delay.ms' => 50, 'retriable.restart.connector.wait.ms' => 500, 'status.update.interval.ms' => 100,
		'producer.override.reconnect.backoff.ms' => 100, 'producer.override.reconnect.backoff.max.ms' => 500,
		%postgres, %sasl, %more };
}

# Everything that was printed by anybody.
my $printed = '';

sub printed
{
	$printed .= join '', @_;
	return;
}

# A relay that comes to stream, and a row that arrives.
sub streams
{
	my ($name, %more) = @_;
	my $slot = $more{'slot.name'} // "nova_s$number";
	my $relay = start_relay("s$number", $node, $kafka, config('topic.prefix' => "cdc$number", %more), '--log-level', 'debug');
	$relay->wait_for_line(qr/streaming from slot/);
	sql("INSERT INTO users VALUES (@{[ 1000 + $number ]}, 'new')");
	wait_confirmed($node, $slot);
	my $records = join "\n", kcat($kafka, "cdc$number.public.users");
	like($records, qr/^\{"id":@{[ 1000 + $number ]}\}\t\{.*"name":"new"/m, "$name: a row has arrived");
	printed($relay->log_text, slurp_file('/proc/' . $relay->pid . '/cmdline'));
	$number++;
	return $relay;
}

#
# PostgreSQL by verified TLS and SCRAM, Kafka by verified TLS and SASL.
#
my $relay = streams('TLS and passwords on both sides');
like($relay->log_text, qr/snapshot is complete|snapshot: 1 of 1 tables/, 'the least role takes a snapshot');
is(sql("SELECT ssl FROM pg_stat_ssl JOIN pg_stat_replication USING (pid) WHERE application_name = 's0'"), 't', 'the stream is encrypted');
is(sql('SELECT substr(rolpassword, 1, 14) FROM pg_authid WHERE rolname = \'relay\''), 'SCRAM-SHA-256$', 'the password is kept for SCRAM');

# What an operator looks at: the effective settings, the checks, a verification.
my $path = write_config('s0', $node, $kafka, config('topic.prefix' => 'cdc0'));
for my $command (qw(config check verify))
{
	my ($status, $out, $err) = run_relay($command, $path);
	is($status, 0, "$command: exit 0") or diag($out . $err);
	printed($out, $err);
}
like($printed, qr/^\S+\s+password = \*{8}/m, 'config shows that there is a password');
is($relay->term, 0, 'it stops in order');
printed($relay->log_text);

# The same by nova.stream(), with rows larger than what TLS takes at a time.
sql('GRANT EXECUTE ON PROCEDURE nova.stream TO relay');
my $direct = "nova_s$number";
$relay = streams('the direct road', 'nova.stream.mode' => 'direct', 'snapshot.mode' => 'no_data');
like($relay->log_text, qr/streaming from slot .*by the direct road/, 'which it is');
is(sql("SELECT ssl FROM pg_stat_ssl JOIN pg_replication_slots ON pid = active_pid WHERE slot_name = '$direct'"), 't', 'it is encrypted, too');
sql(q{INSERT INTO users SELECT 5000 + i, repeat(md5(i::text), 20000) FROM generate_series(1, 20) i});
wait_confirmed($node, $direct);
is(join(' ', sort map { length > 640000 && /^\{"id":(50\d\d)\}\t/ ? $1 : () } kcat($kafka, $direct =~ s/nova_s/cdc/r . '.public.users')), join(' ', 5001 .. 5020), 'and large rows arrive');
is($relay->term, 0, 'it stops in order');
sql('REVOKE EXECUTE ON PROCEDURE nova.stream FROM relay; DELETE FROM users WHERE id > 5000');

# A password out of a file; client certificates with an encrypted key, by librdkafka's own names.
my %mutual = (
	%{ { map { $_ => undef } keys %sasl } },
	'bootstrap.servers' => $kafka->bootstrap('ssl'),
	'kafka.security.protocol' => 'SSL',
	'kafka.ssl.ca.location' => "$dir/right.pem",
	'kafka.ssl.certificate.location' => "$dir/client.pem",
	'kafka.ssl.key.location' => "$dir/client.enc",
	'kafka.ssl.key.password' => "\${file:$dir/secrets:key}");
streams('a password in a file, and client certificates', 'database.password' => "\${file:$dir/password}", %mutual)->term;

# SCRAM, and what is said where this librdkafka cannot do it.
my ($version) = grep { defined } map { /librdkafka (\d+\.\d+\.\d+)/ ? $1 : undef } (Nova::capture('kcat', '-V'));
my @v = split /\./, $version;
my $can_scram = $v[0] * 10000 + $v[1] * 100 + $v[2] >= 20601;
for my $mechanism ('SCRAM-SHA-256', 'SCRAM-SHA-512')
{
	my %scram = ('producer.override.sasl.mechanism' => $mechanism,
		'producer.override.sasl.jaas.config' => sprintf($jaas =~ s/plain[.]Plain/scram.Scram/r, "$dir/secrets"));
	if ($can_scram)
	{
		streams($mechanism, %scram)->term;
		next;
	}
	my $cannot = start_relay("scram$number", $node, $kafka, config('snapshot.mode' => 'no_data', %scram));
	like($cannot->wait_for_line(qr/warn: kafka: .*; trying on/),
		qr/SASL authentication error: .*check producer\.override\.sasl\.jaas\.config; if it is right and the brokers are of Kafka 4 or later: librdkafka \Q$version\E cannot log in there with SCRAM, install 2\.6\.1 or later/,
		"$mechanism: what this librdkafka cannot do is said");
	printed($cannot->log_text);
	$cannot->kill9;
	$number++;
}

#
# Who is not who he should be is refused, by the name of the key.
#
sub refused
{
	my ($name, $regex, %more) = @_;
	my $wrong = start_relay("wrong$number", $node, $kafka, config('snapshot.mode' => 'no_data', %more));
	relay_fails($wrong, $regex, $name);
	printed($wrong->log_text);
	$number++;
	return;
}
refused('another authority', qr/stopping: PostgreSQL: .*certificate verify failed.*; check database\.sslrootcert.*/,
	'database.sslrootcert' => "$dir/wrong.pem");
refused('another name', qr/stopping: PostgreSQL: .*does not match host name "127\.0\.0\.1".*; check database\.hostname.*/,
	'database.hostname' => '127.0.0.1');
refused('no authorities', qr/stopping: PostgreSQL: .*root certificate file.*; check database\.sslrootcert.*/,
	'database.sslrootcert' => "$dir/none.pem");
refused('no TLS', qr/stopping: PostgreSQL: .*pg_hba\.conf rejects .*no encryption.*/, 'database.sslmode' => 'disable');
refused('another password', qr/stopping: PostgreSQL: .*password authentication failed.*; check database\.user and database\.password/,
	'database.password' => 'Wr0ng-pass');

# Kafka may come to its senses: that is said, and it is tried again.
sub warned
{
	my ($name, $regex, %more) = @_;
	my $wrong = start_relay("wrong$number", $node, $kafka, config('snapshot.mode' => 'no_data', %more));
	ok($wrong->wait_for_line(qr/kafka: .*; $regex.*; trying on, nothing is lost meanwhile/), $name);
	my ($status, $out, $err) = run_relay('check', write_config("wrong$number", $node, $kafka, config(%more)));
	is($status, 1, "$name: check fails");
	like($out, qr/^FAIL  Kafka: .* $regex/m, "$name: check says so, too");
	printed($wrong->log_text, $out, $err);
	$wrong->kill9;
	$number++;
	return;
}
warned('another password of Kafka', qr/check producer\.override\.sasl\.jaas\.config and producer\.override\.sasl\.mechanism/,
	'producer.override.sasl.jaas.config' => $jaas =~ s/"\$.*?"/"Wr0ng-pass"/r);
warned('another authority of Kafka', qr/check producer\.override\.ssl\.truststore\.location/,
	'producer.override.ssl.truststore.location' => "$dir/wrong.pem");
warned('another authority, by passthrough', qr/check kafka\.ssl\.ca\.location/, %mutual, 'kafka.ssl.ca.location' => "$dir/wrong.pem");
warned('another name of a broker', qr/check .* bootstrap\.servers names them/,
	'bootstrap.servers' => $kafka->bootstrap('sasl_ssl') =~ s/127\.0\.0\.1/localhost/r);
my ($status, $out, $err) = run_relay('config', write_config('missing', $node, $kafka, config('database.password' => '${env:NOVA_TEST_NONE}')));
is($status, 2, 'a secret that is not there is an error of the configuration');
like($err, qr/database\.password: .*NOVA_TEST_NONE/, 'by its key and name');
printed($out, $err);

#
# Nothing of a secret was ever printed, nor is it in the server's log.
#
printed(slurp_file($node->logfile) =~ s/^.*CREATE ROLE relay.*$//mgr);
ok(length $printed > 5000, 'there is something to look through');
unlike($printed, qr/\Q$_\E/, 'no secret was printed') for values %secret, 'Wr0ng-pass', slurp_file("$dir/client.key") =~ /^(\S{60})$/m;

#
# The role may not do more.
#
sub as_relay { return $node->psql('postgres', "SET ROLE relay; $_[0]") }

sub denied
{
	my ($statement, $regex, $name) = @_;
	my ($rc, undef, $stderr) = as_relay($statement);
	isnt($rc, 0, "$name: denied");
	like($stderr, $regex, 'and why');
	return;
}
denied("SELECT nova.publish('t', 'k', 'v'::text)", qr/permission denied for function publish/, 'publishing');
denied("SELECT nova.signal('log')", qr/permission denied for function signal/, 'signals');
denied("SELECT nova.watermark('x')", qr/permission denied for function watermark/, 'watermarks');
denied("CALL nova.stream('nova_s0')", qr/permission denied for procedure stream/, 'streaming by a call, which wants EXECUTE beside REPLICATION');
denied("SELECT nova.snapshot_frames('secrets')", qr/permission denied for table secrets/, 'rows of a table without SELECT');
denied("SELECT nova.snapshot_last_key('secrets')", qr/permission denied for table secrets/, 'keys of it');
denied('SELECT * FROM secrets', qr/permission denied for table secrets/, 'the table');
denied('INSERT INTO users VALUES (5)', qr/permission denied for table users/, 'writing');
denied('CREATE TABLE mine (v int)', qr/permission denied for schema public/, 'making tables');

# A captured table that it may not read is named before anything is made.
refused('a table without SELECT', qr/stopping: PostgreSQL: snapshot: role "relay" may not read 1 of the captured tables: run GRANT SELECT ON "public"\."secrets" TO "relay".*/,
	'table.include.list' => 'public.*', 'snapshot.mode' => 'initial', 'slot.name' => 'nova_denied');
is(sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'nova_denied'"), 0, 'and no slot was made');
sql('REVOKE USAGE ON SCHEMA nova FROM relay');
refused('no schema nova', qr/stopping: PostgreSQL: snapshot: .*permission denied for schema nova.*run: GRANT USAGE ON SCHEMA nova TO <database\.user>/,
	'snapshot.mode' => 'initial', 'slot.name' => 'nova_denied');
streams('to stream, REPLICATION is enough', 'snapshot.mode' => 'no_data')->term;

# What is for everybody who has USAGE on the schema, and what is not.
is(sql(q{SELECT string_agg(proname, ' ' ORDER BY proname, oid) FROM pg_proc
	WHERE pronamespace = 'nova'::regnamespace AND NOT has_function_privilege('public', oid, 'EXECUTE')}),
	'publish publish signal stream watermark', 'functions that PUBLIC may not call');
is(sql(q{SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc
	WHERE pronamespace = 'nova'::regnamespace AND has_function_privilege('public', oid, 'EXECUTE')}),
	'describe doctor options snapshot_frames snapshot_last_key snapshot_settle snapshot_tables', 'and that it may');
is(sql(q{SELECT count(*) FROM pg_proc WHERE pronamespace = 'nova'::regnamespace AND prosecdef}), 0,
	'none of them runs with the rights of its owner');
is(sql(q{SELECT has_schema_privilege('public', 'nova', 'USAGE') OR has_table_privilege('public', 'nova.slots', 'SELECT')}), 'f',
	'the schema and its view are for nobody');

$node->stop;
done_testing();
