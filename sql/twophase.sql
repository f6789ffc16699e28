--
-- Prepared transactions: sent when, and only when, they are committed.
-- Needs max_prepared_transactions > 0.
--
SET synchronous_commit = on;
CREATE TABLE p (id int PRIMARY KEY, v text);
SELECT 'init' FROM pg_create_logical_replication_slot('twophase', 'nova_decoder');

BEGIN;
INSERT INTO p VALUES (1, 'prepared');
SAVEPOINT s;
INSERT INTO p VALUES (2, 'lost');
ROLLBACK TO s;
PREPARE TRANSACTION 'nova one';
SELECT take('twophase');
INSERT INTO p VALUES (3, 'meanwhile');
SELECT take('twophase');
COMMIT PREPARED 'nova one';
SELECT take('twophase');

BEGIN;
INSERT INTO p VALUES (4, 'rolled back');
PREPARE TRANSACTION 'nova two';
ROLLBACK PREPARED 'nova two';
SELECT take('twophase');

-- with DDL, and with a published message
BEGIN;
ALTER TABLE p ADD COLUMN w int;
INSERT INTO p VALUES (5, 'x', 1);
SELECT nova.publish('events', 'k', 'prepared') IS NOT NULL AS published;
PREPARE TRANSACTION 'nova three';
SELECT take('twophase');
COMMIT PREPARED 'nova three';
INSERT INTO p VALUES (6, 'y', 2);
SELECT take('twophase');

-- a slot for two-phase decoding sends them at the commit, too
SELECT 'init' FROM pg_create_logical_replication_slot('twophase_slot', 'nova_decoder', false, true);
BEGIN;
INSERT INTO p VALUES (7, 'z', 3);
PREPARE TRANSACTION 'nova four';
SELECT take('twophase_slot');
COMMIT PREPARED 'nova four';
SELECT take('twophase_slot');
SELECT count(*) FROM take('twophase_slot');

-- larger than logical_decoding_work_mem
SET logical_decoding_work_mem = '64kB';
BEGIN;
INSERT INTO p SELECT g, repeat('x', 100), g FROM generate_series(1001, 4000) g;
PREPARE TRANSACTION 'nova five';
SELECT count(*) FROM peek('twophase');
COMMIT PREPARED 'nova five';
SELECT count(*) FROM take('twophase');

SELECT pg_drop_replication_slot('twophase');
SELECT pg_drop_replication_slot('twophase_slot');
DROP TABLE p;
