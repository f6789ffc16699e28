--
-- nova.signal() and nova.watermark(): words to the relay, at their place in the
-- stream.
--
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('signals', 'nova_decoder');
CREATE TABLE sig (id int PRIMARY KEY);
CREATE FUNCTION signalled(type text, data jsonb DEFAULT NULL, id text DEFAULT NULL) RETURNS bool LANGUAGE sql AS $$
    SELECT nova.signal($1, $2, $3) > '0/0'
$$;

-- what there is
SELECT signalled('execute-snapshot', '{"data-collections": ["public.users", "public\\.p.*"]}');
SELECT signalled('execute-snapshot', '{"type": "INCREMENTAL", "data-collections": ["public.users"], "additional-conditions": [{"data-collection": "public.users", "filter": "name = ''é\"''"}], "surrogate-key": "code"}', 'ad-hoc-1');
SELECT signalled('execute-snapshot', '{"type": "blocking", "data-collections": ["public.users"]}');
SELECT signalled('stop-snapshot');
SELECT signalled('stop-snapshot', '{"type": "incremental", "data-collections": ["public.users"]}');
SELECT signalled('pause-snapshot', '{}');
SELECT signalled('resume-snapshot');
SELECT signalled('log', '{"message": "Signal message at offset {}"}', 'é');
SELECT take('signals');

-- in order, with the transaction or not at all; a watermark lies between what was
-- committed before it and after it
BEGIN;
INSERT INTO sig VALUES (1);
SELECT nova.watermark('chunk-1-open') > '0/0';
INSERT INTO sig VALUES (2);
COMMIT;
BEGIN;
SELECT signalled('stop-snapshot');
ROLLBACK;
SELECT nova.watermark('chunk-1-close') > '0/0';
INSERT INTO sig VALUES (3);
SELECT take('signals');
-- whatever is filtered or skipped, in both profiles
SELECT signalled('log', '{"message": "x"}');
SELECT data FROM peek('signals', 'table.include.list', 'none', 'skipped.operations', 'c,u,d,t') data;
SELECT data FROM peek('signals', 'profile', 'debezium', 'format', 'envelope') data;
-- as a frame: type, id, data behind their lengths; the transaction has its commit
SELECT get_byte(data, p - 1) = ascii('S') AS signal, substr(data, p + 1, 2) = '\x0003' AS length, convert_from(substr(data, p + 3, 3), 'UTF8') AS type,
       substr(data, p + 6, 2) = '\x0000' AS no_id, substr(data, p + 8, 4) = '\x00000010' AS data_length, convert_from(substr(data, p + 12, 16), 'UTF8') AS data,
       substr(data, p + 28, 1) = 'C' AS commit, length(data) = p + 69 AS end
FROM pg_logical_slot_peek_binary_changes('signals', NULL, NULL, 'output', 'frames'), position('\x5300036c6f67'::bytea IN data) p;
SELECT count(*) FROM take('signals');

-- what there is not
SELECT nova.signal(NULL);
SELECT nova.signal('snapshot');
SELECT nova.signal('watermark', '{}');
SELECT nova.signal('execute-snapshot');
SELECT nova.signal('execute-snapshot', '{}');
SELECT nova.signal('execute-snapshot', '[]');
SELECT nova.signal('execute-snapshot', '"public.users"');
SELECT nova.signal('execute-snapshot', '{"data-collections": []}');
SELECT nova.signal('execute-snapshot', '{"data-collections": "public.users"}');
SELECT nova.signal('execute-snapshot', '{"data-collections": [1]}');
SELECT nova.signal('execute-snapshot', '{"data-collections": [["a"]]}');
SELECT nova.signal('execute-snapshot', '{"data-collections": [""]}');
SELECT nova.signal('execute-snapshot', '{"data-collections": ["a"], "type": "full"}');
SELECT nova.signal('execute-snapshot', '{"data-collections": ["a"], "type": null}');
SELECT nova.signal('execute-snapshot', '{"data-collections": ["a"], "additional-condition": "id > 1"}');
SELECT nova.signal('execute-snapshot', '{"data-collections": ["a"], "additional-conditions": [{"data-collection": "a"}]}');
SELECT nova.signal('execute-snapshot', '{"data-collections": ["a"], "additional-conditions": [{"data-collection": "a", "filter": 1}]}');
SELECT nova.signal('execute-snapshot', '{"data-collections": ["a"], "additional-conditions": [{"data-collection": "a", "filter": "b", "c": "d"}]}');
SELECT nova.signal('execute-snapshot', '{"data-collections": ["a"], "additional-conditions": ["a"]}');
SELECT nova.signal('execute-snapshot', '{"data-collections": ["a"], "surrogate-key": 1}');
SELECT nova.signal('pause-snapshot', '{"data-collections": ["a"]}');
SELECT nova.signal('log');
SELECT nova.signal('log', '{"message": 1}');
SELECT nova.signal('log', '{"message": "x"}', repeat('i', 65536));
SELECT nova.watermark(NULL) IS NULL AS nothing;
SELECT take('signals');

-- of others: any content may come, and harms nobody; a foreign type is the relay's to refuse
CREATE FUNCTION raw(content bytea) RETURNS bool LANGUAGE sql AS $$
    SELECT pg_logical_emit_message(true, 'nova.signal', $1) > '0/0'
$$;
SELECT raw('');
SELECT raw('garbage');
SELECT raw('\x02000161000000000000');
SELECT raw('\x0100000000000000000000');
SELECT raw('\x01000161000000000001');
SELECT raw('\x0100016100000000000000');
SELECT raw('\x01ffff6100000000000000');
SELECT raw('\x010001610000ffffffff');
SELECT raw('\x01000161000000000000');
SELECT raw('\x010001ff000122000000025c0a');
SELECT pg_logical_emit_message(true, 'nova.signal.x', 'x') > '0/0';
SELECT pg_logical_emit_message(false, 'nova.signal', '\x01000161000000000000'::bytea) > '0/0';
INSERT INTO sig VALUES (4);
SELECT data, data::json IS NOT NULL AS valid FROM take('signals') data;

-- rows of a table, as Debezium has it; captured whatever the lists say, and not read by a snapshot
CREATE SCHEMA s;
CREATE TABLE s.signal (id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048));
CREATE TABLE s.four (id text, type text, data text, more text);
CREATE FUNCTION from_table(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT data FROM peek('signals', VARIADIC ARRAY['table.include.list', 'public[.].*', 'signal.data.collection', 's.signal'] || $1) data
$$;
INSERT INTO s.signal VALUES ('ad-hoc-1', 'execute-snapshot', '{"data-collections": ["public.users"], "type": "incremental"}'), ('é"', 'log', NULL), ('', NULL, 'no JSON');
UPDATE s.signal SET data = '{}' WHERE type = 'log';
DELETE FROM s.signal WHERE id = '';
SELECT from_table();
SELECT from_table('profile', 'debezium', 'skipped.operations', 'c,u,d');
SELECT from_table('column.exclude.list', 's.signal.data', 'skipped.operations', 'none');
SELECT count(*) FROM take('signals');
INSERT INTO s.four VALUES ('a', 'log', '{}', 'x');
SELECT data FROM peek('signals', 'signal.data.collection', 's.four') data;
SELECT data FROM peek('signals', 'signal.data.collection', 's.four', 'column.exclude.list', 's.four.more') data;
SELECT count(*) FROM take('signals');
INSERT INTO s.signal VALUES ('long', 'log', '');
ALTER TABLE s.signal ALTER data TYPE text, ALTER id TYPE text, ALTER id SET STORAGE EXTERNAL;
INSERT INTO s.signal SELECT 'long2', 'log', repeat('x', 1048577);
SELECT data FROM from_table('skipped.operations', 'c') data;
SELECT count(*) FROM take('signals');
SELECT relation FROM nova.snapshot_tables('{"table.include.list=s[.].*", "signal.data.collection=s.signal"}');
SET client_min_messages = warning;
DROP SCHEMA s CASCADE;
RESET client_min_messages;

-- not for everybody
CREATE ROLE nova_nobody;
GRANT USAGE ON SCHEMA nova TO nova_nobody;
SET ROLE nova_nobody;
SELECT nova.signal('stop-snapshot');
SELECT nova.watermark('x');
RESET ROLE;
REVOKE ALL ON SCHEMA nova FROM nova_nobody;
DROP ROLE nova_nobody;

SELECT pg_drop_replication_slot('signals');
DROP TABLE sig;
DROP FUNCTION signalled(text, jsonb, text), raw(bytea), from_table(text[]);
