--
-- guarded.lsns: getting past what ends in an ERROR, and past nothing else.
--
SET synchronous_commit = on;
-- numbers that are read by one type and shown by another, which fails for some of them
CREATE TYPE labels AS ENUM ('fine');
CREATE TYPE fragile;
SET client_min_messages = error;
CREATE FUNCTION fragile_in(cstring) RETURNS fragile LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION fragile_out(fragile) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'enum_out';
RESET client_min_messages;
CREATE TYPE fragile (INPUT = fragile_in, OUTPUT = fragile_out, LIKE = int4);
CREATE FUNCTION pick(id int) RETURNS fragile LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN id % 2 = 0 THEN '0' ELSE (SELECT oid::text FROM pg_enum WHERE enumlabel = 'fine') END::fragile
$$;
CREATE TABLE brittle (id int PRIMARY KEY, v fragile);
CREATE TABLE copied (id int PRIMARY KEY, v fragile GENERATED ALWAYS AS (pick(id)) STORED);
CREATE TABLE other (id int PRIMARY KEY);
SELECT 'init' FROM pg_create_logical_replication_slot('guard', 'nova_decoder');
CREATE FUNCTION told(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(data, '"unreadable":"[0-9A-F/]+"', '"unreadable":"L"'), '"__source_ts_ms":\d+', '"__source_ts_ms":0')
    FROM pg_logical_slot_peek_changes('guard', NULL, NULL, VARIADIC options)
$$;
-- where decoding fails, as the ERROR's context says it
CREATE FUNCTION fails_at(VARIADIC options text[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE context text;
BEGIN
    PERFORM told(VARIADIC options);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    RAISE NOTICE '%', SQLERRM;
    RETURN substring(context FROM 'in the change callback, associated LSN ([0-9A-F/]+)');
END
$$;

BEGIN;
INSERT INTO brittle VALUES (1, pick(1));
INSERT INTO brittle VALUES (2, '0');
INSERT INTO other VALUES (3);
COMMIT;
INSERT INTO other VALUES (4);
SELECT fails_at() AS bad \gset
SELECT told('guarded.lsns', :'bad');
-- in frames, one of the type for it, and the books are right
SELECT count(*) > 0 AS frames, max(position('\x5563'::bytea IN data)) > 0 AS told FROM pg_logical_slot_peek_binary_changes('guard', NULL, NULL, 'output', 'frames', 'guarded.lsns', :'bad');
-- another position, positions where nothing fails, several
SELECT fails_at('guarded.lsns', '0/1') = :'bad' AS still;
SELECT count(*) FROM told('guarded.lsns', '0/1, ' || :'bad' || ',,1/0');
SELECT told('guarded.lsns', (SELECT string_agg(lsn::text, ',') FROM (SELECT lsn FROM pg_logical_slot_peek_changes('guard', NULL, NULL, 'guarded.lsns', :'bad')) l));

-- what is changed and deleted, with an old row
SELECT count(*) FROM pg_logical_slot_get_changes('guard', NULL, NULL, 'guarded.lsns', :'bad');
ALTER TABLE brittle REPLICA IDENTITY FULL;
UPDATE brittle SET v = pick(1) WHERE id = 2;
SELECT fails_at('format', 'envelope') AS updated \gset
SELECT told->>'topic' AS topic, told->>'op' AS op, told->>'reason' AS reason FROM (SELECT told('format', 'envelope', 'guarded.lsns', :'updated')::json told) t;
SELECT count(*) FROM pg_logical_slot_get_changes('guard', NULL, NULL, 'guarded.lsns', :'updated');

-- rows of a COPY share a position: those that do not fail are there, in transactions' counts, too
COPY copied FROM stdin;
11
12
13
14
\.
SELECT fails_at() AS copied \gset
SELECT told('guarded.lsns', :'copied');
SELECT told::json -> 'value' ->> 'event_count' AS events FROM told('guarded.lsns', :'copied', 'provide.transaction.metadata', 'true') told WHERE told LIKE '%"END"%';
SELECT count(*) FROM pg_logical_slot_get_changes('guard', NULL, NULL, 'guarded.lsns', :'copied');

-- messages and truncates, also where nothing fails
SELECT nova.publish('t', 'k', 'v') IS NOT NULL AS published;
TRUNCATE other;
SELECT string_agg(DISTINCT lsn::text, ',') AS lsns FROM pg_logical_slot_peek_changes('guard', NULL, NULL, 'skipped.operations', 'none') \gset
SELECT told('skipped.operations', 'none', 'guarded.lsns', :'lsns');
SELECT 'sent' FROM pg_logical_emit_message(false, 'loose', 'x');
INSERT INTO other VALUES (9);
SELECT string_agg(DISTINCT lsn::text, ',') AS lsns FROM pg_logical_slot_peek_changes('guard', NULL, NULL, 'message.prefix.include.list', 'loose') \gset
SELECT told::json ->> 'topic' AS topic FROM told('message.prefix.include.list', 'loose', 'table.exclude.list', '.*', 'guarded.lsns', :'lsns') told;

-- not a position
SELECT told('guarded.lsns', 'x');
SELECT told('guarded.lsns', '0/1 0/2');
SELECT told('guarded.lsns', '0');
SELECT told('guarded.lsns', '123456789/1');

SELECT 'drop' FROM pg_drop_replication_slot('guard');
DROP TABLE brittle, copied, other;
DROP FUNCTION told, fails_at;
SET client_min_messages = error;
DROP TYPE fragile CASCADE;
DROP TYPE labels;
