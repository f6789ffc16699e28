--
-- A publication's row filters and column lists, which 14 does not have, with what was
-- made apart from them: signals, snapshots, masks, fields and headers.
--
SET client_min_messages = warning;
SELECT 'init' FROM pg_create_logical_replication_slot('seams', 'nova_decoder');

-- a signal that the publication does not let through is none
CREATE SCHEMA s;
CREATE TABLE s.signal (id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048));
CREATE PUBLICATION seams_logs FOR TABLE s.signal WHERE (type = 'log');
INSERT INTO s.signal VALUES ('1', 'log', '{}'), ('2', 'stop-snapshot', '{}');
SELECT data FROM peek('seams', 'signal.data.collection', 's.signal', 'table.include.list', 's[.].*', 'publication.names', 'seams_logs') data;
SELECT count(*) FROM take('seams');

-- row filters are the stream's: a snapshot has all rows, as Debezium's
CREATE TABLE parts (id int, v text, n int NOT NULL DEFAULT 7, g int GENERATED ALWAYS AS (n * 2) STORED, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 (n int NOT NULL DEFAULT 8, gone int, g int GENERATED ALWAYS AS (n * 2) STORED, v text, id int NOT NULL);
ALTER TABLE parts_1 DROP COLUMN gone;
ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM (0) TO (10);
CREATE PUBLICATION seams_parts FOR TABLE parts (id, v, n) WHERE (id > 1) WITH (publish_via_partition_root);
SELECT count(*) > 0 FROM pg_logical_slot_get_changes('seams', NULL, NULL);
INSERT INTO parts VALUES (1, 'a'), (2, 'b');
SELECT convert_from(nova.snapshot_frames('parts_1', ARRAY['output=text', 'publication.names=seams_parts', 'add.fields=after.v:a,table',
       'add.headers=after.n:n,source.snapshot', 'column.mask=3:.*\.v', 'transforms=[{"type": "unwrap", "route.by.field": "v"}]'],
       at => '2024-02-29 12:00:00Z', first_mark => 'first', last_mark => 'last'), 'UTF8') AS snap;
SELECT regexp_replace(regexp_replace(data, '\d+:\d+', 'X:L', 'g'), '"ts_ms":\d+', '"ts_ms":0') AS told
FROM pg_logical_slot_peek_changes('seams', NULL, NULL, 'publication.names', 'seams_parts', 'add.fields', 'after.v:a,table,total_order', 'add.headers', 'after.n:n',
    'column.mask', '3:.*\.v', 'provide.transaction.metadata', 'true');

SELECT pg_drop_replication_slot('seams');
DROP PUBLICATION seams_logs, seams_parts;
DROP TABLE parts;
DROP SCHEMA s CASCADE;
