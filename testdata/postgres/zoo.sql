-- A database with one of everything that PostgreSQL 15 has, for tests of exact backups. Loads on 15 and later:
--
--   psql -X -v ON_ERROR_STOP=1 -v ada=ROLE -v bob=ROLE -v eve=ROLE [-v portable=1] -f zoo.sql EMPTY-DATABASE
--
-- as a superuser. The three roles exist already, whatever their names; `ada` owns most of it. What a server may lack
-- (ICU, XML, LZ4) is there where the server has it, and left out with `portable`.
--
-- Restored by `psql` from `pg_dump`, the database has the same text again. What is not exact there is left out:
--
--   * `CHECK (v IN ('a', 'b'))` on a varchar: its casts are written differently each time it is read;
--   * subscriptions: dumped without their state, and a database that has one cannot be dropped;
--   * a security label: needs a provider, a library that is loaded at the server's start;
--   * tablespaces, roles and what is set for the database: they are the cluster's.

\set QUIET on
SET client_min_messages = error;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

\if :{?portable}
  \set has_icu false
  \set has_xml false
  \set has_lz4 false
\else
  SELECT EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu') AS has_icu,
    EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) AS has_lz4,
    EXISTS (SELECT FROM pg_config() WHERE name = 'CONFIGURE' AND setting LIKE '%--with-libxml%') AS has_xml \gset
\endif

-- ---------------------------------------------------------------------------------------------------------------------
-- Schemas and extensions

CREATE SCHEMA zoo AUTHORIZATION :"ada";
CREATE SCHEMA other;
CREATE SCHEMA ext;
CREATE SCHEMA empty AUTHORIZATION :"bob";

CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION citext SCHEMA public;
CREATE EXTENSION pg_trgm SCHEMA public;
CREATE EXTENSION btree_gist SCHEMA ext;
CREATE EXTENSION unaccent SCHEMA ext;
COMMENT ON EXTENSION hstore IS 'not the usual comment; it''s ours';

SET search_path = zoo, ext, public;

-- ---------------------------------------------------------------------------------------------------------------------
-- Types

CREATE TYPE zoo.mood AS ENUM ('sad', 'so; so', 'it''s "fine"', E'back\\slash', 'größer 🐘');
ALTER TYPE zoo.mood ADD VALUE 'between' BEFORE 'so; so';
CREATE TYPE zoo.no_values AS ENUM ();
CREATE DOMAIN zoo.positive AS integer DEFAULT 1 NOT NULL CONSTRAINT "is > 0" CHECK (VALUE > 0);
CREATE DOMAIN zoo.code AS text COLLATE "C" CONSTRAINT pattern CHECK (VALUE ~ '^[A-Z]{2}\d+$') CHECK (length(VALUE) < 99);
CREATE DOMAIN zoo.codes AS zoo.code[] CHECK (cardinality(VALUE) <= 3);
CREATE TYPE zoo.point3 AS (x double precision, y double precision, "z; z" text COLLATE "C");
CREATE TYPE zoo.nested AS (place zoo.point3, moods zoo.mood[], since tstzrange);
CREATE DOMAIN zoo.near AS zoo.point3 CHECK ((VALUE).x < 1000);
CREATE TYPE zoo.nothing_in_it AS ();
CREATE TYPE zoo.only_a_shell;

CREATE FUNCTION zoo.distance(double precision, double precision) RETURNS double precision
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN $1 - $2;
CREATE TYPE zoo.span AS RANGE (
  subtype = double precision, subtype_diff = zoo.distance, multirange_type_name = zoo.spans);
CREATE TYPE zoo.words AS RANGE (subtype = text, collation = "C");

-- A base type of the server's own functions: needs no library.
CREATE TYPE zoo.label;
CREATE FUNCTION zoo.label_in(cstring) RETURNS zoo.label LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION zoo.label_out(zoo.label) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE zoo.label (
  INPUT = zoo.label_in, OUTPUT = zoo.label_out, LIKE = text, CATEGORY = 'S', DEFAULT = 'none; ''yet''', DELIMITER = ';',
  COLLATABLE = true, STORAGE = external);

\if :has_icu
  CREATE COLLATION zoo.swedish (provider = icu, locale = 'sv-SE-u-co-phonebk');
  CREATE COLLATION zoo.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  CREATE TABLE zoo.sorted (name text COLLATE zoo.swedish, folded text COLLATE zoo.any_case UNIQUE);
  INSERT INTO zoo.sorted VALUES ('Ångström', 'Case'), ('Zorn', 'other');
  COMMENT ON COLLATION zoo.any_case IS 'Case is CASE';
\endif
CREATE COLLATION zoo.plain (provider = libc, lc_collate = 'C', lc_ctype = 'C');
CREATE COLLATION zoo.copied FROM "C";
COMMENT ON COLLATION zoo.plain IS 'bytes';

-- ---------------------------------------------------------------------------------------------------------------------
-- Sequences

CREATE SEQUENCE zoo.untouched;
CREATE SEQUENCE zoo.called_once;
SELECT nextval('zoo.called_once') \g /dev/null
CREATE SEQUENCE zoo.all_options AS smallint INCREMENT BY -3 MINVALUE -300 MAXVALUE 300 START WITH 30 CACHE 7 CYCLE;
SELECT setval('zoo.all_options', -12, false) \g /dev/null
CREATE SEQUENCE zoo.at_its_end MAXVALUE 9223372036854775807;
SELECT setval('zoo.at_its_end', 9223372036854775807, true) \g /dev/null
CREATE UNLOGGED SEQUENCE zoo.unlogged_sequence START 5;
CREATE SEQUENCE zoo.shared AS integer;
SELECT setval('zoo.shared', 41) \g /dev/null
COMMENT ON SEQUENCE zoo.all_options IS 'down it goes';

-- ---------------------------------------------------------------------------------------------------------------------
-- Values of every type

CREATE TABLE zoo.every_type (
  id integer GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5 MAXVALUE 100000 CACHE 2) PRIMARY KEY,
  small smallint, big bigint, exact numeric, money_like numeric(20, 4), negative_scale numeric(3, -2),
  single real, double double precision, cash money, yes boolean,
  letter "char", fixed character(5), varying character varying(10), any_text text, identifier name,
  bytes bytea, moment timestamp, moment3 timestamp(3), moment_there timestamptz, day date, clock time,
  clock_there timetz(2), span interval, span_of interval day to second(3), years interval year to month,
  address inet, network cidr, device macaddr, device8 macaddr8, flags bit(5), more_flags bit varying(90),
  place point, ln line, segment lseg, corners box, way path, area polygon, round circle,
  unique_id uuid, plain json, binary_json jsonb, pathish jsonpath, doc tsvector, question tsquery,
  ints int4range, bigs int8range, nums numrange, moments tsrange, moments_there tstzrange, days daterange,
  int_set int4multirange, day_set datemultirange, own zoo.span, own_set zoo.spans, own_words zoo.words,
  feeling zoo.mood, positive zoo.positive, code zoo.code, codes zoo.codes, spot zoo.point3, near zoo.near,
  nest zoo.nested, label zoo.label, labels zoo.label[], pairs ext.hstore, caseless public.citext,
  matrix integer[][], texts text[], spots zoo.point3[], table_id oid, class regclass, kind regtype, log pg_lsn,
  snapshot pg_snapshot, transaction xid8, tuple tid, vector oidvector, xmlish xml
);

INSERT INTO zoo.every_type (
  small, big, exact, money_like, negative_scale, single, double, cash, yes, letter, fixed, varying, any_text, identifier,
  bytes, moment, moment3, moment_there, day, clock, clock_there, span, span_of, years, address, network, device, device8,
  flags, more_flags, place, ln, segment, corners, way, area, round, unique_id, plain, binary_json, pathish, doc, question,
  ints, bigs, nums, moments, moments_there, days, int_set, day_set, own, own_set, own_words, feeling, positive, code,
  codes, spot, near, nest, label, labels, pairs, caseless, matrix, texts, spots, table_id, class, kind, log, snapshot,
  transaction, tuple, vector
) VALUES (
  -32768, -9223372036854775808, repeat('9', 131072)::numeric, -1234567890123456.7891, 12345, '1.1754944e-38', 'NaN',
  '-92233720368547758.08', true, 'x', 'ab', 'größer 🐘', E'tab\tnewline\nreturn\rback\\slash\bbell\x07', 'a name',
  (SELECT string_agg(set_byte('\x00', 0, byte), '' ORDER BY byte) FROM generate_series(0, 255) AS byte),
  'infinity', '1999-12-31 23:59:59.9996', '-infinity', 'infinity', '24:00', '23:59:59.999+14:30',
  '-178000000 years 11 mons -3 days 04:05:06.789', '5 days 12:00:00.1239', '2 years 3 months', '::ffff:1.2.3.4/96',
  '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', B'10101', repeat('10', 45)::bit varying,
  '(1e-300,-0)', '{1,-1,0}', '[(0,0),(1,1)]', '((2,2),(1,1))', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1,2),3>',
  'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"b": 1,  "a": "keeps\tits \ud83d\ude00 spaces", "b": 2}',
  '{"z": null, "a": [1, 2.50, "\u00e9 \" \\ ; $$"], "big": 1e400}', '$.a[*] ? (@ > 1 && @.b like_regex "^x")',
  'a:1A fat:2B,4C ''it''''s'':5 rat:6', '!fat & (rat | ''it''''s'':*A) <-> cat', '[1,10)', '(,5]', 'empty',
  '["1999-01-01 00:00:00",infinity]', '[-infinity,2030-01-01 00:00:00+00)', '[2024-02-29,2024-03-01]',
  '{[1,3),[7,9)}', '{}', '[1.5,Infinity]', '{[1,2],(3,4.5]}', '["a, b","c)")', 'it''s "fine"', 7, 'AB12', '{AB1,CD2}',
  '(1,,"a ""quoted"", (text)")', '(999,-Infinity,)', '("(1,2,)","{sad,""so; so""}","[""2020-01-01 00:00:00+00"",)")',
  'label; with ''quotes''', '{a;"b;c";NULL}', 'a=>1, "b c"=>NULL, "quote\""=>"\\"', 'MixedCase', '{{1,2},{3,NULL}}',
  E'{"", NULL, "NULL", "{}", "a\\"b", "back\\\\slash", "new\nline"}', ARRAY[(1, 2, 'x'), NULL]::zoo.point3[], 1259,
  'pg_class', 'timestamp with time zone', '16/B374D848', '10:20:10,14,15', '18446744073709551615', '(42,7)', '1 2 3'
), (
  32767, 9223372036854775807, 'NaN', NULL, -50, '-0', 'Infinity', '$0.00', false, '', '', '', '', '', '',
  '-infinity', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999+00', '4713-01-01 BC', '00:00', '00:00-15:59',
  '0', '0', '-1 month', '::1', '::/0', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00', B'00000', B'', '(NaN,Infinity)',
  '{0,1,0}', '[(0,0),(0,0)]', '((0,0),(0,0))', '((0,0))', '((0,0))', '<(0,0),0>', '00000000-0000-0000-0000-000000000000',
  'null', 'null', '$', '', '', 'empty', '(,)', '[-1.50,Infinity)', '(,)', 'empty', '(-infinity,infinity)', '{(,)}',
  '{[2024-01-01,2024-01-03)}', 'empty', '{}', 'empty', 'sad', 2147483647, 'ZZ0', '{}', '(,,)', NULL, '(,,)', '', '{}', '',
  '', '{}', '{}', '{}', 0, '-', '-', '0/0', '1:1:', '0', '(0,0)', ''
), (
  0, 0, '-Infinity', 0, 0, 'Infinity', '-Infinity', 0, NULL, E'\\', NULL, NULL, repeat('x', 100), repeat('n', 63), NULL,
  NULL, NULL, NULL, '-infinity', NULL, NULL, '00:00:00.000001', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL, NULL, NULL, NULL
);
INSERT INTO zoo.every_type (exact, double, single) VALUES
  (('1e-16383')::numeric, 5e-324, 3.4028235e+38), ('0.10', 1.7976931348623157e+308, 1.17549435e-38), ('Infinity', -0.0, 'NaN');
\if :has_xml
  INSERT INTO zoo.every_type (xmlish) VALUES (XMLPARSE(CONTENT 'a<b c="&amp;"/><![CDATA[;]]>')), (XMLPARSE(DOCUMENT '<a/>'));
\endif

-- Rows that look like something else where they are read by lines.
CREATE TABLE zoo.texts (id bigserial PRIMARY KEY, note text, "other; note" text DEFAULT E'\\.');
INSERT INTO zoo.texts (note) VALUES
  (''), (NULL), ('\N'), ('\.'), (E'\n\\.\n'), ('\\.'), ('COMMIT;'), (E'\nCOMMIT;\n'), ('BEGIN;'), (');'), ('$$'), ('$_$'),
  ('--'), ('-- PostgreSQL database dump complete'), (E'\n--\n-- PostgreSQL database dump complete\n--\n\n'), ('/*'), ('*/'),
  ('\connect postgres'), (E'\n\\connect postgres\n'), ('\restrict x'), (E'\restrict x'), ('\! true'), (E'a\tb'), (E'a\r\nb'),
  (E'\r'), (E'\v\f\b'), (E'\x01\x7f'), ('it''s'), ('"quoted"'), ('`ticks`'), ('🐘 größer 漢字'), (E'e\u0301 \u200b \ufeff'),
  ('NULL'), ('null'), (' leading and trailing '), (E'\t'), ('SELECT lo_unlink(0);'), ('COPY zoo.texts FROM stdin;'),
  (repeat('0123456789abcdef', 65536)), (repeat(E'\\', 1048576)), (repeat(E'\n', 1048576)),
  ((SELECT string_agg(md5(number::text), '') FROM generate_series(1, 32768) AS number));
INSERT INTO zoo.texts (note, "other; note") VALUES ('\.', NULL), (NULL, '\.');

CREATE TABLE zoo.no_columns ();
INSERT INTO zoo.no_columns DEFAULT VALUES;
INSERT INTO zoo.no_columns DEFAULT VALUES;
INSERT INTO zoo.no_columns DEFAULT VALUES;

SELECT format('CREATE TABLE zoo.wide (%s)', string_agg(format('"column %s" integer DEFAULT %s', number, number), ', '))
  FROM generate_series(1, 300) AS number \gexec
INSERT INTO zoo.wide DEFAULT VALUES;
INSERT INTO zoo.wide ("column 300") VALUES (NULL);

CREATE TABLE zoo.large_values (id integer PRIMARY KEY, kept bytea, outside text, inside text);
ALTER TABLE zoo.large_values
  ALTER kept SET STORAGE external, ALTER outside SET STORAGE extended, ALTER inside SET STORAGE main,
  ALTER outside SET COMPRESSION pglz, ALTER inside SET STATISTICS 500, ALTER id SET (n_distinct = -0.5);
INSERT INTO zoo.large_values SELECT 1, decode(repeat('00ff5c0a', 262144), 'hex'), repeat('a', 1048576), repeat('b', 3000);
\if :has_lz4
  CREATE TABLE zoo.lz4 (content text COMPRESSION lz4);
  INSERT INTO zoo.lz4 VALUES (repeat('lz4 ', 100000));
\endif

-- ---------------------------------------------------------------------------------------------------------------------
-- Kinds of tables, columns and constraints

CREATE TABLE zoo.generated (
  id integer GENERATED BY DEFAULT AS IDENTITY,
  price numeric(10, 2) NOT NULL CHECK (price >= 0) NO INHERIT,
  amount zoo.positive,
  total numeric GENERATED ALWAYS AS (price * amount) STORED,
  name text DEFAULT 'x; ''y''' || current_user::text,
  old serial, tiny smallserial, next integer DEFAULT nextval('zoo.shared'),
  made timestamptz DEFAULT '2024-01-01 00:00:00+00',
  CONSTRAINT generated_pkey PRIMARY KEY (id) INCLUDE (name)
);
INSERT INTO zoo.generated (price, name) SELECT number / 7.0, 'name ' || number FROM generate_series(1, 5) AS number;
INSERT INTO zoo.generated (id, price, amount, name) VALUES (1000, 1, 3, NULL);
ALTER SEQUENCE zoo.shared OWNED BY zoo.generated.next;

-- A column that is gone leaves a hole in the order of the others.
CREATE TABLE zoo.with_a_hole (a integer, gone text, b text NOT NULL, gone_too integer);
INSERT INTO zoo.with_a_hole VALUES (1, 'x', 'y', 2), (NULL, NULL, 'z', NULL);
ALTER TABLE zoo.with_a_hole DROP COLUMN gone, DROP COLUMN gone_too, ADD COLUMN late integer DEFAULT 7;

CREATE UNLOGGED TABLE zoo.unlogged (id integer PRIMARY KEY, note text);
INSERT INTO zoo.unlogged VALUES (1, 'kept by a dump');
CREATE TABLE zoo.tuned (id integer, note text) WITH (fillfactor = 70, autovacuum_enabled = false, parallel_workers = 3,
  toast_tuple_target = 256, toast.autovacuum_enabled = false, autovacuum_vacuum_scale_factor = 0.01);
CREATE TABLE zoo.of_a_type OF zoo.point3 (PRIMARY KEY (x), y WITH OPTIONS DEFAULT 2);
INSERT INTO zoo.of_a_type VALUES (1, 2, 'three');

CREATE TABLE zoo.parent (id integer PRIMARY KEY, kind text DEFAULT 'parent', CHECK (id <> 13));
CREATE TABLE zoo.second_parent (kind text, weight real NOT NULL DEFAULT 1);
CREATE TABLE zoo.child (extra text, kind text DEFAULT 'child') INHERITS (zoo.parent, zoo.second_parent);
CREATE TABLE zoo.grandchild () INHERITS (zoo.child);
INSERT INTO zoo.parent VALUES (1, 'a');
INSERT INTO zoo.child (id, extra) VALUES (1, 'same id');
INSERT INTO zoo.grandchild (id) VALUES (2);

CREATE TABLE zoo.author (
  id integer PRIMARY KEY, name text, favourite integer, mentor integer REFERENCES zoo.author ON DELETE SET NULL);
CREATE TABLE zoo.book (
  id integer PRIMARY KEY, title text, isbn text UNIQUE DEFERRABLE INITIALLY IMMEDIATE,
  author integer NOT NULL REFERENCES zoo.author ON UPDATE CASCADE ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE zoo.author ADD CONSTRAINT "favourite; book" FOREIGN KEY (favourite) REFERENCES zoo.book
  DEFERRABLE INITIALLY DEFERRED;
INSERT INTO zoo.author VALUES (1, 'Ada', NULL, 2), (2, 'Bob', NULL, 1), (3, 'Own mentor', NULL, 3);
INSERT INTO zoo.book VALUES (1, 'One', '1', 1), (2, 'Two', NULL, 2);
UPDATE zoo.author SET favourite = id WHERE id < 3;

CREATE TABLE zoo.pair (a integer, b text, c integer, PRIMARY KEY (a, b), UNIQUE NULLS NOT DISTINCT (b, c));
CREATE TABLE zoo.pair_user (
  x integer, y text, z integer,
  FOREIGN KEY (x, y) REFERENCES zoo.pair (a, b) MATCH FULL ON DELETE SET NULL,
  FOREIGN KEY (z, y) REFERENCES zoo.pair (a, b) ON DELETE SET DEFAULT (z));
INSERT INTO zoo.pair VALUES (1, 'one', NULL), (2, 'two', 2);
INSERT INTO zoo.pair_user VALUES (1, 'one', 1), (NULL, NULL, NULL);
INSERT INTO zoo.pair_user (x, y) VALUES (2, 'two');
CREATE TABLE zoo.not_valid (id integer, author integer);
INSERT INTO zoo.not_valid VALUES (-1, 99), (5, 1);
ALTER TABLE zoo.not_valid ADD CONSTRAINT "is > 0" CHECK (id > 0) NOT VALID,
  ADD CONSTRAINT has_author FOREIGN KEY (author) REFERENCES zoo.author NOT VALID;
CREATE TABLE other.booking (
  room text, during tstzrange, cancelled boolean DEFAULT false,
  EXCLUDE USING gist (room WITH =, during WITH &&) WHERE (NOT cancelled) DEFERRABLE);
INSERT INTO other.booking VALUES ('A', '[2024-01-01,2024-01-02)'), ('a', '[2024-01-02,2024-01-03)');
CREATE TABLE other.refers (author integer REFERENCES zoo.author, feeling zoo.mood DEFAULT 'sad');
INSERT INTO other.refers VALUES (1, 'between');

CREATE TABLE public.people (id serial PRIMARY KEY, email public.citext UNIQUE, facts ext.hstore DEFAULT 'a=>1');
INSERT INTO public.people (email) VALUES ('Ada@example.org'), ('bob@example.org');

-- ---------------------------------------------------------------------------------------------------------------------
-- Partitions

CREATE TABLE zoo.measured (day date NOT NULL, place text, value real, CONSTRAINT measured_key PRIMARY KEY (day, place))
  PARTITION BY RANGE (day);
CREATE TABLE zoo.measured_2023 PARTITION OF zoo.measured FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE zoo.measured_2024 PARTITION OF zoo.measured FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')
  PARTITION BY LIST (place);
CREATE TABLE zoo.measured_2024_here PARTITION OF zoo.measured_2024 FOR VALUES IN ('here', 'it''s here');
CREATE TABLE other.measured_2024_rest PARTITION OF zoo.measured_2024 (value DEFAULT 5, CHECK (value < 1000)) DEFAULT;
CREATE TABLE zoo.measured_rest PARTITION OF zoo.measured DEFAULT PARTITION BY HASH (place);
CREATE TABLE zoo.measured_rest_0 PARTITION OF zoo.measured_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE zoo.measured_rest_1 PARTITION OF zoo.measured_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
-- Columns in another order, and one that is gone.
CREATE TABLE zoo.measured_2025 (value real, gone integer, place text NOT NULL, day date NOT NULL);
ALTER TABLE zoo.measured_2025 DROP COLUMN gone;
ALTER TABLE zoo.measured ATTACH PARTITION zoo.measured_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO zoo.measured VALUES ('2020-05-05', 'there', 1), ('2024-05-05', 'it''s here', 2), ('2024-05-05', 'there', 3),
  ('2025-05-05', 'here', 4), ('2040-01-01', 'a', 5), ('2040-01-01', 'b', 6), ('2040-01-01', 'c', 7);
CREATE INDEX measured_value ON zoo.measured (value);
CREATE INDEX measured_only ON ONLY zoo.measured (place);
CREATE INDEX "place of 2023" ON zoo.measured_2023 (place);
ALTER INDEX zoo.measured_only ATTACH PARTITION zoo."place of 2023";
CREATE TABLE zoo.refers_to_parts (day date, place text, FOREIGN KEY (day, place) REFERENCES zoo.measured);
INSERT INTO zoo.refers_to_parts VALUES ('2040-01-01', 'a');
CREATE TABLE zoo.parts_refer (id integer REFERENCES zoo.author, at integer) PARTITION BY RANGE ((at % 10), id);
CREATE TABLE zoo.parts_refer_low PARTITION OF zoo.parts_refer FOR VALUES FROM (0, MINVALUE) TO (5, MAXVALUE);
INSERT INTO zoo.parts_refer VALUES (1, 42);
CREATE TABLE zoo.no_parts (id integer) PARTITION BY LIST (id);
CREATE TABLE zoo.detached (LIKE zoo.measured INCLUDING ALL);
INSERT INTO zoo.detached VALUES ('2030-01-01', 'x', 1);

-- ---------------------------------------------------------------------------------------------------------------------
-- Indexes, statistics, how tables are stored and copied

CREATE FUNCTION zoo.folded(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN lower($1 COLLATE "C");
CREATE UNIQUE INDEX "expression; index" ON zoo.author (zoo.folded(name), (id % 2) DESC NULLS LAST) WHERE id > 0;
CREATE INDEX covering ON zoo.book (author) INCLUDE (title, isbn) WITH (fillfactor = 50, deduplicate_items = off);
CREATE INDEX by_hash ON zoo.texts USING hash (id);
CREATE INDEX by_brin ON zoo.texts USING brin (id int8_minmax_multi_ops (values_per_range = 16)) WITH (pages_per_range = 4);
CREATE INDEX by_gin ON zoo.every_type USING gin (binary_json jsonb_path_ops, texts);
CREATE INDEX by_gist ON zoo.every_type USING gist (place, ints);
CREATE INDEX by_spgist ON zoo.every_type USING spgist (address inet_ops);
CREATE INDEX by_trigrams ON zoo.author USING gist (name public.gist_trgm_ops (siglen = 32));
CREATE INDEX by_collation ON zoo.author (name COLLATE "C" text_pattern_ops);
CREATE UNIQUE INDEX identity_of_pair ON zoo.pair (a, b);
ALTER INDEX zoo."expression; index" ALTER COLUMN 2 SET STATISTICS 300;
ALTER INDEX zoo.by_trigrams DEPENDS ON EXTENSION pg_trgm;
ALTER TABLE zoo.author CLUSTER ON author_pkey;
ALTER TABLE zoo.pair REPLICA IDENTITY USING INDEX identity_of_pair;
ALTER TABLE zoo.pair_user REPLICA IDENTITY FULL;
ALTER TABLE zoo.texts REPLICA IDENTITY NOTHING;
CREATE STATISTICS zoo.together (ndistinct, dependencies, mcv) ON x, y, z FROM zoo.pair_user;
CREATE STATISTICS zoo.of_expressions ON (id % 5), (lower(note)) FROM zoo.texts;
ALTER STATISTICS zoo.together SET STATISTICS 77;
CREATE ACCESS METHOD zoo_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE zoo.elsewhere (id integer) USING zoo_heap;
INSERT INTO zoo.elsewhere VALUES (1);

-- ---------------------------------------------------------------------------------------------------------------------
-- Functions and procedures

CREATE FUNCTION zoo.add(a integer, b integer DEFAULT 2, c text DEFAULT 'x; ''y''') RETURNS integer LANGUAGE sql
  IMMUTABLE LEAKPROOF PARALLEL SAFE COST 7 AS 'SELECT a + b';
CREATE FUNCTION zoo.add(a text) RETURNS text LANGUAGE sql AS $$ SELECT a || '$' $$;
CREATE FUNCTION zoo.bodies() RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
  -- $$ and $_$ and 'a quote
  /* COMMIT; */
  PERFORM $_$ it's; $_$, '\.', "x"."add"(1) FROM (SELECT) AS "x" WHERE false;
  RETURN E'\\.
COMMIT;
\\.
';
EXCEPTION WHEN others THEN RETURN $$nested$$;
END
$body$;
CREATE FUNCTION zoo.variadic(VARIADIC numbers integer[]) RETURNS bigint LANGUAGE sql STABLE
  AS 'SELECT sum(number) FROM unnest(numbers) AS number';
CREATE FUNCTION zoo.rows_of(INOUT a integer, OUT b text) RETURNS SETOF record LANGUAGE sql ROWS 3
  AS $$ VALUES (a, 'x'), (a + 1, 'y') $$;
CREATE FUNCTION zoo.as_table(kind text) RETURNS TABLE (id integer, "the name" text) LANGUAGE sql STABLE
  BEGIN ATOMIC
    SELECT author.id, author.name FROM zoo.author WHERE kind IS NOT NULL;
    SELECT author.id, count(*)::text FROM zoo.author JOIN zoo.book ON book.author = author.id GROUP BY author.id;
  END;
CREATE FUNCTION zoo.first_of(anyarray) RETURNS anyelement LANGUAGE sql IMMUTABLE
  AS 'SELECT $1[array_lower($1, 1)]';
CREATE FUNCTION zoo.is_in(anycompatible, anycompatiblerange) RETURNS boolean LANGUAGE plpgsql
  AS 'BEGIN RETURN $1 <@ $2; END';
CREATE FUNCTION zoo.careful() RETURNS text LANGUAGE sql SECURITY DEFINER
  SET search_path = zoo, pg_temp SET work_mem = '8MB' SET "zoo.own" = 'a; ''b''' AS 'SELECT current_user::text';
CREATE FUNCTION zoo.row_number() RETURNS bigint LANGUAGE internal WINDOW IMMUTABLE AS 'window_row_number';
CREATE FUNCTION zoo.reads(zoo.every_type) RETURNS integer LANGUAGE sql STABLE AS 'SELECT $1.id';
CREATE PROCEDURE zoo.in_steps(INOUT n integer DEFAULT 0) LANGUAGE plpgsql AS $$
BEGIN
COMMIT;
  n := n + 1;
ROLLBACK;
END
$$;
CREATE PROCEDURE zoo.atomic(t text, OUT result integer) LANGUAGE sql
  BEGIN ATOMIC INSERT INTO zoo.tuned VALUES (1, t); SELECT 1; END;
-- With a handler of its own: else a dump has no more than its name, which is not enough to make it.
CREATE FUNCTION zoo.plzoo_handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION zoo.plzoo_inline(internal) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION zoo.plzoo_validator(oid) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE plzoo HANDLER zoo.plzoo_handler INLINE zoo.plzoo_inline VALIDATOR zoo.plzoo_validator;
CREATE FUNCTION zoo.in_own_language() RETURNS integer LANGUAGE plzoo AS 'BEGIN RETURN 1; END';

-- ---------------------------------------------------------------------------------------------------------------------
-- Aggregates, operators, casts, conversions, text search

CREATE FUNCTION zoo.longer(text, text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN length($1) >= length($2) THEN $1 ELSE $2 END;
CREATE AGGREGATE zoo.longest(text) (
  SFUNC = zoo.longer, STYPE = text, INITCOND = '', COMBINEFUNC = zoo.longer, PARALLEL = safe);
CREATE AGGREGATE zoo.rolling_sum(integer) (
  SFUNC = int4pl, STYPE = integer, INITCOND = '0', MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = integer, MINITCOND = '0');
CREATE AGGREGATE zoo.own_percentile(double precision ORDER BY anyelement) (
  SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
CREATE AGGREGATE zoo.own_rank(VARIADIC "any" ORDER BY VARIADIC "any") (
  SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);
CREATE AGGREGATE zoo.no_arguments(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '0');
CREATE AGGREGATE zoo.least_of(integer) (SFUNC = int4smaller, STYPE = integer, SORTOP = <);

CREATE FUNCTION zoo.point_equal(zoo.point3, zoo.point3) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN ($1).x = ($2).x AND ($1).y = ($2).y;
CREATE FUNCTION zoo.point_less(zoo.point3, zoo.point3) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN ($1).x < ($2).x;
CREATE FUNCTION zoo.point_more(zoo.point3, zoo.point3) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN ($1).x > ($2).x;
CREATE FUNCTION zoo.point_order(zoo.point3, zoo.point3) RETURNS integer LANGUAGE sql IMMUTABLE
  RETURN sign(($1).x - ($2).x)::integer;
CREATE FUNCTION zoo.shout(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN upper($1) || '!';
CREATE OPERATOR zoo.=== (LEFTARG = zoo.point3, RIGHTARG = zoo.point3, FUNCTION = zoo.point_equal, COMMUTATOR = OPERATOR(zoo.===),
  RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR zoo.<<< (LEFTARG = zoo.point3, RIGHTARG = zoo.point3, FUNCTION = zoo.point_less, COMMUTATOR = OPERATOR(zoo.>>>));
CREATE OPERATOR zoo.>>> (LEFTARG = zoo.point3, RIGHTARG = zoo.point3, FUNCTION = zoo.point_more, COMMUTATOR = OPERATOR(zoo.<<<));
CREATE OPERATOR zoo.!! (RIGHTARG = text, FUNCTION = zoo.shout);
CREATE OPERATOR FAMILY zoo.points USING btree;
CREATE OPERATOR CLASS zoo.points_by_x FOR TYPE zoo.point3 USING btree FAMILY zoo.points AS
  OPERATOR 1 zoo.<<<, OPERATOR 3 zoo.===, OPERATOR 5 zoo.>>>, FUNCTION 1 zoo.point_order(zoo.point3, zoo.point3);
CREATE OPERATOR FAMILY zoo.loose USING hash;
CREATE TABLE zoo.places (spot zoo.point3, shouted text GENERATED ALWAYS AS (OPERATOR(zoo.!!) 'hey'::text) STORED);
CREATE INDEX places_by_x ON zoo.places (spot zoo.points_by_x);
INSERT INTO zoo.places VALUES ('(2,1,b)'), ('(1,1,a)');

CREATE FUNCTION zoo.to_mood(integer) RETURNS zoo.mood LANGUAGE sql IMMUTABLE STRICT
  RETURN (enum_range(NULL::zoo.mood))[$1];
CREATE CAST (integer AS zoo.mood) WITH FUNCTION zoo.to_mood(integer) AS ASSIGNMENT;
CREATE CAST (zoo.label AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (zoo.point3 AS text) WITH INOUT;
CREATE CONVERSION zoo.from_latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE DEFAULT CONVERSION zoo.from_koi FOR 'KOI8R' TO 'UTF8' FROM koi8r_to_utf8;

CREATE TEXT SEARCH DICTIONARY zoo.short_words (TEMPLATE = pg_catalog.simple, STOPWORDS = english, ACCEPT = false);
CREATE TEXT SEARCH CONFIGURATION zoo.searching (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION zoo.searching ALTER MAPPING FOR asciiword, word WITH ext.unaccent, zoo.short_words, english_stem;
ALTER TEXT SEARCH CONFIGURATION zoo.searching DROP MAPPING FOR url_path;
CREATE TEXT SEARCH TEMPLATE zoo.own_simple (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH PARSER zoo.own_parser (
  START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, HEADLINE = prsd_headline, LEXTYPES = prsd_lextype);
CREATE TABLE zoo.searched (body text, words tsvector GENERATED ALWAYS AS (to_tsvector('zoo.searching', body)) STORED);
INSERT INTO zoo.searched VALUES ('The quick brown foxes; crêpes'), ('');
CREATE INDEX searched_words ON zoo.searched USING gin (words);

-- ---------------------------------------------------------------------------------------------------------------------
-- Views and rules

CREATE VIEW zoo.books AS SELECT book.id, book.title, author.name FROM zoo.book JOIN zoo.author ON book.author = author.id;
CREATE VIEW other.on_a_view AS SELECT books.*, zoo.add(books.id) AS "sum; of" FROM zoo.books WHERE title <> 'it''s';
CREATE RECURSIVE VIEW zoo.counting (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 5;
CREATE VIEW zoo.guarded WITH (security_barrier, security_invoker = true) AS SELECT * FROM zoo.author WHERE id > 1;
CREATE VIEW zoo.checked AS SELECT id, title, author FROM zoo.book WHERE id > 0 WITH LOCAL CHECK OPTION;
CREATE VIEW zoo.checked_twice AS SELECT * FROM zoo.checked WHERE id < 1000 WITH CASCADED CHECK OPTION;
ALTER VIEW zoo.checked ALTER COLUMN title SET DEFAULT 'untitled; yet';
-- Grouped by a primary key, on which it depends.
CREATE VIEW zoo.per_author AS SELECT author.id, author.name, count(*) AS books FROM zoo.author
  JOIN zoo.book ON book.author = author.id GROUP BY author.id;
CREATE VIEW zoo.windows AS SELECT id, zoo.row_number() OVER (PARTITION BY author ORDER BY id) AS number,
  zoo.longest(title) FILTER (WHERE id > 0) OVER w AS longest FROM zoo.book WINDOW w AS (ORDER BY id ROWS 2 PRECEDING);
-- A view and a function of its rows, each of which needs the other.
CREATE VIEW zoo.in_a_circle AS SELECT 1 AS id, NULL::text AS said;
CREATE FUNCTION zoo.says(zoo.in_a_circle) RETURNS text LANGUAGE sql STABLE RETURN 'row ' || ($1).id;
CREATE OR REPLACE VIEW zoo.in_a_circle AS SELECT author.id, zoo.says(ROW(author.id, '')::zoo.in_a_circle) AS said
  FROM zoo.author;
CREATE VIEW zoo.no_columns_at_all AS SELECT FROM zoo.author;

CREATE VIEW zoo.by_trigger AS SELECT id, note FROM zoo.texts;
CREATE FUNCTION zoo.instead() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER instead_of INSTEAD OF INSERT OR UPDATE OR DELETE ON zoo.by_trigger FOR EACH ROW EXECUTE FUNCTION zoo.instead();
CREATE RULE also AS ON UPDATE TO zoo.tuned WHERE old.id <> new.id 
  DO ALSO DELETE FROM zoo.elsewhere WHERE id = old.id;
CREATE RULE notifies AS ON INSERT TO zoo.elsewhere DO ALSO NOTIFY "zoo; channel";
CREATE RULE "instead; nothing" AS ON DELETE TO zoo.tuned WHERE old.id = 7 DO INSTEAD NOTHING;
CREATE RULE two_commands AS ON INSERT TO zoo.books DO INSTEAD (
  INSERT INTO zoo.tuned VALUES (new.id, new.title); INSERT INTO zoo.tuned VALUES (new.id, 'it''s; again'));
CREATE RULE switched_off AS ON INSERT TO zoo.tuned DO ALSO NOTHING;
ALTER TABLE zoo.tuned DISABLE RULE switched_off;
CREATE RULE always AS ON UPDATE TO zoo.tuned DO ALSO NOTHING;
ALTER TABLE zoo.tuned ENABLE ALWAYS RULE always;

CREATE MATERIALIZED VIEW zoo.counted WITH (fillfactor = 80) AS SELECT author, count(*) AS books FROM zoo.book GROUP BY author;
CREATE UNIQUE INDEX counted_author ON zoo.counted (author);
CREATE MATERIALIZED VIEW zoo.on_materialised AS SELECT sum(books) AS all_books FROM zoo.counted;
CREATE MATERIALIZED VIEW other.never_filled AS SELECT * FROM zoo.on_materialised WITH NO DATA;
CREATE INDEX ON other.never_filled (all_books);
CREATE VIEW other.on_never_filled AS SELECT * FROM other.never_filled;

-- ---------------------------------------------------------------------------------------------------------------------
-- Triggers, event triggers, row security

CREATE FUNCTION zoo.touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN COALESCE(NEW, OLD); END';
CREATE TRIGGER "row; trigger" BEFORE INSERT OR UPDATE OF title, isbn ON zoo.book
  FOR EACH ROW WHEN (new.title IS NOT NULL AND new.title <> 'it''s;') EXECUTE FUNCTION zoo.touched('an; argument', 'it''s', E'\\.');
CREATE TRIGGER statement_trigger AFTER TRUNCATE ON zoo.book FOR EACH STATEMENT EXECUTE FUNCTION zoo.touched();
CREATE TRIGGER with_tables AFTER UPDATE ON zoo.book REFERENCING OLD TABLE AS before NEW TABLE AS after
  FOR EACH STATEMENT EXECUTE FUNCTION zoo.touched();
CREATE CONSTRAINT TRIGGER at_the_end AFTER INSERT ON zoo.author FROM zoo.book DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION zoo.touched();
CREATE TRIGGER off BEFORE DELETE ON zoo.author FOR EACH ROW EXECUTE FUNCTION zoo.touched();
CREATE TRIGGER on_replicas BEFORE DELETE ON zoo.author FOR EACH ROW EXECUTE FUNCTION zoo.touched();
CREATE TRIGGER everywhere BEFORE DELETE ON zoo.author FOR EACH ROW EXECUTE FUNCTION zoo.touched();
ALTER TABLE zoo.author DISABLE TRIGGER off, ENABLE REPLICA TRIGGER on_replicas, ENABLE ALWAYS TRIGGER everywhere;
CREATE TRIGGER on_parts AFTER INSERT ON zoo.measured FOR EACH ROW EXECUTE FUNCTION zoo.touched();
ALTER TABLE zoo.measured_2023 DISABLE TRIGGER on_parts;
CREATE TRIGGER search BEFORE INSERT OR UPDATE ON zoo.every_type FOR EACH ROW
  EXECUTE FUNCTION tsvector_update_trigger('doc', 'pg_catalog.english', 'any_text');

CREATE FUNCTION zoo.on_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM 1; END';
CREATE EVENT TRIGGER zoo_on ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE') EXECUTE FUNCTION zoo.on_event();
CREATE EVENT TRIGGER zoo_off ON sql_drop EXECUTE FUNCTION zoo.on_event();
ALTER EVENT TRIGGER zoo_off DISABLE;
CREATE EVENT TRIGGER "zoo; replica" ON table_rewrite EXECUTE FUNCTION zoo.on_event();
ALTER EVENT TRIGGER "zoo; replica" ENABLE REPLICA;
CREATE EVENT TRIGGER zoo_always ON ddl_command_start EXECUTE FUNCTION zoo.on_event();
ALTER EVENT TRIGGER zoo_always ENABLE ALWAYS;

CREATE TABLE zoo.private (owner text DEFAULT current_user, secret text);
INSERT INTO zoo.private VALUES ('somebody', 'else''s'), (:'ada', 'own');
ALTER TABLE zoo.private ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY "own; rows" ON zoo.private USING (owner = current_user) WITH CHECK (owner = current_user);
CREATE POLICY reading ON zoo.private FOR SELECT TO :"bob", :"eve" USING (true);
CREATE POLICY narrower ON zoo.private AS RESTRICTIVE FOR DELETE TO PUBLIC
  USING (EXISTS (SELECT FROM zoo.author WHERE name = owner));
CREATE TABLE other.policies_switched_off (id integer);
CREATE POLICY adding ON other.policies_switched_off FOR INSERT WITH CHECK (id > 0);

-- ---------------------------------------------------------------------------------------------------------------------
-- Foreign data, publications, large objects

CREATE FOREIGN DATA WRAPPER zoo_wrapper OPTIONS (debug 'it''s; true');
CREATE SERVER "zoo; server" TYPE 'none' VERSION '1' FOREIGN DATA WRAPPER zoo_wrapper OPTIONS (host 'nowhere', "odd; name" '\');
CREATE USER MAPPING FOR :"bob" SERVER "zoo; server" OPTIONS ("user" 'bob', password 'not a ''secret''');
CREATE USER MAPPING FOR PUBLIC SERVER "zoo; server";
CREATE FOREIGN TABLE other.far_away (
  id integer OPTIONS (column_name 'it''s') NOT NULL, note text DEFAULT 'x' CHECK (note <> ''))
  SERVER "zoo; server" OPTIONS (table_name 'a; b');
CREATE TABLE zoo.partly_far (id integer) PARTITION BY LIST (id);
CREATE FOREIGN TABLE zoo.far_part PARTITION OF zoo.partly_far FOR VALUES IN (1) SERVER "zoo; server";

-- They publish no updates: those would need a replica identity of every table.
CREATE PUBLICATION zoo_all FOR ALL TABLES WITH (publish = 'insert');
CREATE PUBLICATION "zoo; some" FOR TABLE zoo.author (id, name) WHERE (id > 1 AND name <> 'it''s;'), TABLE ONLY zoo.parent
  WITH (publish = 'insert, truncate');
CREATE PUBLICATION zoo_schema FOR TABLES IN SCHEMA other, TABLE zoo.pair WITH (publish = 'insert');
CREATE PUBLICATION zoo_roots FOR TABLE zoo.measured WITH (publish_via_partition_root, publish = 'insert');
CREATE PUBLICATION zoo_none;

SELECT lo_from_bytea(5000001,
  (SELECT string_agg(set_byte('\x00', 0, byte), '' ORDER BY byte) FROM generate_series(0, 255) AS byte)) \g /dev/null
SELECT lo_from_bytea(5000002, '') \g /dev/null
SELECT lo_from_bytea(5000003, decode(repeat('00ff5c27', 50000), 'hex')) \g /dev/null
SELECT lo_from_bytea(5000004, E'COMMIT;\n\\\\.\n') \g /dev/null
CREATE TABLE zoo.has_large (id integer, content oid);
INSERT INTO zoo.has_large VALUES (1, 5000001), (2, 5000002);
COMMENT ON LARGE OBJECT 5000001 IS 'every byte; it''s';
ALTER LARGE OBJECT 5000002 OWNER TO :"bob";
GRANT SELECT, UPDATE ON LARGE OBJECT 5000001 TO :"ada" WITH GRANT OPTION;
GRANT SELECT ON LARGE OBJECT 5000003 TO PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------------
-- Names

CREATE SCHEMA "Schema; with ""quotes"" and it's 'own' $$";
CREATE SCHEMA "dots.and.more";
CREATE SCHEMA "back\slash";
CREATE SCHEMA "größer 🐘";
CREATE SCHEMA "new
line";
CREATE SCHEMA "select";
CREATE TABLE "Schema; with ""quotes"" and it's 'own' $$"."Table; ""it's"" -- no /* comment" (
  "Id" integer GENERATED ALWAYS AS IDENTITY, "a.b" text DEFAULT 'x', "c""d" text, "e'f" text, "g;h" text, "i\j" text,
  "k
l" text, "größer 🐘" text, "select" text, " " text, "%s:name$1" text,
  "sixty-three bytes, which is as long as a name may be; no more o" text,
  CONSTRAINT "Key; ""it's""" PRIMARY KEY ("Id"), CONSTRAINT "\." CHECK ("a.b" <> '\.'));
INSERT INTO "Schema; with ""quotes"" and it's 'own' $$"."Table; ""it's"" -- no /* comment" ("a.b", "k
l") VALUES ('1', '2'), (NULL, '\.');
CREATE TABLE "dots.and.more"."a.b.c" ("a.b.c" integer PRIMARY KEY);
CREATE TABLE "dots.and.more"."a.b" ("c.a.b.c" integer REFERENCES "dots.and.more"."a.b.c");
CREATE TABLE "back\slash"."\." ("\\" serial, "\N" text);
INSERT INTO "back\slash"."\." ("\N") VALUES ('\N'), (NULL);
CREATE TABLE "größer 🐘"."漢字" ("id" serial PRIMARY KEY, "é" text, U&"e\0301" text);
INSERT INTO "größer 🐘"."漢字" ("é") VALUES ('composed');
CREATE TABLE "new
line"."two
lines
COMMIT;
\.
" ("a
b" integer);
INSERT INTO "new
line"."two
lines
COMMIT;
\.
" VALUES (1);
CREATE TABLE "select"."table" ("from" integer, "where" text);
CREATE TABLE "select"."Upper" (id integer);
CREATE TABLE "select".upper (id integer);
CREATE TABLE "select"."sixty-three bytes, which is as long as a name may be; no more.1" (id serial PRIMARY KEY);
CREATE TABLE "select"."sixty-three bytes, which is as long as a name may be; no more.2" (id serial PRIMARY KEY);
CREATE SEQUENCE "select"."seq; it's ""one""" START 3;
CREATE FUNCTION "select"."function; ""it's""" ("an; ""arg""" integer, "Other" "größer 🐘"."漢字") RETURNS integer
  LANGUAGE sql AS 'SELECT 1';
CREATE TYPE "select"."type; 'it''s'" AS ENUM ('a');
CREATE VIEW "select"."view
of two lines" AS SELECT "from" AS "to;", "where" AS "it's" FROM "select"."table";
CREATE INDEX "index; ""it's""" ON "select"."table" ("where");
CREATE TRIGGER "trigger; ""it's""" BEFORE INSERT ON "select"."table" FOR EACH ROW EXECUTE FUNCTION zoo.touched();

-- ---------------------------------------------------------------------------------------------------------------------
-- Comments

COMMENT ON SCHEMA zoo IS E'All kinds;\nof ''things''\n\\.\n-- not a comment\n$$ COMMIT; $$';
COMMENT ON TABLE zoo.texts IS E'it''s\nCOMMIT;\n\\connect nowhere';
COMMENT ON COLUMN zoo.texts."other; note" IS 'a "column"';
COMMENT ON COLUMN zoo.books.title IS 'of a view';
COMMENT ON COLUMN zoo.point3.x IS 'of a type';
COMMENT ON COLUMN other.far_away.id IS 'of a foreign table';
COMMENT ON CONSTRAINT "is > 0" ON zoo.not_valid IS 'not yet; valid';
COMMENT ON CONSTRAINT "is > 0" ON DOMAIN zoo.positive IS 'of a domain';
COMMENT ON CONSTRAINT measured_key ON zoo.measured IS 'of a partitioned table';
COMMENT ON INDEX zoo."expression; index" IS 'it''s; an index';
COMMENT ON VIEW zoo.books IS '🐘';
COMMENT ON MATERIALIZED VIEW zoo.counted IS ' ';
COMMENT ON FOREIGN TABLE other.far_away IS 'far; away';
COMMENT ON FUNCTION zoo.add(integer, integer, text) IS 'one of two';
COMMENT ON FUNCTION zoo.add(text) IS 'two of two';
COMMENT ON PROCEDURE zoo.in_steps(integer) IS 'commits';
COMMENT ON AGGREGATE zoo.longest(text) IS 'an aggregate';
COMMENT ON AGGREGATE zoo.own_percentile(double precision ORDER BY anyelement) IS 'an ordered-set aggregate';
COMMENT ON OPERATOR zoo.=== (zoo.point3, zoo.point3) IS 'an operator';
COMMENT ON OPERATOR zoo.!! (NONE, text) IS 'a prefix operator';
COMMENT ON OPERATOR CLASS zoo.points_by_x USING btree IS 'an operator class';
COMMENT ON OPERATOR FAMILY zoo.loose USING hash IS 'an operator family';
COMMENT ON CAST (integer AS zoo.mood) IS 'a cast; it''s';
COMMENT ON CONVERSION zoo.from_latin IS 'a conversion';
COMMENT ON TYPE zoo.mood IS 'an enum';
COMMENT ON TYPE zoo.span IS 'a range';
COMMENT ON TYPE zoo.only_a_shell IS 'not there yet';
COMMENT ON DOMAIN zoo.positive IS 'a domain';
COMMENT ON TRIGGER "row; trigger" ON zoo.book IS 'a trigger';
COMMENT ON EVENT TRIGGER zoo_off IS 'an event trigger';
COMMENT ON RULE also ON zoo.tuned IS 'a rule';
COMMENT ON POLICY "own; rows" ON zoo.private IS 'a policy';
COMMENT ON STATISTICS zoo.together IS 'statistics';
COMMENT ON TEXT SEARCH CONFIGURATION zoo.searching IS 'a configuration';
COMMENT ON TEXT SEARCH DICTIONARY zoo.short_words IS 'a dictionary';
COMMENT ON TEXT SEARCH PARSER zoo.own_parser IS 'a parser';
COMMENT ON TEXT SEARCH TEMPLATE zoo.own_simple IS 'a template';
COMMENT ON LANGUAGE plzoo IS 'a language';
COMMENT ON ACCESS METHOD zoo_heap IS 'an access method';
COMMENT ON FOREIGN DATA WRAPPER zoo_wrapper IS 'a wrapper';
COMMENT ON SERVER "zoo; server" IS 'a server';
COMMENT ON PUBLICATION zoo_none IS 'a publication';
COMMENT ON TABLE "new
line"."two
lines
COMMIT;
\.
" IS 'a table';

-- ---------------------------------------------------------------------------------------------------------------------
-- Owners and privileges

-- Everything of these schemas is ada's, but for what is named below.
SELECT format('ALTER %s %s OWNER TO %I',
    CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
    class.oid::regclass, :'ada')
  FROM pg_class AS class
  WHERE relnamespace IN ('zoo'::regnamespace, 'public'::regnamespace) AND relkind IN ('r', 'p', 'v', 'm', 'S')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = class.oid AND classid = 'pg_class'::regclass AND deptype IN ('a', 'e', 'i')
      AND refclassid IN ('pg_class'::regclass, 'pg_extension'::regclass) AND (relkind = 'S' OR deptype = 'e'))
  ORDER BY relkind = 'S', class.oid \gexec
ALTER TABLE zoo.searched OWNER TO :"bob";
ALTER VIEW zoo.windows OWNER TO :"bob";
ALTER TYPE zoo.mood OWNER TO :"ada";
ALTER DOMAIN zoo.positive OWNER TO :"bob";
ALTER FUNCTION zoo.careful() OWNER TO :"ada";
ALTER PROCEDURE zoo.in_steps(integer) OWNER TO :"bob";
ALTER AGGREGATE zoo.longest(text) OWNER TO :"bob";
ALTER OPERATOR zoo.=== (zoo.point3, zoo.point3) OWNER TO :"ada";
ALTER OPERATOR CLASS zoo.points_by_x USING btree OWNER TO :"ada";
ALTER OPERATOR FAMILY zoo.points USING btree OWNER TO :"ada";
ALTER COLLATION zoo.plain OWNER TO :"ada";
ALTER CONVERSION zoo.from_latin OWNER TO :"ada";
ALTER TEXT SEARCH DICTIONARY zoo.short_words OWNER TO :"ada";
ALTER TEXT SEARCH CONFIGURATION zoo.searching OWNER TO :"bob";
ALTER STATISTICS zoo.together OWNER TO :"bob";
ALTER SERVER "zoo; server" OWNER TO :"ada";
ALTER SCHEMA "select" OWNER TO :"eve";
ALTER LANGUAGE plzoo OWNER TO :"ada";

ALTER SCHEMA public OWNER TO :"ada";
COMMENT ON SCHEMA public IS 'not the standard; public schema';
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"bob";
GRANT CREATE ON SCHEMA public TO :"eve" WITH GRANT OPTION;

GRANT ALL ON SCHEMA zoo TO :"bob" WITH GRANT OPTION;
GRANT USAGE ON SCHEMA ext, "select", "new
line" TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA zoo TO :"bob";
GRANT SELECT, INSERT, REFERENCES ON zoo.author TO :"bob" WITH GRANT OPTION;
GRANT UPDATE (name, favourite), SELECT (id) ON zoo.author TO :"eve";
GRANT INSERT (name) ON zoo.author TO :"bob" WITH GRANT OPTION;
REVOKE ALL ON zoo.tuned FROM :"ada";
REVOKE DELETE, TRUNCATE ON zoo.pair FROM :"ada";
GRANT TRIGGER ON zoo.pair TO PUBLIC;
GRANT USAGE, UPDATE ON SEQUENCE zoo.shared, zoo.all_options TO :"bob";
GRANT SELECT ON SEQUENCE zoo.untouched TO PUBLIC;
REVOKE EXECUTE ON FUNCTION zoo.careful() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION zoo.careful() TO :"eve" WITH GRANT OPTION;
REVOKE ALL ON PROCEDURE zoo.in_steps(integer) FROM PUBLIC, :"bob";
REVOKE EXECUTE ON FUNCTION zoo.longest(text) FROM PUBLIC;
REVOKE USAGE ON TYPE zoo.mood FROM PUBLIC;
GRANT USAGE ON TYPE zoo.mood TO :"bob";
GRANT USAGE ON DOMAIN zoo.positive TO :"eve" WITH GRANT OPTION;
REVOKE USAGE ON LANGUAGE plzoo FROM PUBLIC;
GRANT USAGE ON LANGUAGE plzoo TO :"bob";
GRANT USAGE ON FOREIGN DATA WRAPPER zoo_wrapper TO :"ada" WITH GRANT OPTION;
GRANT USAGE ON FOREIGN SERVER "zoo; server" TO :"eve";
GRANT SELECT ON other.far_away TO :"bob";
GRANT SELECT ON other.on_a_view, other.never_filled TO :"eve";
GRANT SELECT ("Id", "a.b") ON "Schema; with ""quotes"" and it's 'own' $$"."Table; ""it's"" -- no /* comment" TO :"eve";
-- Of the system and of an extension: a dump has what differs from their beginning.
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text) TO :"ada";
REVOKE EXECUTE ON FUNCTION ext.hstore_to_json(ext.hstore) FROM PUBLIC;
-- Granted by somebody who was granted it.
GRANT USAGE ON SCHEMA other TO :"bob";
SET SESSION AUTHORIZATION :"bob";
GRANT SELECT ON zoo.author TO :"eve" WITH GRANT OPTION;
GRANT INSERT (name) ON zoo.author TO :"eve";
GRANT USAGE ON SCHEMA zoo TO :"eve";
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION :"eve";
GRANT SELECT ON zoo.author TO PUBLIC;
RESET SESSION AUTHORIZATION;

ALTER DEFAULT PRIVILEGES FOR ROLE :"ada" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE :"ada" GRANT SELECT ON TABLES TO :"bob" WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE :"ada" REVOKE ALL ON TABLES FROM :"ada";
ALTER DEFAULT PRIVILEGES FOR ROLE :"bob" IN SCHEMA zoo GRANT INSERT ON TABLES TO :"eve";
ALTER DEFAULT PRIVILEGES FOR ROLE :"bob" IN SCHEMA zoo, other GRANT USAGE ON SEQUENCES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE :"eve" REVOKE USAGE ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE :"eve" GRANT USAGE ON SCHEMAS TO :"bob";
-- Made under them.
SET SESSION AUTHORIZATION :"ada";
CREATE TABLE zoo.made_by_ada (id integer);
CREATE FUNCTION zoo.made_by_ada() RETURNS integer LANGUAGE sql AS 'SELECT 1';
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION :"bob";
CREATE TABLE zoo.made_by_bob (id serial, note text);
RESET SESSION AUTHORIZATION;

REFRESH MATERIALIZED VIEW zoo.counted;
REFRESH MATERIALIZED VIEW zoo.on_materialised;
