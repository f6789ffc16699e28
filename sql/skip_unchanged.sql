--
-- skip.messages.without.change: updates that show nothing new make no record.
--
SET synchronous_commit = on;
CREATE TABLE part_old (id int PRIMARY KEY, a text, n numeric, hidden text);
CREATE TABLE full_old (LIKE part_old INCLUDING ALL);
ALTER TABLE full_old REPLICA IDENTITY FULL;
ALTER TABLE full_old ALTER a SET STORAGE EXTERNAL;
SELECT 'init' FROM pg_create_logical_replication_slot('unchanged', 'nova_decoder');
CREATE FUNCTION updates() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT left(data, 90) FROM take('unchanged', VARIADIC ARRAY['skip.messages.without.change', 'true', 'skipped.operations', 'c',
        'column.exclude.list', 'public.full_old.hidden']) data
$$;

INSERT INTO part_old VALUES (1, 'a', 1);
INSERT INTO full_old VALUES (1, 'a', 1);
-- without the old row nobody knows
UPDATE part_old SET a = a;
-- nothing, then only what is left out
UPDATE full_old SET a = a;
UPDATE full_old SET hidden = 'x';
SELECT updates();
-- something; to null, from null
UPDATE full_old SET a = 'b';
UPDATE full_old SET a = NULL;
UPDATE full_old SET a = NULL, n = 1;
UPDATE full_old SET a = 'c';
SELECT updates();
-- other decimals are another value
UPDATE full_old SET n = 1.0;
SELECT updates();
-- large values: set, left alone, set to the same, to another
UPDATE full_old SET a = repeat('x', 10000);
SELECT updates();
UPDATE full_old SET n = n;
UPDATE full_old SET a = repeat('x', 10000);
SELECT updates();
UPDATE full_old SET a = repeat('y', 10000);
SELECT updates();
-- a key that is in no value
UPDATE full_old SET id = 3;
SELECT take('unchanged', 'skip.messages.without.change', 'true', 'column.include.list', 'public.full_old.n');
-- what is masked or cut off does not show
UPDATE full_old SET a = repeat('y', 9999) || 'z';
UPDATE full_old SET a = NULL;
SELECT peek('unchanged', 'skip.messages.without.change', 'true', 'column.mask', '3:.*\.a');
SELECT peek('unchanged', 'skip.messages.without.change', 'true', 'column.truncate', '3:.*\.a');
-- off by default
SELECT count(*) FROM peek('unchanged');

SELECT pg_drop_replication_slot('unchanged');
DROP TABLE part_old, full_old;
DROP FUNCTION updates;
