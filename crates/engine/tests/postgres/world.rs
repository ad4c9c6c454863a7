//! What every test here needs: a database that holds of everything a little.

use std::time::Duration;

use dbbackup::Compression;
use dbbackup::source::postgres::{Connection, Format, Postgres, Tools};
use dbbackup_testkit::postgres::{Database, Server, Version};

pub(crate) use crate::servers::World;

/// Both servers, as far as they are installed.
pub(crate) fn servers() -> impl Iterator<Item = Server> {
    Version::ALL.into_iter().filter_map(Server::start)
}

/// Returns the text of a backup made for this.
pub(crate) fn text_of(database: &Database) -> String {
    let world = World::default();
    world.backup(&mut postgres(database).with_format(Format::Text), Compression::None).unwrap();
    world.text()
}

/// Names a database, as its owner.
pub(crate) fn postgres(database: &Database) -> Postgres {
    postgres_as(database, database.owner())
}

pub(crate) fn postgres_as(database: &Database, user: &str) -> Postgres {
    let connection = Connection::from_url(&database.server().url(database.name(), user)).unwrap();
    Postgres::new(connection).with_tools(tools(database.server())).with_lock_timeout(Duration::from_secs(20))
}

/// The programs of a server beside those that are installed anyway.
pub(crate) fn tools(server: &Server) -> Tools {
    Tools { folders: vec![server.bin().to_owned()], ..Tools::default() }
}

/// Makes a database whose `rows` orders take about 100 bytes each, owned by a role of its own or by the superuser.
pub(crate) fn shop(server: &Server, is_owned: bool, rows: u32) -> Database {
    let database = if is_owned { server.owned_database("shop") } else { server.database("shop") };
    let sql = SHOP.replace("{rows}", &rows.to_string());
    server.try_psql(database.name(), database.owner(), &sql).unwrap();
    database
}

/// Changes everything: rows, tables, large objects.
pub(crate) fn move_on(database: &Database) {
    database.server().try_psql(database.name(), database.owner(), MOVE_ON).unwrap();
}

const SHOP: &str = r#"
CREATE TYPE mood AS ENUM ('sad', 'it''s ok');
CREATE TABLE customer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, mood mood DEFAULT 'it''s ok',
  loud text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE TABLE "Order" (
  id serial PRIMARY KEY, customer bigint NOT NULL REFERENCES customer DEFERRABLE INITIALLY DEFERRED,
  note text CHECK (note <> ''), count integer DEFAULT 1);
CREATE INDEX ON "Order" (customer);
CREATE SCHEMA "odd ""schema";
CREATE TABLE "odd ""schema"."a;b" (a integer, b bytea);
CREATE TABLE log (at date NOT NULL, entry text) PARTITION BY RANGE (at);
CREATE TABLE log_old PARTITION OF log FOR VALUES FROM ('2000-01-01') TO ('2025-01-01');
CREATE TABLE log_new PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2050-01-01');
CREATE VIEW sad AS SELECT name FROM customer WHERE mood = 'sad';
CREATE MATERIALIZED VIEW orders AS SELECT customer, count(*) FROM "Order" GROUP BY customer;
CREATE FUNCTION trim_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.note := btrim(NEW.note);
COMMIT;
  RETURN NEW;
END
$$;
CREATE TRIGGER trim_note BEFORE UPDATE ON "Order" FOR EACH ROW EXECUTE FUNCTION trim_note();
COMMENT ON TABLE customer IS E'what pays\nCOMMIT;\n\\.\n';
INSERT INTO customer (name) SELECT 'customer ' || n || E'\t\\N\nCOMMIT;\n\\.\n' FROM generate_series(1, 10) AS n;
INSERT INTO "Order" (customer, note) SELECT n % 10 + 1, md5(n::text) || md5((n + 1)::text) FROM generate_series(1, {rows}) AS n;
INSERT INTO "odd ""schema"."a;b" VALUES (1, '\x000aff'), (NULL, NULL);
INSERT INTO log SELECT '2024-12-01'::date + n, 'entry ' || n FROM generate_series(1, 60) AS n;
SELECT lo_from_bytea(4711, decode(md5('large') || '00ff', 'hex'));
SELECT lo_from_bytea(0, convert_to(repeat('object', 3000), 'UTF8'));
REFRESH MATERIALIZED VIEW orders;
"#;

const MOVE_ON: &str = r#"
DELETE FROM "Order" WHERE id % 2 = 0;
UPDATE customer SET name = 'changed ' || id, mood = 'sad';
INSERT INTO customer (name) VALUES ('new');
DROP VIEW sad;
CREATE TABLE later (id integer PRIMARY KEY, customer bigint REFERENCES customer);
INSERT INTO later VALUES (1, 2);
ALTER TABLE log ADD COLUMN more integer DEFAULT 3;
ALTER TYPE mood ADD VALUE 'new';
CREATE SCHEMA later;
CREATE VIEW later.names AS SELECT name FROM customer;
SELECT lo_unlink(4711);
SELECT lo_from_bytea(0, 'later');
"#;
