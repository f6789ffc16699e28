--
-- nova.publish(): records without a table.
--
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('messages', 'nova_decoder');
CREATE FUNCTION published(topic text, key text, value text, headers jsonb DEFAULT NULL, transactional bool DEFAULT true)
RETURNS bool LANGUAGE sql AS $$ SELECT nova.publish($1, $2, $3, $4, $5) > '0/0' $$;

-- keys and values are the application's; null means null, empty means empty
SELECT published('events', 'k', '{"a":1}');
SELECT published('events', NULL, 'not json "at all"');
SELECT published('events', 'k', NULL);
SELECT published('events', '', '');
SELECT published('events', NULL, NULL);
SELECT published('events', E'\n\t"', E'é漢😀\x01\\');
SELECT nova.publish('events', 'k', '{"b": [1, 2.50], "a": null}'::jsonb) > '0/0';
SELECT nova.publish('events', 'k', 'unknown literal') > '0/0';
SELECT nova.publish('events', 'k', NULL) > '0/0';
SELECT nova.publish(value => 'named'::text, topic => 'events', key => NULL) > '0/0';
SELECT take('messages');

-- headers
SELECT published('events', 'k', 'v', '{"a": "b", "quoted \"name\"": "é\n", "nothing": null, "": ""}');
SELECT published('events', 'k', 'v', '{}');
SELECT take('messages');
SELECT published('events', 'k', 'v', '{"a": 1}');
SELECT published('events', 'k', 'v', '{"a": true}');
SELECT published('events', 'k', 'v', '{"a": {"b": "c"}}');
SELECT published('events', 'k', 'v', '["a"]');
SELECT published('events', 'k', 'v', '"a"');
SELECT published('events', 'k', 'v', 'null');
SELECT published('events', 'k', 'v', jsonb_build_object(repeat('x', 65536), 'v'));
SELECT published('events', 'k', 'v', jsonb_build_object(repeat('x', 65535), repeat('v', 100000)));
SELECT length(data), jsonb_object_keys(data::jsonb -> 'headers') = repeat('x', 65535) AS name FROM take('messages') data;

-- with the transaction, in order with its rows, or not at all
CREATE TABLE rows (id int PRIMARY KEY);
BEGIN;
INSERT INTO rows VALUES (1);
SELECT published('events', 'k', 'between');
INSERT INTO rows VALUES (2);
SAVEPOINT s;
SELECT published('events', 'k', 'lost');
ROLLBACK TO s;
COMMIT;
BEGIN;
SELECT published('events', 'k', 'lost, too');
ROLLBACK;
SELECT take('messages');
-- at once: before the commit and whatever becomes of it
BEGIN;
SELECT published('events', 'k', 'transactional');
SELECT published('events', 'k', 'at once', NULL, false);
INSERT INTO rows VALUES (3);
COMMIT;
BEGIN;
SELECT published('alerts', NULL, 'in spite of the rollback', '{"h": "x"}', false);
ROLLBACK;
-- it is in the WAL, but nothing has flushed it yet
INSERT INTO rows VALUES (4);
SELECT take('messages');

-- filters and skipped operations are about tables, not about messages
SELECT published('events', 'k', 'v');
SELECT take('messages', 'table.include.list', 'public\.none', 'skipped.operations', 'c,u,d,t', 'topic.prefix', 'cdc',
            'topic.regex', '.*', 'topic.replacement', 'all');

-- names that Kafka takes
SELECT published('a-Z_0.9', 'k', 'v');
SELECT published(repeat('t', 249), 'k', 'v');
SELECT count(*) FROM take('messages');
SELECT published(repeat('t', 250), 'k', 'v');
SELECT published('', 'k', 'v');
SELECT published('.', 'k', 'v');
SELECT published('..', 'k', 'v');
SELECT published('a b', 'k', 'v');
SELECT published('é', 'k', 'v');
SELECT published('a"b', 'k', 'v');
SELECT published(E'a\n', 'k', 'v');
SELECT published(NULL, 'k', 'v');
SELECT published('events', 'k', 'v', NULL, NULL);
SELECT take('messages');

-- messages of others: other prefixes are not ours, our prefix with other
-- content is reported and harms nobody
SELECT pg_logical_emit_message(true, 'other', 'x') > '0/0';
SELECT pg_logical_emit_message(true, 'nova', 'x') > '0/0';
SELECT pg_logical_emit_message(true, 'nova.publish.x', 'x') > '0/0';
SELECT pg_logical_emit_message(false, 'other', 'x') > '0/0';
SELECT take('messages');
BEGIN;
INSERT INTO rows VALUES (5);
SELECT pg_logical_emit_message(true, 'nova.publish', 'garbage') > '0/0';
SELECT pg_logical_emit_message(true, 'nova.publish', ''::bytea) > '0/0';
INSERT INTO rows VALUES (6);
COMMIT;
SELECT pg_logical_emit_message(false, 'nova.publish', '\x01'::bytea) > '0/0';
INSERT INTO rows VALUES (7);
SELECT take('messages');
-- lengths that lie, in each part; content: version, topic, key, value, headers
CREATE FUNCTION raw(content bytea) RETURNS bool LANGUAGE sql AS $$
    SELECT pg_logical_emit_message(true, 'nova.publish', $1) > '0/0'
$$;
SELECT raw('\x01000174ffffffff000000017600000000');
SELECT raw('\x02000174ffffffff000000017600000000');
SELECT raw('\x01ffff74ffffffff000000017600000000');
SELECT raw('\x01000120ffffffff000000017600000000');
SELECT raw('\x010000ffffffff000000017600000000');
SELECT raw('\x010001747fffffff000000017600000000');
SELECT raw('\x01000174fffffffe000000017600000000');
SELECT raw('\x01000174ffffffff800000007600000000');
SELECT raw('\x01000174ffffffff000000017600000001');
SELECT raw('\x01000174ffffffff00000001760000000000');
SELECT raw('\x01000174ffffffff0000000176ffffffff');
SELECT raw('\x01000174ffffffff0000000176000000020001');
SELECT raw('\x01000174ffffffff000000017600000002ffff');
SELECT raw('\x01000174ffffffff00000001760000000900010001687fffffff');
SELECT raw('\x01000174ffffffff0000000176000000090001000168ffffffff');
SELECT raw('\x01000174ffffffff00000001760000000a0001000168ffffffff00');
SELECT take('messages');
-- bytes that are no UTF-8 do not make the line invalid
SELECT raw('\x0100017400000002ff61000000036100c30000000a00010001fe0000000180');
SELECT convert_from(data, 'UTF8')::json IS NOT NULL AS valid
FROM pg_logical_slot_get_binary_changes('messages', NULL, NULL);

-- large
SELECT published('events', repeat('k', 100000), repeat(E'v"', 1000000));
SELECT length(data), length(data::json ->> 'value'), length(data::json ->> 'key') FROM take('messages') data;

-- not for everybody
CREATE ROLE nova_nobody;
SET ROLE nova_nobody;
SELECT nova.publish('events', 'k', 'v'::text);
RESET ROLE;
GRANT USAGE ON SCHEMA nova TO nova_nobody;
SET ROLE nova_nobody;
SELECT nova.publish('events', 'k', 'v'::text);
SELECT nova.publish('events', 'k', '{}'::jsonb);
RESET ROLE;
GRANT EXECUTE ON FUNCTION nova.publish(text, text, text, jsonb, boolean) TO nova_nobody;
SET ROLE nova_nobody;
SELECT nova.publish('events', 'k', 'granted'::text) > '0/0';
SELECT nova.publish('events', 'k', '{}'::jsonb);
RESET ROLE;
SELECT take('messages');
REVOKE ALL ON SCHEMA nova FROM nova_nobody;
REVOKE ALL ON FUNCTION nova.publish(text, text, text, jsonb, boolean) FROM nova_nobody;
DROP ROLE nova_nobody;

SELECT pg_drop_replication_slot('messages');
DROP TABLE rows;
DROP FUNCTION published(text, text, text, jsonb, bool), raw(bytea);
