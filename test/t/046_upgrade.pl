#
# ALTER EXTENSION UPDATE from every earlier version ends where CREATE EXTENSION
# does: the catalogs have the same objects, definitions, comments and rights.
#
use strict;
use warnings;

use Nova;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary');

# Everything an extension consists of, a line for each fact; oids appear as names.
my $facts = q{
	WITH member AS (
		SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
		FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass
		WHERE e.extname = 'nova_decoder' AND d.deptype = 'e'
		UNION ALL
		SELECT 'pg_namespace'::regclass, oid, 'schema nova' FROM pg_namespace WHERE nspname = 'nova'
	), fact AS (
		SELECT name, 'member' AS kind, NULL::text AS what FROM member
		UNION ALL
		SELECT name, 'comment', obj_description(objid, classid::regclass::name) FROM member
		UNION ALL
		SELECT name, 'function', pg_get_functiondef(objid) || ' rows ' || prorows || ' cost ' || procost || ' leakproof ' || proleakproof
		FROM member JOIN pg_proc ON pg_proc.oid = objid AND classid = 'pg_proc'::regclass
		UNION ALL
		SELECT name, 'view', pg_get_viewdef(objid) || coalesce(reloptions::text, '')
		FROM member JOIN pg_class ON pg_class.oid = objid AND classid = 'pg_class'::regclass
		UNION ALL
		SELECT name, 'column', concat_ws(' ', attnum, attname, format_type(atttypid, atttypmod), attcollation,
			attacl, col_description(objid, attnum))
		FROM member JOIN pg_attribute ON attrelid = objid AND classid = 'pg_class'::regclass
		UNION ALL
		SELECT name, 'type', concat_ws(' ', typtype, typcategory, typrelid::regclass, typacl)
		FROM member JOIN pg_type ON pg_type.oid = objid AND classid = 'pg_type'::regclass
		UNION ALL
		SELECT name, 'right', concat_ws(' ', grantee::regrole, privilege_type, is_grantable)
		FROM member JOIN pg_proc ON pg_proc.oid = objid AND classid = 'pg_proc'::regclass,
			aclexplode(coalesce(proacl, acldefault('f', proowner)))
		UNION ALL
		SELECT name, 'right', concat_ws(' ', grantee::regrole, privilege_type, is_grantable)
		FROM member JOIN pg_class ON pg_class.oid = objid AND classid = 'pg_class'::regclass,
			aclexplode(coalesce(relacl, acldefault('r', relowner)))
		UNION ALL
		SELECT name, 'right', concat_ws(' ', grantee::regrole, privilege_type, is_grantable)
		FROM member JOIN pg_namespace ON pg_namespace.oid = objid AND classid = 'pg_namespace'::regclass,
			aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
		UNION ALL
		SELECT name, 'initial right', concat_ws(' ', objsubid, grantee::regrole, privilege_type, is_grantable)
		FROM member JOIN pg_init_privs ON (classoid, objoid) = (classid, objid), aclexplode(initprivs)
		UNION ALL
		SELECT 'extension', 'itself', concat_ws(' ', extversion, extnamespace::regnamespace, extrelocatable, extconfig)
		FROM pg_extension WHERE extname = 'nova_decoder'
	)
	SELECT concat_ws('|', name, kind, what) FROM fact ORDER BY 1
};

sub sql
{
	my ($database, $query) = @_;
	return $node->safe_psql($database, $query);
}

sub database
{
	my ($name, $query) = @_;
	sql('postgres', "CREATE DATABASE $name");
	sql($name, $query);
	return $name;
}

my $now = sql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'nova_decoder'});
my @earlier = split /\n/, sql('postgres', qq{
	SELECT version FROM pg_available_extension_versions WHERE name = 'nova_decoder' AND version <> '$now' ORDER BY 1});
my $fresh = sql(database('fresh', 'CREATE EXTENSION nova_decoder'), $facts);

cmp_ok(scalar(@earlier), '>=', 1, "there are scripts of versions before $now: @earlier");
like($fresh, qr/^extension\|itself\|\Q$now\E nova f/m, 'the control file and the scripts agree on the version');
like($fresh, qr/^\w+ nova\.stream\(.*\|member$/m, 'what is compared has the objects');
like($fresh, qr/^\Qview nova.slots\E\|column\|1 slot_name name/m, '... and their columns');

# Update, and compare.  What others have built on it, and may do with it, stays.
sub updates
{
	my ($database, $what) = @_;

	sql($database, 'CREATE VIEW public.mine AS SELECT slot_name, lag_bytes FROM nova.slots');
	sql($database, "ALTER EXTENSION nova_decoder UPDATE; DROP VIEW public.mine");
	is(sql($database, $facts), $fresh, "$what, and updated, is as $now");
	return;
}

for my $version (@earlier)
{
	(my $name = "from_$version") =~ tr/./_/;
	updates(database($name, "CREATE EXTENSION nova_decoder VERSION '$version'"), $version);

	# Given rights are no difference in what the extension is, so they come in a database of their own.
	$name = database("granted_$name", qq{
		CREATE EXTENSION nova_decoder VERSION '$version';
		GRANT SELECT ON nova.slots TO pg_monitor;
		GRANT EXECUTE ON FUNCTION nova.signal TO pg_monitor;
		ALTER EXTENSION nova_decoder UPDATE});
	is(sql($name, q{SELECT has_table_privilege('pg_monitor', 'nova.slots', 'SELECT')
			AND has_function_privilege('pg_monitor', 'nova.signal(text, jsonb, text)', 'EXECUTE')}),
		't', "$version: rights that were given stay");
}

# The last build that called itself 0.1.0 had these already.
my $late = database('late', q{
	CREATE EXTENSION nova_decoder VERSION '0.1.0';
	CREATE PROCEDURE nova.stream(slot name, start_lsn pg_lsn DEFAULT '0/0', options text[] DEFAULT '{}')
	LANGUAGE c AS '$libdir/nova_decoder', 'nova_stream';
	REVOKE ALL ON PROCEDURE nova.stream FROM PUBLIC;
	ALTER EXTENSION nova_decoder ADD PROCEDURE nova.stream;
	ALTER EXTENSION nova_decoder DROP VIEW nova.slots;
	DROP VIEW nova.slots;
	CREATE VIEW nova.slots AS SELECT slot_name, database, active, active_pid, null::text AS application_name,
		null::inet AS client_addr, null::text AS road, null::text AS state FROM pg_replication_slots;
	ALTER EXTENSION nova_decoder ADD VIEW nova.slots});
sql($late, 'ALTER EXTENSION nova_decoder UPDATE');
is(sql($late, $facts), $fresh, "the last build that called itself 0.1.0, and updated, is as $now");

# The comparison must be able to fail.
for my $change ('ALTER FUNCTION nova.signal(text, jsonb, text) COST 2', 'COMMENT ON VIEW nova.slots IS NULL',
	'REVOKE EXECUTE ON FUNCTION nova.options() FROM PUBLIC', 'ALTER EXTENSION nova_decoder DROP FUNCTION nova.doctor()')
{
	isnt(sql('fresh', "BEGIN; $change; $facts; ROLLBACK"), $fresh, "a difference: $change");
}

# Who forgets the update is told.
my $config = write_config('old', $node, undef, { 'snapshot.mode' => 'no_data', 'database.dbname' => database('old',
	"CREATE EXTENSION nova_decoder VERSION '$earlier[0]'") });
my $said = `'$ENV{NOVA_RELAY}' check '$config' --sink stdout 2>&1`;
like($said, qr/warn .*plugin.*\Q$now\E is installed, but .* of \Q$earlier[0]\E.*ALTER EXTENSION nova_decoder UPDATE/,
	'nova-relay check names the update');

$node->stop;
done_testing();
