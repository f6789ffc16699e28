--
-- The wire: frames as the relay gets them, taken apart here by other means than
-- the plugin's own reader.
--
SET synchronous_commit = on;
SET extra_float_digits = 0;
CREATE TABLE f (id int PRIMARY KEY, v text);
CREATE TABLE f2 (id int);
SELECT 'init' FROM pg_create_logical_replication_slot('frames', 'nova_decoder');

CREATE FUNCTION u32(b bytea, at int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || encode(substr($1, $2 + 1, 4), 'hex'))::bit(32)::bigint
$$;
CREATE FUNCTION u16(b bytea, at int) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT get_byte($1, $2) * 256 + get_byte($1, $2 + 1)
$$;
-- (type, what it says, size) of each frame of a payload; fails if the bytes do
-- not add up
CREATE FUNCTION split(b bytea, OUT type text, OUT content text, OUT size int) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    p int := 0;
    n int := length(b);
    start int;
    k bigint;
    v bigint;
    flags int;
    op text;
BEGIN
    WHILE p < n LOOP
        start := p;
        type := chr(get_byte(b, p));
        p := p + 1;
        CASE type
            WHEN 'H' THEN
                content := format('protocol %s', u16(b, p));
                p := p + 6;
                p := p + 2 + u16(b, p);
                content := content || ' ' || jsonb_typeof(convert_from(substr(b, p + 5, u32(b, p)::int), 'UTF8')::jsonb);
                p := p + 4 + u32(b, p);
            WHEN 'T' THEN
                content := u32(b, p)::text;
                p := p + 4;
                FOR i IN 1..3 LOOP
                    content := content || ' ' || convert_from(substr(b, p + 3, u16(b, p)), 'UTF8');
                    p := p + 2 + u16(b, p);
                END LOOP;
            WHEN 'R' THEN
                op := chr(get_byte(b, p));
                flags := u16(b, p + 1);
                content := format('%s flags %s route %s', op, flags, u32(b, p + 3));
                p := p + 7;
                IF flags & 1 = 1 THEN
                    content := content || format(' headers %s', u32(b, p));
                    p := p + 4 + u32(b, p);
                END IF;
                k := u32(b, p);
                p := p + 4;
                IF k = 4294967295 THEN
                    content := content || ' key -';
                ELSE
                    content := content || ' key ' || convert_from(substr(b, p + 1, k::int), 'UTF8');
                    p := p + k;
                END IF;
                v := u32(b, p);
                p := p + 4;
                IF v = 4294967295 THEN
                    content := content || ' value -';
                ELSIF v > 100 THEN
                    content := content || ' value of ' || v;
                    p := p + v;
                ELSE
                    content := content || ' value ' || convert_from(substr(b, p + 1, v::int), 'UTF8');
                    p := p + v;
                END IF;
            WHEN 'M' THEN
                content := format('last %s part of %s', get_byte(b, p), u32(b, p + 1));
                p := p + 5 + u32(b, p + 1);
            WHEN 'D' THEN
                content := format('%s reason %s route %s count %s', chr(get_byte(b, p)), get_byte(b, p + 1), u32(b, p + 2), u32(b, p + 10));
                p := p + 14;
            WHEN 'C' THEN
                content := format('flags %s records %s', get_byte(b, p), u32(b, p + 33));
                p := p + 41;
            WHEN 'N' THEN
                content := '';
                FOR i IN 1..2 LOOP
                    content := content || convert_from(substr(b, p + 3, u16(b, p)), 'UTF8') || ' ';
                    p := p + 2 + u16(b, p);
                END LOOP;
                content := content || format('changes %s time %s', u32(b, p + 4), u32(b, p + 8) > 0 OR u32(b, p + 12) > 0);
                p := p + 16;
            WHEN 'E' THEN
                content := format('end %s count %s', '0/0'::pg_lsn + (u32(b, p) << 32) + u32(b, p + 4), u32(b, p + 12));
                p := p + 16;
        END CASE;
        size := p - start;
        RETURN NEXT;
    END LOOP;
    IF p <> n THEN
        RAISE 'the last frame ends at % of %', p, n;
    END IF;
END $$;
CREATE FUNCTION frames(VARIADIC options text[] DEFAULT '{}', OUT write bigint, OUT type text, OUT content text, OUT size int)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT w.n, s.*
    FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL, VARIADIC ARRAY['output', 'frames', 'add.fields', 'op'] || $1)
         WITH ORDINALITY w (lsn, xid, data, n), split(w.data) s
$$;

-- nothing to say: nothing is said, not even HELLO
CREATE TABLE uncaptured (id int);
INSERT INTO uncaptured VALUES (1);
SELECT * FROM frames('table.exclude.list', 'public\.uncaptured');
SELECT count(*) FROM take('frames');

-- one write for a small transaction, HELLO once, each route before its records
BEGIN;
INSERT INTO f VALUES (1, 'a'), (2, NULL);
INSERT INTO f2 VALUES (1);
UPDATE f SET v = 'b' WHERE id = 1;
DELETE FROM f WHERE id = 2;
DELETE FROM f2;
COMMIT;
INSERT INTO f VALUES (3, 'c');
TRUNCATE f2;
SELECT write, type, content FROM frames();
SELECT write, type, content FROM frames('skipped.operations', 'c,u,d');
-- HELLO tells protocol, server, plugin and the options that are in force
SELECT get_byte(data, 0) = ascii('H') AS hello, u16(data, 1) AS protocol, u32(data, 3) = current_setting('server_version_num')::int AS server,
       convert_from(substr(data, 10, u16(data, 7)), 'UTF8') = extversion AS version,
       convert_from(substr(data, 14 + u16(data, 7), u32(data, 9 + u16(data, 7))::int), 'UTF8')::jsonb - (SELECT array_agg(o.name) FROM nova.options() o WHERE name NOT IN ('output', 'topic.prefix', 'batch.bytes')) AS options
FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL, 'output', 'frames', 'batch.bytes', '2048', 'topic.prefix', 'a"b'), pg_extension
WHERE extname = 'nova_decoder' LIMIT 1;
-- COMMIT tells xid, LSNs and time; the checksum is that of CRC-32C over the frames between
CREATE FUNCTION frame_crc(b bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    crc bigint := 4294967295;
BEGIN
    FOR i IN 0..length(b) - 1 LOOP
        crc := crc # get_byte(b, i);
        FOR k IN 1..8 LOOP
            crc := CASE WHEN crc & 1 = 1 THEN (crc >> 1) # 2197175160 ELSE crc >> 1 END;
        END LOOP;
    END LOOP;
    RETURN crc # 4294967295;
END $$;
SELECT frame_crc('123456789') = 3808858755 AS check_value;
WITH w AS (
    SELECT xid, lsn, data, (SELECT coalesce(sum(size), 0) FROM split(data) WHERE type = 'H')::int AS hello
    FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL, 'output', 'frames')
)
SELECT u32(data, length(data) - 40) = xid::text::bigint AS xid,
       '0/0'::pg_lsn + u32(data, length(data) - 24) + (u32(data, length(data) - 28) << 32) = lsn AS end_lsn,
       u32(data, length(data) - 32) < u32(data, length(data) - 24) AS commit_before_end,
       u32(data, length(data) - 4) = frame_crc(substr(data, hello + 1, length(data) - hello - 42)) AS crc
FROM w;
SELECT count(*) FROM take('frames');

-- renamed: announced again, under the same number
INSERT INTO f VALUES (4, 'd');
ALTER TABLE f RENAME TO g;
INSERT INTO g VALUES (5, 'e');
INSERT INTO g VALUES (6, 'f');
ALTER TABLE g ADD COLUMN w int;
INSERT INTO g VALUES (7, 'g', 1);
ALTER TABLE g DROP COLUMN w;
ALTER TABLE g RENAME TO f;
SELECT write, type, content FROM frames();
SELECT count(*) FROM take('frames');

-- messages: opaque, with headers, outside of transactions
SELECT nova.publish('events', 'k', 'v', '{"h": "x"}') > '0/0';
BEGIN;
SELECT nova.publish('events', NULL, NULL, NULL, false) > '0/0';
SELECT pg_logical_emit_message(false, 'nova.publish', 'garbage') > '0/0';
ROLLBACK;
INSERT INTO f VALUES (8, 'h');
SELECT write, type, content FROM frames();
SELECT count(*) FROM take('frames');

-- batch.bytes: a write is sent when it is longer, never much longer, but that HELLO goes in one piece
INSERT INTO f SELECT g, repeat('x', 100) FROM generate_series(1001, 2000) g;
SELECT b AS batch_bytes, count(*) BETWEEN sum(length(w.data)) / (b + 200) AND sum(length(w.data)) / b + 1 AS writes, max(length(w.data)) FILTER (WHERE NOT EXISTS (SELECT FROM split(w.data) WHERE type = 'H')) < b + 200 AS bounded,
       sum((SELECT count(*) FROM split(w.data) WHERE type = 'R')) AS records, sum((SELECT count(*) FROM split(w.data) WHERE type = 'C')) AS commits
FROM unnest('{4096,8192,32768}'::int[]) b,
     LATERAL pg_logical_slot_peek_binary_changes('frames', NULL, NULL, 'output', 'frames', 'add.fields', 'op', 'batch.bytes', b::text) w
GROUP BY b ORDER BY b;
SELECT count(*) FROM take('frames');

-- a value of 3 MB goes on in several writes, and is whole
INSERT INTO f VALUES (10, repeat('0123456789abcde"', 200000)), (11, 'after');
SELECT write, type, regexp_replace(content, '[0-9]{5,}', 'N') AS content FROM frames();
SELECT max(length(data)) < 1024 * 1024 + 100000 AS bounded
FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL, 'output', 'frames');
WITH parts AS (
    SELECT n, data FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL, 'output', 'frames', 'add.fields', 'op', 'batch.bytes', '1024')
    WITH ORDINALITY w (lsn, xid, data, n)
), value AS (
    SELECT string_agg(CASE WHEN n = 1 THEN substr(data, position('{"id":10,'::bytea IN data)) ELSE substr(data, 7, u32(data, 2)::int) END, '' ORDER BY n) AS v
    FROM parts WHERE n = 1 OR get_byte(data, 0) = ascii('M')
)
SELECT length(v) AS length, convert_from(v, 'UTF8')::jsonb ->> 'v' = repeat('0123456789abcde"', 200000) AS equal FROM value;
SELECT count(*) FROM take('frames');
-- also when the value is a message's, a bytea or a jsonb
CREATE TABLE f3 (id int PRIMARY KEY, b bytea, j jsonb, t text, js json);
INSERT INTO f3 VALUES (1, decode(repeat('00ff10', 600000), 'hex'), to_jsonb(repeat('j', 1500000)), repeat('é', 1000000), to_json(repeat('x', 1200000)));
SELECT nova.publish('events', 'k', repeat('m', 2500000)) > '0/0';
SELECT write, type, regexp_replace(content, '[0-9]{5,}', 'N') AS content FROM frames();
SELECT data::jsonb -> 'value' = (SELECT to_jsonb(f3) || '{"__op":"c"}' || jsonb_build_object('b', translate(encode(b, 'base64'), E'\n', '')) FROM f3) AS equal
FROM peek('frames') data LIMIT 1;
SELECT count(*) FROM take('frames');

-- or a jsonb of many items, each of which may be the one that does not go in any more
CREATE TABLE f4 (id int PRIMARY KEY, j jsonb);
INSERT INTO f4 SELECT 1, jsonb_agg(CASE i % 4 WHEN 0 THEN to_jsonb(i) WHEN 1 THEN to_jsonb('s' || i) WHEN 2 THEN '{"k": [true, null]}' ELSE to_jsonb(repeat('"', i % 7)) END)
FROM generate_series(1, 300000) i;
SELECT mode, count(*) > 3 AS parts, CASE mode WHEN 'nested' THEN v::jsonb -> 'j' ELSE (v::jsonb ->> 'j')::jsonb END = (SELECT j FROM f4) AS equal
FROM unnest('{nested,text}'::text[]) mode, LATERAL (
    SELECT convert_from(string_agg(CASE WHEN n = 1 THEN substr(data, position('{"id":1,'::bytea IN data)) ELSE substr(data, 7, u32(data, 2)::int) END, '' ORDER BY n), 'UTF8') AS v, array_agg(n) AS all_parts
    FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL, 'output', 'frames', 'batch.bytes', '1024', 'json.handling.mode', mode)
    WITH ORDINALITY w (lsn, xid, data, n) WHERE n = 1 OR get_byte(data, 0) = ascii('M')
) value, unnest(all_parts) GROUP BY mode, v ORDER BY mode;
SELECT count(*) FROM take('frames');

-- many small transactions: a commit each
DO $$ BEGIN FOR i IN 1..20 LOOP INSERT INTO f2 VALUES (i); COMMIT; END LOOP; END $$;
SELECT count(DISTINCT write) AS writes, count(*) FILTER (WHERE type = 'H') AS hello, count(*) FILTER (WHERE type = 'T') AS routes,
       count(*) FILTER (WHERE type = 'R') AS records, count(*) FILTER (WHERE type = 'C') AS commits
FROM frames();


-- rows may name any number of topics: numbers of routes are used again, and each
-- record goes to the topic that its number stood for last
SELECT count(*) > 0 FROM pg_logical_slot_get_binary_changes('frames', NULL, NULL);
CREATE TABLE many (topic text PRIMARY KEY);
INSERT INTO many SELECT 't' || i FROM generate_series(1, 5000) i;
DELETE FROM many WHERE topic = 't1';
WITH n AS (
    SELECT row_number() OVER () AS n, type, content,
           CASE type WHEN 'T' THEN split_part(content, ' ', 1) ELSE substring(content FROM 'route (\d+)') END::int AS route
    FROM frames('transforms', '[{"type": "unwrap", "route.by.field": "topic"}]', 'provide.transaction.metadata', 'true')
    WHERE type IN ('T', 'R')
), a AS (
    SELECT *, count(*) FILTER (WHERE type = 'T') OVER (PARTITION BY route ORDER BY n) AS nth FROM n
)
SELECT count(*) AS records, bool_and(r.content LIKE format('%%"topic":"%s"%%', split_part(t.content, ' ', 2))
           OR split_part(t.content, ' ', 2) IN ('transaction', 'public.many')) AS right, max(r.route) < 4200 AS bounded
FROM a r JOIN a t ON t.type = 'T' AND r.type = 'R' AND t.route = r.route AND t.nth = r.nth;
DROP TABLE many;
SELECT count(*) > 0 FROM pg_logical_slot_get_binary_changes('frames', NULL, NULL);

-- stats.interval.ms: what each table has cost, behind the COMMIT; through DDL, and a partition as its root
CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
BEGIN;
INSERT INTO f2 SELECT generate_series(1, 1000);
INSERT INTO parts VALUES (1), (2), (11);
INSERT INTO uncaptured VALUES (1), (2);
ALTER TABLE f2 ADD COLUMN w int;
UPDATE f2 SET w = 1 WHERE id <= 10;
INSERT INTO f2 VALUES (1001, 1);
COMMIT;
INSERT INTO f2 VALUES (1002, 1);
CREATE FUNCTION stats(VARIADIC options text[] DEFAULT '{}', OUT write bigint, OUT type text, OUT content text)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT write, type, content
    FROM frames(VARIADIC ARRAY['stats.interval.ms', '3600000', 'batch.bytes', '1000000'] || $1) WHERE type NOT IN ('R', 'T', 'D')
$$;
SELECT * FROM stats('table.exclude.list', '.*uncaptured') ORDER BY write, type, content;
SELECT type, split_part(content, ' changes', 1) AS of, sum(substring(content FROM 'changes (\d+)')::int) AS changes, bool_and(content LIKE '%time t') AS time
FROM stats('publish.via.partition.root', 'true') WHERE type = 'N' GROUP BY 1, 2 ORDER BY 2;
-- also when nothing else is said
SELECT * FROM stats('table.exclude.list', '.*');
-- without these frames, and but for HELLO, it is the same as without the option, and the checksums are
WITH s AS (
    SELECT row_number() OVER (ORDER BY n) AS n, data FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL, 'output', 'frames', 'batch.bytes', '32768', 'stats.interval.ms', '1') WITH ORDINALITY w (lsn, xid, data, n)
    WHERE get_byte(data, 0) <> ascii('N')
)
SELECT count(*) > 1 AS some, bool_and(s.data = w.data) AS same
FROM s FULL JOIN pg_logical_slot_peek_binary_changes('frames', NULL, NULL, 'output', 'frames', 'batch.bytes', '32768') WITH ORDINALITY w (lsn, xid, data, n) USING (n)
WHERE n > 1;
-- text has none
SELECT count(*) AS lines, count(*) FILTER (WHERE data NOT LIKE '{"topic":%') AS others FROM pg_logical_slot_peek_changes('frames', NULL, NULL, 'stats.interval.ms', '1');
SELECT count(*) FROM pg_logical_slot_peek_changes('frames', NULL, NULL, 'stats.interval.ms', '-1');
DROP FUNCTION stats(text[]);
DROP TABLE parts;

-- skip.messages.without.change: with the same option it is told how many were left out, of each transaction at its end
SELECT count(*) > 0 FROM pg_logical_slot_get_binary_changes('frames', NULL, NULL);
CREATE TABLE same (id int PRIMARY KEY, v text);
ALTER TABLE same REPLICA IDENTITY FULL;
INSERT INTO same SELECT g, 'a' FROM generate_series(1, 5) g;
UPDATE same SET v = v;
BEGIN;
UPDATE same SET v = 'b' WHERE id = 1;
UPDATE same SET v = v WHERE id < 4;
SAVEPOINT s;
UPDATE same SET v = v;
ROLLBACK TO s;
COMMIT;
DELETE FROM same WHERE id = 5;
UPDATE same SET v = v WHERE id = 2;
CREATE FUNCTION unchanged(VARIADIC options text[] DEFAULT '{}', OUT type text, OUT content text)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT type, regexp_replace(content, 'end \S+ ', '')
    FROM frames(VARIADIC ARRAY['skip.messages.without.change', 'true'] || $1) WHERE type NOT IN ('N', 'T', 'H')
$$;
SELECT * FROM unchanged('stats.interval.ms', '3600000', 'batch.bytes', '1000000');
-- the end that they name is that of their transaction
SELECT count(*) AS told, bool_and(content LIKE format('end %s %%', lsn)) AS its_end
FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL, 'output', 'frames', 'skip.messages.without.change', 'true', 'stats.interval.ms', '1') w, split(w.data) s WHERE type = 'E';
-- without that option, or in text, it is not; nor is there anything where none are looked for, or the table is not captured
SELECT * FROM unchanged() WHERE type = 'E';
SELECT count(*) AS lines, count(*) FILTER (WHERE data NOT LIKE '{"topic":%') AS others FROM pg_logical_slot_peek_changes('frames', NULL, NULL, 'skip.messages.without.change', 'true', 'stats.interval.ms', '1');
SELECT type, count(*) FROM frames('stats.interval.ms', '3600000') WHERE type IN ('E', 'R') GROUP BY type;
SELECT * FROM unchanged('stats.interval.ms', '3600000', 'table.exclude.list', '.*');
DROP FUNCTION unchanged(text[]);
DROP TABLE same;
SELECT pg_drop_replication_slot('frames');
DROP TABLE f, f2, f3, uncaptured;
DROP FUNCTION frames(text[]), split(bytea), u16(bytea, int), u32(bytea, int), frame_crc(bytea);
