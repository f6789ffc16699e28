--
-- Kafka Connect's schemas in keys and values, and names that Avro takes.
--
SET synchronous_commit = on;
\pset format unaligned
CREATE EXTENSION hstore;
SELECT 'init' FROM pg_create_logical_replication_slot('schemas', 'nova_decoder');
CREATE FUNCTION records(VARIADIC options text[]) RETURNS TABLE (record json) LANGUAGE sql AS $$
    SELECT data::json FROM pg_logical_slot_peek_changes('schemas', NULL, NULL, VARIADIC $1)
$$;
-- a field a line
CREATE FUNCTION fields(schema json) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s: %s', f->>'field', regexp_replace(f::text, ',"field":"[^"]*"}$', '}'))
    FROM json_array_elements(schema->'fields') f
$$;
-- Where a payload is not what its schema says: an empty answer is a good one.
CREATE FUNCTION misfits(schema json, payload json, place text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    kind text := json_typeof(payload);
    special bool := payload::text IN ('"NaN"', '"Infinity"', '"-Infinity"');
    part json;
    name text;
BEGIN
    IF payload IS NULL OR kind = 'null' THEN
        IF NOT (schema->>'optional')::bool THEN RETURN NEXT place || ': null is not optional'; END IF;
    ELSIF schema->>'type' IN ('string', 'bytes') THEN
        IF kind <> 'string' AND NOT (schema->>'name' LIKE '%Decimal' AND kind = 'number') THEN
            RETURN NEXT place || ': ' || payload::text; END IF;
    ELSIF schema->>'type' LIKE 'int%' OR schema->>'type' IN ('float', 'double') THEN
        IF kind <> 'number' AND NOT special THEN RETURN NEXT place || ': ' || payload::text; END IF;
        IF schema->>'type' LIKE 'int%' AND payload::text ~ '[.e]' THEN RETURN NEXT place || ': ' || payload::text; END IF;
    ELSIF schema->>'type' = 'boolean' THEN
        IF kind <> 'boolean' THEN RETURN NEXT place || ': ' || payload::text; END IF;
    ELSIF schema->>'type' = 'array' THEN
        IF kind <> 'array' THEN RETURN NEXT place || ': ' || payload::text; RETURN; END IF;
        FOR part IN SELECT json_array_elements(payload) LOOP
            RETURN QUERY SELECT misfits(schema->'items', part, place || '[]');
        END LOOP;
    ELSIF schema->>'type' = 'map' THEN
        IF kind <> 'object' THEN RETURN NEXT place || ': ' || payload::text; RETURN; END IF;
        FOR part IN SELECT value FROM json_each(payload) LOOP
            RETURN QUERY SELECT misfits(schema->'values', part, place || '{}');
        END LOOP;
    ELSIF schema->>'type' = 'struct' THEN
        IF kind <> 'object' THEN RETURN NEXT place || ': ' || payload::text; RETURN; END IF;
        FOR part IN SELECT json_array_elements(schema->'fields') LOOP
            name := part->>'field';
            RETURN QUERY SELECT misfits(part, payload->name, place || '.' || name);
        END LOOP;
        FOR name IN SELECT json_object_keys(payload) EXCEPT SELECT f->>'field' FROM json_array_elements(schema->'fields') f LOOP
            RETURN NEXT place || '.' || name || ': not in the schema';
        END LOOP;
    ELSE
        RETURN NEXT place || ': unknown type ' || coalesce(schema->>'type', 'null');
    END IF;
END $$;
CREATE FUNCTION all_misfits(VARIADIC options text[]) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT DISTINCT m FROM records(VARIADIC options) r,
        LATERAL (VALUES ('key'), ('value')) part(name),
        LATERAL (SELECT r.record->part.name AS j) v,
        LATERAL misfits(v.j->'schema', v.j->'payload', (r.record->>'topic') || ' ' || part.name) m
    WHERE json_typeof(v.j) = 'object' AND v.j->'schema' IS NOT NULL
$$;

-- each side by itself
CREATE TABLE users (id int PRIMARY KEY, name text DEFAULT 'nobody', born date NOT NULL);
INSERT INTO users VALUES (1, 'Ada', '1815-12-10');
SELECT record FROM records('profile', 'debezium', 'topic.prefix', 'cdc', 'add.fields', '');
SELECT record->'key' AS key, record->'value' AS value FROM records('profile', 'debezium', 'topic.prefix', 'cdc', 'add.fields', '', 'key.schemas', 'true');
SELECT record->'key' AS key, record->'value' AS value FROM records('profile', 'debezium', 'topic.prefix', 'cdc', 'value.schemas', 'true', 'add.fields', 'op,table,snapshot');
-- the envelope
SELECT fields(record->'value'->'schema') FROM records('profile', 'debezium', 'topic.prefix', 'cdc', 'format', 'envelope', 'value.schemas', 'true');
SELECT record->'value'->'schema'->>'name' AS name, record->'value'->'schema'->>'version' AS version, record->'value'->'payload'->'after' AS after
FROM records('profile', 'debezium', 'topic.prefix', 'cdc', 'format', 'envelope', 'value.schemas', 'true');
-- schemas are named after the topic that would be without topic.regex
SELECT record->'topic' AS topic, record->'value'->'schema'->'name' AS name
FROM records('profile', 'debezium', 'topic.prefix', 'cdc', 'topic.regex', '.*', 'topic.replacement', 'all', 'value.schemas', 'true');

-- deletes under all modes, key changes, truncates, messages
UPDATE users SET id = 2;
DELETE FROM users;
TRUNCATE users;
SELECT 'message' FROM pg_logical_emit_message(true, 'note', 'text');
SELECT mode, record->'key'->'payload' AS key,
    (SELECT string_agg(f->>'field', ' ') FROM json_array_elements(record->'value'->'schema'->'fields') f) AS fields,
    record->'value'->'schema'->'optional' AS optional,
    CASE WHEN json_typeof(record->'value') = 'null' THEN 'tombstone' ELSE (record->'value'->'payload')::text END AS payload,
    record->'headers' AS headers
FROM unnest(ARRAY['drop', 'tombstone', 'rewrite', 'rewrite-with-tombstone', 'delete-to-tombstone']) mode,
    records('profile', 'debezium', 'add.fields', 'op', 'key.schemas', 'true', 'value.schemas', 'true', 'delete.handling.mode', mode)
WHERE record->>'topic' = 'public.users';
SELECT record->'key'->'payload' AS key, record->'value'->'payload'->'message' AS message, record->'value'->'schema'->'name' AS name, record->'key'->'schema' AS key_schema
FROM records('profile', 'debezium', 'key.schemas', 'true', 'value.schemas', 'true') WHERE record->>'topic' = 'message';
SELECT record->'key' AS key, record->'value'->'schema'->'name' AS name, record->'value'->'payload'->'op' AS op
FROM records('profile', 'debezium', 'format', 'envelope', 'skipped.operations', 'none', 'key.schemas', 'true', 'value.schemas', 'true') WHERE record->'value'->'payload'->>'op' = 't';
SELECT 'consumed' FROM pg_logical_slot_get_changes('schemas', NULL, NULL) LIMIT 1;

-- every type: what is written is what the schema says, under all modes
CREATE TYPE mood AS ENUM ('sad', 'so-so', 'happy');
CREATE TYPE pair AS (a int, b numeric(5,2), at timestamp);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE everything (
    id serial PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, o oid, f4 float4, f8 float8, n numeric, n52 numeric(5,2), m money,
    c char(3), v varchar(5), t text, ch "char", na name, u uuid, j json, jb jsonb, x xml, e mood, tv tsvector,
    by bytea, bit1 bit, bit9 bit(9), vb varbit, d date, t0 time(0), ti time, tz timetz, ts3 timestamp(3), ts timestamp, tstz timestamptz(3),
    iv interval, ip inet, net cidr, mac macaddr, r int4range, mr int4multirange, p point, l line, ls lseg, bx box, pa path, po polygon, ci circle,
    h hstore, pr pair, dm positive, rc regclass, lsn pg_lsn, ia int[], ta text[], na_ numeric[], da date[], ea mood[], ja jsonb[], ba bytea[],
    pra pair[], bits bit(3)[], vec int2vector);
INSERT INTO everything SELECT 1, true, 2, 4, 8, 16, 1.5, 'NaN', 12.340, 1.5, 3.25, 'c', 'v', 'text', 'x', 'name', '10000000-0000-4000-8000-000000000001',
    '{"a": 1}', '[1, null]', '<x/>', 'so-so', 'a b', '\x00ff', '1', '101010101', '10', '2020-02-29', '04:05:06', '04:05:06.789', '04:05:06+02',
    '2020-02-29 04:05:06.789', '2020-02-29 04:05:06.789012', '2020-02-29 04:05:06.789+00', '1 day', '10.0.0.1', '10.0.0.0/8', '08:00:2b:01:02:03',
    '[1,3)', '{[1,3)}', '(1,2)', '{1,2,3}', '[(1,2),(3,4)]', '(1,2),(3,4)', '[(1,2),(3,4)]', '((1,2),(3,4))', '<(1,2),3>',
    'a=>1,b=>NULL', '(1,2.5,2020-01-01)', 7, 'pg_class', '0/16B3748', '{1,NULL}', '{a,NULL}', '{1.5,NULL}', '{2020-02-29,NULL}', '{sad}',
    '{"{}"}', '{"\\x01"}', '{"(1,2.5,2020-01-01)"}', '{101}', '1 2';
INSERT INTO everything (id) VALUES (2);
UPDATE everything SET id = 3 WHERE id = 1;
DELETE FROM everything WHERE id = 3;
SELECT 'both', all_misfits('profile', profile, 'key.schemas', 'true', 'value.schemas', 'true', 'json.handling.mode', 'text', 'decimal.handling.mode', 'precise', 'format', format)
FROM unnest(ARRAY['nova', 'debezium']) profile, unnest(ARRAY['flat', 'envelope']) format;
SELECT mode, all_misfits('profile', profile, 'value.schemas', 'true', 'json.handling.mode', 'text', 'decimal.handling.mode', 'precise', 'time.precision.mode', mode)
FROM unnest(ARRAY['nova', 'debezium']) profile,
    unnest(ARRAY['nova', 'adaptive', 'adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds']) mode;
SELECT mode, all_misfits('profile', profile, 'value.schemas', 'true', 'json.handling.mode', 'text', 'decimal.handling.mode', mode, 'decimal.format', format)
FROM unnest(ARRAY['nova', 'debezium']) profile, unnest(ARRAY['precise', 'double', 'string']) mode, unnest(ARRAY['base64', 'numeric']) format;
SELECT mode, all_misfits('profile', profile, 'value.schemas', 'true', 'json.handling.mode', 'text', 'decimal.handling.mode', 'string', 'binary.handling.mode', mode,
    'include.unknown.datatypes', 'true')
FROM unnest(ARRAY['nova', 'debezium']) profile, unnest(ARRAY['bytes', 'base64', 'base64-url-safe', 'hex']) mode;
SELECT mode, hstore, all_misfits('profile', profile, 'value.schemas', 'true', 'json.handling.mode', 'text', 'decimal.handling.mode', 'string', 'interval.handling.mode', mode,
    'hstore.handling.mode', hstore)
FROM unnest(ARRAY['nova', 'debezium']) profile, unnest(ARRAY['text', 'numeric', 'string']) mode, unnest(ARRAY['map', 'json']) hstore;
SELECT mode, all_misfits('profile', profile, 'value.schemas', 'true', 'json.handling.mode', 'text', 'decimal.handling.mode', 'string', 'delete.handling.mode', mode,
    'replace.null.with.default', nulls)
FROM unnest(ARRAY['nova', 'debezium']) profile, unnest(ARRAY['record', 'drop', 'tombstone', 'rewrite', 'rewrite-with-tombstone', 'delete-to-tombstone']) mode,
    unnest(ARRAY['true', 'false']) nulls;
-- arrays of arrays are the exception: Connect's arrays have one type of item
CREATE TABLE nested (id int PRIMARY KEY, a int[]);
INSERT INTO nested VALUES (1, '{1,2}'), (2, '{{1},{2}}');
SELECT all_misfits('profile', profile, 'value.schemas', 'true', 'json.handling.mode', 'text', 'decimal.handling.mode', 'string') FROM unnest(ARRAY['nova', 'debezium']) profile;
-- nova's own forms
SELECT fields((SELECT record->'value'->'schema' FROM records('value.schemas', 'true', 'json.handling.mode', 'text', 'decimal.handling.mode', 'string') LIMIT 1));
SELECT 'consumed' FROM pg_logical_slot_get_changes('schemas', NULL, NULL) LIMIT 1;

-- a column that a record of nova's may leave out is optional
CREATE TABLE sparse (id int PRIMARY KEY, code text NOT NULL, doc text NOT NULL, list int[] NOT NULL);
ALTER TABLE sparse ALTER doc SET STORAGE EXTERNAL, ALTER list SET STORAGE EXTERNAL;
INSERT INTO sparse VALUES (1, 'a', repeat('x', 3000), ARRAY(SELECT generate_series(1, 1000)));
UPDATE sparse SET code = 'b';
DELETE FROM sparse;
SELECT left((record->'value'->'payload')::text, 60) AS payload,
    (SELECT string_agg(f->>'field', ' ') FROM json_array_elements(record->'value'->'schema'->'fields') f WHERE NOT (f->>'optional')::bool) AS required
FROM records('value.schemas', 'true', 'json.handling.mode', 'text', 'decimal.handling.mode', 'string', 'add.fields', 'op');
SELECT handling, all_misfits('value.schemas', 'true', 'json.handling.mode', 'text', 'decimal.handling.mode', 'string', 'unavailable.value.handling', handling)
FROM unnest(ARRAY['placeholder', 'omit']) handling;
SELECT 'consumed' FROM pg_logical_slot_get_changes('schemas', NULL, NULL) LIMIT 1;

-- where a column comes from
CREATE TABLE source (id bigserial PRIMARY KEY, code varchar(10) NOT NULL, price numeric(8,2) DEFAULT 9.5, "at" timestamp(3), tags text[], kind mood, n positive);
INSERT INTO source (code) VALUES ('c');
SELECT fields(record->'value'->'schema') FROM records('profile', 'debezium', 'value.schemas', 'true', 'add.fields', '', 'column.propagate.source.type', '.*');
SELECT fields(record->'value'->'schema') FROM records('profile', 'debezium', 'value.schemas', 'true', 'add.fields', '', 'column.propagate.source.type', 'public.source.CODE',
    'datatype.propagate.source.type', '.+\.(bigserial|MOOD),.+\.int4');
SELECT record->'key'->'schema' AS key FROM records('profile', 'debezium', 'key.schemas', 'true', 'column.propagate.source.type', '.*');
SELECT 'consumed' FROM pg_logical_slot_get_changes('schemas', NULL, NULL) LIMIT 1;

-- names
CREATE TABLE "1-näme" ("ä-id" int PRIMARY KEY, "1st" int, "_a.b" int, "😀" int);
INSERT INTO "1-näme" VALUES (1, 2, 3, 4);
SELECT schema_mode, field_mode, record->'topic' AS topic, record->'key' AS key, record->'value'->'payload' AS payload, record->'value'->'schema'->'name' AS name
FROM unnest(ARRAY['none', 'avro', 'avro_unicode']) schema_mode, unnest(ARRAY['none', 'avro', 'avro_unicode']) field_mode,
    records('profile', 'debezium', 'topic.prefix', '9-x', 'value.schemas', 'true', 'add.fields', '', 'schema.name.adjustment.mode', schema_mode, 'field.name.adjustment.mode', field_mode);
SELECT record->'key' AS key, record->'value' AS value FROM records('field.name.adjustment.mode', 'avro', 'add.fields', 'op', 'message.key.columns', 'public.*:1st,😀', 'column.exclude.list', '.*_a.b');
SELECT 'consumed' FROM pg_logical_slot_get_changes('schemas', NULL, NULL) LIMIT 1;

-- the labels of an enum in their own order
CREATE TYPE size AS ENUM ('small', 'large');
ALTER TYPE size ADD VALUE 'medium' BEFORE 'large';
CREATE TABLE sized (id int PRIMARY KEY, s size);
INSERT INTO sized VALUES (1, 'medium');
SELECT record->'value'->'schema'->'fields'->1 AS field FROM records('profile', 'debezium', 'value.schemas', 'true');
SELECT 'consumed' FROM pg_logical_slot_get_changes('schemas', NULL, NULL) LIMIT 1;

-- a schema and values that are longer than a write
DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE wide (id int PRIMARY KEY, ' || string_agg(format('%I int', 'column_' || repeat('x', 50) || g), ', ') || ')' FROM generate_series(1, 1500) g); END $$;
INSERT INTO wide (id) VALUES (1);
CREATE TABLE large (id int PRIMARY KEY, doc text);
INSERT INTO large VALUES (1, repeat('0123456789', 300000));
SELECT record->'topic' AS topic, length(record::text) > 1024 * 1024 AS long,
    json_array_length(coalesce(record->'value'->'schema'->'fields'->0->'fields', record->'value'->'schema'->'fields')) AS fields,
    length(record->'value'->'payload'->'after'->>'doc') AS doc
FROM records('profile', 'debezium', 'format', 'envelope', 'value.schemas', 'true', 'column.propagate.source.type', '.*');
SELECT sum(length(data)) > 4000000 AS complete, max(length(data)) <= 1024 * 1024 + 8192 AS in_pieces
FROM pg_logical_slot_peek_binary_changes('schemas', NULL, NULL, 'output', 'frames', 'profile', 'debezium', 'format', 'envelope', 'value.schemas', 'true', 'column.propagate.source.type', '.*');

-- what has no schema is refused
SELECT records('value.schemas', 'true');
SELECT records('key.schemas', 'true', 'json.handling.mode', 'text');
SELECT records('profile', 'debezium', 'value.schemas', 'true', 'json.handling.mode', 'nested');

SELECT 'drop' FROM pg_drop_replication_slot('schemas');
DROP FUNCTION all_misfits, misfits, fields, records;
DROP TABLE users, everything, nested, sparse, source, "1-näme", sized, wide, large;
DROP TYPE mood, pair, size;
DROP DOMAIN positive;
DROP EXTENSION hstore;
