-- From nova_decoder 0.1.0 to 0.2.0: nova.stream(), and the road in nova.slots.
-- In place, so that grants and what others have built on the view stay.
\echo Use "ALTER EXTENSION nova_decoder UPDATE TO '0.2.0'" to load this file. \quit

-- Builds from before the release called themselves 0.1.0 until the end; the last of
-- them had these objects already, with the column in the middle of the view, where
-- only a new view can lose it.
DO $$
BEGIN
    IF (SELECT attnum FROM pg_attribute WHERE attrelid = 'nova.slots'::regclass AND attname = 'state') <> 7 THEN
        DROP VIEW nova.slots;
    END IF;
END
$$;

CREATE OR REPLACE PROCEDURE nova.stream(slot name, start_lsn pg_lsn DEFAULT '0/0', options text[] DEFAULT '{}')
LANGUAGE c
AS 'MODULE_PATHNAME', 'nova_stream';

COMMENT ON PROCEDURE nova.stream(name, pg_lsn, text[]) IS
'Streams a slot''s changes as START_REPLICATION does, over an ordinary connection and several times as fast; for nova-relay and other clients that speak COPY BOTH. Options are names and values in turn.';

-- It also asks for the attribute REPLICATION, as the server does for its own functions on slots.
REVOKE ALL ON PROCEDURE nova.stream(name, pg_lsn, text[]) FROM PUBLIC;

CREATE OR REPLACE VIEW nova.slots AS
SELECT s.slot_name,
       s.database,
       s.active,
       s.active_pid,
       a.application_name,
       a.client_addr,
       r.state,
       s.restart_lsn,
       s.confirmed_flush_lsn,
       pg_wal_lsn_diff(w.lsn, s.confirmed_flush_lsn)::bigint AS lag_bytes,
       pg_wal_lsn_diff(w.lsn, s.restart_lsn)::bigint AS retained_bytes,
       s.safe_wal_size AS safe_bytes,
       s.wal_status,
       -- nova.stream() has no line in pg_stat_replication
       CASE WHEN r.pid IS NOT NULL THEN 'replication' WHEN s.active THEN 'direct' END AS road
FROM pg_replication_slots s
     LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid
     LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid
     CROSS JOIN LATERAL (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                                     ELSE pg_current_wal_lsn() END AS lsn) w
WHERE s.plugin = 'nova_decoder';

COMMENT ON VIEW nova.slots IS
'Slots of this plugin: who reads them, how far behind they are, how much WAL they keep and how much more they may.';
