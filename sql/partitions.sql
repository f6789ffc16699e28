--
-- Partitions: topics of their own, or all under the root.
--
SET synchronous_commit = on;
CREATE TABLE m (id int, region text, v text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE m_eu PARTITION OF m FOR VALUES IN ('eu');
CREATE TABLE m_us PARTITION OF m FOR VALUES IN ('us') PARTITION BY RANGE (id);
CREATE TABLE m_us_1 PARTITION OF m_us FOR VALUES FROM (0) TO (100);
-- columns in another order, and one that was dropped
CREATE TABLE m_us_2 (dropped int, v text, id int NOT NULL, region text NOT NULL);
ALTER TABLE m_us_2 DROP COLUMN dropped;
ALTER TABLE m_us ATTACH PARTITION m_us_2 FOR VALUES FROM (100) TO (200);
CREATE TABLE m_rest PARTITION OF m DEFAULT;
SELECT 'init' FROM pg_create_logical_replication_slot('partitions', 'nova_decoder');

INSERT INTO m VALUES (1, 'eu', 'a'), (2, 'us', 'b'), (102, 'us', 'c'), (3, 'asia', 'd');
UPDATE m SET v = 'x' WHERE id = 102;
DELETE FROM m WHERE region = 'asia';
SELECT peek('partitions');
SELECT take('partitions', 'publish.via.partition.root', 'true');

-- a row that moves is deleted here and created there
UPDATE m SET region = 'us' WHERE id = 1;
UPDATE m SET id = 150 WHERE id = 2;
SELECT peek('partitions');
SELECT take('partitions', 'publish.via.partition.root', 'on');

-- filters look at the names that topics are made of
INSERT INTO m VALUES (5, 'eu', 'f'), (5, 'us', 'f');
SELECT peek('partitions', 'table.include.list', 'public\.m');
SELECT peek('partitions', 'table.include.list', 'public\.m_us_1');
SELECT peek('partitions', 'table.include.list', 'public\.m', 'publish.via.partition.root', 'true');
SELECT peek('partitions', 'table.include.list', 'public\.m_us_1', 'publish.via.partition.root', 'true');
SELECT count(*) FROM take('partitions');

-- the root's name follows it, and so do schema and filter
ALTER TABLE m RENAME TO measures;
INSERT INTO measures VALUES (6, 'us', 'g');
CREATE SCHEMA other;
ALTER TABLE measures SET SCHEMA other;
INSERT INTO other.measures VALUES (7, 'us', 'h');
ALTER TABLE other.measures SET SCHEMA public;
ALTER TABLE measures RENAME TO m;
INSERT INTO m VALUES (8, 'us', 'i');
SELECT peek('partitions', 'publish.via.partition.root', 'true', 'table.include.list', 'other\..*,public\.m');
SELECT take('partitions', 'publish.via.partition.root', 'true');

-- detached and attached
ALTER TABLE m DETACH PARTITION m_us;
INSERT INTO m_us VALUES (9, 'us', 'j');
ALTER TABLE m ATTACH PARTITION m_us FOR VALUES IN ('us');
INSERT INTO m VALUES (10, 'us', 'k');
ALTER TABLE m_us DETACH PARTITION m_us_1;
INSERT INTO m_us_1 VALUES (11, 'us', 'l');
CREATE TABLE top (LIKE m) PARTITION BY LIST (region);
ALTER TABLE m DETACH PARTITION m_eu;
ALTER TABLE top ATTACH PARTITION m_eu FOR VALUES IN ('eu');
INSERT INTO top VALUES (12, 'eu', 'm');
SELECT take('partitions', 'publish.via.partition.root', 'true');

-- a whole tree that becomes part of another one
BEGIN;
CREATE TABLE apex (id int, region text, v text) PARTITION BY RANGE (id);
INSERT INTO m VALUES (13, 'eu_rest', 'n');
ALTER TABLE apex ATTACH PARTITION m FOR VALUES FROM (0) TO (1000);
INSERT INTO apex VALUES (14, 'eu_rest', 'o');
COMMIT;
INSERT INTO m VALUES (15, 'eu_rest', 'p');
SELECT take('partitions', 'publish.via.partition.root', 'true');

-- inheritance is something else: children keep their names
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (extra int, PRIMARY KEY (id)) INHERITS (parent);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (2, 3);
UPDATE parent SET id = id + 10;
SELECT take('partitions', 'publish.via.partition.root', 'true');

SELECT pg_drop_replication_slot('partitions');
DROP TABLE apex, top, m_us_1, parent, child;
DROP SCHEMA other;
