--
-- Options: what each takes, and what it says to the rest.
--
SET synchronous_commit = on;
CREATE TABLE o (id int PRIMARY KEY);
SELECT 'init' FROM pg_create_logical_replication_slot('options', 'nova_decoder');
INSERT INTO o VALUES (1);
CREATE FUNCTION try(VARIADIC options text[]) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, VARIADIC $1)
$$;

SELECT name, type, "default", debezium, valid FROM nova.options();
SELECT count(*) AS without_help FROM nova.options() WHERE description IS NULL OR description !~ '^[A-Z].*\.$';
-- every default is a valid value, and giving it changes nothing
SELECT count(*) AS differing
FROM nova.options() o, LATERAL try(VARIADIC CASE WHEN o.name LIKE 'topic.re%' THEN '{}' ELSE ARRAY[o.name, o.default] END) given
WHERE given IS DISTINCT FROM (SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL) data LIMIT 1);

-- no such option
SELECT try('table.whitelist', 'x');
SELECT try('', 'x');
SELECT try('Topic.Prefix', 'x');
-- twice
SELECT try('topic.prefix', 'a', 'topic.prefix', 'a');
-- a name without a value
SELECT try('topic.prefix');
SELECT try('topic.prefix', NULL);

-- booleans
SELECT try('tombstones.on.delete', 'maybe');
SELECT try('tombstones.on.delete', '');
SELECT try('publish.via.partition.root', '2');
SELECT count(*) FROM try('tombstones.on.delete', 'no', 'publish.via.partition.root', 'YES');
-- integers
SELECT try('batch.bytes', '1023');
SELECT try('batch.bytes', '1048577');
SELECT try('batch.bytes', '8kB');
SELECT try('batch.bytes', '');
SELECT try('batch.bytes', '99999999999999999999');
SELECT try('batch.bytes', '-1');
SELECT count(*) FROM try('batch.bytes', '1024');
SELECT count(*) FROM try('batch.bytes', '1048576');
-- words
SELECT try('output', 'xml');
SELECT try('output', '');
SELECT try('output', 'text|frames');
SELECT try('unavailable.value.handling', 'fetch');
SELECT count(*) FROM try('output', 'TEXT');
-- fields
SELECT try('add.fields', 'nope');
SELECT try('add.fields', 'op,source.op');
SELECT try('add.fields', 'op:');
SELECT try('add.fields', ':x');
SELECT try('add.fields', 'OP');
SELECT try('add.fields', ' , ,,op , ');
SELECT try('add.fields', 'op:a:b');
-- through SQL, frames need the function for bytes
SELECT try('output', 'frames');
SELECT count(*) > 0 AS frames FROM pg_logical_slot_peek_binary_changes('options', NULL, NULL, 'output', 'frames');
SELECT convert_from(data, 'UTF8') FROM pg_logical_slot_peek_binary_changes('options', NULL, NULL, 'add.fields', 'op');

-- an error leaves the slot where it was, free for the next reader
SELECT active FROM pg_replication_slots WHERE slot_name = 'options';
SELECT take('options');

SELECT pg_drop_replication_slot('options');
DROP FUNCTION try(text[]);
DROP TABLE o;
