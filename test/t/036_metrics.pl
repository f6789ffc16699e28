#
# /metrics after a load that is known: every count is right, the lag is there
# while Kafka is not, and promtool finds nothing to say about nova's names.
#
use strict;
use warnings;

use HTTP::Tiny;
use IPC::Run ();
use Nova;
use E2E;
use Test::More;

my $node = new_node('primary', conf => "max_slot_wal_keep_size = 1GB\n");
my $kafka = kafka_start();
my $prefix = topic_prefix();
my $http = HTTP::Tiny->new(timeout => 20);
my $base;

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub metrics { return $http->get("$base/metrics")->{content} }
sub base_of { my ($relay) = @_; return ($relay->wait_for_line(qr/serving HTTP on \S+/) =~ /HTTP on (\S+)/)[0] }

# The values of a metric, by its labels beside the connector's.
sub values_of
{
	my ($name) = @_;
	my %found;

	for (split /\n/, metrics())
	{
		next unless /^\Q$name\E(?:\{(.*)\})? (\S+)$/;
		my ($labels, $value) = ($1 // '', $2);
		$labels =~ s/^(?:connector="[^"]*"|context="(\w+)",name="[^"]*",plugin="postgres"),?/$1 ? "$1," : ''/e;
		$labels =~ s/,$//;
		$found{$labels} = $value;
	}
	return \%found;
}

# The only one.
sub metric
{
	my ($name) = @_;
	my @found = values %{ values_of($name) };
	return @found == 1 ? $found[0] : undef;
}

# Of the two contexts.
sub streaming { return values_of("debezium_metrics_$_[0]")->{streaming} }
sub snapshot { return values_of("debezium_metrics_$_[0]")->{snapshot} }

sub promtool
{
	my ($text) = @_;
	IPC::Run::run([ 'promtool', 'check', 'metrics' ], '<', \$text, '>', \my $out, '2>', \my $err);
	return "$out$err";
}

sql(q{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE a (id int PRIMARY KEY, v text);
	CREATE TABLE b (id int PRIMARY KEY, v text);
	INSERT INTO b SELECT g, 'x' FROM generate_series(1, 5) g;
	CREATE TABLE unseen (id int);
});
my %config = ('topic.prefix' => $prefix, 'table.include.list' => 'public[.](a|b)', 'listeners' => 'http://127.0.0.1:0',
	(map { ($_ => undef) } qw(transforms transforms.unwrap.type transforms.unwrap.drop.tombstones transforms.unwrap.add.fields)),
	'skipped.operations' => 'none', 'nova.slot.watch.ms' => 100, 'incremental.snapshot.chunk.size' => 10,
	'kafka.statistics.interval.ms' => 200, 'skip.messages.without.change' => 'true');
my $relay = start_relay('metrics', $node, $kafka, { %config, 'snapshot.mode' => 'initial' });
$base = base_of($relay);
$relay->wait_for_line(qr/streaming from slot/);

# Before the first event: what Debezium's connector says then.
wait_until('it is connected', sub { streaming('Connected') });
is(streaming('MilliSecondsBehindSource'), -1, 'no event: as late as Debezium has it');
is(streaming('MilliSecondsSinceLastEvent'), -1, 'no event: nor since when');
is_deeply(values_of("debezium_metrics_MilliSecondsBehindSource$_"), {}, "no event: $_") for qw(MinValue MaxValue AverageValue P50 P95 P99);
is(streaming($_), 0, "no event: $_") for qw(TotalNumberOfEventsSeen NumberOfCommittedTransactions NumberOfEventsFiltered);
is(streaming('NumberOfUnchangedEventsSkipped'), 0, 'no event: no unchanged one');
is_deeply([ map { snapshot("Snapshot$_") } qw(Running Paused Completed Aborted Skipped) ], [ 0, 0, 1, 0, 0 ], 'the snapshot is complete');
is_deeply([ map { snapshot($_) } qw(TotalTableCount RemainingTableCount TotalNumberOfReadEventsSeen) ], [ 2, 0, 5 ], 'and what it read');
cmp_ok(snapshot('MilliSecondsSinceLastEvent'), '>=', 0, 'not long ago');

# Ten transactions that are seen, one that is rolled back, and one that is not seen.
sql("INSERT INTO a VALUES ($_, 'y')") for 1 .. 3;
sql(q{INSERT INTO a SELECT g, 'y' FROM generate_series(4, 10) g});
sql(q{UPDATE a SET v = 'z' WHERE id <= 4});
sql(q{DELETE FROM a WHERE id <= 3});
sql(q{BEGIN; INSERT INTO b VALUES (6, 'x'); UPDATE b SET v = 'y'; COMMIT});
sql(q{TRUNCATE a});
sql(q{BEGIN; INSERT INTO a VALUES (99, 'never'); ROLLBACK});
sql("SELECT nova.publish('$prefix.said', 'k', 'v'::text)");
sql("SELECT nova.publish('$prefix.said', 'k', 'v'::text)");
sql(q{INSERT INTO unseen VALUES (1)});
wait_confirmed($node, 'nova_metrics');
wait_until('all of it is told', sub { my $m = metric('nova_records_acknowledged_total'); defined $m && $m == 5 + 10 + 4 + 6 + 7 + 1 + 2 });
my ($of_a, $of_b, $of_m) = map { my ($t, $n) = @$_; qq{table="$t",topic="$prefix.$n"} } [ 'public.a', 'public.a' ], [ 'public.b', 'public.b' ], [ '', 'said' ];
is_deeply(values_of('nova_table_records_total'), {
	qq{$of_a,op="c"} => 10, qq{$of_a,op="u"} => 4, qq{$of_a,op="d"} => 3, qq{$of_a,op="x"} => 3, qq{$of_a,op="t"} => 1,
	qq{$of_b,op="r"} => 5, qq{$of_b,op="c"} => 1, qq{$of_b,op="u"} => 6, qq{$of_m,op="m"} => 2 }, 'records by table, topic and operation');
my $bytes = values_of('nova_table_bytes_total');
is_deeply([ sort keys %$bytes ], [ sort keys %{ values_of('nova_table_records_total') } ], 'bytes of the same');
is($bytes->{qq{$of_m,op="m"}}, 4, 'bytes are those of keys and values');
is(metric('nova_records_total'), 35, 'records of all');
is_deeply(values_of('debezium_metrics_TotalNumberOfEventsSeen'), { streaming => 27, snapshot => 5 }, 'events, without tombstones');
is_deeply(values_of("debezium_metrics_TotalNumberOf$_->[0]EventsSeen"), { streaming => $_->[1], snapshot => $_->[2] }, $_->[0])
  for [ Create => 11, 0 ], [ Update => 10, 0 ], [ Delete => 3, 0 ], [ Read => 0, 5 ];
is(streaming('TotalNumberOfLogicalMessageEventsSeen'), 2, 'messages');
is_deeply(values_of('debezium_metrics_NumberOfErroneousEvents'), { streaming => 0, snapshot => 0 }, 'nothing was dropped');

# What each table has cost the plugin: told at a commit, at most once a second.
my $cost = sub { values_of('nova_plugin_changes_total') };
my $unseen = 1;
wait_until('the plugin has told of every change', sub {
	sql(q{INSERT INTO unseen VALUES (1)});
	$unseen++;
	my $c = $cost->();
	return ($c->{'table="public.a"'} // 0) == 17 && ($c->{'table="public.b"'} // 0) == 7 && ($c->{'table="(not captured)"'} // 0) >= 1;
});
is_deeply([ sort keys %{ $cost->() } ], [ map { qq{table="$_"} } '(not captured)', 'public.a', 'public.b' ], 'of each table, and of all others together');
cmp_ok($cost->()->{'table="(not captured)"'}, '<=', $unseen, 'no more than there were');
cmp_ok(streaming('NumberOfEventsFiltered'), '>=', 1, 'which are filtered events');
cmp_ok(streaming('NumberOfEventsFiltered'), '<=', $unseen, 'as many');
my $spent = values_of('nova_plugin_seconds_total');
is_deeply([ sort keys %$spent ], [ sort keys %{ $cost->() } ], 'times of the same');
is(scalar(grep { $_ > 0 && $_ < time - $^T } values %$spent), 3, 'which took some');

# Latency: each transaction once, in one bucket.
my $commits = metric('nova_transactions_verified_total');
is(metric('debezium_metrics_NumberOfCommittedTransactions'), $commits, 'transactions, by both names');
cmp_ok($commits, '>=', 10, 'those of the load');
is(metric('nova_commit_latency_seconds_count'), $commits, 'each has a latency');
my $buckets = values_of('nova_commit_latency_seconds_bucket');
my @bounds = sort { $a <=> $b } map { /^le="([\d.]+)"$/ ? $1 : () } keys %$buckets;
is(scalar @bounds, 14, 'buckets');
my $before = 0;
is(scalar(grep { my $less = $buckets->{qq{le="$_"}} < $before; $before = $buckets->{qq{le="$_"}}; $less } @bounds), 0, 'buckets add up');
is($buckets->{'le="+Inf"'}, $commits, 'to all of them');
cmp_ok(metric('nova_commit_latency_seconds_sum'), '>', 0, 'and took some time');
wait_until('the lag is gone', sub { metric('nova_lag_seconds') == 0 });
is(metric($_), 0, "$_ is 0") for qw(nova_lag_records nova_transactions_in_flight nova_payloads_in_flight nova_backpressure);
is_deeply(values_of('debezium_metrics_QueueRemainingCapacity'), values_of('debezium_metrics_QueueTotalCapacity'), 'the queue is empty');
is_deeply(values_of('debezium_metrics_CurrentQueueSizeInBytes'), { streaming => 0, snapshot => 0 }, 'in bytes, too');
my @ages = map { streaming("MilliSecondsBehindSource$_") } qw(MinValue P50 P95 P99 MaxValue);
is_deeply([ sort { $a <=> $b } @ages[ 0 .. 3 ] ], [ @ages[ 0 .. 3 ] ], 'ages of transactions when they came: the percentiles grow') or diag "@ages";
cmp_ok(abs($_ - $ages[4]), '<=', $ages[4] / 50 + 1, 'and the last one is the greatest, to within 2 %') for $ages[3] > $ages[4] ? $ages[3] : $ages[4];
cmp_ok(streaming('MilliSecondsBehindSourceAverageValue'), '<=', $ages[4], 'so is the mean');
cmp_ok(streaming('MilliSecondsBehindSource'), '<=', $ages[4], 'and the last one');
cmp_ok(streaming('MilliSecondsSinceLastEvent'), '>=', 0, 'since then');
wait_until('the slot was looked at', sub { defined metric('nova_slot_retained_bytes') });
cmp_ok(metric('nova_slot_safe_bytes'), '>', 500_000_000, 'WAL that may still be written');
is(metric('nova_slot_wal_low'), 0, 'which is enough');
cmp_ok(metric('nova_confirmed_lsn'), '>', 0, 'a position');
cmp_ok(metric('nova_received_lsn'), '>', 0, 'and one that was received');

# Rows are read beside the stream: a snapshot, and events of both contexts.
sql(q{INSERT INTO a SELECT g, 'y' FROM generate_series(1, 25) g});
my $incremental = q{'{"data-collections":["public.a","public.b"],"type":"incremental"}'};
sql(qq{BEGIN; SELECT nova.signal('pause-snapshot', '{"type":"incremental"}'); SELECT nova.signal('execute-snapshot', $incremental); COMMIT});
wait_until('it is paused', sub { snapshot('SnapshotPaused') });
is_deeply([ map { snapshot("Snapshot$_") } qw(Running Completed Aborted) ], [ 0, 0, 0 ], 'paused: it is nothing else');
sql(q{SELECT nova.signal('resume-snapshot', '{"type":"incremental"}')});
wait_until('it is complete', sub { snapshot('SnapshotCompleted') });
is_deeply([ map { snapshot($_) } qw(SnapshotRunning SnapshotPaused RemainingTableCount TotalTableCount) ], [ 0, 0, 0, 2 ], 'incremental: complete');
cmp_ok(snapshot('SnapshotPausedDurationInSeconds'), '<', snapshot('SnapshotDurationInSeconds'), 'incremental: it was paused for some of its time');
is_deeply(values_of('debezium_metrics_RowsScanned'), { 'snapshot,table="public.a"' => 25, 'snapshot,table="public.b"' => 6 }, 'incremental: rows of each table');
is_deeply(values_of('debezium_metrics_TotalNumberOfReadEventsSeen'), { streaming => 31, snapshot => 36 }, 'incremental: events of the stream, too');
is(streaming('TotalNumberOfEventsSeen'), 27 + 25 + 31, 'incremental: among all of them');
sql(qq{BEGIN; SELECT nova.signal('pause-snapshot', '{"type":"incremental"}'); SELECT nova.signal('execute-snapshot', $incremental); COMMIT});
wait_until('the next one is paused', sub { snapshot('SnapshotPaused') });
sql(q{SELECT nova.signal('stop-snapshot', '{"type":"incremental"}')});
wait_until('it is stopped', sub { snapshot('SnapshotAborted') });

# librdkafka
wait_until('librdkafka tells', sub { (grep { $_ > 0 } values %{ values_of('nova_kafka_broker_requests_total') }) && metric('nova_kafka_sent_records_total') >= 35 });
# its statistics are of every few seconds
wait_until('its queue is empty', sub { metric('nova_kafka_queue_records') == 0 });
is(metric('nova_kafka_queue_records_max'), 100_000, 'its limit');
is(streaming('QueueTotalCapacity'), 10_000, 'of which so many are used at first');
is_deeply([ grep { !/^producer="0",topic="/ } keys %{ values_of('nova_kafka_topic_batch_bytes') } ], [], 'topics');
ok(exists values_of('nova_kafka_topic_batch_bytes')->{qq{producer="0",topic="$prefix.public.a"}}, 'those that were written to');

# The process
cmp_ok(metric('process_open_fds'), '>', 5, 'open files');
cmp_ok(metric('process_max_fds'), '>=', metric('process_open_fds'), 'of so many');
cmp_ok(metric('process_resident_memory_bytes'), '>', 1_000_000, 'memory');
cmp_ok(abs(metric('process_start_time_seconds') - $^T), '<', 600, 'when it was started');
like((keys %{ values_of('nova_build_info') })[0], qr/^version="\d+[.]\d+[.]\d+"$/, 'its version');

# promtool: the text is right; of Debezium's names it may say that they are Debezium's.
my $text = metrics();
is(scalar(grep { !/^debezium_metrics_\w+ (metric names should be written in 'snake_case' not 'camelCase'|counter metrics should have "_total" suffix)$/ } split /\n/, promtool($text)), 0, 'promtool accepts all of it')
  or diag promtool($text);
is(promtool(join '', grep { !/debezium_metrics_/ } map { "$_\n" } split /\n/, $text), '', "and finds no fault with nova's own");
my %declared = map { $_ => 1 } $text =~ /^# TYPE (\S+)/mg;
my $listed = `$ENV{NOVA_RELAY} metrics`;
is_deeply([ sort keys %declared ], [ sort keys %{ { map { $_ => 1 } $listed =~ /^\| `(\w+)`/mg } } ], 'nova-relay metrics lists the same');
# Dashboard and alerts: what they name is there, with the labels that they use.
my $said = PostgreSQL::Test::Utils::tempdir('said') . '/metrics';
PostgreSQL::Test::Utils::append_to_file($said, $text);
is(join("\n", Nova::capture('test/lib/monitoring', $ENV{NOVA_RELAY}, $said)), '0', 'dashboard and alerts find what they name');

# Updates that show nothing new: of a transaction of which nothing is left, and of one that has a record.
my $same = sub { streaming('NumberOfUnchangedEventsSkipped') };
is($same->(), 0, 'no update was left out so far');
my $events = streaming('TotalNumberOfEventsSeen');
sql(q{ALTER TABLE b REPLICA IDENTITY FULL});
sql(q{UPDATE b SET v = v});
wait_until('six were left out', sub { $same->() == 6 });
sql(q{BEGIN; UPDATE b SET v = v; UPDATE b SET v = 'new' WHERE id = 6; COMMIT});
wait_until('six more, and the new value came', sub { $same->() == 12 && streaming('TotalNumberOfEventsSeen') == $events + 1 });
is(streaming('NumberOfErroneousEvents'), 0, 'they are no errors');

# The server is away for a moment: nothing begins anew but the connection.
my $seen = streaming('TotalNumberOfEventsSeen');
sql(q{SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'nova_metrics'});
wait_until('it is connected again', sub { metric('nova_reconnects_total') == 1 && streaming('Connected') });
is(streaming('TotalNumberOfEventsSeen'), $seen, 'reconnected: events go on where they were');
sql(q{UPDATE b SET v = v WHERE id = 1});
wait_until('one more is left out', sub { $same->() > 12 });
is($same->(), 13, 'reconnected: and none was counted twice');
is($relay->term, 0, 'it stops in order');

# Nobody takes the records: the lag is seen.
sql(q{SELECT pg_create_logical_replication_slot('nova_alone', 'nova_decoder')});
my $alone = start_relay('alone', $node, undef, { %config, 'bootstrap.servers' => '127.0.0.1:1', 'skip.messages.without.change' => 'false' });
$base = base_of($alone);
$alone->wait_for_line(qr/streaming from slot/);
wait_until('it is connected', sub { streaming('Connected') });
is_deeply([ map { snapshot("Snapshot$_") } qw(Completed Skipped) ], [ 0, 1 ], 'no snapshot was taken');
is(streaming('NumberOfUnchangedEventsSkipped'), -1, 'unchanged updates are not looked for');
sql(q{INSERT INTO b VALUES (100, 'x'), (101, 'x')});
wait_until('a transaction is in flight', sub { (metric('nova_transactions_in_flight') // 0) == 1 });
is(metric('nova_lag_records'), 2, 'its records are');
wait_until('it waits longer and longer', sub { metric('nova_lag_seconds') > 1 });
is(metric('nova_commit_latency_seconds_count'), 0, 'it has no latency yet');
is(streaming('QueueTotalCapacity') - streaming('QueueRemainingCapacity'), 2, 'two places of the queue are taken');
cmp_ok(metric('nova_lag_bytes'), '>', 0, 'WAL is not confirmed');
$alone->kill9;

done_testing();
