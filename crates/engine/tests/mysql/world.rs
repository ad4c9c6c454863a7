//! What every test here needs: a database that holds of everything a little.

use std::time::Duration;

use dbbackup::source::mysql::{Connection, Mysql, Tools};
use dbbackup_testkit::mysql::{Database, Server};

pub(crate) use crate::servers::World;

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
