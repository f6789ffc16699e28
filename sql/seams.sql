--
-- Options that were made apart, together.
--
SET client_min_messages = warning;
SELECT 'init' FROM pg_create_logical_replication_slot('seams', 'nova_decoder');
CREATE FUNCTION told(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(data, '\d+:\d+', 'X:L', 'g'), '"((?:ts_(?:ms|us|ns))|lsn|txId|sequence)":("\[[^]]*\]"|\d+)', '"\1":0', 'g')
    FROM pg_logical_slot_peek_changes('seams', NULL, NULL, VARIADIC options)
$$;
CREATE TABLE events (id int PRIMARY KEY, aggregatetype text, aggregateid text, type text, payload text, at timestamp, part int);
CREATE TABLE rows (id int PRIMARY KEY, secret text, plain text, dropped int, topic text);
ALTER TABLE rows REPLICA IDENTITY FULL;
ALTER TABLE rows DROP COLUMN dropped;

-- an outbox's rows count in their transaction, whatever becomes of them
BEGIN;
INSERT INTO events VALUES (1, 'order', 'k', 't', 'p', '2020-01-01', 3);
UPDATE events SET type = 'u';
DELETE FROM events;
INSERT INTO rows VALUES (1, NULL, 'x', 'elsewhere');
COMMIT;
SELECT told('provide.transaction.metadata', 'true', 'transforms', '[{"type": "outbox", "topics": "public\\.events"}]', 'add.fields', 'total_order');
-- masked columns do not show in fields, headers, topics, time and partition
UPDATE rows SET secret = 'secret1';
UPDATE rows SET secret = NULL, plain = 'y';
DELETE FROM rows;
SELECT told('column.mask', '4:.*secret', 'table.include.list', 'public.rows', 'add.fields', 'before.secret:b,after.secret:a',
   'add.headers', 'before.secret:b,after.secret:a', 'transforms', '[{"type": "unwrap", "route.by.field": "secret"}]');
SELECT told('column.mask', '4:.*secret', 'table.include.list', 'public.rows', 'add.fields', 'before.secret:b,after.secret:a', 'profile', 'debezium',
   'add.headers', 'before.secret:b,after.secret:a');
SELECT told('column.mask', '4:.*\.(at|part|aggregatetype)', 'table.include.list', 'public.events',
   'transforms', '[{"type": "outbox"}]', 'outbox.event.timestamp', 'at', 'outbox.additional.placement', 'part:partition,part:header,at:header');

-- describe
INSERT INTO rows VALUES (1, 'secret', 'x', 'elsewhere');
CREATE PUBLICATION seams FOR TABLE rows WITH (publish = 'insert');
SELECT * FROM nova.describe('rows', 'publication.names=seams', 'add.fields=op');
SELECT * FROM nova.describe('rows', 'add.fields=op', 'transforms=[{"type": "unwrap", "route.by.field": "topic"}]');
SELECT * FROM nova.describe('rows', 'profile=debezium', 'column.mask=4:.*secret', 'add.headers=op,before.secret,after.topic,id', 'provide.transaction.metadata=true');
SELECT * FROM nova.describe('events', 'transforms=[{"type": "outbox"}]', 'profile=debezium', 'provide.transaction.metadata=true', 'add.headers=op', 'outbox.additional.placement=part:partition,part:header,at:header');

-- snapshots
INSERT INTO rows VALUES (2, NULL, repeat('y', 10), 'bad topic'), (3, 'z', NULL, NULL);
CREATE FUNCTION snap(relation regclass, VARIADIC options text[]) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT convert_from(nova.snapshot_frames($1, ARRAY['output=text'] || $2, at => '2024-02-29 12:00:00Z',
       first_mark => 'first', last_mark => 'last'), 'UTF8')
$$;
SELECT snap('rows', 'add.fields=op', 'add.headers=op,source.snapshot');
SELECT snap('rows', 'add.headers=op,before.secret:b,after.secret:a', 'column.mask=4:.*secret', 'add.fields=after.secret:a,before.plain',
  'transforms=[{"type": "unwrap", "route.by.field": "topic"}]');
INSERT INTO events VALUES (1, 'order', 'k', 't', 'p', '2020-01-01', 3), (2, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT snap('events', 'add.headers=op,source.snapshot', 'extended.headers.enabled=true', 'extended.headers.run.id=x', 'transforms=[{"type": "outbox"}]', 'outbox.event.timestamp=at', 'outbox.additional.placement=part:partition,part:header,type:header,at:envelope', 'provide.transaction.metadata=true');
SELECT f::json ->> 'key' AS key, f::json #>> '{value,payload,after}' AS after, f::json #>> '{value,schema,fields,1,fields}' AS fields
FROM snap('events', 'profile=debezium', 'key.schemas=true', 'value.schemas=true', 'transforms=[{"type": "unwrap", "topics": "nothing"}, {"type":"key", "field": "id"}]', 'add.headers=op', 'column.mask=2:.*payload', 'column.exclude.list=.*(aggregate.*|at)') f WHERE f NOT LIKE '%"records"%';

-- a partition whose columns are in another order
CREATE TABLE parts (id int, v text, n int NOT NULL DEFAULT 7, g int GENERATED ALWAYS AS (n * 2) STORED, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 (n int NOT NULL DEFAULT 8, gone int, g int GENERATED ALWAYS AS (n * 2) STORED, v text, id int NOT NULL);
ALTER TABLE parts_1 DROP COLUMN gone;
ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM (0) TO (10);
SELECT count(*) > 0 FROM pg_logical_slot_get_changes('seams', NULL, NULL);
INSERT INTO parts VALUES (1, 'a'), (2, 'b');
SELECT snap('parts_1', 'publish.via.partition.root=true', 'add.fields=after.v:a,table', 'add.headers=after.n:n,source.snapshot', 'column.mask=3:.*\.v', 'transforms=[{"type": "unwrap", "route.by.field": "v"}]');
SELECT told('publish.via.partition.root', 'true', 'add.fields', 'after.v:a,table,total_order', 'add.headers', 'after.n:n', 'column.mask', '3:.*\.v', 'provide.transaction.metadata', 'true');

-- altered between transactions, envelopes here and flat there
SELECT count(*) > 0 FROM pg_logical_slot_get_changes('seams', NULL, NULL);
INSERT INTO rows VALUES (10, 's', 'p', 't1');
ALTER TABLE rows DROP COLUMN secret, ADD COLUMN secret int DEFAULT 5;
BEGIN;
INSERT INTO rows VALUES (11, 'p', 't2', 6);
ALTER TABLE rows RENAME COLUMN topic TO other;
UPDATE rows SET other = 't3' WHERE id = 11;
INSERT INTO parts VALUES (3, 'c');
ALTER TABLE rows RENAME TO renamed;
DELETE FROM renamed WHERE id = 11;
TRUNCATE parts;
COMMIT;
SELECT told('profile', 'debezium', 'transforms', '[{"type": "unwrap", "topics": "public.(rows|renamed)", "route.by.field": "topic"}]', 'provide.transaction.metadata', 'true',
    'add.headers', 'op,before.secret:b,after.secret:a', 'add.fields', 'after.other:o', 'column.mask.hash.v2', 'SHA-256:x:.*secret', 'skipped.operations', 'none', 'key.schemas', 'true', 'delete.handling.mode', 'rewrite-with-tombstone');

-- what is too long for a key, a topic or a header is none, whatever its JSON would be
SELECT count(*) > 0 FROM pg_logical_slot_get_changes('seams', NULL, NULL);
INSERT INTO events SELECT 9, v, v, v, 'p' FROM (SELECT repeat(E'\x01', 17000000) COLLATE "C") t (v);
INSERT INTO events SELECT 10, 'short', 'k', 't', 'p';
SELECT data::json ->> 'topic' AS topic, data::json ->> 'key' AS key, data::json ->> 'headers' AS headers
FROM told('transforms', '[{"type": "outbox"}]', 'outbox.additional.placement', 'type:header') data;
SELECT data::json ->> 'topic' AS topic, data::json ->> 'key' AS key
FROM told('message.key.columns', 'public.events:aggregateid', 'column.exclude.list', '.*type') data;
SELECT data::json ->> 'topic' AS topic, data::json ->> 'key' AS key
FROM told('transforms', '[{"type": "unwrap", "route.by.field": "type"}]', 'column.exclude.list', '.*aggregate.*') data;
SELECT pg_drop_replication_slot('seams');
DROP PUBLICATION seams;
DROP TABLE events, renamed, parts;
DROP FUNCTION told, snap;
