-- A database with one of everything that its owner can make, who is no superuser. Loads on 15 and later:
--
--   psql -X -v ON_ERROR_STOP=1 -v owner=ROLE -v team=ROLE -v reader=ROLE -f owned.sql EMPTY-DATABASE
--
-- as a superuser, for the one thing that only he can allow; then the owner goes on. The roles exist already; the owner
-- gets to be a member of `team`.

\set QUIET on
SET client_min_messages = error;
SET client_encoding = 'UTF8';

CREATE EXTENSION postgres_fdw;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO :"owner";
GRANT :"team" TO :"owner";
SELECT format('GRANT CREATE ON DATABASE %I TO %I', current_database(), :'team') \gexec
SET SESSION AUTHORIZATION :"owner";

CREATE SCHEMA shop;
CREATE SCHEMA "Odd; ""schema"" größer 🐘";
CREATE SCHEMA ours AUTHORIZATION :"team";
CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION citext SCHEMA public;
CREATE EXTENSION pg_trgm SCHEMA ext;
CREATE EXTENSION btree_gist SCHEMA ext;
CREATE EXTENSION unaccent SCHEMA public;
-- Not every server has it.
SELECT 'CREATE EXTENSION pgcrypto SCHEMA ext' FROM pg_available_extensions WHERE name = 'pgcrypto' \gexec
COMMENT ON EXTENSION hstore IS 'the owner''s; own words';
SET search_path = shop, ext, public;

-- Types, sequences, functions
CREATE TYPE shop.mood AS ENUM ('sad', 'it''s "fine"', E'back\\slash', 'größer 🐘');
CREATE DOMAIN shop.positive AS integer DEFAULT 1 NOT NULL CONSTRAINT "is > 0" CHECK (VALUE > 0);
CREATE TYPE shop.place AS (x double precision, "y; y" text);
CREATE FUNCTION shop.distance(double precision, double precision) RETURNS double precision
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN $1 - $2;
CREATE TYPE shop.span AS RANGE (subtype = double precision, subtype_diff = shop.distance);
CREATE COLLATION shop.plain (provider = libc, lc_collate = 'C', lc_ctype = 'C');
CREATE SEQUENCE shop.numbers AS smallint INCREMENT BY -3 MINVALUE -300 MAXVALUE 300 START WITH 30 CYCLE;
SELECT setval('shop.numbers', -12, false) \g /dev/null
CREATE FUNCTION shop.begin() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION shop.commit(begin integer DEFAULT shop.begin()) RETURNS SETOF shop.place LANGUAGE sql STABLE
  BEGIN ATOMIC
    SELECT 1.0 AS n, t.begin::text AS said FROM (SELECT shop.begin() AS begin) AS t WHERE t.begin > 0;
    SELECT CASE WHEN "begin"."begin" > 0 THEN 2.0 END AS n, 'END; COMMIT;' AS said FROM (SELECT 1 AS begin) AS begin;
  END;
CREATE FUNCTION shop."end"() RETURNS integer LANGUAGE sql RETURN shop.begin();
CREATE PROCEDURE shop.rollback(INOUT n integer) LANGUAGE plpgsql SET work_mem = '8MB' AS $$
BEGIN
COMMIT;
  n := n + 1;
ROLLBACK;
END
$$;
CREATE AGGREGATE shop.longest(text) (SFUNC = textcat, STYPE = text, INITCOND = '; ''');
CREATE FUNCTION shop.same(shop.place, shop.place) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN ($1).x = ($2).x;
CREATE OPERATOR shop.=== (LEFTARG = shop.place, RIGHTARG = shop.place, FUNCTION = shop.same, COMMUTATOR = OPERATOR(shop.===));
CREATE FUNCTION shop.to_mood(integer) RETURNS shop.mood LANGUAGE sql IMMUTABLE STRICT RETURN (enum_range(NULL::shop.mood))[$1];
CREATE CAST (integer AS shop.mood) WITH FUNCTION shop.to_mood(integer) AS ASSIGNMENT;
CREATE CAST (shop.place AS text) WITH INOUT;
CREATE CONVERSION shop.from_latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH DICTIONARY shop.short_words (TEMPLATE = pg_catalog.simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION shop.searching (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION shop.searching ALTER MAPPING FOR word WITH public.unaccent, shop.short_words;

-- Tables
CREATE TABLE shop.customer (
  id bigint GENERATED ALWAYS AS IDENTITY (START 100) PRIMARY KEY, email public.citext UNIQUE DEFERRABLE, feeling shop.mood
  DEFAULT 'sad', facts ext.hstore DEFAULT 'a=>1', spot shop.place, life shop.span, "select" text COLLATE shop.plain,
  loud text GENERATED ALWAYS AS (upper("select")) STORED, mentor bigint REFERENCES shop.customer,
  words tsvector GENERATED ALWAYS AS (to_tsvector('shop.searching', "select")) STORED);
INSERT INTO shop.customer (email, feeling, spot, life, "select") VALUES
  ('Ada@example.org', 'it''s "fine"', '(1,"a ""b"", c")', '[1.5,Infinity)', E'tab\tnew\nCOMMIT;\n\\.\n'),
  ('bob@example.org', 'größer 🐘', NULL, 'empty', '\N'), (NULL, NULL, '(,)', NULL, '');
UPDATE shop.customer SET mentor = id;
CREATE TABLE shop."Order; ""it's""" (
  id serial PRIMARY KEY, customer bigint NOT NULL REFERENCES shop.customer DEFERRABLE INITIALLY DEFERRED, amount shop.positive,
  during tstzrange, EXCLUDE USING gist (customer WITH =, during WITH &&), CHECK (amount < 1000) NO INHERIT);
INSERT INTO shop."Order; ""it's""" (customer, amount, during) SELECT 100, n, tstzrange('2024-01-01'::timestamptz + n * interval '1 day', NULL, '()') * tstzrange(NULL, '2024-01-02'::timestamptz + n * interval '1 day') FROM generate_series(1, 20) AS n;
CREATE TABLE shop.measured (day date NOT NULL, value real) PARTITION BY RANGE (day);
CREATE TABLE shop.measured_old PARTITION OF shop.measured FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE ours.measured_rest PARTITION OF shop.measured DEFAULT;
INSERT INTO shop.measured SELECT '2023-12-20'::date + n, n FROM generate_series(1, 30) AS n;
CREATE TABLE shop.parent (id integer);
CREATE TABLE shop.child (extra text) INHERITS (shop.parent);
INSERT INTO shop.child VALUES (1, repeat(E'\\\n', 100000));
CREATE UNLOGGED TABLE shop.unlogged (id integer) WITH (fillfactor = 70);
INSERT INTO shop.unlogged VALUES (1);
CREATE TABLE "Odd; ""schema"" größer 🐘"."漢字; Type: TABLE" ("a;b" integer, "new
line" text);
INSERT INTO "Odd; ""schema"" größer 🐘"."漢字; Type: TABLE" VALUES (1, E'\\.\n');
CREATE TABLE ours.note (id integer PRIMARY KEY, said text);
ALTER TABLE ours.note OWNER TO :"team";
INSERT INTO ours.note VALUES (1, 'the team''s');
CREATE INDEX "by; trigrams" ON shop.customer USING gist ("select" ext.gist_trgm_ops) WHERE id > 0;
CREATE INDEX ON shop.measured (value);
CREATE STATISTICS shop.together (ndistinct, mcv) ON customer, amount FROM shop."Order; ""it's""";

-- Views, rules, triggers, row security
CREATE VIEW shop.happy WITH (security_barrier) AS SELECT id, email FROM shop.customer WHERE feeling <> 'sad' WITH CHECK OPTION;
CREATE MATERIALIZED VIEW shop.counted AS SELECT customer, count(*) FROM shop."Order; ""it's""" GROUP BY customer;
CREATE MATERIALIZED VIEW shop.never_filled AS SELECT * FROM shop.counted WITH NO DATA;
CREATE UNIQUE INDEX ON shop.counted (customer);
CREATE RULE "instead; nothing" AS ON DELETE TO shop.customer WHERE old.id = 7 DO INSTEAD NOTHING;
CREATE FUNCTION shop.touched() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN COALESCE(NEW, OLD); END';
CREATE TRIGGER touched BEFORE UPDATE OF email ON shop.customer FOR EACH ROW EXECUTE FUNCTION shop.touched('an; argument');
CREATE TRIGGER off AFTER DELETE ON shop.measured FOR EACH ROW EXECUTE FUNCTION shop.touched();
ALTER TABLE shop.customer DISABLE TRIGGER touched;
ALTER TABLE shop.customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own; rows" ON shop.customer FOR SELECT TO :"reader", :"team" USING (email = current_user);
CREATE POLICY narrower ON shop.customer AS RESTRICTIVE TO :"reader" USING (id > 0);
COMMENT ON POLICY narrower ON shop.customer IS 'for one role';

-- Foreign data, publications, large objects
CREATE SERVER "far; away" FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', dbname 'it''s');
CREATE USER MAPPING FOR CURRENT_USER SERVER "far; away" OPTIONS ("user" 'me', password 'not a ''secret''');
-- Options of somebody else's are not in an owner's dump: he may not read them.
CREATE USER MAPPING FOR :"reader" SERVER "far; away";
CREATE FOREIGN TABLE shop.far_away (id integer OPTIONS (column_name 'it''s'), note text) SERVER "far; away";
CREATE PUBLICATION "news; some" FOR TABLE shop.measured WITH (publish = 'insert');
SELECT lo_from_bytea(6000001, '\x00ff5c2e0a'), lo_from_bytea(6000002, '') \g /dev/null
COMMENT ON LARGE OBJECT 6000001 IS 'a picture; it''s';
ALTER LARGE OBJECT 6000002 OWNER TO :"team";

-- What is said of things, and who may what
COMMENT ON SCHEMA public IS 'not the standard; public schema';
COMMENT ON TABLE shop.customer IS E'who pays;\nCOMMIT;\n\\.\n';
COMMENT ON FUNCTION shop.begin() IS 'begins; nothing';
COMMENT ON CAST (integer AS shop.mood) IS 'a cast';
COMMENT ON SERVER "far; away" IS 'a server';
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public, shop TO :"reader";
GRANT SELECT, UPDATE (email) ON shop.customer TO :"reader" WITH GRANT OPTION;
GRANT SELECT ON ALL TABLES IN SCHEMA ours TO :"reader";
REVOKE EXECUTE ON FUNCTION shop.touched() FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE shop.rollback(integer) TO :"team";
GRANT USAGE ON TYPE shop.mood TO :"reader";
GRANT USAGE ON FOREIGN SERVER "far; away" TO :"reader";
GRANT SELECT ON LARGE OBJECT 6000001 TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO :"reader";
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT USAGE ON SEQUENCES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE :"team" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE :"team" IN SCHEMA ours GRANT INSERT ON TABLES TO :"reader";
CREATE TABLE shop.made_under_them (id serial);
REFRESH MATERIALIZED VIEW shop.counted;
