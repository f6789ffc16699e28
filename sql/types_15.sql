--
-- Types as only 15 and later have them: numeric whose scale is below zero, or above
-- the precision.
--
SET synchronous_commit = on;
\a
SELECT 'init' FROM pg_create_logical_replication_slot('types', 'nova_decoder');
CREATE TABLE t_negative (v numeric(5, -3));
INSERT INTO t_negative VALUES (0), (1499), (-1500), (99999000), (NULL);
CREATE TABLE t_deep (v numeric(3, 7));
INSERT INTO t_deep VALUES (0), (0.0000999), (-0.00001), (NULL);
SELECT take('types');
SELECT pg_drop_replication_slot('types');
DROP TABLE t_negative, t_deep;
