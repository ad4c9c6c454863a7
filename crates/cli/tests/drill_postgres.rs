//! Drills of PostgreSQL, by the real program: on the server of the database, or on the one that `--scratch` names.

mod world;

use std::process::Command;
use std::time::Duration;

use dbbackup_testkit::killed::{Moment, signalled};
use dbbackup_testkit::postgres::{Database, PASSWORD, Server, Version, literal, quoted};
use fs_err as fs;
use serde_json::Value;
use world::{World, run, succeed};

const SHOP: &str = "
    CREATE TABLE orders (id serial PRIMARY KEY, note text);
    INSERT INTO orders (note) SELECT md5(n::text) FROM generate_series(1, 2000) AS n;";

/// A database whose owner may make others, as `shop` in `dbbackup.toml`.
struct Project {
    world: World,
    database: Database,
}

impl Project {
    fn new(server: &Server) -> Self {
        let database = server.owned_database("shop");
        server.psql("postgres", &format!("ALTER ROLE {} CREATEDB", quoted(database.owner())));
        server.try_psql(database.name(), database.owner(), SHOP).unwrap();
        let project = Self { world: World::new("DELETE", 3), database };
        fs::write(project.world.folder().join("password"), PASSWORD).unwrap();
        let url = project.url(project.database.name());
        let config = format!(
            "[databases.shop]\nurl = '{url}'\npassword_file = 'password'\n[databases.lite]\nurl = 'sqlite:///a.db'\n"
        );
        fs::write(project.world.folder().join("dbbackup.toml"), config).unwrap();
        project
    }

    /// Without the password.
    fn url(&self, database: &str) -> String {
        self.database
            .server()
            .url(database, self.database.owner())
            .replace(&encoded_password(self.database.server()), "")
    }

    fn dbbackup(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.dbbackup(arguments);
        let path = format!("{}:{}", self.database.server().bin().display(), std::env::var("PATH").unwrap());
        command.env("DBBACKUP_CONFIG", "dbbackup.toml").env("PATH", path).env_remove("PGPASSWORD");
        command
    }

    fn drill(&self, more: &[&str]) -> Command {
        let mut command = self.dbbackup(&["verify", "store", "--restore"]);
        command.args(more);
        command
    }

    fn require_tidy(&self) {
        let left = format!(
            "SELECT datname FROM pg_database WHERE datname LIKE 'dbbackup_scratch_%' AND datdba = {}::regrole",
            literal(&quoted(self.database.owner()))
        );
        assert_eq!(self.database.server().psql("postgres", &left), "");
    }
}

/// `:password`, as a URL has it.
fn encoded_password(server: &Server) -> String {
    let url = server.url("x", "y");
    let (_, rest) = url.split_once("//y").unwrap();
    rest.rsplit_once('@').unwrap().0.to_owned()
}

#[test]
fn a_backup_is_restored_on_the_server_of_its_name_or_on_another() {
    for server in Version::ALL.into_iter().filter_map(Server::start) {
        let project = Project::new(&server);
        succeed(&mut project.dbbackup(&["backup", "shop", "--to", "store", "--server", "web-1"]));
        succeed(&mut project.world.backup(&["--name", "lite"]));
        let before = project.database.dump_text();
        let ended = succeed(&mut project.drill(&[]));
        let lines: Vec<&str> = ended.stdout.lines().collect();
        assert!(
            lines[0].starts_with("restored lite-web-1-") && lines[0].contains("(1 table, 3 rows, as in"),
            "{ended:?}"
        );
        assert!(
            lines[1].starts_with("restored shop-web-1-") && lines[1].contains("(1 table, 2,000 rows, as in"),
            "{ended:?}"
        );
        assert!(lines[1].ends_with("PostgreSQL's constraints in the restored database)"), "{ended:?}");
        assert_eq!(ended.stderr, "");

        let url = project.url("");
        let mut elsewhere = project.drill(&["--scratch", &url, "--json"]);
        // It is not on a command line, and nobody is asked.
        let ended = succeed(elsewhere.env("PGPASSWORD", PASSWORD));
        let object: Value = serde_json::from_str(&ended.stdout).unwrap();
        let drills: Vec<&Value> = object["verified"].as_array().unwrap().iter().map(|one| &one["drill"]).collect();
        assert_eq!((drills[0]["rows"].as_u64(), drills[1]["rows"].as_u64()), (Some(3), Some(2000)), "{ended:?}");
        assert_eq!(drills[1]["foreign_keys"], drills[0]["foreign_keys"]);
        assert!(ended.stderr.contains("\"phase\":\"check\""), "{ended:?}");

        assert!(project.database.dump_text() == before);
        project.require_tidy();
        project.world.require_tidy("drills");
    }
}

#[test]
fn without_a_server_a_backup_is_read_and_what_to_name_is_said() {
    let Some(server) = Server::start(Version::V15) else { return };
    let project = Project::new(&server);
    succeed(&mut project.dbbackup(&["backup", "shop", "--to", "store", "--server", "web-1"]));
    let [config, aside] = ["dbbackup.toml", "aside.toml"].map(|name| project.world.folder().join(name));
    fs::rename(&config, &aside).unwrap();
    let ended = succeed(project.drill(&[]).env("DBBACKUP_CONFIG", ""));
    fs::rename(&aside, &config).unwrap();
    assert!(ended.stdout.starts_with("ok       shop-web-1-"), "{ended:?}");
    let note = "note: it was read and not restored: it is of PostgreSQL, and no server was named where a database can be \
        made for it (--scratch)";
    assert!(ended.stderr.contains(note), "{ended:?}");
    for (given, message) in
        [("lite", "cannot use --scratch for a SQLite database"), ("nothing", "cannot find database `nothing`")]
    {
        let ended = run(&mut project.drill(&["--scratch", given]));
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(ended.stderr.contains(message), "{ended:?}");
    }
    assert_eq!(run(&mut project.dbbackup(&["verify", "store", "--scratch", "shop"])).status.code(), Some(2));

    server.psql("postgres", &format!("ALTER ROLE {} NOCREATEDB", quoted(project.database.owner())));
    let ended = run(&mut project.drill(&[]));
    assert_eq!(ended.status.code(), Some(10), "{ended:?}");
    assert!(ended.stdout.starts_with("FAILED   shop-web-1-"), "{ended:?}");
    assert!(ended.stdout.contains(&format!("ALTER ROLE {} CREATEDB;", quoted(project.database.owner()))), "{ended:?}");
}

#[test]
fn a_signal_ends_a_drill_and_leaves_nothing() {
    let Some(server) = Server::start(Version::V15) else { return };
    let project = Project::new(&server);
    succeed(&mut project.dbbackup(&["backup", "shop", "--to", "store", "--server", "web-1"]));
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        for line in ["\"restore\"", "\"swap\""] {
            let moment = Moment { line: Some(line), delay: Duration::ZERO };
            let ended = signalled(&mut project.drill(&["--json"]), signal, &moment);
            assert!(ended.status.success() || ended.status.code() == Some(status), "{ended:?}");
            project.require_tidy();
        }
    }
}
