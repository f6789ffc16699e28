--
-- add.fields: every field, columns of the row before and after, names.
--
CREATE TABLE f (id int PRIMARY KEY, a text, big text);
ALTER TABLE f ALTER big SET STORAGE EXTERNAL;
CREATE TABLE bare ();
SELECT 'init' FROM pg_create_logical_replication_slot('fields', 'nova_decoder');
-- the records' values, with what no two runs share as N
CREATE FUNCTION shown(VARIADIC options text[]) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(data::json ->> 'value', '\d{3,}', 'N', 'g'), 'x{10,}', 'xx…', 'g')
    FROM pg_logical_slot_peek_changes('fields', NULL, NULL, VARIADIC ARRAY['tombstones.on.delete', 'no'] || options) data
$$;

INSERT INTO f VALUES (1, 'a "quoted"', repeat('x', 3000));
UPDATE f SET a = 'b' WHERE id = 1;
DELETE FROM f WHERE id = 1;

-- all of source, with and without naming it, and the envelope's own
SELECT shown('add.fields', 'version,connector,name,source.ts_ms,snapshot,db,sequence,source.ts_us,source.ts_ns,schema,table,txId,lsn,xmin,origin,origin_lsn');
SELECT shown('add.fields', 'op,ts_ms,ts_us,ts_ns,source.op,transaction.ts_ms,source.xmin,source.version', 'topic.prefix', 'p');
SELECT data::json -> 'value' ->> '__sequence' ~ '^\["\d+","\d+"\]$' AS sequence
FROM pg_logical_slot_peek_changes('fields', NULL, 1, 'add.fields', 'sequence') data;
-- a transaction that nobody counts has nothing to tell
SELECT shown('add.fields', 'op,id,total_order,data_collection_order,transaction.id');
-- columns: null where there is no such row or it is not in the WAL
SELECT shown('add.fields', 'op,before.id,after.id,before.a,after.a,after.a:NEW');
SELECT shown('profile', 'debezium', 'delete.handling.mode', 'rewrite', 'add.fields', 'before.id,before.a,after.a');
-- no such column: no such field; the columns that are left out of values are not there either
SELECT shown('add.fields', 'op,before.nosuch,after.op,after.big', 'column.exclude.list', 'public.f.big');
-- an unchanged large value
SELECT shown('add.fields', 'op,after.big', 'column.include.list', 'public.f.(id|big)');
-- names
SELECT shown('add.fields', ' op:x , after.a.b.c,  source.db:"d b",after.a:é', 'add.fields.prefix', '"_');
SELECT shown('add.fields', 'op', 'add.fields.prefix', '');
-- the envelope has them all in its own places
SELECT shown('format', 'envelope', 'add.fields', 'before.a');
-- what there is not
\set VERBOSITY terse
SELECT shown('add.fields', 'nosuch');
SELECT shown('add.fields', 'before');
SELECT shown('add.fields', 'other.op');
SELECT shown('add.fields', 'source.');
SELECT shown('add.fields', '.op');
\set VERBOSITY sqlstate
SELECT shown('add.fields', 'op:' || repeat('x', 5000));
\set VERBOSITY default
SELECT count(*) FROM shown('add.fields', 'op:' || repeat('x', 3000));

-- under REPLICA IDENTITY FULL the row before is known
ALTER TABLE f REPLICA IDENTITY FULL;
SELECT count(*) FROM take('fields');
INSERT INTO f VALUES (2, 'old', repeat('y', 3000));
UPDATE f SET a = 'new' WHERE id = 2;
UPDATE f SET id = 3 WHERE id = 2;
SELECT shown('add.fields', 'op,before.a,after.a,before.id', 'column.exclude.list', 'public.f.big');

-- a large column, as a field of its own
SELECT length(data), length(data::json -> 'value' ->> '__after_big')
FROM pg_logical_slot_peek_changes('fields', NULL, NULL, 'add.fields', 'after.big', 'column.include.list', 'public.f.big') data;

-- a table without columns has nothing before the fields
SELECT count(*) FROM take('fields');
INSERT INTO bare DEFAULT VALUES;
SELECT shown('add.fields', 'table,before.a');
SELECT shown('add.fields', 'before.a');
SELECT shown('add.fields', '');

-- a column that changes its type or goes away within the stream
CREATE TABLE moving (id int PRIMARY KEY, a int);
INSERT INTO moving VALUES (1, 1);
ALTER TABLE moving ALTER a TYPE text USING a || '!';
INSERT INTO moving VALUES (2, 'two');
ALTER TABLE moving RENAME a TO b;
INSERT INTO moving VALUES (3, 'three');
SELECT shown('table.include.list', 'public.moving', 'add.fields', 'after.a');

SELECT pg_drop_replication_slot('fields');
DROP TABLE f, bare, moving;
DROP FUNCTION shown(text[]);
