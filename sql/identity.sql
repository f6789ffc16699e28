--
-- REPLICA IDENTITY: what updates and deletes carry under each, and that a delete
-- which carries nothing is reported.
--
SET synchronous_commit = on;
CREATE TABLE ri (id int PRIMARY KEY, code text NOT NULL UNIQUE, v int);
SELECT 'init' FROM pg_create_logical_replication_slot('identity', 'nova_decoder');

-- DEFAULT
INSERT INTO ri VALUES (1, 'a', 1);
UPDATE ri SET v = 2;
DELETE FROM ri;
SELECT take('identity');

-- FULL: the whole old row
ALTER TABLE ri REPLICA IDENTITY FULL;
INSERT INTO ri VALUES (1, 'a', 1);
UPDATE ri SET v = NULL;
DELETE FROM ri;
SELECT take('identity');

-- INDEX
ALTER TABLE ri REPLICA IDENTITY USING INDEX ri_code_key;
INSERT INTO ri VALUES (1, 'a', 1);
UPDATE ri SET v = 2;
DELETE FROM ri;
SELECT take('identity');

-- NOTHING: inserts and updates go out; each run of deletes is one line
ALTER TABLE ri REPLICA IDENTITY NOTHING;
INSERT INTO ri VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 1);
UPDATE ri SET v = 2 WHERE id = 1;
DELETE FROM ri WHERE id < 3;
SELECT take('identity');

-- the report stands where the deletes were, or behind them in their transaction
CREATE TABLE heap_only (v int);
INSERT INTO heap_only SELECT generate_series(1, 6);
SELECT count(*) FROM take('identity');
BEGIN;
DELETE FROM heap_only WHERE v <= 2;
INSERT INTO heap_only VALUES (10);
DELETE FROM ri;
DELETE FROM heap_only WHERE v <= 5;
COMMIT;
DELETE FROM heap_only;
SELECT take('identity');

-- not for tables that are not captured, nor for operations that are skipped
INSERT INTO heap_only VALUES (1);
DELETE FROM heap_only;
SELECT peek('identity', 'table.exclude.list', 'public.heap_only');
SELECT take('identity', 'skipped.operations', 'c,d');

-- FULL without a key: a null key, and so no tombstone
ALTER TABLE heap_only REPLICA IDENTITY FULL;
INSERT INTO heap_only VALUES (1), (NULL);
UPDATE heap_only SET v = 2 WHERE v = 1;
DELETE FROM heap_only;
SELECT take('identity');

-- the identity is that of the LSN
INSERT INTO ri VALUES (5, 'e', 5);
DELETE FROM ri;
ALTER TABLE ri REPLICA IDENTITY DEFAULT;
INSERT INTO ri VALUES (6, 'f', 6);
DELETE FROM ri;
ALTER TABLE ri REPLICA IDENTITY USING INDEX ri_code_key;
INSERT INTO ri VALUES (7, 'g', 7);
DELETE FROM ri;
-- the index goes, and the identity with it
ALTER TABLE ri DROP CONSTRAINT ri_code_key;
INSERT INTO ri VALUES (8, 'h', 8);
DELETE FROM ri;
SELECT take('identity');

-- deletes that were counted under a name that the table then loses
CREATE TABLE renamed (v int);
INSERT INTO renamed VALUES (1), (2);
SELECT count(*) FROM take('identity');
BEGIN;
DELETE FROM renamed WHERE v = 1;
ALTER TABLE renamed RENAME TO hidden;
INSERT INTO hidden VALUES (3);
COMMIT;
SELECT peek('identity');
SELECT take('identity', 'table.exclude.list', 'public.hidden');

SELECT pg_drop_replication_slot('identity');
DROP TABLE ri, heap_only, hidden;
