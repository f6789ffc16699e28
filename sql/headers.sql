--
-- Headers of records: add.headers, the context's, changed keys.
--
CREATE TABLE h (id int PRIMARY KEY, a text, n numeric);
SELECT 'init' FROM pg_create_logical_replication_slot('headers', 'nova_decoder');
CREATE FUNCTION headers(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (key text, value text, headers text) LANGUAGE sql AS $$
    SELECT data::json ->> 'key', data::json ->> 'value', regexp_replace(data::json ->> 'headers', '\d{3,}', 'N', 'g')
    FROM pg_logical_slot_peek_changes('headers', NULL, NULL, VARIADIC ARRAY['add.fields', ''] || options) data
$$;

INSERT INTO h VALUES (1, E'a "b" \\ \n\x01é😀', 1.50), (2, NULL, NULL), (3, '', 0), (4, 'null', 1);
UPDATE h SET a = 'changed' WHERE id = 1;
UPDATE h SET id = 10 WHERE id = 1;
DELETE FROM h WHERE id = 2;

-- unaligned: how wide an emoji is, versions of psql do not agree on
\a
-- none unless asked for; in Debezium's profile a changed key shows
SELECT * FROM headers();
SELECT * FROM headers('profile', 'debezium') WHERE headers IS NOT NULL;
-- values are text: bare, with their special characters; null is null
SELECT key, headers FROM headers('add.headers', 'op,after.a,after.n,before.id', 'add.headers.prefix', 'h.');
\a
SELECT key, headers FROM headers('profile', 'debezium', 'add.headers', 'op,after.a,table,db:base', 'decimal.handling.mode', 'string');
SELECT key, headers FROM headers('add.headers', 'op,lsn,sequence,source.ts_ms,snapshot,txId,xmin', 'topic.prefix', 'p') LIMIT 1;
-- order: key, context, added; a tombstone repeats the operation and its other names
SELECT * FROM headers('profile', 'debezium', 'delete.handling.mode', 'rewrite-with-tombstone', 'add.headers', 'op,before.id,op:again,source.op',
                      'extended.headers.enabled', 'true', 'extended.headers.run.id', 'run-1', 'topic.prefix', 'p')
WHERE headers LIKE '%"d"%';
-- every mode of deletes
SELECT m AS mode, h.* FROM unnest('{record,drop,tombstone,rewrite,rewrite-with-tombstone,delete-to-tombstone,null-with-tombstone}'::text[]) m,
     headers('profile', 'debezium', 'delete.handling.mode', m, 'add.headers', 'op') h
WHERE h.headers LIKE '%"d"%' OR h.headers LIKE '%key%';
SELECT key, value FROM headers('delete.handling.mode', 'null-with-tombstone', 'tombstones.on.delete', 'no') WHERE value IS NULL OR value = 'null';
-- the context alone, in the envelope as well, where add.headers has no say
SELECT DISTINCT headers FROM headers('extended.headers.enabled', 'true', 'extended.headers.run.id', 'r', 'topic.prefix', 'p');
SELECT DISTINCT headers FROM headers('format', 'envelope', 'extended.headers.enabled', 'true', 'add.headers', 'op');
-- messages have none
SELECT pg_logical_emit_message(true, 'm', 'x') > '0/0';
SELECT data FROM peek('headers', 'profile', 'debezium', 'extended.headers.enabled', 'true', 'add.headers', 'op', 'table.include.list', 'none') data WHERE data LIKE '%"headers"%';
-- names that are not plain
SELECT key, headers FROM headers('add.headers', 'op:é"x', 'add.headers.prefix', '') LIMIT 1;
\set VERBOSITY terse
SELECT headers('add.headers', 'nosuch');
\set VERBOSITY default
-- one more than a megabyte
SELECT count(*) FROM take('headers');
INSERT INTO h VALUES (5, repeat('x', 1048577), 5), (6, repeat('y', 1000000), 6);
SELECT key, length(headers) > 900000 AS long, headers LIKE '%__debezium_unavailable_value%' AS replaced FROM headers('add.headers', 'after.a');

-- on the wire: the block is well-formed, and the same for all rows of an operation
SELECT count(*) FROM take('headers');
INSERT INTO h SELECT g, 'g' FROM generate_series(100, 199) g;
SELECT (SELECT count(*) FROM regexp_matches(encode(data, 'hex'), '0000000f000100045f5f6f700000000163', 'g')) AS blocks
FROM pg_logical_slot_peek_binary_changes('headers', NULL, NULL, 'output', 'frames', 'add.headers', 'op', 'batch.bytes', '1048576');

-- describe shows them
SELECT op, headers FROM nova.describe('h', 'add.headers=op,after.id,before.id', 'extended.headers.enabled=true', 'extended.headers.run.id=r', 'topic.prefix=p');
SELECT op, headers FROM nova.describe('h');

SELECT pg_drop_replication_slot('headers');
DROP TABLE h;
DROP FUNCTION headers(text[]);
