#
# What the relay says of itself over HTTP: Kafka Connect's calls, as the team's
# scripts make them, and the metrics of a snapshot and a stream.
#
use strict;
use warnings;

use JSON::PP ();
use HTTP::Tiny;
use Nova;
use E2E;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();
my $prefix = topic_prefix();
my $http = HTTP::Tiny->new(timeout => 20);
my $base;

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub ask
{
	my ($path, $method) = @_;
	my $r = $http->request($method // 'GET', "$base$path");
	return wantarray ? ($r->{status}, $r->{content}, $r) : $r->{content};
}

sub json { return JSON::PP::decode_json(scalar ask($_[0])) }

# The value of a metric, by its name and a piece of its labels.
sub metric
{
	my ($name, $label) = @_;
	my @found = grep { /^\Q$name\E\{/ && (!defined $label || index($_, $label) >= 0) } split /\n/, scalar ask('/metrics');
	return @found == 1 && $found[0] =~ / (\S+)$/ ? $1 : undef;
}

sub base_of { my ($relay) = @_; return ($relay->wait_for_line(qr/serving HTTP on \S+/) =~ /HTTP on (\S+)/)[0] }

sql(q{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE users (id int PRIMARY KEY, v text);
	INSERT INTO users SELECT g, 'x' FROM generate_series(1, 500) g;
	CREATE TABLE held (id int PRIMARY KEY);
	INSERT INTO held SELECT generate_series(1, 10);
	CREATE FUNCTION gate() RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN true; END';
	ANALYZE;
});
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(7)');
my %config = ('topic.prefix' => $prefix, 'snapshot.mode' => 'initial', 'table.include.list' => 'public[.].*',
	'listeners' => 'http://127.0.0.1:0', 'database.password' => 'hunter2', 'snapshot.max.threads' => 2,
	'snapshot.select.statement.overrides' => 'public.held',
	'snapshot.select.statement.overrides.public.held' => 'SELECT * FROM held WHERE gate()',
	'kafka.statistics.interval.ms' => 200, 'kafka.sasl.password' => '${env:NOVA_NOT_SAID}');
$ENV{NOVA_NOT_SAID} = 'hunter3';
my $relay = start_relay('http', $node, $kafka, \%config);
$base = base_of($relay);

# A snapshot, one table of which has to wait.
wait_until('a table is read', sub { (metric('debezium_metrics_RowsScanned', 'table="public.users"') // 0) == 500 });
is(metric('debezium_metrics_SnapshotRunning'), 1, 'snapshot: it runs');
is(metric('debezium_metrics_RemainingTableCount'), 1, 'snapshot: one table is left');
is(metric('nova_snapshot_table_complete', 'table="public.held"'), 0, 'snapshot: that one');
is(metric('nova_snapshot_table_rows_expected', 'table="public.users"'), 500, 'snapshot: rows that are expected');
is(metric('nova_snapshot_rows_expected'), undef, 'snapshot: of a query nobody knows');
is((ask('/readyz'))[0], 200, 'snapshot: it is ready');
is(json('/connectors/http/status')->{connector}{state}, 'RUNNING', 'snapshot: it is RUNNING');
$lock->quit;
$relay->wait_for_line(qr/streaming from slot/);
wait_confirmed($node, 'nova_http');
wait_until('it is told', sub { metric('debezium_metrics_Connected') });
is(metric('debezium_metrics_SnapshotRunning'), 0, 'stream: no snapshot runs');
is(metric('debezium_metrics_SnapshotCompleted'), 1, 'stream: it is completed');
is(metric('nova_records_acknowledged_total'), 510, 'stream: records of the snapshot');
is(metric('nova_up'), 1, 'stream: it is up');

# The stream.
sql(q{INSERT INTO users SELECT g, 'y' FROM generate_series(1001, 1010) g});
wait_confirmed($node, 'nova_http');
wait_until('that is told, too', sub { metric('nova_records_acknowledged_total') == 520 });
is(metric('nova_transactions_verified_total'), 1, 'a transaction, verified');
is(metric('nova_records_verified_total'), 520, 'every record was');
cmp_ok(metric('nova_chunks_verified_total'), '>=', 2, 'in chunks, those of the snapshot');
is(metric('nova_lag_records'), 0, 'nothing is on its way');
cmp_ok(metric('debezium_metrics_MilliSecondsBehindSource'), '<', 60000, 'it was not late');
cmp_ok(metric('debezium_metrics_MilliSecondsSinceLastEvent', 'streaming'), '<', 60000, 'and that is not long ago');
like(scalar ask('/metrics'), qr/^process_resident_memory_bytes [1-9]\d{5,}$/m, 'memory of the process');

# Kafka Connect's calls.  The first line is the team's health check.
my $status = "$base/connectors/http/status";
is(system("curl -s $status | python3 -c 'import json, sys; s = json.load(sys.stdin); sys.exit(not (s[\"connector\"][\"state\"] == \"RUNNING\" and s[\"tasks\"][0][\"state\"] == \"RUNNING\"))'"), 0, 'the health check passes');
my $version = json('/')->{version};
my ($worker) = $base =~ m{//(.*)};
is_deeply(json('/connectors/http/status'), { name => 'http', connector => { state => 'RUNNING', worker_id => $worker, version => $version },
	tasks => [{ id => 0, state => 'RUNNING', worker_id => $worker, version => $version }], type => 'source' }, 'status');
is_deeply(json('/connectors'), ['http'], 'connectors');
my $both = json('/connectors?expand=status&expand=info');
is_deeply([ sort keys %{ $both->{http} } ], [qw(info status)], 'expanded');
is_deeply(json('/connectors?expand=info')->{http}{info}, json('/connectors/http'), 'one of the two');
is_deeply(json('/connectors/http')->{tasks}, [{ connector => 'http', task => 0 }], 'its tasks');
is_deeply(json('/connectors/http/tasks')->[0]{id}, { connector => 'http', task => 0 }, 'tasks');
is(json('/connectors/http/tasks/0/status')->{state}, 'RUNNING', 'the status of the task');
is(json('/connector-plugins')->[0]{class}, 'io.debezium.connector.postgresql.PostgresConnector', 'plugins');
is(json('/connectors/http/tasks')->[0]{config}{'task.class'}, 'io.debezium.connector.postgresql.PostgresConnectorTask', 'its class');
is_deeply(json('/connectors/other/topics'), { other => { topics => [] } }, 'topics of nobody');
ok((grep { $_->{name} eq 'slot.name' && $_->{type} eq 'STRING' } @{ json('/connector-plugins/PostgresConnector/config') }), 'what can be configured');
wait_until('the cluster of Kafka is known', sub { (json('/')->{kafka_cluster_id} // '') =~ /^[\w-]{10,}$/ });
my $config = json('/connectors/http/config');
is($config->{'topic.prefix'}, $prefix, 'the configuration as it was given');
is($config->{'database.password'}, '********', 'a secret is masked');
is($config->{'kafka.sasl.password'}, '${env:NOVA_NOT_SAID}', 'a placeholder is shown as one');
unlike(scalar ask($_), qr/hunter/, "$_: no secret") for '/connectors/http', '/connectors/http/tasks', '/connectors?expand=info', '/metrics';

# What is not there, and what comes from anywhere.
my @asked = (
	[ '/connectors/other/status', 'GET', 404, 'No status found for connector other' ],
	[ '/connectors/other/tasks/0/status', 'GET', 404, 'No status found for task other-0' ],
	[ '/connectors/http/tasks/1/status', 'GET', 404, 'No status found for task http-1' ],
	[ '/connectors/http/tasks/1/restart', 'POST', 404, 'Unknown task: http-1' ],
	[ '/connectors/other', 'GET', 404, 'Connector other not found' ],
	[ '/connectors/%6fther', 'GET', 404, 'Connector other not found' ],
	[ '/connectors/a%2Fb', 'GET', 404, 'Connector a/b not found' ],
	[ '/connectors/%00', 'GET', 404, 'HTTP 404 Not Found' ],
	[ '/connectors/' . 'x' x 2000, 'GET', 404, 'HTTP 404 Not Found' ],
	[ '/nothing', 'GET', 404, 'HTTP 404 Not Found' ],
	[ '/connectors/http/status', 'DELETE', 405, 'HTTP 405 Method Not Allowed' ],
	[ '/metrics', 'POST', 405, 'HTTP 405 Method Not Allowed' ]);
for (@asked)
{
	my ($path, $method, $code, $message) = @$_;
	my ($got, $body) = ask($path, $method);
	is_deeply([ $got, JSON::PP::decode_json($body) ], [ $code, { error_code => $code, message => $message } ],
		"$method " . substr($path, 0, 40));
}
is((ask('/connectors/%68ttp/status/'))[0], 200, 'an encoded name, a slash at the end');
my (undef, undef, $head) = ask('/metrics', 'HEAD');
is_deeply([ $head->{status}, $head->{content} // '' ], [ 200, '' ], 'HEAD');
is($http->post("$base/connectors/http/config", { content => 'x' x 3_000_000 })->{status}, 405, 'a large body is not kept');
is((ask('/healthz'))[0], 200, 'it is well');

# Kafka's or the server's absence is no reason to be restarted.
$node->stop('immediate');
wait_until('the loss is told', sub { (ask('/readyz'))[0] == 503 });
is((ask('/healthz'))[0], 200, 'well, and not ready, without a server');
is(metric('debezium_metrics_Connected'), 0, 'not connected');
$node->start;
wait_until('it is back', sub { (ask('/readyz'))[0] == 200 });
cmp_ok(metric('nova_reconnects_total'), '>', 0, 'it was connected again');

# A port that is taken.
my $second = start_relay('second', $node, $kafka, { %config, 'listeners' => $base });
isnt($second->wait_exit, 0, 'a listener that was asked for must work');
like($second->log_text, qr/cannot start: listeners: cannot listen on 127[.]0[.]0[.]1 port \d+: Address already in use/, 'and it is said why');
is($relay->term, 0, 'it stops in order');

done_testing();
