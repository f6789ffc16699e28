--
-- Include and exclude lists: whole names, any case, regular expressions.
--
SET synchronous_commit = on;
CREATE SCHEMA app;
CREATE SCHEMA app2;
CREATE SCHEMA "Odd,schema";
CREATE TABLE app.users (id int);
CREATE TABLE app.users_2024 (id int);
CREATE TABLE app.posts (id int);
CREATE TABLE app2.users (id int);
CREATE TABLE "Odd,schema"."T.x" (id int);
CREATE TABLE "Odd,schema"."per cent%" (id int);
SELECT 'init' FROM pg_create_logical_replication_slot('filters', 'nova_decoder');
INSERT INTO app.users VALUES (1);
INSERT INTO app.users_2024 VALUES (1);
INSERT INTO app.posts VALUES (1);
INSERT INTO app2.users VALUES (1);
INSERT INTO "Odd,schema"."T.x" VALUES (1);
INSERT INTO "Odd,schema"."per cent%" VALUES (1);
CREATE FUNCTION topics(VARIADIC options text[] DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(data::jsonb ->> 'topic', ' ' ORDER BY n)
    FROM peek('filters', VARIADIC $1) WITH ORDINALITY p (data, n)
$$;

SELECT topics();
-- anchored at both ends
SELECT topics('schema.include.list', 'app');
SELECT topics('schema.include.list', 'app.*');
SELECT topics('schema.exclude.list', 'app');
SELECT topics('table.include.list', 'app.users');
SELECT topics('table.include.list', 'users');
SELECT topics('table.include.list', 'app\.users_.*');
SELECT topics('table.exclude.list', 'app2?\.users');
SELECT topics('table.include.list', 'app.users|app.posts');
-- lists, blanks around items, empty items
SELECT topics('table.include.list', 'app.users,app.posts');
SELECT topics('table.include.list', E'  app\\.users ,\n\tapp\\.posts  , ,');
SELECT topics('table.include.list', ' , ');
SELECT topics('table.exclude.list', '');
-- any case
SELECT topics('table.include.list', 'APP\.Users');
SELECT topics('schema.include.list', 'odd,schema');
-- an escaped comma is a comma
SELECT topics('schema.include.list', 'odd\,schema');
SELECT topics('table.include.list', 'odd\,schema\.t\.x,app\.posts');
SELECT topics('table.include.list', 'Odd.schema\.per cent%');
-- a dot is any character unless it is escaped or in brackets
SELECT topics('table.include.list', 'app2.users,app.users.2024');
SELECT topics('table.include.list', 'app\.users\.2024');
SELECT topics('table.include.list', '(app|app2)[.]users');
-- look-ahead, as migrations from Debezium bring it
SELECT topics('table.include.list', 'app\.(?!users).*');
SELECT topics('table.exclude.list', '(?:app2?)\.\w+');
-- items do not see each other's groups
SELECT topics('table.include.list', '(x)(y),a(p)\1\.posts');
-- an item may begin with options of its own
SELECT topics('table.include.list', '(?i)app\.users');
-- schemas and tables together
SELECT topics('schema.include.list', 'app', 'table.exclude.list', 'app\.posts');
SELECT topics('schema.exclude.list', 'app2', 'table.include.list', '.*\.users');
SELECT topics('schema.include.list', 'app', 'table.include.list', 'app2\.users');
-- not both of a kind
SELECT topics('table.include.list', 'a', 'table.exclude.list', 'b');
SELECT topics('schema.include.list', 'a', 'schema.exclude.list', 'b');
-- no regular expression; a comma in brackets separates, too
SELECT topics('table.include.list', '[^,]{3}\,.*');
SELECT topics('table.include.list', 'app.(users');
SELECT topics('table.include.list', 'app.users,*');
SELECT topics('schema.exclude.list', 'x\');
SELECT topics('table.include.list', 'a)|(b');
SELECT topics('schema.include.list', 'app[');

-- what the server keeps for itself is not captured, whatever the lists say
DO $$ BEGIN
    UPDATE information_schema.sql_features SET comments = comments WHERE feature_id = 'B011';
END $$;
SELECT topics('schema.include.list', '.*', 'table.exclude.list', '(app|odd).*');
SELECT topics('table.include.list', 'information_schema\..*');

-- skipped operations
ALTER TABLE app.users ADD PRIMARY KEY (id);
SELECT count(*) FROM take('filters');
INSERT INTO app.users VALUES (2);
UPDATE app.users SET id = 3 WHERE id = 2;
UPDATE app.users SET id = id WHERE id = 3;
DELETE FROM app.users WHERE id = 3;
SELECT peek('filters');
SELECT peek('filters', 'skipped.operations', 'c');
SELECT peek('filters', 'skipped.operations', 'u,t');
SELECT peek('filters', 'skipped.operations', ' d , c ');
SELECT peek('filters', 'skipped.operations', 'c,u,d,t');
SELECT count(*) FROM peek('filters', 'skipped.operations', 'none');
SELECT count(*) FROM peek('filters', 'skipped.operations', '');
SELECT peek('filters', 'skipped.operations', 'r');
SELECT peek('filters', 'skipped.operations', 'cu');
SELECT peek('filters', 'skipped.operations', 'c,none');

SELECT pg_drop_replication_slot('filters');
DROP FUNCTION topics(text[]);
DROP TABLE app.users, app.users_2024, app.posts, app2.users, "Odd,schema"."T.x", "Odd,schema"."per cent%";
DROP SCHEMA app, app2, "Odd,schema";
