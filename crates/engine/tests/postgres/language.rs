//! Servers and programs that do not speak English: what failed is told all the same.

use std::ffi::OsString;
use std::io::Write as _;
use std::time::Duration;

use dbbackup::source::postgres::{Format, Tools};
use dbbackup::{Compression, ErrorKind};
use dbbackup_testkit::postgres::{Server, Version, quoted};

use crate::world::{World, postgres, postgres_as, shop, tools};

fn german(server: &Server) -> Tools {
    let env = [("LC_ALL", "C.UTF-8"), ("LC_MESSAGES", "C.UTF-8"), ("LANGUAGE", "de")];
    Tools { env: env.map(|(name, value)| (name.into(), value.into())).into(), ..tools(server) }
}

#[test]
fn errors_have_their_kinds_where_nobody_speaks_english() {
    let Some(server) = Server::speaking(Version::V15, "de") else { return };
    let database = shop(&server, true, 20);
    let said = server.try_psql(database.name(), database.owner(), "SELECT 1/0").unwrap_err();
    if !said.contains("Division durch Null") {
        writeln!(std::io::stderr(), "skipped: PostgreSQL has no German words here: {said}").unwrap();
        return;
    }
    let world = World::default();
    world.backup(&mut postgres(&database).with_tools(german(&server)), Compression::Zstd).unwrap();

    // Not even the owner may read it.
    let stranger = database.role("Fremder");
    for format in [Format::Custom, Format::Text] {
        let mut source = postgres_as(&database, &stranger).with_format(format).with_tools(german(&server));
        let error = World::default().backup(&mut source, Compression::Zstd).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
    let error = world.restore(&mut postgres_as(&database, &stranger)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");

    // No session is left to ask who is in the way.
    database.psql(&format!("ALTER ROLE {} CONNECTION LIMIT 3", quoted(database.owner())));
    let mut holder = server.tool("psql", database.name(), server.superuser());
    holder.args(["-XAtqc", "BEGIN; LOCK TABLE customer; SELECT pg_sleep(30)"]);
    let mut holder = holder.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let holds = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    assert!(dbbackup_testkit::killed::eventually(|| database.psql(holds).trim() == "1"));
    let mut source = postgres(&database).with_tools(german(&server)).with_lock_timeout(Duration::from_secs(2));
    let error = World::default().backup(&mut source, Compression::Zstd).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    let mut target = postgres(&database).with_tools(german(&server)).with_lock_timeout(Duration::from_secs(2));
    assert_eq!(world.restore(&mut target).unwrap_err().kind(), ErrorKind::Busy);
    database.kill_backends();
    holder.wait().unwrap();

    let option = vec![OsString::from("--no-such-option")];
    let mut target = postgres(&database).with_tools(german(&server)).with_options(Vec::new(), option, Vec::new());
    let error = world.restore(&mut target).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");

    for (url, kind) in [
        (server.url("keine", database.owner()), ErrorKind::Config),
        (server.url(database.name(), "niemand"), ErrorKind::Denied),
        (database.url().replace("secret", "wrong"), ErrorKind::Denied),
    ] {
        let connection = dbbackup::source::postgres::Connection::from_url(&url).unwrap();
        let mut source = dbbackup::source::postgres::Postgres::new(connection).with_tools(german(&server));
        let error = World::default().backup(&mut source, Compression::Zstd).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}
