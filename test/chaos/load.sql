--
-- What the chaos suite writes to, and what it writes.  See Chaos/Load.pm.
--
-- Four tables in the schema "chaos" are captured.  The ledger is not: it has a
-- row for every key there ever was, with a letter for each of its changes (c,
-- u, d), in order.  Its rows are part of the same transactions, so whatever was
-- committed, rolled back or lost with a connection, the ledger says what the
-- topic must hold.  A row has the number of its change in "ver".
--
CREATE SCHEMA chaos;
CREATE SCHEMA ledger;
CREATE TABLE chaos.single (id bigint PRIMARY KEY, ver int, n int, body text);
CREATE TABLE chaos.pair (a text, b int, ver int, n int, body text, PRIMARY KEY (b, a));
CREATE TABLE chaos.word (name text PRIMARY KEY, ver int, n int, body text);
CREATE TABLE chaos.wide (id uuid PRIMARY KEY, ver int, n int, body text);
ALTER TABLE chaos.pair REPLICA IDENTITY FULL;
ALTER TABLE chaos.wide ALTER body SET STORAGE EXTERNAL;

CREATE TABLE ledger.keys (tab text, key jsonb, ops text NOT NULL, PRIMARY KEY (tab, key));
CREATE SEQUENCE ledger.columns;

-- Each table by its number: the columns of its key, where the row k is (it has
-- two names, between which it changes), its first name, and the change.
CREATE TABLE ledger.tables (t int PRIMARY KEY, tab name, cols text[], there text, first text, flip text, width int);
INSERT INTO ledger.tables VALUES
	(0, 'single', '{id}', 'id IN ($1, -$1)', '$1', 'id = -id', 3),
	(1, 'pair', '{b,a}', $$b = $1 AND a IN ('a"b', 'ü')$$, $$$1, 'a"b'$$, $$a = CASE a WHEN 'ü' THEN 'a"b' ELSE 'ü' END$$, 5),
	(2, 'word', '{name}', $$name IN ('w\' || $1, '水 ' || $1)$$, $$'w\' || $1$$,
	 $$name = CASE WHEN name LIKE 'w%' THEN '水 ' || $1 ELSE 'w\' || $1 END$$, 3),
	(3, 'wide', '{id}', $$id IN (md5('a' || $1)::uuid, md5('b' || $1)::uuid)$$, $$md5('a' || $1)::uuid$$,
	 $$id = CASE id WHEN md5('a' || $1)::uuid THEN md5('b' || $1)::uuid ELSE md5('a' || $1)::uuid END$$, 200);

CREATE FUNCTION ledger.bump(tab text, key jsonb, op text) RETURNS int LANGUAGE sql AS
$$INSERT INTO ledger.keys VALUES (tab, key, op)
  ON CONFLICT ON CONSTRAINT keys_pkey DO UPDATE SET ops = keys.ops || excluded.ops RETURNING length(ops)$$;

-- Counts inserts, deletes and changes of the key; the argument: the columns of the
-- key.  An update that leaves the key alone counts itself: a trigger that sets a
-- column has the whole row written anew, and no value would be left out of the WAL.
CREATE FUNCTION ledger.count() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	old_key jsonb;
	new_key jsonb;
BEGIN
	IF TG_OP <> 'INSERT' THEN
		SELECT jsonb_object_agg(c, to_jsonb(OLD) -> c) INTO old_key FROM unnest(TG_ARGV[0]::text[]) c;
	END IF;
	IF TG_OP <> 'DELETE' THEN
		SELECT jsonb_object_agg(c, to_jsonb(NEW) -> c) INTO new_key FROM unnest(TG_ARGV[0]::text[]) c;
	END IF;
	IF old_key IS NOT NULL THEN
		PERFORM ledger.bump(TG_TABLE_NAME, old_key, 'd');
	END IF;
	IF new_key IS NULL THEN
		RETURN OLD;
	END IF;
	NEW.ver := ledger.bump(TG_TABLE_NAME, new_key, 'c');
	RETURN NEW;
END$$;

DO $$
DECLARE
	s ledger.tables;
BEGIN
	FOR s IN SELECT * FROM ledger.tables LOOP
		EXECUTE format('CREATE TRIGGER count BEFORE INSERT OR DELETE OR UPDATE OF %s ON chaos.%I '
					   'FOR EACH ROW EXECUTE FUNCTION ledger.count(%L)',
					   array_to_string(s.cols, ', '), s.tab, s.cols);
	END LOOP;
END$$;

-- One change of row k of a table.  The dice, from 0 to 1, say which.  Callers go
-- through the tables and their rows upwards, so that they never wait in a ring.
CREATE FUNCTION ledger.op(t int, k int, dice float8) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	s ledger.tables;
	n int := (dice * 1000000)::int;
	body text;
	there bool;
	set_ver text;
BEGIN
	SELECT * INTO s FROM ledger.tables x WHERE x.t = op.t;
	SELECT format('ver = ledger.bump(%L, jsonb_build_object(%s), ''u'')', s.tab, string_agg(format('%1$L, %1$I', c), ', '))
	INTO set_ver FROM unnest(s.cols) c;
	PERFORM pg_advisory_xact_lock(t, k);
	body := repeat(md5(k || '/' || n) || E'é"\n', 1 + (s.width * dice)::int);
	EXECUTE format('SELECT count(*) > 0 FROM chaos.%I WHERE %s', s.tab, s.there) INTO there USING k;
	IF NOT there THEN
		EXECUTE format('INSERT INTO chaos.%I (%s, n, body) VALUES (%s, $2, $3)', s.tab,
					   array_to_string(s.cols, ', '), s.first) USING k, n, body;
	ELSIF dice < 0.08 THEN
		EXECUTE format('DELETE FROM chaos.%I WHERE %s', s.tab, s.there) USING k;
	ELSIF dice < 0.16 THEN
		EXECUTE format('UPDATE chaos.%I SET %s WHERE %s', s.tab, s.flip, s.there) USING k;
	ELSIF dice < 0.5 THEN
		EXECUTE format('UPDATE chaos.%I SET n = $2, body = $3, %s WHERE %s', s.tab, set_ver, s.there) USING k, n, body;
	ELSE
		EXECUTE format('UPDATE chaos.%I SET n = $2, %s WHERE %s', s.tab, set_ver, s.there) USING k, n;
	END IF;
END$$;

-- Many rows of a table, for transactions that do not fit logical_decoding_work_mem.
CREATE FUNCTION ledger.ops(t int, from_k int, to_k int, dice float8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR k IN from_k .. to_k LOOP
		PERFORM ledger.op(t, k, (dice * k) - floor(dice * k));
	END LOOP;
END$$;

-- A column comes, with a default for rows that are new, or the oldest one goes.
CREATE FUNCTION ledger.ddl(t int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	s ledger.tables;
	n bigint;
	extra name[];
BEGIN
	SELECT * INTO s FROM ledger.tables x WHERE x.t = ddl.t;
	EXECUTE format('LOCK TABLE chaos.%I IN ACCESS EXCLUSIVE MODE', s.tab);
	SELECT array_agg(attname ORDER BY attnum) INTO extra FROM pg_attribute
	WHERE attrelid = format('chaos.%I', s.tab)::regclass AND attname ~ '^x\d+$' AND NOT attisdropped;
	IF cardinality(extra) >= 3 THEN
		EXECUTE format('ALTER TABLE chaos.%I DROP COLUMN %I', s.tab, extra[1]);
		RETURN;
	END IF;
	n := nextval('ledger.columns');
	EXECUTE format('ALTER TABLE chaos.%I ADD COLUMN %I %s', s.tab, 'x' || n, CASE WHEN n % 2 = 0 THEN 'int' ELSE 'text' END);
	EXECUTE format('ALTER TABLE chaos.%I ALTER %I SET DEFAULT %L', s.tab, 'x' || n, n);
END$$;

-- A JSON line for each key: what has been done, and the row there is now.
CREATE VIEW ledger.expectations AS
SELECT jsonb_build_object('table', k.tab, 'key', k.key, 'ops', k.ops, 'row', r.row) AS line
FROM ledger.keys k LEFT JOIN (
	SELECT 'single', jsonb_build_object('id', id), to_jsonb(t) FROM chaos.single t
	UNION ALL SELECT 'pair', jsonb_build_object('b', b, 'a', a), to_jsonb(t) FROM chaos.pair t
	UNION ALL SELECT 'word', jsonb_build_object('name', name), to_jsonb(t) FROM chaos.word t
	UNION ALL SELECT 'wide', jsonb_build_object('id', id), to_jsonb(t) FROM chaos.wide t
) r (tab, key, row) USING (tab, key);
