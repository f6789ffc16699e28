-- A row per value into the tables of schema "t".  Run twice: before the
-- connectors start (base=0, read by their snapshots) and while they stream
-- (base=1000).  Both must give the same JSON.
--
-- No value depends on the session: time zone and date style are set here.

\set ON_ERROR_STOP on
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';

INSERT INTO t.num VALUES
	(:base + 1, true, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 100, 0.001, 1, 1),
	(:base + 2, false, -32768, -2147483648, -9223372036854775808, 0, -1.5, -1.5, -1.1, -12.34, -7, -1.5, -12300, -0.0012, -1.5, -1234.11),
	(:base + 3, true, 32767, 2147483647, 9223372036854775807, 4294967295, 3.4028235e38, 1.7976931348623157e308, 9.99, 999999.9999, 99999, 9999999999999999999999999999.0123456789, 9999900, 0.0099, 12345678901234567890123456789.123456789, 92233720368547758.07),
	(:base + 4, NULL, 0, 0, 0, 2147483648, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	(:base + 5, NULL, NULL, NULL, NULL, NULL, 'NaN', 'NaN', 'NaN', 'NaN', 'NaN', 'NaN', 'NaN', 'NaN', 'NaN', NULL),
	(:base + 6, NULL, NULL, NULL, NULL, NULL, 'Infinity', 'Infinity', NULL, NULL, NULL, NULL, NULL, NULL, 'Infinity', NULL),
	(:base + 7, NULL, NULL, NULL, NULL, NULL, '-Infinity', '-Infinity', NULL, NULL, NULL, NULL, NULL, NULL, '-Infinity', NULL),
	(:base + 8, NULL, 127, 128, 32768, 16384, 1e10, 1e10, 1.28, 1.28, 128, 0.0000000001, 12800, 0.0001, 100, 1234.11),
	(:base + 9, NULL, 128, 255, 65536, NULL, 1e-5, 1e-5, -1.28, -1.28, -128, -0.0000000001, NULL, NULL, 1.10, -0.01),
	(:base + 10, NULL, 255, 256, NULL, NULL, 0.001, 0.001, 1.1, 1.1000, 255, 1.1, NULL, NULL, 1000000.000, 0.01),
	(:base + 11, NULL, 256, NULL, NULL, NULL, 9999999, 9999999, 2.55, 25.5, 256, NULL, NULL, NULL, 1e-30, 1000000),
	(:base + 12, NULL, NULL, NULL, NULL, NULL, 10000000, 10000000, NULL, NULL, NULL, NULL, NULL, NULL, 1e40, -92233720368547758.08),
	(:base + 13, NULL, NULL, NULL, NULL, NULL, '-0', '-0', NULL, NULL, NULL, NULL, NULL, NULL, -0.5, 0.1),
	(:base + 14, NULL, NULL, NULL, NULL, NULL, 1.4e-45, 4.9e-324, NULL, NULL, NULL, NULL, NULL, NULL, 123456789.987654321, NULL),
	(:base + 15, NULL, NULL, NULL, NULL, NULL, 0.1, 0.1, NULL, NULL, NULL, NULL, NULL, NULL, 0.0000001, NULL),
	(:base + 16, NULL, NULL, NULL, NULL, NULL, 2e-3, 2e-3, NULL, NULL, NULL, NULL, NULL, NULL, 0.000001, NULL),
	(:base + 17, NULL, NULL, NULL, NULL, NULL, 1.17549435e-38, 2.2250738585072014e-308, NULL, NULL, NULL, NULL, NULL, NULL, 1234567, NULL),
	(:base + 18, NULL, NULL, NULL, NULL, NULL, 16777216, 9007199254740993, NULL, NULL, NULL, NULL, NULL, NULL, 10, NULL),
	(:base + 19, NULL, NULL, NULL, NULL, NULL, 1e23, 1e23, NULL, NULL, NULL, NULL, NULL, NULL, -128, NULL),
	(:base + 20, NULL, NULL, NULL, NULL, NULL, 3.3e-12, 2e23, NULL, NULL, NULL, NULL, NULL, NULL, 128, NULL),
	(:base + 21, NULL, NULL, NULL, NULL, NULL, 123456.7, 123456789.123, NULL, NULL, NULL, NULL, NULL, NULL, 0.10, NULL),
	(:base + 22, NULL, NULL, NULL, NULL, NULL, 1.1e-43, 2.2e-322, NULL, NULL, NULL, NULL, NULL, NULL, 0.00, NULL),
	(:base + 23, NULL, NULL, NULL, NULL, NULL, 8388608, 1.0e-3, NULL, NULL, NULL, NULL, NULL, NULL, 1.000000000000000000000000000001, NULL),
	(:base + 24, NULL, NULL, NULL, NULL, NULL, NULL, 2.0e-3, NULL, NULL, NULL, NULL, NULL, NULL, 100000000000000000000, NULL);

INSERT INTO t.temporal (id, date, time, "time(0)", "time(3)", "time(4)", "time(6)", timetz, "timetz(0)", "timetz(3)")
SELECT :base + n, d::date, t::time, t::time, t::time, t::time, t::time, z::timetz, z::timetz, z::timetz
FROM (VALUES
	(1, '2017-09-15', '04:05:11.789', '04:05:11.789'),
	(2, '1970-01-01', '00:00:00', '00:00:00+00'),
	(3, '1969-12-31', '24:00:00', '24:00:00+00'),
	(4, '0001-01-01', '23:59:59.999999', '13:51:30.123789+02'),
	(5, '0044-03-15 BC', '12:34:56.123456', '00:30:00+02'),
	(6, '10000-01-01', '12:34:56.1', '23:30:00-05:30'),
	(7, '4713-11-24 BC', '12:34', '12:34+00'),
	(8, '5874897-12-31', '00:00:00.000001', '00:00:00.000001+00'),
	(9, 'infinity', '00:00:01', '24:00:00-14'),
	(10, '-infinity', '12:34:56.5', '24:00:00+14'),
	(11, '0001-12-31 BC', '01:02:03.004', '04:05:06.7+15:59:59'),
	(12, '9999-12-31', '23:59:59.9996', '04:05:06.789-15:59:59'),
	(13, '1582-10-04', '00:00', '12:00:00.120+01'),
	(14, '1582-10-15', '10:20:30', '10:20:30+01:30'),
	(15, '2000-02-29', '10:20:30.0001', '10:20:30.0001+00')) v(n, d, t, z);

INSERT INTO t.temporal (id, timestamp, "timestamp(0)", "timestamp(1)", "timestamp(3)", "timestamp(4)", "timestamp(6)",
	timestamptz, "timestamptz(0)", "timestamptz(1)", "timestamptz(3)", "timestamptz(4)", "timestamptz(6)")
SELECT :base + n, t::timestamp, t::timestamp, t::timestamp, t::timestamp, t::timestamp, t::timestamp,
	t::timestamptz, t::timestamptz, t::timestamptz, t::timestamptz, t::timestamptz, t::timestamptz
FROM (VALUES
	(101, '2019-07-09 02:28:57.123456'),
	(102, '1970-01-01 00:00:00'),
	(103, '1969-12-31 23:59:59.999999'),
	(104, '2023-10-12 22:52:03.456'),
	(105, '0001-01-01 00:00:00'),
	(106, '0044-03-15 12:00:00.5 BC'),
	(107, '4713-11-24 00:00:00 BC'),
	(108, '10000-01-01 00:00:00'),
	(109, '294247-01-01 00:00:00.000001'),
	(110, '294276-12-31 23:59:58.4'),
	(111, 'infinity'),
	(112, '-infinity'),
	(113, '2016-11-04 13:51:30'),
	(114, '2016-11-04 13:51:00'),
	(115, '2016-11-04 13:51:30.1'),
	(116, '2016-11-04 13:51:30.120'),
	(117, '1969-12-31 23:59:59'),
	(118, '1582-10-04 00:00:00'),
	(119, '1900-01-01 00:00:00.000001'),
	(120, '9999-12-31 23:59:59.999999'),
	(121, '2262-04-11 23:47:16.854775'),
	(122, '2262-04-12 00:00:00'),
	(123, '1677-09-21 00:00:00')) v(n, t);
INSERT INTO t.temporal (id, timestamptz) VALUES
	(:base + 151, '2016-11-04 13:51:30.123456+02'),
	(:base + 152, '2016-11-04 13:51:30-05:30'),
	(:base + 153, '0001-01-01 00:00:00+02'),
	(:base + 154, '9999-12-31 23:00:00-02');

-- No interval with more hours than an int: the snapshot and the stream of
-- Debezium fail for ever on it (NumberFormatException in its JDBC driver).
INSERT INTO t.temporal (id, interval, "interval(3)", "interval year to month")
SELECT :base + n, v::interval, v::interval, v::interval
FROM (VALUES
	(201, '1 year'), (202, '1 month'), (203, '1 day'), (204, '1 hour'), (205, '0'),
	(206, '1 year 2 months 3 days 4 hours 5 minutes 6.78 seconds'),
	(207, '-1 year -2 months -3 days -4 hours -5 minutes -6.78 seconds'),
	(208, '-1 day'), (209, '-0.5 seconds'), (210, '1 mon -1 day'), (211, '-1 year 1 month'),
	(212, '-1 mons +3 days -04:05:06'), (213, '178000000 years'), (214, '-178000000 years'),
	(215, '100 hours'), (216, '0.000001 seconds'), (217, '-0.000001 seconds'), (218, '25 months'),
	(219, '90 minutes 61 seconds'), (220, '1 day 23:59:59.999999'), (221, '-12:34:56.789'),
	(222, '1 second'), (223, '10.10 seconds'), (224, '2147483647 days'), (225, '2147483647:00:54.775807')) i(n, v);
INSERT INTO t.str VALUES
	(:base + 1, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'Citext', '10000000-0000-4000-8000-00000000ABCD', '{"bar": "baz"}', '{"bar":   "baz", "a": [1, 2.50, null, true]}', '<foo>bar</foo>', 'sad', 'Top.Science', '''fat'' ''rat''' ),
	(:base + 2, '', '', '', '', '', '', '', '', '', '00000000-0000-0000-0000-000000000000', 'null', 'null', '', 'ok', '', ''),
	(:base + 3, ' ', ' ', ' ', '  ', '  ', '  ', '  ', ' ', ' ', NULL, ' [1 ,2 ] ', '[]', '<?xml version="1.0" encoding="UTF-8"?><a/>', 'it''s "fine"', 'a', 'a fat cat'),
	(:base + 4, '\200', 'ä', 'äöü', 'ä  ', E'\t\n\r', '日本語', E'"\\/\b\f\x01\x1f\x7f', 'näme', 'Ä', NULL, '"\u00e4\/"', '"\u00e4\/"', '<ä b="c">&amp;</ä>', 'glücklich', 'a_b.c1', 'a:1A b:2B,3 c:4'),
	(:base + 5, '"', '"', '"', '\', '😀', '😀', E'\u2028\u2029\ufeff\ufffd', '"', '<>&''', NULL, '1', '1e400', '<![CDATA[x]]>', NULL, NULL, '''it''''s'' ''b\\c'''),
	(:base + 6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, E'{"a":\n1, "a":2}', '{"b":1,"a":2,"b":3}', NULL, NULL, NULL, NULL),
	(:base + 7, NULL, NULL, NULL, NULL, NULL, NULL, repeat('long ', 20), NULL, NULL, NULL, '{}', '"x"', NULL, NULL, NULL, NULL);

INSERT INTO t.bin VALUES
	(:base + 1, '\x010203', B'1', B'11', B'1000000', B'10000000', B'100000001', B'1'::bit(64), B'1'::bit(70), B'110100', B'1', B'10101', B'10101010101010101010'),
	(:base + 2, '', B'0', B'00', B'0000000', B'00000000', B'000000000', B'0'::bit(64), B'0'::bit(70), B'', B'', B'', B''),
	(:base + 3, '\xfffefdfbff', B'0', B'01', B'0000001', B'11111111', B'111111111', repeat('1', 64)::bit(64), repeat('1', 70)::bit(70), B'000000001', B'0', B'1', B'1'),
	(:base + 4, '\x00', NULL, B'10', B'1111111', B'00000001', B'000000001', (repeat('0', 63) || '1')::bit(64), (repeat('0', 69) || '1')::bit(70), repeat('10', 50)::varbit, NULL, B'00001', B'00000001'),
	(:base + 5, 'text', NULL, NULL, NULL, NULL, B'100000000', NULL, NULL, B'1', NULL, B'11111', B'100000000'),
	(:base + 6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO t.net VALUES
	(:base + 1, '192.168.2.0/24', '192.168.100.128/25', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05'),
	(:base + 2, '192.168.2.1', '10.0.0.0/8', '0800.2b01.0203', '0800.2b01.0203'),
	(:base + 3, '::1', '2001:db8::/32', '08-00-2b-ff-ff-ff', 'ff:ff:ff:ff:ff:ff:ff:ff'),
	(:base + 4, '2001:DB8::ffff:1.2.3.4/64', '::ffff:1.2.3.0/120', NULL, NULL),
	(:base + 5, '10.1.2.3/32', '10.1.2.3/32', NULL, NULL),
	(:base + 6, NULL, NULL, NULL, NULL);

INSERT INTO t.range VALUES
	(:base + 1, '[1,5)', '[1,5]', '(1.10,5.2]', '[2019-03-31,2019-04-30]', '[2019-03-31 15:30:00,infinity]', '[2017-06-05 11:29:12.549426+02,)', '[1.5,2.5)', '{[1,3),[5,7)}', '{[1.1,2.2]}', '{[2020-01-01,2020-01-02)}'),
	(:base + 2, 'empty', '(,5)', '[,]', 'empty', '(,)', '[2017-06-05,2017-06-06)', 'empty', '{}', '{}', '{}'),
	(:base + 3, '(,)', '[1,)', '(0,NaN)', '[-infinity,infinity)', '["2020-01-01 00:00:00 BC","10000-01-01 00:00:00")', '(-infinity,infinity)', '(,1e30]', NULL, NULL, NULL),
	(:base + 4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO t.geo VALUES
	(:base + 1, '(1,1)', '{-1,1,0}', '[(0,0),(1,1)]', '(2,2),(0,0)', '[(0,0),(1,1),(2,0)]', '((0,0),(0,1),(1,1))', '<(0,0),10>'),
	(:base + 2, '(-1.5,1e10)', '{1,-1,2.5}', '[(-1,0.1),(1e20,-1)]', '(1,1),(1,1)', '((0,0),(1,1),(2,0))', '((1,2))', '<(1.5,-2),0>'),
	(:base + 3, '(0,0)', '[(0,0),(0,1)]', NULL, NULL, '((1,1))', NULL, '<(0,0),1e300>'),
	(:base + 4, '(NaN,Infinity)', NULL, NULL, NULL, NULL, NULL, NULL),
	(:base + 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- Debezium's snapshot fails for ever on a refcursor that is not null: its JDBC
-- driver tries to fetch from the cursor of that name.
INSERT INTO t.sys VALUES
	(:base + 1, 'pg_class', 'integer', 'now', 'abs(integer)', '||/', 'pg_monitor', 'pg_catalog', 'english', '"C"', '123', '5000000000', '7', '(0,1)', '0/16B3748', '795:799:795,797', '10:20:10,14,15', '1 2 3', '1 2 3', CASE WHEN :base > 0 THEN 'cursor'::refcursor END, '=r/pg_monitor', '''fat'' <-> ''cat''', '$.a[*] ? (@ > 1)', '(1,"a b")'),
	(:base + 2, '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '(4294967295,65535)', '0/0', '1:1:', '1:1:', '', '', CASE WHEN :base > 0 THEN ''::refcursor END, '=/pg_monitor', '', '$', '(,)'),
	(:base + 3, '4000000000', '4000000000', '4000000000', '4000000000', '4000000000', '4000000000', '4000000000', '4000000000', '4000000000', '4294967295', '18446744073709551615', '4294967295', NULL, 'FFFFFFFF/FFFFFFFF', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(:base + 4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO t.ext VALUES
	(:base + 1, 'key => val', '0-393-04002-X', '978-0-393-04002-9', '978-0-393-04002-9', '1436-4522', '036000291452', 'M-2306-7118-7', 'Top.*', 'Europe & Russia*@', '(1,2),(3,4)', '1.5 .. 2', '1&(2|3)'),
	(:base + 2, 'key5=>NULL, key4=>val4, "key 1"=>"value \"1\"", "key#2"=>"value 2", key3=>"", ü=>ä', '0-306-40615-2', '978-3-16-148410-0', '220-500-896-511-7', '0317-8471', '012345678905', '979-0-060-11561-5', '*', 'a', '(1.5)', '~5', '1'),
	(:base + 3, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(:base + 4, 'zeta=>1, alpha=>2, m=>3, bb=>4, aaa=>5, "10"=>x, "9"=>y, Aa=>p, BB=>q', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(:base + 5, 'k01=>1,k02=>2,k03=>3,k04=>4,k05=>5,k06=>6,k07=>7,k08=>8,k09=>9,k10=>10,k11=>11,k12=>12,k13=>13,k14=>14,long_key_name=>15', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(:base + 6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO t.dom VALUES
	(:base + 1, 1, 2, 1.50, 1.5, 2.5, 'varchar', 'c', 'text', true, '2020-02-29', '12:34:56.789', '2020-02-29 12:34:56.789', '2020-02-29 12:34:56.789', '2020-02-29 12:34:56.789+00', 'ok', '10000000-0000-4000-8000-00000000abcd', '{"a": 1}', '\x0102', B'101', 1234.11, '1 day', '10.0.0.1/8', 1.5, 4294967295, '{1,NULL,2}', '{a,NULL}', '(1,x)', 'a=>1', '(1,2)', '[1,3)'),
	(:base + 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- Arrays: a few elements with NULL; empty; all NULL; NULL; nested; lower bound.
INSERT INTO t.arr VALUES
	(:base + 1, '{t,NULL,f}', '{1,NULL,-2}', '{1,NULL,-2}', '{1,NULL,9223372036854775807}', '{1,NULL,4294967295}',
	'{1.5,NULL,NaN,-Infinity,1e10}', '{1.5,NULL,NaN,Infinity,1e-5}', '{1.10,NULL,-2,1e20}', '{1.1,NULL,-2}', '{1.5,NULL,-2}',
	'{a,NULL,"NULL","","x \"y\" \\ z",ä}', '{a,NULL,b}', '{a,NULL,b}', '{a,NULL,b}', '{a,NULL,b}', '{a,NULL,B}',
	'{10000000-0000-4000-8000-00000000abcd,NULL}', '{"{\"a\": 1}",NULL,"[1,2]"}', '{"{\"a\": 1}",NULL,"[1,2]"}',
	'{<a/>,NULL}', '{"\\x0102",NULL}', '{101,NULL}', '{1,NULL,0101}', '{2020-02-29,NULL,1969-12-31}',
	'{12:34:56.789,NULL,24:00:00}', '{12:34:56.789,NULL}', '{12:34:56.789+02,NULL}', '{2020-02-29 12:34:56.789,NULL}',
	'{2020-02-29 12:34:56.789,NULL}', '{2020-02-29 12:34:56.789+02,NULL}', '{1 day,NULL,-1 mon}', '{10.0.0.1,NULL,::1/64}',
	'{10.0.0.0/8,NULL}', '{08:00:2b:01:02:03,NULL}', '{08:00:2b:01:02:03:04:05,NULL}', '{"[1,5)",NULL,empty}',
	'{"[1.1,5.2)",NULL}', '{"[2020-01-01 00:00:00+00,)",NULL}', '{"[2020-01-01,2020-02-01)",NULL}', '{"[2020-01-01,2020-02-01)",NULL}',
	'{"[1,5)",NULL}', '{sad,NULL,"it''s \"fine\""}', '{"(1,a)",NULL}', '{"a=>1, b=>NULL",NULL}', '{a.b,NULL}', '{"(1,2)",NULL}',
	'{(2,2),(0,0)}', '{"<(0,0),1>",NULL}', '{"a b",NULL}', '{pg_class,NULL}', '{0/16B3748,NULL}', '{c,NULL}',
	'{0-393-04002-X,NULL}', '{1,NULL}', '{a,NULL}', '{"{[1,3)}",NULL}');
INSERT INTO t.arr (id) VALUES (:base + 2);
SELECT 'INSERT INTO t.arr VALUES (' || :base + 3 || repeat(', ''{}''', count(*)::int - 1) || ');'
	|| 'INSERT INTO t.arr VALUES (' || :base + 4 || repeat(', ''{NULL}''', count(*)::int - 1) || ')'
FROM pg_attribute WHERE attrelid = 't.arr'::regclass AND attnum > 0
\gexec
INSERT INTO t.arr (id, "int4[]", "text[]", "int8[]", "float8[]", "numeric[]", "uuid[]", "date[]", "bool[]", "jsonb[]") VALUES
	(:base + 5, '{{1,2},{3,4}}', '{{a,b},{c,NULL}}', '{{{1},{2}}}', '{{1.5}}', '{{1.5}}', '{{10000000-0000-4000-8000-00000000abcd}}', '{{2020-02-29}}', '{{t}}', '{{"{}"}}');
INSERT INTO t.arr (id, "int4[]", "text[]") VALUES
	(:base + 6, '[0:1]={7,8}', '[-1:0]={x,y}');

-- The defaults themselves, but for those that differ from run to run; NULLs.
INSERT INTO t.dflt (id, text_user, uuid_func, date_func, time_func, timestamp_now, timestamp_cur, "timestamp(3)_now",
	timestamptz_now)
VALUES (:base + 1, 'someone', '20000000-0000-4000-8000-000000000002', '2020-01-02', '01:02:03', '2020-01-02 03:04:05',
	'2020-01-02 03:04:05', '2020-01-02 03:04:05', '2020-01-02 03:04:05+00');
SELECT 'INSERT INTO t.dflt VALUES (' || :base + 2 || repeat(', NULL', count(*)::int - 2) || ')'
FROM pg_attribute WHERE attrelid = 't.dflt'::regclass AND attnum > 0
\gexec
INSERT INTO t.nn (id, bool, int2, int4, int8, oid, float4, float8, "numeric", "numeric(5,2)", money, text,
	"varchar(10)", "char(5)", citext, """char""", name, uuid, json, jsonb, xml, bytea, bit, "bit(3)", varbit, date, time,
	"time(3)", timetz, timestamp, "timestamp(3)", timestamptz, interval, inet, macaddr, int4range, point, box, circle,
	line, enum, "int4[]", "text[]", hstore, ltree, tsvector, isbn, d_int, timestamptz_dflt, serial)
SELECT :base + n, true, 1, 1, 1, 1, 1, 1, 1, 1, 1, 't', 'v', 'c', 'ci', 'c', 'n', '10000000-0000-4000-8000-00000000abcd',
	'{}', '{}', '<a/>', '\x01', B'1', B'101', B'1', '2020-02-29', '12:34:56', '12:34:56', '12:34:56+00',
	'2020-02-29 12:34:56', '2020-02-29 12:34:56', '2020-02-29 12:34:56+00', '1 day', '10.0.0.1', '08:00:2b:01:02:03',
	'[1,3)', '(1,2)', '(1,1),(0,0)', '<(0,0),1>', '{1,-1,0}', 'ok', '{1}', '{a}', 'a=>1', 'a.b', 'a', '0-393-04002-X', 1,
	'2020-01-02 03:04:05+00', 7
FROM generate_series(1, 2) n;
DELETE FROM t.nn WHERE id = :base + 1;
UPDATE t.nn SET id = id + 10 WHERE id = :base + 2;

INSERT INTO g.geo VALUES
	(:base + 1, 'POINT(1 2)', 'SRID=4326;POINT(-71.5 42.25)', 'SRID=4326;POINT(-71.5 42.25)', NULL, NULL, NULL, NULL),
	(:base + 2, 'SRID=3187;LINESTRING(0 0,1 1.5,2 -3)', NULL, 'LINESTRING(0 0,1 1)',
	ARRAY['POINT(1 2)'::geometry, NULL, 'SRID=3187;POINT Z(1 2 3)'::geometry], ARRAY['POINT(1 2)'::geography, NULL],
	'BOX(0 0,1 1)', 'BOX3D(0 0 0,1 1 1)'),
	(:base + 3, 'POLYGON((0 0,1 0,1 1,0 1,0 0),(0.2 0.2,0.4 0.2,0.4 0.4,0.2 0.2))', NULL, NULL, '{}', '{NULL}', NULL, NULL),
	(:base + 4, 'GEOMETRYCOLLECTION ZM(POINT ZM EMPTY,MULTIPOINT ZM((1 2 3 4)))', 'POINT EMPTY', NULL, NULL, NULL, NULL, NULL),
	(:base + 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO g.geo_nn VALUES (:base + 1, 'POINT(1 2)', 'POINT(1 2)');
DELETE FROM g.geo_nn WHERE id = :base + 1;
INSERT INTO g.toast
SELECT :base + 1, 1, line, line::geography, ('[1' || repeat(',2', 3000) || ']')::vector, ('[1' || repeat(',2', 3000) || ']')::halfvec,
	('{1:1' || repeat(',2:2', 1) || repeat(' ', 3000) || '}/5')::sparsevec
FROM (SELECT ST_MakeLine(ARRAY(SELECT ST_MakePoint(x / 1000.0, 1) FROM generate_series(1, 300) x))) AS _ (line);
UPDATE g.toast SET n = 2 WHERE id = :base + 1;
INSERT INTO g.vec VALUES
	(:base + 1, '[1,2.5,-3e-7]', '[1,0.5]', '{1:1,3:2.5}/5', '{"[1,2]",NULL}'),
	(:base + 2, '[0]', '[-0,65504]', '{}/3', '{}'),
	(:base + 3, '[1e10,123456.79]', '[0.0999755859375]', '{2:1e+10}/1000', NULL),
	(:base + 4, NULL, NULL, NULL, NULL);
INSERT INTO g.vec_nn VALUES (:base + 1, '[1]', '[1]');
DELETE FROM g.vec_nn WHERE id = :base + 1;
