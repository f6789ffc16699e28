--
-- Columns that are cut, masked or hashed.
--
SET synchronous_commit = on;
CREATE SCHEMA hr;
CREATE TYPE hr.grade AS ENUM ('low', 'it''s "high"');
CREATE TABLE hr.staff (
	id int PRIMARY KEY, name text, pin char(6), nick varchar(10), level hr.grade, salary numeric(9, 2),
	code uuid, doc jsonb, tags text[], raw bytea, seen timestamptz);
SELECT 'init' FROM pg_create_logical_replication_slot('mask', 'nova_decoder');
INSERT INTO hr.staff VALUES (1, 'Grace "Amazing" Höpper 😀', '1234', 'amazing', 'it''s "high"', 1000.50,
	'10000000-0000-4000-8000-00000000abcd', '{"iban": "DE02"}', '{a,b}', '\x0102030405', '2020-02-29 12:34:56+00');
INSERT INTO hr.staff VALUES (2);
-- the value's columns alone
CREATE FUNCTION shown(VARIADIC options text[]) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT (data::json -> 'value')::text FROM peek('mask', VARIADIC $1) data
$$;

-- profile nova: every type, and nulls
SELECT shown('column.mask', '3:hr\.staff\..*');
SELECT shown('column.mask', '0:hr.staff.name');
SELECT shown('column.truncate', '3:hr.staff..*');
SELECT shown('column.mask.hash.v2', 'SHA-256:pepper:hr\.staff\.(?:name|salary|doc|code)', 'column.include.list', 'hr.staff.(name|salary|doc|code)');
SELECT 'name ' || encode(sha256(convert_to('pepper' || name, 'UTF8')), 'hex'),
	'salary ' || encode(sha256(convert_to('pepper' || salary, 'UTF8')), 'hex'),
	'code ' || encode(sha256(convert_to('pepper' || code, 'UTF8')), 'hex')
FROM hr.staff WHERE id = 1;
-- a salt as bytes is the same salt: no more than the two rows
SELECT count(DISTINCT d) FROM (
	SELECT shown('column.mask.hash.v2', 'SHA-256:pepper:hr.staff.name') UNION ALL
	SELECT shown('column.mask.hash.v2', 'sha-256:\x706570706572:hr.staff.name')) s (d);
-- every algorithm is the server's
SELECT shown('column.mask.hash.v2', 'MD5:s:.*name,SHA-1:s:.*pin,SHA-224:s:.*nick,SHA-384:s:.*level,SHA-512:s:.*salary',
	'column.include.list', 'hr.staff.(name|pin|nick|level|salary)');
SELECT md5('s' || name), encode(sha224(convert_to('s' || nick, 'UTF8')), 'hex'), encode(sha384(convert_to('s' || level, 'UTF8')), 'hex'),
	encode(sha512(convert_to('s' || salary, 'UTF8')), 'hex') FROM hr.staff WHERE id = 1;
-- the first version hashes what Java writes: 😀 in six bytes
SELECT shown('column.mask.hash', 'SHA-256:s:hr.staff.(name|nick)', 'column.include.list', 'hr.staff.(name|nick)');
SELECT encode(sha256('s'::bytea || '\xaced000574' || '\x0007' || convert_to(nick, 'UTF8')), 'hex'),
	encode(sha256('s'::bytea || '\xaced000574' || '\x001e' || convert_to('Grace "Amazing" Höpper ', 'UTF8') || '\xeda0bdedb880'), 'hex')
FROM hr.staff WHERE id = 1;

-- profile debezium: masks and digests of characters only, as long as the column
SELECT shown('profile', 'debezium', 'column.mask', '3:.*');
SELECT shown('profile', 'debezium', 'column.truncate', '2:.*');
SELECT shown('profile', 'debezium', 'column.mask.hash.v2', 'SHA-256:pepper:.*');
-- in units of UTF-16, of which the last character has two; profile nova does not tear it apart
SELECT peek('mask', 'profile', 'debezium', 'column.truncate', '24:.*name', 'column.include.list', '.*name');
SELECT shown('column.truncate', '24:.*name', 'column.include.list', '.*name');
-- unaligned: how wide an emoji is, versions of psql do not agree on
\a
SELECT shown('column.truncate', '25:.*name', 'column.include.list', '.*name');
\a

-- one column, many rules: cut before masked before hashed; of one kind the first
SELECT shown('column.mask.hash.v2', 'MD5:s:.*', 'column.mask.hash', 'SHA-1:s:.*(name|pin|nick)', 'column.mask', '2:.*(name|pin),5:.*pin',
	'column.truncate', '4:.*name', 'column.include.list', '.*(name|pin|nick|level)');
-- names without regard to case, commas escaped
SELECT shown('column.mask', '3:HR\.STAFF\.(NAME|x{1\,3})', 'column.include.list', '.*name');

-- the clear value is nowhere: keys, key changes, deletes, descriptions
CREATE TABLE hr.login (mail text PRIMARY KEY, n int);
ALTER TABLE hr.login REPLICA IDENTITY FULL;
INSERT INTO hr.login VALUES ('clear@example.org', 1);
UPDATE hr.login SET mail = 'clear2@example.org';
DELETE FROM hr.login;
SELECT peek('mask', 'table.include.list', 'hr.login', 'column.mask.hash.v2', 'MD5:s:hr.login.mail');
SELECT peek('mask', 'table.include.list', 'hr.login', 'column.mask', '2:hr.login.mail', 'format', 'envelope') ~ 'clear' AS clear;
INSERT INTO hr.login VALUES ('clear@example.org', 1);
SELECT op, key, value FROM nova.describe('hr.login', 'add.fields=op', 'column.mask=4:.*mail');
-- but Debezium does not mask keys
SELECT data::json ->> 'key' AS key, data::json -> 'value' ->> 'mail' AS mail
FROM peek('mask', 'table.include.list', 'hr.login', 'column.mask', '2:hr.login.mail', 'profile', 'debezium', 'skipped.operations', 'u,d') data;

-- cuts leave keys alone
SELECT peek('mask', 'table.include.list', 'hr.login', 'column.truncate', '2:hr.login.mail', 'skipped.operations', 'u,d');

-- large values: unchanged ones, and those that are only cut
CREATE TABLE hr.doc (id int PRIMARY KEY, body text, n int);
ALTER TABLE hr.doc ALTER body SET STORAGE EXTERNAL;
INSERT INTO hr.doc VALUES (1, repeat('x', 100000), 1);
UPDATE hr.doc SET n = 2;
SELECT peek('mask', 'table.include.list', 'hr.doc', 'column.truncate', '5:.*body');
SELECT peek('mask', 'table.include.list', 'hr.doc', 'column.mask', '5:.*body');
SELECT peek('mask', 'table.include.list', 'hr.doc', 'column.mask.hash', 'MD5:s:.*body');
SELECT md5('s'::bytea || '\xaced00057c00000000000186a0' || convert_to(repeat('x', 100000), 'UTF8'));

-- bad values, which may hold secrets and are not repeated
SELECT shown('column.mask', 'hr.staff.name');
SELECT shown('column.mask', 'x:hr.staff.name');
SELECT shown('column.mask', '1001:hr.staff.name');
SELECT shown('column.mask', '3:');
SELECT shown('column.mask', '3:(');
SELECT shown('column.truncate', '10000001:hr.staff.name');
SELECT shown('column.mask.hash', 'SHA-3:s3cret:hr.staff.name');
SELECT shown('column.mask.hash', 'SHA-256:s3cret');
SELECT shown('column.mask.hash', 'SHA-256:\xabc:hr.staff.name');
SELECT shown('column.mask.hash', 'SHA-256:\x0g:hr.staff.name');
SELECT shown('column.mask.hash', 'SHA-256:s3:cret:hr.staff.name');
SELECT shown('column.mask.hash', 'SHA-256:s3cret:(');
-- nor does the first frame say them
SELECT bool_or(position('s3cret'::bytea IN data) + position('733363726574'::bytea IN data) > 0) AS clear,
	bool_or(position('"SHA-256:********:hr.staff.name,MD5:********:.*pin"'::bytea IN data) > 0) AS masked
FROM pg_logical_slot_peek_binary_changes('mask', NULL, 1, 'output', 'frames',
	'column.mask.hash', 'SHA-256:s3cret:hr.staff.name,MD5:\x733363726574:.*pin');

SELECT pg_drop_replication_slot('mask');
DROP SCHEMA hr CASCADE;
DROP FUNCTION shown;
