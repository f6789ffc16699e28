--
-- publication.names: tables, operations, rows and columns as pgoutput has them.
--
SET synchronous_commit = on;
CREATE SCHEMA pubs;
SET search_path = pubs, public;
CREATE TABLE rows (id int PRIMARY KEY, n int, v text);
ALTER TABLE rows REPLICA IDENTITY FULL;
CREATE TABLE keyed (id int PRIMARY KEY, v text);
CREATE TABLE cols (id int PRIMARY KEY, a text, secret text);
CREATE TABLE other (id int PRIMARY KEY);
CREATE TABLE part (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE part_eu (v text, gone int, region text NOT NULL, id int NOT NULL);
ALTER TABLE part_eu DROP gone;
ALTER TABLE part ATTACH PARTITION part_eu FOR VALUES IN ('eu');
CREATE TABLE part_us PARTITION OF part FOR VALUES IN ('us');
CREATE PUBLICATION p_rows FOR TABLE rows WHERE (n > 10), keyed WHERE (id < 100);
CREATE PUBLICATION p_more FOR TABLE rows WHERE (v = 'more'), cols (id, a);
CREATE PUBLICATION p_cols FOR TABLE cols (id, secret) WITH (publish = 'insert');
CREATE PUBLICATION p_ops FOR TABLE keyed, other WITH (publish = 'insert, truncate');
CREATE PUBLICATION p_schema FOR TABLES IN SCHEMA pubs;
CREATE PUBLICATION "P all" FOR ALL TABLES;
CREATE PUBLICATION p_part FOR TABLE part;
CREATE PUBLICATION p_root FOR TABLE part (id, region) WHERE (id < 100) WITH (publish_via_partition_root = true);
SELECT 'init' FROM pg_create_logical_replication_slot('pubs', 'nova_decoder');
CREATE FUNCTION shown(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', substr(data::jsonb ->> 'topic', 6), data::jsonb ->> 'key', data::jsonb ->> 'value')
    FROM peek('pubs', VARIADIC $1) data WHERE NOT data::jsonb ? 'dropped'
      AND data::jsonb -> 'value' <> 'null'
$$;
CREATE FUNCTION done() RETURNS SETOF text LANGUAGE sql AS $$ SELECT 'done' FROM take('pubs') HAVING count(*) >= 0 $$;

-- rows come into sight and leave it
INSERT INTO rows VALUES (1, 11, 'in'), (2, 2, 'out'), (3, NULL, 'unknown');
UPDATE rows SET v = 'still in' WHERE id = 1;
UPDATE rows SET v = 'still out' WHERE id = 2;
UPDATE rows SET n = 12 WHERE id = 2;
UPDATE rows SET n = 1 WHERE id = 1;
UPDATE rows SET n = 13, id = 4 WHERE id = 3;
UPDATE rows SET id = 5 WHERE id = 4;
DELETE FROM rows;
SELECT * FROM shown('publication.names', 'p_rows');
-- what a row has become is what may be skipped
SELECT * FROM shown('publication.names', 'p_rows', 'skipped.operations', 'u,d');
SELECT * FROM shown('publication.names', 'p_rows', 'skipped.operations', 'c');
-- the old row by its key only
SELECT * FROM done();
INSERT INTO keyed VALUES (1, 'in'), (101, 'out');
UPDATE keyed SET v = 'changed';
UPDATE keyed SET id = 201 WHERE id = 1;
UPDATE keyed SET id = 2 WHERE id = 101;
DELETE FROM keyed;
SELECT * FROM shown('publication.names', 'p_rows');
-- operations; another publication that shows all of an operation
TRUNCATE keyed;
INSERT INTO other VALUES (1);
DELETE FROM other;
SELECT * FROM shown('publication.names', 'p_ops', 'skipped.operations', 'none');
SELECT * FROM shown('publication.names', 'p_ops, p_rows');

-- several publications: filters add up, the widest wins
SELECT * FROM done();
INSERT INTO rows VALUES (1, 11, 'in'), (2, 2, 'out'), (3, 3, 'more');
UPDATE rows SET v = 'less' WHERE id = 3;
SELECT * FROM shown('publication.names', 'p_rows');
SELECT * FROM shown('publication.names', 'p_rows,p_more');
SELECT * FROM shown('publication.names', 'p_rows,p_schema');
SELECT * FROM shown('publication.names', 'p_rows,"P all"');
-- the lists apply on top
SELECT * FROM shown('publication.names', '"P all"', 'table.exclude.list', 'pubs.rows');
SELECT * FROM shown('publication.names', 'p_rows', 'column.exclude.list', 'pubs.rows.v');

-- column lists; different ones are put together
SELECT * FROM done();
INSERT INTO cols VALUES (1, 'a', 'secret');
UPDATE cols SET secret = 'other';
DELETE FROM cols;
SELECT * FROM shown('publication.names', 'p_more');
SELECT * FROM shown('publication.names', 'p_cols');
SELECT * FROM shown('publication.names', 'p_cols,p_more');
SELECT * FROM shown('publication.names', 'p_schema,p_more');

-- partitions: themselves, or as the table that is published
SELECT * FROM done();
INSERT INTO part VALUES (1, 'eu', 'v'), (2, 'us', 'v'), (101, 'eu', 'v');
UPDATE part SET id = id + 99 WHERE id = 1;
TRUNCATE part;
SELECT * FROM shown('publication.names', 'p_part', 'skipped.operations', 'none');
SELECT * FROM shown('publication.names', 'p_root', 'skipped.operations', 'none');
SELECT * FROM shown('publication.names', 'p_part,p_root');
SELECT * FROM shown('publication.names', 'p_part', 'publish.via.partition.root', 'true');

-- the publication in mid-stream
SELECT * FROM done();
INSERT INTO rows VALUES (10, 10, 'out');
ALTER PUBLICATION p_rows SET TABLE rows WHERE (n > 5);
INSERT INTO rows VALUES (11, 10, 'in');
ALTER PUBLICATION p_rows DROP TABLE rows;
INSERT INTO rows VALUES (12, 12, 'no longer');
BEGIN;
ALTER PUBLICATION p_rows ADD TABLE rows (id, n);
INSERT INTO rows VALUES (13, 13, 'insert only');
ROLLBACK;
ALTER PUBLICATION p_rows SET (publish = 'insert');
ALTER PUBLICATION p_rows ADD TABLE rows (id, n);
INSERT INTO rows VALUES (14, 14, 'insert only');
UPDATE rows SET n = 15 WHERE id = 14;
ALTER PUBLICATION p_rows SET TABLES IN SCHEMA pubs;
INSERT INTO rows VALUES (16, 16, 'by its schema');
ALTER PUBLICATION p_rows RENAME TO p_renamed;
INSERT INTO rows VALUES (17, 17, 'no publication');
INSERT INTO cols VALUES (17, 'no', 'publication');
ALTER PUBLICATION p_renamed RENAME TO p_rows;
UPDATE rows SET n = 18 WHERE id = 17;
INSERT INTO rows VALUES (18, 18, 'again');
SELECT * FROM shown('publication.names', 'p_rows');

-- made after the rows, or never: nothing is kept back, and nothing stops
SELECT * FROM done();
INSERT INTO rows VALUES (20, 20, 'before');
CREATE PUBLICATION p_late FOR TABLE other;
INSERT INTO rows VALUES (21, 21, 'after');
SELECT * FROM shown('publication.names', 'p_late');
SELECT * FROM shown('publication.names', 'nowhere');
SELECT * FROM shown('publication.names', 'p_late,nowhere');

-- a filter that fails shows the row; others are judged as ever
SELECT * FROM done();
CREATE PUBLICATION p_fails FOR TABLE rows WHERE (100 / n > 10);
INSERT INTO rows VALUES (30, 1, 'in'), (31, 0, 'fails'), (32, 50, 'out'), (33, 0, 'fails'), (34, 2, 'in');
UPDATE rows SET n = 60 WHERE id IN (31, 32);
SELECT * FROM shown('publication.names', 'p_fails');
CREATE PUBLICATION p_fails_always FOR TABLE rows WHERE (n > 1 / 0);
INSERT INTO rows VALUES (35, 1, 'fails');
SELECT * FROM shown('publication.names', 'p_fails_always') LIMIT 100;
-- a value out of line that an update does not repeat
SELECT * FROM done();
CREATE PUBLICATION p_text FOR TABLE rows WHERE (v LIKE 'long%');
ALTER TABLE rows ALTER v SET STORAGE EXTERNAL;
SELECT * FROM done();
INSERT INTO rows VALUES (40, 1, repeat('long', 1000)), (41, 2, 'short');
UPDATE rows SET id = id + 10 WHERE id = 40;
SELECT substr(shown, 1, 60) FROM shown('publication.names', 'p_text') shown;

-- names
SELECT * FROM shown('publication.names', 'p_rows,,');
SELECT * FROM shown('publication.names', '"p_rows');
SELECT count(*) FROM shown('publication.names', '');

SELECT pg_drop_replication_slot('pubs');
DROP PUBLICATION p_more, p_cols, p_ops, p_schema, "P all", p_part, p_root, p_rows, p_late, p_fails, p_fails_always, p_text;
RESET search_path;
DROP SCHEMA pubs CASCADE;
