#
# pg_upgrade with live slots, which keeps logical slots from 17 on: the slots are there
# afterwards, and the relays go on from them, nothing lost and nothing twice.  One delivers
# at least once, one exactly once.
#
# $NOVA_OLD_PG_CONFIG names the older installation, PG_CONFIG the newer one.  Run by
# "make test-matrix V=upgrade".
#
use strict;
use warnings;

use Nova;
use Cwd ();
use E2E;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# nova for the older server, installed beside a copy of its programs.
my $old_dir = "$ENV{NOVA_STAGE}/old";
system_or_bail('bash', '-ec', <<'END', 'bash', $old_dir, $ENV{NOVA_OLD_PG_CONFIG});
	pg_config=$(PG_CONFIG=$2 test/lib/private-pg "$1/pg")
	mkdir "$1/tree"
	tar --exclude=./tmp_check --exclude='./*.o' --exclude='./src/*.o' --exclude='./*.so' -cf - . | tar -C "$1/tree" -xf -
	make -s -C "$1/tree" install PG_CONFIG="$pg_config" PREFIX="$1/relay" WERROR=1
	ln -s "$(dirname "$pg_config")" "$1/pg/bin"
END

# from 18 on checksums are the default, and pg_upgrade wants both with or both without
my @init = (allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C', '--data-checksums' ]);
my $kafka = kafka_start();
my $prefix = topic_prefix();
my %slot = map { $_ => "nova_$_" } qw(main once);
my %prefix = (main => $prefix, once => "$prefix-once");
my %delivery = (main => {}, once => { 'nova.delivery' => 'exactly-once', 'transaction.boundary.interval.ms' => 50 });
my $node = PostgreSQL::Test::Cluster->new('old', install_path => "$old_dir/pg");
$node->init(@init);
# the newer server's framework writes it, whatever the server
$node->adjust_conf('postgresql.conf', 'autovacuum_worker_slots', undef) if `$ENV{NOVA_OLD_PG_CONFIG} --version` =~ / (\d+)/ && $1 < 18;
$node->append_conf('postgresql.conf', "autovacuum = off\n");
$node->start;
my ($old_version, $version) = map { /(\d+)/ ? $1 : 0 }
  ($node->safe_psql('postgres', 'SHOW server_version'), `$ENV{PG_CONFIG} --version`);
cmp_ok($old_version, '<', $version, "from PostgreSQL $old_version to $version");

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub relay
{
	my ($name, %more) = @_;
	return start_relay($name, $node, $kafka, { 'topic.prefix' => $prefix{$name}, 'table.include.list' => 'public[.]t',
			'nova.position.interval.ms' => 50, 'retriable.restart.connector.wait.ms' => 300, %{ $delivery{$name} }, %more });
}

# The relay delivers what there is, and stops.
sub delivers
{
	my ($name, $what, %more) = @_;
	my $relay = relay($name, %more);
	$relay->wait_for_line(qr/streaming from slot $slot{$name}/);
	wait_confirmed($node, $slot{$name});
	is($relay->term, 0, "$name: $what");
	return;
}

# Sorted, for there are partitions; what comes twice is there twice.
sub ids { return join ' ', sort { $a <=> $b } map { /"id":(\d+)/ } kcat($kafka, "$prefix{$_[0]}.public.t", "%k\n") }

my %relay = map { $_ => relay($_) } keys %slot;
$relay{$_}->wait_for_line(qr/streaming from slot $slot{$_}/) for keys %slot;
sql('CREATE EXTENSION nova_decoder; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5)');
for my $name (sort keys %slot)
{
	wait_confirmed($node, $slot{$name});
	is($relay{$name}->term, 0, "$name: the relay stops");
}
sql('INSERT INTO t VALUES (6)');
# A minor version of the older server may note among a column's options what one of the newer
# that came out before it refuses; pg_upgrade wants the two that belong together.
my ($old_program, $new_program) = map { slurp_file(`$_ --bindir` =~ s/\n//r . '/postgres') } @ENV{qw(NOVA_OLD_PG_CONFIG PG_CONFIG)};
if ($old_program =~ /pg_attver/ && $new_program !~ /pg_attver/)
{
	diag('the newer server is of an older minor release than the older one: its columns lose their versions');
	sql(q{SET allow_system_table_mods = on; UPDATE pg_attribute SET attoptions = NULL WHERE array_to_string(attoptions, ' ') LIKE 'pg_attver=%'});
}
$node->stop;

# The newer server, made as the documentation says: its settings are those of the old one.
my $new;

sub make_new
{
	my ($name, $conf) = @_;
	$new = PostgreSQL::Test::Cluster->new($name);
	$new->init(@init);
	$new->append_conf('postgresql.conf', "autovacuum = off\n$conf");
	return;
}

sub upgrade
{
	my ($what, @more) = @_;
	my $bin = `$ENV{PG_CONFIG} --bindir`;
	chomp $bin;
	my ($output, $from, $to) = (undef, map { Cwd::abs_path($_->data_dir) } $node, $new);
	# it leaves files of its own where it stands
	my $done = IPC::Run::run([ "$bin/pg_upgrade", '--no-sync', '-d', $from, '-D', $to, '-b', "$old_dir/pg/bin",
			'-B', $bin, '-s', $new->host, '-p', $node->port, '-P', $new->port, @more ],
		'>', \$output, '2>&1', init => sub { chdir $new->basedir or die });
	return ($done ? 1 : 0, $output);
}

make_new('early', '');
my ($done, $said) = upgrade('with a change that is not delivered', '--check');
is($done, 0, 'pg_upgrade refuses while the slot has changes that are not delivered') or diag($said);
like($said, qr/logical replication slots that cannot be upgraded/, 'and says so') or diag($said);

# What the instructions say: nobody writes, the relay delivers the rest, and stops.
$node->start;
delivers($_, 'it delivers the rest') for sort keys %slot;
$node->stop;

# A server that loads only listed plugins must have it in its list before.
SKIP:
{
	skip 'a server without output_plugin_libraries', 2
	  if slurp_file($new->data_dir . '/postgresql.conf') !~ /^output_plugin_libraries/m;
	make_new('unlisted', "output_plugin_libraries = 'pgoutput'\n");
	($done, $said) = upgrade('not listed');
	is($done, 0, 'a new server that does not list the plugin: pg_upgrade fails') or diag($said);
	my @logs = glob($new->data_dir . '/pg_upgrade_output.d/*/log/*');
	like(join('', $said, map { slurp_file($_) } @logs), qr/nova_decoder/, 'and names it');
}

make_new('new', '');
($done, $said) = upgrade('as it should be');
is($done, 1, 'pg_upgrade') or diag($said);
my $old = $node;
$node = $new;
$node->start;
is(sql("SELECT plugin || ' ' || coalesce(invalidation_reason, 'sound') FROM pg_replication_slots WHERE slot_name = '$slot{$_}'"),
	'nova_decoder sound', "$_: the slot is there") for sort keys %slot;

# Writers may be back before the relay.  A new cluster has a new system identifier, and
# what is remembered of the old one has to be removed by somebody who knows.
sql('INSERT INTO t VALUES (7)');
my %refusal = (
	main => qr/stopping: PostgreSQL: slot "$slot{main}": .*this is another cluster: system identifier \d+, the state topic remembers \d+.*/,
	once => qr/stopping: state topic __nova-state\.$prefix{once}: the position $slot{once}\/position is of the cluster \d+, and this is \d+; .*remove the record.*/);
for my $name (sort keys %slot)
{
	relay_fails(relay($name, 'snapshot.mode' => $_), $refusal{$name}, "$name, $_: not without being told") for qw(initial no_data);
	my $records = "$slot{$name}|\n$slot{$name}/position|\n";
	IPC::Run::run([ 'kcat', '-P', '-b', $kafka->bootstrap, '-t', "__nova-state.$prefix{$name}", '-K', '|', '-Z' ], '<', \$records)
	  or die 'kcat failed';
	for my $mode (qw(initial no_data))
	{
		my $id = sql('INSERT INTO t SELECT max(id) + 1 FROM t RETURNING id');
		delivers($name, "$mode: it goes on, and stops", 'snapshot.mode' => $mode);
		is(ids($name), join(' ', 1 .. $id), "$name, $mode: all rows, each once");
	}
}
is(sql(q{SELECT extversion FROM pg_extension WHERE extname = 'nova_decoder'}) ne '', 1, 'the extension is there');

done_testing();
