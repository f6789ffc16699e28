--
-- Inserts, updates and deletes become records; nothing else does.
--
SET synchronous_commit = on;
CREATE TABLE users (id int PRIMARY KEY, name text, active bool);
CREATE TABLE "Posts" (id bigint PRIMARY KEY, user_id int, body text);
SELECT 'init' FROM pg_create_logical_replication_slot('basic', 'nova_decoder');

-- one row each
INSERT INTO users VALUES (1, 'Ann', true);
UPDATE users SET name = 'Anna' WHERE id = 1;
DELETE FROM users WHERE id = 1;
SELECT take('basic');

-- several rows in a statement, several tables in a transaction, in order
BEGIN;
INSERT INTO users VALUES (2, 'Bob', NULL), (3, '', false);
INSERT INTO "Posts" SELECT g, 2, 'post ' || g FROM generate_series(1, 3) g;
UPDATE users SET active = true;
DELETE FROM "Posts" WHERE id < 3;
COMMIT;
SELECT take('basic');

-- an update that changes nothing is still an update
UPDATE users SET name = name WHERE id = 2;
-- one that finds nothing is none
UPDATE users SET name = name WHERE id = 99;
DELETE FROM users WHERE id = 99;
SELECT take('basic');

-- transactions without captured changes send nothing, not even an empty line
CREATE TABLE other (id int);
BEGIN;
INSERT INTO other VALUES (1);
COMMIT;
CREATE TEMP TABLE temporary (id int);
INSERT INTO temporary VALUES (1);
CREATE UNLOGGED TABLE unlogged (id int);
INSERT INTO unlogged VALUES (1);
BEGIN;
COMMIT;
VACUUM users;
ANALYZE users;
CREATE SEQUENCE numbers;
SELECT nextval('numbers');
SELECT take('basic', 'table.exclude.list', 'public.other');

-- peeking does not move the slot, taking does; the bytes are the same
INSERT INTO users VALUES (4, 'Dan', true);
SELECT peek('basic');
SELECT take('basic');
SELECT take('basic');

-- tombstones are an option
DELETE FROM users WHERE id = 4;
SELECT peek('basic', 'tombstones.on.delete', 'false');
SELECT peek('basic', 'tombstones.on.delete', 'true');
SELECT take('basic');

-- as consumers see it by default
INSERT INTO users VALUES (5, 'Eve', true);
SELECT regexp_replace(data, '[0-9]{13}', 'TIME')
FROM pg_logical_slot_peek_changes('basic', NULL, NULL);
SELECT abs(extract(epoch FROM now()) * 1000
           - ((data::jsonb -> 'value') ->> '__source_ts_ms')::numeric) < 60000 AS recent
FROM pg_logical_slot_peek_changes('basic', NULL, NULL);

-- every other field
SELECT data::jsonb -> 'value' ->> '__source_lsn' = (lsn - '0/0')::text AS lsn_is_of_the_change,
       data::jsonb -> 'value' ->> '__source_txId' = xid::text AS xid,
       data::jsonb -> 'value' ->> '__source_db' = current_database() AS db,
       (data::jsonb -> 'value' ->> '__source_ts_us')::numeric
       = trunc((data::jsonb -> 'value' ->> '__source_ts_ns')::numeric / 1000) AS us_is_ns,
       (data::jsonb -> 'value' ->> '__ts_ms')::numeric
       = trunc((data::jsonb -> 'value' ->> '__ts_us')::numeric / 1000) AS ms_is_us
FROM pg_logical_slot_peek_changes('basic', NULL, NULL, 'add.fields',
    'ts_ms,ts_us,ts_ns,source.db,source.txId,source.lsn,source.ts_us,source.ts_ns');
SELECT peek
FROM (SELECT data AS peek
      FROM pg_logical_slot_peek_changes('basic', NULL, NULL, 'topic.prefix', 'cdc', 'add.fields',
          'op, source.schema,table, source.name:server,connector,snapshot,op:"o\p"')) s;
SELECT data FROM pg_logical_slot_peek_changes('basic', NULL, NULL, 'add.fields', '');
SELECT data FROM pg_logical_slot_peek_changes('basic', NULL, NULL,
                                              'add.fields', 'op', 'add.fields.prefix', '');
SELECT data FROM pg_logical_slot_peek_changes('basic', NULL, NULL,
                                              'add.fields', 'op', 'add.fields.prefix', '"\');
-- what differs from row to row is not kept from the row before
BEGIN;
INSERT INTO users VALUES (6, NULL, NULL);
INSERT INTO "Posts" VALUES (6, NULL, NULL);
INSERT INTO users VALUES (7, NULL, NULL);
COMMIT;
SELECT data FROM pg_logical_slot_get_changes('basic', NULL, NULL, 'add.fields', 'op,table')
OFFSET 1;

SELECT pg_drop_replication_slot('basic');
DROP TABLE users, "Posts", other, unlogged;
DROP SEQUENCE numbers;
