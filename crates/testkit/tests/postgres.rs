//! Servers for tests: they answer, keep tests apart, and never outlive them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dbbackup_testkit::killed::{Moment, eventually, processes, send, signalled};
use dbbackup_testkit::postgres::{Server, Version};

/// Set for the process that a test starts of its own program.
const ROLE: &str = "DBBACKUP_TEST_USES_A_SERVER";

#[test]
fn each_version_says_what_it_is() {
    for version in Version::ALL {
        let Some(server) = Server::start(version) else { continue };
        let said = server.psql("postgres", "SHOW server_version");
        assert!(said.starts_with(&version.to_string()), "{version}: {said}");
    }
}

#[test]
fn a_shared_server_is_started_once() {
    let Some(server) = Server::start(Version::V15) else { return };
    let ports: Vec<_> = (0..4)
        .map(|_| std::thread::spawn(|| Server::start(Version::V15).expect("it was there").port()))
        .map(|thread| thread.join().expect("it does not panic"))
        .collect();
    assert_eq!(ports, vec![server.port(); 4]);
}

#[test]
fn nobody_enters_without_the_password() {
    for version in Version::ALL {
        let Some(server) = Server::start(version) else { continue };
        for host in [server.host().to_owned(), server.socket().display().to_string()] {
            let mut entering = server.tool("psql", "postgres", server.superuser());
            entering.env("PGHOST", &host).args(["-XAtq", "--no-password", "-c", "SELECT 1"]);
            assert_eq!(entering.output().expect("psql is there").stdout, b"1\n", "{host}");
            let refused = entering.env_remove("PGPASSWORD").output().expect("psql is there");
            assert!(!refused.status.success(), "{host}");
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(said.contains("password"), "{host}: {said}");
        }
    }
}

#[test]
fn awkward_names_work_in_urls_too() {
    let Some(server) = Server::start(Version::V15) else { return };
    for name in ["it's \"quoted\"", "50% off; a/b?c=d#e @f:g\\h", "größer 🐘", &"x".repeat(63)] {
        let database = server.owned_database(name);
        let mut command = server.tool("psql", "not this one", "nor this one");
        command.args(["-XAtq", "-c", "SELECT current_database(), current_user", "-d", &database.url()]);
        let output = command.output().expect("psql is there");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said, format!("{}|{}\n", database.name(), database.owner()), "{output:?}");
    }
}

#[test]
fn an_owner_is_no_superuser_and_both_are_gone_in_the_end() {
    let Some(server) = Server::start(Version::V18) else { return };
    let database = server.owned_database("short lived");
    let (name, owner) = (database.name().to_owned(), database.owner().to_owned());
    let role = database.role("ada");
    let made = server.try_psql(&name, &owner, "CREATE TABLE mine (id int); CREATE SCHEMA own; SHOW is_superuser");
    assert_eq!(made.as_deref(), Ok("off\n"));
    assert!(server.try_psql(&name, &owner, "CREATE ROLE other").is_err());
    database.psql(&format!("GRANT SELECT ON mine TO \"{role}\""));
    drop(database);
    let left = server.psql(
        "postgres",
        &format!(
            "SELECT count(*) FROM (SELECT datname AS name FROM pg_database UNION SELECT rolname FROM pg_roles) AS names
            WHERE name IN ('{name}', '{owner}', '{role}')"
        ),
    );
    assert_eq!(left, "0\n");
}

#[test]
fn equal_databases_have_equal_text() {
    for version in Version::ALL {
        let Some(server) = Server::start(version) else { continue };
        let [one, other] = [server.database("one"), server.database("other")];
        for database in [&one, &other] {
            database.psql("CREATE TABLE orders (id int PRIMARY KEY, note text); INSERT INTO orders VALUES (1, 'a\nb')");
        }
        assert!(one.dump_text().contains("1\ta\\nb\n"), "{}", one.dump_text());
        assert_eq!(one.dump_text(), other.dump_text());
        other.psql("UPDATE orders SET note = 'c'");
        assert_ne!(one.dump_text(), other.dump_text());
    }
}

#[test]
fn sessions_are_ended_in_one_database_only() {
    let Some(server) = Server::start(Version::V15) else { return };
    let [one, other] = [server.database("one"), server.database("other")];
    let sleep = |name: &str| {
        let mut session = server.tool("psql", name, server.superuser());
        session.args(["-Xq", "-c", "SELECT pg_sleep(20)"]).stderr(Stdio::null()).spawn().expect("psql is there")
    };
    let (mut ended, mut goes_on) = (sleep(one.name()), sleep(other.name()));
    assert!(eventually(|| one.kill_backends() == 1));
    assert!(!ended.wait().expect("it ends").success());
    assert!(goes_on.try_wait().expect("it can be asked").is_none());
    goes_on.kill().expect("it is ours");
    goes_on.wait().expect("it ends");
}

#[test]
fn a_lone_server_survives_a_crash_with_what_was_committed() {
    let Some(server) = Server::alone(Version::V18, &["fsync=on"]) else { return };
    assert_eq!(server.psql("postgres", "SHOW fsync"), "on\n");
    let database = server.database("crashing");
    database.psql("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)");
    server.crash();
    assert_eq!(database.psql("SELECT * FROM kept"), "7\n");
    server.stop();
    assert!(server.try_psql(database.name(), server.superuser(), "SELECT 1").is_err());
    let folder = server.socket();
    drop((database, server));
    assert!(is_gone(&folder));
}

/// The process that the test below kills.
#[test]
fn a_user_of_a_server_waits_for_its_end() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let Some(server) = Server::alone(Version::V15, &[]) else { return };
    eprintln!("folder {}", server.socket().display());
    std::thread::sleep(Duration::from_secs(20));
}

#[test]
fn a_server_ends_when_its_last_user_is_killed() {
    if Server::start(Version::V15).is_none() {
        return;
    }
    let mut user = Command::new(std::env::current_exe().expect("this program is there"));
    user.args(["a_user_of_a_server_waits_for_its_end", "--exact", "--nocapture"]).env(ROLE, "1");
    let ended = signalled(&mut user, "KILL", &Moment { line: Some("folder"), delay: Duration::ZERO });
    let folder = ended.stderr.lines().find_map(|line| line.split("folder ").nth(1)).expect("it started one");
    assert!(is_gone(Path::new(folder)));
    assert_eq!(processes(folder), [] as [u32; 0]);
}

#[test]
fn a_server_ends_when_its_keeper_is_killed() {
    let Some(server) = Server::alone(Version::V15, &["max_connections=7"]) else { return };
    let folder = server.socket();
    let keeper = folder.parent().expect("it has one").display().to_string();
    let shells = || processes(&format!("{keeper}\0{}\0", server.bin().display()));
    // What it starts looks like itself at first.
    assert!(eventually(|| shells().len() == 1));
    send(shells()[0], "KILL");
    assert!(eventually(|| !folder.join("data/postmaster.pid").exists()));
    std::fs::remove_dir_all(keeper).expect("it is ours");
}

/// Waits until nothing is left of a server, whose socket was there.
fn is_gone(socket: &Path) -> bool {
    let folder = socket.parent().expect("it has one");
    eventually(|| !folder.exists())
}
