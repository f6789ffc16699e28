--
-- Only what was committed, in the order of commits, however large.
--
SET synchronous_commit = on;
CREATE TABLE x (id int PRIMARY KEY, v text);
SELECT 'init' FROM pg_create_logical_replication_slot('xact', 'nova_decoder');

-- rolled back
BEGIN;
INSERT INTO x VALUES (1);
ROLLBACK;
SELECT take('xact');

-- savepoints, released, rolled back, nested
BEGIN;
INSERT INTO x VALUES (1, 'kept');
SAVEPOINT a;
INSERT INTO x VALUES (2, 'lost');
SAVEPOINT b;
INSERT INTO x VALUES (3, 'lost');
RELEASE b;
ROLLBACK TO a;
INSERT INTO x VALUES (2, 'kept');
SAVEPOINT c;
UPDATE x SET v = 'kept, too' WHERE id = 2;
SAVEPOINT d;
DELETE FROM x;
ROLLBACK TO d;
RELEASE c;
COMMIT;
SELECT take('xact');

-- a transaction of which nothing is left sends nothing
BEGIN;
SAVEPOINT a;
INSERT INTO x VALUES (9, 'lost');
ROLLBACK TO a;
COMMIT;
SELECT take('xact');

-- blocks with exceptions
DO $$ BEGIN
    FOR i IN 10..13 LOOP
        BEGIN
            INSERT INTO x VALUES (i, 'try');
            IF i % 2 = 1 THEN RAISE 'odd'; END IF;
        EXCEPTION WHEN raise_exception THEN
            INSERT INTO x VALUES (i, 'caught');
        END;
    END LOOP;
END $$;
SELECT take('xact');

-- a hundred levels
DO $$
BEGIN
    CREATE FUNCTION nest(n int) RETURNS void LANGUAGE plpgsql AS $f$ BEGIN
        INSERT INTO x VALUES (1000 + n);
        IF n < 100 THEN PERFORM nest(n + 1); END IF;
        IF n = 70 THEN RAISE 'undo from 70 on'; END IF;
    EXCEPTION WHEN raise_exception THEN
        NULL;
    END $f$;
END $$;
SELECT nest(1);
SELECT count(*) AS lines, max((data::jsonb #>> '{key,id}')::int) FROM take('xact') data;
DROP FUNCTION nest(int);

-- several commits in one call
DO $$ BEGIN
    FOR i IN 20..22 LOOP
        INSERT INTO x VALUES (i);
        IF i = 21 THEN ROLLBACK; ELSE COMMIT; END IF;
    END LOOP;
END $$;
SELECT take('xact');

-- INSERT … ON CONFLICT: what became of the row, not what was tried
INSERT INTO x VALUES (20, 'new'), (23, 'new') ON CONFLICT DO NOTHING;
INSERT INTO x VALUES (20, 'upserted'), (24, 'new') ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v;
SELECT take('xact');

-- MERGE-like work in one statement, and rows written by triggers
CREATE TABLE log (n serial PRIMARY KEY, what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO log (what) VALUES (TG_OP);
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON x FOR EACH ROW EXECUTE FUNCTION note();
WITH gone AS (DELETE FROM x WHERE id = 20 RETURNING *)
INSERT INTO x SELECT id + 10, v FROM gone;
SELECT take('xact');
DROP TRIGGER note ON x;
-- foreign keys that cascade
CREATE TABLE child (id int PRIMARY KEY, x int REFERENCES x ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO child VALUES (1, 30), (2, 30);
UPDATE x SET id = 31 WHERE id = 30;
DELETE FROM x WHERE id = 31;
SELECT take('xact');

-- COPY
COPY x FROM stdin WITH (FORMAT csv);
40,"copied, ""quoted"""
41,
\.
COPY x FROM stdin;
42	tab\there
43	\N
\.
SELECT take('xact');
CREATE TABLE frozen (id int PRIMARY KEY);
BEGIN;
TRUNCATE frozen;
COPY frozen FROM stdin WITH (FREEZE);
1
2
\.
COMMIT;
SELECT take('xact');

-- larger than logical_decoding_work_mem, so that it spills to disk
SET logical_decoding_work_mem = '64kB';
BEGIN;
INSERT INTO x SELECT g, repeat('s', 100) FROM generate_series(10001, 15000) g;
SAVEPOINT a;
INSERT INTO x SELECT g, repeat('t', 100) FROM generate_series(15001, 20000) g;
ROLLBACK TO a;
SAVEPOINT b;
UPDATE x SET v = 'u' WHERE id BETWEEN 10001 AND 13000;
RELEASE b;
DELETE FROM x WHERE id BETWEEN 14001 AND 15000;
COMMIT;
SELECT data::jsonb #>> '{value,__op}' AS op, count(*), min((data::jsonb #>> '{key,id}')::int), max((data::jsonb #>> '{key,id}')::int)
FROM peek('xact') data GROUP BY 1 ORDER BY 1;
-- the order and the bytes do not depend on it
CREATE TEMP TABLE spilled AS SELECT data, n FROM peek('xact') WITH ORDINALITY p (data, n);
SET logical_decoding_work_mem = '256MB';
SELECT count(*) FILTER (WHERE s.data IS DISTINCT FROM p.data) AS differing
FROM spilled s FULL JOIN peek('xact') WITH ORDINALITY p (data, n) USING (n);
RESET logical_decoding_work_mem;
SELECT count(*) FROM take('xact');

-- a large one with toast and DDL in the middle
SET logical_decoding_work_mem = '64kB';
BEGIN;
INSERT INTO x SELECT g, repeat('s', 100) FROM generate_series(20001, 21000) g;
ALTER TABLE x ADD COLUMN w text;
ALTER TABLE x ALTER w SET STORAGE EXTERNAL;
INSERT INTO x SELECT g, 'v', repeat('w', 5000) FROM generate_series(21001, 21100) g;
ALTER TABLE x DROP COLUMN v;
UPDATE x SET w = 'short' WHERE id <= 20010 AND id > 20000;
COMMIT;
SELECT data::jsonb #>> '{value,__op}' AS op, data::jsonb -> 'value' ? 'v' AS v, length(data::jsonb #>> '{value,w}') AS w, count(*)
FROM take('xact') data GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
RESET logical_decoding_work_mem;

-- up to a position, and by a number of lines: whole transactions only
INSERT INTO x (id) VALUES (50), (51), (52);
SELECT pg_current_wal_insert_lsn() AS here \gset
INSERT INTO x (id) VALUES (53);
SELECT data FROM pg_logical_slot_peek_changes('xact', NULL, 1, 'add.fields', 'op');
SELECT data FROM pg_logical_slot_get_changes('xact', :'here', NULL, 'add.fields', 'op');
SELECT take('xact');

-- the session's role in replication changes nothing
SET session_replication_role = replica;
INSERT INTO x (id) VALUES (60);
RESET session_replication_role;
SELECT take('xact');

SELECT pg_drop_replication_slot('xact');
DROP TABLE child, x, log, frozen;
DROP FUNCTION note();
