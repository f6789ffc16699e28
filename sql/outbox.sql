--
-- Rows of an outbox as events.
--
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('outbox', 'nova_decoder');
CREATE TABLE outbox (id int PRIMARY KEY, aggregatetype text, aggregateid text, type text, payload text,
    at timestamp, tz timestamptz, part int);
CREATE TABLE orders (id int PRIMARY KEY, payload text);
CREATE FUNCTION events(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT peek('outbox', VARIADIC ARRAY['transforms', '[{"type": "outbox", "topics": "public\\.outbox"}]'] || $1)
$$;
INSERT INTO outbox VALUES (1, 'order', 'k "1"', 'Created é', '{"a": 1}', '2020-02-29 12:34:56.789', '2020-02-29 12:34:56.789+00', 2),
    (2, NULL, NULL, NULL, NULL, '1969-12-31', 'infinity', -1), (3, 'a b/c', '3', 'x', '', NULL, NULL, NULL);
UPDATE outbox SET type = 'changed' WHERE id = 1;
UPDATE outbox SET id = 4 WHERE id = 3;
DELETE FROM outbox;
INSERT INTO orders VALUES (1, 'not an event');
SELECT events();
-- where the columns go
SELECT events('outbox.additional.placement', 'type:header:eventType, type:envelope,at:envelope:when, part:partition,nosuch:header',
    'outbox.event.timestamp', 'at', 'outbox.event.key', 'id', 'outbox.event.id', 'type');
SELECT events('outbox.event.timestamp', 'tz', 'outbox.route.by.field', 'type', 'outbox.event.payload', 'at');
SELECT events('outbox.tombstone.on.empty.payload', 'true');
-- the topic
SELECT DISTINCT data::jsonb ->> 'topic' COLLATE "C" FROM peek('outbox', 'transforms', '[{"type": "outbox", "regex": "(?<r>o)rder", "replacement": "${r}-$0"},
    {"type": "route", "regex": "o-(.*)", "replacement": "last.$1"}]') data ORDER BY 1;
-- a table that lacks a column of an outbox is none: its rows are shown as rows
SELECT events('outbox.event.payload', 'nosuch', 'table.include.list', 'public.outbox') LIMIT 1;
-- behind an unwrap there are no envelopes left to look into
SELECT left(data, 50) FROM peek('outbox', 'transforms', '[{"type": "unwrap"}, {"type": "outbox"}]') data LIMIT 1;

-- payloads that are JSON objects
SELECT count(*) > 0 FROM pg_logical_slot_get_changes('outbox', NULL, NULL);
INSERT INTO outbox (id, aggregatetype, payload) SELECT n, 'e', p FROM unnest(ARRAY[
    '{"a": null, "b": [], "c": {"d": [{"e": null}]}, "f": "\u00e9\ud83d\ude00\ud800\"\\\/\b\u0001", "a2": [null, 1]}',
    '{"n": [-0, 2147483647], "m": 12345678901234567890, "x": 1E2, "y": -2.50}',
    '{"o": [{"a": 1}, {"b": [2]}, null, {"a": null}]}', '{"dup": 1, "x": 2, "dup": {"y": 3}}', '{}',
    '{"a": [1, "b"]}', '{"a": [1, 3000000000]}', '{"a": [null]}', '{"a": [[]]}', '{"": 1}', '[1]', ' {}', 'x', '{"a": 01}', '{"a": 1.}',
    '{"a": tru}', '{"a": "\x"}', '{"a": "\u12"}', '{"a"}', '{"a": 1,}', '{"a": 1', '{', '{"a": 1} tail', E'{"a": "\t"}',
    '{"a": ' || repeat('[', 600) || repeat(']', 600) || '}']) WITH ORDINALITY u (p, n);
-- unaligned: how wide an emoji is, versions of psql do not agree on
\a
SELECT left(data, 120) FROM peek('outbox', 'transforms', '[{"type": "outbox"}]', 'outbox.expand.json.payload', 'true') data;
\a
SELECT left(data, 150) FROM peek('outbox', 'transforms', '[{"type": "outbox"}]', 'outbox.expand.json.payload', 'true', 'profile', 'debezium',
    'outbox.json.null.behavior', 'optional_bytes', 'outbox.json.empty.array.behavior', 'optional_string') data LIMIT 9;
-- so many names that finding doubles would take for ever: it stays text
SELECT count(*) > 0 FROM pg_logical_slot_get_changes('outbox', NULL, NULL);
INSERT INTO outbox (id, aggregatetype, payload) SELECT 1000, 'e', '{' || string_agg('"' || n || '":1', ',') || '}' FROM generate_series(1, 20000) n;
SELECT left(data, 80) FROM peek('outbox', 'transforms', '[{"type": "outbox"}]', 'outbox.expand.json.payload', 'true') data;

SELECT events('outbox.additional.placement', 'type');
SELECT events('outbox.additional.placement', 'type:footer');
SELECT events('outbox.additional.placement', 'type:header:');
SELECT events('outbox.additional.placement', 'type:header:a:b');
SELECT pg_drop_replication_slot('outbox');
DROP TABLE outbox, orders;
DROP FUNCTION events;
