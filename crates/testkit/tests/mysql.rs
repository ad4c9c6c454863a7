//! MariaDB servers for tests: they answer, keep tests apart, and never outlive them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dbbackup_testkit::killed::{Moment, eventually, processes, send, signalled};
use dbbackup_testkit::mysql::{Server, quoted};

/// Set for the process that a test starts of its own program.
const ROLE: &str = "DBBACKUP_TEST_USES_MARIADB";

#[test]
fn a_shared_server_is_started_once() {
    let Some(server) = Server::start() else { return };
    let ports: Vec<_> = (0..4)
        .map(|_| std::thread::spawn(|| Server::start().expect("it was there").port()))
        .map(|thread| thread.join().expect("it does not panic"))
        .collect();
    assert_eq!(ports, vec![server.port(); 4]);
    assert!(server.query("", "SELECT version(), @@event_scheduler").ends_with("ON\n"));
}

#[test]
fn nobody_enters_without_the_password() {
    let Some(server) = Server::start() else { return };
    let socket = format!("--socket={}", server.socket().display());
    for way in [["--protocol=tcp", "--compress"], ["--protocol=socket", &socket]] {
        let mut entering = server.client(server.superuser());
        entering.args(way).args(["--batch", "--skip-column-names", "--execute", "SELECT 1"]);
        let output = entering.output().expect("mariadb is there");
        assert_eq!(output.stdout, b"1\n", "{way:?}: {}", String::from_utf8_lossy(&output.stderr));
        let refused = entering.env_remove("MYSQL_PWD").output().expect("mariadb is there");
        assert!(!refused.status.success(), "{way:?}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("Access denied"), "{way:?}: {said}");
    }
    assert!(server.try_query("", "somebody", "SELECT 1").is_err());
}

#[test]
fn awkward_names_are_the_databases() {
    let Some(server) = Server::start() else { return };
    for name in ["it's `quoted`", "50% off; a/b?c=d#e @f:g\\h", "größer \"Ж\"", "a_b.c", &"x".repeat(63)] {
        let database = server.database(name);
        let user = database.user(name, &["ALL ON {database}.*"]);
        let said = server.try_query(database.name(), &user, "SELECT database(), substring_index(user(), '@', -1)");
        let escaped = database.name().replace('\\', "\\\\");
        assert_eq!(said, Ok(format!("{escaped}\t127.0.0.1\n")));
        let url = database.url_of(&user);
        assert!(url.starts_with("mysql://") && url.is_ascii() && !url.contains(' '), "{url}");
    }
}

#[test]
fn a_user_may_what_was_granted_and_nothing_is_left_in_the_end() {
    let Some(server) = Server::start() else { return };
    let (database, other) = (server.database("short_lived"), server.database("shortxlived"));
    database.query("CREATE TABLE mine (id int); CREATE TABLE others (id int)");
    let second = format!("{}__dbbackup_1", database.name());
    let reader = database.user("reader", &["SELECT ON {database}.mine"]);
    let owner = database.user("owner", &["ALL ON {database}.*", "ALL ON {seconds}.*"]);
    assert_eq!(server.try_query(database.name(), &reader, "SELECT * FROM mine"), Ok(String::new()));
    assert!(server.try_query(database.name(), &reader, "SELECT * FROM others").is_err());
    let made = format!("CREATE DATABASE {0}; CREATE TABLE {0}.t (id int)", quoted(&second));
    assert_eq!(server.try_query("", &owner, &made), Ok(String::new()));
    assert!(server.try_query(other.name(), &owner, "SELECT 1").is_err());
    assert!(server.try_query("", &owner, "CREATE DATABASE `xshort_lived__dbbackup_1`").is_err());
    assert_eq!(database.seconds(), [second.as_str()]);
    let name = database.name().to_owned();
    drop(database);
    let left = format!(
        "SELECT count(*) FROM (SELECT schema_name AS name FROM information_schema.schemata
        UNION SELECT user FROM mysql.user) AS names WHERE name IN ('{name}', '{second}', '{reader}', '{owner}')"
    );
    assert_eq!(server.query("", &left), "0\n");
}

#[test]
fn equal_databases_have_equal_text() {
    let Some(server) = Server::start() else { return };
    let [one, other] = [server.database("one"), server.database("other")];
    one.query("CREATE TABLE orders (id int, note text); INSERT INTO orders VALUES (1, 'a\nb'), (2, '')");
    other.query("CREATE TABLE orders (id int, note text); INSERT INTO orders VALUES (2, ''), (1, 'a\nb')");
    assert!(one.dump_text().contains("(1,'a\\nb')"), "{}", one.dump_text());
    assert_eq!(one.dump_text(), other.dump_text());
    other.query("UPDATE orders SET note = 'c'");
    assert_ne!(one.dump_text(), other.dump_text());
    let before = one.dump_text();
    one.query(&format!("ALTER DATABASE {} COLLATE utf8mb4_bin", quoted(one.name())));
    assert_ne!(one.dump_text(), before);
}

#[test]
fn connections_are_ended_in_one_database_only() {
    let Some(server) = Server::start() else { return };
    let [one, other] = [server.database("one"), server.database("other")];
    let sleep = |name: &str| {
        let mut session = server.client(server.superuser());
        session.args(["--execute", "SELECT sleep(20)", name]).stderr(Stdio::null()).stdout(Stdio::null());
        session.spawn().expect("mariadb is there")
    };
    let (mut ended, mut goes_on) = (sleep(one.name()), sleep(other.name()));
    assert!(eventually(|| one.kill_connections() == 1));
    assert!(!ended.wait().expect("it ends").success());
    assert!(goes_on.try_wait().expect("it can be asked").is_none());
    goes_on.kill().expect("it is ours");
    goes_on.wait().expect("it ends");
}

#[test]
fn a_lone_server_survives_a_crash_with_what_was_committed() {
    let Some(server) = Server::alone(&["--lower-case-table-names=1"]) else { return };
    assert_eq!(server.query("", "SELECT @@lower_case_table_names, @@innodb_doublewrite"), "1\t1\n");
    let port = server.port();
    let database = server.database("crashing");
    database.query("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)");
    server.crash();
    assert_eq!(database.query("SELECT * FROM kept"), "7\n");
    database.query("INSERT INTO kept VALUES (8)");
    server.crash();
    server.stop();
    assert!(server.try_query(database.name(), server.superuser(), "SELECT 1").is_err());
    server.restart();
    assert_eq!((database.query("SELECT * FROM kept"), server.port()), ("7\n8\n".to_owned(), port));
    server.stop();
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
    let Some(server) = Server::alone(&[]) else { return };
    eprintln!("folder {}", server.socket().display());
    std::thread::sleep(Duration::from_secs(20));
}

#[test]
fn a_server_ends_when_its_last_user_is_killed() {
    if Server::start().is_none() {
        return;
    }
    let mut user = Command::new(std::env::current_exe().expect("this program is there"));
    user.args(["a_user_of_a_server_waits_for_its_end", "--exact", "--nocapture"]).env(ROLE, "1");
    let ended = signalled(&mut user, "KILL", &Moment { line: Some("folder"), delay: Duration::ZERO });
    let socket = ended.stderr.lines().find_map(|line| line.split("folder ").nth(1)).expect("it started one");
    assert!(is_gone(Path::new(socket)));
    assert_eq!(processes(socket), [] as [u32; 0]);
}

#[test]
fn a_server_ends_when_its_keeper_is_killed() {
    let Some(server) = Server::alone(&[]) else { return };
    let socket = server.socket();
    let keeper = fs_err::read_to_string(socket.with_file_name("keeper")).expect("it was ready");
    send(keeper.trim().parse().expect("it is a number"), "KILL");
    assert!(eventually(|| processes(&format!("--socket={}", socket.display())).is_empty()));
    let folder = socket.parent().and_then(Path::parent).expect("it has one");
    std::fs::remove_dir_all(folder).expect("it is ours");
}

/// Waits until nothing is left of a server, whose socket was there.
fn is_gone(socket: &Path) -> bool {
    let folder = socket.parent().and_then(Path::parent).expect("it has one");
    eventually(|| !folder.exists())
}
