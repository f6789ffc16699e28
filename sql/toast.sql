--
-- Values that are stored out of line: never fetched, never invented.
--
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('toast', 'nova_decoder');
-- long values are shown by their length
CREATE FUNCTION short(data text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace($1, '(a{50,})', '<many a>', 'g'), '(b{50,})', '<many b>', 'g')
$$;
CREATE TABLE docs (id int PRIMARY KEY, body text, extra bytea, n int);
ALTER TABLE docs ALTER body SET STORAGE EXTERNAL, ALTER extra SET STORAGE EXTERNAL;
INSERT INTO docs VALUES (1, repeat('a', 10000), decode(repeat('00', 9000), 'hex'), 1);
SELECT short(regexp_replace(take, 'A{200,}', '<zeros>')) FROM take('toast');

-- unchanged
UPDATE docs SET n = 2;
SELECT peek('toast');
SELECT peek('toast', 'unavailable.value.handling', 'omit');
SELECT peek('toast', 'unavailable.value.placeholder', 'a "special" one');
SELECT take('toast', 'unavailable.value.placeholder', '');

-- one of two changed; to null; to something short
UPDATE docs SET body = repeat('b', 10000);
UPDATE docs SET extra = NULL;
UPDATE docs SET body = 'short';
SELECT short(take) FROM take('toast');

-- all columns omitted but one, or all
CREATE TABLE only_doc (body text);
ALTER TABLE only_doc ALTER body SET STORAGE EXTERNAL;
INSERT INTO only_doc VALUES (repeat('a', 10000));
UPDATE only_doc SET body = body;
SELECT short(take) FROM take('toast', 'unavailable.value.handling', 'omit');

-- FULL: the value comes from the old row
ALTER TABLE docs REPLICA IDENTITY FULL;
UPDATE docs SET body = repeat('a', 10000), extra = '\x01';
UPDATE docs SET n = 3;
DELETE FROM docs;
SELECT short(take) FROM take('toast');

-- a key out of line: known when it did not change
CREATE TABLE long_key (k text PRIMARY KEY, n int) WITH (toast_tuple_target = 128);
ALTER TABLE long_key ALTER k SET STORAGE EXTERNAL;
INSERT INTO long_key VALUES (repeat('a', 2500), 1);
UPDATE long_key SET n = 2;
UPDATE long_key SET k = repeat('b', 2500);
DELETE FROM long_key;
SELECT short(take) FROM take('toast');
-- the columns of an identity index are known, too
CREATE TABLE long_code (id int PRIMARY KEY, code text NOT NULL, body text) WITH (toast_tuple_target = 128);
CREATE UNIQUE INDEX long_code_idx ON long_code (id, code);
ALTER TABLE long_code ALTER code SET STORAGE EXTERNAL, ALTER body SET STORAGE EXTERNAL;
ALTER TABLE long_code REPLICA IDENTITY USING INDEX long_code_idx;
INSERT INTO long_code VALUES (1, repeat('a', 2500), repeat('b', 2500));
UPDATE long_code SET id = 2;
UPDATE long_code SET id = 2;
SELECT short(take) FROM take('toast');
-- without any identity it is not known: a null key, not a key of null
ALTER TABLE long_key REPLICA IDENTITY NOTHING;
INSERT INTO long_key VALUES (repeat('a', 2500), 1);
UPDATE long_key SET n = 2;
SELECT short(take) FROM take('toast');

-- compressed, in line and out of line; compressed values are not placeholders
CREATE TABLE packed (id int PRIMARY KEY, t text, j jsonb, a int[], n numeric, x text);
INSERT INTO packed VALUES (1, repeat('a', 5000), jsonb_build_object('k', repeat('b', 5000)), '{}', 0, repeat('0', 4000));
SELECT pg_column_size(t) < 200 AS packed_in_line FROM packed;
UPDATE packed SET id = 1;
INSERT INTO packed SELECT 2, string_agg(md5(g::text), ''), to_jsonb(string_agg(md5(g::text), '')), array_agg(g * 1000003),
    string_agg((g * 1000003)::text, '')::numeric, '' FROM generate_series(1, 2000) g;
UPDATE packed SET x = 'y' WHERE id = 2;
UPDATE packed SET t = t || '.', j = '1', a = a || 1, n = n + 1 WHERE id = 2;
SELECT md5((SELECT p.t || to_jsonb(p.a)::text || p.n FROM packed p WHERE p.id = 2)) =
       md5((v ->> 't') || (v ->> 'a') || (v ->> 'n')) AS equals_table,
       CASE WHEN length(data) < 1000 OR v -> 'id' = '1' THEN short(regexp_replace(data, '0{100,}', '<zeros>')) ELSE 'long' END AS line
FROM take('toast') data, LATERAL (SELECT data::jsonb -> 'value') s (v);

-- out-of-line values inside an array and a composite
CREATE TYPE doc AS (title text, body text);
CREATE TABLE nested (id int PRIMARY KEY, d doc, a text[], n int);
INSERT INTO nested SELECT 1, ROW('t', string_agg(md5(g::text), ''))::doc, ARRAY[string_agg(md5(g::text), '')], 1 FROM generate_series(1, 200) g;
UPDATE nested SET n = 2;
SELECT regexp_replace(take, '[0-9a-f]{200,}', '<hashes>', 'g') FROM take('toast');

-- a megabyte, twice changed in one transaction
BEGIN;
INSERT INTO docs VALUES (2, repeat('a', 1000000), NULL, 1);
UPDATE docs SET body = repeat('b', 1000000), n = 2 WHERE id = 2;
UPDATE docs SET n = 3 WHERE id = 2;
COMMIT;
SELECT short(take), length(take) FROM take('toast');

-- the value of the LSN, not of now: it has been replaced and vacuumed since
ALTER TABLE docs REPLICA IDENTITY DEFAULT;
UPDATE docs SET n = 4 WHERE id = 2;
UPDATE docs SET body = repeat('a', 10000) WHERE id = 2;
VACUUM docs;
SELECT short(take) FROM take('toast');

SELECT pg_drop_replication_slot('toast');
DROP TABLE docs, only_doc, long_key, long_code, packed, nested;
DROP TYPE doc;
DROP FUNCTION short(text);
