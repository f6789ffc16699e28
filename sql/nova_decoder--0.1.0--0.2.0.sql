-- From nova_decoder 0.1.0 to 0.2.0: nova.stream(), the road in nova.slots, and the
-- reason of an invalidated slot in nova.doctor().
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
'Streams a slot''s changes as START_REPLICATION does, over an ordinary connection and about twice as fast; for nova-relay and other clients that speak COPY BOTH. Options are names and values in turn.';

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
       -- nova.stream() has no line in pg_stat_replication; who may not see the query is told nothing
       CASE WHEN r.pid IS NOT NULL THEN 'replication'
            WHEN a.query ~* '^[[:space:]]*call[[:space:]]+nova[[:space:]]*[.][[:space:]]*stream[[:space:]]*[(]' THEN 'direct' END AS road
FROM pg_replication_slots s
     LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid
     LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid
     CROSS JOIN LATERAL (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                                     ELSE pg_current_wal_lsn() END AS lsn) w
WHERE s.plugin = 'nova_decoder';

COMMENT ON VIEW nova.slots IS
'Slots of this plugin: who reads them, how far behind they are, how much WAL they keep and how much more they may.';

COMMENT ON COLUMN nova.slots.road IS
'By which road the slot is read: replication, a walsender; direct, CALL nova.stream(). Null: nobody reads it, or another session holds it, such as one that made it for itself, or this role may not see what that one does (pg_read_all_stats).';

CREATE OR REPLACE FUNCTION nova.doctor(OUT severity text, OUT subject text, OUT finding text, OUT fix text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $doctor$
DECLARE
    -- not current_setting(): roles that may not see this one get an ERROR from it
    libraries text := (SELECT setting FROM pg_settings WHERE name = 'output_plugin_libraries');
    used integer;
    total integer;
    rec record;
BEGIN
    subject := 'wal_level';
    finding := current_setting('wal_level');
    severity := 'ok';
    fix := NULL;
    -- from 19 on "replica" is enough: the server raises it while there are logical slots
    IF finding = 'minimal' OR (finding <> 'logical' AND current_setting('server_version_num')::int < 190000) THEN
        severity := 'error';
        fix := 'ALTER SYSTEM SET wal_level = logical; then restart the server';
    END IF;
    RETURN NEXT;

    IF libraries IS NOT NULL THEN
        subject := 'output_plugin_libraries';
        finding := libraries;
        severity := 'ok';
        fix := NULL;
        IF NOT 'nova_decoder' = ANY (SELECT btrim(item) FROM regexp_split_to_table(libraries, ',') item) THEN
            severity := 'error';
            fix := format('ALTER SYSTEM SET output_plugin_libraries = %s; SELECT pg_reload_conf();',
                          concat_ws(', ', nullif(btrim(libraries), ''), 'nova_decoder'));
        END IF;
        RETURN NEXT;
    ELSIF NOT pg_has_role('pg_read_all_settings', 'MEMBER') THEN
        subject := 'output_plugin_libraries';
        finding := 'not visible to this role; servers from August 2026 on have it';
        severity := 'warning';
        fix := format('GRANT pg_read_all_settings TO %I', current_user);
        RETURN NEXT;
    END IF;

    subject := 'max_replication_slots';
    SELECT count(*), current_setting('max_replication_slots')::int INTO used, total FROM pg_replication_slots;
    finding := format('%s of %s in use', used, total);
    severity := CASE WHEN used < total THEN 'ok' ELSE 'warning' END;
    fix := CASE WHEN used < total THEN NULL
                ELSE 'drop slots that nobody needs, or raise max_replication_slots and restart' END;
    RETURN NEXT;

    subject := 'max_wal_senders';
    SELECT count(*), current_setting('max_wal_senders')::int INTO used, total
    FROM pg_stat_activity WHERE backend_type = 'walsender';
    finding := format('%s of %s in use', used, total);
    severity := CASE WHEN used < total THEN 'ok' ELSE 'warning' END;
    fix := CASE WHEN used < total THEN NULL ELSE 'raise max_wal_senders and restart' END;
    RETURN NEXT;

    subject := 'wal_sender_timeout';
    finding := current_setting('wal_sender_timeout');
    severity := 'ok';
    fix := NULL;
    IF (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_sender_timeout') = 0 THEN
        severity := 'warning';
        fix := 'set it (60s is the default), or a relay that has vanished keeps its slot for ever';
    END IF;
    RETURN NEXT;

    subject := 'max_slot_wal_keep_size';
    finding := current_setting('max_slot_wal_keep_size');
    severity := 'ok';
    fix := NULL;
    IF finding = '-1' THEN
        severity := 'warning';
        fix := 'unlimited: a relay that is away for long fills the disk; set a limit below the free space';
    END IF;
    RETURN NEXT;

    FOR rec IN SELECT * FROM pg_replication_slots WHERE plugin = 'nova_decoder' ORDER BY slot_name LOOP
        subject := 'slot ' || rec.slot_name;
        fix := NULL;
        IF rec.wal_status = 'lost' THEN
            severity := 'error';
            -- from 17 on there are other reasons; older servers have no such column
            finding := CASE WHEN to_jsonb(rec) ->> 'invalidation_reason' <> 'wal_removed'
                            THEN format('it is invalidated: %s', to_jsonb(rec) ->> 'invalidation_reason')
                            ELSE 'its WAL has been removed' END;
            fix := format('SELECT pg_drop_replication_slot(%L); and take a new snapshot', rec.slot_name);
        ELSIF rec.wal_status = 'unreserved' THEN
            severity := 'error';
            finding := 'its WAL is about to be removed';
            fix := 'start its relay now, or raise max_slot_wal_keep_size';
        ELSIF NOT rec.active THEN
            severity := 'warning';
            finding := 'nobody reads it, and it keeps WAL from being removed';
            fix := format('start its relay, or SELECT pg_drop_replication_slot(%L)', rec.slot_name);
        ELSE
            severity := 'ok';
            finding := 'read by process ' || rec.active_pid;
        END IF;
        RETURN NEXT;
    END LOOP;

    FOR rec IN
        SELECT pid, age(clock_timestamp(), xact_start) AS age FROM pg_stat_activity
        WHERE xact_start < clock_timestamp() - interval '10 minutes' AND backend_xid IS NOT NULL
        ORDER BY xact_start
    LOOP
        severity := 'warning';
        subject := 'transaction of process ' || rec.pid;
        finding := 'has been open for ' || date_trunc('second', rec.age);
        fix := 'end it: a new slot waits for it, and a slot keeps all WAL since it began';
        RETURN NEXT;
    END LOOP;

    FOR rec IN SELECT gid, prepared FROM pg_prepared_xacts ORDER BY prepared LOOP
        severity := 'warning';
        subject := 'prepared transaction ' || quote_literal(rec.gid);
        finding := 'has been waiting since ' || date_trunc('second', rec.prepared);
        fix := format('COMMIT PREPARED %L or ROLLBACK PREPARED %L', rec.gid, rec.gid);
        RETURN NEXT;
    END LOOP;

    FOR rec IN
        SELECT c.oid::regclass AS rel, c.relreplident, c.relpersistence,
               EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary
                       AND i.indimmediate AND i.indisvalid) AS has_pk,
               EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident
                       AND i.indisvalid) AS has_index
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relpersistence <> 't'
              AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_'
        ORDER BY n.nspname, c.relname
    LOOP
        subject := 'table ' || rec.rel;
        severity := 'warning';
        IF rec.relpersistence = 'u' THEN
            finding := 'is unlogged: its changes are not in the WAL and cannot be captured';
            fix := format('ALTER TABLE %s SET LOGGED', rec.rel);
            RETURN NEXT;
        ELSIF rec.relreplident = 'n' OR (rec.relreplident = 'd' AND NOT rec.has_pk)
              OR (rec.relreplident = 'i' AND NOT rec.has_index) THEN
            finding := 'has no replica identity: its deletes cannot become records';
            fix := CASE WHEN rec.has_pk THEN format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', rec.rel)
                        ELSE format('add a primary key, or ALTER TABLE %s REPLICA IDENTITY FULL', rec.rel) END;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$doctor$;
