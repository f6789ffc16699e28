#
# Incremental snapshots: rows that exist, in chunks, while the stream goes on.
# What a consumer keeps of each key is the table's row, whatever happened
# meanwhile, and no record of a key is older than the one before it.
#
use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use Nova;
use E2E;
use Test::More;

my $node = new_node('primary');
my $kafka = kafka_start();
my $rows = 3000;

sub sql { return $node->safe_psql('postgres', $_[0]) }

sql(qq{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE users (id int PRIMARY KEY, ver int NOT NULL, body text);
	INSERT INTO users SELECT g, 1, repeat('x', 100) FROM generate_series(1, $rows) g;
	CREATE TABLE "odd ""name's" (id int PRIMARY KEY, ver int NOT NULL);
	INSERT INTO "odd ""name's" SELECT g, 1 FROM generate_series(1, 5) g;
	CREATE TABLE nokey (id int, ver int);
	INSERT INTO nokey SELECT g, 1 FROM generate_series(1, 1000) g;
	CREATE TABLE empty (id int PRIMARY KEY, ver int);
	CREATE TABLE debezium_signal (id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048));
});

sub config
{
	my ($prefix, %more) = @_;
	return { 'topic.prefix' => $prefix, 'snapshot.mode' => 'no_data', 'table.include.list' => 'public[.].*',
		'signal.data.collection' => 'public.debezium_signal',
		'slot.retry.delay.ms' => 50, 'retriable.restart.connector.wait.ms' => 500,
		'incremental.snapshot.chunk.size' => 100, %more };
}

# A relay that streams.
sub streaming
{
	my ($name, $prefix, %more) = @_;
	my $relay = start_relay($name, $node, $kafka, config($prefix, %more));
	$relay->wait_for_line(qr/streaming from slot nova_$name/);
	return $relay;
}

sub signal
{
	my ($type, $data, $id) = @_;
	$data = defined $data ? "'" . JSON::PP::encode_json($data) =~ s/'/''/gr . "'" : 'NULL';
	return sql("SELECT nova.signal('$type', $data, " . (defined $id ? "'$id'" : 'NULL') . ')');
}

sub execute { my ($id, @tables) = @_; return signal('execute-snapshot', { 'data-collections' => \@tables }, $id) }

# The members that matter, of flat records; a JSON parser in Perl takes its time.
sub decode
{
	my ($text) = @_;
	my %v = map { $_ => $text =~ /"$_":"?([^",}]*)/ ? $1 : undef } qw(id ver __op);
	$v{length} = $text =~ /"body":"([^"]*)"/ ? length $1 : 0;
	return \%v;
}

# Records of a table's topic, their values decoded; undef for a tombstone.
sub records
{
	my ($prefix, $table) = @_;
	my @lines = map { [split /\t/, $_, 2] } kcat($kafka, "$prefix." . ($table =~ /[.]/ ? $table : "public.$table"));
	return map { { key => $_->[0], v => ($_->[1] // '') ne '' ? decode($_->[1]) : undef } } @lines;
}

# The last record of each key against the table, and versions that never go back.
sub is_whole
{
	my ($name, $prefix, $table, %more) = @_;
	my (%last, %ver, @back);

	wait_confirmed($node, $more{slot});
	for my $r (records($prefix, $table))
	{
		my $deleted = !defined $r->{v} || $r->{v}{__op} eq 'd';
		my $ver = $deleted ? $ver{ $r->{key} } // 0 : $r->{v}{ver};

		push @back, "$r->{key}: $ver{$r->{key}}, then $ver" if $ver < ($ver{ $r->{key} } // 0);
		$ver{ $r->{key} } = $ver;
		$last{ $r->{key} } = $deleted ? undef : "$r->{v}{id} $r->{v}{ver} $r->{v}{length}";
	}
	my $got = join "\n", sort grep { defined } values %last;
	my $want = join "\n", sort split /\n/, sql("SELECT id || ' ' || ver || ' ' || coalesce(length(body), 0) FROM $table");
	ok($got eq $want, "$name: the topic has what the table has") or diag("got $got\nwant $want");
	# a killed relay sends again what it had not confirmed
	is_deeply(\@back, [], "$name: no record is older than the one before it") if !$more{repeats};
	return;
}

# What the state topic says is left.
sub jobs
{
	my ($prefix) = @_;
	my @records = read_topic($kafka, "__nova-state.$prefix");
	return '' if !@records || !defined $records[-1]{value};
	return JSON::PP::encode_json(JSON::PP::decode_json($records[-1]{value})->{jobs} // {});
}

# Writers that update, insert and delete rows of users until told to stop.
sub start_writers
{
	my $stop = $node->basedir . '/stop';
	unlink $stop;
	my $script = $node->basedir . '/writer.sql';
	PostgreSQL::Test::Utils::append_to_file($script, q{
\set id random(1, 3300)
INSERT INTO users VALUES (:id, 1, 'new') ON CONFLICT (id) DO UPDATE SET ver = users.ver + 1;
\set id random(1, 3000)
UPDATE users SET ver = ver + 1 WHERE id = :id;
}) if !-e $script;
	my @command = ('pgbench', '-n', '-h', $node->host, '-p', $node->port, '-f', $script, '-c', '4', '-R', '300', '-T', '60', 'postgres');
	my ($in, $out) = ('', '');
	return IPC::Run::start(\@command, \$in, '>&', \$out);
}

sub stop_writers { my ($h) = @_; $h->signal('TERM'); eval { $h->finish }; return; }

#
# The whole of a table, while others write to it.
#
my $prefix = topic_prefix();
my $relay = streaming('inc', $prefix);
my $writers = start_writers();
execute('first', 'public\.users', 'public\.odd.*', 'public\.empty');
$relay->wait_for_line(qr/signal "first": an incremental snapshot is to be taken/);
$relay->wait_for_line(qr/incremental snapshot "first" begins: 3 tables/);
$relay->wait_for_line(qr/table public\.empty has no rows to read/);
$relay->wait_for_line(qr/table public\.users is complete, \d+ rows read, every record is acknowledged/);
$relay->wait_for_line(qr/incremental snapshot "first" is complete/);
stop_writers($writers);
is_whole('with writers', $prefix, 'users', slot => 'nova_inc');
my @r = grep { defined $_->{v} && $_->{v}{__op} eq 'r' } records($prefix, 'users');
cmp_ok(scalar @r, '>', $rows / 2, 'with writers: rows as r');
is(scalar(grep { defined $_->{v} && $_->{v}{__op} eq 'r' } records($prefix, 'odd__name_s')), 5, 'a name that needs quotes');
like(jobs($prefix), qr/"requests":\[\]/, 'nothing is left to do');

# A condition, and a table that is none; rows of others are not read.
my %others = (before => scalar grep { defined $_->{v} && $_->{v}{__op} eq 'r' && $_->{v}{id} > 7 } @r);
my $before = () = records($prefix, 'users');
signal('execute-snapshot', { 'data-collections' => ['public.users', 'public.nosuch'],
	'additional-conditions' => [{ 'data-collection' => 'public.users', 'filter' => "id <= 7 AND body <> 'it''s'" }] }, 'some');
$relay->wait_for_line(qr/incremental snapshot "some" is complete/);
wait_confirmed($node, 'nova_inc');
my @new = records($prefix, 'users');
is(scalar(@new) - $before, sql('SELECT count(*) FROM users WHERE id <= 7'), 'additional-conditions: those rows only');
is(scalar(grep { defined $_->{v} && $_->{v}{__op} eq 'r' && $_->{v}{id} > 7 } @new), $others{before}, 'and no others');

# Without a key a table is read by its blocks.
execute('keyless', 'public.nokey');
$relay->wait_for_line(qr/warn: incremental snapshot: table public\.nokey has no key to read it by: rows .* may come twice/);
$relay->wait_for_line(qr/incremental snapshot "keyless" is complete/);
is(scalar(() = records($prefix, 'nokey')), 1000, 'a table without a key: all rows');

# What is wrong is said, and stops nothing.
sql(q{SELECT pg_logical_emit_message(true, 'nova.signal', '\x01'::bytea)});
execute('none', 'public\.nosuch');
$relay->wait_for_line(qr/warn: incremental snapshot "none" is over: no captured table is one of its data-collections/);
execute('regex', 'public.(');
$relay->wait_for_line(qr/warn: incremental snapshot: .*(SQLSTATE 2201B).*correct data-collections/);
signal('execute-snapshot', { 'data-collections' => ['public.users'],
	'additional-conditions' => [{ 'data-collection' => 'public.users', 'filter' => 'nosuch > 7' }] }, 'condition');
$relay->wait_for_line(qr/warn: incremental snapshot: table public\.users: .*nosuch.*; the table is left out; correct the condition/);
signal('stop-snapshot', undef, 'nothing');
$relay->wait_for_line(qr/warn: signal "nothing" of type stop-snapshot is ignored: no incremental snapshot is being taken/);
signal('log', { message => 'hello there' }, 'said');
$relay->wait_for_line(qr/info: signal "said": hello there/);

# Debezium's table of signals; what Debezium itself writes there is passed over.
sql(q{INSERT INTO debezium_signal VALUES ('w', 'snapshot-window-open', NULL), ('row', 'execute-snapshot',
	'{"data-collections": ["public.empty", "public.debezium_signal"], "type": "INCREMENTAL"}'), ('bad', 'execute-snapshot', '[]')});
$relay->wait_for_line(qr/signal "row": an incremental snapshot is to be taken/);
$relay->wait_for_line(qr/warn: signal "bad" of type execute-snapshot is ignored: its data is no JSON object/);
$relay->wait_for_line(qr/incremental snapshot "row" begins: 1 tables/);
$relay->wait_for_line(qr/incremental snapshot "row" is complete/);
unlike($relay->log_text, qr/signal "w"/, 'a row that Debezium writes is none');
wait_confirmed($node, 'nova_inc');
is(scalar(() = records($prefix, 'debezium_signal')), 3, 'the signals are records, too');

# Pause, go on, stop.
signal('pause-snapshot');
$relay->wait_for_line(qr/incremental snapshots pause/);
execute('paused', 'public.users');
$relay->wait_for_line(qr/signal "paused": an incremental snapshot is to be taken/);
wait_confirmed($node, 'nova_inc');
like(jobs($prefix), qr/"paused":true/, 'that it is paused is remembered');
is($relay->term, 0, 'it stops in order');
$relay = streaming('inc', $prefix);
$relay->wait_for_line(qr/incremental snapshot "paused" goes on where it was, when the signal resume-snapshot comes/);
unlike($relay->log_text, qr/incremental snapshot "paused" begins/, 'paused, also by the next start');
signal('stop-snapshot', { 'data-collections' => ['public\.users'] });
$relay->wait_for_line(qr/incremental snapshot "paused" is stopped/);
signal('resume-snapshot');
$relay->wait_for_line(qr/incremental snapshots go on/);
wait_confirmed($node, 'nova_inc');
like(jobs($prefix), qr/"requests":\[\]/, 'stopped: nothing is left');
is($relay->term, 0, 'it stops in order');

#
# Killed in the middle, again and again: it goes on behind what was safe.
#
$prefix = topic_prefix();
sql('INSERT INTO users SELECT g, 1, NULL FROM generate_series(1, 20000) g ON CONFLICT DO NOTHING');
$relay = streaming('kill', $prefix, 'incremental.snapshot.chunk.size' => 10);
$writers = start_writers();
execute('killed', 'public.users');
my $kills = 0;
for (1 .. 4)
{
	$relay->wait_for_line(qr/incremental snapshot "killed" begins/) if $kills == 0;
	wait_until('a chunk is remembered', sub { jobs($prefix) =~ /"after"/ }) if $kills == 0;
	last if $relay->log_text =~ /"killed" is complete/;
	$relay->kill9;
	$kills++;
	$relay = streaming('kill', $prefix, 'incremental.snapshot.chunk.size' => 10);
}
$relay->wait_for_line(qr/incremental snapshot "killed" is complete/);
stop_writers($writers);
is_whole("killed $kills times", $prefix, 'users', slot => 'nova_kill', repeats => 1);
@r = grep { defined $_->{v} && $_->{v}{__op} eq 'r' } records($prefix, 'users');
cmp_ok(scalar @r, '<', 2 * sql('SELECT count(*) FROM users'), 'killed: it did not begin from zero each time');
is($relay->term, 0, 'it stops in order');

#
# A commit that is in the WAL, and streamed, before anybody sees it: it waits for
# a standby that does not come.  A chunk that is read meanwhile would be older.
#
$prefix = topic_prefix();
$relay = streaming('settle', $prefix);
sql("SELECT pg_create_physical_replication_slot('x')");
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('synchronous_standby_names') = 'nobody'");
my $waiting = $node->background_psql('postgres', on_error_stop => 0);
$waiting->query_until(qr/^$/, "UPDATE users SET ver = 1000000 WHERE id = 1;\n");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
# its topic is created by this very record
is(scalar(() = read_topic($kafka, "$prefix.public.users", min_count => 1)), 1, 'the stream has the update');
sql("SET synchronous_commit = local; SELECT nova.signal('execute-snapshot', '{\"data-collections\":[\"public.users\"]}', 'settle')");
$relay->wait_for_line(qr/incremental snapshot "settle" begins/);
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT nova.snapshot_settle()' AND state = 'active'")
  or die 'it does not wait';
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''");
$node->reload;
$relay->wait_for_line(qr/incremental snapshot "settle" is complete/);
$waiting->quit;
is_whole('a commit that nobody sees yet', $prefix, 'users', slot => 'nova_settle');
is($relay->term, 0, 'it stops in order');

#
# An initial snapshot that is killed goes on where it was, while changes stream.
#
$prefix = topic_prefix();
sql(q{
	CREATE SCHEMA big;
	CREATE TABLE big.a (id int PRIMARY KEY, ver int NOT NULL, body text);
	ALTER TABLE big.a ALTER body SET STORAGE PLAIN; -- a block for each row
	INSERT INTO big.a SELECT g, 1, repeat('b', 7500) FROM generate_series(1, 12000) g;
	CREATE TABLE big.b (id int PRIMARY KEY, ver int NOT NULL, body text);
	INSERT INTO big.b SELECT g, 1, repeat('x', 1500) FROM generate_series(1, 2000) g;
	CREATE TABLE big.nokey (id int, ver int);
	INSERT INTO big.nokey SELECT g, 1 FROM generate_series(1, 500) g;
	CREATE TABLE big.zero (id int PRIMARY KEY);
	CREATE PROCEDURE big.churn() LANGUAGE plpgsql AS $$ BEGIN
		FOR i IN 1..1000 LOOP
			UPDATE big.a SET ver = ver + 1 WHERE id = i * 11;
			IF i % 10 = 0 THEN DELETE FROM big.a WHERE id = i * 11 - 1; INSERT INTO big.a VALUES (100000 + i, 1, 'n'); END IF;
			COMMIT;
		END LOOP; END $$;
});
my %initial = ('snapshot.mode' => 'initial', 'table.include.list' => 'big[.].*', 'snapshot.max.threads' => 2);
# The largest table is read first; the next one can wait.
sub progress
{
	my @records = read_topic($kafka, "__nova-state.$prefix");
	return @records && ($records[-1]{value} // '') =~ /"progress":(.*)/ ? $1 : '';
}

my $lock = $node->background_psql('postgres');
$relay = start_relay('initial', $node, $kafka, config($prefix, %initial));
$relay->wait_for_line(qr/snapshot begins/);
wait_until('how far it came is remembered', sub { progress() =~ /"table":"a"/ });
$lock->query_safe('BEGIN; LOCK TABLE big.b IN ACCESS EXCLUSIVE MODE');
my $churn = $node->background_psql('postgres');
$churn->query_until(qr/^$/, "CALL big.churn();\n");
wait_until('the largest table is safe', sub { progress() =~ /"table":"b"/ && progress() !~ /"table":"a"/ });
$relay->kill9;
$lock->query_safe('ROLLBACK');
$lock->quit;
my $sent = () = records($prefix, 'big.a');
unlike($relay->log_text, qr/complete after/, 'initial: it is killed in the middle');
$relay = start_relay('initial', $node, $kafka, config($prefix, %initial));
$relay->wait_for_line(qr/slot nova_initial: the last snapshot was interrupted: it goes on where it was, while changes stream/);
$relay->wait_for_line(qr/streaming from slot nova_initial/);
$relay->wait_for_line(qr/incremental snapshot "initial" is complete/);
$churn->quit;
wait_confirmed($node, 'nova_initial');
is_whole('initial', $prefix, 'big.a', slot => 'nova_initial', repeats => 1);
my $again = () = records($prefix, 'big.a');
cmp_ok($again, '<', $sent + 6000, 'initial: what was safe is not read again');
# Its first chunk may have been under way when the lock came, and is read again then.
my @read = grep { $_->{v}{__op} eq 'r' } records($prefix, 'big.b');
my %read = map { $_->{key} => 1 } @read;
is(scalar keys %read, 2000, 'initial: what was not is');
cmp_ok(scalar @read, '<=', 2000 + 100, 'initial: and no more than that chunk again');
cmp_ok(scalar(() = records($prefix, 'big.nokey')), '>=', 500, 'initial: also without a key');
like(jobs($prefix), qr/"requests":\[\]/, 'initial: nothing is left');
$_ = (read_topic($kafka, "__nova-state.$prefix"))[-1]{value};
like($_, qr/"phase":"done"/, 'initial: it is done');
is($relay->term, 0, 'it stops in order');
$relay = start_relay('initial', $node, $kafka, config($prefix, %initial));
$relay->wait_for_line(qr/streaming from slot nova_initial/);
# what this librdkafka is known for is another matter
unlike($relay->log_text =~ s/^.* kafka: librdkafka .*\n//mgr, qr/snapshot/, 'initial: the next start has nothing to read');
is($relay->term, 0, 'it stops in order');

done_testing();
