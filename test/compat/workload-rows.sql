-- Rows of schema "i" that exist before the connectors start: their snapshots
-- read them and the stream (workload-stream.sql) changes some of them.

\set ON_ERROR_STOP on
SET timezone = 'UTC';
INSERT INTO i.dflt SELECT n, 'snap ' || n, n, '2023-10-12 22:52:03.456' FROM generate_series(1, 3) n;
INSERT INTO i.full SELECT n, 'snap ' || n, n, '2023-10-12 22:52:03.456' FROM generate_series(1, 3) n;
INSERT INTO i.index SELECT n, 'code' || n, 'snap', n FROM generate_series(1, 3) n;
INSERT INTO i.nothing VALUES (1, 'snap');
INSERT INTO i.nopk VALUES (1, 'snap');
INSERT INTO i.nopk_full VALUES (1, 'snap'), (1, 'snap'), (2, 'snap');
INSERT INTO i.multi VALUES ('x', 2, '10000000-0000-4000-8000-00000000abcd', '2020-01-01', 'snap');
INSERT INTO i.uniq VALUES (1, 'one', 'snap'), (2, 'two', 'snap');
INSERT INTO i.uniq_null VALUES (1, 'one', 'snap'), (2, NULL, 'snap');
INSERT INTO i.uniq_two VALUES (1, 10, 'snap');
INSERT INTO i.uniq_part VALUES (1, 'snap');
INSERT INTO i.keychg SELECT n, 'snap', n FROM generate_series(1, 4) n;
INSERT INTO i.keychg_full SELECT n, 'snap', n FROM generate_series(1, 4) n;
INSERT INTO i.trunc VALUES (1, 'snap');
INSERT INTO i."Odd Näme" VALUES (1, 'a', 'б', 'dot', 'first');
INSERT INTO n."1-ключ 😀" VALUES (1, 'one', 'a', 1.5, 'b', 2, '2020-02-29', 'ok');
INSERT INTO n."_plain_name" VALUES (1, 'snap');
INSERT INTO n.nn VALUES (1, '[(1,2),(3,4)]', '[(1,2),(3,4)]', '((1,2),(3,4))', '(1,2)', '(1,2),(3,4)', '{1,2,3}', '<(1,2),3>',
	'10.0.0.0/8', '08:00:2b:01:02:03:04:05', '[1,2)', '[2020-01-01,)', '101', '101010101', '{a}', '1 2');
INSERT INTO i.part VALUES (1, 'eu', 'snap'), (2, 'us', 'snap');
INSERT INTO i.ddl VALUES (1, 'snap', 1);
INSERT INTO i.cols VALUES (1, 'secret', 'a long text', 'hash me', NULL, 1, 'gone');
INSERT INTO i.outbox VALUES ('10000000-0000-4000-8000-000000000001', 'order', '7', 'OrderCreated', '{"id": 7}');
INSERT INTO i.keys VALUES (-1, 9223372036854775807, 1.5, 12.340, 'ä "q"', 'c', '10000000-0000-4000-8000-00000000abcd',
	'2020-02-29', '2020-02-29 12:34:56.789', '2020-02-29 12:34:56.789+02', true, '\x0102', 'it''s "fine"', 1e10, 'snap');

-- One value of each class that is larger than a page and stored out of line.
INSERT INTO i.toast
SELECT n, n, repeat('t', 3000), repeat('v', 3000), repeat('c', 3000), decode(repeat('ab', 3000), 'hex'),
	json_build_object('k', repeat('j', 3000)), jsonb_build_object('k', repeat('b', 3000)),
	('<a>' || repeat('x', 3000) || '</a>')::xml, repeat('1234567890', 700)::numeric, repeat('10', 15000)::varbit,
	hstore('k', repeat('h', 3000)), array_to_tsvector(ARRAY(SELECT 'lexeme' || g FROM generate_series(1, 500) g)),
	(SELECT string_agg('label' || g, '.') FROM generate_series(1, 400) g)::ltree,
	('(' || (SELECT string_agg('(' || g || ',1)', ',') FROM generate_series(1, 300) g) || ')')::polygon,
	('[' || (SELECT string_agg('(' || g || ',1)', ',') FROM generate_series(1, 300) g) || ']')::path,
	ARRAY(SELECT repeat('t', 30) || g FROM generate_series(1, 100) g), ARRAY(SELECT repeat('v', 30) || g FROM generate_series(1, 100) g),
	ARRAY(SELECT g FROM generate_series(1, 1000) g), ARRAY(SELECT g FROM generate_series(1, 1000) g),
	ARRAY(SELECT g FROM generate_series(1, 2000) g), array_fill('10000000-0000-4000-8000-00000000abcd'::uuid, ARRAY[200]),
	ARRAY(SELECT g + 0.5 FROM generate_series(1, 500) g), array_fill('2020-02-29'::date, ARRAY[1000]),
	array_fill('2020-02-29 00:00+00'::timestamptz, ARRAY[500]), array_fill('\x0102'::bytea, ARRAY[400]),
	array_fill('{"a": 1}'::json, ARRAY[300]), array_fill('{"a": 1}'::jsonb, ARRAY[300]), array_fill(true, ARRAY[3000]),
	array_fill(1.5::float8, ARRAY[500]), array_fill('10.0.0.1'::inet, ARRAY[300]), array_fill('ok'::t.mood, ARRAY[1000]),
	array_fill('citext'::citext, ARRAY[300]), array_fill('a=>1'::hstore, ARRAY[200]), repeat('n', 3000),
	ARRAY(SELECT g FROM generate_series(1, 1000) g)
FROM generate_series(1, 2) n;
INSERT INTO i.toast_full SELECT * FROM i.toast;

INSERT INTO x.outbox VALUES ('30000000-0000-4000-8000-000000000001', 'order', 'snap', 'Snap', '{"id": 1}',
	'2020-02-29 12:34:56.789', 1, 1, 0);
