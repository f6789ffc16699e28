#
# A snapshot while writers write: each row comes as it was when the slot was
# made, and every change after that, and none before it, follows.  With one
# connection and with several, which share large tables.
#
use strict;
use warnings;

use Nova;
use E2E;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();
my $keys = 60000;

load_setup($node, identity => 'FULL');
$node->safe_psql('postgres', qq{
	CREATE EXTENSION nova_decoder;
	INSERT INTO load.users SELECT k, 0, true, 0.5, repeat('u', 1500) FROM generate_series(3, $keys, 3) k;
	INSERT INTO load.posts SELECT 'a"b', k, 0, true, 0.5, repeat('p', 1500) FROM generate_series(1, $keys, 3) k;
	INSERT INTO load.events SELECT md5(k::text)::uuid, 0, true, 0.5, repeat('e', 1500) FROM generate_series(2, $keys, 3) k;
	VACUUM ANALYZE;
});

for my $threads (1, 4)
{
	my $prefix = topic_prefix();
	load_topics($kafka, $prefix);
	my $load = load_start($node, clients => 3, transactions => 1_000_000, ops => 10, keys => $keys, width => 100);
	my ($before) = load_changes($node);
	wait_until('the load runs', sub { (load_changes($node))[0] > $before + 2000 });

	my $relay = start_relay("seam$threads", $node, $kafka,
		load_config($prefix, 'snapshot.mode' => 'initial', 'snapshot.max.threads' => $threads));
	$relay->wait_for_line(qr/snapshot: 3 of 3 tables.*complete/);
	$relay->wait_for_line(qr/streaming from slot nova_seam$threads/);
	($before) = load_changes($node);
	wait_until('the load goes on', sub { (load_changes($node))[0] > $before + 2000 });
	ok(load_running($load), "$threads connection(s): there was load all the time");
	load_wait($load, 1);
	wait_confirmed($node, "nova_seam$threads");
	my $report = load_verify($node, $kafka, $prefix, "$threads connection(s)", snapshot => 1);
	cmp_ok($report->{reads}, '>', $keys * 0.9, "$threads connection(s): the rows came as r");
	cmp_ok($report->{records}, '>', $report->{reads} + 2000, "$threads connection(s): and changes after them");
	is($relay->term, 0, "$threads connection(s): the relay stops in order");
}

done_testing();
