#
# CALL nova.stream() on a standby: from 16 on the same bytes as from a walsender there,
# and on beyond its promotion; before, where a standby cannot decode, a clear ERROR.
#
use strict;
use warnings;

use CopyBoth;
use Nova;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary', conf => "autovacuum = off\nwal_keep_size = 256MB\n");
my $dir = PostgreSQL::Test::Utils::tempdir('standby');
my $decodes = $node->safe_psql('postgres', 'SHOW server_version_num') >= 160000;

$node->safe_psql('postgres', q{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE t (id int PRIMARY KEY, v text);
	SELECT pg_create_physical_replication_slot('standby')});
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "primary_slot_name = 'standby'\nhot_standby_feedback = on\n");
$standby->start;

if (!$decodes)
{
	my $client = copyboth($standby, []);
	my $ended = $client->ended(stream_command('direct', 'any'));

	is("$ended->{ended} $ended->{sqlstate} $ended->{usable}", 'error 0A000 1', 'before 16: an ERROR, and the connection can be used');
	like($ended->{message}, qr/logical decoding cannot be used while in recovery/, 'which says why');
	$client->finish;
	$standby->stop;
	$node->stop;
	done_testing();
	exit;
}

# A slot is made there once the primary has said which transactions run.
sub make_slots
{
	my ($on, @names) = @_;
	my $made = IPC::Run::start(
		[ 'psql', '-XAtqd', $on->connstr('postgres'), map { ('-c', "SELECT pg_create_logical_replication_slot('$_', 'nova_decoder')") } @names ],
		'>', \my $out, '2>', \my $err, IPC::Run::timeout(Nova::patience()));

	while ($made->pumpable)
	{
		$node->safe_psql('postgres', 'SELECT pg_log_standby_snapshot()');
		$made->pump_nb;
		last if $on->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn IS NOT NULL') == @names;
	}
	$made->finish;
	die $err if $made->result;
	return;
}

# What is there now, on both.
sub insert
{
	my ($on, $from, $to) = @_;
	$on->safe_psql('postgres', "INSERT INTO t SELECT i, 'row ' || i FROM generate_series($from, $to) i;
		DO \$\$ BEGIN FOR i IN 1 .. 50 LOOP UPDATE t SET v = v || i WHERE id = $from; COMMIT; END LOOP; END \$\$");
	return $on->safe_psql('postgres', q{SELECT pg_logical_emit_message(true, 'test', ''); SELECT pg_current_wal_flush_lsn()}) =~ s/.*\n//sr;
}

make_slots($standby, 'direct', 'replication', 'live');
my $until = insert($node, 1, 5000);
$node->wait_for_replay_catchup($standby);
my %bytes;
for my $road ('direct', 'replication')
{
	my $client = copyboth($standby, [ '--until', $until, '--out', "$dir/$road" ], stream_command($road, $road));

	is($client->ended->{ended}, 'done', "$road: it comes to the end");
	$client->finish;
	$bytes{$road} = slurp_file("$dir/$road");
}
is($bytes{direct} eq $bytes{replication} ? length $bytes{direct} : 'others', length $bytes{replication}, 'the same bytes');
cmp_ok(length $bytes{direct}, '>', 5000, 'of which there are some');

# Beyond a promotion: the position lies on the new timeline.
my $far = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn() + 48 * 1024 * 1024');
my $live = copyboth($standby, [ '--until', $far, '--out', "$dir/live" ], stream_command('direct', 'live'));
$live->streaming;
$standby->promote;
insert($standby, 10001, 10100);
$standby->safe_psql('postgres', q{SELECT pg_switch_wal(); SELECT pg_logical_emit_message(true, 'test', '')})
  while $standby->safe_psql('postgres', "SELECT pg_current_wal_flush_lsn() < '$far'") eq 't';
is($live->ended->{ended}, 'done', 'promoted: the stream goes on');
$live->finish;
my @ids = slurp_file("$dir/live") =~ /[{]"id":(\d+)[}]/g;
is(join(' ', scalar @ids, @ids[ 0, 5000 - 1, 5000, -1 ]), '5200 1 5000 1 10001', 'with what came before and after');

$standby->stop;

# A standby that does not say what it still needs: recovery invalidates the slot when the
# primary removes rows of the catalog.
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('standby')});
my $silent = PostgreSQL::Test::Cluster->new('silent');
$silent->init_from_backup($node, 'base', has_streaming => 1);
$silent->append_conf('postgresql.conf', 'hot_standby_feedback = off');
$silent->start;
make_slots($silent, 'taken');
my $taken = copyboth($silent, [], stream_command('direct', 'taken'));
$taken->streaming;
$node->safe_psql('postgres', $_) for 'CREATE TABLE short (id int)', 'DROP TABLE short', 'VACUUM pg_catalog.pg_class', 'SELECT pg_switch_wal()';
my $ended = $taken->ended;
is("$ended->{ended} $ended->{sqlstate} $ended->{usable}", 'error 40001 1', 'a slot that recovery invalidates: an ERROR, and the connection can be used');
like($ended->{message}, qr/conflict with recovery/, 'which says why');
$taken->finish;
my $again = copyboth($silent, []);
$ended = $again->ended(stream_command('direct', 'taken'));
is("$ended->{ended} $ended->{usable}", 'error 1', 'and it is not streamed from again');
like($ended->{message}, qr/can no longer|invalidated/, 'which says why');
$again->finish;
$silent->stop;

$node->stop;
done_testing();
