-- The tables of the comparison.  Schema "t": one table per group of types, a
-- column per type, a row per value; names of columns say the type and are what
-- FINDINGS.md shows.  Schema "i": identities, keys, key changes, TOAST.  Schema
-- "p": what publications let through.
--
-- Run as a superuser in an empty database.  Everything is captured by every
-- connector whose configuration names the table (configs.json).

\set ON_ERROR_STOP on
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE EXTENSION isn;
CREATE EXTENSION cube;
CREATE EXTENSION seg;
CREATE EXTENSION intarray;
CREATE EXTENSION postgis;
CREATE SCHEMA t;
CREATE SCHEMA i;
CREATE SCHEMA g;

-- Debian 12 has no pgvector.  Its types are known by name and text, so that
-- these stand in for them, to Debezium as well.
CREATE TYPE vector;
CREATE FUNCTION vector_in(cstring) RETURNS vector AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION vector_out(vector) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE vector (INPUT = vector_in, OUTPUT = vector_out, LIKE = text);
CREATE TYPE halfvec;
CREATE FUNCTION halfvec_in(cstring) RETURNS halfvec AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION halfvec_out(halfvec) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE halfvec (INPUT = halfvec_in, OUTPUT = halfvec_out, LIKE = text);
CREATE TYPE sparsevec;
CREATE FUNCTION sparsevec_in(cstring) RETURNS sparsevec AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION sparsevec_out(sparsevec) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE sparsevec (INPUT = sparsevec_in, OUTPUT = sparsevec_out, LIKE = text);

CREATE TYPE t.mood AS ENUM ('sad', 'ok', 'it''s "fine"', 'glücklich');
CREATE TYPE t.pair AS (a integer, b text);
CREATE TYPE t.fltrange AS RANGE (subtype = float8);
CREATE DOMAIN t.d_int AS integer CHECK (VALUE < 1000000);
CREATE DOMAIN t.d_int_nested AS t.d_int;
CREATE DOMAIN t.d_num AS numeric;
CREATE DOMAIN t.d_num_5_2 AS numeric(5, 2);
CREATE DOMAIN t.d_num_nested AS t.d_num_5_2;
CREATE DOMAIN t.d_varchar AS varchar(10);
CREATE DOMAIN t.d_char AS char(5);
CREATE DOMAIN t.d_text AS text;
CREATE DOMAIN t.d_bool AS boolean;
CREATE DOMAIN t.d_date AS date;
CREATE DOMAIN t.d_time AS time;
CREATE DOMAIN t.d_ts AS timestamp;
CREATE DOMAIN t.d_ts3 AS timestamp(3);
CREATE DOMAIN t.d_tstz AS timestamptz;
CREATE DOMAIN t.d_mood AS t.mood;
CREATE DOMAIN t.d_uuid AS uuid;
CREATE DOMAIN t.d_jsonb AS jsonb;
CREATE DOMAIN t.d_bytea AS bytea;
CREATE DOMAIN t.d_bit3 AS bit(3);
CREATE DOMAIN t.d_money AS money;
CREATE DOMAIN t.d_interval AS interval;
CREATE DOMAIN t.d_inet AS inet;
CREATE DOMAIN t.d_f8 AS float8;
CREATE DOMAIN t.d_oid AS oid;
CREATE DOMAIN t.d_ints AS integer[];
CREATE DOMAIN t.d_texts AS text[];
CREATE DOMAIN t.d_pair AS t.pair;
CREATE DOMAIN t.d_hstore AS hstore;
CREATE DOMAIN t.d_point AS point;
CREATE DOMAIN t.d_int4range AS int4range;

CREATE TABLE t.num (
	id integer PRIMARY KEY,
	bool boolean, int2 smallint, int4 integer, int8 bigint, oid oid, float4 float4, float8 float8,
	"numeric(3,2)" numeric(3, 2), "numeric(10,4)" numeric(10, 4), "numeric(5)" numeric(5),
	"numeric(38,10)" numeric(38, 10), "numeric(5,-2)" numeric(5, -2), "numeric(2,4)" numeric(2, 4),
	"numeric" numeric, money money);

CREATE TABLE g.geo (
	id integer PRIMARY KEY,
	geometry geometry, "geometry(Point,4326)" geometry(Point, 4326), geography geography,
	"geometry[]" geometry[], "geography[]" geography[], box2d box2d, box3d box3d);

CREATE TABLE g.geo_nn (id integer PRIMARY KEY, geometry geometry NOT NULL, geography geography NOT NULL);

CREATE TABLE g.toast (
	id integer PRIMARY KEY, n integer, geometry geometry, geography geography, vector vector, halfvec halfvec,
	sparsevec sparsevec);
ALTER TABLE g.toast ALTER geometry SET STORAGE EXTERNAL, ALTER geography SET STORAGE EXTERNAL,
	ALTER vector SET STORAGE EXTERNAL, ALTER halfvec SET STORAGE EXTERNAL, ALTER sparsevec SET STORAGE EXTERNAL;

CREATE TABLE g.vec (
	id integer PRIMARY KEY, vector vector, halfvec halfvec, sparsevec sparsevec, "vector[]" vector[]);

-- No sparsevec: the delete of a row in which it must not be null stops Debezium for good.
CREATE TABLE g.vec_nn (id integer PRIMARY KEY, vector vector NOT NULL, halfvec halfvec NOT NULL);

CREATE TABLE t.temporal (
	id integer PRIMARY KEY,
	date date, time time, "time(0)" time(0), "time(3)" time(3), "time(4)" time(4), "time(6)" time(6),
	timetz timetz, "timetz(0)" timetz(0), "timetz(3)" timetz(3),
	timestamp timestamp, "timestamp(0)" timestamp(0), "timestamp(1)" timestamp(1),
	"timestamp(3)" timestamp(3), "timestamp(4)" timestamp(4), "timestamp(6)" timestamp(6),
	timestamptz timestamptz, "timestamptz(0)" timestamptz(0), "timestamptz(1)" timestamptz(1),
	"timestamptz(3)" timestamptz(3), "timestamptz(4)" timestamptz(4), "timestamptz(6)" timestamptz(6),
	interval interval, "interval(3)" interval(3), "interval year to month" interval year to month);

CREATE TABLE t.str (
	id integer PRIMARY KEY,
	"""char""" "char", "char(1)" char(1), "char(5)" char(5), bpchar bpchar, varchar varchar,
	"varchar(10)" varchar(10), text text, name name, citext citext, uuid uuid, json json, jsonb jsonb,
	xml xml, enum t.mood, ltree ltree, tsvector tsvector);

CREATE TABLE t.bin (
	id integer PRIMARY KEY,
	bytea bytea, bit bit, "bit(2)" bit(2), "bit(7)" bit(7), "bit(8)" bit(8), "bit(9)" bit(9),
	"bit(64)" bit(64), "bit(70)" bit(70), varbit varbit, "varbit(1)" varbit(1), "varbit(5)" varbit(5),
	"varbit(20)" varbit(20));

CREATE TABLE t.net (
	id integer PRIMARY KEY,
	inet inet, cidr cidr, macaddr macaddr, macaddr8 macaddr8);

CREATE TABLE t.range (
	id integer PRIMARY KEY,
	int4range int4range, int8range int8range, numrange numrange, daterange daterange,
	tsrange tsrange, tstzrange tstzrange, fltrange t.fltrange,
	int4multirange int4multirange, nummultirange nummultirange, tstzmultirange tstzmultirange);

CREATE TABLE t.geo (
	id integer PRIMARY KEY,
	point point, line line, lseg lseg, box box, path path, polygon polygon, circle circle);

-- Mostly types that Debezium does not know (include.unknown.datatypes).
CREATE TABLE t.sys (
	id integer PRIMARY KEY,
	regclass regclass, regtype regtype, regproc regproc, regprocedure regprocedure, regoper regoper,
	regrole regrole, regnamespace regnamespace, regconfig regconfig, regcollation regcollation,
	xid xid, xid8 xid8, cid cid, tid tid, pg_lsn pg_lsn, txid_snapshot txid_snapshot,
	pg_snapshot pg_snapshot, int2vector int2vector, oidvector oidvector, refcursor refcursor,
	aclitem aclitem, tsquery tsquery, jsonpath jsonpath, pair t.pair);

CREATE TABLE t.ext (
	id integer PRIMARY KEY,
	hstore hstore, isbn isbn, isbn13 isbn13, ean13 ean13, issn issn, upc upc, ismn ismn,
	lquery lquery, ltxtquery ltxtquery, cube cube, seg seg, query_int query_int);

CREATE TABLE t.dom (
	id integer PRIMARY KEY,
	d_int t.d_int, d_int_nested t.d_int_nested, d_num t.d_num, d_num_5_2 t.d_num_5_2,
	d_num_nested t.d_num_nested, d_varchar t.d_varchar, d_char t.d_char, d_text t.d_text,
	d_bool t.d_bool, d_date t.d_date, d_time t.d_time, d_ts t.d_ts, d_ts3 t.d_ts3, d_tstz t.d_tstz,
	d_mood t.d_mood, d_uuid t.d_uuid, d_jsonb t.d_jsonb, d_bytea t.d_bytea, d_bit3 t.d_bit3,
	d_money t.d_money, d_interval t.d_interval, d_inet t.d_inet, d_f8 t.d_f8, d_oid t.d_oid,
	d_ints t.d_ints, d_texts t.d_texts, d_pair t.d_pair, d_hstore t.d_hstore, d_point t.d_point,
	d_int4range t.d_int4range);

CREATE TABLE t.arr (
	id integer PRIMARY KEY,
	"bool[]" boolean[], "int2[]" smallint[], "int4[]" integer[], "int8[]" bigint[], "oid[]" oid[],
	"float4[]" float4[], "float8[]" float8[], "numeric[]" numeric[], "numeric(5,2)[]" numeric(5, 2)[],
	"money[]" money[], "text[]" text[], "varchar[]" varchar[], "varchar(10)[]" varchar(10)[],
	"char(5)[]" char(5)[], "name[]" name[], "citext[]" citext[], "uuid[]" uuid[], "json[]" json[],
	"jsonb[]" jsonb[], "xml[]" xml[], "bytea[]" bytea[], "bit(3)[]" bit(3)[], "varbit[]" varbit[],
	"date[]" date[], "time[]" time[], "time(3)[]" time(3)[], "timetz[]" timetz[],
	"timestamp[]" timestamp[], "timestamp(3)[]" timestamp(3)[], "timestamptz[]" timestamptz[],
	"interval[]" interval[], "inet[]" inet[], "cidr[]" cidr[], "macaddr[]" macaddr[],
	"macaddr8[]" macaddr8[], "int4range[]" int4range[], "numrange[]" numrange[],
	"tstzrange[]" tstzrange[], "daterange[]" daterange[], "tsrange[]" tsrange[], "int8range[]" int8range[],
	"enum[]" t.mood[], "pair[]" t.pair[], "hstore[]" hstore[], "ltree[]" ltree[], "point[]" point[],
	"box[]" box[], "circle[]" circle[], "tsvector[]" tsvector[], "regclass[]" regclass[],
	"pg_lsn[]" pg_lsn[], "refcursor[]" refcursor[], "isbn[]" isbn[], "d_int[]" t.d_int[],
	"""char""[]" "char"[], "int4multirange[]" int4multirange[]);

-- What becomes of a NULL where the column has a default, and of the other
-- columns of a deleted row under REPLICA IDENTITY DEFAULT.
CREATE TABLE t.dflt (
	id integer PRIMARY KEY,
	bool boolean DEFAULT true, int2 smallint DEFAULT 2, int4 integer DEFAULT 42, int8 bigint DEFAULT 8,
	int4_expr integer DEFAULT 6 * 7, int4_neg integer DEFAULT -1, float4 float4 DEFAULT 1.5,
	float8 float8 DEFAULT 1.0, "numeric" numeric DEFAULT 3.14, "numeric(5,2)" numeric(5, 2) DEFAULT 3.1,
	money money DEFAULT 1.5, text text DEFAULT 'a ''quoted'' text', text_empty text DEFAULT '',
	text_null text DEFAULT NULL, "varchar(10)" varchar(10) DEFAULT 'v', "char(5)" char(5) DEFAULT 'c',
	text_func text DEFAULT upper('x'), text_user text DEFAULT current_user,
	uuid uuid DEFAULT '00000000-0000-4000-8000-000000000001', uuid_func uuid DEFAULT gen_random_uuid(),
	json json DEFAULT '{"a": 1}', jsonb jsonb DEFAULT '{}', jsonb_func jsonb DEFAULT jsonb_build_object(),
	bytea bytea DEFAULT '\x0102', bit bit DEFAULT B'1', "bit(3)" bit(3) DEFAULT B'101',
	date date DEFAULT '2020-02-29', date_func date DEFAULT current_date, time time DEFAULT '12:34:56.789',
	time_func time DEFAULT localtime, timetz timetz DEFAULT '12:34:56+02',
	timestamp timestamp DEFAULT '2020-02-29 12:34:56.789', timestamp_now timestamp DEFAULT now(),
	timestamp_cur timestamp DEFAULT CURRENT_TIMESTAMP, "timestamp(3)_now" timestamp(3) DEFAULT now(),
	timestamptz timestamptz DEFAULT '2020-02-29 12:34:56.789+00', timestamptz_now timestamptz DEFAULT now(),
	interval interval DEFAULT '1 day', inet inet DEFAULT '10.0.0.1', enum t.mood DEFAULT 'ok',
	"int4[]" integer[] DEFAULT '{1,2}', "text[]" text[] DEFAULT ARRAY['a', 'b'], hstore hstore DEFAULT 'a=>1',
	d_int t.d_int DEFAULT 5, int4range int4range DEFAULT '[1,3)', point point DEFAULT '(1,2)',
	generated integer GENERATED ALWAYS AS (id * 2) STORED);

CREATE SEQUENCE t.nn_seq;
CREATE TABLE t.nn (
	id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	bool boolean NOT NULL, int2 smallint NOT NULL, int4 integer NOT NULL, int8 bigint NOT NULL,
	oid oid NOT NULL, float4 float4 NOT NULL, float8 float8 NOT NULL, "numeric" numeric NOT NULL,
	"numeric(5,2)" numeric(5, 2) NOT NULL, money money NOT NULL, text text NOT NULL,
	"varchar(10)" varchar(10) NOT NULL, "char(5)" char(5) NOT NULL, citext citext NOT NULL,
	"""char""" "char" NOT NULL, name name NOT NULL, uuid uuid NOT NULL, json json NOT NULL,
	jsonb jsonb NOT NULL, xml xml NOT NULL, bytea bytea NOT NULL, bit bit NOT NULL,
	"bit(3)" bit(3) NOT NULL, varbit varbit NOT NULL, date date NOT NULL, time time NOT NULL,
	"time(3)" time(3) NOT NULL, timetz timetz NOT NULL, timestamp timestamp NOT NULL,
	"timestamp(3)" timestamp(3) NOT NULL, timestamptz timestamptz NOT NULL, interval interval NOT NULL,
	inet inet NOT NULL, macaddr macaddr NOT NULL, int4range int4range NOT NULL, point point NOT NULL,
	box box NOT NULL, circle circle NOT NULL, line line NOT NULL, enum t.mood NOT NULL,
	"int4[]" integer[] NOT NULL, "text[]" text[] NOT NULL, hstore hstore NOT NULL, ltree ltree NOT NULL,
	tsvector tsvector NOT NULL, isbn isbn NOT NULL, d_int t.d_int NOT NULL,
	int4_dflt integer NOT NULL DEFAULT 42, text_dflt text NOT NULL DEFAULT 'dflt',
	timestamptz_dflt timestamptz NOT NULL DEFAULT now(), serial integer NOT NULL DEFAULT nextval('t.nn_seq'));

-- Identities.
CREATE TABLE i.dflt (id integer PRIMARY KEY, a text, n integer NOT NULL, ts timestamp(3) NOT NULL, g integer GENERATED ALWAYS AS (n + 1) STORED);
CREATE TABLE i.full (LIKE i.dflt INCLUDING ALL);
ALTER TABLE i.full REPLICA IDENTITY FULL;
CREATE TABLE i.index (id integer PRIMARY KEY, code text NOT NULL, a text, n integer NOT NULL);
CREATE UNIQUE INDEX index_code ON i.index (code);
ALTER TABLE i.index REPLICA IDENTITY USING INDEX index_code;
CREATE TABLE i.nothing (id integer PRIMARY KEY, a text);
ALTER TABLE i.nothing REPLICA IDENTITY NOTHING;
CREATE TABLE i.nopk (id integer, a text);
CREATE TABLE i.nopk_full (id integer, a text);
ALTER TABLE i.nopk_full REPLICA IDENTITY FULL;
-- The key's order is neither that of the columns nor alphabetical.
CREATE TABLE i.multi (a text, b integer, c uuid, d timestamp, v text, PRIMARY KEY (d, b, a, c));
CREATE TABLE i.uniq (id integer NOT NULL, code text NOT NULL, v text);
CREATE UNIQUE INDEX uniq_code_id ON i.uniq (code, id);
ALTER TABLE i.uniq REPLICA IDENTITY USING INDEX uniq_code_id;
CREATE TABLE i.uniq_null (id integer, code text UNIQUE, v text);
ALTER TABLE i.uniq_null REPLICA IDENTITY FULL;
CREATE TABLE i.uniq_two (b integer NOT NULL, a integer NOT NULL, v text);
CREATE UNIQUE INDEX uniq_two_z ON i.uniq_two (b);
CREATE UNIQUE INDEX uniq_two_a ON i.uniq_two (a);
ALTER TABLE i.uniq_two REPLICA IDENTITY FULL;
CREATE TABLE i.uniq_part (id integer NOT NULL, v text);
CREATE UNIQUE INDEX uniq_part_some ON i.uniq_part (id) WHERE id > 0;
ALTER TABLE i.uniq_part REPLICA IDENTITY FULL;
CREATE TABLE i.keychg (id integer PRIMARY KEY, a text, n integer NOT NULL);
CREATE TABLE i.keychg_full (LIKE i.keychg INCLUDING ALL);
ALTER TABLE i.keychg_full REPLICA IDENTITY FULL;
CREATE TABLE i.keys (
	i2 smallint, i8 bigint, num numeric(5, 2), anynum numeric, t text, c char(5), u uuid, d date,
	ts timestamp, tz timestamptz, b boolean, by bytea, e t.mood, f float8, v text,
	PRIMARY KEY (i2, i8, num, anynum, t, c, u, d, ts, tz, b, by, e, f));
CREATE TABLE i.trunc (id integer PRIMARY KEY, v text);
CREATE TABLE i."Odd Näme" ("Id" integer PRIMARY KEY, "a ""b"" \c" text, "ключ" text, "a.b" text, "1st" text);
CREATE TABLE i.part (id integer, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE i.part_eu PARTITION OF i.part FOR VALUES IN ('eu');
CREATE TABLE i.part_us PARTITION OF i.part FOR VALUES IN ('us');
CREATE TABLE i.ddl (id integer PRIMARY KEY, a text, b integer);
CREATE TABLE i.cols (id integer PRIMARY KEY, secret text, long text, hashed text, nullsecret text, n integer, gone text);
CREATE TABLE i.outbox (
	id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text NOT NULL, type text NOT NULL,
	payload jsonb);
CREATE TABLE i.empty (id integer PRIMARY KEY, v text);

-- TOAST: every class of type, out of line.
CREATE TABLE i.toast (
	id integer PRIMARY KEY, n integer, text text, "varchar" varchar, citext citext, bytea bytea, json json,
	jsonb jsonb, xml xml, "numeric" numeric, varbit varbit, hstore hstore, tsvector tsvector, ltree ltree,
	polygon polygon, path path, "text[]" text[], "varchar[]" varchar[], "int4[]" integer[],
	"int8[]" bigint[], "int2[]" smallint[], "uuid[]" uuid[], "numeric[]" numeric[], "date[]" date[],
	"timestamptz[]" timestamptz[], "bytea[]" bytea[], "json[]" json[], "jsonb[]" jsonb[], "bool[]" boolean[],
	"float8[]" float8[], "inet[]" inet[], "enum[]" t.mood[], "citext[]" citext[], "hstore[]" hstore[],
	text_nn text NOT NULL DEFAULT '', "int4[]_nn" integer[] NOT NULL DEFAULT '{}');
DO $$
DECLARE col text;
BEGIN
	FOR col IN SELECT attname FROM pg_attribute
		WHERE attrelid = 'i.toast'::regclass AND attnum > 0 AND attstorage IN ('x', 'm')
	LOOP
		EXECUTE format('ALTER TABLE i.toast ALTER %I SET STORAGE EXTERNAL', col);
	END LOOP;
END $$;
CREATE TABLE i.toast_full (LIKE i.toast INCLUDING ALL);
ALTER TABLE i.toast_full REPLICA IDENTITY FULL;

-- Names that neither Avro nor Java takes, and comments.
CREATE SCHEMA n;
CREATE TABLE n."1-ключ 😀" (
	"ä-id" integer, "k_2" text, "1st" varchar(10) NOT NULL DEFAULT 'x', "a.b" numeric(5, 2), "日本 😀" text,
	"_under__score" integer, "$dollar" date, "sp ace" t.mood, PRIMARY KEY ("k_2", "ä-id"));
CREATE TABLE n."_plain_name" (id integer PRIMARY KEY, v text);
CREATE TABLE n.nn (
	id serial PRIMARY KEY, lseg lseg NOT NULL, path path NOT NULL, polygon polygon NOT NULL, point point NOT NULL,
	box box NOT NULL, line line NOT NULL, circle circle NOT NULL, cidr cidr NOT NULL, macaddr8 macaddr8 NOT NULL,
	numrange numrange NOT NULL, tstzrange tstzrange NOT NULL, "varbit(5)" varbit(5) NOT NULL, "bit(9)" bit(9) NOT NULL,
	"text[]" text[] NOT NULL DEFAULT '{}', vec int2vector NOT NULL,
	big bigserial, small smallserial, "seq8" bigint DEFAULT nextval('t.nn_seq'), "text_7" text DEFAULT 7,
	"time(1)" time(1), "timetz(1)" timetz(1), "interval(0)" interval(0), "int4_text" integer DEFAULT '9',
	"date_text" date DEFAULT '2020-01-01'::text::date, "bool_int" boolean DEFAULT 1::boolean);
COMMENT ON TABLE n."1-ключ 😀" IS 'a "table" with ключ';
COMMENT ON COLUMN n."1-ключ 😀"."ä-id" IS 'the key''s "first" \ part';
COMMENT ON COLUMN n."1-ключ 😀"."1st" IS E'two\nlines';
COMMENT ON COLUMN n."1-ключ 😀"."a.b" IS '';

-- Schema "x": outboxes of other shapes, and a table whose rows say where they go.
CREATE SCHEMA x;
CREATE TABLE x.outbox (
	id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text, type text, payload text,
	at timestamp(3), version integer, tenant integer, shard integer);
CREATE TABLE x.outbox_bytes (id bigint PRIMARY KEY, aggregatetype text NOT NULL, aggregateid bigint, payload bytea, flag boolean, raw bytea);
CREATE TABLE x.tenants (id integer PRIMARY KEY, topic text, v text);
CREATE TABLE x.tenants_full (LIKE x.tenants INCLUDING ALL);
ALTER TABLE x.tenants_full REPLICA IDENTITY FULL;

-- The last insert of the workload: who has seen it has seen all.
CREATE TABLE public.compat_done (id integer PRIMARY KEY);

-- Publications that connectors find (publication.autocreate.mode).
CREATE SCHEMA p;
CREATE TABLE p.rows (id integer PRIMARY KEY, n integer, v text);
CREATE TABLE p.rows_full (id integer PRIMARY KEY, n integer, v text);
ALTER TABLE p.rows_full ALTER v SET STORAGE EXTERNAL, REPLICA IDENTITY FULL;
CREATE TABLE p.cols (id integer PRIMARY KEY, a text, secret text, n integer NOT NULL);
CREATE TABLE p.ops (id integer PRIMARY KEY, v text);
CREATE TABLE p.nokey (id integer, a text, b text, PRIMARY KEY (id, b));
CREATE TABLE p.nokey_all (id integer PRIMARY KEY, a text);
CREATE TABLE p.part (id integer, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE p.part_eu (v text, region text NOT NULL, id integer NOT NULL);
ALTER TABLE p.part ATTACH PARTITION p.part_eu FOR VALUES IN ('eu');
CREATE TABLE p.part_us PARTITION OF p.part FOR VALUES IN ('us');
CREATE TABLE p.other (id integer PRIMARY KEY, v text);
CREATE PUBLICATION p_rows FOR TABLE p.rows WHERE (id < 100), p.rows_full WHERE (n > 10 OR v LIKE 'long%'),
	p.cols (id, a, n), p.part_eu WHERE (id < 100), public.compat_done;
CREATE PUBLICATION p_ops FOR TABLE p.ops, p.nokey (a, b), p.nokey_all (a), public.compat_done WITH (publish = 'insert');
CREATE PUBLICATION p_updates FOR TABLE p.ops, p.rows, p.part, public.compat_done WITH (publish = 'insert, update');
CREATE PUBLICATION p_root FOR TABLE p.part (id, region) WHERE (id < 100), public.compat_done
	WITH (publish_via_partition_root = true);
CREATE PUBLICATION p_schema FOR TABLES IN SCHEMA p, TABLE public.compat_done;
