//! What every test here needs: a database that holds of everything a little, and a store in memory.

use std::sync::Arc;
use std::time::Duration;

use dbbackup::source::mysql::{Connection, Mysql, Tools};
use dbbackup::source::{Source, Target};
use dbbackup::store::Existing;
use dbbackup::{Backup, BackupName, Compression, Event, Memory, Phase, Progress, Receipt, Report, Result, Run};
use dbbackup_testkit::mysql::{Database, Server};

/// Where backups go, and what watches the runs.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) store: Memory,
    pub(crate) run: Run,
}

impl World {
    /// Stores `source` as the backup `a`.
    pub(crate) fn backup(&self, source: &mut dyn Source, compression: Compression) -> Result<Receipt> {
        let request = Backup {
            kind: dbbackup::manifest::Kind::Database,
            reason: dbbackup::manifest::Reason::Asked,
            name: BackupName::Given { name: "a".to_owned(), existing: Existing::Replace },
            alias: "shop".to_owned(),
            database: "shop".to_owned(),
            servername: "web-1".to_owned(),
            source_id: None,
            compression,
            recipients: dbbackup::Recipients::Everybody,
            metadata: serde_json::Map::new(),
        };
        dbbackup::backup(&request, source, &self.store, &self.run)
    }

    /// Restores the backup `a`.
    pub(crate) fn restore(&self, target: &mut dyn Target) -> Result<Report> {
        dbbackup::restore("a", target, &self.store, &self.run)
    }

    /// Restores a file that has no manifest, as somebody else's tool leaves it.
    pub(crate) fn restore_plain(&self, bytes: impl Into<Vec<u8>>, target: &mut dyn Target) -> Result<Report> {
        self.store.insert("plain", bytes.into());
        dbbackup::restore("plain", target, &self.store, &self.run)
    }

    /// Returns the text of the backup `a`, which was stored as it is.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.store.bytes("a").unwrap()).unwrap()
    }

    /// Calls `act` once, when half of a backup's `total` plain bytes have been read for a restore.
    pub(crate) fn at_half(total: u64, act: impl Fn() + Send + Sync + 'static) -> Self {
        let once = std::sync::Once::new();
        Self::watched(move |event| {
            if event.phase == Phase::Restore && event.done >= total / 2 {
                once.call_once(&act);
            }
        })
    }

    /// Calls `listener` with every event of a run.
    pub(crate) fn watched(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self { run: Run { progress: Arc::new(Listener(listener)), ..Run::default() }, ..Self::default() }
    }

    /// The same runs, with the backups of another world.
    pub(crate) fn with_store_of(self, other: &Self) -> Self {
        Self { store: other.store.clone(), ..self }
    }
}

struct Listener<F>(F);

impl<F: Fn(Event) + Send + Sync> Progress for Listener<F> {
    fn tell(&self, event: Event) {
        (self.0)(event);
    }
}

/// Names a database, as the superuser.
pub(crate) fn mysql(database: &Database) -> Mysql {
    mysql_at(&database.url(), database.server())
}

pub(crate) fn mysql_at(url: &str, server: &Server) -> Mysql {
    let tools = Tools { folders: vec![server.bin().to_owned()], ..Tools::default() };
    Mysql::new(Connection::from_url(url).unwrap()).with_tools(tools).with_lock_timeout(Duration::from_secs(20))
}

/// Makes a database whose `rows` orders take about 100 bytes each.
pub(crate) fn shop(server: &Server, rows: u32) -> Database {
    let database = server.database("shop");
    shop_of(&database, server.superuser(), rows);
    database
}

/// Fills a database as `user`, whose all of it is.
pub(crate) fn shop_of(database: &Database, user: &str, rows: u32) {
    let sql = SHOP.replace("{rows}", &rows.to_string());
    database.server().try_query(database.name(), user, &sql).unwrap();
}

/// Changes everything: rows, tables, triggers, views.
pub(crate) fn move_on(database: &Database) {
    database.query(MOVE_ON);
}

const SHOP: &str = r"
SET NAMES utf8mb4;
CREATE TABLE customer (
  id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(191) CHARACTER SET utf8mb4 NOT NULL, loud varchar(191) AS (upper(name)) PERSISTENT,
  UNIQUE KEY by_name (name), KEY by_loud (loud));
CREATE TABLE `or``der` (
  id int AUTO_INCREMENT PRIMARY KEY, customer bigint NOT NULL, note text, count int DEFAULT 1, bytes blob,
  KEY by_count (count), FULLTEXT KEY words (note), CONSTRAINT own FOREIGN KEY (customer) REFERENCES customer (id) ON DELETE CASCADE);
ALTER TABLE customer ADD best int, ADD CONSTRAINT best FOREIGN KEY (best) REFERENCES `or``der` (id);
CREATE VIEW b AS SELECT name FROM customer;
CREATE VIEW a AS SELECT name FROM b;
INSERT INTO customer (name) SELECT concat('customer ', seq, '\'\\ \n;-- ü') FROM seq_1_to_10;
INSERT INTO `or``der` (customer, note, bytes) SELECT seq % 10 + 1, concat(md5(seq), md5(seq + 1)), unhex('00ff270a') FROM seq_1_to_{rows};
UPDATE customer SET best = id WHERE id <= {rows};
CREATE TABLE counted (n int);
INSERT INTO counted VALUES (0);
CREATE SEQUENCE numbers START WITH 7;
DO NEXTVAL(numbers);
DELIMITER ;;
CREATE TRIGGER counts AFTER INSERT ON `or``der` FOR EACH ROW BEGIN UPDATE counted SET n = n + 1; END;;
CREATE TRIGGER more AFTER INSERT ON `or``der` FOR EACH ROW FOLLOWS counts UPDATE counted SET n = n + 10;;
CREATE PROCEDURE p (IN x int) BEGIN SELECT x; SELECT ';'; END;;
CREATE FUNCTION f () RETURNS int DETERMINISTIC RETURN 5;;
CREATE EVENT often ON SCHEDULE EVERY 1 SECOND DO UPDATE counted SET n = n + 0;;
DELIMITER ;
CREATE VIEW called AS SELECT f() AS five;
";

pub(crate) const MOVE_ON: &str = r"
SET foreign_key_checks = 0;
DELETE FROM `or``der` WHERE id % 2 = 0;
UPDATE customer SET name = concat('changed ', id);
INSERT INTO customer (name) VALUES ('new');
DROP VIEW a;
DROP TRIGGER more;
ALTER TABLE counted ADD more int DEFAULT 3;
CREATE TRIGGER later BEFORE UPDATE ON customer FOR EACH ROW SET NEW.best = NULL;
CREATE VIEW late AS SELECT count(*) FROM customer;
DROP PROCEDURE p;
";
