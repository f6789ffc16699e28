--
-- No setting of the session changes a byte, and decoding changes no setting.
--
SET synchronous_commit = on;
CREATE TYPE settings_pair AS (d date, i interval, b bytea);
CREATE TABLE s (id int PRIMARY KEY, f float8, r real, fa float8[], b bytea, ba bytea[], d date, da date[], t time, tz timetz, ts timestamp,
                tsa timestamp[], tstz timestamptz, tstza timestamptz[], i interval, ia interval[], dr daterange, tr tstzrange, p settings_pair,
                m money, x xml, c regclass, ty regtype, ns regnamespace, pr regprocedure, g point, n numeric, j jsonb);
SELECT 'init' FROM pg_create_logical_replication_slot('settings', 'nova_decoder');
-- names that hide others, if the search path says so
CREATE SCHEMA shadow;
CREATE TABLE shadow.s ();
CREATE TYPE shadow.settings_pair AS ENUM ();
INSERT INTO s VALUES (1, 0.1::float8 + 0.2::float8, 0.1, '{0.30000000000000004,1e300}', '\x00ff', '{"\\x00ff"}', '2024-02-03', '{2024-02-03,infinity}', '01:02:03.4',
    '01:02:03+05', '2024-02-03 04:05:06.789', '{2024-02-03 04:05:06.789}', '2024-02-03 04:05:06.789+00', '{2024-02-03 04:05:06.789+00}',
    '1 year 2 mons -3 days 04:05:06.7', '{1 day}', '[2024-02-03,2024-03-04)', '[2024-02-03 04:05:06+00,)', ('2024-02-03', '1 day 02:00', '\x01'),
    12.34, '<a/>', 's', 'settings_pair', 'public', 'take(name,text[])', '(0.1,0.2)', 1.50, '{"a":1.50}');
SELECT take('settings') \g /dev/null
INSERT INTO s SELECT 2, f, r, fa, b, ba, d, da, t, tz, ts, tsa, tstz, tstza, i, ia, dr, tr, p, m, x, c, ty, ns, pr, g, n, j FROM s;
\a
SELECT regexp_replace(peek, '("(c|ty|pr)":)\d+', '\1OID', 'g') AS peek FROM peek('settings', 'table.include.list', 'public\.s');
\a
CREATE TABLE reference AS SELECT data FROM peek('settings', 'table.include.list', 'public\.s') data;
CREATE FUNCTION same() RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN data = (SELECT data FROM public.reference) THEN 'same' ELSE data END
    FROM public.peek('settings', 'table.include.list', 'public.s') data
$$;

-- one setting after the other
SET datestyle = 'German'; SELECT same(); RESET datestyle;
SET datestyle = 'SQL, DMY'; SELECT same(); RESET datestyle;
SET datestyle = 'Postgres, YMD'; SELECT same(); RESET datestyle;
SET intervalstyle = 'iso_8601'; SELECT same(); RESET intervalstyle;
SET intervalstyle = 'sql_standard'; SELECT same(); RESET intervalstyle;
SET timezone = 'Asia/Kathmandu'; SELECT same(); RESET timezone;
SET extra_float_digits = -15; SELECT same(); RESET extra_float_digits;
SET extra_float_digits = 3; SELECT same(); RESET extra_float_digits;
SET bytea_output = 'escape'; SELECT same(); RESET bytea_output;
SET quote_all_identifiers = on; SELECT same(); RESET quote_all_identifiers;
SET xmloption = 'document'; SELECT same(); RESET xmloption;
SET xmlbinary = 'hex'; SELECT same(); RESET xmlbinary;
SET array_nulls = off; SELECT same(); RESET array_nulls;
SET client_encoding = 'LATIN1'; SELECT same(); RESET client_encoding;
-- names that a search path may or may not qualify
SET search_path = ''; SELECT public.same(); RESET search_path;
SET search_path = pg_catalog, public, nova; SELECT same(); RESET search_path;
SET search_path = shadow, public; SELECT same(); RESET search_path;
-- another role
CREATE ROLE nova_setter REPLICATION;
GRANT SELECT ON reference TO nova_setter;
SET ROLE nova_setter; SELECT same(); RESET ROLE;
REVOKE ALL ON reference FROM nova_setter;
DROP ROLE nova_setter;
-- all of them
SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard'; SET timezone = 'America/St_Johns'; SET extra_float_digits = 0; SET bytea_output = 'escape';
SELECT same();
-- and they are as they were
SELECT '2024-02-03'::date, '1 day 02:00'::interval, '2024-02-03 04:05+00'::timestamptz, 0.1::float8 + 0.2::float8, '\x00ff'::bytea;
SELECT count(*) FROM nova.describe('s');
SELECT '2024-02-03'::date, '1 day 02:00'::interval, '2024-02-03 04:05+00'::timestamptz, 0.1::float8 + 0.2::float8, '\x00ff'::bytea;

-- as they were, too, when a value has no text: an output function that fails
DROP TABLE reference;
SELECT count(*) FROM take('settings');
-- of a type that is only a shell: servers word it differently
SET client_min_messages = warning;
CREATE TYPE broken;
CREATE FUNCTION broken_in(cstring) RETURNS broken LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION broken_out(broken) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'enum_out';
CREATE TYPE broken (INPUT = broken_in, OUTPUT = broken_out, LIKE = int4);
RESET client_min_messages;
CREATE TABLE sb (v broken);
INSERT INTO sb VALUES ('1');
\set VERBOSITY terse
SELECT take('settings');
SELECT '2024-02-03'::date, '1 day 02:00'::interval, '2024-02-03 04:05+00'::timestamptz, 0.1::float8 + 0.2::float8, '\x00ff'::bytea;
BEGIN;
SAVEPOINT s;
SELECT take('settings');
ROLLBACK TO s;
SELECT '2024-02-03'::date, '1 day 02:00'::interval, '2024-02-03 04:05+00'::timestamptz, 0.1::float8 + 0.2::float8, '\x00ff'::bytea;
ROLLBACK;
-- settings of the block that fails go with the block
DO $$ BEGIN
    BEGIN
        SET LOCAL datestyle = 'German';
        SET LOCAL bytea_output = 'hex';
        SET LOCAL intervalstyle = 'iso_8601';
        SET LOCAL timezone = 'Asia/Kathmandu';
        PERFORM take('settings');
    EXCEPTION WHEN internal_error OR invalid_binary_representation THEN
        RAISE NOTICE 'caught';
    END;
END $$;
SELECT '2024-02-03'::date, '1 day 02:00'::interval, '2024-02-03 04:05+00'::timestamptz, 0.1::float8 + 0.2::float8, '\x00ff'::bytea;
SHOW datestyle;
BEGIN;
SET LOCAL datestyle = 'German';
SET LOCAL timezone = 'Asia/Kathmandu';
SELECT take('settings');
ROLLBACK;
SELECT '2024-02-03'::date, '2024-02-03 04:05+00'::timestamptz;
DO $$ BEGIN
    SET LOCAL datestyle = 'German';
    PERFORM nova.describe('sb');
EXCEPTION WHEN internal_error OR invalid_binary_representation THEN
    RAISE NOTICE 'caught';
END $$;
SELECT '2024-02-03'::date;
-- such a change can be skipped by hand, and the slot goes on
SELECT 'moved' FROM pg_replication_slot_advance('settings', pg_current_wal_lsn());
INSERT INTO s (id) VALUES (3);
SELECT count(*) FROM take('settings');

SELECT pg_drop_replication_slot('settings');
DROP TABLE s, sb, shadow.s;
DROP TYPE shadow.settings_pair;
DROP SCHEMA shadow;
DROP TYPE settings_pair;
DROP TYPE broken CASCADE;
DROP FUNCTION same();
