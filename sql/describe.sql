--
-- nova.describe(): what records of a table will look like.
--
SET synchronous_commit = on;
CREATE TABLE plain (id int PRIMARY KEY, name text, at timestamptz);
SELECT * FROM nova.describe('plain', 'add.fields=op');
INSERT INTO plain VALUES (7, 'a "name"', '1970-01-01 00:00:01+00');
SELECT * FROM nova.describe('plain', 'add.fields=op');
SELECT * FROM nova.describe('plain', 'add.fields=op', 'topic.prefix=cdc', 'tombstones.on.delete=false');
SELECT * FROM nova.describe('plain', 'add.fields=op', 'skipped.operations=u,d');
SELECT * FROM nova.describe('plain', 'add.fields=op,table', 'topic.regex=.*\.(.*)', 'topic.replacement=t.$1');
SELECT op, value FROM nova.describe('plain') ORDER BY op;
-- values of options may hold equals signs
SELECT op, value FROM nova.describe('plain', 'add.fields=op:a=b', 'skipped.operations=u,d');

-- it is what the stream says
SELECT 'init' FROM pg_create_logical_replication_slot('describe', 'nova_decoder');
CREATE TABLE twin (LIKE plain INCLUDING ALL);
INSERT INTO twin SELECT * FROM plain;
UPDATE twin SET name = name;
SELECT count(*) FILTER (WHERE d.topic = s.data::json ->> 'topic' AND d.key = s.data::json ->> 'key' AND d.value = s.data::json ->> 'value') AS equal
FROM peek('describe') s (data) JOIN nova.describe('twin', 'add.fields=op') d ON d.op = s.data::json #>> '{value,__op}';
SELECT pg_drop_replication_slot('describe');

-- identities
ALTER TABLE plain REPLICA IDENTITY FULL;
SELECT op, key, value FROM nova.describe('plain', 'add.fields=op', 'skipped.operations=c,u');
ALTER TABLE plain REPLICA IDENTITY NOTHING;
SELECT op, key, value FROM nova.describe('plain', 'add.fields=op', 'skipped.operations=c');
CREATE TABLE bare (a int, b text);
SELECT * FROM nova.describe('bare', 'add.fields=op');

-- what a delete becomes: null is a tombstone, the text "null" four bytes
\pset null '(null)'
CREATE TABLE keyless (v text);
INSERT INTO keyless VALUES ('x');
ALTER TABLE keyless REPLICA IDENTITY FULL;
ALTER TABLE plain REPLICA IDENTITY DEFAULT;
SELECT m AS mode, d.key, d.op, d.value
FROM unnest('{record,drop,tombstone,rewrite,rewrite-with-tombstone,delete-to-tombstone}'::text[]) WITH ORDINALITY modes (m, n),
     LATERAL (SELECT * FROM nova.describe('plain', 'add.fields=op', 'skipped.operations=c,u', 'delete.handling.mode=' || m)
              UNION ALL
              SELECT * FROM nova.describe('keyless', 'add.fields=op', 'skipped.operations=c,u', 'delete.handling.mode=' || m)) d
ORDER BY n, d.key NULLS LAST, d.value NULLS LAST;
SELECT m AS mode, d.key, d.op, d.value
FROM unnest('{record,rewrite-with-tombstone,delete-to-tombstone}'::text[]) WITH ORDINALITY modes (m, n),
     nova.describe('plain', 'add.fields=op', 'skipped.operations=c,u', 'tombstones.on.delete=false', 'delete.handling.mode=' || m) d
ORDER BY n;
-- an envelope shows every delete, and what was before where the WAL has it
ALTER TABLE plain REPLICA IDENTITY FULL;
SELECT op, key, value::json ->> 'before' AS before, value::json ->> 'after' AS after
FROM nova.describe('plain', 'format=envelope', 'delete.handling.mode=drop');
SELECT op, key, value::json ->> 'before' AS before, value::json ->> 'after' AS after
FROM nova.describe('plain', 'profile=debezium', 'format=envelope');
ALTER TABLE plain REPLICA IDENTITY NOTHING;
\pset null ''

-- no row yet: sample values
CREATE TYPE sample_enum AS ENUM ('first', 'second');
CREATE DOMAIN sample_positive AS int CHECK (VALUE > 0);
CREATE TABLE samples (a bigint PRIMARY KEY, b bool NOT NULL, n numeric(5,2), f float8, m money, o oid, t text, v varchar(2), c char(3), d date,
    ti time, tz timetz, ts timestamp(3), tstz timestamptz, i interval, u uuid, j json, jb jsonb, by bytea, x xml, bi bit(3), vb varbit, ip inet,
    ci cidr, mac macaddr, mac8 macaddr8, arr int[], r tstzrange, mr int4multirange, dom sample_positive, rc regclass, e sample_enum, po point,
    tsv tsvector, g int GENERATED ALWAYS AS (1) STORED);
SELECT op, key, value FROM nova.describe('samples', 'add.fields=op', 'skipped.operations=u');
SELECT op, key, value FROM nova.describe('samples', 'profile=debezium', 'add.fields=op', 'skipped.operations=u,d');
-- a value longer than a write
INSERT INTO keyless VALUES (repeat('y', 3000000));
DELETE FROM keyless WHERE v = 'x';
SELECT op, length(value) FROM nova.describe('keyless', 'add.fields=op');

-- forms of tables
CREATE TABLE no_columns ();
SELECT * FROM nova.describe('no_columns', 'add.fields=op');
INSERT INTO no_columns DEFAULT VALUES;
SELECT * FROM nova.describe('no_columns', 'add.fields=op');
CREATE TABLE odd (a int, dropped int, long text, b jsonb, g int GENERATED ALWAYS AS (a + 1) STORED, "q""c" int PRIMARY KEY);
ALTER TABLE odd DROP COLUMN dropped;
ALTER TABLE odd ALTER long SET STORAGE EXTERNAL;
INSERT INTO odd (a, long, b, "q""c") VALUES (1, repeat('x', 100000), '[1]', 9);
SELECT topic, op, key, regexp_replace(value, 'x{200,}', '<many x>') AS value FROM nova.describe('odd', 'add.fields=op');
CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
INSERT INTO part VALUES (3);
SELECT * FROM nova.describe('part', 'add.fields=op', 'skipped.operations=u,d');
SELECT * FROM nova.describe('part_1', 'add.fields=op', 'skipped.operations=u,d');
SELECT * FROM nova.describe('part_1', 'add.fields=op', 'skipped.operations=u,d', 'publish.via.partition.root=true');
CREATE SCHEMA "odd schema";
CREATE TABLE "odd schema"."odd ""table""" (id int PRIMARY KEY);
INSERT INTO "odd schema"."odd ""table""" VALUES (1);
SELECT * FROM nova.describe('"odd schema"."odd ""table"""', 'add.fields=op', 'skipped.operations=u,d');

-- not captured: no rows
SELECT * FROM nova.describe('plain', 'table.exclude.list=public\.plain');
SELECT * FROM nova.describe('pg_class');
SELECT * FROM nova.describe('plain', 'schema.include.list=other');
-- what is no table has no changes
CREATE VIEW view AS SELECT * FROM plain;
CREATE MATERIALIZED VIEW matview AS SELECT * FROM plain;
SELECT * FROM nova.describe('view', 'add.fields=op');
SELECT * FROM nova.describe('matview', 'add.fields=op');
CREATE TEMP TABLE temporary (id int);
SELECT * FROM nova.describe('temporary', 'add.fields=op');
CREATE SEQUENCE seq;
SELECT * FROM nova.describe('seq', 'add.fields=op');
-- servers word it differently
\set VERBOSITY sqlstate
SELECT * FROM nova.describe('plain_pkey');
\set VERBOSITY default
SELECT * FROM nova.describe('no_such_table');
SELECT * FROM nova.describe(0::regclass);
SELECT * FROM nova.describe(NULL);

-- bad options
SELECT * FROM nova.describe('plain', 'nope=1');
SELECT * FROM nova.describe('plain', 'topic.prefix');
SELECT * FROM nova.describe('plain', NULL);
SELECT * FROM nova.describe('plain', '=');
SELECT * FROM nova.describe('plain', 'batch.bytes=x');
SELECT count(*) FROM nova.describe('plain', VARIADIC '{}');

-- with the caller's rights, and the rows that the caller may see
CREATE ROLE nova_reader;
GRANT USAGE ON SCHEMA nova TO nova_reader;
SET ROLE nova_reader;
SELECT * FROM nova.describe('plain');
RESET ROLE;
GRANT SELECT ON plain, part_1 TO nova_reader;
ALTER TABLE part_1 ENABLE ROW LEVEL SECURITY;
SET ROLE nova_reader;
SELECT op, value FROM nova.describe('plain', 'add.fields=op', 'skipped.operations=u,d');
SELECT op, value FROM nova.describe('part_1', 'add.fields=op', 'skipped.operations=u,d');
RESET ROLE;

REVOKE ALL ON SCHEMA nova FROM nova_reader;
REVOKE ALL ON plain, part_1 FROM nova_reader;
DROP ROLE nova_reader;
DROP VIEW view;
DROP MATERIALIZED VIEW matview;
DROP SEQUENCE seq;
DROP TABLE plain, twin, bare, keyless, samples, no_columns, odd, part, temporary, "odd schema"."odd ""table""";
DROP SCHEMA "odd schema";
DROP TYPE sample_enum;
DROP DOMAIN sample_positive;
