#
# HTTP over TLS: what is wrong with the files is said when it starts, clients show
# certificates where they have to, and `status` asks over it.  Neither PostgreSQL nor
# Kafka is needed: nothing is deployed.
#
use strict;
use warnings;

use JSON::PP ();
use Nova;
use E2E;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir('tls');
my $json = JSON::PP->new->canonical;
my $n = 0;

sub openssl
{
	my ($arguments) = @_;
	return system("openssl $arguments >> '$dir/openssl.log' 2>&1") == 0 || die PostgreSQL::Test::Utils::slurp_file("$dir/openssl.log");
}

# A key, and its certificate of an authority or of itself.
sub certificate
{
	my ($name, $authority, $days) = @_;
	my $key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout $dir/$name.key";
	return openssl("req -x509 $key -days 2 -out $dir/$name.crt") if !defined $authority;
	PostgreSQL::Test::Utils::append_to_file("$dir/$name.ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
	openssl("req $key -out $dir/$name.csr");
	openssl("x509 -req -days $days -in $dir/$name.csr -CA $dir/$authority.crt -CAkey $dir/$authority.key "
		  . "-CAcreateserial -extfile $dir/$name.ext -out $dir/$name.crt");
	return;
}

# Files one behind the other, as one.
sub joined
{
	my ($name, @files) = @_;
	PostgreSQL::Test::Utils::append_to_file("$dir/$name", join '', map { PostgreSQL::Test::Utils::slurp_file("$dir/$_") } @files);
	return "$dir/$name";
}

sub start
{
	my ($listeners, %ssl) = @_;
	my $name = 'https' . ++$n;
	PostgreSQL::Test::Utils::append_to_file("$dir/$name.json", $json->encode({ 'listeners' => $listeners, map { /^ssl/ ? "listeners.https.$_" : $_ => $ssl{$_} } keys %ssl }));
	return start_relay_with($name, "$dir/$name.json", '--data-dir', "$dir/data");
}

sub refused
{
	my ($what, $said, %ssl) = @_;
	my $relay = start('https://127.0.0.1:0', %ssl);
	is($relay->wait_exit, 2, "$what: it does not start");
	like($relay->log_text, $said, "$what: and says why");
	unlike($relay->log_text, qr/hunter2/, "$what: and no secret");
	return;
}

sub curl
{
	my ($url, @more) = @_;
	my ($rc, @lines) = Nova::capture('curl', '-sS', '--max-time', 30, '-w', '\n%{http_code}', @more, $url);
	my $code = pop @lines;
	return $rc == 0 ? $code : 'no answer';
}

certificate('ca');
certificate('other');
certificate('server', 'ca', 2);
certificate('old', 'ca', 0);
certificate('client', 'ca', 2);
certificate('stranger', 'other', 2);
openssl("pkcs8 -topk8 -in $dir/server.key -passout pass:hunter2 -out $dir/server.enc");
openssl("pkcs12 -export -in $dir/server.crt -inkey $dir/server.key -passout pass:hunter2 -out $dir/server.p12");
my $server = joined('server.pem', 'server.crt', 'ca.crt', 'server.key');
my $encrypted = joined('encrypted.pem', 'server.enc', 'server.crt');
my $client = joined('client.pem', 'client.crt', 'client.key');
my $store = 'ssl.keystore.location';
my $where = qr/listeners[.]https[.]ssl[.]/;
PostgreSQL::Test::Utils::append_to_file("$dir/empty.pem", "-----BEGIN CERTIFICATE-----\n");

refused('no keystore', qr/listeners: https needs ${where}keystore[.]location, a PEM file/);
refused('no file', qr/${where}keystore[.]location: \Q$dir\E\/none cannot be read: No such file/, $store => "$dir/none");
refused('a keystore of Java', qr/${where}keystore[.]location: \S+server[.]p12 is not PEM.*keytool.*openssl pkcs12/, $store => "$dir/server.p12");
refused('its type', qr/${where}keystore[.]type: "JKS" is refused: .*keytool.*valid: PEM/, $store => $server, 'ssl.keystore.type' => 'JKS');
refused('a broken certificate', qr/${where}keystore[.]location: \S+empty[.]pem has no certificate/, $store => "$dir/empty.pem");
refused('no key', qr/${where}keystore[.]location: \S+server[.]crt has no private key/, $store => "$dir/server.crt");
refused('another key', qr/${where}keystore[.]location: the key in \S+mixed[.]pem is not that of its first certificate/, $store => joined('mixed.pem', 'server.crt', 'client.key'));
refused('expired', qr/${where}keystore[.]location: the certificate in \S+expired[.]pem has expired, \d{4}-\d\d-\d\d/, $store => joined('expired.pem', 'old.crt', 'old.key'));
refused('no password', qr/${where}key[.]password: the key in \S+ is encrypted, and cannot be read with no password/, $store => $encrypted);
refused('another password', qr/${where}key[.]password: .*$encrypted/, $store => $encrypted, 'ssl.key.password' => 'hunter22');
refused('clients of nobody', qr/${where}client[.]auth asks .*${where}truststore[.]location/, $store => $server, 'ssl.client.auth' => 'required');
refused('an empty truststore', qr/${where}truststore[.]location: \S+server[.]key has no certificate/, $store => $server, 'ssl.client.auth' => 'required',
	'ssl.truststore.location' => "$dir/server.key");

# Both kinds of listeners, a key with a password, and one to ask with.
$ENV{KEY_PASSWORD} = 'hunter2';
my $relay = start('http://127.0.0.1:0,https://127.0.0.1:0', $store => $encrypted, 'ssl.keystore.type' => 'PEM', 'ssl.key.password' => '${env:KEY_PASSWORD}',
	'nova.listeners.user' => 'team', 'nova.listeners.password' => '${env:KEY_PASSWORD}');
my ($plain) = $relay->wait_for_line(qr/serving HTTP on http:/) =~ /HTTP on (\S+)/;
my ($url) = $relay->wait_for_line(qr/serving HTTP on https:/) =~ /HTTP on (\S+)/;
my @ca = ('--cacert', "$dir/ca.crt");
my @team = ('-u', 'team:hunter2');
is(curl("$plain/connectors", @team), 200, 'http beside it');
is(curl("$url/connectors", @ca, @team), 200, 'https');
is(curl("$url/connectors", @ca, @team, '--tls-max', '1.2'), 200, 'https, TLS 1.2');
is(curl("$url/connectors", @ca, @team, '--tls-max', '1.1'), 'no answer', 'https: nothing older');
is(curl("$url/connectors", @ca), 401, 'https: it asks who it is');
is(curl("$url/connectors", '--cacert', "$dir/other.crt"), 'no answer', 'https: it is nobody else');
is(curl($url =~ s/^https/http/r), 'no answer', 'https: only that');
$ENV{NOVA_LISTENERS_PASSWORD} = 'hunter2';
my @status = ('status', $url, '--ca', "$dir/ca.crt");
my ($status, $out, $err) = run_relay(@status, '--user', 'team');
is($status, 1, 'status: it is asked') or diag($err);
like($out, qr/^\Q$url\E: no connector is deployed$/m, 'status: and answers');
is((run_relay('status', $url =~ s/127[.]0[.]0[.]1/localhost/r, '--ca', "$dir/ca.crt", '--user', 'team'))[0], 1, 'status: by its name');
like((run_relay(@status))[2], qr/it asks for a user and a password, and none were given; see --user/, 'status: nobody');
like((run_relay('status', $url, '--user', 'team'))[2], qr/NOT trusted.*--ca FILE/, 'status: a server that nobody knows');
like((run_relay('status', $url, '--ca', "$dir/none"))[2], qr{/none cannot be used}, 'status: no file');
like((run_relay('status', $url =~ s/^https/http/r))[2], qr/does not speak HTTP|reset/, 'status: http where https is served');
like((run_relay('status', $plain =~ s/^http/https/r))[2], qr/TLS: /, 'status: and the other way round');
delete $ENV{NOVA_LISTENERS_PASSWORD};
like((run_relay(@status, '--user', 'team'))[2], qr/--user needs the password in the environment, as NOVA_LISTENERS_PASSWORD/, 'status: no password');
is($relay->term, 0, 'it ends in order');
unlike($relay->log_text, qr/hunter2/, 'no secret');

# A certificate that is renewed is shown to whoever connects next; one that is no good is not.
certificate('renewed', 'other', 2);
sub put
{
	my ($file) = @_;
	rename $file, "$dir/live.pem" or die "$file: $!";
	return;
}
put(joined('first.pem', 'server.crt', 'ca.crt', 'server.key'));
my @other = ('--cacert', "$dir/other.crt");
$relay = start('https://127.0.0.1:0', $store => "$dir/live.pem");
($url) = $relay->wait_for_line(qr/serving HTTP on \S+/) =~ /HTTP on (\S+)/;
is(curl("$url/healthz", @ca), 200, 'the first certificate');
is(curl("$url/healthz", @ca), 200, 'the same again');
unlike($relay->log_text, qr/has changed/, 'is no other one');
put(joined('second.pem', 'renewed.crt', 'other.crt', 'renewed.key'));
is(curl("$url/healthz", @other), 200, 'renewed: it is shown');
is(curl("$url/healthz", @ca), 'no answer', 'renewed: and not the other');
like($relay->log_text, qr/https: \S+live[.]pem has changed/, 'renewed: the log says so');
put(joined('third.pem', 'server.crt', 'client.key'));
is(curl("$url/healthz", @other), 200, 'no good: the one of before');
like($relay->log_text, qr/warn: https: ${where}keystore[.]location: the key in \S+ is not that .*; clients are shown the certificate of before/, 'no good: why');
unlink "$dir/live.pem";
is(curl("$url/healthz", @other), 200, 'gone: the one of before');
is($relay->term, 0, 'renewed: it ends in order');

# Certificates of clients.
for (['required', 403], ['requested', 200])
{
	my ($auth, $without) = @$_;
	$relay = start('https://0.0.0.0:0', $store => $server, 'ssl.client.auth' => $auth, 'ssl.truststore.location' => "$dir/ca.crt");
	$url = ($relay->wait_for_line(qr/serving HTTP on \S+/) =~ /HTTP on (\S+)/)[0] =~ s/0[.]0[.]0[.]0/127.0.0.1/r;
	is(curl("$url/connectors", @ca), $without, "$auth: without");
	is(curl("$url/healthz", @ca), 200, "$auth: but health");
	is(curl("$url/connectors", @ca, '--cert', "$dir/client.crt", '--key', "$dir/client.key"), 200, "$auth: with");
	is(curl("$url/connectors", @ca, '--cert', "$dir/stranger.crt", '--key', "$dir/stranger.key"), 403, "$auth: of another issuer");
	is((run_relay('status', $url, '--ca', "$dir/ca.crt", '--cert', $client))[0], 1, "$auth: status");
	is($relay->term, 0, "$auth: it ends in order");
	is($relay->log_text =~ /is reached from other machines/ ? 'warned' : '', $auth eq 'required' ? '' : 'warned', "$auth: of an open door");
}

done_testing();
