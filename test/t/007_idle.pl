#
# Nothing happens in the captured database, much in another one: the slot moves
# all the same and keeps no WAL, without a heartbeat table.
#
use strict;
use warnings;

use Nova;
use E2E;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();
my $prefix = topic_prefix();

$node->safe_psql('postgres', 'CREATE DATABASE busy');
$node->safe_psql('postgres', 'CREATE TABLE quiet (id int PRIMARY KEY); CREATE TABLE not_captured (id int)');
my $relay = start_relay('idle', $node, $kafka,
	{ 'topic.prefix' => $prefix, 'table.include.list' => 'public.quiet', 'status.update.interval.ms' => 1000 });
$relay->wait_for_line(qr/streaming from slot nova_idle/);
$node->safe_psql('postgres', 'INSERT INTO quiet VALUES (1)');
wait_confirmed($node, 'nova_idle');

sub restart_lsn
{
	return $node->safe_psql('postgres',
		q{SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'nova_idle'});
}

for my $round (1 .. 3)
{
	my $restart = restart_lsn();
	my $before = confirmed($node, 'nova_idle');

	$node->safe_psql('busy', "CREATE TABLE t$round AS SELECT i, repeat('x', 100) AS t FROM generate_series(1, 20000) i");
	$node->safe_psql('postgres', 'INSERT INTO not_captured SELECT generate_series(1, 1000)');
	wait_confirmed($node, 'nova_idle');
	cmp_ok(
		$node->safe_psql('postgres', qq{SELECT confirmed_flush_lsn - '$before' FROM pg_replication_slots WHERE slot_name = 'nova_idle'}),
		'>', 1_000_000, "round $round: confirmed_flush_lsn follows the other database");
	$node->safe_psql('postgres', 'CHECKPOINT');
	$node->poll_query_until('postgres',
		qq{SELECT restart_lsn - '$restart' > 1000000 FROM pg_replication_slots WHERE slot_name = 'nova_idle'});
	cmp_ok(
		$node->safe_psql('postgres', qq{SELECT pg_wal_lsn_diff('@{[ restart_lsn() ]}', '$restart')}),
		'>', 1_000_000, "round $round: restart_lsn follows the checkpoint");
}

is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace}),
	2, 'no table was made for it');
is(scalar(read_topic($kafka, "$prefix.public.quiet")), 1, 'and no record');
$node->safe_psql('postgres', 'INSERT INTO quiet VALUES (2)');
is(scalar(read_topic($kafka, "$prefix.public.quiet", min_count => 2)), 2, 'the next change arrives');
is($relay->term, 0, 'the relay stops in order');
unlike($relay->log_text, qr/ (warn|error): (?!kafka: )/, 'without a complaint');

done_testing();
