#
# The page at /, in a browser: what it shows, its buttons, on a phone, in the dark.
#
use strict;
use warnings;

use Nova;
use E2E;
use Test::More;

my $node = new_node('primary', conf => "max_slot_wal_keep_size = 1GB\n");
my $kafka = kafka_start();
my $prefix = topic_prefix();

$node->safe_psql('postgres', <<'SQL');
	CREATE EXTENSION nova_decoder;
	CREATE TABLE users (id int PRIMARY KEY, name text);
	CREATE TABLE held (id int PRIMARY KEY);
	INSERT INTO held SELECT generate_series(1, 40);
SQL
my $relay = start_relay('page', $node, $kafka, {
	'topic.prefix' => $prefix,
	'listeners' => 'http://127.0.0.1:0', 'database.password' => 'hunter2', 'nova.slot.watch.ms' => 100,
	'table.include.list' => 'public.users,public.held' });
my ($base) = $relay->wait_for_line(qr/serving HTTP on \S+/) =~ /HTTP on (\S+)/;
$relay->wait_for_line(qr/streaming from slot/);

python_tap('test/lib/page.py', $base, $node->connstr('postgres'), $prefix);

is($relay->term, 0, 'the relay ends in order');

done_testing();
