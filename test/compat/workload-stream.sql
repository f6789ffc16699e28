-- The changes of schema "i" while the connectors stream.  The last statement
-- tells the reader that there is no more.

\set ON_ERROR_STOP on
SET timezone = 'UTC';

-- Identities: insert, update, update of nothing, delete.
INSERT INTO i.dflt VALUES (11, 'new', 1, '2023-10-12 22:52:03.456'), (12, NULL, -1, '1969-12-31 23:59:59.999');
UPDATE i.dflt SET a = 'changed' WHERE id IN (1, 11);
UPDATE i.dflt SET a = a WHERE id = 2;
DELETE FROM i.dflt WHERE id IN (1, 12);
INSERT INTO i.full VALUES (11, 'new', 1, '2023-10-12 22:52:03.456'), (12, NULL, -1, '1969-12-31 23:59:59.999');
UPDATE i.full SET a = 'changed' WHERE id IN (1, 11);
UPDATE i.full SET a = a WHERE id = 2;
DELETE FROM i.full WHERE id IN (1, 12);
INSERT INTO i.index VALUES (11, 'code11', 'new', 1);
UPDATE i.index SET a = 'changed' WHERE id IN (1, 11);
UPDATE i.index SET code = 'recoded' WHERE id = 2;
UPDATE i.index SET id = 33 WHERE id = 3;
DELETE FROM i.index WHERE id IN (1, 2);
INSERT INTO i.nothing VALUES (2, 'new');
INSERT INTO i.nopk VALUES (2, 'new');
INSERT INTO i.nopk_full VALUES (3, 'new');
UPDATE i.nopk_full SET a = 'changed' WHERE id = 2;
DELETE FROM i.nopk_full WHERE id = 1;
INSERT INTO i.multi VALUES ('y', 3, '20000000-0000-4000-8000-00000000abcd', '2020-01-02 03:04:05.678', 'new');
UPDATE i.multi SET v = 'changed' WHERE a = 'x';
UPDATE i.multi SET b = 4 WHERE a = 'y';
DELETE FROM i.multi WHERE a = 'x';
INSERT INTO i.uniq VALUES (3, 'three', 'new');
UPDATE i.uniq SET v = 'changed' WHERE id = 1;
UPDATE i.uniq SET code = 'uno' WHERE id = 1;
DELETE FROM i.uniq WHERE id = 2;
INSERT INTO i.uniq_null VALUES (3, 'three', 'new'), (NULL, NULL, 'new');
UPDATE i.uniq_null SET v = 'changed' WHERE id = 1;
UPDATE i.uniq_null SET code = 'zwei' WHERE id = 2;
DELETE FROM i.uniq_null WHERE id = 1;
INSERT INTO i.uniq_two VALUES (2, 20, 'new');
UPDATE i.uniq_two SET a = 21 WHERE b = 2;
DELETE FROM i.uniq_two WHERE b = 1;
INSERT INTO i.uniq_part VALUES (2, 'new');
DELETE FROM i.uniq_part WHERE id = 1;
INSERT INTO i.keys VALUES (1, -9223372036854775808, -1.5, 0, '', '', '20000000-0000-4000-8000-00000000abcd',
	'1969-12-31', '1969-12-31 23:59:59', '2020-02-29 12:34:56+00', false, '', 'sad', -0.001, 'new');
DELETE FROM i.keys WHERE i2 = -1;

-- Key changes.
UPDATE i.keychg SET id = 101 WHERE id = 1;
UPDATE i.keychg SET id = 102, a = 'changed' WHERE id = 2;
UPDATE i.keychg SET id = id WHERE id = 3;
BEGIN;
UPDATE i.keychg SET id = 103 WHERE id = 3;
UPDATE i.keychg SET id = 3 WHERE id = 103;
DELETE FROM i.keychg WHERE id = 3;
INSERT INTO i.keychg VALUES (3, 'again', 3);
COMMIT;
UPDATE i.keychg_full SET id = 101 WHERE id = 1;
UPDATE i.keychg_full SET id = 102, a = 'changed' WHERE id = 2;
DELETE FROM i.keychg_full WHERE id = 102;

-- TOAST left alone, replaced by another, by NULL; delete; key change.
INSERT INTO i.toast (id, n, text, "int4[]") SELECT 11, 11, repeat('n', 3000), ARRAY(SELECT g FROM generate_series(1, 1000) g);
UPDATE i.toast SET n = n + 1 WHERE id IN (1, 11);
UPDATE i.toast SET text = repeat('T', 3000), "int4[]" = NULL WHERE id = 1;
UPDATE i.toast SET id = 101 WHERE id = 1;
DELETE FROM i.toast WHERE id = 2;
UPDATE i.toast_full SET n = n + 1 WHERE id = 1;
UPDATE i.toast_full SET text = repeat('T', 3000), "int4[]" = NULL WHERE id = 1;
UPDATE i.toast_full SET id = 101 WHERE id = 1;
DELETE FROM i.toast_full WHERE id = 2;

-- One transaction over several tables, a subtransaction taken back, an empty one.
BEGIN;
INSERT INTO i.dflt VALUES (21, 'txn', 1, '2023-10-12 22:52:03.456');
SAVEPOINT s;
INSERT INTO i.dflt VALUES (22, 'never', 1, '2023-10-12 22:52:03.456');
ROLLBACK TO s;
INSERT INTO i.full VALUES (21, 'txn', 1, '2023-10-12 22:52:03.456');
UPDATE i.dflt SET n = 2 WHERE id = 21;
DELETE FROM i.full WHERE id = 21;
COMMIT;
BEGIN;
INSERT INTO i.dflt VALUES (23, 'never', 1, '2023-10-12 22:52:03.456');
ROLLBACK;

-- Truncates: one table, several at once, a partitioned one.
INSERT INTO i.trunc VALUES (2, 'new');
TRUNCATE i.trunc;
INSERT INTO i.trunc VALUES (3, 'after');
INSERT INTO i.part VALUES (3, 'eu', 'new'), (4, 'us', 'new');
UPDATE i.part SET v = 'changed' WHERE id = 1;
UPDATE i.part SET region = 'us' WHERE id = 3;
DELETE FROM i.part WHERE id = 2;
TRUNCATE i.part, i.trunc;
INSERT INTO i.part VALUES (5, 'eu', 'last');

-- Names that need quoting everywhere.
INSERT INTO i."Odd Näme" VALUES (2, 'a', 'б', 'dot', 'first');
DELETE FROM i."Odd Näme" WHERE "Id" = 1;

INSERT INTO n."1-ключ 😀" VALUES (2, 'two', 'a', 2.5, 'b', 3, '2020-02-29', 'sad');
UPDATE n."1-ключ 😀" SET "a.b" = NULL WHERE k_2 = 'one';
UPDATE n."1-ключ 😀" SET "ä-id" = 22 WHERE k_2 = 'two';
DELETE FROM n."1-ключ 😀" WHERE k_2 = 'one';
INSERT INTO n."_plain_name" VALUES (2, 'new');
INSERT INTO n.nn SELECT 2, lseg, path, polygon, point, box, line, circle, cidr, macaddr8, numrange, tstzrange, "varbit(5)",
	"bit(9)", "text[]", vec, 2, 2, 2, NULL, '04:05:06.7', '04:05:06.7', '1 day', NULL, NULL, NULL FROM n.nn;
UPDATE n.nn SET text_7 = NULL WHERE id = 1;
DELETE FROM n.nn WHERE id = 1;

-- Columns that some configurations mask, cut, hash or leave out.
INSERT INTO i.cols VALUES (2, 'short', 'short', 'x', 'set', 2, 'gone'), (3, '', 'äöüäöüäöü', '', NULL, 3, NULL);
UPDATE i.cols SET gone = 'other' WHERE id = 1;
DELETE FROM i.cols WHERE id = 2;

-- DDL in mid-stream.
ALTER TABLE i.ddl ADD c integer DEFAULT 7, ADD d text;
INSERT INTO i.ddl VALUES (2, 'added', 2, 3, 'd');
UPDATE i.ddl SET a = 'changed' WHERE id = 1;
ALTER TABLE i.ddl DROP b;
INSERT INTO i.ddl VALUES (3, 'dropped', 3, 'd');
ALTER TABLE i.ddl RENAME a TO renamed;
INSERT INTO i.ddl VALUES (4, 'renamed', 4, 'd');
ALTER TABLE i.ddl ALTER c TYPE text;
INSERT INTO i.ddl VALUES (5, 'retyped', 'five', 'd');

-- Logical messages, in and out of a transaction.
SELECT pg_logical_emit_message(true, 'foo', 'bar');
SELECT pg_logical_emit_message(false, 'loose', 'text "quoted" ä');
BEGIN;
INSERT INTO i.dflt VALUES (31, 'with message', 1, '2023-10-12 22:52:03.456');
SELECT pg_logical_emit_message(true, 'bytes', '\x00ff10'::bytea);
SELECT pg_logical_emit_message(true, '', '');
COMMIT;

INSERT INTO i.outbox VALUES ('10000000-0000-4000-8000-000000000002', 'order', '8', 'OrderPaid', '{"id": 8, "n": [1, 2.50]}'),
	('10000000-0000-4000-8000-000000000003', 'user', 'u1', 'UserGone', NULL);
DELETE FROM i.outbox;

-- What publications let through: rows that go in and out of a filter, also by
-- their key and with a value that the WAL does not repeat.
INSERT INTO p.rows VALUES (1, 1, 'in'), (2, 2, 'in'), (101, 1, 'out'), (102, 1, 'out');
UPDATE p.rows SET v = 'changed' WHERE id IN (1, 101);
UPDATE p.rows SET id = 103 WHERE id = 2;
UPDATE p.rows SET id = 3 WHERE id = 102;
UPDATE p.rows SET id = 4 WHERE id = 1;
DELETE FROM p.rows WHERE id IN (101, 3);
INSERT INTO p.rows_full VALUES (1, 11, 'in'), (2, 2, 'out'), (3, NULL, 'unknown'), (4, 4, repeat('long', 1000)), (5, 5, NULL);
UPDATE p.rows_full SET v = 'changed' WHERE id IN (1, 2);
UPDATE p.rows_full SET n = 1 WHERE id = 1;
UPDATE p.rows_full SET n = 12 WHERE id IN (2, 3);
UPDATE p.rows_full SET n = 40 WHERE id = 4;
UPDATE p.rows_full SET n = 3 WHERE id IN (3, 4);
UPDATE p.rows_full SET id = 6, n = 60 WHERE id = 5;
UPDATE p.rows_full SET id = 7, n = 7 WHERE id = 6;
DELETE FROM p.rows_full;
INSERT INTO p.cols VALUES (1, 'a', 'secret', 1), (2, NULL, NULL, 2);
UPDATE p.cols SET secret = 'other' WHERE id = 1;
UPDATE p.cols SET id = 3 WHERE id = 2;
DELETE FROM p.cols WHERE id = 1;
INSERT INTO p.ops VALUES (1, 'new'), (2, 'new');
UPDATE p.ops SET v = 'changed' WHERE id = 1;
DELETE FROM p.ops WHERE id = 1;
TRUNCATE p.ops;
INSERT INTO p.ops VALUES (3, 'new');
-- tables whose key is not all published can only be inserted into
INSERT INTO p.nokey VALUES (1, 'a', 'b'), (2, 'a', 'c');
INSERT INTO p.nokey_all VALUES (1, 'a');
INSERT INTO p.part VALUES (1, 'eu', 'new'), (2, 'us', 'new'), (101, 'eu', 'new'), (102, 'us', 'new');
UPDATE p.part SET v = 'changed';
UPDATE p.part SET region = 'us' WHERE id = 1;
UPDATE p.part SET id = id + 200 WHERE id = 2;
DELETE FROM p.part WHERE id > 100;
TRUNCATE p.part, p.cols;
INSERT INTO p.other VALUES (1, 'new');
-- Payloads as an outbox holds them: JSON in its variety, text, nothing.
INSERT INTO x.outbox (id, aggregatetype, aggregateid, type, payload, at, version, tenant, shard)
SELECT ('30000000-0000-4000-8000-0000000001' || lpad(n::text, 2, '0'))::uuid, 'order', 'k' || n, 'T' || n, p,
	'2020-02-29 12:34:56.789', n, CASE WHEN n % 2 = 0 THEN n END, n % 3
FROM unnest(ARRAY[
	'{"a": 1, "b": "x", "c": true, "d": null, "e": [], "f": {}, "g": [1, 2], "h": {"i": {"j": [false]}}}',
	'{"big": 9223372036854775807, "int": 2147483648, "neg": -2147483649, "f": 2.50, "e": 1e2, "s": -0.5}',
	'{"u": "ä\u00e4 \"q\" \\ \/ \n", "dup": 1, "other": 2, "dup": 3, "": 0, "k \"ey\"": 1}',
	'{"arr": [{"x": 1, "y": 2}, {"x": 3, "y": 4}], "s": ["a", null, "b"], "n": [[1], [2, 3]]}',
	'{"mixed": [1, "a"], "x": 1}', '{"nums": [1, 2.5]}', '{"longs": [1, 2147483648]}', '{"nulls": [null]}',
	'{"empty": [[]]}', 'plain "text" ä', ' {"indented": 1}', '{"broken": ', '{"trailing": 1} x', '{}',
	'', '  ', NULL, '42', '"string"', '{"objs": [{"x": 1}, null, {"x": 2}]}',
	'{"a": {"b": null, "c": [], "d": [{"n": null, "m": 1}]}, "z": [true, false]}']) WITH ORDINALITY u (p, n);
INSERT INTO x.outbox VALUES
	('30000000-0000-4000-8000-000000000201', 'user_v2', NULL, NULL, 'no key', NULL, NULL, NULL, NULL),
	('30000000-0000-4000-8000-000000000202', 'user', 'ä "k"', 'ä "t"', 'key', '1969-12-31 23:59:59.999', 2, -5, 2);
UPDATE x.outbox SET payload = 'never' WHERE aggregateid = 'k1';
UPDATE x.outbox SET id = '30000000-0000-4000-8000-000000000999' WHERE aggregateid = 'k2';
DELETE FROM x.outbox;
INSERT INTO x.outbox_bytes VALUES (1, 'raw', 11, '\x00ff10', true, '\x0102'), (2, 'raw', NULL, NULL, NULL, NULL), (3, 'raw', 33, '', false, '');
INSERT INTO x.tenants VALUES (1, 'one', 'a'), (2, 'two', 'b'), (3, NULL, 'c');
UPDATE x.tenants SET v = 'changed' WHERE id = 1;
UPDATE x.tenants SET topic = 'other' WHERE id = 2;
UPDATE x.tenants SET id = 21 WHERE id = 2;
INSERT INTO x.tenants_full VALUES (1, 'one', 'a'), (2, 'two', 'b'), (3, NULL, 'c');
UPDATE x.tenants_full SET v = 'changed' WHERE id = 1;
UPDATE x.tenants_full SET topic = 'other' WHERE id = 2;
UPDATE x.tenants_full SET id = 21 WHERE id = 2;
DELETE FROM x.tenants_full;

INSERT INTO public.compat_done VALUES (1);
