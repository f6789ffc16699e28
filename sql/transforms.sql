--
-- Transforms: routes in their order, shapes of keys, topics that rows name.
--
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('transforms', 'nova_decoder');
CREATE TABLE shard_a (id int, code text, v text, PRIMARY KEY (id, code));
CREATE TABLE shard_b (LIKE shard_a INCLUDING ALL);
CREATE TABLE plain (v text);
CREATE TABLE tenants (id int PRIMARY KEY, topic text, v text);
ALTER TABLE tenants REPLICA IDENTITY FULL;
INSERT INTO shard_a VALUES (1, 'x', 'a');
INSERT INTO shard_b VALUES (1, 'x', 'b');
UPDATE shard_a SET code = 'y';
DELETE FROM shard_b;
INSERT INTO plain VALUES ('no key');
CREATE FUNCTION records(transforms text, VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT data FROM pg_logical_slot_peek_changes('transforms', NULL, NULL, VARIADIC
        ARRAY['add.fields', '', 'transforms', $1] || $2)
$$;

-- one after the other, on the topic as it is there
SELECT DISTINCT data::jsonb ->> 'topic' COLLATE "C" FROM records('[{"type": "route", "regex": "public\\.(?<t>.*)", "replacement": "${t}"},
    {"type": "route", "regex": "shard_(.)", "replacement": "shards.$1", "topics": "shard_[^b]"},
    {"type": "route", "regex": "(.*)", "replacement": "other.$1", "topics": "shards.*", "negate": true}]') data ORDER BY 1;
-- a field that says where a row came from; without a key there is nothing to add it to
SELECT records('[{"type": "route", "regex": "public\\.shard_(.)", "replacement": "shards", "key.field": "from"}]');
SELECT records('[{"type": "route", "regex": "public\\.(shard_.|plain)", "replacement": "all", "key.field": "\"q\" é",
    "key.regex": ".*_(.)", "key.replacement": "<$1>"}]');
-- one field of the key; a key that lacks it stays whole
SELECT records('[{"type": "key", "field": "id"}]');
SELECT records('[{"type": "key", "field": "code", "topics": ".*_a"}]');
SELECT records('[{"type": "key", "field": "v"}]', 'table.include.list', 'public.shard_a');
-- in Debezium's profile headers have the whole key
SELECT records('[{"type": "key", "field": "id"}]', 'profile', 'debezium', 'table.include.list', 'public.shard_a');
-- flat for some topics, envelopes for the others
SELECT left(data::jsonb ->> 'value', 30) FROM records('[{"type": "unwrap", "topics": ".*_a"}]', 'table.include.list', 'public.shard.*') data;

-- a topic of the row, which routes that follow see; tombstones have no row
SELECT count(*) FROM pg_logical_slot_get_changes('transforms', NULL, NULL);
INSERT INTO tenants VALUES (1, 'one', 'a'), (2, NULL, 'b'), (3, '..', 'c'), (4, 'odd é/😀', 'd'), (5, repeat('long', 100), 'e');
UPDATE tenants SET topic = 'two' WHERE id = 1;
DELETE FROM tenants WHERE id < 3;
SELECT left(data, 100) FROM records('[{"type": "unwrap", "route.by.field": "topic"}]') data;
SELECT left(data, 100) FROM records('[{"type": "route", "regex": "one", "replacement": "never"}, {"type": "unwrap", "route.by.field": "topic"},
    {"type": "route", "regex": "(one|two)", "replacement": "tenant.$1"}]') data;
SELECT left(data, 60) FROM records('[{"type": "unwrap", "route.by.field": "nosuch"}]') data LIMIT 1;

-- what the option does not take
SELECT records('x');
SELECT records('{}');
SELECT records('[1]');
SELECT records('[{"regex": "a"}]');
SELECT records('[{"type": "other"}]');
SELECT records('[{"type": "route", "regex": "a"}]');
SELECT records('[{"type": "route", "regex": "(", "replacement": "a"}]');
SELECT records('[{"type": "route", "regex": "(?<a>.)", "replacement": "${b}"}]');
SELECT records('[{"type": "route", "regex": "a", "replacement": "$1"}]');
SELECT records('[{"type": "route", "regex": "a", "replacement": "b", "key.regex": "c"}]');
SELECT records('[{"type": "key"}]');
SELECT records('[{"type": "key", "field": 1}]');
SELECT records('[{"type": "key", "field": "a", "regex": "a"}]');
SELECT records('[{"type": "unwrap", "negate": true}]');
SELECT records('[{"type": "unwrap"}]', 'topic.regex', 'a', 'topic.replacement', 'b');
SELECT records('[]') IS NOT NULL LIMIT 1;

SELECT pg_drop_replication_slot('transforms');
DROP TABLE shard_a, shard_b, plain, tenants;
DROP FUNCTION records;
