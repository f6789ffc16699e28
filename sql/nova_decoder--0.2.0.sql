-- nova_decoder 0.2.0: the SQL side of the output plugin.
-- The stream itself works without this extension.
\echo Use "CREATE EXTENSION nova_decoder" to load this file. \quit

CREATE FUNCTION nova.publish(topic text, key text, value text,
                             headers jsonb DEFAULT NULL, transactional boolean DEFAULT true)
RETURNS pg_lsn
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'nova_publish';

COMMENT ON FUNCTION nova.publish(text, text, text, jsonb, boolean) IS
'Sends a record of your own to a Kafka topic: with this transaction''s commit, or at once if not transactional. A null value is a tombstone.';

CREATE FUNCTION nova.publish(topic text, key text, value jsonb,
                             headers jsonb DEFAULT NULL, transactional boolean DEFAULT true)
RETURNS pg_lsn
LANGUAGE sql VOLATILE PARALLEL UNSAFE
AS $$ SELECT nova.publish($1, $2, $3::text, $4, $5) $$;

COMMENT ON FUNCTION nova.publish(text, text, jsonb, jsonb, boolean) IS
'Sends a JSON record of your own to a Kafka topic.';

-- Who may publish can write to any topic that the relay may write to.  So can
-- whoever may call pg_logical_emit_message(), which the server gives to everybody:
-- revoke that as well where roles are not trusted.
REVOKE ALL ON FUNCTION nova.publish(text, text, text, jsonb, boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION nova.publish(text, text, jsonb, jsonb, boolean) FROM PUBLIC;

CREATE FUNCTION nova.options(OUT name text, OUT type text, OUT "default" text,
                             OUT debezium text, OUT valid text, OUT description text)
RETURNS SETOF record
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'nova_options';

COMMENT ON FUNCTION nova.options() IS 'The options of the output plugin; "debezium" is the default under profile=debezium where it is another.';

CREATE FUNCTION nova.describe(relation regclass, VARIADIC options text[] DEFAULT '{}',
                              OUT topic text, OUT op text, OUT key text, OUT value text,
                              OUT headers text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'nova_describe';

COMMENT ON FUNCTION nova.describe(regclass, text[]) IS
'The records that an insert, an update and a delete in this table make with these options (name=value). No rows: not captured.';

CREATE FUNCTION nova.snapshot_frames(relation regclass, options text[] DEFAULT '{}',
                                     query text DEFAULT NULL, condition text DEFAULT NULL,
                                     first_block bigint DEFAULT NULL, end_block bigint DEFAULT NULL,
                                     after_key text[] DEFAULT NULL, upto_key text[] DEFAULT NULL,
                                     max_rows bigint DEFAULT NULL,
                                     at timestamptz DEFAULT NULL, lsn pg_lsn DEFAULT NULL, txid bigint DEFAULT NULL,
                                     mark text DEFAULT 'true', first_mark text DEFAULT NULL, last_mark text DEFAULT NULL)
RETURNS SETOF bytea
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1000
AS 'MODULE_PATHNAME', 'nova_snapshot_frames';

COMMENT ON FUNCTION nova.snapshot_frames(regclass, text[], text, text, bigint, bigint, text[], text[], bigint, timestamptz, pg_lsn, bigint, text, text, text) IS
'The rows of a table as the frames that a stream with these options (name=value) has; for COPY (SELECT ...) TO STDOUT (FORMAT binary).';

CREATE FUNCTION nova.snapshot_last_key(relation regclass, condition text DEFAULT NULL)
RETURNS text[]
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'nova_snapshot_last_key';

COMMENT ON FUNCTION nova.snapshot_last_key(regclass, text) IS
'The position of a table''s last row in key order, for upto_key of nova.snapshot_frames(); null if there is no row.';

CREATE FUNCTION nova.snapshot_tables(options text[] DEFAULT '{}', include text DEFAULT '',
                                     OUT relation regclass, OUT root regclass, OUT schema_name text, OUT table_name text,
                                     OUT topic text, OUT row_estimate bigint, OUT blocks bigint, OUT bytes bigint,
                                     OUT keyed boolean, OUT order_key text[],
                                     OUT readable boolean, OUT row_security boolean)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'nova_snapshot_tables';

COMMENT ON FUNCTION nova.snapshot_tables(text[], text) IS
'The tables that a stream with these options captures and a snapshot would read, the largest first; include is snapshot.include.collection.list.';

CREATE FUNCTION nova.signal(type text, data jsonb DEFAULT NULL, id text DEFAULT NULL)
RETURNS pg_lsn
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'nova_signal';

COMMENT ON FUNCTION nova.signal(text, jsonb, text) IS
'Tells the relay something with this transaction''s commit: execute-snapshot, stop-snapshot, pause-snapshot, resume-snapshot or log, with data as in Debezium''s signals.';

CREATE FUNCTION nova.watermark(id text)
RETURNS pg_lsn
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'nova_watermark';

COMMENT ON FUNCTION nova.watermark(text) IS
'Puts a mark into the stream with this transaction''s commit, by which the relay knows what was changed before and after it.';

-- Who may signal can have any captured table sent again.
CREATE FUNCTION nova.snapshot_settle()
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'nova_snapshot_settle';

COMMENT ON FUNCTION nova.snapshot_settle() IS
'Waits until every transaction whose commit is in the WAL is visible to new snapshots; between nova.watermark() and the reading of rows.';

REVOKE ALL ON FUNCTION nova.signal(text, jsonb, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION nova.watermark(text) FROM PUBLIC;

CREATE PROCEDURE nova.stream(slot name, start_lsn pg_lsn DEFAULT '0/0', options text[] DEFAULT '{}')
LANGUAGE c
AS 'MODULE_PATHNAME', 'nova_stream';

COMMENT ON PROCEDURE nova.stream(name, pg_lsn, text[]) IS
'Streams a slot''s changes as START_REPLICATION does, over an ordinary connection and about twice as fast; for nova-relay and other clients that speak COPY BOTH. Options are names and values in turn.';

-- It also asks for the attribute REPLICATION, as the server does for its own functions on slots.
REVOKE ALL ON PROCEDURE nova.stream(name, pg_lsn, text[]) FROM PUBLIC;

CREATE VIEW nova.slots AS
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

CREATE FUNCTION nova.doctor(OUT severity text, OUT subject text, OUT finding text, OUT fix text)
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

COMMENT ON FUNCTION nova.doctor() IS
'Everything that would stop or endanger a stream from this database, with the fix.';
