-- What happens to the owner's database after its backup: run on one that owned.sql filled, with the same variables. An
-- exact restore by the owner has to undo all of it.

\set QUIET on
SET client_min_messages = error;
SET client_encoding = 'UTF8';
SET SESSION AUTHORIZATION :"owner";
SET search_path = shop, ext, public;

CREATE SCHEMA later;
CREATE TYPE later.kind AS ENUM ('new');
CREATE FUNCTION later.begin(shop.mood, shop.span) RETURNS SETOF shop.customer LANGUAGE sql
  BEGIN ATOMIC SELECT * FROM shop.customer; END;
CREATE SEQUENCE later.numbers;
CREATE TABLE later.refers (customer bigint REFERENCES shop.customer ON DELETE CASCADE, feeling shop.mood, row_of shop.parent);
CREATE TABLE later.child () INHERITS (shop.child);
CREATE TABLE later.part PARTITION OF shop.measured FOR VALUES FROM ('2030-01-01') TO ('2031-01-01');
CREATE VIEW public.later AS SELECT * FROM shop.happy JOIN later.refers ON customer = id;
CREATE MATERIALIZED VIEW later.counted AS SELECT * FROM shop.counted;
CREATE FUNCTION later.same(shop.mood, shop.mood) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 = $2;
CREATE OPERATOR later.=== (LEFTARG = shop.mood, RIGHTARG = shop.mood, FUNCTION = later.same);
CREATE CAST (shop.mood AS integer) WITH INOUT;
CREATE POLICY later ON shop.customer TO :"team" USING (id IN (SELECT customer FROM later.refers));
CREATE TRIGGER later BEFORE INSERT ON shop.customer FOR EACH ROW EXECUTE FUNCTION shop.touched();
CREATE SERVER later FOREIGN DATA WRAPPER postgres_fdw;
CREATE USER MAPPING FOR PUBLIC SERVER "far; away";
CREATE FOREIGN TABLE later.far_away (id shop.positive) SERVER later;
CREATE PUBLICATION later FOR TABLE shop.customer;
CREATE STATISTICS later.together ON id, feeling FROM shop.customer;
CREATE TEXT SEARCH CONFIGURATION later.searching (COPY = shop.searching);
ALTER TABLE shop.customer ADD COLUMN later later.kind DEFAULT 'new', ADD COLUMN number bigint DEFAULT nextval('later.numbers'),
  ALTER feeling DROP DEFAULT, ALTER facts DROP DEFAULT, DISABLE ROW LEVEL SECURITY;
ALTER TYPE shop.mood ADD VALUE 'later' BEFORE 'sad';
ALTER TYPE shop.place ADD ATTRIBUTE later later.kind;
ALTER DOMAIN shop.positive DROP NOT NULL;

DROP FUNCTION shop.commit(integer);
DROP POLICY narrower ON shop.customer;
DROP MATERIALIZED VIEW shop.never_filled;
DROP AGGREGATE shop.longest(text);
DROP SCHEMA "Odd; ""schema"" größer 🐘" CASCADE;
DROP USER MAPPING FOR :"reader" SERVER "far; away";
DROP CONVERSION shop.from_latin;
ALTER SCHEMA ours RENAME TO renamed;
ALTER TABLE shop.unlogged SET LOGGED;
ALTER TABLE shop.unlogged RENAME TO renamed;
ALTER FUNCTION shop.begin() RENAME TO renamed;
ALTER TABLE renamed.note SET SCHEMA public;
ALTER TABLE public.note OWNER TO :"owner";
ALTER TABLE renamed.measured_rest OWNER TO :"team";
ALTER SERVER "far; away" OPTIONS (DROP host);
ALTER PUBLICATION "news; some" ADD TABLE shop.customer;

INSERT INTO shop.customer (email) VALUES ('later@example.org');
UPDATE shop.customer SET "select" = 'changed', facts = NULL;
DELETE FROM shop."Order; ""it's""" WHERE id % 2 = 0;
TRUNCATE shop.measured;
REFRESH MATERIALIZED VIEW shop.counted;
SELECT setval('shop.numbers', 6) \g /dev/null
SELECT lo_unlink(6000002), lo_put(6000001, 1, 'x'), lo_from_bytea(6000003, 'later') \g /dev/null
COMMENT ON LARGE OBJECT 6000001 IS NULL;

COMMENT ON SCHEMA public IS 'another comment';
COMMENT ON TABLE shop.customer IS NULL;
GRANT ALL ON SCHEMA public TO PUBLIC;
REVOKE ALL ON shop.customer FROM :"reader" CASCADE;
GRANT DELETE ON shop.customer TO PUBLIC;
GRANT EXECUTE ON FUNCTION shop.touched() TO PUBLIC;
REVOKE SELECT ON LARGE OBJECT 6000001 FROM PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO :"reader";
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM :"reader";
ALTER DEFAULT PRIVILEGES FOR ROLE :"team" GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA later GRANT SELECT ON TABLES TO PUBLIC;
