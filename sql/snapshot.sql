--
-- nova.snapshot_frames() and what a snapshot is planned with: rows that exist,
-- as the stream would have them.
--
SET client_min_messages = warning;
CREATE SCHEMA s;
CREATE TABLE s.users (id int PRIMARY KEY, gone int, name text, born date, price numeric(10, 2));
ALTER TABLE s.users DROP COLUMN gone;
INSERT INTO s.users SELECT i, 'user ' || i, '2000-01-01'::date + i, i * 1.5 FROM generate_series(1, 5) i;

-- readable: one line of JSON per record, the last one ends the chunk
CREATE FUNCTION snap(relation regclass, options text[] DEFAULT '{}', query text DEFAULT NULL, condition text DEFAULT NULL,
                     first_block bigint DEFAULT NULL, end_block bigint DEFAULT NULL, after_key text[] DEFAULT NULL,
                     upto_key text[] DEFAULT NULL, max_rows bigint DEFAULT NULL)
RETURNS SETOF text LANGUAGE sql AS $$
    SELECT convert_from(nova.snapshot_frames($1, '{output=text,topic.prefix=cdc,add.fields=op}' || $2, $3, $4, $5, $6, $7, $8, $9), 'UTF8')
$$;
SELECT snap('s.users');

-- what is the same for every row: time, position, transaction; nothing of it: null
SELECT convert_from(nova.snapshot_frames('s.users', '{output=text,"add.fields=op,source.ts_ms,source.lsn,source.txId,source.snapshot"}',
                                         condition => 'id = 1', at => '2024-02-29 12:00:00.123456Z', lsn => '1/10', txid => 5000000000), 'UTF8');
SELECT convert_from(nova.snapshot_frames('s.users', '{output=text,format=envelope,topic.prefix=cdc}',
                                         condition => 'id = 1', at => '2024-02-29 12:00:00.123456Z', lsn => '1/10', txid => 5000000000), 'UTF8');
SELECT convert_from(nova.snapshot_frames('s.users', '{output=text,"add.fields=source.lsn,source.txId"}', condition => 'id = 1'), 'UTF8');
SELECT convert_from(nova.snapshot_frames('s.users', '{output=text,format=envelope}',
                                         condition => 'id = 1', at => '2024-02-29 12:00:00Z', mark => 'incremental'), 'UTF8');

-- marks: of the first row, the others, and the last one; of a row that is both
CREATE FUNCTION marks_of(first text, last text, middle text DEFAULT 'true') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s: ', n) || coalesce(string_agg(substring(f FROM '"__source_snapshot":("?\w+"?)'), ' '), '-')
    FROM generate_series(0, 3) n, LATERAL (
        SELECT convert_from(nova.snapshot_frames('s.users', '{output=text,"add.fields=source.snapshot"}', condition => 'id <= ' || n,
                                                 first_mark => $1, last_mark => $2, mark => $3), 'UTF8') OFFSET 0) x (f)
    GROUP BY n ORDER BY n
$$;
SELECT marks_of(NULL, NULL);
SELECT marks_of('first', 'last');
SELECT marks_of('first', 'last_in_data_collection');
SELECT marks_of('first_in_data_collection', 'last_in_data_collection');
SELECT marks_of('first_in_data_collection', NULL);
SELECT marks_of(NULL, 'last', 'incremental');
SELECT marks_of(NULL, NULL, NULL);
SELECT marks_of(NULL, 'final');

-- options are the stream's; reads cannot be skipped
SELECT snap('s.users', '{profile=debezium,"skipped.operations=c,u,d,t"}', condition => 'id = 1');
SELECT snap('s.users', '{column.exclude.list=s\\.users\\.(born|id)}', condition => 'id = 1');
SELECT snap('s.users', '{message.key.columns=s.users:name}', condition => 'id = 1');
SELECT snap('s.users', '{topic.regex=.*users,topic.replacement=everybody}', condition => 'id = 1');
SELECT snap('s.users', '{delete.handling.mode=rewrite}', condition => 'id = 1');
SELECT snap('s.users', '{no.such=1}');
SELECT snap('s.users', '{table.include.list=s\\.other}');
SELECT snap('pg_class');

-- some of the rows: a condition, blocks, a piece of the key order
SELECT snap('s.users', condition => $$name IN ('user 2', 'user 4') -- and no more$$);
SELECT snap('s.users', condition => 'users.id > 4 OR id < 2', upto_key => '{3}');
SELECT snap('s.users', condition => 'true) OR (true');
SELECT snap('s.users', condition => 'true UNION SELECT true');
SELECT snap('s.users', condition => 'nobody > 1');
SELECT snap('s.users', condition => 'id');
CREATE TABLE s.paged (id int, pad text);
ALTER TABLE s.paged ALTER pad SET STORAGE PLAIN;
INSERT INTO s.paged SELECT i, repeat('x', 1500) FROM generate_series(1, 23) i;
SELECT b AS first, b + 2 AS "end", (SELECT string_agg(f::jsonb #>> '{value,id}', ' ') FROM snap('s.paged', first_block => b, end_block => b + 2) f) AS ids
FROM generate_series(0, 6, 2) b;
SELECT count(*) - 1 AS rows FROM snap('s.paged', first_block => 2);
SELECT count(*) - 1 AS rows FROM snap('s.paged', end_block => 2);
SELECT count(*) - 1 AS rows FROM snap('s.paged', first_block => 2, end_block => 99999999999, condition => 'id <> 20');
SELECT snap('s.paged', first_block => 99999999999);
SELECT snap('s.paged', first_block => -1);
SELECT snap('s.users', max_rows => 2);
SELECT snap('s.users', max_rows => 2, after_key => '{"2"}');
SELECT snap('s.users', max_rows => 2, after_key => '{"4"}');
SELECT snap('s.users', max_rows => 2, after_key => '{"5"}');
SELECT snap('s.users', max_rows => 2, after_key => '{1}', upto_key => '{3}', condition => 'id <> 2');
SELECT snap('s.users', after_key => '{1}', upto_key => '{3}');
SELECT snap('s.users', max_rows => 0);
SELECT nova.snapshot_last_key('s.users'), nova.snapshot_last_key('s.users', 'id < 3'), nova.snapshot_last_key('s.users', 'false');
SELECT snap('s.users', max_rows => 2, after_key => '{1,2}');
SELECT snap('s.users', max_rows => 2, after_key => '{NULL}');
SELECT snap('s.users', max_rows => 2, after_key => '{x}');
SELECT snap('s.paged', max_rows => 2);
SELECT nova.snapshot_last_key('s.paged');
-- keys of several columns and of types whose text needs care, in the order of the index
CREATE SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE TABLE s.keys (d timestamptz, c ext.citext, t text, b char(3), v int, PRIMARY KEY (c, b, d, t));
INSERT INTO s.keys SELECT '2024-02-29 12:00:00.123456+01'::timestamptz + g * interval '1 day', (ARRAY['b', 'A', 'c', 'B'])[g % 4 + 1], (ARRAY['{"', E'\\', ',', 'NULL', ' '])[g % 5 + 1], 'x', g FROM generate_series(1, 20) g;
CREATE FUNCTION in_chunks(relation regclass, size int, OUT ids text, OUT chunks int) LANGUAGE plpgsql AS $$
DECLARE
    line jsonb;
    at text[];
    over bool := false;
BEGIN
    chunks := 0;
    WHILE NOT over LOOP
        FOR line IN SELECT f FROM snap(relation, after_key => at, max_rows => size) f LOOP
            ids := concat_ws(' ', ids, line #>> '{value,v}');
            over := (line ->> 'end')::bool;
            at := CASE WHEN line ? 'end' AND NOT over THEN (line ->> 'position')::text[] ELSE at END;
        END LOOP;
        chunks := chunks + 1;
    END LOOP;
END $$;
SET datestyle = 'German';
SET timezone = 'America/New_York';
SELECT n, c.chunks, c.ids = (SELECT string_agg(v::text, ' ' ORDER BY c, b, d, t) FROM s.keys) AS complete FROM unnest('{1,3,7,20,21}'::int[]) n, in_chunks('s.keys', n) c;
SELECT nova.snapshot_last_key('s.keys');
RESET datestyle;
RESET timezone;

-- a query in the place of the table: its columns by name, brought to the table's types
SELECT snap('s.users', query => 'SELECT id, name FROM s.users WHERE id < 3;');
SELECT snap('s.users', query => $$SELECT upper(name) AS name, 7.005 AS price, id::bigint AS id, '2024-02-29'::text AS born FROM s.users -- all$$, condition => 'id > 4');
SELECT snap('s.users', query => 'SELECT * FROM s.users ORDER BY id DESC', max_rows => 2);
SELECT snap('s.users', '{profile=debezium}', query => 'SELECT id FROM s.users LIMIT 1');
SELECT snap('s.users', query => 'SELECT name FROM s.users');
SELECT snap('s.users', query => 'SELECT id, name AS nickname FROM s.users');
SELECT snap('s.users', query => 'SELECT id, name, ctid FROM s.users');
SELECT snap('s.users', query => 'SELECT id, born AS name, name AS born FROM s.users');
SELECT snap('s.users', query => 'DELETE FROM s.users');
SELECT snap('s.users', query => 'SELECT 1; SELECT 2');
SELECT snap('s.users', query => 'SELECT id FROM s.users) AS a, (SELECT 1 AS id');
SELECT snap('s.users', query => ' ; ');
SELECT snap('s.users', query => 'WITH five AS (SELECT * FROM s.users WHERE id = 5) TABLE five');
SELECT snap('s.users', query => 'SELECT id FROM s.users', first_block => 0);

-- nothing there: no record, and still a whole chunk; no column either
CREATE TABLE s.empty (id int PRIMARY KEY, v text);
SELECT snap('s.empty');
SELECT snap('s.empty', max_rows => 10);
CREATE TABLE s.nothing ();
INSERT INTO s.nothing DEFAULT VALUES;
INSERT INTO s.nothing DEFAULT VALUES;
SELECT snap('s.nothing');

-- generated columns: as in the stream
CREATE TABLE s.gen (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO s.gen VALUES (1);
SELECT snap('s.gen');
SELECT snap('s.gen', '{profile=debezium}');

-- values out of line and compressed are there, in keys as well
CREATE TABLE s.large (id int PRIMARY KEY, a text, b text, c jsonb, d int[]);
ALTER TABLE s.large ALTER a SET STORAGE EXTERNAL;
INSERT INTO s.large VALUES (1, repeat('a', 100000), repeat('b', 100000), jsonb_build_object('k', repeat('c', 100000)), array_fill(7, ARRAY[50000]));
SELECT (f::jsonb -> 'value') - '__op' = to_jsonb(l) AS equal FROM snap('s.large') f, s.large l LIMIT 1;
SELECT length(f::jsonb #>> '{key,a}') AS key FROM snap('s.large', '{message.key.columns=s.large:a}') f LIMIT 1;

-- partitions: each under its own name or the root's; the root has no rows
CREATE TABLE s.parts (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE s.parts_eu PARTITION OF s.parts FOR VALUES IN ('eu');
CREATE TABLE s.parts_us PARTITION OF s.parts FOR VALUES IN ('us') PARTITION BY RANGE (id);
CREATE TABLE s.parts_us_1 PARTITION OF s.parts_us FOR VALUES FROM (0) TO (100);
INSERT INTO s.parts VALUES (1, 'eu'), (2, 'us');
SELECT snap('s.parts_us_1');
SELECT snap('s.parts_us_1', '{publish.via.partition.root=true,table.include.list=s\\.parts}');
SELECT snap('s.parts');
-- children by inheritance are tables of their own
CREATE TABLE s.child () INHERITS (s.empty);
INSERT INTO s.child VALUES (1, 'child');
SELECT snap('s.empty');
SELECT snap('s.child');

-- what cannot be read
CREATE UNLOGGED TABLE s.unlogged (id int);
CREATE VIEW s.view AS SELECT 1 AS id;
SELECT snap('s.unlogged');
SELECT snap('s.view');
SELECT snap('s.nowhere');
SELECT snap(4294967295::oid);
SELECT nova.snapshot_frames(NULL);
SELECT nova.snapshot_frames('s.users', NULL);

-- the caller's rights count, also those to single columns
CREATE ROLE nova_reader;
GRANT USAGE ON SCHEMA nova, s TO nova_reader;
CREATE TABLE s.secret (id int PRIMARY KEY, shown text, hidden text);
INSERT INTO s.secret VALUES (1, 'shown', 'hidden'), (2, 'shown', 'hidden');
SET ROLE nova_reader;
SELECT snap('s.secret');
RESET ROLE;
GRANT SELECT (id, shown) ON s.secret TO nova_reader;
SET ROLE nova_reader;
SELECT snap('s.secret');
SELECT snap('s.secret', '{column.include.list=s\\.secret\\.shown}');
SELECT snap('s.secret', '{column.include.list=s\\.secret\\.shown}', condition => $$hidden = 'hidden'$$);
SELECT snap('s.secret', '{column.include.list=s\\.secret\\.shown}', query => 'SELECT id, hidden AS shown FROM s.secret');
SELECT nova.snapshot_last_key('s.secret');
RESET ROLE;
-- row security never makes a snapshot smaller
GRANT SELECT ON s.secret, s.users TO nova_reader;
ALTER TABLE s.secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON s.secret FOR SELECT USING (id = 1);
SET ROLE nova_reader;
SELECT count(*) FROM s.secret;
SELECT snap('s.secret');
SELECT snap('s.users', query => 'SELECT * FROM s.users WHERE id IN (SELECT id FROM s.secret)');
SELECT snap('s.users', condition => 'EXISTS (SELECT FROM s.secret)');
SELECT nova.snapshot_last_key('s.secret');
SELECT current_setting('row_security') AS row_security;
RESET ROLE;
SELECT snap('s.secret');
ALTER ROLE nova_reader BYPASSRLS;
SET ROLE nova_reader;
SELECT snap('s.secret');
RESET ROLE;
ALTER ROLE nova_reader NOBYPASSRLS;

-- the tables of a snapshot, the largest first
ANALYZE s.users, s.large, s.empty, s.child;
CREATE FUNCTION tables(options text[] DEFAULT '{}', include text DEFAULT '', OUT relation regclass, OUT root regclass, OUT topic text,
                       OUT rows bigint, OUT blocks bigint, OUT keyed bool, OUT order_key text[], OUT readable bool, OUT row_security bool)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT relation, root, topic, row_estimate, blocks, keyed, order_key, readable, row_security
    FROM nova.snapshot_tables('{schema.include.list=s,topic.prefix=cdc}' || $1, $2) ORDER BY relation::text COLLATE "C"
$$;
SELECT * FROM tables();
SET ROLE nova_reader;
SELECT relation, readable, row_security FROM tables('{}', 's\.(secret|users|gen)');
SELECT relation, readable, row_security FROM tables('{column.include.list=s\\.gen\\.id}', 'S\.GEN');
RESET ROLE;
SELECT relation, root, topic FROM tables('{publish.via.partition.root=true}', 's\.parts,s\.gen');
SELECT relation, order_key, keyed FROM tables('{message.key.columns=s.paged:id}', 's.paged');
SELECT array_agg(bytes) = array_agg(bytes ORDER BY bytes DESC) AS sorted FROM nova.snapshot_tables('{schema.include.list=s}');
SELECT * FROM tables('{}', '(');
SELECT * FROM tables('{no.such=1}');

-- frames: HELLO, a route, records and the end, in runs of batch.bytes; memory
-- stays small when nobody wants the rest
CREATE TABLE s.many (id int PRIMARY KEY, v text);
INSERT INTO s.many SELECT i, repeat('v', 100) FROM generate_series(1, 3000) i;
CREATE FUNCTION writes(relation regclass, options text[] DEFAULT '{}') RETURNS SETOF bytea LANGUAGE sql AS $$
    SELECT nova.snapshot_frames($1, '{add.fields=op}' || $2)
$$;
SELECT b AS batch_bytes, count(*) BETWEEN sum(length(w)) / (b + 2000) AND sum(length(w)) / (b - 200) + 2 AS writes, max(length(w)) < b + 3000 AS bounded
FROM unnest('{2048,8192,65536}'::int[]) b, LATERAL (SELECT writes('s.many', ARRAY['batch.bytes=' || b]) OFFSET 0) x (w)
GROUP BY b ORDER BY b;
SELECT substr(w, 1, 1) = 'H' AS hello FROM writes('s.many') w LIMIT 1;
SELECT count(*) FROM (SELECT nova.snapshot_frames('s.many') LIMIT 3) x;
SELECT count(*) FROM pg_cursors;
-- several at once, and one inside of another's query
SELECT count(a) > 10, count(b) > 10 FROM (SELECT nova.snapshot_frames('s.many', '{batch.bytes=32768}') a, nova.snapshot_frames('s.users', '{output=text}') b) x;
SELECT snap('s.users', query => $$SELECT count(*)::int AS id FROM (SELECT nova.snapshot_frames('s.users', '{output=text}')) x$$);
DO $$ BEGIN PERFORM snap('s.users', condition => 'id / (id - 3) > 100'); EXCEPTION WHEN division_by_zero THEN RAISE WARNING 'caught'; END $$;
SELECT count(*) FROM pg_cursors;
-- in a cursor, that ends before the rows do: closed, by the end of the transaction or of a savepoint
BEGIN;
DECLARE c CURSOR FOR SELECT length(nova.snapshot_frames('s.many')) > 0 AS l;
FETCH 1 c;
CLOSE c;
DECLARE c CURSOR FOR SELECT length(nova.snapshot_frames('s.many')) > 0 AS l;
DECLARE d CURSOR FOR SELECT length(nova.snapshot_frames('s.many')) > 0 AS l;
FETCH 1 c;
FETCH 1 d;
CLOSE ALL;
SELECT count(*) FROM pg_cursors;
DECLARE c CURSOR FOR SELECT length(nova.snapshot_frames('s.many')) > 0 AS l;
FETCH 1 c;
COMMIT;
BEGIN;
DECLARE c CURSOR FOR SELECT length(nova.snapshot_frames('s.many')) > 0 AS l;
FETCH 1 c;
SAVEPOINT a;
DECLARE d CURSOR FOR SELECT length(nova.snapshot_frames('s.many')) > 0 AS l;
FETCH 1 d;
ROLLBACK TO a;
FETCH 1 c;
ROLLBACK;
SELECT count(*) FROM pg_cursors;
-- a read-only transaction does
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SELECT snap('s.gen');
COMMIT;

-- a jsonb's text is PostgreSQL's, whatever is in it and however it is escaped
CREATE TABLE s.documents (id int PRIMARY KEY, doc jsonb);
INSERT INTO s.documents SELECT n, jsonb_build_object('k' || chr(n), jsonb_build_array(chr(n), n / 100.0, -n, n * 1e20, '{}'::jsonb))
FROM generate_series(1, 300) n;
INSERT INTO s.documents SELECT 1000 + n, to_jsonb(repeat(chr(119000 + n), n) || repeat('\"', n % 5) || repeat('x', n * 40)) FROM generate_series(1, 300) n;
INSERT INTO s.documents VALUES (2001, 'null'), (2002, 'true'), (2003, '[]'), (2004, '[[], [false, {"": null}]]'), (2005, '1.500'),
    (2006, to_jsonb(repeat(E'\x1f"', 700000)));
SELECT o AS options, count(*) AS rows, count(*) FILTER (WHERE v::jsonb ->> 'doc' = d.doc::text) AS equal
FROM unnest(ARRAY['{output=text,json.handling.mode=text}', '{output=text,profile=debezium}']) o,
     LATERAL (SELECT convert_from(nova.snapshot_frames('s.documents', o::text[]), 'UTF8') OFFSET 0) f (line),
     LATERAL (SELECT line::jsonb -> 'value') x (v), s.documents d
WHERE d.id = (line::jsonb #>> '{value,id}')::int
GROUP BY o ORDER BY o COLLATE "C";

DROP SCHEMA s, ext CASCADE;
DROP FUNCTION tables, snap, marks_of, writes, in_chunks;
REVOKE ALL ON SCHEMA nova FROM nova_reader;
DROP ROLE nova_reader;
