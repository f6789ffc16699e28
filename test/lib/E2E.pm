
=pod

=head1 NAME

E2E - what several end to end tests do: a load, its proof, and failures

=head1 SYNOPSIS

  use Nova;
  use E2E;
  load_setup($node, identity => 'FULL');
  load_topics($kafka, $prefix);
  my $load = load_start($node, clients => 4, transactions => 500, ops => 10);
  load_wait($load);
  wait_confirmed($node, 'nova_main');
  load_verify($node, $kafka, $prefix, 'nothing is lost', exact => 1);

=head1 DESCRIPTION

The load is three tables in the schema "load" with keys of different types, and
a ledger that counts the changes of every key, across deletes and inserts.  A
captured row carries its number of the ledger in the column "ver".  So the
records of a key, taken in the order of their partition, must be numbered 1 to
n, n is in the ledger, and the last one must be the row as the table has it.

The traps: a delete takes a number but shows that of the row before, and only
under REPLICA IDENTITY FULL; where records may be delivered again, all tables
have to be FULL, or the number of a delete cannot be known.  The ledger itself
is outside of the schema and must not be captured: take load_config()'s table
list.

=cut

package E2E;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use IPC::Run ();
use JSON::PP ();
use Nova;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(
  confirmed wait_confirmed wait_streaming wait_until run_relay relay_fails outlives peak_rss_mb cpu_ticks
  make_fragile
  load_setup load_config load_topics load_start load_running load_wait load_changes load_gone load_verify
  python);

my $lib = dirname(__FILE__);
my @tables = qw(users posts events);
my @running;

=head2 confirmed($node, $slot)

The slot's confirmed_flush_lsn as text.

=cut

sub confirmed
{
	my ($node, $slot) = @_;
	return $node->safe_psql('postgres',
		"SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '$slot'");
}

=head2 wait_confirmed($node, $slot, $lsn)

Waits until everything before $lsn (default: all that is written now) is in
Kafka, as the slot says.

=cut

sub wait_confirmed
{
	my ($node, $slot, $lsn) = @_;

	$lsn //= $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
	$node->poll_query_until('postgres',
		"SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = '$slot'")
	  or die "slot $slot does not come to $lsn";
	return;
}

=head2 wait_streaming($node, $slot)

Waits until somebody streams from the slot; returns the walsender's pid.

=cut

sub wait_streaming
{
	my ($node, $slot) = @_;
	my $active = "FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid "
	  . "WHERE slot_name = '$slot'";

	$node->poll_query_until('postgres', "SELECT count(*) = 1 $active")
	  or die "nobody streams from $slot";
	return $node->safe_psql('postgres', "SELECT active_pid $active");
}

=head2 wait_until($what, sub { … })

Calls the function until it returns true, at most the usual time; dies after
that.  The function must be a question that takes some time by itself, such as
a query.

=cut

sub wait_until
{
	my ($what, $condition) = @_;
	my $until = time() + Nova::patience();

	until ($condition->())
	{
		die "waited in vain: $what\n" if time() > $until;
	}
	return;
}

=head2 outlives($relay, $seconds)

Watches the relay for so long; true if it is still there.

=cut

sub outlives
{
	my ($relay, $seconds) = @_;

	my @command = ('timeout', $seconds, 'tail', '-s', '0.1', '-f', '--pid=' . $relay->pid, '/dev/null');

	# While we do not ask for its status, a relay that has ended has still a pid.
	local $SIG{CHLD} = sub { local ($?, $!); $relay->reap(POSIX::WNOHANG()) };
	$relay->reap(POSIX::WNOHANG());
	my ($status) = Nova::capture(@command);
	return $status >> 8 == 124;
}

=head2 peak_rss_mb($relay)

The most memory the running relay ever had, in MB.

=cut

sub peak_rss_mb
{
	my ($relay) = @_;
	my ($kb) = slurp_file('/proc/' . $relay->pid . '/status') =~ /^VmHWM:\s+(\d+) kB/m;

	return $kb / 1024;
}

=head2 cpu_ticks($pid)

The processor time that the process has used, in ticks of the system, which are hundredths
of a second.

=cut

sub cpu_ticks
{
	my ($pid) = @_;
	my @fields = split / /, slurp_file("/proc/$pid/stat") =~ s/^.*\) //sr;

	return $fields[11] + $fields[12];
}

=head2 run_relay(@arguments)

Runs nova-relay to its end; returns exit status, stdout and stderr.

=cut

sub run_relay
{
	my (@arguments) = @_;
	my ($out, $err);

	IPC::Run::run([ $ENV{NOVA_RELAY}, @arguments ], '<', '/dev/null', '>', \$out, '2>', \$err,
		IPC::Run::timeout(Nova::patience()));
	return ($? >> 8, $out, $err);
}

=head2 relay_fails($relay, $regex, $name, $status)

The relay ends by itself, soon, with the status (default 1), and has logged
exactly one line at the level error, which matches as a whole.  Returns what is
in the regex's first parentheses.

=cut

sub relay_fails
{
	my ($relay, $regex, $name, $status) = @_;
	my $got = outlives($relay, 20) ? 'none, it goes on' : $relay->wait_exit;
	my @errors = $relay->log_text =~ /^\S+ error: (.*)$/mg;

	$relay->kill9;

	is($got, $status // 1, "$name: exit status");
	is(scalar @errors, 1, "$name: one line says why") or diag($relay->log_text);
	like($errors[0] // '', qr/\A$regex\z/, "$name: and it is the right one");
	return ($errors[0] // '') =~ /$regex/ ? $1 : undef;
}

=head2 python($script, @arguments)

Runs a script of test/lib with the interpreter that has confluent-kafka;
returns its lines, fails the test when it fails.

=cut

sub python
{
	my ($script, @arguments) = @_;
	my ($status, @lines) = Nova::capture('/usr/bin/python3', "$lib/$script", @arguments);

	fail("$script: status $status") if $status != 0;
	return @lines;
}

=head2 make_fragile($node)

Makes the table brittle (id, v), whose v is of the type fragile: numbers that cannot
be shown, so that decoding a row ends in an ERROR, unless they are labels of the type
labels.

=cut

sub make_fragile
{
	my ($node) = @_;

	$node->safe_psql('postgres', q{
		CREATE TYPE labels AS ENUM ('fine');
		CREATE TYPE fragile;
		CREATE FUNCTION fragile_in(cstring) RETURNS fragile LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
		CREATE FUNCTION fragile_out(fragile) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'enum_out';
		CREATE TYPE fragile (INPUT = fragile_in, OUTPUT = fragile_out, LIKE = int4);
		CREATE TABLE brittle (id int PRIMARY KEY, v fragile)});
	return;
}

=head2 load_setup($node, %params)

Creates schema, tables and ledger in the database postgres.  identity => 'FULL'
gives it to all three tables, else only one of them has it.

=cut

sub load_setup
{
	my ($node, %params) = @_;
	my $all_full = ($params{identity} // '') eq 'FULL';

	$node->safe_psql('postgres', q{
		CREATE SCHEMA load;
		CREATE SCHEMA ledger;
		CREATE TABLE load.users (id bigint PRIMARY KEY, ver int, flag bool, amount numeric(12,3), body text);
		CREATE TABLE load.posts (a text, b int, ver int, flag bool, amount numeric(12,3), body text, PRIMARY KEY (b, a));
		CREATE TABLE load.events (id uuid PRIMARY KEY, ver int, flag bool, amount numeric(12,3), body text);
		ALTER TABLE load.posts REPLICA IDENTITY FULL;
		CREATE TABLE ledger.keys (tab text, key jsonb, ver int, PRIMARY KEY (tab, key));
		CREATE TABLE ledger.deletes (n bigint);

		CREATE FUNCTION ledger.bump(t text, k jsonb) RETURNS int LANGUAGE sql AS
		$$INSERT INTO ledger.keys VALUES (t, k, 1)
		  ON CONFLICT (tab, key) DO UPDATE SET ver = keys.ver + 1 RETURNING ver$$;

		CREATE FUNCTION ledger.key_of(t text, r jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS
		$$SELECT CASE WHEN t = 'posts' THEN jsonb_build_object('b', r -> 'b', 'a', r -> 'a')
		         ELSE jsonb_build_object('id', r -> 'id') END$$;

		CREATE FUNCTION ledger.count() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE
			old_key jsonb := ledger.key_of(TG_TABLE_NAME, to_jsonb(OLD));
			new_key jsonb := ledger.key_of(TG_TABLE_NAME, to_jsonb(NEW));
		BEGIN
			IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND old_key <> new_key) THEN
				PERFORM ledger.bump(TG_TABLE_NAME, old_key);
				INSERT INTO ledger.deletes VALUES (1);
			END IF;
			IF TG_OP = 'DELETE' THEN
				RETURN OLD;
			END IF;
			NEW.ver := ledger.bump(TG_TABLE_NAME, new_key);
			RETURN NEW;
		END$$;
		CREATE TRIGGER count BEFORE INSERT OR UPDATE OR DELETE ON load.users FOR EACH ROW EXECUTE FUNCTION ledger.count();
		CREATE TRIGGER count BEFORE INSERT OR UPDATE OR DELETE ON load.posts FOR EACH ROW EXECUTE FUNCTION ledger.count();
		CREATE TRIGGER count BEFORE INSERT OR UPDATE OR DELETE ON load.events FOR EACH ROW EXECUTE FUNCTION ledger.count();

		-- One transaction: changes of rows that it locks first, in one order,
		-- so that two of them never wait for each other.  Its plans are made
		-- while the tables are empty and must not be those for empty tables.
		CREATE FUNCTION ledger.step(ops int, keys int, width int) RETURNS void LANGUAGE plpgsql
		SET enable_seqscan = off AS $$
		DECLARE
			n int[];
			k int;
			dice float;
			there bool;
			tab int;
			new_body text;
		BEGIN
			n := ARRAY(SELECT DISTINCT 1 + (random() * (keys - 1))::int FROM generate_series(1, ops) ORDER BY 1);
			FOREACH k IN ARRAY n LOOP
				PERFORM pg_advisory_xact_lock(k);
			END LOOP;
			FOREACH k IN ARRAY n LOOP
				dice := random();
				tab := k % 3;
				new_body := CASE WHEN dice < 0.05 THEN NULL ELSE repeat('é"' || k || chr(10), (random() * width)::int) END;
				IF tab = 0 THEN
					SELECT count(*) > 0 INTO there FROM load.users WHERE id IN (k, -k);
					IF NOT there THEN INSERT INTO load.users VALUES (k, 0, dice < 0.5, dice, new_body);
					ELSIF dice < 0.10 THEN DELETE FROM load.users WHERE id IN (k, -k);
					ELSIF dice < 0.20 THEN UPDATE load.users SET id = -id WHERE id IN (k, -k);
					ELSE UPDATE load.users SET body = new_body, amount = dice WHERE id IN (k, -k); END IF;
				ELSIF tab = 1 THEN
					SELECT count(*) > 0 INTO there FROM load.posts WHERE b = k AND a IN ('a"b', 'ü');
					IF NOT there THEN INSERT INTO load.posts VALUES ('a"b', k, 0, dice < 0.5, dice, new_body);
					ELSIF dice < 0.10 THEN DELETE FROM load.posts WHERE b = k AND a IN ('a"b', 'ü');
					ELSIF dice < 0.20 THEN UPDATE load.posts SET a = CASE a WHEN 'ü' THEN 'a"b' ELSE 'ü' END WHERE b = k AND a IN ('a"b', 'ü');
					ELSE UPDATE load.posts SET body = new_body, flag = NOT flag WHERE b = k AND a IN ('a"b', 'ü'); END IF;
				ELSE
					SELECT count(*) > 0 INTO there FROM load.events WHERE id = md5(k::text)::uuid;
					IF NOT there THEN INSERT INTO load.events VALUES (md5(k::text)::uuid, 0, NULL, NULL, new_body);
					ELSIF dice < 0.10 THEN DELETE FROM load.events WHERE id = md5(k::text)::uuid;
					ELSE UPDATE load.events SET body = new_body, flag = dice < 0.5 WHERE id = md5(k::text)::uuid; END IF;
				END IF;
			END LOOP;
		END$$;
	});
	$node->safe_psql('postgres', "ALTER TABLE load.$_ REPLICA IDENTITY FULL") for $all_full ? @tables : ();
	return;
}

=head2 load_config($prefix, %more)

The connector's settings for these tables.

=cut

sub load_config
{
	my ($prefix, %more) = @_;
	return {
		'topic.prefix' => $prefix,
		'table.include.list' => 'load[.].*',
		'slot.retry.delay.ms' => 50,
		'retriable.restart.connector.wait.ms' => 1000,
		'producer.override.reconnect.backoff.max.ms' => 500,
		%more
	};
}

=head2 load_topics($kafka, $prefix)

Creates the topics with several partitions.

=cut

sub load_topics
{
	my ($kafka, $prefix) = @_;
	$kafka->create_topic("$prefix.load.$_", 4) for @tables;
	return;
}

=head2 load_start($node, %params)

Starts writers in the background: clients, transactions (each), ops (changes of
a transaction, about), keys, width (of values), rate (transactions a second of all
writers together; without it as many as they can).  A client whose server goes
away ends and is started again, until all transactions are done or load_wait()
is told to stop.

=cut

sub load_start
{
	my ($node, %params) = @_;
	my %p = (clients => 4, transactions => 1000, ops => 10, keys => 3000, width => 10, %params);
	my $script = PostgreSQL::Test::Utils::tempdir('load') . '/step.sql';

	append_to_file($script, "SELECT ledger.step($p{ops}, $p{keys}, $p{width});\n");
	my @command = ('pgbench', '-n', '-h', $node->host, '-p', $node->port, '-c', $p{clients},
		'-j', 1, ($p{rate} ? ('-R', $p{rate}) : ()), '-t', $p{transactions}, '-f', $script, 'postgres');
	# Known before the fork: what dies in the child ends the test's servers.
	chomp(my $bindir = `$ENV{PG_CONFIG} --bindir`);
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', '/dev/null';
		no warnings 'exec';
		exec { "$bindir/pgbench" } @command;
		POSIX::_exit(127);
	}
	my $load = { pid => $pid };
	push @running, $load;
	return $load;
}

=head2 load_running($load)

Do its writers still write?

=cut

sub load_running
{
	my ($load) = @_;

	$load->{status} = $? if !defined $load->{status} && waitpid($load->{pid}, POSIX::WNOHANG()) > 0;
	return !defined $load->{status};
}

=head2 load_wait($load, $stop)

Waits for the end of the writers, with $stop without letting them finish;
returns their exit status.

=cut

sub load_wait
{
	my ($load, $stop) = @_;

	return $load->{status} if !load_running($load);
	kill 'TERM', $load->{pid} if $stop;
	waitpid($load->{pid}, 0);
	return $load->{status} = $?;
}

=head2 load_changes($node)

How many records (without tombstones) and how many tombstones the committed
changes make.

=cut

sub load_changes
{
	my ($node) = @_;
	my $counts = $node->safe_psql('postgres',
		'SELECT (SELECT coalesce(sum(ver), 0) FROM ledger.keys), (SELECT count(*) FROM ledger.deletes)');
	return split /\|/, $counts;
}

# What must have come of every key, a JSON line each.
sub expectations
{
	my ($node) = @_;
	my $path = PostgreSQL::Test::Utils::tempdir('expect') . '/expect.jsonl';
	my $rows = join ' UNION ALL ', map {
		"SELECT '$_', ledger.key_of('$_', to_jsonb(t)), to_jsonb(t) FROM load.$_ t"
	} @tables;

	append_to_file($path, $node->safe_psql('postgres', qq{
		SELECT jsonb_build_object('table', k.tab, 'key', k.key, 'ver', k.ver, 'row', r.row)
		FROM ledger.keys k LEFT JOIN ($rows) r (tab, key, row) ON r.tab = k.tab AND r.key = k.key}) . "\n");
	return $path;
}

=head2 load_gone($node, $snapshot)

The keys that have no row in this exported snapshot, as a file for
load_verify().

=cut

sub load_gone
{
	my ($node, $snapshot) = @_;
	my $path = PostgreSQL::Test::Utils::tempdir('gone') . '/gone.jsonl';
	my $rows = join ' UNION ALL ', map { "SELECT '$_', ledger.key_of('$_', to_jsonb(t)) FROM load.$_ t" } @tables;

	append_to_file($path, $node->safe_psql('postgres', qq{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SET TRANSACTION SNAPSHOT '$snapshot';
		SELECT jsonb_build_object('table', tab, 'key', key, 'ver', ver) FROM ledger.keys
		WHERE (tab, key) NOT IN ($rows);
		COMMIT}) . "\n");
	return $path;
}

=head2 load_verify($node, $kafka, $prefix, $name, %params)

Three assertions on what the topics hold: the numbers of every key are complete
and in order, the last record of every key is the row, and, with exact => 1,
nothing came twice.  With snapshot => 1 a key may begin with the row that a
snapshot found, and nothing else may come twice.  With snapshots => the path
that load_gone() returned for the last one, several may have been taken: rows
come anew, and what was gone by then may have a record still.
Everything must have been confirmed before.  Returns the report of e2e_verify.py.

=cut

sub load_verify
{
	my ($node, $kafka, $prefix, $name, %params) = @_;
	my ($changes, $deletes) = load_changes($node);
	my ($line) = python('e2e_verify.py', $kafka->bootstrap, "$prefix.load.", expectations($node),
		$params{snapshot} ? '--snapshot' : $params{snapshots} ? ('--snapshots', $params{snapshots}) : ());
	my $report = JSON::PP::decode_json($line // '{}');

	is_deeply($report->{order}, [], "$name: each key's changes are complete and in order");
	is_deeply($report->{state}, [], "$name: what came last is what the tables hold");
	if ($params{exact})
	{
		is("$report->{records} $report->{tombstones} $report->{repeats}", "$changes $deletes 0",
			"$name: one record for each of $changes changes, one tombstone for each of $deletes deletes");
	}
	elsif ($params{snapshot})
	{
		is($report->{repeats}, 0, "$name: nothing came twice");
	}
	elsif (!$params{snapshots})
	{
		cmp_ok($report->{records}, '>=', $changes, "$name: at least one record for each of $changes changes");
		note("$report->{repeats} records came again");
	}
	return $report;
}

END
{
	my $status = $?;
	load_wait($_, 1) for @running;
	$? = $status;
}

1;
