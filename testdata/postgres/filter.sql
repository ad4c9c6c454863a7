-- The database behind filter-*.sql, the texts that the filter of a PostgreSQL restore is tested with.
--
-- Made with PostgreSQL 15 (`psql -X -v ON_ERROR_STOP=1 -d filter -f filter.sql` as a superuser), then:
--   filter-plain.sql    pg_dump filter
--   filter-clean.sql    pg_dump --clean --if-exists --inserts filter
--   filter-archive.sql  pg_dump --format=custom filter | pg_restore --single-transaction --verbose --file=-
-- The lines of `\restrict` and `\unrestrict`, where pg_dump writes them, got the key `k3y`.

CREATE ROLE filter_owner;
CREATE ROLE filter_reader;
CREATE ROLE "filter; reader";
SET ROLE NONE;

CREATE EXTENSION hstore;
CREATE SCHEMA app;
CREATE SCHEMA "Odd; Type: ""x""";
ALTER SCHEMA app OWNER TO filter_owner;
GRANT USAGE ON SCHEMA app TO filter_reader, "filter; reader";
ALTER DEFAULT PRIVILEGES FOR ROLE filter_owner IN SCHEMA app GRANT SELECT ON TABLES TO filter_reader;

CREATE TABLE app.note (id serial PRIMARY KEY, body text, CONSTRAINT body_is_short CHECK (length(body) < 99999));
COMMENT ON TABLE app.note IS E'semi; colon, it''s \\ and\nCOMMIT;\n-- Name: no; Type: TABLE; Schema: public; Owner: -';
INSERT INTO app.note (body) VALUES
    (E'COMMIT;'), (E'\\.'), (E'a\n\\.\nb'), (E'tab\tand ''quote'' and "double"'), (E'C:\\'), (NULL), ('');
ALTER TABLE app.note OWNER TO filter_owner;
GRANT SELECT (body), UPDATE ON app.note TO "filter; reader" WITH GRANT OPTION;
SET ROLE "filter; reader";
GRANT UPDATE ON app.note TO filter_reader;
RESET ROLE;

CREATE TABLE "Odd; Type: ""x"""."T; ""q""" ("a;b" integer, note_id integer REFERENCES app.note);
INSERT INTO "Odd; Type: ""x"""."T; ""q""" VALUES (1, 1), (2, 2);
CREATE TABLE public.event (id bigint, at date) PARTITION BY RANGE (at);
CREATE TABLE public.event_2026 PARTITION OF public.event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO public.event VALUES (1, '2026-05-05');
CREATE INDEX event_at ON public.event (at);
ALTER TABLE public.event ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON public.event TO filter_reader USING (id > 0);
CREATE STATISTICS public.event_stat ON id, at FROM public.event;

CREATE FUNCTION public.sign(n integer) RETURNS text LANGUAGE sql IMMUTABLE
    BEGIN ATOMIC SELECT CASE WHEN n < 0 THEN 'less; than' ELSE 'more' END; SELECT 'END;'; END;
CREATE PROCEDURE public.in_two_steps() LANGUAGE plpgsql AS $_$
BEGIN
    INSERT INTO app.note (body) VALUES ('$$;\connect');
    COMMIT;
    ROLLBACK;
END $_$;
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON app.note FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE RULE quiet AS ON DELETE TO app.note DO INSTEAD (SELECT 1; SELECT 2);
CREATE VIEW public.first_note AS SELECT id, body FROM app.note GROUP BY id;
CREATE MATERIALIZED VIEW public.counted AS SELECT count(*) AS n FROM app.note;
CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('CREATE CAST') EXECUTE FUNCTION public.watch();
CREATE PUBLICATION news FOR TABLE app.note, TABLES IN SCHEMA public;
CREATE DOMAIN public.small AS integer;
ALTER DOMAIN public.small ADD CONSTRAINT is_small CHECK (VALUE < 10) NOT VALID;

SELECT lo_from_bytea(70001, '\x00ff5c2e0a');
ALTER LARGE OBJECT 70001 OWNER TO filter_owner;
COMMENT ON LARGE OBJECT 70001 IS 'picture';
