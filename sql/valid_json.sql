--
-- Every line is valid JSON and says what the table says, whatever is stored.
--
SET synchronous_commit = on;
SET timezone = 'UTC';
CREATE TABLE nasty (id int PRIMARY KEY, t text, v varchar, c char(3), b bytea, n numeric, f float8, r real, j jsonb,
                    js json, a text[], u uuid, d date, ti time, ts timestamp, tz timestamptz, i interval);
SELECT 'init' FROM pg_create_logical_replication_slot('valid_json', 'nova_decoder');

-- each character of the lower planes that text can hold, alone and in company
INSERT INTO nasty (id, t, v)
SELECT n, chr(n), 'before "' || chr(n) || '\ after'
FROM generate_series(1, 3000) n;
INSERT INTO nasty (id, t)
SELECT 10000 + n, string_agg(chr(n * 256 + k), '' ORDER BY k)
FROM generate_series(1, 255) n, generate_series(0, 255) k
WHERE n NOT BETWEEN 216 AND 223
GROUP BY n;
INSERT INTO nasty (id, t) SELECT 20000 + n, chr(65536 * n + n) || '"' || chr(65536 * n + 65533) FROM generate_series(1, 16) n;
-- escapes at every distance from the edges of a 16-byte vector
INSERT INTO nasty (id, t)
SELECT 30000 + n * 40 + k, repeat('x', n) || substr(E'"\\\n\x01\x1fé', 1 + k % 6, 1) || repeat('y', k) || E'\t'
FROM generate_series(0, 33) n, generate_series(0, 33) k;
-- and around the pieces in which a long string is written
INSERT INTO nasty (id, t)
SELECT 40000 + n, repeat('é', 4090 + n) || '"' || repeat(E'\\', n) || repeat(E'\x01', 9000)
FROM generate_series(1, 12) n;
INSERT INTO nasty (id, t) VALUES (50000, repeat(E'\x02"\\', 400000));
-- other types, seeded so that each run stores the same
SELECT setseed(0.5) IS NOT NULL AS seeded;
INSERT INTO nasty
SELECT 60000 + g, md5(random()::text), repeat('"', g % 7), left(md5(g::text), g % 4), decode(md5(random()::text), 'hex'),
       (random() * 10 ^ (g % 40 - 20))::numeric, random() * 10.0 ^ (g % 600 - 300), (random() * 10 ^ (g % 60 - 30))::real,
       jsonb_build_object('k' || g, random(), E'\n"', jsonb_build_array(g, NULL, true, '"', jsonb_build_object())),
       json_build_object(E'"\\\t', g, 'x', NULL), ARRAY['"', E'\\', NULL, E'\n', '{},'], md5(g::text)::uuid,
       date '2000-01-01' + (random() * 1000000 - 700000)::int, time '00:00' + random() * interval '24 hours',
       timestamp '1970-01-01' + (random() - 0.5) * interval '4000 years',
       timestamptz '1970-01-01 00:00+00' + (random() - 0.5) * interval '4000 years', random() * interval '1000 days'
FROM generate_series(1, 2000) g;

CREATE TABLE lines AS SELECT data, data::jsonb -> 'value' AS v FROM peek('valid_json') data;
-- the same lines again, byte by byte
SELECT count(*) AS differing
FROM peek('valid_json') WITH ORDINALITY p (data, n)
     FULL JOIN peek('valid_json') WITH ORDINALITY q (data, n) USING (n)
WHERE p.data IS DISTINCT FROM q.data;

SELECT count(*) AS rows, count(l.v) AS lines,
       count(*) FILTER (WHERE l.v ->> 't' IS DISTINCT FROM x.t) AS bad_text,
       count(*) FILTER (WHERE l.v ->> 'v' IS DISTINCT FROM x.v) AS bad_varchar,
       count(*) FILTER (WHERE rtrim(l.v ->> 'c') IS DISTINCT FROM x.c::text) AS bad_char,
       count(*) FILTER (WHERE decode(l.v ->> 'b', 'base64') IS DISTINCT FROM x.b) AS bad_bytea,
       count(*) FILTER (WHERE l.v ->> 'n' IS DISTINCT FROM x.n::text) AS bad_numeric,
       count(*) FILTER (WHERE (l.v ->> 'f')::float8 IS DISTINCT FROM x.f) AS bad_float8,
       count(*) FILTER (WHERE (l.v ->> 'r')::real IS DISTINCT FROM x.r) AS bad_float4
FROM nasty x LEFT JOIN lines l ON (l.v ->> 'id')::int = x.id;
SELECT count(*) AS rows,
       count(*) FILTER (WHERE l.v -> 'j' IS DISTINCT FROM x.j) AS bad_jsonb,
       count(*) FILTER (WHERE l.v -> 'js' IS DISTINCT FROM x.js::jsonb) AS bad_json,
       count(*) FILTER (WHERE l.v -> 'a' IS DISTINCT FROM coalesce(to_jsonb(x.a), 'null')) AS bad_array,
       count(*) FILTER (WHERE (l.v ->> 'u')::uuid IS DISTINCT FROM x.u) AS bad_uuid,
       count(*) FILTER (WHERE l.v ->> 'd' NOT LIKE '-%' AND l.v ->> 'd' NOT LIKE '0000-%' AND (l.v ->> 'd')::date IS DISTINCT FROM x.d) AS bad_date,
       count(*) FILTER (WHERE (l.v ->> 'ti')::time IS DISTINCT FROM x.ti) AS bad_time,
       count(*) FILTER (WHERE (l.v ->> 'ts')::numeric IS DISTINCT FROM floor(extract(epoch FROM x.ts) * 1000)) AS bad_timestamp,
       count(*) FILTER (WHERE (l.v ->> 'tz')::numeric IS DISTINCT FROM floor(extract(epoch FROM x.tz) * 1000)) AS bad_timestamptz,
       count(*) FILTER (WHERE (l.v ->> 'i')::interval IS DISTINCT FROM x.i) AS bad_interval
FROM nasty x JOIN lines l ON (l.v ->> 'id')::int = x.id WHERE x.id > 60000;

-- one line each, whatever is inside
SELECT count(*) FILTER (WHERE data ~ '[\x01-\x1f]') AS control_characters FROM lines;

SELECT pg_drop_replication_slot('valid_json');
DROP TABLE nasty, lines;
