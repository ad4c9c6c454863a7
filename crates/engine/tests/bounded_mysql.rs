//! Constant memory, of MariaDB: what a process needs does not grow with the table that flows through it.

#[path = "servers/flood.rs"]
mod flood;

use dbbackup::source::mysql::{Connection, Mysql, Tools};
use dbbackup_testkit::mysql::Server;

#[test]
fn the_peak_does_not_grow_with_the_table() {
    let Some(server) = Server::start() else { return };
    let database = server.database("flood");
    let tools = Tools { folders: vec![server.bin().to_owned()], ..Tools::default() };
    flood::require_constant_memory(|mebibytes| {
        let rows = mebibytes * 1024;
        database.query(&format!(
            "DROP TABLE IF EXISTS flood; CREATE TABLE flood (n int PRIMARY KEY, t text, KEY by_t (t(9))) AS
             SELECT seq AS n, repeat(md5(seq), 32) AS t FROM seq_1_to_{rows}"
        ));
        let mut mysql = Mysql::new(Connection::from_url(&database.url()).unwrap()).with_tools(tools.clone());
        flood::out_and_in(&mut mysql, mebibytes);
        assert_eq!(database.query("SELECT count(*) FROM flood").trim(), rows.to_string());
    });
}
