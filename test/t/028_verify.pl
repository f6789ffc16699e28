#
# nova-relay verify: equal where it is equal, while others write, too; and what
# somebody has changed in the topics is found, by key, partition and offset.
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
my $prefix = topic_prefix();

sub sql { return $node->safe_psql('postgres', $_[0]) }

load_setup($node);
sql(q{
	CREATE EXTENSION nova_decoder;
	CREATE TABLE documents (id int PRIMARY KEY, n int, body text);
	ALTER TABLE documents ALTER body SET STORAGE EXTERNAL;
	INSERT INTO documents SELECT g, 0, repeat('x', 5000) FROM generate_series(1, 20) g;
	CREATE TABLE parts (id int, region int, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
	INSERT INTO parts SELECT g, 1 + g % 2, 'old' FROM generate_series(1, 100) g;
	CREATE TABLE nokey (id int, v text);
	CREATE TABLE empty (id int PRIMARY KEY);
	CREATE TABLE "odd ""name's" ("a ""key" text PRIMARY KEY, v jsonb);
	CREATE TABLE loose (id int PRIMARY KEY, grp int, v text);
});

load_topics($kafka, $prefix);
# The slot is moved behind the relay's back below, which would be found out.
my $config = write_config('verify', $node, $kafka, load_config($prefix, 'nova.position.interval.ms' => 0,
	'table.include.list' => 'load[.].*,public[.].*', 'snapshot.mode' => 'initial', 'status.update.interval.ms' => 100,
	'publish.via.partition.root' => 'true', 'message.key.columns' => 'public[.]loose:grp',
	'topic.creation.default.partitions' => 2, 'topic.creation.default.replication.factor' => 1));

sub verify { return run_relay('verify', $config, @_) }

# A run with --json: exit status, tables by name, and the whole.
sub verified
{
	my ($status, $out, $err) = verify('--json', @_);
	my $report = eval { JSON::PP::decode_json($out) } // {};
	diag($err) if !%$report;
	return ($status, { map { $_->{table} => $_ } @{ $report->{tables} // [] } }, $report);
}

# The same value, or a tombstone, for each of the keys.
sub produce
{
	my ($topic, $partition, $value, @keys) = @_;
	my $line = join '', map { "$_|" . ($value // '') . "\n" } @keys;
	IPC::Run::run([ 'kcat', '-P', '-b', $kafka->bootstrap, '-t', "$prefix.$topic", '-p', $partition, '-K', '|', '-Z' ],
		'<', \$line) or die "kcat failed";
	return;
}

# Partition, offset and value of a key's last record.
sub last_of
{
	my ($topic, $key) = @_;
	my @records = map { [ split /\t/, $_, 4 ] } kcat($kafka, "$prefix.$topic", "%p\t%o\t%k\t%s\n");
	my ($last) = grep { $_->[2] eq $key } reverse @records;
	return ($last->[0], $last->[1], $last->[3]);
}

# Before there is anything to compare with.
my ($status, $out, $err) = verify('--timeout', 1);
is($status, 2, 'without a slot nothing can be compared');
like($err, qr/error: cannot compare: slot nova_verify does not exist/, 'and it is said');

my $relay = start_relay_with('verify', $config);
$relay->wait_for_line(qr/streaming from slot/);

#
# All that is loaded: snapshot, inserts, updates, deletes, new keys, TOAST, rows
# that move to another partition.
#
my $load = load_start($node, clients => 2, transactions => 100, ops => 10, keys => 400);
sql(q~
	UPDATE documents SET n = n + 1 WHERE id <= 5;
	UPDATE documents SET body = repeat('y', 6000) WHERE id = 6;
	DELETE FROM documents WHERE id = 7;
	UPDATE parts SET v = 'new' WHERE id <= 10;
	UPDATE parts SET region = 3 - region WHERE id BETWEEN 11 AND 20;
	DELETE FROM parts WHERE id BETWEEN 21 AND 30;
	INSERT INTO nokey SELECT g, 'x' FROM generate_series(1, 7) g;
	INSERT INTO "odd ""name's" VALUES ('k"''|ü', '{"a": [1, "}"], "b": null}'), ('', '12345678901234567890.10');
	INSERT INTO loose VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
	ALTER TABLE parts ADD COLUMN later text;
~);
load_wait($load);
($status, my $tables, my $report) = verified();
is($status, 0, 'equal after a load');
is($report->{result}, 'equal', 'and the report says so');
for my $t (qw(load.users load.posts load.events))
{
	is($tables->{$t}{equal}, sql("SELECT count(*) FROM $t"), "$t: every row is equal");
	is("$tables->{$t}{missing} $tables->{$t}{extra} $tables->{$t}{different}", '0 0 0', "$t: and nothing else");
}
is("$tables->{'public.parts'}{rows} $tables->{'public.parts'}{equal}", '90 90', 'partitions under their root');
is("$tables->{'public.documents'}{equal} $tables->{'public.documents'}{unavailable}", '19 5',
	'unchanged TOAST values are equal to anything, and counted');
is_deeply([ @{ $tables->{'public.nokey'} }{qw(rows records compared reason)} ], [ 7, 7, JSON::PP::false(), 'no key' ],
	'a table without key: counts only, and said so');
is_deeply([ @{ $tables->{'public.empty'} }{qw(rows records equal missing)} ], [ 0, 0, 0, 0 ], 'an empty table without topic');
is($tables->{q{public.odd "name's}}{equal}, 2, 'odd names, keys and values');
is("$tables->{'public.loose'}{rows} $tables->{'public.loose'}{repeated} $tables->{'public.loose'}{different}", '3 1 0',
	'rows that share a key of one\'s own');

# The same for people.
($status, $out) = verify('--table', 'public[.](documents|nokey)');
is($status, 0, 'status 0');
like($out, qr/\Apublic\.documents \(topic \Q$prefix\E\.public\.documents\): rows 19, equal 19, missing 0, extra 0, different 0, unavailable 5\npublic\.nokey \(topic \S+\): rows 7, records 7; not compared: no key\nequal at LSN [0-9A-F]+\/[0-9A-F]+\n\z/,
	'the report, of the chosen tables only');

#
# While others write, nothing is wrong.
#
$load = load_start($node, clients => 3, transactions => 100_000, ops => 5, keys => 60);
my $wrong = 0;
for (1 .. 3)
{
	($status, $tables) = verified('--table', 'load[.].*');
	$wrong++ if $status != 0;
}
ok(load_running($load), 'others have been writing all the time');
is($wrong, 0, 'three runs with writers: always equal');
load_wait($load, 1);

# What was rolled back in Kafka is not there.
my ($partition, $offset, $value) = last_of('public.parts', '{"id":3,"region":2}');
like($value, qr/"v":"new"/, 'the key that is going to be broken');
python('e2e_transaction.py', $kafka->bootstrap, "$prefix.public.parts", $partition, '{"id":3,"region":2}',
	'{"id":3,"region":2,"v":"rolled back"}', 'abort');
is((verified('--table', 'public.parts'))[0], 0, 'an aborted transaction changes nothing');
python('e2e_transaction.py', $kafka->bootstrap, "$prefix.public.parts", $partition, '{"id":3,"region":2}', $value, 'commit');
is((verified('--table', 'public.parts'))[0], 0, 'a committed one with the right value neither');

#
# Tampering: a value, a tombstone, a key that no row has.
#
(my $broken = $value) =~ s/"new"/"nEw"/;
my ($p4) = last_of('public.parts', '{"id":4,"region":1}');
produce('public.parts', $partition, $broken, '{"id":3,"region":2}');
produce('public.parts', $p4, undef, '{"id":4,"region":1}');
produce('public.parts', 0, $value, '{"id":1000,"region":1}');
($partition, $offset) = last_of('public.parts', '{"id":3,"region":2}');
my ($extra_partition, $extra_offset) = last_of('public.parts', '{"id":1000,"region":1}');
my ($gone_partition, $gone_offset) = last_of('public.parts', '{"id":4,"region":1}');
($status, $tables, $report) = verified();
is("$status $report->{result}", '1 different', 'what was tampered with is found');
my $parts = $tables->{'public.parts'};
is("$parts->{equal} $parts->{different} $parts->{missing} $parts->{extra}", '88 1 1 1', 'one of each kind');
is_deeply($parts->{examples}, [
		{ kind => 'missing', key => '{"id":4,"region":1}', partition => $gone_partition, offset => $gone_offset },
		{ kind => 'extra', key => '{"id":1000,"region":1}', partition => $extra_partition, offset => $extra_offset },
		{ kind => 'different', key => '{"id":3,"region":2}', partition => $partition, offset => $offset } ],
	'with key, partition and offset');
is(scalar(grep { $_->{different} || $_->{missing} || $_->{extra} } grep { $_->{compared} } values %$tables), 1, 'in no other table');
($status, $out) = verify('--table', 'public[.]parts');
like($out, qr/^  different: key \{"id":3,"region":2\}, last record at partition $partition offset $offset$/m, 'and for people');

# An update heals the key; a row that never had a record is missing, too.
sql("UPDATE parts SET v = 'healed' WHERE id IN (3, 4)");
produce('public.parts', $extra_partition, undef, '{"id":1000,"region":1}');
is((verified('--table', 'public.parts'))[0], 0, 'records that come later make it equal again');

# A sample: the same keys each time, and all of them in one sample or another.
sql("INSERT INTO load.users SELECT g + 100000, 0, true, g, 'sample' FROM generate_series(1, 1000) g");
($status, $tables) = verified('--table', 'load[.]users', '--sample', '10');
my $sampled = $tables->{'load.users'}{rows};
is($status, 0, 'a sample is equal');
ok($sampled > 60 && $sampled < 200 && $tables->{'load.users'}{equal} == $sampled, "one key of ten, about: $sampled");
is((verified('--table', 'load[.]users', '--sample', '10'))[1]{'load.users'}{rows}, $sampled, 'the same again');
produce('load.users', 0, '{"id":1}', map { "{\"id\":@{[ 900_000 + $_ ]}}" } 1 .. 40);
($status, $tables) = verified('--table', 'load[.]users', '--sample', '4');
my $extra = $tables->{'load.users'}{extra};
ok($status == 1 && $extra > 0 && $extra < 30, "and finds its part of what is wrong: $extra");
($status, $tables) = verified('--table', 'load[.]users', '--all');
is("$status $tables->{'load.users'}{extra}", '1 40', 'all finds all');
is(scalar @{ $tables->{'load.users'}{examples} }, 10, 'and shows the first ten');

# As many as are asked for, each by its name, so that it can be deleted.
($status, $tables) = verified('--table', 'load[.]users', '--keys', '100');
my @named = map { $_->{key} } @{ $tables->{'load.users'}{examples} };
is_deeply([ sort @named ], [ sort map { "{\"id\":@{[ 900_000 + $_ ]}}" } 1 .. 40 ], '--keys: all of them');
produce('load.users', 0, undef, @named);
is((verified('--table', 'load[.]users'))[0], 0, 'deleted, and equal');
is((verify('--keys', '0'))[0], 2, '--keys: none is refused');

# A row that the stream has left out.
$relay->term;
sql("SELECT pg_replication_slot_advance('nova_verify', pg_current_wal_lsn()) FROM (SELECT pg_logical_emit_message(true, 'x', 'x')) x");
sql("INSERT INTO documents VALUES (100, 1, 'lost')");
sql("SELECT pg_replication_slot_advance('nova_verify', pg_current_wal_lsn())");
$relay = start_relay_with('verify', $config);
$relay->wait_for_line(qr/streaming from slot/);
($status, $tables) = verified('--table', 'public.documents');
is_deeply([ $status, $tables->{'public.documents'}{examples} ], [ 1, [ { kind => 'missing', key => '{"id":100}' } ] ],
	'a row without any record is missing');

#
# When it cannot compare it says why, with a status of its own.
#
sub cannot
{
	my ($regex, $name, @arguments) = @_;
	my ($got, $stdout, $stderr) = verify(@arguments);
	is($got, 2, "$name: status 2");
	like($stderr, qr/error: $regex/, "$name: and why");
	return;
}
cannot(qr/cannot compare: --table fits no captured table/, 'no such table', '--table', 'public.nothing');
cannot(qr/cannot compare: --table is not a regular expression/, 'not an expression', '--table', '(');
($status, $out, $err) = verify('--sample', '0');
is($status, 2, 'a sample of none');
($status, $out, $err) = run_relay('config', $config, '--json');
like($err, qr/this command has no option --json/, 'options of verify are not everybody\'s');
$relay->term;
sql("INSERT INTO documents VALUES (101, 1, 'waits')");
cannot(qr/cannot compare: slot nova_verify is not confirmed up to LSN \S+ after 1 s: no relay reads from it; start it/,
	'no relay', '--timeout', 1);
$node->stop;
cannot(qr/cannot compare: PostgreSQL: /, 'no server', '--timeout', 2);

done_testing();
