--
-- time.precision.mode=structured: dates, times and intervals as objects.
--
SET synchronous_commit = on;
SET timezone = 'Europe/Berlin';
SET intervalstyle = 'iso_8601';
CREATE TABLE temporal (
	id int PRIMARY KEY, d date, t time, t3 time(3), tz timetz, ts timestamp, ts0 timestamp(0),
	tstz timestamptz, i interval, i3 interval(3), iym interval year to month, ds date[], d0 date NOT NULL DEFAULT '2020-01-01');
SELECT 'init' FROM pg_create_logical_replication_slot('structured', 'nova_decoder');
INSERT INTO temporal VALUES
	(1, '2020-02-29', '12:34:56.789', '12:34:56.789', '12:34:56.5+05:30', '2020-02-29 12:34:56.789', '2020-02-29 12:34:56',
	 '2020-02-29 12:34:56.789+00', '1 year 2 mons 3 days 04:05:06.78', '-00:00:00.5', '-14 mons', '{2020-02-29,NULL,infinity}'),
	(2, '0044-03-15 BC', '24:00', '00:00', '24:00:00-14', '4713-11-24 00:00:00 BC', '1969-12-31 23:59:59',
	 '0001-12-31 23:59:59.999999+00 BC', '-1 mons +3 days -04:05:06', '00:00', '0', '{}'),
	(3, 'infinity', NULL, NULL, NULL, '-infinity', 'infinity', '-infinity', NULL, NULL, NULL, NULL);
CREATE FUNCTION members(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (id text, name text, value text) LANGUAGE sql AS $$
    SELECT data::json -> 'value' ->> 'id', m.key, m.value
    FROM peek('structured', VARIADIC ARRAY['time.precision.mode', 'structured', 'skipped.operations', 'd'] || $1) data,
        json_each_text(data::json -> 'value') m
$$;
SELECT name, value FROM members() WHERE id = '1';
SELECT name, value FROM members() WHERE id = '2';
SELECT name, value FROM members() WHERE id = '3';
-- both profiles have the same, whatever the mode of intervals
SELECT count(*), count(*) FILTER (WHERE n.value IS DISTINCT FROM d.value) AS differing
FROM members() n JOIN members('profile', 'debezium', 'interval.handling.mode', 'string') d USING (id, name);

-- as keys; zeros where Debezium writes them
CREATE TABLE days (d date PRIMARY KEY, t time NOT NULL, tz timetz NOT NULL, at timestamptz NOT NULL, i interval(3) NOT NULL, n timestamp DEFAULT now());
INSERT INTO days VALUES ('2020-02-29', '1:00', '1:00+01', '2020-02-29 00:00+00', '1 day', NULL);
DELETE FROM days;
SELECT data::json -> 'key' AS key, jsonb_pretty(data::jsonb -> 'value' -> 'before') AS before
FROM peek('structured', 'profile', 'debezium', 'format', 'envelope', 'time.precision.mode', 'structured', 'table.include.list', 'public.days',
	'skipped.operations', 'c', 'tombstones.on.delete', 'false') data;

SELECT pg_drop_replication_slot('structured');
DROP TABLE temporal, days;
DROP FUNCTION members;
