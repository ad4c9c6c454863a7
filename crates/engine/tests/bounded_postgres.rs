//! Constant memory, of PostgreSQL: what a process needs does not grow with the table that flows through it.

#[path = "servers/flood.rs"]
mod flood;

use dbbackup::source::postgres::{Connection, Format, Postgres, Tools};
use dbbackup_testkit::postgres::{Server, Version};

#[test]
fn the_peak_does_not_grow_with_the_table() {
    let Some(server) = Server::start(Version::V15) else { return };
    let database = server.database("flood");
    let tools = Tools { folders: vec![server.bin().to_owned()], ..Tools::default() };
    flood::require_constant_memory(|mebibytes| {
        database.psql(&format!(
            "DROP TABLE IF EXISTS flood; CREATE UNLOGGED TABLE flood AS SELECT n, repeat(md5(n::text), 32) AS t
             FROM generate_series(1, {mebibytes} * 1024) AS n"
        ));
        for format in [Format::Custom, Format::Text] {
            let connection = Connection::from_url(&database.url()).unwrap();
            let mut postgres = Postgres::new(connection).with_tools(tools.clone()).with_format(format);
            flood::out_and_in(&mut postgres, mebibytes);
        }
        assert_eq!(database.psql("SELECT count(*) FROM flood").trim(), (mebibytes * 1024).to_string());
    });
}
