--
-- Topic names: prefix, RegexRouter, and what Kafka allows.
--
SET synchronous_commit = on;
CREATE SCHEMA app;
CREATE TABLE app.users (id int);
CREATE TABLE "posts_2024" (id int);
CREATE TABLE "Odd $ name/é漢😀" (id int);
CREATE SCHEMA "s.p a c e";
CREATE TABLE "s.p a c e"."dots.and-dashes_ok" (id int);
SELECT 'init' FROM pg_create_logical_replication_slot('routing', 'nova_decoder');
INSERT INTO app.users VALUES (1);
INSERT INTO posts_2024 VALUES (1);
INSERT INTO "Odd $ name/é漢😀" VALUES (1);
INSERT INTO "s.p a c e"."dots.and-dashes_ok" VALUES (1);
CREATE FUNCTION topics(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT data::jsonb ->> 'topic' FROM peek('routing', VARIADIC $1) data
$$;

-- each character that Kafka does not allow is one underscore, beyond the basic
-- plane two (as in Java, whose characters are UTF-16)
SELECT topics();
SELECT topics('topic.prefix', 'cdc');
SELECT topics('topic.prefix', 'a.b c');
SELECT topics('topic.prefix', 'pré');
SELECT topics('topic.prefix', '');

-- groups; what does not match keeps its name
SELECT topics('topic.prefix', 'cdc', 'topic.regex', 'cdc\.app\.(.*)', 'topic.replacement', 'cdc.$1');
SELECT topics('topic.regex', '([^.]+)\.([^.]+)', 'topic.replacement', '$2-$1');
SELECT topics('topic.regex', '(.*)', 'topic.replacement', 'all');
SELECT topics('topic.regex', '.*', 'topic.replacement', '[$0]');
-- the whole name has to match
SELECT topics('topic.regex', 'users', 'topic.replacement', 'x');
SELECT topics('topic.regex', 'app|app.users', 'topic.replacement', 'x');
-- case counts
SELECT topics('topic.regex', 'APP\.users', 'topic.replacement', 'x');
-- backslashes, dollars; a group that took no part is empty
SELECT topics('topic.regex', 'app\.(.*)', 'topic.replacement', 'a\$1-\\-$1');
SELECT topics('topic.regex', '(x)?app\.(.*)', 'topic.replacement', '<$1>$2');
-- digits belong to the number as long as there is such a group (java.util.regex)
SELECT topics('topic.regex', 'app\.(.*)', 'topic.replacement', '$10');
SELECT topics('topic.regex', '(a)(p)(p)(\.)(u)(s)(e)(r)(s)()', 'topic.replacement', '$11-$10-$1');
-- options of the expression
SELECT topics('topic.regex', '(?i)APP\.(.*)', 'topic.replacement', '$1');
-- what is not allowed in a replacement becomes an underscore, too
SELECT topics('topic.regex', 'app\.(.*)', 'topic.replacement', 'é $1');
-- names that Kafka refuses are never made
SELECT count(*) FROM topics('topic.regex', 'app\.users', 'topic.replacement', '.') t WHERE t IN ('', '.', '..');
SELECT count(*) FROM topics('topic.regex', 'app\.users(.*)', 'topic.replacement', '$1') t WHERE t IN ('', '.', '..');
-- one needs the other
SELECT topics('topic.regex', 'x');
SELECT topics('topic.replacement', 'x');
SELECT topics('topic.regex', '(', 'topic.replacement', 'x');

-- 249 characters at the most
SELECT length(t) FROM topics('topic.prefix', repeat('p', 300)) t;
SELECT length(t), right(t, 3) FROM topics('topic.prefix', repeat('p', 238)) t LIMIT 1;
SELECT length(t), right(t, 3) FROM topics('topic.prefix', repeat('p', 239)) t LIMIT 1;
SELECT length(t) FROM topics('topic.regex', '.*', 'topic.replacement', repeat('r', 300)) t LIMIT 1;

SELECT pg_drop_replication_slot('routing');
DROP FUNCTION topics(text[]);
DROP TABLE app.users, posts_2024, "Odd $ name/é漢😀", "s.p a c e"."dots.and-dashes_ok";
DROP SCHEMA app, "s.p a c e";
