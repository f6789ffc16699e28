--
-- provide.transaction.metadata: BEGIN, END and what is between.
--
CREATE TABLE a (id int PRIMARY KEY, v text);
CREATE TABLE b (id int PRIMARY KEY, v text);
CREATE TABLE other (id int PRIMARY KEY);
CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20);
SELECT 'init' FROM pg_create_logical_replication_slot('transactions', 'nova_decoder');
CREATE FUNCTION told(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(data, '\d+:\d+', 'X:L', 'g'), '"ts_ms":\d+', '"ts_ms":0', 'g')
    FROM pg_logical_slot_peek_changes('transactions', NULL, NULL,
        VARIADIC ARRAY['provide.transaction.metadata', 'true', 'table.exclude.list', 'public.other', 'add.fields', 'op,id,total_order,data_collection_order'] || options)
$$;

BEGIN;
INSERT INTO a VALUES (1), (2);
INSERT INTO b VALUES (1);
SAVEPOINT s;
INSERT INTO a VALUES (3);
ROLLBACK TO s;
UPDATE a SET id = 4 WHERE id = 1;
DELETE FROM b;
COMMIT;
-- nothing captured, taken back, of a filtered table: no transaction
INSERT INTO other VALUES (1);
BEGIN; INSERT INTO a VALUES (9); ROLLBACK;
CREATE TABLE ddl (id int);
DROP TABLE ddl;
SELECT told();
SELECT told('profile', 'debezium', 'delete.handling.mode', 'drop');

-- ids: of the change, of the first change, of the end; one transaction, one begin and end
SELECT value ->> 'status' AS status, split_part(value ->> 'id', ':', 1) = min(split_part(value ->> 'id', ':', 1)) OVER () AS xid,
       split_part(value ->> 'id', ':', 2)::numeric > coalesce(lag(split_part(value ->> 'id', ':', 2)::numeric) OVER (ORDER BY n), 0) AS later, key = format('{"id":"%s"}', value ->> 'id') AS key
FROM (SELECT n, data::json ->> 'key' AS key, data::json -> 'value' AS value
      FROM pg_logical_slot_peek_changes('transactions', NULL, NULL, 'provide.transaction.metadata', 'true', 'table.exclude.list', 'public.other') WITH ORDINALITY t (lsn, xid, data, n)
      WHERE data LIKE '%"status"%') r;

-- the envelope, and without metadata
SELECT regexp_replace(told, '.*("transaction":[^}]*\}?).*', '\1') FROM told('format', 'envelope') told WHERE told NOT LIKE '%"status"%';
SELECT data::json -> 'value' ->> '__total_order' AS nothing FROM pg_logical_slot_peek_changes('transactions', NULL, 1, 'add.fields', 'total_order') data;
-- in headers
SELECT told->>'headers' FROM (SELECT told::json FROM told('add.headers', 'id,total_order') told) t WHERE told->>'headers' IS NOT NULL LIMIT 2;
-- the topic
SELECT DISTINCT told::json ->> 'topic' AS topic FROM told('topic.prefix', 'p', 'topic.transaction', 'tx') told ORDER BY 1;
SELECT DISTINCT told::json ->> 'topic' AS topic FROM told('topic.prefix', 'p', 'topic.regex', 'p\.(.*)', 'topic.replacement', 'all.$1') told ORDER BY 1;

-- skipped operations: truncates of old are in Debezium's publication
SELECT count(*) FROM take('transactions');
TRUNCATE a;
INSERT INTO b VALUES (5);
UPDATE b SET v = 'x';
SELECT told::json ->> 'value' AS by_default FROM told() told WHERE told LIKE '%"status"%';
SELECT told::json ->> 'value' AS none FROM told('skipped.operations', 'none', 'profile', 'debezium') told;
SELECT told::json ->> 'value' AS most FROM told('skipped.operations', 'u,d,t') told;

-- messages: each is a collection of its own, but for the count; outside of transactions there is none to tell of
SELECT count(*) FROM take('transactions');
BEGIN;
SELECT pg_logical_emit_message(true, 'one', 'x') > '0/0';
INSERT INTO a VALUES (1);
SELECT pg_logical_emit_message(true, 'Two', 'x') > '0/0';
SELECT nova.publish('events', 'k', 'not counted'::text) > '0/0';
COMMIT;
SELECT pg_logical_emit_message(false, 'loose', 'x') > '0/0';
-- nothing flushes such a message but what commits after it
COMMENT ON SCHEMA public IS 'standard public schema';
SELECT told::json ->> 'topic' AS topic, told::json ->> 'key' AS key,
       coalesce(substring(told::json ->> 'value' from '"transaction":.*(?=,"message")'), told::json ->> 'value') AS value
FROM told('profile', 'debezium') told;
-- lists of prefixes: anchored, ignoring case; Debezium's transaction begins whatever they leave out
SELECT told::json ->> 'key' AS key FROM told('profile', 'debezium', 'message.prefix.include.list', 'on,TWO,lo+se') told WHERE told LIKE '%"prefix"%';
SELECT told::json ->> 'key' AS key FROM told('profile', 'debezium', 'message.prefix.exclude.list', 'on,TWO,lo+se') told WHERE told LIKE '%"prefix"%';
SELECT told::json ->> 'key' AS key FROM told('message.prefix.include.list', '.*') told WHERE told LIKE '%"prefix"%';
SELECT told::json ->> 'value' AS value FROM told('profile', 'debezium', 'message.prefix.exclude.list', '.*', 'schema.include.list', 'none') told;
\set VERBOSITY terse
SELECT told('message.prefix.exclude.list', 'a', 'message.prefix.include.list', 'b');
\set VERBOSITY default

-- partitions under the name of their root are one; more tables than a HashMap's first buckets
SELECT count(*) FROM take('transactions');
BEGIN;
INSERT INTO part VALUES (1), (11), (2);
COMMIT;
SELECT told::json ->> 'value' FROM told('publish.via.partition.root', 'true') told;
SELECT told::json ->> 'value' FROM told() told WHERE told LIKE '%END%';
SELECT count(*) FROM take('transactions');
DO $$ BEGIN
    FOR i IN 1..40 LOOP EXECUTE format('CREATE TABLE many_%s (id int PRIMARY KEY)', i); END LOOP;
    FOR i IN 1..80 LOOP EXECUTE format('INSERT INTO many_%s VALUES (%s)', i % 40 + 1, i); END LOOP;
END $$;
SELECT told::json -> 'value' ->> 'event_count' AS events, json_array_length(told::json -> 'value' -> 'data_collections') AS tables,
       left(told::json -> 'value' ->> 'data_collections', 300) AS first
FROM told() told WHERE told LIKE '%END%';
-- a table renamed within its transaction
SELECT count(*) FROM take('transactions');
BEGIN;
INSERT INTO a VALUES (20);
ALTER TABLE a RENAME TO a2;
INSERT INTO a2 VALUES (21);
COMMIT;
SELECT told::json ->> 'value' FROM told() told;

-- on the wire END is before COMMIT, and counts
SELECT count(*) FROM take('transactions');
INSERT INTO b VALUES (7);
SELECT (SELECT string_agg(m[1], '' ORDER BY o) FROM regexp_matches(encode(data, 'escape'), '(BEGIN|"id":7|END)', 'g') WITH ORDINALITY x (m, o)) AS parts,
       get_byte(data, length(data) - 5) AS records
FROM pg_logical_slot_peek_binary_changes('transactions', NULL, NULL, 'output', 'frames', 'provide.transaction.metadata', 'true');

SELECT op, regexp_replace(regexp_replace(value, '\d+:\d+', 'X:L'), '"ts_ms":.*', '') FROM nova.describe('b', 'provide.transaction.metadata=true', 'add.fields=id,total_order', 'skipped.operations=u,d');

SELECT pg_drop_replication_slot('transactions');
DO $$ BEGIN FOR i IN 1..40 LOOP EXECUTE format('DROP TABLE many_%s', i); END LOOP; END $$;
DROP TABLE a2, b, other, part;
DROP FUNCTION told(text[]);
