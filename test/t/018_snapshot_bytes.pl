#
# A row in a snapshot is the row in the stream: every table of the workload of
# test/compat, in both profiles and formats, byte by byte but for op, times,
# position and snapshot mark.  Also in chunks, and with values that are large.
#
use strict;
use warnings;

use Nova;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary');
my $dir = PostgreSQL::Test::Utils::tempdir('frames');

# The frames in some bytes, as [type, fields…].
sub frames
{
	my ($bytes) = @_;
	my @frames;

	while (length $bytes)
	{
		my ($type, $rest) = unpack 'a a*', $bytes;
		my @fields;

		if ($type eq 'H') { (@fields[ 0 .. 3 ], $bytes) = unpack 'n N n/a N/a a*', $rest }
		elsif ($type eq 'T') { (@fields[ 0 .. 3 ], $bytes) = unpack 'N n/a n/a n/a a*', $rest }
		elsif ($type eq 'M') { (@fields[ 0 .. 1 ], $bytes) = unpack 'C N/a a*', $rest }
		elsif ($type eq 'K') { (@fields[ 0 .. 4 ], $bytes) = unpack 'C N/a N N N a*', $rest }
		elsif ($type eq 'C') { (@fields[ 0 .. 6 ], $bytes) = unpack 'C N Q> Q> q> Q> N a*', $rest }
		elsif ($type eq 'R')
		{
			(@fields[ 0 .. 2 ], $bytes) = unpack 'a n N a*', $rest;
			(undef, $bytes) = unpack 'N/a a*', $bytes if $fields[1] & 1;
			for my $i (3, 4)
			{
				my $null = unpack('N', $bytes) == 0xFFFFFFFF;
				($fields[$i], $bytes) = $null ? (undef, substr $bytes, 4) : unpack 'N/a a*', $bytes;
			}
		}
		else { die sprintf 'frame of type %s after %s', unpack('H*', $type), join ' ', map { $_ // '-' } @{ $frames[-1] // [] } }
		push @frames, [ $type, @fields ];
	}
	return @frames;
}

# Records as "topic key value", without what a snapshot may have otherwise.
sub records
{
	my ($mask, @frames) = @_;
	my (%topic, @records);

	for my $f (@frames)
	{
		my ($type, @fields) = @$f;
		if ($type eq 'T') { $topic{ $fields[0] } = $fields[1] }
		elsif ($type eq 'R') { push @records, [ $topic{ $fields[2] }, $fields[3] // 'null', $fields[4] // 'null', $fields[0] ] }
		elsif ($type eq 'M') { $records[-1][2] .= $fields[1] }
	}
	for my $r (@records)
	{
		next if !$mask;
		$r->[2] =~ s/("(?:__)?op":)"[cr]"/$1"?"/g;
		$r->[2] =~ s/("(?:__source_|__)?(?:ts_[mun]s|lsn|txId)":)(?:\d+|null)/$1?/g;
		$r->[2] =~ s/("sequence":)"[^"\\]*(?:\\.[^"\\]*)*"/$1"?"/g;
		$r->[2] =~ s/("(?:__source_)?snapshot":)(?:"\w+"|null)/$1?/g;
	}
	return @records;
}

# Of the records of a stream, those of rows that are still there.
sub surviving
{
	my (@kept, %at);

	for my $r (@_)
	{
		my $key = $r->[1] eq 'null' ? undef : "$r->[0] $r->[1]";
		$kept[ delete $at{$key} ] = undef if defined $key && exists $at{$key};
		next if $r->[3] =~ /[dx]/;
		push @kept, $r;
		$at{$key} = $#kept if defined $key;
	}
	return grep { defined } @kept;
}

# What COPY in binary form brings: the values of its only column.
sub copied
{
	my ($database, $query) = @_;
	my $file = "$dir/copy";
	my ($stdout, $stderr);
	my $ok = IPC::Run::run([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-c', "COPY ($query) TO STDOUT (FORMAT binary)" ],
		'>', $file, '2>', \$stderr);

	die $stderr if !$ok;
	my $bytes = slurp_file($file);
	my @values;
	my $at = 19;
	substr($bytes, 0, 11) eq "PGCOPY\n\xff\r\n\0" or die 'no binary COPY';
	while (unpack('n', substr $bytes, $at, 2) != 0xFFFF)
	{
		my $len = unpack 'N', substr $bytes, $at + 2, 4;
		push @values, substr $bytes, $at + 6, $len;
		$at += 6 + $len;
	}
	return @values;
}

sub snapshot_query
{
	my ($relation, $options, $rest) = @_;
	my $list = join ',', map { "'" . s/'/''/gr . "'" } @$options;
	return "SELECT nova.snapshot_frames('" . ($relation =~ s/'/''/gr) . "', ARRAY[$list]::text[]" . ($rest ? ", $rest" : '') . ')';
}

# The end of a chunk must agree with what came before it.
sub check_end
{
	my ($name, @frames) = @_;
	my $end = $frames[-1];
	my $records = grep { $_->[0] eq 'R' } @frames;

	return if $end->[0] eq 'K' && $end->[4] == $records && $frames[0][0] eq 'H' && !grep { $_->[0] eq 'K' } @frames[ 0 .. $#frames - 1 ];
	fail("$name: ends with " . join ' ', @$end[ 0, 1, 2, 4 ]);
	return;
}

$node->safe_psql('postgres', "CREATE DATABASE compat ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0");
workload($node, 'compat', 0, 'workload-schema.sql');
$node->safe_psql('compat', q{CREATE EXTENSION nova_decoder; SELECT pg_create_logical_replication_slot('stream', 'nova_decoder')});
workload($node, 'compat', 0, qw(workload-types.sql workload-rows.sql));

my @everything = ('topic.prefix=cdc', 'schema.include.list=i,t', 'batch.bytes=16384');
my %sets = (
	'nova, flat' => ['add.fields=op,source.ts_ms,source.lsn,source.txId,source.snapshot,source.table'],
	'nova, envelope' => ['format=envelope'],
	'debezium, flat' => [ 'profile=debezium', 'add.fields=op,source.ts_ms' ],
	'debezium, envelope' => [ 'profile=debezium', 'format=envelope' ],
	'debezium, other modes' => [ 'profile=debezium', 'decimal.handling.mode=string', 'time.precision.mode=isostring', 'binary.handling.mode=hex',
		'interval.handling.mode=string', 'hstore.handling.mode=map', 'include.unknown.datatypes=true', 'replace.null.with.default=false' ],
	'under the root' => [ 'publish.via.partition.root=true', 'message.key.columns=i.keychg:n,a', 'column.exclude.list=i.cols.secret' ],
	'topics by pattern' => [ 'topic.regex=cdc\.(.*)\.(.*)', 'topic.replacement=$2.$1', 'unavailable.value.handling=omit' ]);

for my $name (sort keys %sets)
{
	my @options = (@everything, @{ $sets{$name} });
	my $list = join ',', map { my ($n, $v) = split /=/, $_, 2; "'$n','$v'" } @options;
	my $hex = $node->safe_psql('compat',
		"SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('stream', NULL, NULL, 'output', 'frames', $list)");
	my @streamed = surviving(records(1, map { frames(pack 'H*', $_) } split /\n/, $hex));
	my @relations = split /\n/, $node->safe_psql('compat', "SELECT relation FROM nova.snapshot_tables(ARRAY['" . join("','", @options) . "'])");
	my @read;

	for my $relation (@relations)
	{
		my @frames = map { frames($_) } copied('compat', snapshot_query($relation, \@options, "lsn => '0/1', txid => 7"));
		check_end("$name: $relation", @frames);
		push @read, records(1, @frames);
	}
	my @a = sort map { join "\t", @$_[ 0 .. 2 ] } @streamed;
	my @b = sort map { join "\t", @$_[ 0 .. 2 ] } @read;
	cmp_ok(scalar @relations, '>=', 35, "$name: tables");
	cmp_ok(scalar @a, '>', 150, "$name: records were streamed");
	is(scalar @b, scalar @a, "$name: as many were read");
	my @unlike = grep { $a[$_] ne ($b[$_] // '') } 0 .. $#a;
	ok(!@unlike, "$name: the same bytes") or diag('streamed: ' . substr($a[ $unlike[0] ], 0, 3000) . "\nread:     " . substr($b[ $unlike[0] ] // '', 0, 3000));
	is(join('', sort { $a cmp $b } keys %{ { map { $_->[3] => 1 } @read } }), 'r', "$name: op r");
}

# In chunks: by key from position to position, by blocks, all of it and each row once.
$node->safe_psql('compat', q{
	CREATE TABLE many (a text COLLATE "C", b timestamptz, v text, PRIMARY KEY (b, a));
	INSERT INTO many SELECT chr(33 + i % 90) || E'\\"{}', '2024-01-01'::timestamptz + (i % 97) * interval '1 hour', repeat('v', i % 300) FROM generate_series(1, 8730) i});
my @whole = map { join "\t", @$_[ 1, 2 ] } records(1, map { frames($_) } copied('compat', snapshot_query('many', [])));
my (@by_key, $position, $end);
my $chunks = 0;
until ($end)
{
	my $after = defined $position ? "after_key => '" . ($position =~ s/'/''/gr) . "', " : '';
	my @frames = map { frames($_) } copied('compat', snapshot_query('many', [], "${after}max_rows => 1024"));

	check_end('chunk by key', @frames);
	push @by_key, map { join "\t", @$_[ 1, 2 ] } records(1, @frames);
	($end, $position) = @{ $frames[-1] }[ 1, 2 ];
	last if ++$chunks > 20;
}
is($chunks, 9, 'chunks of 1024 rows');
is_deeply([ sort @by_key ], [ sort @whole ], 'together are the table');
my $ordered = $node->safe_psql('compat', q{SELECT string_agg(v, ',' ORDER BY b, a) FROM many});
is(join(',', map { /"v":"(v*)"/ ? $1 : '?' } @by_key), $ordered, 'in the order of the key');
my $blocks = $node->safe_psql('compat', q{SELECT blocks FROM nova.snapshot_tables('{table.include.list=public.many}')});
my @by_block = map {
	my $rest = "first_block => $_" . ($_ + 30 < $blocks ? ', end_block => ' . ($_ + 30) : '');
	map { join "\t", @$_[ 1, 2 ] } records(1, map { frames($_) } copied('compat', snapshot_query('many', [], $rest)))
} grep { $_ % 30 == 0 } 0 .. $blocks - 1;
cmp_ok($blocks, '>', 60, 'blocks of the table');
is_deeply(\@by_block, \@whole, 'ranges of blocks together are the table, in its order');
like($node->safe_psql('compat', q{EXPLAIN SELECT * FROM ONLY many WHERE ctid >= '(30,0)' AND ctid < '(60,0)'}), qr/Tid Range Scan/, 'and none reads all of it');

# A value of 100 MB among small ones: in parts, whole, and without holding all of it.
$node->safe_psql('compat', q{
	CREATE TABLE huge (id int PRIMARY KEY, t text, b bytea);
	ALTER TABLE huge ALTER t SET STORAGE EXTERNAL;
	INSERT INTO huge VALUES (1, 'small', ''), (2, repeat('0123456789', 10000000), decode(repeat('00ff10', 1000000), 'hex')), (3, 'small', '')});
my @writes = copied('compat', snapshot_query('huge', [], "last_mark => 'last'"));
cmp_ok((sort { $b <=> $a } map { length } @writes)[0], '<', 1_100_000, 'no write is larger than 1 MB');
my @huge = records(0, map { frames($_) } @writes);
is(scalar @huge, 3, 'three records');
is($huge[1][2] =~ /^\{"id":2,"t":"((?:0123456789)+)","b":"([^"]+)",/ ? length($1) . ' ' . length($2) : 'other', '100000000 4000000', 'the large one is whole');
like($huge[2][2], qr/^\{"id":3,"t":"small"/, 'and the one behind it');
check_end('huge', map { frames($_) } @writes);

$node->stop;
done_testing();
