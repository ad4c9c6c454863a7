-- What happens to the zoo after its backup: run on a database that zoo.sql filled, with the same variables. An exact
-- restore has to undo all of it. No extension comes or goes, and what the system's own objects allow stays as it is.

\set QUIET on
SET client_min_messages = error;
SET client_encoding = 'UTF8';
SET search_path = zoo, ext, public;

-- ---------------------------------------------------------------------------------------------------------------------
-- New things on old ones

CREATE SCHEMA later AUTHORIZATION :"bob";
CREATE SCHEMA "later; ""quoted""

COMMIT;";
CREATE TYPE later.kind AS ENUM ('new', 'it''s; newer');
CREATE DOMAIN later.short AS text CHECK (length(VALUE) < 100);
CREATE TYPE later.pair AS (spot zoo.point3, kind later.kind);
CREATE TYPE later.mood_range AS RANGE (subtype = zoo.mood);
CREATE DOMAIN later.very_positive AS zoo.positive CHECK (VALUE > 10);

CREATE FUNCTION later.normal(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS 'SELECT lower($1)';
CREATE FUNCTION later.is_good(anyelement) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 IS NOT NULL';
CREATE FUNCTION later.stamp() RETURNS text LANGUAGE sql AS $$ SELECT 'made; later' $$;
CREATE SEQUENCE later.numbers;
CREATE SEQUENCE zoo.later_numbers;

ALTER TABLE zoo.author ADD COLUMN later later.kind DEFAULT 'new', ADD COLUMN number bigint DEFAULT nextval('later.numbers'),
  ADD COLUMN note later.short DEFAULT later.stamp(), ADD COLUMN pairs later.pair[], ADD COLUMN moods later.mood_range,
  ADD CONSTRAINT later_check CHECK (later.is_good(id)), ADD CONSTRAINT later_unique UNIQUE (name, number);
ALTER TABLE zoo.book ADD COLUMN normal text GENERATED ALWAYS AS (later.normal(title)) STORED,
  ALTER title SET DEFAULT later.stamp();
ALTER TABLE zoo.wide ADD COLUMN later integer, ALTER "column 7" TYPE bigint, ALTER "column 8" TYPE text USING "column 8" || ';';
ALTER TABLE zoo.no_columns ADD COLUMN first integer;
ALTER TABLE zoo.with_a_hole ADD COLUMN gone text DEFAULT 'again';
ALTER TABLE zoo.measured ADD COLUMN later integer DEFAULT 3;
ALTER TABLE zoo.parent ADD COLUMN inherited_later integer;
CREATE INDEX later_index ON zoo.author (later.normal(name)) WHERE later.is_good(name);
CREATE UNIQUE INDEX later_unique_index ON zoo.texts (id, later.normal(left(note, 10)));
CREATE STATISTICS later.statistics ON name, later FROM zoo.author;
ALTER DOMAIN zoo.code ADD CONSTRAINT later_check CHECK (later.is_good(VALUE)) NOT VALID;
ALTER TYPE zoo.mood ADD VALUE 'later; ''quoted''' AFTER 'sad';
ALTER TYPE zoo.point3 ADD ATTRIBUTE later later.kind CASCADE;
ALTER TABLE zoo.private ALTER owner SET DEFAULT later.stamp();
ALTER VIEW zoo.checked ALTER COLUMN title SET DEFAULT later.stamp();
ALTER TABLE zoo.tuned ADD COLUMN made_there zoo.of_a_type;

CREATE TABLE later.refers (author integer REFERENCES zoo.author ON DELETE CASCADE, feeling zoo.mood, price zoo.positive,
  day date, place text, FOREIGN KEY (day, place) REFERENCES zoo.measured, row_of zoo.book, label zoo.label);
CREATE TABLE later.child () INHERITS (zoo.parent);
CREATE TABLE later.of_a_type OF zoo.point3;
CREATE TABLE later.like_one (LIKE zoo.author INCLUDING ALL);
CREATE TABLE "later; ""quoted""

COMMIT;"."it's; \." (id integer GENERATED ALWAYS AS IDENTITY, author integer REFERENCES zoo.author);
CREATE TABLE public.later (id serial PRIMARY KEY, email public.citext, facts ext.hstore);
CREATE TABLE "select".later (id integer) USING zoo_heap;
INSERT INTO later.child VALUES (77, 'later');
INSERT INTO later.refers (author, feeling) VALUES (1, 'sad');
INSERT INTO public.later (email) VALUES ('Later@example.org');
ALTER TABLE zoo.pair ADD COLUMN later integer, ADD CONSTRAINT to_later FOREIGN KEY (later) REFERENCES public.later;

CREATE VIEW later.on_old AS SELECT author.*, book.title AS book FROM zoo.author LEFT JOIN zoo.book ON book.author = author.id;
CREATE VIEW zoo.later_on_views AS SELECT books.*, "sum; of", n FROM zoo.books
  JOIN other.on_a_view USING (id) CROSS JOIN zoo.counting;
CREATE MATERIALIZED VIEW later.materialised AS SELECT * FROM zoo.counted;
CREATE MATERIALIZED VIEW later.not_filled AS SELECT * FROM zoo.on_materialised WITH NO DATA;
CREATE UNIQUE INDEX ON later.materialised (author);
CREATE VIEW public.later_view AS SELECT * FROM later.materialised;
CREATE OR REPLACE VIEW zoo.guarded AS SELECT *, later.stamp() AS stamp FROM
  (SELECT id, name, favourite, mentor FROM zoo.author) AS authors;

CREATE FUNCTION later.of_old(zoo.author, zoo.mood, zoo.spans) RETURNS SETOF zoo.books LANGUAGE sql
  BEGIN ATOMIC SELECT * FROM zoo.books; END;
CREATE PROCEDURE zoo.later_steps() LANGUAGE plpgsql AS 'BEGIN COMMIT; END';
CREATE FUNCTION zoo.add(a bigint) RETURNS bigint LANGUAGE sql AS 'SELECT a';
CREATE AGGREGATE later.longest(text) (SFUNC = zoo.longer, STYPE = text);
CREATE FUNCTION later.in_own_language() RETURNS integer LANGUAGE plzoo AS 'BEGIN RETURN 2; END';
CREATE FUNCTION later.equal(zoo.mood, zoo.mood) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 = $2;
CREATE OPERATOR later.=== (LEFTARG = zoo.mood, RIGHTARG = zoo.mood, FUNCTION = later.equal);
CREATE OPERATOR zoo.@@@ (LEFTARG = zoo.point3, RIGHTARG = zoo.point3, FUNCTION = zoo.point_equal);
ALTER OPERATOR FAMILY zoo.loose USING hash ADD FUNCTION 1 (integer) hashint4(integer);
CREATE OPERATOR CLASS later.moods FOR TYPE zoo.mood USING hash AS
  OPERATOR 1 later.===, FUNCTION 1 hashenum(anyenum);
CREATE FUNCTION later.to_number(zoo.mood) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE CAST (zoo.mood AS integer) WITH FUNCTION later.to_number(zoo.mood);
CREATE CAST (zoo.label AS character varying) WITHOUT FUNCTION;
CREATE CAST (zoo.point3 AS later.pair) WITH INOUT;
CREATE CONVERSION later.from_latin2 FOR 'LATIN2' TO 'UTF8' FROM iso8859_to_utf8;
CREATE COLLATION later.plain FROM "C";
ALTER TABLE zoo.searched ADD COLUMN sorted text COLLATE later.plain;
CREATE TEXT SEARCH DICTIONARY later.words (TEMPLATE = zoo.own_simple);
CREATE TEXT SEARCH CONFIGURATION later.searching (PARSER = zoo.own_parser);
ALTER TEXT SEARCH CONFIGURATION zoo.searching ALTER MAPPING FOR email WITH later.words;
CREATE ACCESS METHOD later_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE later.elsewhere (id integer) USING later_heap;
CREATE TRUSTED LANGUAGE pllater HANDLER zoo.plzoo_handler VALIDATOR zoo.plzoo_validator;
CREATE FOREIGN DATA WRAPPER later_wrapper;
CREATE SERVER later_server FOREIGN DATA WRAPPER zoo_wrapper;
CREATE USER MAPPING FOR :"eve" SERVER "zoo; server" OPTIONS ("user" 'eve');
CREATE FOREIGN TABLE zoo.later_far (id zoo.positive) SERVER later_server;

CREATE TRIGGER later BEFORE UPDATE ON zoo.author FOR EACH ROW EXECUTE FUNCTION zoo.touched();
CREATE FUNCTION later.touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER later_too AFTER INSERT ON zoo.book FOR EACH ROW EXECUTE FUNCTION later.touched();
CREATE TRIGGER later_on_a_view INSTEAD OF DELETE ON zoo.books FOR EACH ROW EXECUTE FUNCTION later.touched();
CREATE TRIGGER later_on_parts AFTER DELETE ON zoo.measured FOR EACH ROW EXECUTE FUNCTION later.touched();
CREATE RULE later AS ON DELETE TO zoo.pair WHERE old.a = -1 DO ALSO DELETE FROM later.refers WHERE author = old.a;
CREATE POLICY later ON zoo.private USING (later.is_good(secret));
ALTER TABLE zoo.pair_user ENABLE ROW LEVEL SECURITY;
CREATE POLICY later ON zoo.pair_user TO :"eve" USING (x IN (SELECT author FROM later.refers));
CREATE FUNCTION later.on_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM 2; END';
CREATE EVENT TRIGGER later_event ON ddl_command_end EXECUTE FUNCTION later.on_event();
CREATE EVENT TRIGGER "later; drops" ON sql_drop EXECUTE FUNCTION zoo.on_event();
CREATE PUBLICATION later_publication FOR TABLE zoo.tuned, later.refers WITH (publish = 'insert');

-- ---------------------------------------------------------------------------------------------------------------------
-- Things that are gone, that have other names or that are in other places

DROP TABLE zoo.not_valid, zoo.of_a_type CASCADE;
DROP TABLE zoo.partly_far CASCADE;
DROP TABLE "new
line"."two
lines
COMMIT;
\.
";
DROP SCHEMA "new
line";
DROP SCHEMA empty;
DROP SCHEMA "dots.and.more" CASCADE;
DROP VIEW zoo.windows, other.on_never_filled;
DROP VIEW zoo.per_author;
DROP MATERIALIZED VIEW other.never_filled;
DROP FUNCTION zoo.bodies();
DROP FUNCTION zoo.careful(), zoo.rows_of(integer);
DROP PROCEDURE zoo.atomic(text);
DROP AGGREGATE zoo.rolling_sum(integer);
DROP FUNCTION zoo.in_own_language();
DROP TYPE zoo.no_values, zoo.only_a_shell;
DROP SEQUENCE zoo.called_once;
DROP CONVERSION zoo.from_koi;
DROP CAST (integer AS zoo.mood);
DROP OPERATOR zoo.!! (NONE, text) CASCADE;
DROP OPERATOR CLASS zoo.points_by_x USING btree CASCADE;
DROP TEXT SEARCH TEMPLATE zoo.own_simple CASCADE;
DROP COLLATION zoo.copied;
DROP INDEX zoo.by_gin, zoo.covering;
DROP STATISTICS zoo.of_expressions;
DROP TRIGGER off ON zoo.author;
DROP TRIGGER search ON zoo.every_type;
DROP RULE "instead; nothing" ON zoo.tuned;
DROP POLICY narrower ON zoo.private;
DROP EVENT TRIGGER zoo_off;
DROP PUBLICATION zoo_none, zoo_all;
DROP USER MAPPING FOR PUBLIC SERVER "zoo; server";
ALTER TABLE zoo.every_type DROP COLUMN matrix, DROP COLUMN own_set CASCADE;
ALTER TABLE zoo.author DROP CONSTRAINT "favourite; book";
ALTER TABLE zoo.generated ALTER total DROP EXPRESSION, ALTER id DROP IDENTITY, ALTER price DROP NOT NULL;

ALTER SCHEMA "back\slash" RENAME TO renamed;
ALTER TABLE zoo.large_values RENAME TO renamed_values;
ALTER TABLE zoo.unlogged SET LOGGED;
ALTER TABLE zoo.elsewhere SET UNLOGGED;
ALTER TABLE zoo.renamed_values RENAME COLUMN kept TO "renamed; kept";
ALTER TABLE zoo.texts RENAME CONSTRAINT texts_pkey TO renamed_key;
ALTER VIEW zoo.books RENAME TO renamed_books;
ALTER FUNCTION zoo.variadic(integer[]) RENAME TO renamed_variadic;
ALTER TYPE zoo.mood RENAME VALUE 'sad' TO 'happy';
ALTER TYPE zoo.span RENAME TO renamed_span;
ALTER INDEX zoo.by_brin RENAME TO renamed_brin;
ALTER TRIGGER with_tables ON zoo.book RENAME TO renamed_trigger;
ALTER EVENT TRIGGER zoo_on RENAME TO zoo_renamed;
ALTER TABLE other.refers SET SCHEMA public;
ALTER TABLE zoo.wide SET SCHEMA public;
ALTER FUNCTION zoo.longer(text, text) SET SCHEMA other;
ALTER TYPE zoo.nested SET SCHEMA public;
-- Two change their names with each other.
ALTER TABLE "select"."Upper" RENAME TO between;
ALTER TABLE "select".upper RENAME TO "Upper";
ALTER TABLE "select".between RENAME TO upper;
-- A table stands where a view was, and the other way round.
DROP VIEW zoo.no_columns_at_all;
CREATE TABLE zoo.no_columns_at_all (id integer);
DROP TABLE zoo.with_a_hole;
CREATE VIEW zoo.with_a_hole AS SELECT 1 AS a;
DROP TYPE zoo.nothing_in_it;
CREATE DOMAIN zoo.nothing_in_it AS integer;

ALTER TABLE zoo.measured DETACH PARTITION zoo.measured_2023;
ALTER TABLE zoo.detached ADD COLUMN later integer DEFAULT 3;
ALTER TABLE zoo.measured_rest DETACH PARTITION zoo.measured_rest_1;
ALTER TABLE zoo.measured ATTACH PARTITION zoo.detached FOR VALUES FROM ('2030-01-01') TO ('2031-01-01');
CREATE TABLE later.part PARTITION OF zoo.no_parts FOR VALUES IN (1, 2);
CREATE TABLE later.next_part PARTITION OF zoo.parts_refer DEFAULT;
INSERT INTO zoo.no_parts VALUES (2);
INSERT INTO zoo.parts_refer VALUES (2, 49);
ALTER TABLE zoo.grandchild NO INHERIT zoo.child;

-- ---------------------------------------------------------------------------------------------------------------------
-- Rows, positions and large objects

UPDATE zoo.texts SET note = 'changed; \.' WHERE id % 2 = 0;
DELETE FROM zoo.texts WHERE id % 3 = 0;
INSERT INTO zoo.texts (note) SELECT 'later ' || number FROM generate_series(1, 100) AS number;
INSERT INTO zoo.no_columns VALUES (1);
INSERT INTO zoo.author (id, name, later) VALUES (4, 'Later', 'it''s; newer');
UPDATE zoo.book SET author = 4 WHERE id = 1;
DELETE FROM public.people;
TRUNCATE zoo.measured, zoo.refers_to_parts, later.refers;
TRUNCATE zoo.every_type RESTART IDENTITY;
REFRESH MATERIALIZED VIEW zoo.counted;
SELECT setval('zoo.untouched', 1000), setval('zoo.shared', 5), setval('zoo.all_options', 300, true) \g /dev/null
SELECT nextval('"select"."seq; it''s ""one"""') \g /dev/null
ALTER SEQUENCE zoo.at_its_end RESTART CYCLE INCREMENT 5;
ALTER SEQUENCE zoo.shared OWNED BY NONE;
ALTER TABLE zoo.made_by_bob ALTER id TYPE numeric, ALTER note TYPE later.short;

SELECT lo_from_bytea(5000100, 'later') \g /dev/null
SELECT lo_put(5000001, 10, 'overwritten') \g /dev/null
SELECT lo_unlink(5000003) \g /dev/null
COMMENT ON LARGE OBJECT 5000100 IS 'later; it''s';
COMMENT ON LARGE OBJECT 5000001 IS NULL;
GRANT SELECT ON LARGE OBJECT 5000100 TO :"eve";
REVOKE SELECT ON LARGE OBJECT 5000001 FROM :"ada";
ALTER LARGE OBJECT 5000002 OWNER TO :"eve";

-- ---------------------------------------------------------------------------------------------------------------------
-- What is said of things

COMMENT ON SCHEMA zoo IS NULL;
COMMENT ON SCHEMA public IS 'another comment';
COMMENT ON SCHEMA later IS E'later;\n\\.\n';
COMMENT ON TABLE zoo.author IS 'later';
COMMENT ON TABLE zoo.texts IS 'changed';
COMMENT ON FUNCTION zoo.add(text) IS NULL;
COMMENT ON CAST (zoo.mood AS integer) IS 'later';
COMMENT ON EVENT TRIGGER zoo_always IS 'later';

ALTER SCHEMA public OWNER TO :"bob";
ALTER SCHEMA zoo OWNER TO :"bob";
ALTER TABLE zoo.author OWNER TO :"eve";
ALTER TYPE zoo.mood OWNER TO :"bob";
ALTER FUNCTION zoo.add(text) OWNER TO :"eve";
ALTER SERVER "zoo; server" OWNER TO :"bob";
REVOKE ALL ON SCHEMA zoo FROM :"bob" CASCADE;
GRANT ALL ON SCHEMA public TO PUBLIC;
REVOKE CREATE ON SCHEMA public FROM :"eve";
REVOKE ALL ON zoo.author FROM PUBLIC, :"bob" CASCADE;
GRANT DELETE ON zoo.author TO PUBLIC;
GRANT UPDATE (mentor) ON zoo.author TO :"bob";
GRANT SELECT ON zoo.private TO :"eve";
GRANT EXECUTE ON FUNCTION zoo.longest(text) TO PUBLIC;
GRANT USAGE ON LANGUAGE plzoo TO PUBLIC;
GRANT USAGE ON SCHEMA later TO :"eve";
GRANT USAGE ON TYPE later.kind, zoo.mood TO :"eve";
REVOKE USAGE ON TYPE zoo.label FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE :"ada" GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE :"ada" REVOKE SELECT ON TABLES FROM :"bob";
ALTER DEFAULT PRIVILEGES FOR ROLE :"bob" IN SCHEMA zoo REVOKE INSERT ON TABLES FROM :"eve";
ALTER DEFAULT PRIVILEGES FOR ROLE :"bob" IN SCHEMA later GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT SELECT ON TABLES TO :"eve";
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public REVOKE ALL ON SEQUENCES FROM PUBLIC;

ALTER TABLE zoo.pair REPLICA IDENTITY DEFAULT;
ALTER TABLE zoo.author SET WITHOUT CLUSTER;
ALTER TABLE zoo.tuned RESET (fillfactor), SET (parallel_workers = 1);
ALTER TABLE zoo.private NO FORCE ROW LEVEL SECURITY;
ALTER TABLE zoo.author ENABLE TRIGGER on_replicas;
ALTER TABLE zoo.tuned ENABLE RULE switched_off;
ALTER EVENT TRIGGER zoo_always DISABLE;
ALTER VIEW zoo.checked RESET (check_option);
ALTER TABLE zoo.author ALTER name SET STATISTICS 42, ALTER name SET STORAGE external;
ALTER FUNCTION zoo.add(integer, integer, text) VOLATILE NOT LEAKPROOF SET work_mem = '5MB';
ALTER DOMAIN zoo.positive SET DEFAULT 99;
ALTER DOMAIN zoo.positive DROP NOT NULL;
ALTER PUBLICATION "zoo; some" SET TABLE zoo.author, zoo.pair;
ALTER PUBLICATION zoo_roots SET (publish_via_partition_root = false);
ALTER PUBLICATION zoo_schema ADD TABLES IN SCHEMA later;
ALTER FOREIGN DATA WRAPPER zoo_wrapper OPTIONS (SET debug 'changed', ADD later 'it''s');
ALTER SERVER "zoo; server" OPTIONS (DROP host);
CREATE OR REPLACE FUNCTION zoo.touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
