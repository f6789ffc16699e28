--
-- nova.doctor() and the view nova.slots.
--
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('doctor', 'nova_decoder');
SELECT 'init' FROM pg_create_logical_replication_slot('doctor_other', 'test_decoding');

-- every finding that is not "ok" has a fix
SELECT count(*) > 5 AS findings,
       count(*) FILTER (WHERE severity NOT IN ('ok', 'warning', 'error')) AS bad_severity,
       count(*) FILTER (WHERE (severity = 'ok') <> (fix IS NULL)) AS bad_fix,
       count(*) FILTER (WHERE subject IS NULL OR finding IS NULL) AS incomplete
FROM nova.doctor();
SELECT severity, subject, finding, fix FROM nova.doctor() WHERE subject IN ('wal_level', 'slot doctor', 'slot doctor_other');
SELECT severity FROM nova.doctor() WHERE subject = 'max_replication_slots';

-- the library list, where the server has it: listed in tests
SELECT count(*) FROM nova.doctor() WHERE subject = 'output_plugin_libraries' AND severity <> 'ok';

-- limits on WAL
SELECT severity, finding, fix FROM nova.doctor() WHERE subject = 'max_slot_wal_keep_size';
SET wal_sender_timeout = 0;
SELECT severity, finding FROM nova.doctor() WHERE subject = 'wal_sender_timeout';
RESET wal_sender_timeout;

-- tables
CREATE TABLE d_good (id int PRIMARY KEY);
CREATE TABLE d_bare (id int);
CREATE TABLE d_full (id int);
ALTER TABLE d_full REPLICA IDENTITY FULL;
CREATE TABLE d_nothing (id int PRIMARY KEY);
ALTER TABLE d_nothing REPLICA IDENTITY NOTHING;
CREATE TABLE d_deferrable (id int PRIMARY KEY DEFERRABLE);
CREATE TABLE d_index (id int NOT NULL);
CREATE UNIQUE INDEX d_index_id ON d_index (id);
ALTER TABLE d_index REPLICA IDENTITY USING INDEX d_index_id;
CREATE TABLE d_lost (id int NOT NULL);
CREATE UNIQUE INDEX d_lost_id ON d_lost (id);
ALTER TABLE d_lost REPLICA IDENTITY USING INDEX d_lost_id;
DROP INDEX d_lost_id;
CREATE UNLOGGED TABLE d_unlogged (id int PRIMARY KEY);
CREATE TEMP TABLE d_temp (id int);
CREATE TABLE d_part (id int) PARTITION BY RANGE (id);
CREATE TABLE d_part_1 PARTITION OF d_part FOR VALUES FROM (0) TO (10);
CREATE SCHEMA "D";
CREATE TABLE "D"."odd ""name""" (id int);
SELECT severity, subject, finding, fix FROM nova.doctor() WHERE subject LIKE 'table %';
-- each fix works
DO $$ DECLARE
    f text;
BEGIN
    FOR f IN SELECT fix FROM nova.doctor() WHERE subject LIKE 'table %' LOOP
        EXECUTE substring(f FROM 'ALTER TABLE .*');
    END LOOP;
END $$;
SELECT count(*) FROM nova.doctor() WHERE subject LIKE 'table %';
-- whatever the search path is
ALTER TABLE d_bare REPLICA IDENTITY NOTHING;
SET search_path = '';
SELECT subject, fix FROM nova.doctor() WHERE subject LIKE 'table %';
RESET search_path;

-- rights: all may look
CREATE ROLE nova_doctor;
GRANT USAGE ON SCHEMA nova TO nova_doctor;
GRANT SELECT ON nova.slots TO nova_doctor;
SET ROLE nova_doctor;
SELECT count(*) > 5 AS findings FROM nova.doctor();
SELECT slot_name FROM nova.slots;
RESET ROLE;
REVOKE ALL ON SCHEMA nova FROM nova_doctor;
REVOKE ALL ON nova.slots FROM nova_doctor;
DROP ROLE nova_doctor;

-- slots of this plugin only
SELECT slot_name, database = current_database() AS here, active, active_pid, application_name, client_addr, state,
       restart_lsn IS NOT NULL AS restart, confirmed_flush_lsn IS NOT NULL AS confirmed, safe_bytes, wal_status
FROM nova.slots;
SELECT lag_bytes AS before FROM nova.slots WHERE slot_name = 'doctor' \gset
INSERT INTO d_good SELECT generate_series(1, 1000);
SELECT lag_bytes > :before AS lag_grew, lag_bytes > 50000 AS in_bytes, retained_bytes >= lag_bytes AS retained FROM nova.slots WHERE slot_name = 'doctor';
SELECT count(*) FROM take('doctor');
SELECT lag_bytes < 50000 AS lag_shrank FROM nova.slots WHERE slot_name = 'doctor';

-- held, but not streamed from: by this session, as long as it lives
SELECT 'init' FROM pg_create_logical_replication_slot('doctor_mine', 'nova_decoder', true);
SELECT slot_name, active, active_pid = pg_backend_pid() AS mine, road FROM nova.slots WHERE slot_name LIKE 'doctor%' ORDER BY slot_name;
-- that the text is in the query does not make it one
SELECT road IS NULL AS "not call nova.stream(" FROM nova.slots WHERE slot_name = 'doctor_mine';
SELECT pg_drop_replication_slot('doctor_mine');

SELECT pg_drop_replication_slot('doctor'), pg_drop_replication_slot('doctor_other');
SELECT count(*) FROM nova.slots;
DROP TABLE d_good, d_bare, d_full, d_nothing, d_deferrable, d_index, d_lost, d_unlogged, d_temp, d_part, "D"."odd ""name""";
DROP SCHEMA "D";
