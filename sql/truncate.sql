--
-- TRUNCATE: skipped unless asked for, then one record for each table.
--
SET synchronous_commit = on;
CREATE TABLE t1 (id int PRIMARY KEY);
CREATE TABLE t2 (id int PRIMARY KEY, t1 int REFERENCES t1);
CREATE TABLE t3 (id int);
CREATE UNLOGGED TABLE t4 (id int);
CREATE TABLE part (id int) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20);
SELECT 'init' FROM pg_create_logical_replication_slot('truncate', 'nova_decoder');

TRUNCATE t1, t2;
SELECT peek('truncate');
SELECT peek('truncate', 'skipped.operations', 'none');
SELECT take('truncate', 'skipped.operations', 'c,u,d');

TRUNCATE t1 CASCADE;
TRUNCATE t3 RESTART IDENTITY;
TRUNCATE t4;
SELECT peek('truncate', 'skipped.operations', 'none', 'table.exclude.list', 'public\.t2');
SELECT peek('truncate', 'skipped.operations', 'none', 'table.include.list', 'public\.nothing');
SELECT take('truncate', 'skipped.operations', 'none');

-- in order with rows
BEGIN;
INSERT INTO t3 VALUES (1);
TRUNCATE t3;
INSERT INTO t3 VALUES (2);
SAVEPOINT s;
TRUNCATE t3;
ROLLBACK TO s;
INSERT INTO t3 VALUES (3);
COMMIT;
SELECT take('truncate', 'skipped.operations', 'none');

-- partitions: the tables that hold rows, or the root, once
TRUNCATE part;
SELECT peek('truncate', 'skipped.operations', 'none');
SELECT take('truncate', 'skipped.operations', 'none', 'publish.via.partition.root', 'true');
-- one partition without rows is no reason to tell that the root has none
TRUNCATE part_1;
SELECT peek('truncate', 'skipped.operations', 'none');
SELECT take('truncate', 'skipped.operations', 'none', 'publish.via.partition.root', 'true');

SELECT pg_drop_replication_slot('truncate');
DROP TABLE t1, t2, t3, t4, part;
