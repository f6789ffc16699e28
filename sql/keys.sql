--
-- Record keys: which columns they are made of, in which order, and what happens
-- when they change.
--
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('keys', 'nova_decoder');

-- several columns stand in the order of the index, not of the table
CREATE TABLE multi (a int, b text, c date, v int, PRIMARY KEY (c, a, b));
INSERT INTO multi VALUES (1, 'x', '2024-02-29', 1);
UPDATE multi SET v = 2;
DELETE FROM multi;
SELECT take('keys');

-- columns that the index only includes are no part of the key
CREATE TABLE covering (v int, id int, PRIMARY KEY (id) INCLUDE (v));
INSERT INTO covering VALUES (1, 2);
UPDATE covering SET v = 3;
DELETE FROM covering;
SELECT take('keys');

-- a changed key ends one row and begins another
CREATE TABLE moved (id int PRIMARY KEY, v text);
INSERT INTO moved VALUES (1, 'one');
UPDATE moved SET id = 2;
UPDATE moved SET id = 3, v = 'three';
UPDATE moved SET id = 3;
SELECT take('keys');
UPDATE moved SET id = 4;
SELECT take('keys', 'tombstones.on.delete', 'false');

-- two rows that swap keys, checked at the end of the statement
CREATE TABLE swap (id int PRIMARY KEY DEFERRABLE, v text);
ALTER TABLE swap REPLICA IDENTITY FULL;
INSERT INTO swap VALUES (1, 'a'), (2, 'b');
UPDATE swap SET id = 3 - id;
DELETE FROM swap WHERE id = 1;
-- a deferrable primary key identifies nothing for the server: no key
SELECT take('keys');

-- no primary key, no identity: a null key, and deletes that are told
CREATE TABLE bare (a int, b text);
INSERT INTO bare VALUES (1, 'x');
UPDATE bare SET b = 'y';
DELETE FROM bare;
SELECT take('keys');

-- a unique index as identity
CREATE TABLE uniq (a int NOT NULL, b int NOT NULL, c int);
CREATE UNIQUE INDEX uniq_ba ON uniq (b, a);
INSERT INTO uniq VALUES (1, 2, 3);
ALTER TABLE uniq REPLICA IDENTITY USING INDEX uniq_ba;
INSERT INTO uniq VALUES (4, 5, 6);
UPDATE uniq SET c = 7 WHERE a = 4;
UPDATE uniq SET b = 8 WHERE a = 4;
DELETE FROM uniq WHERE a = 4;
SELECT take('keys');

-- the identity does not cover the primary key: all records of a row agree
CREATE TABLE both_keys (id int PRIMARY KEY, code text NOT NULL, v int);
CREATE UNIQUE INDEX both_keys_code ON both_keys (code);
ALTER TABLE both_keys REPLICA IDENTITY USING INDEX both_keys_code;
INSERT INTO both_keys VALUES (1, 'a', 1);
UPDATE both_keys SET v = 2;
UPDATE both_keys SET id = 2;
UPDATE both_keys SET code = 'b';
DELETE FROM both_keys;
SELECT take('keys');

-- it covers it: the primary key
CREATE TABLE wide_identity (id int PRIMARY KEY, code text NOT NULL, v int);
CREATE UNIQUE INDEX wide_identity_idx ON wide_identity (code, id);
ALTER TABLE wide_identity REPLICA IDENTITY USING INDEX wide_identity_idx;
INSERT INTO wide_identity VALUES (1, 'a', 1);
UPDATE wide_identity SET code = 'b';
UPDATE wide_identity SET id = 2;
DELETE FROM wide_identity;
SELECT take('keys');

-- a changed key under FULL and under NOTHING
CREATE TABLE full_key (id int PRIMARY KEY, v text);
ALTER TABLE full_key REPLICA IDENTITY FULL;
INSERT INTO full_key VALUES (1, 'a');
UPDATE full_key SET v = 'b';
UPDATE full_key SET id = 2;
DELETE FROM full_key;
SELECT take('keys');
CREATE TABLE nothing_key (id int PRIMARY KEY, v text);
ALTER TABLE nothing_key REPLICA IDENTITY NOTHING;
INSERT INTO nothing_key VALUES (1, 'a');
UPDATE nothing_key SET id = 2;
DELETE FROM nothing_key;
SELECT take('keys');

-- keys of other types; equal in SQL is not always equal in bytes
CREATE TABLE num_key (id numeric PRIMARY KEY, v int);
INSERT INTO num_key VALUES (1.0, 1);
UPDATE num_key SET id = 1.00;
CREATE TABLE text_key (id text PRIMARY KEY, v int);
INSERT INTO text_key VALUES ('a "quoted" key' || E'\n', 1);
DELETE FROM text_key;
CREATE TABLE uuid_key (id uuid PRIMARY KEY);
INSERT INTO uuid_key VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
CREATE TABLE time_key (id timestamptz, d date, j jsonb, PRIMARY KEY (id, d, j));
INSERT INTO time_key VALUES ('2024-01-01 00:00:00.123456+00', '2024-01-01', '{"b":1,"a":[]}');
DELETE FROM time_key;
SELECT take('keys');

-- the key is that of the LSN, not of now
CREATE TABLE later (a int, b int);
INSERT INTO later VALUES (1, 2);
ALTER TABLE later ADD PRIMARY KEY (a);
INSERT INTO later VALUES (3, 4);
ALTER TABLE later DROP CONSTRAINT later_pkey, ADD PRIMARY KEY (b);
INSERT INTO later VALUES (5, 6);
ALTER TABLE later DROP CONSTRAINT later_pkey;
INSERT INTO later VALUES (7, 8);
SELECT take('keys');

-- a default that its own cast refuses stands for nothing, and stops nothing
CREATE TABLE refused (id int PRIMARY KEY, c smallint DEFAULT 70000);
INSERT INTO refused VALUES (1, 1);
DELETE FROM refused;
SELECT take('keys', 'profile', 'debezium');

-- for what a delete lacks of message.key.columns stands what Debezium puts there
CREATE TABLE chosen (id int PRIMARY KEY, c int, v text);
INSERT INTO chosen VALUES (1, 2, 'x');
DELETE FROM chosen;
SELECT take('keys', 'profile', 'debezium', 'message.key.columns', 'public.chosen:c,v');

-- every item and column is an expression; where none matches, the table's own key
CREATE TABLE patterns (id int PRIMARY KEY, c1 int, c2 int, v text);
INSERT INTO patterns VALUES (1, 2, 3, 'x');
SELECT take('keys', 'message.key.columns', 'Public.Pat.*:V,c\d;(.*).patterns:id|v;public.other:v');
INSERT INTO patterns VALUES (2, 2, 3, 'x');
SELECT take('keys', 'message.key.columns', 'public.patterns:nothing');
SELECT take('keys', 'message.key.columns', 'public.patterns:c(');


-- a changed key is a delete and a create: each can be skipped
UPDATE patterns SET id = 3 WHERE id = 1;
SELECT take('keys', 'skipped.operations', 'd');
UPDATE patterns SET id = 4 WHERE id = 2;
SELECT take('keys', 'skipped.operations', 'c');
UPDATE patterns SET id = 5 WHERE id = 3;
SELECT take('keys', 'skipped.operations', 'c,d');
UPDATE patterns SET id = 6 WHERE id = 4;
SELECT take('keys', 'skipped.operations', 'u');

-- keys in forms of their own
CREATE TABLE forms (n numeric(5, 2) PRIMARY KEY, m numeric(5, 2) DEFAULT 1.5);
ALTER TABLE forms REPLICA IDENTITY FULL;
INSERT INTO forms VALUES (1.25, NULL);
SELECT v.f AS "key.decimal.format", d.r AS "key.replace.null.with.default", t.key
FROM (VALUES ('value'), ('base64'), ('numeric')) v (f), (VALUES ('value'), ('false'), ('true')) d (r),
    LATERAL nova.describe('forms', 'profile=debezium', 'format=flat', 'message.key.columns=public.forms:n,m',
        'key.decimal.format=' || v.f, 'key.replace.null.with.default=' || d.r) t
WHERE t.op = 'c'
ORDER BY 1, 2;

SELECT pg_drop_replication_slot('keys');
DROP TABLE multi, covering, moved, swap, bare, uniq, both_keys, wide_identity, full_key,
    nothing_key, num_key, text_key, uuid_key, time_key, later,
    refused, chosen, patterns, forms;
