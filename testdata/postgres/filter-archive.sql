--
-- PostgreSQL database dump
--

\restrict k3y

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

-- Started on 2026-11-23 12:01:50 UTC

BEGIN;

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
-- TOC entry 7 (class 2615 OID 16827)
-- Name: Odd; Type: "x"; Type: SCHEMA; Schema: -; Owner: root
-- Data Pos: 0
--

CREATE SCHEMA "Odd; Type: ""x""";


ALTER SCHEMA "Odd; Type: ""x""" OWNER TO root;

--
-- TOC entry 8 (class 2615 OID 16826)
-- Name: app; Type: SCHEMA; Schema: -; Owner: filter_owner
-- Data Pos: 0
--

CREATE SCHEMA app;


ALTER SCHEMA app OWNER TO filter_owner;

--
-- TOC entry 2 (class 3079 OID 16698)
-- Name: hstore; Type: EXTENSION; Schema: -; Owner: -
-- Data Pos: 0
--

CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;


--
-- TOC entry 3502 (class 0 OID 0)
-- Dependencies: 2
-- Name: EXTENSION hstore; Type: COMMENT; Schema: -; Owner: 
-- Data Pos: 0
--

COMMENT ON EXTENSION hstore IS 'data type for storing sets of (key, value) pairs';


--
-- TOC entry 934 (class 1247 OID 16876)
-- Name: small; Type: DOMAIN; Schema: public; Owner: root
-- Data Pos: 0
--

CREATE DOMAIN public.small AS integer;


ALTER DOMAIN public.small OWNER TO root;

--
-- TOC entry 296 (class 1255 OID 16858)
-- Name: in_two_steps(); Type: PROCEDURE; Schema: public; Owner: root
-- Data Pos: 0
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
-- TOC entry 295 (class 1255 OID 16857)
-- Name: sign(integer); Type: FUNCTION; Schema: public; Owner: root
-- Data Pos: 0
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
-- TOC entry 297 (class 1255 OID 16859)
-- Name: touch(); Type: FUNCTION; Schema: public; Owner: root
-- Data Pos: 0
--

CREATE FUNCTION public.touch() RETURNS trigger
    LANGUAGE plpgsql
    AS $$BEGIN RETURN NEW; END$$;


ALTER FUNCTION public.touch() OWNER TO root;

--
-- TOC entry 298 (class 1255 OID 16870)
-- Name: watch(); Type: FUNCTION; Schema: public; Owner: root
-- Data Pos: 0
--

CREATE FUNCTION public.watch() RETURNS event_trigger
    LANGUAGE plpgsql
    AS $$BEGIN END$$;


ALTER FUNCTION public.watch() OWNER TO root;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- TOC entry 219 (class 1259 OID 16839)
-- Dependencies: 7
-- Name: T; "q"; Type: TABLE; Schema: Odd; Type: "x"; Owner: root
-- Data Pos: 0
--

CREATE TABLE "Odd; Type: ""x"""."T; ""q""" (
    "a;b" integer,
    note_id integer
);


ALTER TABLE "Odd; Type: ""x"""."T; ""q""" OWNER TO root;

--
-- TOC entry 218 (class 1259 OID 16830)
-- Dependencies: 8
-- Name: note; Type: TABLE; Schema: app; Owner: filter_owner
-- Data Pos: 0
--

CREATE TABLE app.note (
    id integer NOT NULL,
    body text,
    CONSTRAINT body_is_short CHECK ((length(body) < 99999))
);


ALTER TABLE app.note OWNER TO filter_owner;

--
-- TOC entry 3503 (class 0 OID 0)
-- Dependencies: 218
-- Name: TABLE note; Type: COMMENT; Schema: app; Owner: filter_owner
-- Data Pos: 0
--

COMMENT ON TABLE app.note IS 'semi; colon, it''s \ and
COMMIT;
-- Name: no; Type: TABLE; Schema: public; Owner: -';


--
-- TOC entry 217 (class 1259 OID 16829)
-- Dependencies: 218 8
-- Name: note_id_seq; Type: SEQUENCE; Schema: app; Owner: filter_owner
-- Data Pos: 0
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
-- TOC entry 3506 (class 0 OID 0)
-- Dependencies: 217
-- Name: note_id_seq; Type: SEQUENCE OWNED BY; Schema: app; Owner: filter_owner
-- Data Pos: 0
--

ALTER SEQUENCE app.note_id_seq OWNED BY app.note.id;


--
-- TOC entry 223 (class 1259 OID 16866)
-- Dependencies: 218
-- Name: counted; Type: MATERIALIZED VIEW; Schema: public; Owner: root
-- Data Pos: 0
--

CREATE MATERIALIZED VIEW public.counted AS
 SELECT count(*) AS n
   FROM app.note
  WITH NO DATA;


ALTER TABLE public.counted OWNER TO root;

--
-- TOC entry 220 (class 1259 OID 16847)
-- Name: event; Type: TABLE; Schema: public; Owner: root
-- Data Pos: 0
--

CREATE TABLE public.event (
    id bigint,
    at date
)
PARTITION BY RANGE (at);


ALTER TABLE public.event OWNER TO root;

--
-- TOC entry 221 (class 1259 OID 16850)
-- Dependencies: 220
-- Name: event_2026; Type: TABLE; Schema: public; Owner: root
-- Data Pos: 0
--

CREATE TABLE public.event_2026 (
    id bigint,
    at date
);


ALTER TABLE public.event_2026 OWNER TO root;

--
-- TOC entry 222 (class 1259 OID 16862)
-- Name: first_note; Type: VIEW; Schema: public; Owner: root
-- Data Pos: 0
--

CREATE VIEW public.first_note AS
SELECT
    NULL::integer AS id,
    NULL::text AS body;


ALTER TABLE public.first_note OWNER TO root;

--
-- TOC entry 3327 (class 0 OID 0)
-- Dependencies: 221 220
-- Name: event_2026; Type: TABLE ATTACH; Schema: public; Owner: root
-- Data Pos: 0
--

ALTER TABLE ONLY public.event ATTACH PARTITION public.event_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');


--
-- TOC entry 3328 (class 2604 OID 16833)
-- Dependencies: 218 217 218
-- Name: note id; Type: DEFAULT; Schema: app; Owner: filter_owner
-- Data Pos: 0
--

ALTER TABLE ONLY app.note ALTER COLUMN id SET DEFAULT nextval('app.note_id_seq'::regclass);


--
-- TOC entry 3493 (class 2613 OID 70001)
-- Name: 70001; Type: BLOB; Schema: -; Owner: filter_owner
-- Data Pos: 0
--

SELECT pg_catalog.lo_create('70001');


ALTER LARGE OBJECT 70001 OWNER TO filter_owner;

--
-- TOC entry 3507 (class 0 OID 0)
-- Dependencies: 3493
-- Name: LARGE OBJECT 70001; Type: COMMENT; Schema: -; Owner: filter_owner
-- Data Pos: 0
--

COMMENT ON LARGE OBJECT 70001 IS 'picture';


--
-- TOC entry 3490 (class 0 OID 16839)
-- Dependencies: 219
-- Data for Name: T; "q"; Type: TABLE DATA; Schema: Odd; Type: "x"; Owner: root
-- Data Pos: 0
--

COPY "Odd; Type: ""x"""."T; ""q""" ("a;b", note_id) FROM stdin;
1	1
2	2
\.


--
-- TOC entry 3489 (class 0 OID 16830)
-- Dependencies: 218
-- Data for Name: note; Type: TABLE DATA; Schema: app; Owner: filter_owner
-- Data Pos: 0
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
-- TOC entry 3491 (class 0 OID 16850)
-- Dependencies: 221
-- Data for Name: event_2026; Type: TABLE DATA; Schema: public; Owner: root
-- Data Pos: 0
--

COPY public.event_2026 (id, at) FROM stdin;
1	2026-05-05
\.


--
-- TOC entry 3508 (class 0 OID 0)
-- Dependencies: 217
-- Name: note_id_seq; Type: SEQUENCE SET; Schema: app; Owner: filter_owner
-- Data Pos: 0
--

SELECT pg_catalog.setval('app.note_id_seq', 7, true);


--
-- TOC entry 3494 (class 0 OID 0)
-- Data for Name: BLOBS; Type: BLOBS; Schema: -; Owner: -
-- Data Pos: 0
--

SELECT pg_catalog.lo_open('70001', 131072);
SELECT pg_catalog.lowrite(0, '\x00ff5c2e0a');
SELECT pg_catalog.lo_close(0);

--
-- TOC entry 3331 (class 2606 OID 16838)
-- Dependencies: 218
-- Name: note note_pkey; Type: CONSTRAINT; Schema: app; Owner: filter_owner
-- Data Pos: 0
--

ALTER TABLE ONLY app.note
    ADD CONSTRAINT note_pkey PRIMARY KEY (id);


--
-- TOC entry 935 (class 2606 OID 16877)
-- Dependencies: 934
-- Name: small is_small; Type: CHECK CONSTRAINT; Schema: public; Owner: root
-- Data Pos: 0
--

ALTER DOMAIN public.small
    ADD CONSTRAINT is_small CHECK ((VALUE < 10)) NOT VALID;


--
-- TOC entry 3332 (class 1259 OID 16853)
-- Dependencies: 220
-- Name: event_at; Type: INDEX; Schema: public; Owner: root
-- Data Pos: 0
--

CREATE INDEX event_at ON ONLY public.event USING btree (at);


--
-- TOC entry 3333 (class 1259 OID 16854)
-- Dependencies: 221 221 3332
-- Name: event_2026_at_idx; Type: INDEX; Schema: public; Owner: root
-- Data Pos: 0
--

CREATE INDEX event_2026_at_idx ON public.event_2026 USING btree (at);


--
-- TOC entry 3334 (class 0 OID 0)
-- Dependencies: 3333 3332 221 220
-- Name: event_2026_at_idx; Type: INDEX ATTACH; Schema: public; Owner: root
-- Data Pos: 0
--

ALTER INDEX public.event_at ATTACH PARTITION public.event_2026_at_idx;


--
-- TOC entry 3335 (class 3381 OID 16856)
-- Dependencies: 220 220
-- Name: event_stat; Type: STATISTICS; Schema: public; Owner: root
-- Data Pos: 0
--

CREATE STATISTICS public.event_stat ON id, at FROM public.event;


ALTER STATISTICS public.event_stat OWNER TO root;

--
-- TOC entry 3480 (class 2618 OID 16861)
-- Dependencies: 218 218 218
-- Name: note quiet; Type: RULE; Schema: app; Owner: filter_owner
-- Data Pos: 0
--

CREATE RULE quiet AS
    ON DELETE TO app.note DO INSTEAD ( SELECT 1 AS "?column?";
 SELECT 2 AS "?column?";
);


--
-- TOC entry 3481 (class 2618 OID 16865)
-- Dependencies: 3331 218 218 222
-- Name: first_note _RETURN; Type: RULE; Schema: public; Owner: root
-- Data Pos: 0
--

CREATE OR REPLACE VIEW public.first_note AS
 SELECT note.id,
    note.body
   FROM app.note
  GROUP BY note.id;


--
-- TOC entry 3337 (class 2620 OID 16860)
-- Dependencies: 218 297
-- Name: note touch; Type: TRIGGER; Schema: app; Owner: filter_owner
-- Data Pos: 0
--

CREATE TRIGGER touch BEFORE UPDATE ON app.note FOR EACH ROW EXECUTE FUNCTION public.touch();


--
-- TOC entry 3336 (class 2606 OID 16842)
-- Dependencies: 218 219 3331
-- Name: T; "q" T; "q"_note_id_fkey; Type: FK CONSTRAINT; Schema: Odd; Type: "x"; Owner: root
-- Data Pos: 0
--

ALTER TABLE ONLY "Odd; Type: ""x"""."T; ""q"""
    ADD CONSTRAINT "T; ""q""_note_id_fkey" FOREIGN KEY (note_id) REFERENCES app.note(id);


--
-- TOC entry 3483 (class 0 OID 16847)
-- Dependencies: 220
-- Name: event; Type: ROW SECURITY; Schema: public; Owner: root
-- Data Pos: 0
--

ALTER TABLE public.event ENABLE ROW LEVEL SECURITY;

--
-- TOC entry 3484 (class 3256 OID 16855)
-- Dependencies: 220 220
-- Name: event mine; Type: POLICY; Schema: public; Owner: root
-- Data Pos: 0
--

CREATE POLICY mine ON public.event TO filter_reader USING ((id > 0));


--
-- TOC entry 3485 (class 6104 OID 16872)
-- Name: news; Type: PUBLICATION; Schema: -; Owner: root
-- Data Pos: 0
--

CREATE PUBLICATION news WITH (publish = 'insert, update, delete, truncate');


ALTER PUBLICATION news OWNER TO root;

--
-- TOC entry 3486 (class 6106 OID 16873)
-- Dependencies: 218 3485
-- Name: news note; Type: PUBLICATION TABLE; Schema: app; Owner: root
-- Data Pos: 0
--

ALTER PUBLICATION news ADD TABLE ONLY app.note;


--
-- TOC entry 3487 (class 6237 OID 16874)
-- Dependencies: 3485
-- Name: news public; Type: PUBLICATION TABLES IN SCHEMA; Schema: public; Owner: root
-- Data Pos: 0
--

ALTER PUBLICATION news ADD TABLES IN SCHEMA public;


--
-- TOC entry 3501 (class 0 OID 0)
-- Dependencies: 8
-- Name: SCHEMA app; Type: ACL; Schema: -; Owner: filter_owner
-- Data Pos: 0
--

GRANT USAGE ON SCHEMA app TO filter_reader;
GRANT USAGE ON SCHEMA app TO "filter; reader";


--
-- TOC entry 3504 (class 0 OID 0)
-- Dependencies: 218
-- Name: TABLE note; Type: ACL; Schema: app; Owner: filter_owner
-- Data Pos: 0
--

GRANT UPDATE ON TABLE app.note TO "filter; reader" WITH GRANT OPTION;
SET SESSION AUTHORIZATION "filter; reader";
GRANT UPDATE ON TABLE app.note TO filter_reader;
RESET SESSION AUTHORIZATION;


--
-- TOC entry 3505 (class 0 OID 0)
-- Dependencies: 218 3504
-- Name: COLUMN note.body; Type: ACL; Schema: app; Owner: filter_owner
-- Data Pos: 0
--

GRANT SELECT(body) ON TABLE app.note TO "filter; reader" WITH GRANT OPTION;


--
-- TOC entry 2160 (class 826 OID 16828)
-- Dependencies: 8
-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: app; Owner: filter_owner
-- Data Pos: 0
--

ALTER DEFAULT PRIVILEGES FOR ROLE filter_owner IN SCHEMA app GRANT SELECT ON TABLES  TO filter_reader;


--
-- TOC entry 3326 (class 3466 OID 16871)
-- Dependencies: 298
-- Name: watch; Type: EVENT TRIGGER; Schema: -; Owner: root
-- Data Pos: 0
--

CREATE EVENT TRIGGER watch ON ddl_command_end
         WHEN TAG IN ('CREATE CAST')
   EXECUTE FUNCTION public.watch();


ALTER EVENT TRIGGER watch OWNER TO root;

--
-- TOC entry 3492 (class 0 OID 16866)
-- Dependencies: 223 3496
-- Name: counted; Type: MATERIALIZED VIEW DATA; Schema: public; Owner: root
-- Data Pos: 0
--

REFRESH MATERIALIZED VIEW public.counted;


COMMIT;

-- Completed on 2026-11-23 12:01:50 UTC

--
-- PostgreSQL database dump complete
--

\unrestrict k3y

