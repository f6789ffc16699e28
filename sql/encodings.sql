--
-- Databases in other encodings: records are UTF-8, lines of text are ASCII.
--
SET client_min_messages = warning;
CREATE DATABASE nova_sql_ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE nova_latin1 ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE nova_euc_jp ENCODING 'EUC_JP' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';
SELECT current_database() AS home \gset

-- no encoding: bytes that are no UTF-8 become U+FFFD, one for each
\c nova_sql_ascii
SET synchronous_commit = on;
CREATE TABLE t (id int PRIMARY KEY, v text);
SELECT 'init' FROM pg_create_logical_replication_slot('encodings', 'nova_decoder');
INSERT INTO t VALUES (1, 'ascii'), (2, E'\xc3\xa9'), (3, E'\xe9'), (4, E'a\xf0\x9f\x98\x80z'), (5, E'\xf0\x9f\x98'), (6, E'\x80\xff\xc0\x80'),
    (7, E'\xed\xa0\x80'), (8, E'"\xc3"\xa9\\'), (9, E'\xc3');
-- a character on the edge of each piece in which a long text is written
INSERT INTO t SELECT 100 + n, repeat('x', 8185 + n) || E'\xf0\x9f\x98\x80\xff' FROM generate_series(1, 10) n;
SELECT data FROM pg_logical_slot_peek_changes('encodings', NULL, NULL, 'add.fields', 'op') WHERE length(data) < 1000;
SELECT count(*) AS lines, count(*) FILTER (WHERE octet_length(data) = length(data) AND data !~ '[^\x01-\x7f]') AS ascii,
       count(*) FILTER (WHERE data LIKE '%x\\ud83d\\ude00\\ufffd"%') AS whole, count(data::json) AS json
FROM pg_logical_slot_peek_changes('encodings', NULL, NULL) WHERE length(data) > 1000;
-- frames and binary lines hold UTF-8
SELECT encode(substring(data FROM position('"v":'::bytea IN data) + 4 FOR 12), 'escape') AS bytes
FROM pg_logical_slot_peek_binary_changes('encodings', NULL, NULL, 'output', 'frames', 'batch.bytes', '1024') LIMIT 1;
-- in names and in messages
CREATE EXTENSION nova_decoder;
SELECT count(*) FROM pg_logical_slot_get_changes('encodings', NULL, NULL);
DO $$ BEGIN
    EXECUTE E'CREATE TABLE "n\xe9\xc3\xa9" ("c\xe9\xc3\xa9" int PRIMARY KEY)';
    EXECUTE E'INSERT INTO "n\xe9\xc3\xa9" VALUES (1)';
END $$;
SELECT nova.publish('events', E'\xe9', E'\xc3\xa9\xff') > '0/0';
SELECT data FROM pg_logical_slot_get_changes('encodings', NULL, NULL, 'add.fields', 'op,table');
SELECT pg_drop_replication_slot('encodings');

-- one byte for each character
\c nova_latin1
SET synchronous_commit = on;
SET client_encoding = 'LATIN1';
CREATE EXTENSION nova_decoder;
CREATE TABLE t (id int PRIMARY KEY, v text, c char(3), j json, jb jsonb, a text[], x "char", n name);
SELECT 'init' FROM pg_create_logical_replication_slot('encodings', 'nova_decoder');
INSERT INTO t VALUES (1, E'\xe9\xff\x80"\\', E'\xe9', E'{"\xe9": "\xfc"}', E'{"\xe9": "\xfc"}', ARRAY[E'\xe9'], 'x', E'n\xe9');
INSERT INTO t (id, v) SELECT 100 + n, repeat('x', n) || repeat(E'\xe9', 9000) FROM generate_series(0, 3) n;
INSERT INTO t (id, v) SELECT n, chr(n) FROM generate_series(128, 255) n ON CONFLICT (id) DO NOTHING;
SELECT data FROM pg_logical_slot_peek_changes('encodings', NULL, NULL, 'add.fields', 'op') LIMIT 1;
SELECT count(*) AS lines, count(*) FILTER (WHERE data ~ '^[\x20-\x7e]*$') AS ascii,
       count(*) FILTER (WHERE data::json #>> '{value,v}' = t.v) AS equal
FROM pg_logical_slot_peek_changes('encodings', NULL, NULL) s LEFT JOIN t ON t.id = (s.data::json #>> '{key,id}')::int;
-- digests are those of UTF-8, cuts count characters
SELECT count(*) AS lines, count(*) FILTER (WHERE data::json #>> '{value,v}' = encode(sha256('s' || convert_to(t.v, 'UTF8')), 'hex')) AS hashed
FROM pg_logical_slot_peek_changes('encodings', NULL, NULL, 'column.mask.hash.v2', 'SHA-256:s:public.t.v') s JOIN t ON t.id = (s.data::json #>> '{key,id}')::int;
SELECT count(*) AS lines, count(*) FILTER (WHERE data::json #>> '{value,v}' = left(t.v, 3)) AS cut
FROM pg_logical_slot_peek_changes('encodings', NULL, NULL, 'column.truncate', '3:public.t.v') s JOIN t ON t.id = (s.data::json #>> '{key,id}')::int;
-- names of added fields: the same bytes at each call
SELECT DISTINCT substring(data FROM ',"__[^}]*') AS field
FROM (SELECT data FROM pg_logical_slot_peek_changes('encodings', NULL, NULL, 'add.fields', E'op:\xe9')
      UNION ALL SELECT data FROM pg_logical_slot_peek_changes('encodings', NULL, NULL, 'add.fields', E'op:\xe9')) s;
\c nova_latin1
SET client_encoding = 'LATIN1';
SELECT DISTINCT substring(data FROM ',"__[^}]*') AS field
FROM pg_logical_slot_peek_changes('encodings', NULL, NULL, 'add.fields', E'op:\xe9');
SELECT op, key, value FROM nova.describe('t', 'add.fields=op', 'skipped.operations=u,d');
SELECT nova.publish('events', E'\xe9', E'\xfc', jsonb_build_object(E'\xe9', E'\xff')) > '0/0';
SELECT data FROM pg_logical_slot_get_changes('encodings', NULL, NULL, 'table.include.list', 'none');
SELECT pg_drop_replication_slot('encodings');

-- several bytes for some, among them characters that UTF-8 lacks
\c nova_euc_jp
SET synchronous_commit = on;
SET client_encoding = 'EUC_JP';
CREATE TABLE t (id int PRIMARY KEY, v text);
SELECT 'init' FROM pg_create_logical_replication_slot('encodings', 'nova_decoder');
INSERT INTO t VALUES (1, E'\xb4\xc1\xbb\xfa'), (2, E'\x8e\xb1'), (3, E'\x8f\xb0\xa1'), (4, E'a\xa9\xa1b'), (5, E'"\xb4\xc1\\');
INSERT INTO t SELECT 100 + n, repeat('x', 8188 + n) || E'\xb4\xc1\xbb\xfa\x8f\xb0\xa1' || repeat(E'\xa4\xa2', 5000) FROM generate_series(0, 6) n;
SELECT data FROM pg_logical_slot_peek_changes('encodings', NULL, NULL, 'add.fields', 'op') WHERE length(data) < 1000;
SELECT count(*) AS lines, count(*) FILTER (WHERE data ~ '^[\x20-\x7e]*$') AS ascii,
       count(*) FILTER (WHERE data::json #>> '{value,v}' = t.v) AS equal
FROM pg_logical_slot_get_changes('encodings', NULL, NULL) s LEFT JOIN t ON t.id = (s.data::json #>> '{key,id}')::int
WHERE length(data) > 1000;
SELECT pg_drop_replication_slot('encodings');

\c :home
DROP DATABASE nova_sql_ascii;
DROP DATABASE nova_latin1;
DROP DATABASE nova_euc_jp;
