--
-- DDL between changes and within transactions: each record shows the table as it
-- was when the row was written.
--
SET synchronous_commit = on;
CREATE TABLE d (id int PRIMARY KEY, v text);
SELECT 'init' FROM pg_create_logical_replication_slot('ddl', 'nova_decoder');

-- all of it lies before the first read
INSERT INTO d VALUES (1, 'a');
ALTER TABLE d ADD COLUMN w int;
INSERT INTO d VALUES (2, 'b', 20);
ALTER TABLE d ADD COLUMN x text DEFAULT 'fast', ADD COLUMN y timestamptz DEFAULT '1970-01-01 00:00:01+00';
UPDATE d SET w = 10 WHERE id = 1;
INSERT INTO d (id) VALUES (3);
ALTER TABLE d RENAME COLUMN w TO "the ""new"" w";
INSERT INTO d (id) VALUES (4);
ALTER TABLE d DROP COLUMN v;
UPDATE d SET x = 'y' WHERE id = 1;
DELETE FROM d WHERE id = 2;
ALTER TABLE d DROP COLUMN y;
ALTER TABLE d ADD COLUMN v int;
INSERT INTO d VALUES (5, 6, 'seven', 8);
SELECT peek('ddl');
-- and again, with the plans built afresh
SELECT take('ddl');

-- within one transaction
BEGIN;
INSERT INTO d (id) VALUES (6);
ALTER TABLE d ADD COLUMN z int;
INSERT INTO d (id, z) VALUES (7, 1);
SAVEPOINT s;
ALTER TABLE d ADD COLUMN gone int;
INSERT INTO d (id, gone) VALUES (8, 1);
ROLLBACK TO s;
INSERT INTO d (id, z) VALUES (9, 2);
ALTER TABLE d DROP COLUMN z;
INSERT INTO d (id) VALUES (10);
ALTER TABLE d ALTER COLUMN id TYPE bigint;
INSERT INTO d (id) VALUES (11);
COMMIT;
INSERT INTO d (id) VALUES (12);
SELECT take('ddl');

-- a new type for a column rewrites the table: the rows are not news
ALTER TABLE d ALTER COLUMN x DROP DEFAULT, ALTER COLUMN x TYPE bytea USING x::bytea;
UPDATE d SET x = '\xff' WHERE id = 12;
ALTER TABLE d ADD COLUMN volatile float DEFAULT random();
VACUUM FULL d;
CLUSTER d USING d_pkey;
ALTER TABLE d SET UNLOGGED;
ALTER TABLE d SET LOGGED;
ALTER TABLE d DROP COLUMN volatile;
DELETE FROM d WHERE id = 12;
SELECT take('ddl');

-- other names
ALTER TABLE d RENAME TO d2;
INSERT INTO d2 (id) VALUES (20);
CREATE SCHEMA other;
ALTER TABLE d2 SET SCHEMA other;
INSERT INTO other.d2 (id) VALUES (21);
ALTER SCHEMA other RENAME TO another;
INSERT INTO another.d2 (id) VALUES (22);
BEGIN;
INSERT INTO another.d2 (id) VALUES (23);
ALTER SCHEMA another RENAME TO third;
INSERT INTO third.d2 (id) VALUES (24);
ALTER TABLE third.d2 SET SCHEMA public;
INSERT INTO d2 (id) VALUES (25);
ALTER TABLE d2 RENAME TO d;
INSERT INTO d (id) VALUES (26);
COMMIT;
SELECT peek('ddl');
-- the filter sees the name of the LSN
SELECT take('ddl', 'schema.include.list', 'another|third');

-- two tables swap names in one transaction
CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE b (id int PRIMARY KEY);
BEGIN;
INSERT INTO a VALUES (1);
INSERT INTO b VALUES (2);
ALTER TABLE a RENAME TO c;
ALTER TABLE b RENAME TO a;
ALTER TABLE c RENAME TO b;
INSERT INTO a VALUES (3);
INSERT INTO b VALUES (4);
COMMIT;
SELECT take('ddl');

-- dropped and made again, with other columns; the rows of the first are kept
INSERT INTO a VALUES (5);
DROP TABLE a;
CREATE TABLE a (v text);
INSERT INTO a VALUES ('new');
DROP TABLE a;
BEGIN;
CREATE TABLE a (id int PRIMARY KEY, v text);
INSERT INTO a VALUES (1, 'in the same transaction');
DROP TABLE a;
CREATE TABLE a (x date);
INSERT INTO a VALUES ('2024-01-01');
COMMIT;
SELECT take('ddl');

-- no columns left
CREATE TABLE empty (a int, b text);
INSERT INTO empty VALUES (1, 'x');
ALTER TABLE empty DROP COLUMN a, DROP COLUMN b;
INSERT INTO empty DEFAULT VALUES;
ALTER TABLE empty REPLICA IDENTITY FULL;
DELETE FROM empty;
ALTER TABLE empty ADD COLUMN c int;
INSERT INTO empty VALUES (2);
SELECT peek('ddl');
SELECT data FROM pg_logical_slot_get_changes('ddl', NULL, NULL, 'add.fields', '');

-- rows of a new table are news
CREATE TABLE copied AS SELECT 1 AS one, 'two' AS two;
SELECT * INTO copied2 FROM copied;
SELECT take('ddl');

-- a materialized view holds no changes of its own, however it is refreshed
CREATE MATERIALIZED VIEW mv AS SELECT one AS id FROM copied;
CREATE UNIQUE INDEX mv_id ON mv (id);
REFRESH MATERIALIZED VIEW mv;
INSERT INTO copied VALUES (2, 'x');
REFRESH MATERIALIZED VIEW CONCURRENTLY mv;
SELECT take('ddl');

-- many tables that come and go
DO $$ BEGIN
    FOR i IN 1..300 LOOP
        EXECUTE format('CREATE TABLE m%s (id int PRIMARY KEY)', i);
        EXECUTE format('INSERT INTO m%s VALUES (%s)', i, i);
        IF i % 3 > 0 THEN EXECUTE format('DROP TABLE m%s', i); END IF;
        COMMIT;
        IF i % 3 = 0 THEN
            EXECUTE format('ALTER TABLE m%s ADD COLUMN n int', i);
            EXECUTE format('INSERT INTO m%s VALUES (%s, 0)', i, -i);
            COMMIT;
            EXECUTE format('DROP TABLE m%s', i);
        END IF;
        COMMIT;
    END LOOP;
END $$;
SELECT count(*) AS lines,
       count(*) FILTER (WHERE data::jsonb ->> 'topic' = 'public.m' || abs((data::jsonb #>> '{key,id}')::int)) AS right_topic,
       count(*) FILTER (WHERE data::jsonb -> 'value' ? 'n') AS with_new_column
FROM take('ddl') data;

SELECT pg_drop_replication_slot('ddl');
DROP MATERIALIZED VIEW mv;
DROP TABLE d, a, b, empty, copied, copied2;
DROP SCHEMA third;
