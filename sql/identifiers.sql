--
-- Names of schemas, tables and columns with everything that a name can hold.
--
\a
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('identifiers', 'nova_decoder');
CREATE FUNCTION fields(data text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(k || '=' || v, ' | ') FROM json_each_text(data::json -> 'value') e (k, v)
$$;

-- 63 bytes, the most
CREATE SCHEMA sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss;
CREATE TABLE sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss.ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt
    (ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc int PRIMARY KEY,
     """""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""""" int);
INSERT INTO sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss.ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt VALUES (1, 2);
SELECT take('identifiers');

-- quotes, backslashes, control characters, blanks, dots, braces
CREATE SCHEMA "a ""schema\";
CREATE TABLE "a ""schema\"."the.table{""x"":1}" (" " int, "a""b" int, "c\d" int, "e\""f" int, "tab	" int, "line
break" int, "g,h" int, ":" int, "{}" int, "$1" int, "%s" int, "'" int, "é" int, "漢字" int, "😀" int, "__op" int, "null" int, "SELECT" int,
    PRIMARY KEY ("a""b", "c\d", "😀"));
INSERT INTO "a ""schema\"."the.table{""x"":1}" VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18);
DELETE FROM "a ""schema\"."the.table{""x"":1}";
SELECT peek('identifiers');
SELECT data::json ->> 'topic' AS topic, data::json -> 'key' AS key, fields(data) FROM peek('identifiers') data LIMIT 1;
SELECT data::json -> 'value' ->> '"op' AS op FROM take('identifiers', 'add.fields.prefix', '"') data;

-- each ASCII character in a column's name; names that differ in case only
DO $$ DECLARE
    columns text;
BEGIN
    SELECT string_agg(format('%I int DEFAULT %s', 'c' || chr(i) || 'c', i), ',') INTO columns FROM generate_series(1, 127) i;
    EXECUTE 'CREATE TABLE ascii (id int, ' || columns || ')';
END $$;
INSERT INTO ascii (id) VALUES (0);
SELECT count(*) AS columns, count(*) FILTER (WHERE k = 'c' || chr(v::int) || 'c') AS equal
FROM take('identifiers') data, json_each_text(data::json -> 'value') e (k, v) WHERE k NOT IN ('id', '__op');
CREATE TABLE "Case" (a int, "A" int, "ａ" int, U&"\00e1" int, U&"a\0301" int);
INSERT INTO "Case" VALUES (1, 2, 3, 4, 5);
CREATE TABLE "case" (a int);
INSERT INTO "case" VALUES (6);
SELECT take('identifiers');

-- the schema and the table as fields, in a filter
SELECT 1 FROM take('identifiers');
INSERT INTO "a ""schema\"."the.table{""x"":1}" ("a""b", "c\d", "😀") VALUES (1, 2, 3);
SELECT data::json -> 'value' ->> '__s' AS schema, data::json -> 'value' ->> '__t' AS table
FROM pg_logical_slot_peek_changes('identifiers', NULL, NULL, 'add.fields', 'source.schema:s,source.table:t');
SELECT count(*) FROM peek('identifiers', 'table.include.list', 'a "schema\\\.the\.table\{"x":1\}');
SELECT count(*) FROM peek('identifiers', 'schema.include.list', 'a "schema\\');
SELECT count(*) FROM peek('identifiers', 'schema.include.list', 'a schema');

-- names as they were and as they are
ALTER TABLE "a ""schema\"."the.table{""x"":1}" RENAME COLUMN "😀" TO "😁";
ALTER TABLE "a ""schema\"."the.table{""x"":1}" RENAME TO "'; DROP TABLE x; --";
INSERT INTO "a ""schema\"."'; DROP TABLE x; --" ("a""b", "c\d", "😁") VALUES (4, 5, 6);
SELECT data::json ->> 'topic' AS topic, data::json -> 'key' AS key FROM take('identifiers') data;

SELECT pg_drop_replication_slot('identifiers');
DROP TABLE sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss.ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt;
DROP TABLE "a ""schema\"."'; DROP TABLE x; --", ascii, "Case", "case";
DROP SCHEMA sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss, "a ""schema\";
DROP FUNCTION fields(text);
