--
-- Every type that has an encoder of its own, at its edges, and the text of the
-- others.  Each table has one column "v", so that a line shows one value.
--
SET synchronous_commit = on;
\a
SELECT 'init' FROM pg_create_logical_replication_slot('types', 'nova_decoder');
CREATE FUNCTION vals() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(data, '^.*"value":{"v":(.*)}}$', '\1')
    FROM pg_logical_slot_get_changes('types', NULL, NULL, 'add.fields', '')
$$;

-- boolean and integers
CREATE TABLE t_bool (v bool);
INSERT INTO t_bool VALUES (true), (false), (NULL);
CREATE TABLE t_int2 (v smallint);
INSERT INTO t_int2 VALUES (0), (-32768), (32767), (NULL);
CREATE TABLE t_int4 (v int);
INSERT INTO t_int4 VALUES (0), (-2147483648), (2147483647), (NULL);
CREATE TABLE t_int8 (v bigint);
INSERT INTO t_int8 VALUES (0), (-9223372036854775808), (9223372036854775807), (NULL);
CREATE TABLE t_oid (v oid);
INSERT INTO t_oid VALUES (0), (2147483648), (4294967295), (NULL);
SELECT vals();

-- floats: shortest digits that read back the same
CREATE TABLE t_float4 (v real);
INSERT INTO t_float4 VALUES (0), ('-0'), (1), (0.1), (1e10), (1e-5), (16777217), (3.4028235e38),
    (-3.4028235e38), (1.17549435e-38), (1e-45), ('NaN'), ('Infinity'), ('-Infinity'), (NULL);
CREATE TABLE t_float8 (v double precision);
INSERT INTO t_float8 VALUES (0), ('-0'), (1), (0.1), (0.1::float8 + 0.2::float8), (1e15), (1e16), (123456789012345680),
    (1e-4), (1e-5), (9007199254740993), (1.7976931348623157e308), (-1.7976931348623157e308),
    (2.2250738585072014e-308), (5e-324), (4.9e-320), ('NaN'), ('Infinity'), ('-Infinity'), (NULL);
SELECT vals();

-- numeric: exact, with the scale that is stored
CREATE TABLE t_numeric (v numeric);
INSERT INTO t_numeric VALUES (0), (0.0), (0.000), (-0.0), (1), (-1), (1.0), (1.10), (100), (10000),
    (100000000), (0.1), (0.0001), (0.00001), (-0.00000001), (1234.5678), (12345.6789), (99999999),
    (9999.9999), (10000.0001), (100000000.00000001), (123456789012345678901234567890.0987654321),
    (1e20), (1e-20), (1.5e-6), ('NaN'), ('Infinity'), ('-Infinity'), (NULL);
CREATE TABLE t_scaled (v numeric(10, 3));
INSERT INTO t_scaled VALUES (0), (1), (1.2), (1.23456), (-1234567.891), ('NaN');
SELECT vals();
-- the longest there are: compared with the server's own text
CREATE TABLE long_numeric (id serial PRIMARY KEY, v numeric);
INSERT INTO long_numeric (v) VALUES ((repeat('9', 131072) || '.' || repeat('9', 16383))::numeric),
    (('-1' || repeat('0', 131071))::numeric), (('1e-16383')::numeric), (('-1.5e-16382')::numeric),
    (('1' || repeat('0', 131071) || '.' || repeat('0', 16382) || '1')::numeric),
    (repeat('12345', 20000)::numeric), (('0.' || repeat('0001', 4095))::numeric);
SELECT id, length(v::text) AS length, data LIKE '%,"v":' || v || ',"__op":"c"}}' AS equal
FROM long_numeric JOIN take('types') WITH ORDINALITY t (data, id) USING (id)
ORDER BY id;

-- text
CREATE TABLE t_text (v text);
INSERT INTO t_text VALUES (''), ('plain'), ('with "quotes" and \ and /'), (NULL),
    ((SELECT string_agg(chr(i), '' ORDER BY i) FROM generate_series(1, 31) i)),
    (chr(127) || chr(128) || chr(159) || chr(160)), (chr(8232) || chr(8233) || chr(65279)),
    ('naïve Ünïcödé 漢字 العربية'), ('😀👩‍👩‍👧🏴󠁧󠁢󠁥󠁮󠁧󠁿'), (chr(1114111) || chr(65535)),
    ('0123456789abcde"'), ('0123456789abcdef"'), (E'0123456789abcdef0123456789abcde\n'),
    (E'\\u0041\\n'), ('</script>');
CREATE TABLE t_varchar (v varchar(5));
INSERT INTO t_varchar VALUES (''), ('ab'), (E'a"\\\tb'), (NULL);
CREATE TABLE t_bpchar (v char(5));
INSERT INTO t_bpchar VALUES (''), ('ab'), ('é'), (NULL);
CREATE TABLE t_name (v name);
INSERT INTO t_name VALUES (''), ('a "name"'), (repeat('é', 31)), (NULL);
CREATE TABLE t_char (v "char");
INSERT INTO t_char VALUES ('a'), ('"'), ('\'), (''), (NULL), (1::"char"), (10::"char"), (127::"char"),
    ((-128)::"char"), ((-1)::"char");
SELECT vals();

-- bytea, uuid
CREATE TABLE t_bytea (v bytea);
INSERT INTO t_bytea VALUES (''), ('\x00'), ('\x0001'), ('\x000102'), ('\xff'), ('\xfffefdfc'),
    ('it''s text'), (NULL);
CREATE TABLE t_uuid (v uuid);
INSERT INTO t_uuid VALUES ('00000000-0000-0000-0000-000000000000'),
    ('FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'), ('{01234567-89ab-cdef-0123-456789abcdef}'), (NULL);
SELECT vals();
CREATE TABLE long_bytea (n int, v bytea);
INSERT INTO long_bytea
SELECT n, decode(repeat('00fe10', (n + 2) / 3), 'hex') FROM unnest('{8190,8191,8192,8193,100000}'::int[]) n;
INSERT INTO long_bytea SELECT n, substr(v, 1, n - 1) FROM long_bytea;
SELECT j -> 'n' AS n, decode(j ->> 'v', 'base64') IN (SELECT b.v FROM long_bytea b WHERE b.n = (j ->> 'n')::int) AS equal,
       length(decode(j ->> 'v', 'base64')) AS length
FROM take('types') data, LATERAL (SELECT data::jsonb -> 'value') v (j);

-- dates and times
CREATE TABLE t_date (v date);
INSERT INTO t_date VALUES ('1970-01-01'), ('1969-12-31'), ('2000-02-29'), ('1900-03-01'), ('0001-01-01'),
    ('0001-12-31 BC'), ('0002-01-01 BC'), ('4713-01-01 BC'), ('9999-12-31'), ('10000-01-01'), ('99999-01-01'),
    ('5874897-12-31'), ('infinity'), ('-infinity'), (NULL);
CREATE TABLE t_time (v time);
INSERT INTO t_time VALUES ('00:00'), ('23:59:59.999999'), ('24:00:00'), ('12:34:56.7'), ('12:34:56.000001'),
    ('00:00:00.1'), (NULL);
CREATE TABLE t_time0 (v time(0));
INSERT INTO t_time0 VALUES ('12:34:56.7');
CREATE TABLE t_timetz (v timetz);
INSERT INTO t_timetz VALUES ('00:00+00'), ('24:00:00-15:59'), ('12:34:56.789+05:30'), ('12:00-00:00:01'), (NULL);
CREATE TABLE t_timestamp (v timestamp);
INSERT INTO t_timestamp VALUES ('1970-01-01'), ('1970-01-01 00:00:00.001'), ('1969-12-31 23:59:59.999'),
    ('1969-12-31 23:59:59.999999'), ('2000-01-01'), ('1999-12-31 23:59:59.999999'), ('2023-10-12 14:58:43.456789'),
    ('0001-01-01'), ('0001-12-31 BC'), ('4714-11-24 00:00:00 BC'), ('294276-12-31 23:59:59.999999'),
    ('infinity'), ('-infinity'), (NULL);
CREATE TABLE t_timestamptz (v timestamptz);
INSERT INTO t_timestamptz VALUES ('1970-01-01 00:00+00'), ('1970-01-01 00:00+01'), ('2023-10-12 14:58:43.456789-07'),
    ('4714-11-24 00:00:00+00 BC'), ('294276-12-31 23:59:59.999999+00'), ('infinity'), ('-infinity'), (NULL);
SELECT vals();

-- json keeps its text, on one line; jsonb is canonical
CREATE TABLE t_json (v json);
INSERT INTO t_json VALUES ('null'), ('true'), ('"a"'), ('1.0'), ('1e400'), ('{}'), ('[]'), ('{"b":1,"a":2,"b":3}'),
    (E'{\n\t"a" :\r\n [1,\n2]\n}\n'), ('"\u0000\ud83d\ude00\n"'), ('{"é漢": "😀"}'), (E'  "x"  '), (NULL);
CREATE TABLE t_jsonb (v jsonb);
INSERT INTO t_jsonb VALUES ('null'), ('true'), ('false'), ('"a"'), ('""'), ('1.0'), ('-0.00'), ('1e30'), ('1E-5'), ('{}'), ('[]'),
    ('[[]]'), ('[{}]'), ('{"a":{}}'), ('{"a":[]}'), ('[[],[],{},{}]'), ('{"b":1,"a":2,"b":3}'), ('[1,"2",null,true,[3,{"x":[4]}],{"y":{"z":null}}]'),
    ('{"é漢":"😀\u00e9\n\t\"\\\/"}'), ('{"":0}'), ('{"a\"b\\":[{"c":1},{"d":2}],"e":3}'), (NULL);
SELECT vals();
CREATE TABLE long_jsonb (v jsonb);
INSERT INTO long_jsonb SELECT jsonb_object_agg('k' || g, jsonb_build_array(g, repeat('é"', 50), NULL, g * 1e15))
FROM generate_series(1, 5000) g;
INSERT INTO long_jsonb SELECT (repeat('[', 5000) || repeat(']', 5000))::jsonb;
INSERT INTO long_jsonb VALUES (to_jsonb(repeat('9', 131072)::numeric));
SELECT length(data) > 100000 OR data LIKE '%[[[[%' OR data LIKE '%9999%' AS long, data::jsonb #> '{value,v}' IN (SELECT v FROM long_jsonb) AS equal
FROM take('types') data;

-- a domain is its base type, however deep
CREATE DOMAIN d_bool AS bool;
CREATE DOMAIN d_int AS int CHECK (VALUE > 0);
CREATE DOMAIN d_deep AS d_int NOT NULL;
CREATE DOMAIN d_num AS numeric(5, 2);
CREATE DOMAIN d_text AS text;
CREATE DOMAIN d_bytea AS bytea;
CREATE DOMAIN d_ts AS timestamptz;
CREATE DOMAIN d_jsonb AS jsonb;
CREATE DOMAIN d_array AS int[];
CREATE DOMAIN d_uuid AS uuid;
CREATE TABLE t_domain (a d_bool, b d_int, c d_deep, d d_num, e d_text, f d_bytea, g d_ts, h d_jsonb, i d_array, j d_uuid, k d_int);
INSERT INTO t_domain VALUES (true, 1, 2, 3, 'te"xt', '\x00', '1970-01-01 00:00:01+00', '{"a":[1]}', '{1,2}',
    '00000000-0000-0000-0000-000000000001', NULL);
SELECT take('types');

-- the rest is text
CREATE TYPE mood AS ENUM ('sad', 'ok', 'with "quotes"');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE span AS RANGE (subtype = int);
CREATE TABLE t_enum (v mood);
INSERT INTO t_enum VALUES ('sad'), ('with "quotes"'), (NULL);
CREATE TABLE t_arrays (a int[], b text[], c timestamptz[], d float8[], e bytea[], f mood[], g pair[], h int[]);
INSERT INTO t_arrays VALUES ('{}', '{a,"b c",NULL,"NULL","\"","\\",é}', '{"2024-01-01 00:00+00",NULL,infinity}',
    '{0.1,NaN,1e300}', '{"\\x00ff"}', '{sad,NULL}', '{"(1,a)"}', '[0:1][2:3]={{1,2},{3,4}}');
CREATE TABLE t_row (v pair);
INSERT INTO t_row VALUES ((1, 'a"b,c')), ((NULL, NULL)), (NULL);
CREATE TABLE t_range (a int4range, b tstzrange, c daterange, d nummultirange, e span, f int4range);
INSERT INTO t_range VALUES ('[1,5]', '[2024-01-01 00:00+00,)', '(,2024-01-01)', '{[1,2),(3,4]}', '(1,2]', 'empty');
CREATE TABLE t_interval (v interval);
INSERT INTO t_interval VALUES ('1 year 2 months -3 days 04:05:06.789'), ('0'), ('-1 mon'), ('178000000 years');
CREATE TABLE t_other (a inet, b cidr, c macaddr, d macaddr8, e point, f box, g bit(3), h varbit, i money, j xml, k tsvector,
    l tsquery, m pg_lsn, n xid8, o oidvector, p int2vector, q jsonpath, r tid, s xid, t polygon, u circle);
INSERT INTO t_other VALUES ('::1/64', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '(0.1,-2)', '(1,1),(0,0)', B'101', B'', 12.34,
    '<a b="c">é</a>', 'a:1 fat', 'a & !b', '16/B374D848', '18446744073709551615', '1 2', '3 4', '$.a[*] ? (@ > 1)', '(1,2)', '4294967295',
    '((0,0),(1,1),(1,0))', '<(0,0),1e300>');
SELECT take('types');
-- an enum label is that of the LSN
ALTER TYPE mood RENAME VALUE 'sad' TO 'unhappy';
INSERT INTO t_enum VALUES ('unhappy');
SELECT take('types');
-- and so is a composite type
INSERT INTO t_row VALUES ((2, 'b'));
ALTER TYPE pair ADD ATTRIBUTE c date;
INSERT INTO t_row VALUES ((3, 'c', '2024-01-01'));
ALTER TYPE pair DROP ATTRIBUTE b;
INSERT INTO t_row VALUES ((4, '2024-01-02'));
SELECT take('types');

-- a row of many columns, nearly all of them null
DO $$ BEGIN
    EXECUTE 'CREATE TABLE t_wide (' || (SELECT string_agg('c' || g || ' int', ',') FROM generate_series(1, 1600) g) || ')';
END $$;
INSERT INTO t_wide (c1600) VALUES (1);
SELECT count(*), max(k) FILTER (WHERE v <> 'null') AS set_column
FROM take('types') data, jsonb_each((data::jsonb -> 'value') - '__op') e (k, v);

SELECT pg_drop_replication_slot('types');
DROP TABLE t_bool, t_int2, t_int4, t_int8, t_oid, t_float4, t_float8, t_numeric, t_scaled,
    long_numeric, t_text, t_varchar, t_bpchar, t_name, t_char, t_bytea, t_uuid, long_bytea, t_date, t_time, t_time0,
    t_timetz, t_timestamp, t_timestamptz, t_json, t_jsonb, long_jsonb, t_domain, t_enum, t_arrays, t_row, t_range,
    t_interval, t_other, t_wide;
DROP DOMAIN d_bool, d_deep, d_int, d_num, d_text, d_bytea, d_ts, d_jsonb, d_array, d_uuid;
DROP TYPE mood, pair, span;
DROP FUNCTION vals();
