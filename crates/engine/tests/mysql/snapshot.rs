//! A backup is of one moment, while others write, and they go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};

use dbbackup::{Compression, ErrorKind};
use dbbackup_testkit::killed::eventually;
use dbbackup_testkit::mysql::{Database, Server};

use crate::border::Client;
use crate::world::{World, mysql, shop};

/// Accounts in two tables, and money that goes from one to the other and is booked in a third one.
const BANK: &str = "\
CREATE TABLE a_side (id int PRIMARY KEY, money bigint, filler char(200) DEFAULT 'x');
CREATE TABLE z_side LIKE a_side;
CREATE TABLE m_booked (id bigint AUTO_INCREMENT PRIMARY KEY);
CREATE TABLE zz_booked (id bigint AUTO_INCREMENT PRIMARY KEY);
INSERT INTO a_side (id, money) SELECT seq, 1000 FROM seq_1_to_20000;
INSERT INTO z_side SELECT * FROM a_side;
DELIMITER //
CREATE PROCEDURE move_money(n int)
BEGIN
  WHILE n > 0 DO
    START TRANSACTION;
    UPDATE a_side SET money = money - 7 WHERE id = 1 + n * 7919 % 20000;
    UPDATE z_side SET money = money + 7 WHERE id = 1 + n * 104729 % 20000;
    INSERT INTO m_booked VALUES ();
    INSERT INTO zz_booked VALUES ();
    COMMIT;
    SET n = n - 1;
  END WHILE;
END//
DELIMITER ;";

fn booked(database: &Database) -> u64 {
    database.query("SELECT count(*) FROM m_booked").trim().parse().unwrap()
}

#[test]
fn money_that_moves_while_it_is_backed_up_is_all_there() {
    let Some(server) = Server::start() else { return };
    let database = server.database("bank");
    database.query(BANK);
    let (is_over, copy) = (AtomicBool::new(false), server.database("copy"));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // Two that wait for each other's rows are told.
                    let _deadlock = server.try_query(database.name(), server.superuser(), "CALL move_money(50)");
                }
            });
        }
        assert!(eventually(|| booked(&database) > 100));
        for compression in [Compression::None, Compression::Zstd] {
            let (world, before) = (World::default(), booked(&database));
            let content = world.backup(&mut mysql(&database), compression).unwrap().record.content.unwrap();
            assert!(booked(&database) > before, "writers go on");
            world.restore(&mut mysql(&copy)).unwrap();
            let sums = "SELECT (SELECT sum(money) FROM a_side) + (SELECT sum(money) FROM z_side)";
            assert_eq!(copy.query(sums).trim(), "40000000");
            assert_eq!(content.tables["m_booked"], booked(&copy));
            assert_eq!(content.tables["m_booked"], content.tables["zz_booked"]);
            assert_eq!(copy.query("SELECT 20000000 - sum(money) FROM a_side").trim(), (booked(&copy) * 7).to_string());
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_backup_while_a_restore_is_at_its_end_is_refused() {
    let Some(server) = Server::start() else { return };
    let database = Arc::new(shop(&server, 10));
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::None).unwrap();
    let client = Client::of(&server);
    let folder = tempfile::tempdir().unwrap();
    let (there, go) = (folder.path().join("there"), folder.path().join("go"));
    let act = format!("touch '{}'; until [ -e '{}' ]; do sleep 0.01; done", there.display(), go.display());
    std::thread::scope(|scope| {
        let restoring =
            scope.spawn(|| world.restore(&mut client.acting(&database, "RENAME TABLE*", 1, &act)).map(drop));
        assert!(eventually(|| there.exists()));
        let error = World::default().backup(&mut mysql(&database), Compression::Zstd).unwrap_err();
        fs_err::write(&go, "").unwrap();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        restoring.join().unwrap().unwrap();
    });
    World::default().backup(&mut mysql(&database), Compression::Zstd).unwrap();
}

/// What is dumped after the exchange would be another moment's.
#[test]
fn a_backup_in_whose_middle_a_restore_ends_is_refused() {
    let Some(server) = Server::start() else { return };
    let database = Arc::new(server.database("bank"));
    database.query(BANK);
    let plain = World::default();
    let receipt = plain.backup(&mut mysql(&database), Compression::None).unwrap();
    let quarter = receipt.record.plain_bytes / 4;
    for began_before in [false, true] {
        ends_in_the_middle(&database, &plain, quarter, began_before);
    }
}

/// Backs up while a restore ends that began before, or that begins meanwhile.
fn ends_in_the_middle(database: &Arc<Database>, plain: &World, quarter: u64, began_before: bool) {
    database.query("UPDATE z_side SET money = 0");
    let folder = tempfile::tempdir().unwrap();
    let (there, go) = (folder.path().join("there"), folder.path().join("go"));
    let client = Client::of(database.server());
    let act = format!("touch '{}'; until [ -e '{}' ]; do sleep 0.01; done", there.display(), go.display());
    // All rows have been sent then.
    let mut target = client.acting(database, "DO 0", 1, &act);
    let again = World { store: plain.store.clone(), ..World::default() };
    let mut begin = Some(move || std::thread::spawn(move || again.restore(&mut target).map(drop)));
    let restoring = Arc::new(Mutex::new(None));
    if began_before {
        *restoring.lock().unwrap() = begin.take().map(|begin| begin());
        assert!(eventually(|| there.exists()));
    }
    let (once, begin, restored, started) =
        (Once::new(), Mutex::new(begin), Arc::clone(database), Arc::clone(&restoring));
    let world = World::watched(move |event| {
        if event.done < quarter {
            return;
        }
        once.call_once(|| {
            if let Some(begin) = begin.lock().unwrap().take() {
                *started.lock().unwrap() = Some(begin());
            }
            fs_err::write(&go, "").unwrap();
            let waiting = format!(
                "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'RENAME TABLE `{}`%'",
                restored.name()
            );
            assert!(eventually(|| restored.query(&waiting).trim() == "1"));
        });
    });
    let result = world.backup(&mut mysql(database), Compression::None);
    restoring.lock().unwrap().take().unwrap().join().unwrap().unwrap();
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{began_before}: {error}");
    assert!(world.store.bytes("a").is_none());
}
