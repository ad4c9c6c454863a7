-- What happens to the zoo after its backup: run on a database that zoo.sql filled. A restore has to undo what it changes
-- in what the backup knows; what it makes itself stays, unless the restore is exact.

SET NAMES utf8mb4;
SET time_zone = '+00:00', sql_mode = '', foreign_key_checks = 0;

DROP TRIGGER book_delete;
-- Its definer does not exist.
DROP TRIGGER book_deleted;
DROP TRIGGER book_second;
DROP TRIGGER book_third;
UPDATE every_type SET `varying` = 'moved; on', normal = normal + 1 WHERE normal < 100;
DELETE FROM every_type WHERE id = 5;
INSERT INTO every_type (`varying`) VALUES ('later');
UPDATE words SET any_case = CONCAT(any_case, ' later'), western_bytes = NULL;
DELETE FROM bytes WHERE number % 2;
UPDATE big_rows SET content = 'small';
INSERT INTO no_key VALUES (4, 'later');
UPDATE by_range SET day = '2031-01-01' WHERE id < 10;
DELETE FROM by_hash WHERE id > 10;
INSERT INTO author (name, favourite) VALUES ('Later', 10);
INSERT INTO book (author, title) VALUES (50, 'Later; book');
DELETE FROM book WHERE id = 12;
INSERT INTO versioned VALUES (3, 'later', NULL);
DELETE FROM versioned WHERE id = 1;
INSERT INTO empty_one (note) VALUES ('no more');
INSERT INTO in_myisam (grp, note) VALUES ('c', 'later');
TRUNCATE TABLE in_aria;
DO NEXTVAL(untouched), SETVAL(at_a_position, 500), NEXTVAL(all_options);
ALTER SEQUENCE `it's; a sequence` INCREMENT BY 20;

ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_bin COMMENT '';
ALTER TABLE author ADD COLUMN later VARCHAR(20) DEFAULT 'it''s; later' AFTER name, DROP FOREIGN KEY `it's a friend`,
  ADD CONSTRAINT later_check CHECK (born > 1900);
ALTER TABLE book MODIFY price DOUBLE, ADD COLUMN reviewed BOOL, ADD KEY later_key (price);
ALTER TABLE words CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
ALTER TABLE defaults DROP CONSTRAINT `is > 0; it's`, ALTER word SET DEFAULT 'later', DROP COLUMN part;
ALTER TABLE by_hash REMOVE PARTITIONING;
ALTER TABLE by_list DROP PARTITION even;
ALTER TABLE versioned DROP SYSTEM VERSIONING;
ALTER TABLE in_myisam ENGINE = InnoDB, DROP PRIMARY KEY, ADD KEY (id);
ALTER TABLE keys_of_all_kinds DROP KEY words, DROP KEY places, ADD KEY later_key (g), COMMENT = 'later; it''s';
RENAME TABLE at_its_end TO at_another_end;
DROP TABLE `100%_wild`, in_csv, loan;
DROP SEQUENCE untouched;
DROP VIEW a_books, `1 on all; it's`, distinct_kinds;
CREATE TABLE distinct_kinds (now_a INT PRIMARY KEY, `table` TEXT);
CREATE OR REPLACE VIEW checked AS SELECT id, title, author FROM book;
CREATE OR REPLACE VIEW of_somebody AS SELECT 2 AS two;
DROP TABLE no_key;
CREATE VIEW no_key AS SELECT 1 AS now_a_view;

CREATE TABLE later_refers (
  id INT AUTO_INCREMENT PRIMARY KEY, author INT, book INT, word VARCHAR(20) CHARACTER SET latin1,
  CONSTRAINT later_author FOREIGN KEY (author) REFERENCES author (id) ON DELETE CASCADE,
  CONSTRAINT `it's; later's book` FOREIGN KEY (book) REFERENCES book (id) ON DELETE SET NULL ON UPDATE CASCADE,
  FOREIGN KEY (word) REFERENCES western (word) ON DELETE RESTRICT
);
INSERT INTO later_refers (author, book, word) VALUES (1, 10, 'äöü'), (50, 4000, NULL), (NULL, NULL, NULL);
CREATE TABLE `it's; later` (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES `it's; later` (id));
INSERT INTO `it's; later` VALUES (1, 1);
CREATE TABLE later_copy LIKE every_type;
CREATE SEQUENCE later_sequence START WITH 9;
CREATE TABLE later_numbers (id INT DEFAULT (NEXTVAL(later_sequence)), old INT DEFAULT (NEXTVAL(at_a_position)));
CREATE VIEW later_view AS SELECT l.id, a.later, b.reviewed FROM later_refers AS l LEFT JOIN author AS a ON a.id = l.author
  LEFT JOIN book AS b ON b.id = l.book;
CREATE VIEW later_on_old AS SELECT name FROM books;

DROP TRIGGER of_latin1;
DROP TRIGGER book_update;
DROP PROCEDURE empty_body;
DROP FUNCTION IF EXISTS in_oracle;
DROP EVENT far_away;
ALTER EVENT every_day DISABLE COMMENT 'later';
ALTER EVENT stopped RENAME TO stopped_later;
DELIMITER $$
CREATE TRIGGER book_update BEFORE UPDATE ON book FOR EACH ROW BEGIN SET NEW.price = 0; SET @later = 'x;'; END$$
CREATE TRIGGER later_on_old BEFORE INSERT ON words FOR EACH ROW SET NEW.old = 'later; it''s'$$
CREATE TRIGGER later_first BEFORE INSERT ON author FOR EACH ROW PRECEDES `in; ansi ``mode```
  INSERT INTO later_refers (word) VALUES (NULL)$$
CREATE TRIGGER later_own AFTER INSERT ON later_refers FOR EACH ROW BEGIN UPDATE author SET later = ';' WHERE id = NEW.author; END$$
CREATE OR REPLACE FUNCTION price_of(number INT) RETURNS DECIMAL(8, 2) RETURN 0$$
CREATE OR REPLACE PROCEDURE the_same_name() SELECT 'another; now'$$
CREATE FUNCTION later_function() RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM later_refers)$$
CREATE PROCEDURE later_procedure() BEGIN INSERT INTO book (author, title) VALUES (1, 'by; it'); END$$
CREATE EVENT later_event ON SCHEDULE EVERY 1 DAY STARTS '2036-01-01 00:00:00' ON COMPLETION PRESERVE DO SET @later = ';'$$
CREATE EVENT later_disabled ON SCHEDULE AT '2037-01-01 00:00:00' DISABLE DO BEGIN DO 1; END$$
DELIMITER ;
