#
# The same WAL gives the same bytes, whatever the session that decodes it has
# been set to: every type, both profiles, several modes; through SQL and through
# a walsender; settings of the role, of the database and of the connection.
#
use strict;
use warnings;

use Nova;
use PostgreSQL::Test::Utils;
use Test::More;

# A locale of our own, so that lc_monetary and its like can be something else.
my $locales = PostgreSQL::Test::Utils::tempdir('locales');
command_ok([ 'localedef', '--no-archive', '-i', 'de_DE', '-f', 'UTF-8', "$locales/de_DE.utf8" ], 'localedef');
$ENV{LOCPATH} = $locales;

my $node = new_node('primary');

$node->safe_psql('postgres', "CREATE DATABASE hostile ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0");
workload($node, 'hostile', 0, qw(workload-schema.sql workload-types.sql workload-rows.sql));

# Types within types, and what prints names or money in them.
$node->safe_psql('hostile', q{
	CREATE SCHEMA s;
	CREATE TABLE s.seen (id int);
	CREATE TABLE public.seen_public (id int);
	CREATE FUNCTION s.f(t.mood, s.seen) RETURNS int LANGUAGE sql AS 'SELECT 1';
	CREATE TYPE s.names AS (c regclass, t regtype, p regprocedure, o regoperator);
	CREATE TYPE s.all_in AS (f float8, fs float4[], b bytea, bs bytea[], d date, ds date[], t timetz, ts timestamp, tz timestamptz,
		tzs timestamptz[], i interval, iss interval[], m money, ms money[], r tstzrange, rs tsrange[], mr tstzmultirange, n s.names);
	CREATE TYPE s.moneys AS RANGE (subtype = money);
	CREATE TYPE s.classes AS RANGE (subtype = regclass, subtype_opclass = oid_ops);
	CREATE DOMAIN s.d_tz AS timestamptz;
	CREATE DOMAIN s.d_tzs AS timestamptz[];
	CREATE DOMAIN s.d_m AS money;
	CREATE DOMAIN s.d_r AS tstzrange;
	CREATE TABLE s.mixed (id int PRIMARY KEY, c regclass, cs regclass[], t regtype, p regprocedure, n s.names, a s.all_in, aa s.all_in[],
		m s.moneys, ms s.moneys[], mm s.moneys_multirange, cr s.classes, dz s.d_tz, dzs s.d_tzs, dza s.d_tz[], dm s.d_m, dma s.d_m[], dr s.d_r,
		dra s.d_r[], x xml, xs xml[], ia interval[], ra tstzrange[], mra tstzmultirange[], cube cube, cubes cube[], q tsquery, jp jsonpath,
		h hstore, ha hstore[]);
	CREATE FUNCTION s.fill(int) RETURNS void LANGUAGE sql AS $$
		INSERT INTO s.mixed
		SELECT $1, c, ARRAY[c, 'public.seen_public'], 's.all_in', 's.f(t.mood,s.seen)', n, a, ARRAY[a, NULL, a],
			'[1.5,1234567.89)', '{"[1,2)"}', '{[1,2),[3,4)}', '[pg_class,)', tz, ARRAY[tz], ARRAY[tz], 1234.5, '{1234.5}', r, ARRAY[r], '<a/>',
			'{<a/>}', ARRAY[interval '1 year -2 days 03:04:05.6'], ARRAY[r], ARRAY[tstzmultirange(r)], '(0.1,0.30000000000000004)',
			ARRAY['(0.1)'::cube], 'a & !b', '$.a[*] ? (@ > 1)', 'a=>"b c"', ARRAY['a=>1'::hstore]
		FROM (SELECT 's.seen'::regclass AS c, ROW('s.seen', 's.all_in', 's.f(t.mood,s.seen)', '+(integer,integer)')::s.names AS n,
				'2024-02-03 04:05:06.789+00'::timestamptz AS tz, '[2024-02-03 04:05:06+00,2024-07-03 04:05:06+00)'::tstzrange AS r) v,
			LATERAL (SELECT ROW(0.1::float8 + 0.2::float8, '{0.1,1e20}', '\x00ff', '{"\\x00ff"}', '2024-02-03', '{2024-02-03}', '04:05:06+05:30',
				'2024-02-03 04:05:06.789', tz, ARRAY[tz, 'infinity'], '1 year -2 days 03:04:05.6', '{1 day}', 1234567.89, '{0.1}', r,
				'{"[2024-02-03 04:05:06,)"}', tstzmultirange(r), n)::s.all_in AS a) w
	$$;
	CREATE SCHEMA shadow;
	CREATE TABLE shadow.pg_class (id int);
	CREATE TYPE shadow.all_in AS (a int);
	CREATE TYPE shadow.mood AS ENUM ();
	CREATE TABLE shadow.seen ();
	CREATE TABLE shadow.seen_public ();
	SET timezone = 'UTC';
	SELECT pg_create_logical_replication_slot('base', 'nova_decoder')});
workload($node, 'hostile', 1000, qw(workload-types.sql workload-stream.sql));
$node->safe_psql('hostile', q{SET timezone = 'UTC'; SELECT s.fill(1); UPDATE s.mixed SET id = 2; DELETE FROM s.mixed});

my %combinations = (
	'nova' => [],
	'nova, envelope' => [ 'format=envelope', 'json.handling.mode=text', 'hstore.handling.mode=json', 'binary.handling.mode=hex' ],
	'debezium' => [ 'profile=debezium', 'format=envelope' ],
	'debezium, unknown types' => [ 'profile=debezium', 'include.unknown.datatypes=true' ],
	'debezium, strings' => [ 'profile=debezium', 'include.unknown.datatypes=true', 'time.precision.mode=isostring', 'decimal.handling.mode=string',
		'interval.handling.mode=string', 'binary.handling.mode=hex', 'hstore.handling.mode=map' ],
	'debezium, numbers' => [ 'profile=debezium', 'time.precision.mode=nanoseconds', 'decimal.handling.mode=double', 'binary.handling.mode=base64',
		'replace.null.with.default=false' ],
	'debezium, connect' => [ 'profile=debezium', 'time.precision.mode=connect', 'decimal.format=numeric', 'binary.handling.mode=base64-url-safe' ],
);

# Whoever forgets one here has one setting less; who adds one need not think.
my @settings = (
	[ 'DateStyle', 'SQL, DMY' ], [ 'DateStyle', 'German' ], [ 'DateStyle', 'Postgres, YMD' ], [ 'IntervalStyle', 'iso_8601' ],
	[ 'IntervalStyle', 'sql_standard' ], [ 'IntervalStyle', 'postgres_verbose' ], [ 'TimeZone', 'America/St_Johns' ],
	[ 'TimeZone', 'Asia/Kathmandu' ], [ 'TimeZone', '<odd>-13:30' ], [ 'timezone_abbreviations', 'India' ], [ 'bytea_output', 'escape' ],
	[ 'extra_float_digits', -15 ], [ 'extra_float_digits', 3 ], [ 'lc_monetary', 'de_DE.UTF-8' ], [ 'lc_numeric', 'de_DE.UTF-8' ],
	[ 'lc_time', 'de_DE.UTF-8' ], [ 'lc_messages', 'de_DE.UTF-8' ], [ 'search_path', '' ], [ 'search_path', 'shadow, s, t' ],
	[ 'search_path', 'pg_catalog, i, t, s, public' ], [ 'search_path', 'shadow, pg_catalog' ], [ 'client_encoding', 'LATIN1' ],
	[ 'client_encoding', 'SQL_ASCII' ], [ 'xmloption', 'document' ], [ 'xmlbinary', 'hex' ], [ 'quote_all_identifiers', 'on' ],
	[ 'standard_conforming_strings', 'off' ], [ 'escape_string_warning', 'on' ], [ 'row_security', 'off' ],
	[ 'default_toast_compression', 'pglz' ], [ 'jit', 'on' ], [ 'jit_above_cost', 0 ], [ 'work_mem', '64kB' ],
	[ 'logical_decoding_work_mem', '64MB' ], [ 'array_nulls', 'off' ], [ 'transform_null_equals', 'on' ],
	[ 'default_text_search_config', 'german' ], [ 'check_function_bodies', 'off' ], [ 'session_replication_role', 'replica' ],
	[ 'default_transaction_isolation', 'serializable' ], [ 'default_transaction_read_only', 'on' ], [ 'enable_indexscan', 'off' ],
	[ 'plan_cache_mode', 'force_generic_plan' ], [ 'statement_timeout', '1h' ], [ 'synchronous_commit', 'off' ], [ 'backslash_quote', 'on' ],
);

# All at once, in as many ways as a setting has values above.
my @packs;
for my $setting (@settings)
{
	my ($pack) = grep { !exists $_->{ $setting->[0] } } @packs;
	push @packs, $pack = {} if !$pack;
	$pack->{ $setting->[0] } = $setting->[1];
}

sub quoted { my ($s) = @_; return "'" . ($s =~ s/'/''/gr) . "'" }

sub assignment
{
	my ($name, $value) = @_;
	return "SET $name TO " . ($name eq 'search_path' && $value ne '' ? $value : quoted($value));
}

sub peek_query
{
	my ($combination) = @_;
	my $options = join '', map { ', ' . quoted($_) } map { split /=/, $_, 2 } @{ $combinations{$combination} };
	return "SELECT data FROM pg_logical_slot_peek_changes('base', NULL, NULL$options)";
}

# Hashed in the server: what a client encoding can show is not the question.
sub digest
{
	my ($combination, @sets) = @_;
	my $query = peek_query($combination);
	return $node->safe_psql('hostile', join(';', @sets,
		"SELECT pg_catalog.count(*), pg_catalog.md5(pg_catalog.string_agg(data, E'\\n')) FROM ($query) d"));
}

# For whoever has to find out: the first record that differs.
sub show_difference
{
	my ($combination, @sets) = @_;
	my $query = 'SELECT pg_catalog.encode(pg_catalog.convert_to(data, $$UTF8$$), $$hex$$) FROM (' . peek_query($combination) . ') d';
	my @expected = split /\n/, $node->safe_psql('hostile', $query);
	my @got = split /\n/, $node->safe_psql('hostile', join ';', @sets, $query);
	for my $i (0 .. $#expected)
	{
		next if $expected[$i] eq $got[$i];
		my @pair = map { pack 'H*', $_ } $expected[$i], $got[$i];
		# where the first difference is, and a little around it
		my $at = length +(($pair[0] ^ $pair[1]) =~ /^(\0*)/)[0];
		diag("at $at: " . substr $_, $at > 80 ? $at - 80 : 0, 160) for @pair;
		last;
	}
	return;
}

sub same
{
	my ($name, $combination, $expected, @sets) = @_;
	my $got = digest($combination, @sets);
	ok($got eq $expected, "$name: $combination") or show_difference($combination, @sets);
	return;
}

my %reference;
for my $combination (sort keys %combinations)
{
	$reference{$combination} = digest($combination);
	like($reference{$combination}, qr/^\d{3,}\|\w{32}$/, "there is something to compare: $combination");
}
is(digest('nova'), $reference{nova}, 'twice is the same');

# Setting by setting where text of all types shows, all at once everywhere.
for my $setting (@settings)
{
	same("$setting->[0] = $setting->[1]", $_, $reference{$_}, assignment(@$setting)) for 'nova', 'debezium, unknown types';
}
for my $i (0 .. $#packs)
{
	my @sets = map { assignment($_, $packs[$i]{$_}) } sort keys %{ $packs[$i] };
	same("hostile session $i", $_, $reference{$_}, @sets) for sort keys %combinations;
}
$node->safe_psql('hostile', 'CREATE ROLE plain LOGIN REPLICATION');
same('another role', $_, $reference{$_}, 'SET ROLE plain') for 'nova', 'debezium, unknown types';
# Temporary objects hide others even where the search path does not say so.
same('temporary tables', 'debezium, unknown types', $reference{'debezium, unknown types'},
	'CREATE TEMP TABLE seen_public (); CREATE TEMP TABLE pg_class ()');

# The real thing: START_REPLICATION by a role that has been set up badly.
my $end = $node->safe_psql('hostile', 'SELECT pg_current_wal_lsn()');

sub stream
{
	my ($role, $combination, $pgoptions) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir('stream') . '/frames';
	local $ENV{PGOPTIONS} = $pgoptions // '';

	$node->safe_psql('hostile', q{SELECT pg_copy_logical_replication_slot('base', 'run')});
	$node->command_ok([ 'pg_recvlogical', '-d', $node->connstr('hostile') . " user=$role", '-S', 'run', '--start', '--no-loop', '-E', $end,
			'-f', $file, map { ('-o', $_) } @{ $combinations{$combination} } ], "$role streams: $combination");
	$node->poll_query_until('hostile', q{SELECT pg_drop_replication_slot('run') IS NOT NULL FROM pg_replication_slots WHERE slot_name = 'run' AND NOT active})
	  or die 'the slot stays active';
	return slurp_file($file);
}

# Frames and not text: the walsender's answer.
my %streamed = map { $_ => stream('plain', $_) } sort keys %combinations;
cmp_ok(length $streamed{nova}, '>', 100_000, 'a stream');
for my $i (0 .. $#packs)
{
	my %pack = %{ $packs[$i] };
	# a role may not have all of them
	delete $pack{session_replication_role};
	my $role = "hostile_$i";
	$node->safe_psql('hostile', join ';', "CREATE ROLE $role LOGIN REPLICATION",
		map { "ALTER ROLE $role " . assignment($_, $pack{$_}) } sort keys %pack);
	for my $combination (sort keys %combinations)
	{
		ok(stream($role, $combination) eq $streamed{$combination}, "settings of role $i: $combination");
	}
}
$node->safe_psql('hostile', join ';', map { 'ALTER DATABASE hostile ' . assignment($_, $packs[0]{$_}) } sort keys %{ $packs[0] });
for my $combination ('nova', 'debezium, unknown types')
{
	ok(stream('plain', $combination) eq $streamed{$combination}, "settings of the database: $combination");
	ok(stream('plain', $combination, '-c DateStyle=German -c TimeZone=Asia/Tokyo -c search_path=shadow -c bytea_output=escape -c lc_monetary=de_DE.UTF-8')
		  eq $streamed{$combination}, "settings of the connection: $combination");
}

$node->stop;
done_testing();
