--
-- Stored generated columns, identity columns and defaults are values like others.
--
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('generated', 'nova_decoder');
CREATE TABLE g (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a * 2) STORED,
                c text DEFAULT 'd', u text GENERATED ALWAYS AS (upper(c COLLATE "C")) STORED);
INSERT INTO g (a) VALUES (1), (NULL);
UPDATE g SET a = 5 WHERE id = 1;
DELETE FROM g WHERE id = 1;
SELECT take('generated');
-- as part of an identity
CREATE TABLE gk (a int NOT NULL, k int NOT NULL GENERATED ALWAYS AS (a + 100) STORED, UNIQUE (k));
ALTER TABLE gk REPLICA IDENTITY USING INDEX gk_k_key;
INSERT INTO gk VALUES (1);
UPDATE gk SET a = 2;
DELETE FROM gk;
SELECT take('generated');
-- no longer generated
ALTER TABLE g ALTER b DROP EXPRESSION;
INSERT INTO g (a, b) VALUES (1, 7);
SELECT take('generated');
SELECT pg_drop_replication_slot('generated');
DROP TABLE g, gk;
