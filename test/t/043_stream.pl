#
# CALL nova.stream(): the same bytes as over START_REPLICATION, at no cost for the
# database, and whatever ends it leaves slot, backend and connection clean.
#
use strict;
use warnings;

use CopyBoth;
use E2E;
use List::Util qw(sum0);
use Nova;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('primary', conf => "autovacuum = off\nmax_replication_slots = 40\n");
my $dir = PostgreSQL::Test::Utils::tempdir('stream');

sub sql { return $node->safe_psql('postgres', join ' ', @_) }

# The end of what is there now, behind a commit, so that a stream comes to it.
sub end_of_wal { return sql(q{SELECT count(pg_logical_emit_message(true, 'test', '')); SELECT pg_current_wal_flush_lsn()}) =~ s/.*\n//sr }

# A position that nothing comes to before reach($lsn).
sub far_away { return sql(q{SELECT pg_current_wal_lsn() + 64 * 1024 * 1024}) }
sub reach
{
	my ($lsn) = @_;
	sql(q{SELECT pg_switch_wal(); SELECT pg_logical_emit_message(true, 'test', '')})
	  while sql("SELECT pg_current_wal_flush_lsn() < '$lsn'") eq 't';
	return;
}

sub wait_for
{
	my ($what, $query) = @_;
	$node->poll_query_until('postgres', "SELECT $query") or die "waited in vain: $what\n";
	return;
}

sub wait_free
{
	my ($slot) = @_;
	wait_for("$slot is free", "NOT active FROM pg_replication_slots WHERE slot_name = '$slot'");
	return;
}

sub wait_gone
{
	my ($pid) = @_;
	wait_for("$pid is gone", "count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
	return;
}

# It waits for a client that takes nothing, or for WAL.
sub wait_waiting
{
	my ($client) = @_;
	wait_for('the backend waits', "wait_event_type IN ('Client', 'Extension') AND query LIKE 'CALL%' FROM pg_stat_activity WHERE pid = " . $client->backend);
	return;
}

sub drop_slot { sql("SELECT pg_drop_replication_slot('$_')") for @_; return }

# A stream from a copy of the slot, to the position: its payloads.
sub payloads
{
	my ($road, $slot, $until, %params) = @_;
	my $copy = copied_slot($node, $slot);
	my $client = copyboth($node, [ '--until', $until, '--out', "$dir/$copy" ], stream_command($road, $copy, %params));
	my $end = $client->ended;

	$client->finish;
	die "$road: $end->{ended}: " . ($end->{message} // '') if $end->{ended} ne 'done';
	drop_slot($copy);
	return slurp_file("$dir/$copy");
}

# The numbers of the keys {"id":n} of all records, in order.
sub ids { return $_[0] =~ /[{]"id":(\d+)[}]/g }

#
# The same WAL over both roads.
#
sql(q{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE plain (id int PRIMARY KEY, t text, n numeric, j jsonb);
	CREATE TABLE whole (id int, t text);
	ALTER TABLE whole REPLICA IDENTITY FULL;
	CREATE TABLE toasted (id int PRIMARY KEY, n int, t text);
	ALTER TABLE toasted ALTER t SET STORAGE EXTERNAL;
	CREATE TABLE small (id int PRIMARY KEY, t text);
	SELECT pg_create_logical_replication_slot('base', 'nova_decoder')});
sql(q{
	INSERT INTO plain SELECT i, 'row ' || i, i / 7.0, '{"k": [1, null]}' FROM generate_series(1, 60) i;
	UPDATE plain SET t = t || '!' WHERE id % 3 = 0;
	UPDATE plain SET id = id + 1000 WHERE id < 5;
	DELETE FROM plain WHERE id BETWEEN 10 AND 19;
	INSERT INTO whole SELECT i, 'w' FROM generate_series(1, 20) i;
	UPDATE whole SET t = NULL WHERE id < 10;
	DELETE FROM whole WHERE id > 15;
	INSERT INTO toasted VALUES (1, 1, repeat('x', 20000)), (2, 1, repeat('yz', 200000));
	UPDATE toasted SET n = 2;
	UPDATE toasted SET t = t || 'end' WHERE id = 1;
	DO $$ BEGIN FOR i IN 1 .. 200 LOOP INSERT INTO small VALUES (i, 'small'); COMMIT; END LOOP; END $$});
my $middle = end_of_wal();
sql(q{
	BEGIN;
	INSERT INTO plain SELECT i, 'spilled ' || i, NULL, NULL FROM generate_series(2000, 6999) i;
	SAVEPOINT gone;
	INSERT INTO plain SELECT i, 'never', NULL, NULL FROM generate_series(10000, 11000) i;
	ROLLBACK TO gone;
	SAVEPOINT kept;
	UPDATE plain SET t = 'kept' WHERE id BETWEEN 2000 AND 2099;
	RELEASE kept;
	INSERT INTO toasted VALUES (3, 3, repeat('in the midst', 1000));
	COMMIT;
	DO $$ BEGIN FOR i IN 1 .. 50 LOOP BEGIN INSERT INTO small VALUES (i * 10, 'twice or not'); EXCEPTION WHEN unique_violation THEN NULL; END; END LOOP; END $$;
	ALTER TABLE plain ADD COLUMN more int DEFAULT 5;
	INSERT INTO plain (id) VALUES (20000);
	ALTER TABLE plain DROP COLUMN n, ALTER COLUMN more TYPE text;
	BEGIN;
	INSERT INTO plain (id) VALUES (20001);
	ALTER TABLE plain RENAME COLUMN more TO other;
	CREATE TABLE made (id int PRIMARY KEY, t text);
	INSERT INTO plain (id) VALUES (20002);
	INSERT INTO made VALUES (1, 'in the same transaction');
	COMMIT;
	DROP TABLE made;
	TRUNCATE whole, small;
	SELECT pg_logical_emit_message(true, 'another', 'x'), pg_logical_emit_message(false, 'another', 'x');
	SELECT nova.publish('events', 'k', 'with the commit', '{"h": "1"}'), nova.publish('events', 'k', 'at once'::text, transactional => false);
	BEGIN;
	SELECT nova.publish('events', 'k', 'before the rollback'::text, transactional => false), nova.publish('events', 'k', 'never'::text);
	ROLLBACK;
	BEGIN; INSERT INTO small VALUES (1, 'prepared'); PREPARE TRANSACTION 'kept';
	BEGIN; INSERT INTO small VALUES (2, 'never'); PREPARE TRANSACTION 'gone';
	INSERT INTO small VALUES (3, 'before the prepared one');
	COMMIT PREPARED 'kept';
	ROLLBACK PREPARED 'gone'});
my $end = end_of_wal();
my $everything;
for my $hold ('false', 'true')
{
	for my $from ('0/0', $middle)
	{
		my %params = (lsn => $from, options => [ 'topic.prefix', 'cdc', 'batch.hold', $hold ]);
		my ($direct, $replication) = map { payloads($_, 'base', $end, %params) } qw(direct replication);
		my $same = 0;

		$same++ while $same < length $direct && substr($direct, $same, 1) eq substr($replication, $same, 1);
		ok($direct eq $replication, "the same bytes, batch.hold $hold, from $from: " . length $replication)
		  or diag(length($direct) . " directly, of which $same are the same");
		$everything //= $direct;
	}
}
like($everything, qr/$_/, "with \"$_\"") for 'spilled 6999', '"id":3,"n":3', 'in the same transaction', 'with the commit', 'before the rollback', '"t":"prepared"';
unlike($everything, qr/never/, 'and nothing that was rolled back');

# What it decoded had the columns of then; what the same connection does next has those of now.
sub now_and_then { return "INSERT INTO plain (id, other) VALUES ($_[0], 'now') RETURNING other", "DELETE FROM plain WHERE id = $_[0] RETURNING other" }
my $of_then = copied_slot($node, 'base');
my $same = copyboth($node, [ '--until', $end ], stream_command('direct', $of_then), now_and_then(30000));
is($same->ended->{ended}, 'done', 'a stream beyond a change of columns');
is($same->ended->{answer}, 'now', "then in the same connection: $_") for qw(INSERT DELETE);
$same->finish;
drop_slot($of_then);

#
# It costs the database nothing.  One that has come to the end, one that has a backlog
# of small transactions, and one within a large one, whose clients take nothing.
#
sql(q{SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots});
sql(q{
	CREATE TABLE changed (id int PRIMARY KEY, t text);
	CREATE TABLE dropped (id int PRIMARY KEY, t text);
	SELECT pg_create_logical_replication_slot('idle', 'nova_decoder'), pg_create_logical_replication_slot('backlog', 'nova_decoder');
	DO $$ BEGIN FOR i IN 1 .. 20000 LOOP INSERT INTO changed VALUES (i, repeat('backlog', 10)); COMMIT; END LOOP; END $$;
	INSERT INTO dropped VALUES (1, 'x')});
sql(q{
	SELECT pg_create_logical_replication_slot('large', 'nova_decoder');
	INSERT INTO changed SELECT i, repeat('large', 10) FROM generate_series(100001, 120000) i});
my @held = ('topic.prefix', 'cdc', 'batch.hold', 'true');
my %untimed = (options => '-c wal_sender_timeout=0');
my %streams = (
	idle => copyboth($node, [ {%untimed}, '--confirm', '--status-ms', 100 ], stream_command('direct', 'idle')),
	backlog => copyboth($node, [ {%untimed}, '--stopped' ], stream_command('direct', 'backlog', options => \@held)),
	large => copyboth($node, [ {%untimed}, '--stopped' ], stream_command('direct', 'large')));
$_->streaming for values %streams;
wait_confirmed($node, 'idle', end_of_wal());
wait_waiting($_) for values %streams;

# What of a backend others would have to wait for.
sub held
{
	my ($client) = @_;
	my $pid = $client->backend;

	return sql(qq{SELECT backend_type, 'xmin ' || coalesce(backend_xmin::text, 'none'), 'xid ' || coalesce(backend_xid::text, 'none'),
		(SELECT 'locks ' || count(*) FROM pg_locks l WHERE l.pid = a.pid AND locktype <> 'virtualxid') FROM pg_stat_activity a WHERE pid = $pid});
}
for my $name (sort keys %streams)
{
	is(held($streams{$name}), 'client backend|xmin none|xid none|locks 0', "$name: it holds nothing");
	is(sql("SELECT count(*) FROM pg_stat_replication WHERE pid = " . $streams{$name}->backend), 0, "$name: it is no walsender");
}
# a transaction that is being decoded is one of its own, as in a walsender
is(sql("SELECT xact_start IS NULL FROM pg_stat_activity WHERE pid = " . $streams{$_}->backend), 't', "$_: it is in no transaction") for qw(idle backlog);
is(sql('SELECT xact_start IS NULL FROM pg_stat_activity WHERE pid = ' . $streams{large}->backend), 'f', 'large: it is in the midst of one');
sql('CREATE TABLE dead AS SELECT i FROM generate_series(1, 1000) i; DELETE FROM dead; VACUUM dead');
is(sql(q{SELECT pg_relation_size('dead')}), 0, 'VACUUM removes dead rows');
for my $statement ('CREATE INDEX CONCURRENTLY changed_t ON changed (t)', 'REINDEX INDEX CONCURRENTLY changed_t',
	'ALTER TABLE changed ADD COLUMN more int DEFAULT 1', 'ALTER TABLE changed ALTER COLUMN more TYPE bigint', 'DROP TABLE dropped', 'VACUUM FULL changed')
{
	my ($rc, undef, $errors) = $node->psql('postgres', "SET statement_timeout = '10s'; $statement");
	is($rc, 0, "not held up: $statement") or diag($errors);
}

# What nova.slots says of them.
my $walsender_slot = copied_slot($node, 'idle');
my $walsender = copyboth($node, [], stream_command('replication', $walsender_slot));
$walsender->streaming;
sql(q{SELECT pg_create_logical_replication_slot('unused', 'nova_decoder')});
is(sql(q{SELECT slot_name, road FROM nova.slots WHERE slot_name IN ('idle', 'unused') OR road = 'replication' ORDER BY road}),
	"idle|direct\n$walsender_slot|replication\nunused|", 'nova.slots: the road of each');
# Written in another way; and to whoever may not see what a session does, nothing is said of it.
my $written = copyboth($node, [], stream_command('direct', 'unused') =~ s/CALL nova\.stream/  call\n nova . Stream /r);
$written->streaming;
sql('CREATE ROLE onlooker; GRANT USAGE ON SCHEMA nova TO onlooker; GRANT SELECT ON nova.slots TO onlooker');
my %seen = map { $_ => sql("$_ SELECT string_agg(concat_ws('|', slot_name, active, road), ' ' ORDER BY road, slot_name) FROM nova.slots "
		. "WHERE slot_name IN ('idle', 'unused', '$walsender_slot')") } '', 'SET ROLE onlooker;';
is($seen{''}, "idle|t|direct unused|t|direct $walsender_slot|t|replication", 'nova.slots: however the CALL is written');
is($seen{'SET ROLE onlooker;'}, "$walsender_slot|t|replication idle|t unused|t", 'nova.slots: a role that may not see the query is told nothing');
sql('REVOKE ALL ON nova.slots FROM onlooker; REVOKE ALL ON SCHEMA nova FROM onlooker; DROP ROLE onlooker');
$written->kill9;
wait_free('unused');
$walsender->kill9;

# Killed.
my $until = end_of_wal();
$_->kill9 for values %streams;
wait_free($_) for keys %streams;
pass('clients that were killed: their slots are free, without any timeout');
is(join(' ', (ids(payloads('direct', 'backlog', $until)))[ 0, 19999, 20000, -1 ]), '1 20000 1 120000',
	'and all can still be read, by the columns of then');
drop_slot('idle', 'unused', $walsender_slot);

#
# Timeouts of statements, transactions and sessions are not for it.
#
my @timeouts = split /\n/, sql(q{SELECT name FROM pg_settings
	WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')});
my $slot = copied_slot($node, 'large');
my $far = far_away();
# Where both are over, that of the transaction ends the session.
my %longer = (transaction_timeout => '600ms');
my $client = copyboth($node, [ { options => join ' ', map { "-c $_=" . ($longer{$_} // '200ms') } @timeouts }, '--until', $far ],
	stream_command('direct', $slot), (map { "SHOW $_" } grep { $_ =~ /^(?:statement|transaction)_timeout/ } sort @timeouts), 'SELECT pg_sleep(60)');
$client->streaming;
wait_for('it outlives them', "clock_timestamp() - backend_start > '1s' FROM pg_stat_activity WHERE pid = " . $client->backend);
# what the session itself has set, a reload leaves as it is
$node->reload;
reach($far);
my $ended = $client->ended;
is("$ended->{ended} $ended->{usable}", 'done 1', "it outlives @timeouts");
is($client->ended->{answer}, '200ms', 'which are as they were');
is($client->ended->{answer}, '600ms', 'also after a reload') if grep { $_ eq 'transaction_timeout' } @timeouts;
is($client->ended->{sqlstate}, '57014', 'and hold again');
$client->finish;
drop_slot($slot);

#
# Cancelled while it waits for a client that takes nothing; all over again in the same connection.
#
my $reference = payloads('direct', 'large', end_of_wal());
$far = far_away();
$client = copyboth($node, [ '--stopped', '--stats', '--out', "$dir/again", '--until', $far ]);
for my $where ('in the midst', 'at the end')
{
	$client->send(stream_command('direct', 'large'));
	$client->streaming;
	wait_waiting($client);
	if ($where eq 'at the end')
	{
		kill 'CONT', $client->client;
		$client->line('keepalive');
	}
	sql('SELECT pg_cancel_backend(' . $client->backend . ')');
	wait_free('large');
	kill 'CONT', $client->client;
	$ended = $client->ended;
	is("$ended->{sqlstate} $ended->{usable}", '57014 1', "cancelled $where: the connection can be used");
	is(held($client), 'client backend|xmin none|xid none|locks 0', "cancelled $where: nothing is held");
	$client->send("SELECT max(more) || ' ' || max(pg_typeof(more)::text) FROM changed");
	is($client->ended->{answer}, '1 bigint', "cancelled $where: the same connection sees the tables as they are");
}
$client->send(stream_command('direct', 'large'));
$client->streaming;
reach($far);
kill 'CONT', $client->client;
is($client->ended->{ended}, 'done', 'and once more to its end');
ok(slurp_file("$dir/again") eq $reference, 'the same bytes');
$client->finish;

# Ended by an administrator, with a client that takes nothing and with one that does.
for my $options ([], ['--stopped'])
{
	$client = copyboth($node, $options, stream_command('direct', 'large'));
	$client->streaming;
	wait_waiting($client);
	sql('SELECT pg_terminate_backend(' . $client->backend . ')');
	wait_gone($client->backend);
	kill 'CONT', $client->client;
	$ended = $client->ended;
	is($ended->{usable} ? 'usable' : 'gone', 'gone', "pg_terminate_backend: @$options");
	is($ended->{sqlstate}, '57P01', 'and said') if !@$options;
	wait_free('large');
	$client->finish;
}

# Shut down.
my $logged = -s $node->logfile;

# Is the process there, and still so after a second?  Nobody can ask a server that shuts down.
sub stays
{
	my ($pid) = @_;

	for (1 .. 20)
	{
		return 0 if !kill 0, $pid;
		sleep 0.05;
	}
	return 1;
}
for my $options ([], ['--stopped'])
{
	$client = copyboth($node, $options, stream_command('direct', 'large'));
	$client->streaming;
	wait_waiting($client);
	# a smart shutdown waits for it, as for every session, and a fast one may follow
	system_or_bail('pg_ctl', '-D', $node->data_dir, '-m', 'smart', '-W', 'stop');
	$node->wait_for_log(qr/received smart shutdown request/, $logged);
	$logged = -s $node->logfile;
	ok(stays($client->backend), "a smart shutdown waits: @$options");
	my $start = time;
	$node->stop('fast');
	cmp_ok(time - $start, '<', 10, "a fast shutdown waits for nobody: @$options");
	kill 'CONT', $client->client;
	$ended = $client->ended;
	is($ended->{sqlstate}, '57P01', 'and says so') if !@$options;
	$client->finish;
	$node->start;
}

#
# A client that is silent, one that takes nothing, one that answers.
#
my %timed = map { $_ => copied_slot($node, 'large') } qw(silent stopped answers);
my %timing = (options => '-c wal_sender_timeout=1s');
my $answers = copyboth($node, [ {%timing}, '--status-ms', 600000, '--confirm' ], stream_command('direct', $timed{answers}));
my $silent = copyboth($node, [ {%timing}, '--silent' ], stream_command('direct', $timed{silent}));
my $stopped = copyboth($node, [ {%timing}, '--stopped' ], stream_command('direct', $timed{stopped}));
$_->streaming for $answers, $silent, $stopped;
wait_gone($silent->backend);
wait_gone($stopped->backend);
is($silent->ended->{usable} ? 'usable' : 'gone', 'gone', 'a client that is silent loses its backend after wal_sender_timeout');
kill 'CONT', $stopped->client;
is($stopped->ended->{usable} ? 'usable' : 'gone', 'gone', 'one that takes nothing, too');
wait_for('it answers', "clock_timestamp() - backend_start > '2500ms' FROM pg_stat_activity WHERE pid = " . $answers->backend);
sql(q{INSERT INTO changed VALUES (200000, 'late')});
wait_confirmed($node, $timed{answers});
is(sql("SELECT count(*) FROM pg_stat_activity WHERE pid = " . $answers->backend), 1, 'one that only answers keeps it');
$answers->kill9;
$_->finish for $silent, $stopped;
wait_free($_) for values %timed;
drop_slot(values %timed);

#
# The same by a setting that is read again while it streams.
#
my $reloaded = copied_slot($node, 'large');
$silent = copyboth($node, ['--silent'], stream_command('direct', $reloaded));
$silent->streaming;
wait_waiting($silent);
sql(q{ALTER SYSTEM SET wal_sender_timeout = '300ms'});
$node->reload;
wait_gone($silent->backend);
pass('a reload is heeded while it streams');
sql(q{ALTER SYSTEM RESET wal_sender_timeout});
$node->reload;
$silent->finish;
wait_free($reloaded);
drop_slot($reloaded);

#
# What is heard of the client shows, as state_change; when it is stopped, that stands still.
#
my $spoken_slot = copied_slot($node, 'large');
my $spoken = copyboth($node, [ {%untimed}, '--status-ms', 50 ], stream_command('direct', $spoken_slot));
sub heard { return sql('SELECT state_change FROM pg_stat_activity WHERE pid = ' . $spoken->backend) }
$spoken->streaming;
for (1 .. 3)
{
	my $heard = heard();
	wait_until('the client is heard of again', sub { heard() ne $heard });
}
kill 'STOP', $spoken->client;
wait_for('it is not heard of any more', "clock_timestamp() - state_change > '2s' FROM pg_stat_activity WHERE pid = " . $spoken->backend);
pass('pg_stat_activity shows when the client was heard of last');
$spoken->kill9;
wait_free($spoken_slot);
drop_slot($spoken_slot);

#
# A status that asks for a reply has one: on the way another one that asks, at the end of the
# WAL one that does not, for that says that there is no more.
#
my $curious_slot = copied_slot($node, 'large');
my $curious = copyboth($node, [ {%untimed}, '--stats', '--ask', '--status-ms', 1 ], stream_command('direct', $curious_slot));
my (@way, @told);
while (my $line = $curious->line('at'))
{
	push @told, $line->{asks} ? 'asks' : 'tells' if exists $line->{keepalive};
	push @way, splice @told if exists $line->{write};
	last if 3 == grep { $_ eq 'tells' } @told;
}
is(join(' ', sort { $a cmp $b } keys %{ { map { $_ => 1 } @way } }), 'asks', 'a reply on the way asks itself: ' . @way . ' of them');
like("@told", qr/\A(asks )*tells tells tells\z/, 'at the end of the WAL it does not');
$curious->kill9;
wait_free($curious_slot);
drop_slot($curious_slot);

#
# What no client should say: an end that says why, and the slot is free.
#
my $misled = copied_slot($node, 'large');
for my $said (
	[ 'a message of no known kind', [ '--send', 'x' ], '08P01', qr/was sent a message of type 120/ ],
	[ 'a status that is cut short', [ '--send', 'r12' ], '08P01', qr/insufficient data left in message/ ],
	[ 'a CopyFail', [ '--fail', 'had enough' ], '57014', qr/the client ended nova\.stream\(\): had enough/ ],
	[ 'a message too long', [ '--send', 'r' x 2000 ], '', qr/./ ])
{
	my ($name, $options, $sqlstate, $why) = @$said;
	my $teller = copyboth($node, [ {%untimed}, @$options ], stream_command('direct', $misled));
	my $end = $teller->ended;
	is("$end->{ended} $end->{sqlstate}", "error $sqlstate", "$name ends the stream");
	like($end->{message}, $why, "$name: it is told why");
	is($end->{usable} ? 'usable' : 'gone', $sqlstate ? 'usable' : 'gone', $sqlstate ? "$name: the connection can be used" : "$name: there is no telling what follows it");
	$teller->finish;
	wait_free($misled);
}
drop_slot($misled);

#
# What is no way to call it: a clear end, and the connection can be used.
#
my ($rc, $out, $errors) = $node->psql('postgres', "CALL nova.stream('large')", timeout => 20);
like($errors, qr/ERROR:  nova\.stream\(\) speaks COPY BOTH, which this client did not ask for/, 'psql is told');
my $call = stream_command('direct', 'large');
($rc, $out, $errors) = $node->psql('postgres', $call, replication => 'database', timeout => 20);
like($errors, qr/ERROR:  nova\.stream\(\) cannot be called on a replication connection/, 'a replication connection');
append_to_file("$dir/call.sql", "$call;\n");
command_fails_like(
	[ 'pgbench', '-n', '-t', 1, '-M', 'extended', '-f', "$dir/call.sql", $node->connstr('postgres') ],
	qr/nova\.stream\(\) has to be called by itself/, 'the extended protocol');
sql(qq{
	CREATE DATABASE another;
	SELECT pg_create_physical_replication_slot('physical'), pg_create_logical_replication_slot('of_others', 'test_decoding');
	CREATE FUNCTION in_function() RETURNS void LANGUAGE plpgsql AS \$f\$ BEGIN $call; END \$f\$;
	CREATE PROCEDURE in_procedure() LANGUAGE plpgsql AS \$f\$ BEGIN $call; END \$f\$});
$node->safe_psql('another', q{SELECT pg_create_logical_replication_slot('of_another', 'nova_decoder')});
my $user = copyboth($node, ['--confirm']);
$user->send(stream_command('direct', 'large'));
$user->streaming;
$client = copyboth($node, []);
my @refused = (
	[ 'in a transaction', [ 'BEGIN', $call, 'ROLLBACK' ], '25000', qr/outside of transactions/ ],
	[ 'with other statements', ["SELECT 1; $call"], '25000', qr/by itself/ ],
	[ 'in a DO block', ["DO \$d\$ BEGIN $call; END \$d\$"], '25000', qr/by itself/ ],
	[ 'in a function', ['SELECT in_function()'], '25000', qr/by itself/ ],
	[ 'in a procedure', ['CALL in_procedure()'], '25000', qr/by itself/ ],
	[ 'no such slot', [ stream_command('direct', 'no_such') ], '42704', qr/"no_such" does not exist/ ],
	[ 'a physical slot', [ stream_command('direct', 'physical') ], '55000', qr/physical/ ],
	[ 'a slot of another plugin', [ stream_command('direct', 'of_others') ], '55000', qr/output plugin "test_decoding", which nova\.stream\(\) does not run/ ],
	[ 'a slot in use', [$call], '55006', qr/is active for PID/ ],
	[ 'a slot of another database', [ stream_command('direct', 'of_another') ], '55000', qr/was not created in this database/ ],
	[ 'an unknown option', [ stream_command('direct', 'backlog', options => [ 'topic.prefx', 'x' ]) ], '42601', qr/topic\.prefx.*topic\.prefix/s ],
	[ 'a bad value', [ stream_command('direct', 'backlog', options => [ 'batch.bytes', '7' ]) ], '22023', qr/batch\.bytes.*1024/s ],
	[ 'an odd number of options', [ q{CALL nova.stream('backlog', '0/0', ARRAY['copy.both', 'true', 'odd'])} ], '22023', qr/names and values in turn/ ],
	[ 'a null among the options', [ q{CALL nova.stream('backlog', '0/0', ARRAY['copy.both', NULL])} ], '22023', qr/names and values in turn/ ],
	[ 'null for options', [ q{CALL nova.stream('backlog', '0/0', NULL)} ], '22004', qr/must not be null/ ],
	[ 'null for a slot', [ q{CALL nova.stream(NULL, '0/0', ARRAY['copy.both', 'true'])} ], '22004', qr/must not be null/ ],
	[ 'copy.both=false', [ q{CALL nova.stream('backlog', '0/0', ARRAY['copy.both', 'false'])} ], '22023', qr/copy\.both/ ],
	[ 'a role that may not use slots', [ 'SET ROLE streamer', $call ], '42501', qr/permission denied for schema nova/, 'CREATE ROLE streamer' ],
	[ 'a role without EXECUTE', [$call], '42501', qr/permission denied for procedure stream/, 'GRANT USAGE ON SCHEMA nova TO streamer' ],
	[ 'a role with EXECUTE, without REPLICATION', [$call], '42501', qr/replication role/, 'GRANT EXECUTE ON PROCEDURE nova.stream TO streamer' ]);
for my $try (@refused)
{
	my ($name, $commands, $sqlstate, $why, $before) = @$try;
	my @ended;

	sql($before) if $before;
	push @ended, $client->ended($_) for @$commands;
	my ($failed) = grep { $_->{ended} eq 'error' } @ended;
	is($failed->{sqlstate}, $sqlstate, "$name: refused");
	like($failed->{message}, $why, "$name: why");
	is($ended[-1]{usable}, 1, "$name: the connection can be used");
}
sql('ALTER ROLE streamer REPLICATION');
$user->kill9;
wait_free('large');
$client->send($call);
$client->streaming;
pass('a role with EXECUTE and REPLICATION streams');
$client->kill9;
wait_free('large');
$node->safe_psql('another', q{SELECT pg_drop_replication_slot('of_another')});
drop_slot('physical', 'of_others', 'backlog', 'large');

#
# A change that cannot be decoded, within a transaction that was spilled.
#
make_fragile($node);
sql(q{
	SELECT pg_create_logical_replication_slot('poison', 'nova_decoder');
	BEGIN;
	INSERT INTO brittle SELECT i, NULL FROM generate_series(1, 10000) i;
	INSERT INTO brittle VALUES (10001, '0');
	INSERT INTO brittle SELECT i, NULL FROM generate_series(10002, 20000) i;
	COMMIT});
$client = copyboth($node, [ '--out', "$dir/poison" ]);
sub descriptors { return scalar(() = glob '/proc/' . $client->backend . '/fd/*') }
my (@open, %ends);
for (0 .. 10)
{
	$ended = $client->ended(stream_command('direct', 'poison'));
	$ends{"$ended->{sqlstate} $ended->{usable}"}++;
	push @open, descriptors();
}
is_deeply(\%ends, { '22P03 1' => 11 }, 'an ERROR within the stream is the client\'s, each time');
like($ended->{message}, qr/invalid internal value for enum: 0/, 'as the plugin said it');
is(scalar(ids(slurp_file("$dir/poison"))) > 0 ? 'some' : 'none', 'some', 'what was before it may have come');
# The first may have files open that the later ones have closed.
cmp_ok($open[-1], '<', $open[0] + 5, 'ten more of them leave no file open') or diag("@open");
is(held($client), 'client backend|xmin none|xid none|locks 0', 'and hold nothing');
is(sql(q{SELECT active FROM pg_replication_slots WHERE slot_name = 'poison'}), 'f', 'the slot is free');
$client->finish;
drop_slot('poison');

#
# Confirmed is what the client says, and what is confirmed does not come again.
#
sql(q{
	TRUNCATE small;
	SELECT pg_create_logical_replication_slot('base', 'nova_decoder'), pg_create_logical_replication_slot('confirmed', 'nova_decoder');
	DO $$ BEGIN FOR i IN 1 .. 60 LOOP INSERT INTO small VALUES (i, 'small'); COMMIT; END LOOP; END $$});
my @parts;
for my $options ([ '--stop-after-writes', 20 ], [ '--stop-after-writes', 20 ], [ '--until', end_of_wal() ])
{
	my $file = "$dir/part" . @parts;
	$client = copyboth($node, [ '--confirm', '--out', $file, @$options ], stream_command('direct', 'confirmed'));
	$ended = $client->ended;
	$client->finish;
	# 19 writes it with a zero in front
	is(sql(qq{SELECT confirmed_flush_lsn = '$ended->{lsn}' FROM pg_replication_slots WHERE slot_name = 'confirmed'}), 't', "confirmed is what it has, $ended->{lsn}");
	push @parts, [ ids(slurp_file($file)) ];
}
is_deeply([ map { @$_ } @parts ], [ 1 .. 60 ], 'three streams of one slot: nothing twice, nothing lost');
ok(@{ $parts[1] } > 0 && @{ $parts[2] } > 0, 'each had something') or diag(join ' ', map { scalar @$_ } @parts);

#
# It waits: how late a commit is, and what waiting costs.
#
$client = copyboth($node, [ '--confirm', '--stats' ], stream_command('direct', 'confirmed'));
$client->line('keepalive');
my @late;
for my $id (101 .. 110)
{
	my $at = sql("BEGIN; INSERT INTO small VALUES ($id, 'late'); SELECT extract(epoch FROM clock_timestamp()); COMMIT");
	my $late = $client->line('write')->{at} - $at;
	push @late, $late;
}
@late = sort { $a <=> $b } @late;
cmp_ok($late[4], '<', 0.1, sprintf('a commit arrives within %.3f s', $late[4]));
cmp_ok($late[-1], '<', 0.5, sprintf('at the most %.3f s', $late[-1]));

# How often it has waited; all but the first few times for as long as it waits at the most, 20 ms.
sub waits { return slurp_file('/proc/' . $client->backend . '/status') =~ /^voluntary_ctxt_switches:\s+(\d+)/m ? $1 : die 'no voluntary_ctxt_switches' }
my ($ticks, $waits, $since) = (cpu_ticks($client->backend), waits(), time);
sql('SELECT pg_sleep(3)');
cmp_ok((cpu_ticks($client->backend) - $ticks) / POSIX::sysconf(POSIX::_SC_CLK_TCK()), '<', 0.09, 'three seconds without work cost less than 3 % of a processor');
my $a_second = (waits() - $waits) / (time - $since);
cmp_ok($a_second, '<', 100, sprintf('and wake it %.0f times a second', $a_second));
$client->kill9;
wait_free('confirmed');

#
# Memory, over many transactions; with STREAM_SECONDS=600 for so long, beside a walsender that
# has the same to do.  Every quarter has small transactions, one that is spilled, and DDL.
#
my $seconds = $ENV{STREAM_SECONDS} // 0;
my %by = map { $_ => $_ eq 'direct' ? 'confirmed' : copied_slot($node, 'confirmed') } 'direct', $seconds ? 'replication' : ();
my %client = map { $_ => copyboth($node, [ '--confirm', '--status-ms', 100 ], stream_command($_, $by{$_}, options => \@held)) } keys %by;
sub anonymous_kb { return slurp_file('/proc/' . $client{ $_[0] }->backend . '/status') =~ /^RssAnon:\s+(\d+) kB/m ? $1 : die 'no RssAnon' }
sub transactions { return sql("SET synchronous_commit = off; DO \$\$ BEGIN FOR i IN 1 .. $_[0] LOOP UPDATE small SET t = t WHERE id = 1; COMMIT; END LOOP; END \$\$") }
sub all_kinds
{
	transactions(45000);
	sql(q{INSERT INTO small SELECT i, 'memory' FROM generate_series(100001, 120000) i; DELETE FROM small WHERE id > 100000;
		ALTER TABLE small ADD COLUMN passing int; ALTER TABLE small DROP COLUMN passing; CHECKPOINT});
	return;
}
sub wait_for_both { wait_confirmed($node, $_, end_of_wal()) for values %by; return }
all_kinds();
wait_for_both();
my %kb = map { $_ => [ anonymous_kb($_) ] } keys %by;
for my $quarter (1 .. 4)
{
	my $until = time + $seconds / 4;
	do { all_kinds(); wait_for_both() } while time < $until;
	push @{ $kb{$_} }, anonymous_kb($_) for keys %by;
}
my $sent = sql("SELECT total_txns FROM pg_stat_replication_slots WHERE slot_name = 'confirmed'");
my @kb = @{ $kb{direct} };
cmp_ok($kb[-1] - $kb[0], '<', 1024, "memory is flat: @kb kB, at each quarter of $sent transactions");
cmp_ok($kb[-1] - $kb[1], '<', 512, 'also from the first quarter to the last');
diag("memory: kB at the start and after each quarter of $seconds s, $sent transactions: direct @kb, walsender @{ $kb{replication} }") if $seconds;
$_->kill9 for values %client;
wait_free($_) for values %by;
drop_slot($by{replication}) if $seconds;

drop_slot('base', 'confirmed');

#
# While it decodes it holds nothing either, also with a transaction that nobody wants, which
# makes no write.
#
sql(q{
	CREATE TABLE unwanted (id int PRIMARY KEY, t text);
	CREATE TABLE wanted (id int PRIMARY KEY, t text);
	SELECT pg_create_logical_replication_slot('busy', 'nova_decoder');
	INSERT INTO unwanted SELECT i, 'x' FROM generate_series(1, 300000) i;
	ALTER TABLE unwanted ADD COLUMN more int;
	INSERT INTO wanted SELECT i, 'x' FROM generate_series(1, 300000) i});
$client = copyboth($node, [ '--until', end_of_wal() ], stream_command('direct', 'busy', options => [ 'table.exclude.list', 'public.unwanted' ]));
$client->streaming;
my (%looks, $look);
$looks{$look}++ while ($look = held($client)) ne '';
my $nothing = delete $looks{'client backend|xmin none|xid none|locks 0'} // 0;
cmp_ok($nothing, '>=', 3, "it holds nothing while it decodes, in $nothing looks");
# reading a catalog is a lock and a snapshot for that moment, as in a walsender
cmp_ok(sum0(values %looks), '<=', $nothing / 10, 'but in a moment in which it reads a catalog') or diag(explain(\%looks));
is((sort { $b <=> $a } 0, values %looks)[0], scalar(keys %looks) ? 1 : 0, 'and in none for longer');
is($client->ended->{ended}, 'done', 'to its end');
$client->finish;
drop_slot('busy');
sql('DROP TABLE unwanted, wanted');

#
# Invalidated under a client that takes nothing.
#
$slot = 'too_old';
sql(q{SELECT pg_create_logical_replication_slot('too_old', 'nova_decoder');
	ALTER SYSTEM SET max_slot_wal_keep_size = '32MB';
	SELECT pg_reload_conf();
	INSERT INTO changed SELECT i, repeat('more', 20) FROM generate_series(300001, 320000) i});
$client = copyboth($node, [ {%untimed}, '--stopped' ], stream_command('direct', $slot));
$client->streaming;
wait_waiting($client);
sql(q{INSERT INTO changed VALUES (400000 + $1, 'x'); SELECT pg_switch_wal()} =~ s/\$1/$_/r) for 1 .. 5;
($rc, undef, $errors) = $node->psql('postgres', "SET statement_timeout = '20s'; CHECKPOINT");
is($rc, 0, 'a slot that has become too old: a checkpoint is not held up') or diag($errors);
wait_gone($client->backend);
is(sql("SELECT wal_status FROM pg_replication_slots WHERE slot_name = '$slot'"), 'lost', 'and the slot is invalidated');
kill 'CONT', $client->client;
is($client->ended->{usable} ? 'usable' : 'gone', 'gone', 'its backend is gone');
$client->finish;
$client = copyboth($node, []);
$ended = $client->ended(stream_command('direct', $slot));
is("$ended->{ended} $ended->{usable}", 'error 1', 'it cannot be streamed from');
like($ended->{message}, qr/can no longer|invalidated/, 'and why');
$client->finish;

$node->stop;
done_testing();
