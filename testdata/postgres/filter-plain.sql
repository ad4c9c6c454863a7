--
-- PostgreSQL database dump
--

\restrict k3y

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: Odd; Type: "x"; Type: SCHEMA; Schema: -; Owner: root
--

CREATE SCHEMA "Odd; Type: ""x""";


ALTER SCHEMA "Odd; Type: ""x""" OWNER TO root;

--
-- Name: app; Type: SCHEMA; Schema: -; Owner: filter_owner
--

CREATE SCHEMA app;


ALTER SCHEMA app OWNER TO filter_owner;

--
-- Name: hstore; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;


--
-- Name: EXTENSION hstore; Type: COMMENT; Schema: -; Owner: 
--

COMMENT ON EXTENSION hstore IS 'data type for storing sets of (key, value) pairs';


--
-- Name: small; Type: DOMAIN; Schema: public; Owner: root
--

CREATE DOMAIN public.small AS integer;


ALTER DOMAIN public.small OWNER TO root;

--
-- Name: in_two_steps(); Type: PROCEDURE; Schema: public; Owner: root
--

CREATE PROCEDURE public.in_two_steps()
    LANGUAGE plpgsql
    AS $_$
BEGIN
    INSERT INTO app.note (body) VALUES ('$$;\connect');
    COMMIT;
    ROLLBACK;
END $_$;


ALTER PROCEDURE public.in_two_steps() OWNER TO root;

--
-- Name: sign(integer); Type: FUNCTION; Schema: public; Owner: root
--

CREATE FUNCTION public.sign(n integer) RETURNS text
    LANGUAGE sql IMMUTABLE
    BEGIN ATOMIC
 SELECT
         CASE
             WHEN (n < 0) THEN 'less; than'::text
             ELSE 'more'::text
         END AS "case";
 SELECT 'END;'::text;
END;


ALTER FUNCTION public.sign(n integer) OWNER TO root;

--
-- Name: touch(); Type: FUNCTION; Schema: public; Owner: root
--

CREATE FUNCTION public.touch() RETURNS trigger
    LANGUAGE plpgsql
    AS $$BEGIN RETURN NEW; END$$;


ALTER FUNCTION public.touch() OWNER TO root;

--
-- Name: watch(); Type: FUNCTION; Schema: public; Owner: root
--

CREATE FUNCTION public.watch() RETURNS event_trigger
    LANGUAGE plpgsql
    AS $$BEGIN END$$;


ALTER FUNCTION public.watch() OWNER TO root;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: T; "q"; Type: TABLE; Schema: Odd; Type: "x"; Owner: root
--

CREATE TABLE "Odd; Type: ""x"""."T; ""q""" (
    "a;b" integer,
    note_id integer
);


ALTER TABLE "Odd; Type: ""x"""."T; ""q""" OWNER TO root;

--
-- Name: note; Type: TABLE; Schema: app; Owner: filter_owner
--

CREATE TABLE app.note (
    id integer NOT NULL,
    body text,
    CONSTRAINT body_is_short CHECK ((length(body) < 99999))
);


ALTER TABLE app.note OWNER TO filter_owner;

--
-- Name: TABLE note; Type: COMMENT; Schema: app; Owner: filter_owner
--

COMMENT ON TABLE app.note IS 'semi; colon, it''s \ and
COMMIT;
-- Name: no; Type: TABLE; Schema: public; Owner: -';


--
-- Name: note_id_seq; Type: SEQUENCE; Schema: app; Owner: filter_owner
--

CREATE SEQUENCE app.note_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE app.note_id_seq OWNER TO filter_owner;

--
-- Name: note_id_seq; Type: SEQUENCE OWNED BY; Schema: app; Owner: filter_owner
--

ALTER SEQUENCE app.note_id_seq OWNED BY app.note.id;


--
-- Name: counted; Type: MATERIALIZED VIEW; Schema: public; Owner: root
--

CREATE MATERIALIZED VIEW public.counted AS
 SELECT count(*) AS n
   FROM app.note
  WITH NO DATA;


ALTER TABLE public.counted OWNER TO root;

--
-- Name: event; Type: TABLE; Schema: public; Owner: root
--

CREATE TABLE public.event (
    id bigint,
    at date
)
PARTITION BY RANGE (at);


ALTER TABLE public.event OWNER TO root;

--
-- Name: event_2026; Type: TABLE; Schema: public; Owner: root
--

CREATE TABLE public.event_2026 (
    id bigint,
    at date
);


ALTER TABLE public.event_2026 OWNER TO root;

--
-- Name: first_note; Type: VIEW; Schema: public; Owner: root
--

CREATE VIEW public.first_note AS
SELECT
    NULL::integer AS id,
    NULL::text AS body;


ALTER TABLE public.first_note OWNER TO root;

--
-- Name: event_2026; Type: TABLE ATTACH; Schema: public; Owner: root
--

ALTER TABLE ONLY public.event ATTACH PARTITION public.event_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');


--
-- Name: note id; Type: DEFAULT; Schema: app; Owner: filter_owner
--

ALTER TABLE ONLY app.note ALTER COLUMN id SET DEFAULT nextval('app.note_id_seq'::regclass);


--
-- Name: 70001; Type: BLOB; Schema: -; Owner: filter_owner
--

SELECT pg_catalog.lo_create('70001');


ALTER LARGE OBJECT 70001 OWNER TO filter_owner;

--
-- Name: LARGE OBJECT 70001; Type: COMMENT; Schema: -; Owner: filter_owner
--

COMMENT ON LARGE OBJECT 70001 IS 'picture';


--
-- Data for Name: T; "q"; Type: TABLE DATA; Schema: Odd; Type: "x"; Owner: root
--

COPY "Odd; Type: ""x"""."T; ""q""" ("a;b", note_id) FROM stdin;
1	1
2	2
\.


--
-- Data for Name: note; Type: TABLE DATA; Schema: app; Owner: filter_owner
--

COPY app.note (id, body) FROM stdin;
1	COMMIT;
2	\\.
3	a\n\\.\nb
4	tab\tand 'quote' and "double"
5	C:\\
6	\N
7	
\.


--
-- Data for Name: event_2026; Type: TABLE DATA; Schema: public; Owner: root
--

COPY public.event_2026 (id, at) FROM stdin;
1	2026-05-05
\.


--
-- Name: note_id_seq; Type: SEQUENCE SET; Schema: app; Owner: filter_owner
--

SELECT pg_catalog.setval('app.note_id_seq', 7, true);


--
-- Data for Name: BLOBS; Type: BLOBS; Schema: -; Owner: -
--

BEGIN;

SELECT pg_catalog.lo_open('70001', 131072);
SELECT pg_catalog.lowrite(0, '\x00ff5c2e0a');
SELECT pg_catalog.lo_close(0);

COMMIT;

--
-- Name: note note_pkey; Type: CONSTRAINT; Schema: app; Owner: filter_owner
--

ALTER TABLE ONLY app.note
    ADD CONSTRAINT note_pkey PRIMARY KEY (id);


--
-- Name: small is_small; Type: CHECK CONSTRAINT; Schema: public; Owner: root
--

ALTER DOMAIN public.small
    ADD CONSTRAINT is_small CHECK ((VALUE < 10)) NOT VALID;


--
-- Name: event_at; Type: INDEX; Schema: public; Owner: root
--

CREATE INDEX event_at ON ONLY public.event USING btree (at);


--
-- Name: event_2026_at_idx; Type: INDEX; Schema: public; Owner: root
--

CREATE INDEX event_2026_at_idx ON public.event_2026 USING btree (at);


--
-- Name: event_2026_at_idx; Type: INDEX ATTACH; Schema: public; Owner: root
--

ALTER INDEX public.event_at ATTACH PARTITION public.event_2026_at_idx;


--
-- Name: event_stat; Type: STATISTICS; Schema: public; Owner: root
--

CREATE STATISTICS public.event_stat ON id, at FROM public.event;


ALTER STATISTICS public.event_stat OWNER TO root;

--
-- Name: note quiet; Type: RULE; Schema: app; Owner: filter_owner
--

CREATE RULE quiet AS
    ON DELETE TO app.note DO INSTEAD ( SELECT 1 AS "?column?";
 SELECT 2 AS "?column?";
);


--
-- Name: first_note _RETURN; Type: RULE; Schema: public; Owner: root
--

CREATE OR REPLACE VIEW public.first_note AS
 SELECT note.id,
    note.body
   FROM app.note
  GROUP BY note.id;


--
-- Name: note touch; Type: TRIGGER; Schema: app; Owner: filter_owner
--

CREATE TRIGGER touch BEFORE UPDATE ON app.note FOR EACH ROW EXECUTE FUNCTION public.touch();


--
-- Name: T; "q" T; "q"_note_id_fkey; Type: FK CONSTRAINT; Schema: Odd; Type: "x"; Owner: root
--

ALTER TABLE ONLY "Odd; Type: ""x"""."T; ""q"""
    ADD CONSTRAINT "T; ""q""_note_id_fkey" FOREIGN KEY (note_id) REFERENCES app.note(id);


--
-- Name: event; Type: ROW SECURITY; Schema: public; Owner: root
--

ALTER TABLE public.event ENABLE ROW LEVEL SECURITY;

--
-- Name: event mine; Type: POLICY; Schema: public; Owner: root
--

CREATE POLICY mine ON public.event TO filter_reader USING ((id > 0));


--
-- Name: news; Type: PUBLICATION; Schema: -; Owner: root
--

CREATE PUBLICATION news WITH (publish = 'insert, update, delete, truncate');


ALTER PUBLICATION news OWNER TO root;

--
-- Name: news note; Type: PUBLICATION TABLE; Schema: app; Owner: root
--

ALTER PUBLICATION news ADD TABLE ONLY app.note;


--
-- Name: news public; Type: PUBLICATION TABLES IN SCHEMA; Schema: public; Owner: root
--

ALTER PUBLICATION news ADD TABLES IN SCHEMA public;


--
-- Name: SCHEMA app; Type: ACL; Schema: -; Owner: filter_owner
--

GRANT USAGE ON SCHEMA app TO filter_reader;
GRANT USAGE ON SCHEMA app TO "filter; reader";


--
-- Name: TABLE note; Type: ACL; Schema: app; Owner: filter_owner
--

GRANT UPDATE ON TABLE app.note TO "filter; reader" WITH GRANT OPTION;
SET SESSION AUTHORIZATION "filter; reader";
GRANT UPDATE ON TABLE app.note TO filter_reader;
RESET SESSION AUTHORIZATION;


--
-- Name: COLUMN note.body; Type: ACL; Schema: app; Owner: filter_owner
--

GRANT SELECT(body) ON TABLE app.note TO "filter; reader" WITH GRANT OPTION;


--
-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: app; Owner: filter_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE filter_owner IN SCHEMA app GRANT SELECT ON TABLES  TO filter_reader;


--
-- Name: watch; Type: EVENT TRIGGER; Schema: -; Owner: root
--

CREATE EVENT TRIGGER watch ON ddl_command_end
         WHEN TAG IN ('CREATE CAST')
   EXECUTE FUNCTION public.watch();


ALTER EVENT TRIGGER watch OWNER TO root;

--
-- Name: counted; Type: MATERIALIZED VIEW DATA; Schema: public; Owner: root
--

REFRESH MATERIALIZED VIEW public.counted;


--
-- PostgreSQL database dump complete
--

\unrestrict k3y

