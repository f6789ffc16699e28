--
-- Types of PostGIS and pgvector in both profiles.  pgvector is not packaged
-- everywhere; its types are known by their output functions' names and texts,
-- so types with those stand in for them.
--
SET synchronous_commit = on;
SET client_min_messages = warning;
CREATE SCHEMA ext;
SET search_path = ext, public;
CREATE EXTENSION postgis SCHEMA ext;
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
CREATE TABLE geo (id int PRIMARY KEY, g geometry, p geometry(Point, 4326), o geography, a geometry[], b box2d);
CREATE TABLE vec (id int PRIMARY KEY, v vector, h halfvec, s sparsevec, a vector[]);
SET search_path = public;
SELECT 'init' FROM pg_create_logical_replication_slot('extensions', 'nova_decoder');
SET search_path = ext, public;
INSERT INTO geo VALUES
    (1, 'POINT(1 2)', 'SRID=4326;POINT(-71.5 42.25)', 'POINT(-71.5 42.25)', ARRAY['POINT(1 2)'::geometry, NULL], 'BOX(0 0,1 1)'),
    (2, 'SRID=3187;POINT Z(1 2 3)', 'POINT EMPTY', NULL, '{}', NULL),
    (3, 'GEOMETRYCOLLECTION EMPTY', NULL, NULL, NULL, NULL);
INSERT INTO vec VALUES
    (1, '[1,2.5,-3e-7]', '[1,0.1]', '{1:1,3:2.5}/5', '{"[1,2]",NULL}'),
    (2, '[]', '[65504]', '{}/3', '{}'),
    (3, NULL, NULL, NULL, NULL);
SET search_path = public;
\set decode 'SELECT data::json -> ''value'' AS value FROM pg_logical_slot_peek_changes(''extensions'', NULL, NULL, ''add.fields'', '''''
:decode);
:decode, 'profile', 'debezium');
-- a text of another form is null to Debezium, and never an error
SELECT 'next' FROM pg_logical_slot_get_changes('extensions', NULL, NULL);
INSERT INTO ext.vec (id, v, h, s) VALUES (4, 'oops', '[1,', '{1:x}/3'), (5, '[1;2]', '', '{1}/2'), (6, '[1', '[x]', 'no'), (7, '[1 ]', '[1,2]]', '{1:1');
:decode, 'profile', 'debezium');
-- a table of PostGIS is no user's, to Debezium
SELECT 'next' FROM pg_logical_slot_get_changes('extensions', NULL, NULL);
UPDATE ext.spatial_ref_sys SET proj4text = proj4text WHERE srid = 4326;
SELECT data::json ->> 'topic' AS topic FROM pg_logical_slot_peek_changes('extensions', NULL, NULL);
SELECT data::json ->> 'topic' AS topic FROM pg_logical_slot_peek_changes('extensions', NULL, NULL, 'profile', 'debezium');
SELECT pg_drop_replication_slot('extensions');
DROP SCHEMA ext CASCADE;
