//! Drills of MySQL, by the real program: on the server of the database, or on the one that `--scratch` names.

mod world;

use std::process::Command;
use std::time::Duration;

use dbbackup_testkit::killed::{Moment, signalled};
use dbbackup_testkit::mysql::{Database, PASSWORD, Server, literal, quoted};
use fs_err as fs;
use serde_json::Value;
use world::{World, run, succeed};

const SHOP: &str = "
    CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, note text);
    INSERT INTO orders (note) SELECT md5(seq) FROM seq_1_to_2000;";

/// A database whose user may make others for drills, as `shop` in `dbbackup.toml`.
struct Project {
    world: World,
    database: Database,
    user: String,
}

impl Project {
    fn new(server: &Server) -> Self {
        let database = server.database("shop");
        database.query(SHOP);
        let user = database.user("ada", &["ALL ON {database}.*", "ALL ON `dbbackup\\_scratch\\_%`.*"]);
        let project = Self { world: World::new("DELETE", 3), database, user };
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
        let Self { database: own, user, .. } = self;
        format!("mysql://{user}@{}:{}/{database}", own.server().host(), own.server().port())
    }

    fn dbbackup(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.dbbackup(arguments);
        let path = format!("{}:{}", self.database.server().bin().display(), std::env::var("PATH").unwrap());
        command.env("DBBACKUP_CONFIG", "dbbackup.toml").env("PATH", path);
        command
    }

    fn drill(&self, more: &[&str]) -> Command {
        let mut command = self.dbbackup(&["verify", "store", "--restore"]);
        command.args(more);
        command
    }

    fn require_tidy(&self) {
        let left = format!(
            "SELECT table_schema FROM information_schema.tables WHERE table_name = 'dbbackup_scratch_mark'
            AND table_comment LIKE {}",
            literal(&format!("% as {}@%", self.user))
        );
        assert_eq!(self.database.server().query("", &left), "");
    }
}

#[test]
fn a_backup_is_restored_on_the_server_of_its_name_or_on_another() {
    let Some(server) = Server::start() else { return };
    let project = Project::new(&server);
    succeed(&mut project.dbbackup(&["backup", "shop", "--to", "store", "--server", "web-1"]));
    succeed(&mut project.world.backup(&["--name", "lite"]));
    let before = project.database.dump_text();
    let ended = succeed(&mut project.drill(&[]));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("restored lite-web-1-") && lines[0].contains("(1 table, 3 rows, as in"), "{ended:?}");
    assert!(lines[1].starts_with("restored shop-web-1-"), "{ended:?}");
    assert!(lines[1].contains("(1 table, 2,000 rows, as in its manifest; "), "{ended:?}");
    assert!(lines[1].ends_with("MySQL's constraints in the restored database)"), "{ended:?}");
    assert_eq!(ended.stderr, "");

    // Its own server is not asked: the password is not there.
    fs::remove_file(project.world.folder().join("password")).unwrap();
    let password = PASSWORD.replace('\\', "\\\\").replace('"', "\\\"");
    fs::write(project.world.folder().join(".my.cnf"), format!("[client]\npassword=\"{password}\"\n")).unwrap();
    let url = project.url("");
    let mut elsewhere = project.drill(&["--scratch", &url, "--json"]);
    let ended = succeed(elsewhere.env("HOME", project.world.folder()));
    let object: Value = serde_json::from_str(&ended.stdout).unwrap();
    let drills: Vec<&Value> = object["verified"].as_array().unwrap().iter().map(|one| &one["drill"]).collect();
    assert_eq!((drills[0]["rows"].as_u64(), drills[1]["rows"].as_u64()), (Some(3), Some(2000)), "{ended:?}");
    assert_eq!(drills[1]["foreign_keys"], drills[0]["foreign_keys"]);
    assert!(ended.stderr.contains("\"phase\":\"check\""), "{ended:?}");

    assert_eq!(project.database.dump_text(), before);
    project.require_tidy();
    project.world.require_tidy("drills");
}

#[test]
fn without_a_server_or_rights_it_is_said_what_to_name_or_to_grant() {
    let Some(server) = Server::start() else { return };
    let project = Project::new(&server);
    succeed(&mut project.dbbackup(&["backup", "shop", "--to", "store", "--server", "web-1"]));
    let [config, aside] = ["dbbackup.toml", "aside.toml"].map(|name| project.world.folder().join(name));
    fs::rename(&config, &aside).unwrap();
    let ended = succeed(project.drill(&[]).env("DBBACKUP_CONFIG", ""));
    fs::rename(&aside, &config).unwrap();
    assert!(ended.stdout.starts_with("ok       shop-web-1-"), "{ended:?}");
    let note = "note: it was read and not restored: it is of MySQL, and no server was named where a database can be \
        made for it (--scratch)";
    assert!(ended.stderr.contains(note), "{ended:?}");

    let account = format!("{}@'%'", literal(&project.user));
    server.query("", &format!("REVOKE ALL ON {}.* FROM {account}", quoted("dbbackup\\_scratch\\_%")));
    let ended = run(&mut project.drill(&[]));
    assert_eq!(ended.status.code(), Some(10), "{ended:?}");
    assert!(ended.stdout.starts_with("FAILED   shop-web-1-"), "{ended:?}");
    assert!(ended.stdout.contains(&format!("GRANT ALL ON `dbbackup\\_scratch\\_%`.* TO {account};")), "{ended:?}");
}

#[test]
fn a_signal_ends_a_drill_and_leaves_nothing() {
    let Some(server) = Server::start() else { return };
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
