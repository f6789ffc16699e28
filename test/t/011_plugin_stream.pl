#
# What the plugin does on the replication protocol only: text for people,
# frames for the relay, long transactions that send nothing, spilled ones, DDL
# beside the stream, and messages that wait for no commit.
#
use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use Nova;
use E2E;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Utils;
use Test::More;

my $json = JSON::PP->new->utf8;
my $node = new_node('primary', conf => "wal_sender_timeout = 500ms\n");
my $kafka = kafka_start();
my $prefix = topic_prefix();

sub slot
{
	my ($name) = @_;
	$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('$name', 'nova_decoder')");
	return;
}

# pg_recvlogical up to what is there now.  It reads at once: no keepalive has to ask.
sub receive
{
	my ($slot, @options) = @_;
	my $end = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
	my ($out, $err);

	IPC::Run::run(
		[ 'pg_recvlogical', '-d', $node->connstr('postgres') . " options='-c wal_sender_timeout=0'", '-S', $slot, '--start', '--no-loop',
			'--endpos', $end, '-f', '-', map { ('-o', $_) } @options ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(Nova::patience()));
	return ($out, $err);
}

# What pg_recvlogical wrote: [frames, frames…], one list for each write.
sub writes
{
	my ($bytes) = @_;
	my $n16 = sub { my ($at) = @_; return 2 + unpack('n', substr($bytes, $at, 2)) };
	my $n32 = sub { my ($at) = @_; my $n = unpack('N', substr($bytes, $at, 4)); return 4 + ($n == 0xFFFFFFFF ? 0 : $n) };
	my %end = (
		H => sub { my ($at) = @_; $at += 7; $at += $n16->($at); return $at + $n32->($at) },
		T => sub { my ($at) = @_; $at += 5; $at += $n16->($at) for 1 .. 3; return $at },
		R => sub { my ($at) = @_; $at += 8; $at += $n32->($at) for 1 .. 2; return $at },
		C => sub { my ($at) = @_; return $at + 42 });
	my @writes = ([]);

	for (my $at = 0; $at < length $bytes;)
	{
		my $type = substr($bytes, $at, 1);
		my $next = $type eq "\n" ? $at + 1 : ($end{$type} // die "frame $type at $at")->($at);

		if ($type eq "\n") { push @writes, [] }
		else { push @{ $writes[-1] }, substr($bytes, $at, $next - $at) }
		$at = $next;
	}
	pop @writes if !@{ $writes[-1] };
	return @writes;
}

$node->safe_psql('postgres', q{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE kept (id int PRIMARY KEY, t text);
	CREATE TABLE other (id int PRIMARY KEY, t text)});

# Text and frames, the same changes twice.
slot($_) for qw(as_text as_frames bad);
$node->safe_psql('postgres', q{INSERT INTO kept VALUES (1, 'one'); BEGIN; INSERT INTO kept VALUES (2, 'two'); DELETE FROM kept WHERE id = 1; COMMIT});
my ($text, $errors) = receive('as_text', 'output=text', "topic.prefix=$prefix", 'add.fields=op');
is($text, <<"END", 'output=text: a line of JSON per record');
{"topic":"$prefix.public.kept","key":{"id":1},"value":{"id":1,"t":"one","__op":"c"}}
{"topic":"$prefix.public.kept","key":{"id":2},"value":{"id":2,"t":"two","__op":"c"}}
{"topic":"$prefix.public.kept","key":{"id":1},"value":{"id":1,"__op":"d"}}
{"topic":"$prefix.public.kept","key":{"id":1},"value":null}
END
my ($frames) = receive('as_frames', "topic.prefix=$prefix");
my ($protocol, $version) = unpack 'x n N', $frames;
is(substr($frames, 0, 1), 'H', 'without it: frames, HELLO first');
is($protocol, 2, 'of protocol 2');
is($version, $node->safe_psql('postgres', 'SHOW server_version_num'), 'with the version of the server');
like($frames, qr/T\0\0\0\0..\Q$prefix\E\.public\.kept\0\x06public\0\x04kept/s, 'ROUTE');
like($frames, qr/R.{7}\0\0\0\x08\{"id":1\}/s, 'RECORD, with the key as it goes to Kafka');
# flags, a small xid, a small LSN: less of it may stand in any number
is(() = $frames =~ /C\0\0\0..\0{4}/sg, 2, 'two COMMITs');

(undef, $errors) = receive('bad', 'table.include.lst=x');
like($errors, qr/ERROR:.*table\.include\.lst.*HINT:.*table\.include\.list/s, 'an unknown option names the valid ones');
(undef, $errors) = receive('bad', 'batch.bytes=7');
like($errors, qr/ERROR:.*batch\.bytes.*1024/s, 'a bad value names its bounds');
$node->safe_psql('postgres', "SELECT pg_drop_replication_slot('$_')") for qw(as_text as_frames bad);

# Small transactions share a write, but for a client that did not ask for it.
slot($_) for qw(each held);
my $pages = $node->safe_psql('postgres', q{
	TRUNCATE kept;
	SELECT pg_current_wal_insert_lsn() - '0/0' AS before \gset
	DO $$ BEGIN FOR i IN 1 .. 200 LOOP INSERT INTO kept VALUES (i, 'small'); COMMIT; END LOOP; END $$;
	SELECT div(pg_current_wal_insert_lsn() - '0/0', 8192) - div(:before, 8192) + 1;
	INSERT INTO kept SELECT i, 'of a large one' FROM generate_series(1001, 21000) i;
	INSERT INTO kept VALUES (300, 'last')});
my @each = writes((receive('each', "topic.prefix=$prefix"))[0]);
my @held = writes((receive('held', "topic.prefix=$prefix", 'batch.hold=true'))[0]);
my $commits = sub { return scalar grep { /^C/ } map { @$_ } @_ };
is($commits->(@each), 202, 'each commit has a COMMIT');
is((grep { $commits->($_) > 1 } @each), 0, 'and is sent');
is_deeply([ grep { !/^H/ } map { @$_ } @held ], [ grep { !/^H/ } map { @$_ } @each ], 'batch.hold: the same frames');
my @small;
push @small, shift @held while @held && !grep { /of a large one/ } @{ $held[0] };
is($commits->(@small), 200, 'a large transaction waits for what is held');
cmp_ok(scalar @small, '<=', $pages, "which is a write for each of $pages pages of WAL at the most");
cmp_ok($pages, '<', 20, 'few');
like($held[-1][-1], qr/^C/, 'and nothing is held back at the end');
$node->safe_psql('postgres', "SELECT pg_drop_replication_slot('$_')") for qw(each held);
$node->safe_psql('postgres', 'TRUNCATE kept');

# A transaction of which nothing is sent, longer than wal_sender_timeout; the
# relay speaks only when it is spoken to.
my $relay = start_relay('stream', $node, $kafka, {
		'topic.prefix' => $prefix,
		'table.include.list' => 'public.kept,public.ddl',
		'status.update.interval.ms' => 60000 });
$relay->wait_for_line(qr/streaming from slot nova_stream/);
my $walsender = wait_streaming($node, 'nova_stream');
$node->safe_psql('postgres', q{INSERT INTO other SELECT i, 'x' FROM generate_series(1, 1000000) i});
wait_confirmed($node, 'nova_stream');
is(wait_streaming($node, 'nova_stream'), $walsender, 'a long filtered transaction: the connection lives');
unlike(slurp_file($node->logfile), qr/terminating walsender process due to replication timeout/, 'no timeout on the server');

# A captured one, far larger than logical_decoding_work_mem.
is($node->safe_psql('postgres', 'SHOW logical_decoding_work_mem'), '64kB', 'logical_decoding_work_mem is at its least');
$node->safe_psql('postgres', q{BEGIN;
	INSERT INTO kept SELECT i, 'spilled ' || i FROM generate_series(1000, 60999) i;
	SAVEPOINT s; INSERT INTO kept SELECT i, 'gone' FROM generate_series(100000, 101000) i; ROLLBACK TO s;
	UPDATE kept SET t = t || '!' WHERE id BETWEEN 1000 AND 1009; COMMIT});
wait_confirmed($node, 'nova_stream');
$node->poll_query_until('postgres',
	q{SELECT spill_txns > 0 FROM pg_stat_replication_slots WHERE slot_name = 'nova_stream'}) or die 'nothing was spilled';
my @kept = grep { ($_->{value} // '') =~ /spilled/ } read_topic($kafka, "$prefix.public.kept");
is(scalar @kept, 60010, 'a spilled transaction is complete');
is_deeply([ sort { $a <=> $b } map { $_->{value} =~ /"id":(\d+),"t":"spilled \1!"/ ? $1 : () } @kept ], [ 1000 .. 1009 ], 'its updates too');
ok(!(grep { ($_->{value} // '') =~ /gone/ } read_topic($kafka, "$prefix.public.kept")), 'without what was rolled back');
is(wait_streaming($node, 'nova_stream'), $walsender, 'still the same connection');

# DDL beside the inserts of another session: every record has the columns of its LSN.
$kafka->create_topic("$prefix.public.ddl", 1);
$node->safe_psql('postgres', 'CREATE TABLE ddl (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)');
my $script = PostgreSQL::Test::Utils::tempdir('ddl') . '/insert.sql';
append_to_file($script, "INSERT INTO ddl DEFAULT VALUES;\n");
my $inserts = IPC::Run::start(
	[ 'pgbench', '-n', '-c', 2, '-t', 1_000_000, '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres' ],
	'<', \undef, '>', \my $bench_out, '2>', \my $bench_err);
my @columns = ('');
my $set = '';
for my $n (1 .. 12)
{
	my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM ddl');
	my $drop = $n - 3;

	$node->poll_query_until('postgres', "SELECT count(*) > $rows + 20 FROM ddl") or die 'no inserts';
	$node->safe_psql('postgres', "ALTER TABLE ddl ADD COLUMN c$n int DEFAULT $n" . ($drop > 0 ? ", DROP COLUMN c$drop" : ''));
	$set = join ' ', map { "c$_" } grep { $_ > 0 } $n - 2 .. $n;
	push @columns, $set;
}
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM ddl');
$node->poll_query_until('postgres', "SELECT count(*) > $rows FROM ddl");
$inserts->signal('TERM');
eval { $inserts->finish };
$rows = $node->safe_psql('postgres', 'SELECT count(*) FROM ddl');
wait_confirmed($node, 'nova_stream');
my (@seen, %ids);
for my $record (read_topic($kafka, "$prefix.public.ddl"))
{
	my $value = $json->decode($record->{value});
	my @have = sort { substr($a, 1) <=> substr($b, 1) } grep { /^c\d/ } keys %$value;

	$ids{ $value->{id} }++;
	push @seen, "@have" if !@seen || $seen[-1] ne "@have";
	fail("a wrong default: $record->{value}") if grep { $value->{$_} != substr($_, 1) } @have;
}
is(scalar keys %ids, $rows, "DDL: each of $rows inserts arrived");
is_deeply([ grep { $ids{$_} != 1 } keys %ids ], [], 'once');
is_deeply(\@seen, \@columns, 'with the columns the table had then, one ALTER TABLE after the other');

# Messages: one that does not wait for the commit, one that goes with the rollback.
$kafka->create_topic("$prefix.events", 3);
my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN');
$session->query_safe(qq{SELECT nova.publish('$prefix.events', 'k', 'at once', transactional => false)});
$session->query_safe(qq{SELECT nova.publish('$prefix.events', 'k', 'never')});
my @events = read_topic($kafka, "$prefix.events", min_count => 1);
is($events[0]{value}, 'at once', 'a non-transactional message arrives before the commit');
$session->query_safe('ROLLBACK');
$session->query_safe(qq{SELECT nova.publish('$prefix.events', 'k', 'with its commit')});
$session->quit;
wait_confirmed($node, 'nova_stream');
@events = read_topic($kafka, "$prefix.events");
is(join(', ', map { $_->{value} } @events), 'at once, with its commit', 'and what was rolled back never');

is($relay->term, 0, 'the relay stops in order');

done_testing();
