#
# A transaction of a million rows, and values up to 64 MB: everything arrives,
# and the relay's memory does not grow with the transaction.
#
use strict;
use warnings;

use Nova;
use E2E;
use Test::More;

my $mb = 1024 * 1024;
my $limit = 100 * $mb;
my $node = new_node('primary');
my $kafka = kafka_start(
	own => 1,
	properties => { 'message.max.bytes' => $limit, 'replica.fetch.max.bytes' => $limit,
		'socket.request.max.bytes' => 2 * $limit });
my $rows = 1_000_000;

$kafka->create_topic('cdc.public.many', 4);
$kafka->create_topic('cdc.public.large', 1, "max.message.bytes=$limit");
$node->safe_psql('postgres', q{
	CREATE TABLE many (id int PRIMARY KEY, n int, t text);
	CREATE TABLE large (id int PRIMARY KEY, body text);
	ALTER TABLE large ALTER body SET STORAGE EXTERNAL});
my $relay = start_relay('many', $node, $kafka, { 'table.include.list' => 'public.many' });
$relay->wait_for_line(qr/streaming from slot nova_many/);

$node->safe_psql('postgres', qq{BEGIN;
	INSERT INTO many SELECT i, i, 'row ' || i FROM generate_series(1, $rows) i;
	UPDATE many SET n = -n WHERE id % 100000 = 7;
	COMMIT});
wait_confirmed($node, 'nova_many');
my $peak = peak_rss_mb($relay);
cmp_ok($peak, '<=', 128, sprintf('peak memory of the relay: %.0f MB', $peak));

# Per partition: the ids must rise, and then, behind all inserts, the updates.
my ($total, $disorder, %updates, %last) = (0, 0);
for (kcat($kafka, 'cdc.public.many', "%p\t%s\n"))
{
	my ($partition, $id, $n, $op) = /^(\d+)\t\{"id":(\d+),"n":(-?\d+),"t":"row \2","__op":"([cu])","__source_ts_ms":\d{13}\}$/
	  or BAIL_OUT("not a record of the table: $_");
	$total++;
	$updates{$id} = $n if $op eq 'u';
	my $place = $op eq 'u' ? $rows + $id : $id;
	$disorder++ if $place <= ($last{$partition} // 0);
	$last{$partition} = $place;
}
is($total, $rows + 10, 'one record per change');
is($disorder, 0, 'in the order of the transaction, in each partition');
is_deeply(\%updates, { map { ($_ * 100_000 + 7 => -($_ * 100_000 + 7)) } 0 .. 9 }, 'the updates');
is($relay->term, 0, 'the relay stops in order');
like($relay->log_text, qr/stopped: @{[ $rows + 10 ]} records acknowledged of @{[ $rows + 10 ]} sent, \d+ bytes received, 1 transactions/,
	'it was one transaction');
like($relay->log_text, qr/verified 1 transactions, 0 snapshot chunks, @{[ $rows + 10 ]} records, [1-9]\d{6,} bytes/,
	'and its count and checksum were right');

# Large values; the last one is not stored out of line and not compressible.
$relay = start_relay('large', $node, $kafka,
	{ 'table.include.list' => 'public.large', 'producer.override.max.request.size' => $limit });
$relay->wait_for_line(qr/streaming from slot nova_large/);
my @sizes = (64 * $mb, 2 * $mb, 3 * $mb + 1, 5 * $mb - 7, 1);
for my $i (0 .. $#sizes)
{
	$node->safe_psql('postgres', qq{
		INSERT INTO large SELECT $i, left(string_agg(md5('$i/' || j), ''), $sizes[$i])
		FROM generate_series(1, $sizes[$i] / 32 + 1) j});
}
$node->safe_psql('postgres', q{UPDATE large SET body = left(repeat(E'\\"é\\n', 1000000), 3000000) WHERE id = 1});
wait_confirmed($node, 'nova_large');
my @want = map {
	my ($id, $length, $hash) = split /\|/;
	qq({"id":$id} $length $hash)
} split /\n/, $node->safe_psql('postgres', q{
	SELECT id, length(body), encode(sha256(convert_to(body, 'UTF8')), 'hex') FROM large ORDER BY id});
my @got = python('e2e_values.py', $kafka->bootstrap, 'cdc.public.large', 'body');
is(scalar @got, @sizes + 1, 'one record per change of a large value');
is($got[0], $want[0], 'the value of 64 MB is byte for byte the same');
is_deeply([ @got[ 5, 2, 3, 4 ] ], [ @want[ 1, 2, 3, 4 ] ], 'so are those of 2 to 5 MB');
like($got[1], qr/^\{"id":1\} @{[ 2 * $mb ]} /, 'and the one that was replaced');
$peak = peak_rss_mb($relay);
cmp_ok($peak, '<=', 64 * 4, sprintf('peak memory with them: %.0f MB', $peak));
is($relay->term, 0, 'the relay stops in order');

done_testing();
