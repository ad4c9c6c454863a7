-- A database with one of everything that MariaDB 10.11 has, for tests of exact backups. Loads on 10.11 and later:
--
--   mariadb --binary-mode EMPTY-DATABASE < zoo.sql
--
-- as a superuser. The database's own character set and comment are changed too.
--
-- Restored by `mariadb` from `mariadb-dump`, the database has the same text again. What is not exact there is left out:
--
--   * a FLOAT of more than six digits, which is dumped with six;
--   * rows of a table whose default takes from a sequence: they cannot be loaded under the dump's LOCK TABLES (error 1100);
--   * a view whose definer does not exist: it cannot be dumped at all (error 1449);
--   * old rows of system-versioned tables, which 10.11 leaves out, and explicit columns of their period;
--
-- Two things are there whose dump names the database that they come from: a routine of another database collation
-- (`ALTER DATABASE`), and a default that takes from a sequence. To load the dump into another, the name has to change.

SET NAMES utf8mb4;
SET time_zone = '+00:00', sql_mode = '', foreign_key_checks = 0, unique_checks = 1;
SET timestamp = 1700000000;

ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_german1_ci;
DELIMITER $$
CREATE FUNCTION of_another_time(word VARCHAR(20)) RETURNS VARCHAR(30) DETERMINISTIC RETURN CONCAT(word, ' ä')$$
DELIMITER ;
ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci COMMENT 'the zoo; it''s "one" of `everything`';

CREATE TABLE every_type (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  tiny TINYINT, small SMALLINT(3) UNSIGNED ZEROFILL, medium MEDIUMINT, normal INT, big BIGINT, bigger BIGINT UNSIGNED,
  exact DECIMAL(65, 30), money DECIMAL(10, 2) UNSIGNED, single FLOAT, single_of FLOAT(7, 2), dbl DOUBLE,
  dbl_of DOUBLE(20, 5), bits BIT(1), more_bits BIT(64), yes BOOLEAN,
  fixed CHAR(10), `varying` VARCHAR(300), bytes BINARY(5), varying_bytes VARBINARY(300),
  tiny_blob TINYBLOB, normal_blob BLOB, medium_blob MEDIUMBLOB, long_blob LONGBLOB,
  tiny_text TINYTEXT, normal_text TEXT, medium_text MEDIUMTEXT, long_text LONGTEXT,
  choice ENUM('a', 'it''s; "b"', 'back\\slash', '', 'größer'), choices SET('x', 'y;z', 'ü'),
  day DATE, moment DATETIME, moment6 DATETIME(6), stamp TIMESTAMP NULL, stamp3 TIMESTAMP(3) NULL DEFAULT NULL,
  clock TIME, clock6 TIME(6), yearly YEAR, doc JSON, unique_id UUID, address4 INET4, address6 INET6,
  place POINT, way LINESTRING, area POLYGON, places MULTIPOINT, ways MULTILINESTRING, areas MULTIPOLYGON,
  anything GEOMETRY, things GEOMETRYCOLLECTION
) AUTO_INCREMENT = 1000 COMMENT = 'quotes '' " ` \\ ; -- /* */ größer';

INSERT INTO every_type VALUES (
  NULL, -128, 7, -8388608, -2147483648, -9223372036854775808, 18446744073709551615,
  -99999999999999999999999999999999999.999999999999999999999999999999, 99999999.99, 1.17549e-38, -12345.67,
  2.2250738585072014e-308, 123456789012345.12345, b'1', x'8000000000000001', TRUE,
  'trailing  ', 'emoji 🐘 größer \\ \' " ` \n\r\t\0\Z%_', 'ab', UNHEX('00FF0A0D27225C1A'),
  UNHEX('00'), 'plain', UNHEX('DEADBEEF'), '', 'tiny', '-- not a comment', '/*!50000 nor this */', '# nor; DELIMITER $$\nthis',
  'it''s; "b"', 'x,ü', '0000-00-00', '0000-00-00 00:00:00', '9999-12-31 23:59:59.999999', '1970-01-01 00:00:01',
  '2038-01-19 03:14:07.999', '-838:59:59', '838:59:59.999999', 1901,
  '{"b": 1,  "a": "keeps \\" its \\u00e9 🐘 spaces", "b": [null, 1e400]}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
  '255.255.255.255', '::ffff:1.2.3.4', POINT(1.1, -2e300), ST_GeomFromText('LINESTRING(0 0,1 1)'),
  ST_GeomFromText('POLYGON((0 0,9 0,9 9,0 0),(1 1,2 1,2 2,1 1))'), ST_GeomFromText('MULTIPOINT(0 0,1 1)', 4326),
  ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))'), ST_GeomFromText('MULTIPOLYGON(((0 0,9 0,9 9,0 0)))'),
  POINT(0, 0), ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')
), (
  NULL, 127, 65535, 8388607, 2147483647, 9223372036854775807, 0, 0.000000000000000000000000000001, 0, -0.0, 0, -0.0,
  -0.1, b'0', 0, FALSE, '', '', '', '', '', '', '', REPEAT('b', 70000), '', '', '', REPEAT('ä;\n', 30000), '', '',
  '1000-01-01', '2024-02-29 12:00:00', '1999-12-31 23:59:59.000001', NULL, NULL, '00:00:00', '-00:00:00.000001', 0,
  '[]', '00000000-0000-0000-0000-000000000000', '0.0.0.0', '::', POINT(0, 0), NULL, NULL, NULL, NULL, NULL, NULL, NULL
), (
  4294967294, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.1, NULL, NULL, NULL, NULL, 'NULL', '\\N', NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2024-00-00', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  'null', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO every_type (id) VALUES (5);
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO every_type (id, `varying`) VALUES (0, 'a zero as key');
SET sql_mode = '';

CREATE TABLE defaults (
  id BIGINT NOT NULL DEFAULT (1 + 1), word VARCHAR(40) NOT NULL DEFAULT 'it''s; "x" `y` \\ \n',
  nothing VARCHAR(10) DEFAULT '', expression VARCHAR(80) DEFAULT (CONCAT('a;', UPPER('b'), "it's")),
  of_another VARCHAR(40) DEFAULT (LEFT(word, 3)), made_up UUID DEFAULT (UUID()), list TEXT DEFAULT ('[]'),
  created TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  changed TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  moment DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, zero TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00',
  bits BIT(3) DEFAULT b'101', bytes BINARY(2) DEFAULT x'00ff',
  hidden INT INVISIBLE DEFAULT 7, small_hidden VARCHAR(5) INVISIBLE COMMENT 'not; seen',
  packed TEXT COMPRESSED, packed_bytes VARBINARY(2000) /*M!100301 COMPRESSED*/ DEFAULT NULL,
  doubled INT GENERATED ALWAYS AS (id * 2) VIRTUAL, kept VARCHAR(90) AS (CONCAT(word, '; ''', nothing, '''')) PERSISTENT,
  part JSON AS (JSON_EXTRACT(list, '$[0]')) VIRTUAL COMMENT 'generated; "part"', hidden_sum INT AS (hidden + id) STORED INVISIBLE,
  CONSTRAINT `is > 0; it's` CHECK (id > 0 AND word <> 'it''s; "forbidden"'), CHECK (CHAR_LENGTH(nothing) < 9),
  limited INT CHECK (limited BETWEEN 1 AND 10), KEY (doubled), UNIQUE KEY (kept)
);
INSERT INTO defaults (id, word, created, changed, moment, made_up, packed, packed_bytes)
  SELECT seq, CONCAT('word ', seq), '2020-01-01', '2020-01-01', '2020-01-01', LPAD(seq, 32, '0'), REPEAT('packed ', 100),
    REPEAT(CHAR(seq), 1000) FROM seq_1_to_20;
INSERT INTO defaults (id, hidden, small_hidden, word, list, changed, created, made_up)
  VALUES (77, NULL, 'here', '', '["a"]', '2021-01-01', '2021-01-01', REPEAT('f', 32));
INSERT INTO defaults (id, word, nothing, zero, changed, created, made_up)
  VALUES (78, 'z', NULL, '0000-00-00 00:00:00', '2021-01-01', '2021-01-01', REPEAT('e', 32));

CREATE TABLE words (
  id INT PRIMARY KEY, any_case VARCHAR(50), exact_case VARCHAR(50) COLLATE utf8mb4_bin,
  western VARCHAR(50) CHARACTER SET latin1, western_bytes VARCHAR(300) CHARACTER SET latin1 COLLATE latin1_bin,
  swedish VARCHAR(50) COLLATE utf8mb4_swedish_ci, german VARCHAR(50) CHARACTER SET latin1 COLLATE latin1_german2_ci,
  old VARCHAR(50) CHARACTER SET utf8mb3, wide VARCHAR(50) CHARACTER SET utf16, ascii_only CHAR(5) CHARACTER SET ascii,
  japanese VARCHAR(50) CHARACTER SET sjis, no_pad VARCHAR(50) COLLATE utf8mb4_nopad_bin, cyrillic TEXT CHARACTER SET koi8r,
  turkish VARCHAR(9) COLLATE utf8mb4_turkish_ci, newest VARCHAR(50) COLLATE utf8mb4_uca1400_ai_ci, UNIQUE (any_case, old)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
INSERT INTO words VALUES
  (1, '🐘 elephant', 'Case', 'größer', NULL, 'Ångström', 'ß', 'Ж', '🐘', 'abc', '日本', 'pad ', 'Привет', 'ı', 'é'),
  (2, 'e\u0301', 'case', '', '', '', 'ss', '', '', '', '表示', 'pad', '', 'i', 'e');
INSERT INTO words (id, western_bytes)
  SELECT 3, CONVERT(UNHEX(GROUP_CONCAT(LPAD(HEX(seq), 2, '0') ORDER BY seq SEPARATOR '')) USING latin1) FROM seq_0_to_255;
CREATE TABLE western (word VARCHAR(20) PRIMARY KEY, note TEXT) CHARACTER SET latin1 COLLATE latin1_swedish_ci COMMENT 'größer';
INSERT INTO western VALUES ('äöü', '€ ‰'), ('naïve', NULL);

CREATE TABLE bytes (number SMALLINT UNSIGNED, one BINARY(1), two VARBINARY(2), many BLOB, KEY (one));
INSERT INTO bytes SELECT seq, CHAR(seq), CONCAT(CHAR(seq), CHAR(255 - seq)), REPEAT(CHAR(seq), seq) FROM seq_0_to_255;
INSERT INTO bytes SELECT 256, NULL, '', UNHEX(GROUP_CONCAT(LPAD(HEX(seq), 2, '0') ORDER BY seq SEPARATOR '')) FROM seq_0_to_255;
CREATE TABLE big_rows (id INT PRIMARY KEY, content LONGBLOB, note LONGTEXT);
INSERT INTO big_rows VALUES (1, REPEAT(UNHEX('00275C0A'), 786432), 'three megabytes; mostly to be escaped'),
  (2, NULL, REPEAT('it''s \\ "é"\n', 100000));

CREATE TABLE keys_of_all_kinds (
  a INT NOT NULL, b VARCHAR(200) NOT NULL, c VARCHAR(200), d TEXT, e POINT NOT NULL, f BLOB, g INT, h VARCHAR(20),
  PRIMARY KEY (b, a DESC), UNIQUE KEY nullable (c), UNIQUE KEY nullable_pair (g, h), KEY prefixed (d(20), f(10)),
  KEY `down; up` (g DESC, a ASC, h(3)), FULLTEXT KEY words (c, d), SPATIAL KEY places (e), KEY ignored_one (h) IGNORED,
  KEY commented (a) COMMENT 'it''s; a key', UNIQUE KEY by_hash (d) USING HASH, KEY (a, b, c(10))
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
INSERT INTO keys_of_all_kinds VALUES (1, 'one', NULL, 'some words; here', POINT(1, 1), 'x', NULL, 'h'),
  (2, 'one', NULL, 'other words', POINT(2, 1), NULL, NULL, 'h'), (3, 'three', 'set', NULL, POINT(3, 3), '', 3, NULL);

CREATE TABLE author (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) NOT NULL UNIQUE, favourite INT, friend INT, born YEAR,
  CONSTRAINT author_favourite FOREIGN KEY (favourite) REFERENCES book (id) ON DELETE SET NULL ON UPDATE CASCADE,
  CONSTRAINT `it's a friend` FOREIGN KEY (friend) REFERENCES author (id) ON DELETE SET NULL
) AUTO_INCREMENT = 50;
CREATE TABLE book (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, author INT NOT NULL, title VARCHAR(100), price DECIMAL(8, 2), sequel_of INT,
  CONSTRAINT book_author FOREIGN KEY (author) REFERENCES author (id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT book_sequel FOREIGN KEY (sequel_of) REFERENCES book (id) ON DELETE RESTRICT ON UPDATE NO ACTION,
  UNIQUE KEY (author, title)
) AUTO_INCREMENT = 4000;
CREATE TABLE loan (
  author INT, title VARCHAR(100), reader VARCHAR(20) CHARACTER SET latin1, since DATE,
  FOREIGN KEY (author, title) REFERENCES book (author, title) ON DELETE NO ACTION ON UPDATE CASCADE,
  FOREIGN KEY (reader) REFERENCES western (word)
);
INSERT INTO author VALUES (1, 'Ada; "A"', 12, 2, 1901), (2, 'Bob''s', NULL, 1, 1950), (3, 'Eve', 11, 3, NULL);
INSERT INTO book VALUES (10, 1, 'First', 9.99, NULL), (11, 1, 'Second; part', 0, 10), (12, 2, 'größer', NULL, 12);
INSERT INTO loan VALUES (1, 'First', NULL, '2024-02-29'), (2, 'größer', NULL, NULL), (NULL, NULL, NULL, NULL);

CREATE TABLE no_key (id INT, note VARCHAR(30));
INSERT INTO no_key VALUES (3, 'c'), (1, 'a'), (2, 'b'), (1, 'a'), (NULL, NULL);
CREATE TABLE empty_one (id INT AUTO_INCREMENT PRIMARY KEY, note TEXT) AUTO_INCREMENT = 123456;
CREATE TABLE at_its_end (id TINYINT UNSIGNED AUTO_INCREMENT PRIMARY KEY);
INSERT INTO at_its_end VALUES (254);

CREATE TABLE by_range (id INT, day DATE NOT NULL) PARTITION BY RANGE (YEAR(day)) (
  PARTITION old VALUES LESS THAN (2000) COMMENT = 'it''s; old', PARTITION `this; year` VALUES LESS THAN (2030), PARTITION later VALUES LESS THAN MAXVALUE);
CREATE TABLE by_columns (a INT, b VARCHAR(9)) PARTITION BY RANGE COLUMNS (a, b) (
  PARTITION p0 VALUES LESS THAN (5, 'm;''x'), PARTITION p1 VALUES LESS THAN (MAXVALUE, MAXVALUE));
CREATE TABLE by_list (id INT, kind INT) PARTITION BY LIST (kind) (
  PARTITION odd VALUES IN (1, 3, NULL), PARTITION even VALUES IN (0, 2), PARTITION others DEFAULT);
CREATE TABLE by_hash (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(9)) AUTO_INCREMENT = 99 PARTITION BY HASH (id) PARTITIONS 4;
CREATE TABLE by_key (id INT PRIMARY KEY, note TEXT) PARTITION BY LINEAR KEY (id) PARTITIONS 3;
CREATE TABLE by_both (id INT, day DATE) PARTITION BY RANGE (TO_DAYS(day)) SUBPARTITION BY HASH (MONTH(day)) SUBPARTITIONS 2 (
  PARTITION p0 VALUES LESS THAN (TO_DAYS('2000-01-01')), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO by_range SELECT seq, MAKEDATE(1980 + seq, seq) FROM seq_1_to_60;
INSERT INTO by_columns SELECT seq, CHAR(96 + seq) FROM seq_1_to_20;
INSERT INTO by_list VALUES (1, 1), (2, NULL), (3, 0), (4, 999);
INSERT INTO by_hash SELECT seq, 'note' FROM seq_1_to_30;
INSERT INTO by_key SELECT seq, REPEAT('x', seq) FROM seq_1_to_30;
INSERT INTO by_both SELECT seq, MAKEDATE(1980 + seq, seq * 5) FROM seq_1_to_40;

CREATE SEQUENCE untouched;
CREATE SEQUENCE all_options START WITH 30 INCREMENT BY -3 MINVALUE -300 MAXVALUE 300 CACHE 7 CYCLE COMMENT = 'down; it''s';
DO NEXTVAL(all_options), NEXTVAL(all_options);
CREATE SEQUENCE at_a_position START WITH 5 NOCACHE;
DO SETVAL(at_a_position, 41), NEXTVAL(at_a_position);
CREATE SEQUENCE `it's; a sequence` INCREMENT BY 10 NOCACHE;
DO NEXTVAL(`it's; a sequence`);
CREATE TABLE numbered (id BIGINT DEFAULT (NEXTVAL(at_a_position)) PRIMARY KEY, note TEXT);

CREATE TABLE versioned (id INT PRIMARY KEY, note VARCHAR(20), secret TEXT WITHOUT SYSTEM VERSIONING) WITH SYSTEM VERSIONING;
INSERT INTO versioned VALUES (1, 'now', 's'), (2, 'it''s', NULL);
CREATE TABLE booked (room INT, since DATE, until DATE, PERIOD FOR stay (since, until), UNIQUE (room, stay WITHOUT OVERLAPS));
INSERT INTO booked VALUES (1, '2020-01-01', '2020-01-05'), (1, '2020-01-05', '2020-01-06');

CREATE TABLE in_aria (id INT AUTO_INCREMENT PRIMARY KEY, note TEXT, FULLTEXT (note)) ENGINE = Aria TRANSACTIONAL = 1 ROW_FORMAT = PAGE;
CREATE TABLE in_aria_plain (id INT, note CHAR(20)) ENGINE = Aria TRANSACTIONAL = 0 ROW_FORMAT = FIXED;
CREATE TABLE in_myisam (grp CHAR(3), id INT AUTO_INCREMENT, note VARCHAR(50), PRIMARY KEY (grp, id)) ENGINE = MyISAM
  CHECKSUM = 1 DELAY_KEY_WRITE = 1 MIN_ROWS = 10 MAX_ROWS = 1000 AVG_ROW_LENGTH = 50 PACK_KEYS = 1;
CREATE TABLE part_one (id INT, KEY (id)) ENGINE = MyISAM;
CREATE TABLE part_two (id INT, KEY (id)) ENGINE = MyISAM;
CREATE TABLE merged (id INT, KEY (id)) ENGINE = MERGE UNION = (part_one, part_two) INSERT_METHOD = LAST;
CREATE TABLE in_memory (id INT PRIMARY KEY, note VARCHAR(20), KEY (note) USING BTREE) ENGINE = MEMORY;
CREATE TABLE in_csv (id INT NOT NULL, note VARCHAR(20) NOT NULL) ENGINE = CSV;
CREATE TABLE squeezed (id INT PRIMARY KEY, note TEXT) ROW_FORMAT = COMPRESSED KEY_BLOCK_SIZE = 8 STATS_PERSISTENT = 0;
CREATE TABLE page_squeezed (id INT PRIMARY KEY, note TEXT) PAGE_COMPRESSED = 1;
INSERT INTO in_aria (note) VALUES ('some words'), ('; other');
INSERT INTO in_aria_plain VALUES (1, 'x'), (2, NULL);
INSERT INTO in_myisam (grp, note) VALUES ('a', 'one'), ('b', 'one'), ('a', 'two');
INSERT INTO part_one VALUES (1), (2);
INSERT INTO part_two VALUES (2), (3);
INSERT INTO in_memory VALUES (1, 'kept while it runs');
INSERT INTO in_csv VALUES (1, 'a,"b"'), (2, '');
INSERT INTO squeezed SELECT seq, REPEAT('x', 1000) FROM seq_1_to_20;
INSERT INTO page_squeezed SELECT seq, REPEAT('y', 1000) FROM seq_1_to_20;

CREATE TABLE `select` (`from` INT, `where` INT, `group` INT, `key` INT, PRIMARY KEY (`from`), KEY `index` (`key`));
CREATE TABLE `it's "a" ``name``; -- /* */` (
  `it's "a" ``column``;` INT, `dot.ted` INT, ` leading space` INT, `größe Ж 日` INT, `a\b` INT, `%s` INT, `@x:=1` INT, `1` INT);
CREATE TABLE `Größe.Ж 日本/\:*?` (id INT, CONSTRAINT `größe; "c"` CHECK (id < 100));
CREATE TABLE `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` (
  `yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy` INT PRIMARY KEY, parent INT,
  CONSTRAINT `zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz` FOREIGN KEY (parent)
    REFERENCES `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` (`yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy`));
CREATE TABLE Upper (id INT);
CREATE TABLE upper (id INT, other INT);
CREATE TABLE `delimiter` (id INT, `;;` VARCHAR(60));
CREATE TABLE `100%_wild` (id INT);
INSERT INTO `select` VALUES (1, 2, 3, 4);
INSERT INTO `it's "a" ``name``; -- /* */` VALUES (1, 2, 3, 4, 5, 6, 7, 8);
INSERT INTO `Größe.Ж 日本/\:*?` VALUES (1), (NULL);
INSERT INTO `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` VALUES (1, 1), (2, 1);
INSERT INTO Upper VALUES (1);
INSERT INTO upper VALUES (1, 2);
INSERT INTO `delimiter` VALUES (1, ';;\nDELIMITER ;;\n-- Dump completed\n/*!50003 x */ '), (2, '*/;');

CREATE TABLE journal (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(200) NOT NULL, at TIMESTAMP(6) NOT NULL DEFAULT '2020-01-01 00:00:00');
INSERT INTO journal (what) VALUES ('made; before any trigger');

SET sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION';
DELIMITER $$
CREATE TRIGGER book_first BEFORE INSERT ON book FOR EACH ROW SET NEW.title = TRIM(NEW.title)$$
CREATE TRIGGER book_third BEFORE INSERT ON book FOR EACH ROW FOLLOWS book_first
BEGIN
  -- a comment; it's "quoted"
  /* DELIMITER ;;
  DELIMITER //
  */
  DECLARE said VARCHAR(60) DEFAULT 'DELIMITER ;;\n$ it''s; "said" \\';
  IF NEW.price IS NULL THEN
    INSERT INTO journal (what) VALUES (CONCAT(said, '; no price 🐘'));
  END IF;
END$$
CREATE TRIGGER book_second BEFORE INSERT ON book FOR EACH ROW PRECEDES book_third SET @seen = CONCAT(@seen, ';')$$
CREATE TRIGGER book_after AFTER INSERT ON book FOR EACH ROW INSERT INTO journal (what) VALUES (NEW.title)$$
CREATE TRIGGER book_update BEFORE UPDATE ON book FOR EACH ROW BEGIN SET NEW.price = ABS(NEW.price); END$$
CREATE TRIGGER book_updated AFTER UPDATE ON book FOR EACH ROW BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN END; DO 1; END$$
CREATE TRIGGER book_delete BEFORE DELETE ON book FOR EACH ROW
  IF OLD.id = 10 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'it''s; kept'; END IF$$
CREATE DEFINER = `nobody; here`@`it's %` TRIGGER book_deleted AFTER DELETE ON book FOR EACH ROW DO 1$$
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'$$
CREATE TRIGGER "in; ansi `mode`" BEFORE INSERT ON author FOR EACH ROW SET NEW.name = NEW."name" || '\'$$
SET NAMES latin1$$
CREATE TRIGGER of_latin1 BEFORE UPDATE ON author FOR EACH ROW SET @word = 'ascii only'$$
SET NAMES utf8mb4$$
SET sql_mode = ''$$
CREATE TRIGGER `it's; a trigger` AFTER INSERT ON `it's "a" ``name``; -- /* */` FOR EACH ROW SET @`it's` = 1$$

CREATE FUNCTION price_of(number INT) RETURNS DECIMAL(8, 2) READS SQL DATA SQL SECURITY INVOKER COMMENT 'it''s; "the" price'
BEGIN
  DECLARE found DECIMAL(8, 2) DEFAULT 0;
  SELECT price INTO found FROM book WHERE id = number;
  RETURN found; -- ;; is no end
END$$
CREATE FUNCTION `it's; a function`(`the ``word``` TEXT CHARACTER SET latin1, more ENUM('a;', 'b''')) RETURNS TEXT CHARSET utf8mb4
  COLLATE utf8mb4_bin DETERMINISTIC NO SQL RETURN CONCAT(`the ``word```, ';;', more, '🐘')$$
CREATE AGGREGATE FUNCTION second_largest(x INT) RETURNS INT
BEGIN
  DECLARE largest, second INT DEFAULT 0;
  DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN second;
  LOOP
    FETCH GROUP NEXT ROW;
    IF x > largest THEN SET second = largest, largest = x; ELSEIF x > second THEN SET second = x; END IF;
  END LOOP;
END$$
CREATE PROCEDURE move_price(IN by_how DECIMAL(5, 2), INOUT total DECIMAL(10, 2), OUT rows_seen INT) MODIFIES SQL DATA
BEGIN
  DECLARE done BOOL DEFAULT FALSE;
  DECLARE number INT;
  DECLARE numbers CURSOR FOR SELECT id FROM book;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = TRUE;
  OPEN numbers;
  label: LOOP
    FETCH numbers INTO number;
    IF done THEN LEAVE label; END IF;
    UPDATE book SET price = price + by_how WHERE id = number;
  END LOOP;
  CLOSE numbers;
  SET @text = 'COMMIT; DROP TABLE book; --';
END$$
CREATE DEFINER = nobody@localhost PROCEDURE empty_body() BEGIN END$$
CREATE PROCEDURE the_same_name() SELECT 'a procedure'$$
CREATE FUNCTION the_same_name() RETURNS INT RETURN 1$$
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'$$
CREATE PROCEDURE "in ANSI; mode"() SELECT 'back\' || "title" FROM "book"$$
SET sql_mode = 'ORACLE'$$
CREATE PACKAGE tools COMMENT 'it''s; a package' AS
  FUNCTION twice(number INT) RETURN INT;
  PROCEDURE note(word VARCHAR2(50));
END$$
CREATE PACKAGE BODY tools AS
  times INT := 2;
  FUNCTION twice(number INT) RETURN INT AS BEGIN RETURN number * times; END;
  PROCEDURE note(word VARCHAR2(50)) AS
  BEGIN
    INSERT INTO journal (what) VALUES (word || '; noted');
  END;
BEGIN
  times := 2;
END$$
CREATE FUNCTION in_oracle(number INT) RETURN INT AS kept INT := 1; BEGIN kept := number + 1; RETURN kept; END$$
SET sql_mode = ''$$

CREATE EVENT every_day ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01 00:00:00' ENABLE COMMENT 'it''s; harmless' DO SET @ran = 'a; "b"'$$
CREATE EVENT stopped ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2020-01-01 00:00:00' ENDS '2037-01-01 00:00:00'
  ON COMPLETION PRESERVE DISABLE DO BEGIN DO 1; -- DELIMITER ;;
  DO 2; END$$
CREATE EVENT far_away ON SCHEDULE AT '2037-06-01 12:00:00' ON COMPLETION PRESERVE DO DELETE FROM journal$$
CREATE EVENT far_away_once ON SCHEDULE AT '2037-06-01 12:00:00' ON COMPLETION NOT PRESERVE DISABLE ON SLAVE DO DO 1$$
SET time_zone = '+05:30'$$
CREATE DEFINER = nobody@localhost EVENT `it's; an event` ON SCHEDULE EVERY 3 MONTH STARTS '2036-01-01 00:00:00' DO DO '🐘;'$$
SET time_zone = '+00:00'$$
DELIMITER ;

CREATE VIEW books AS SELECT b.id, b.title AS `the; "title"`, a.name, price_of(b.id) AS price FROM book AS b JOIN author AS a ON a.id = b.author;
CREATE VIEW a_books AS SELECT * FROM books WHERE `the; "title"` <> 'it''s; \\ "x"';
CREATE VIEW `1 on all; it's` AS SELECT name, COUNT(*) AS number FROM a_books GROUP BY name HAVING number > 0;
CREATE ALGORITHM = TEMPTABLE VIEW distinct_kinds AS SELECT DISTINCT kind FROM by_list;
CREATE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW checked AS SELECT id, title, author FROM book WHERE author = 1 WITH LOCAL CHECK OPTION;
CREATE VIEW checked_twice AS SELECT id, title FROM checked WHERE id > 5 WITH CASCADED CHECK OPTION;
CREATE DEFINER = `mariadb.sys`@localhost SQL SECURITY INVOKER VIEW of_somebody AS SELECT 1 AS one, '🐘' AS word;
CREATE VIEW with_cte AS WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n;
CREATE VIEW `it's "a" ``view``;` (`it's "a" ``column``;`, `größe`) AS SELECT `it's "a" ``column``;`, `größe Ж 日` FROM `it's "a" ``name``; -- /* */`;
CREATE VIEW tops AS SELECT second_largest(id) AS one, of_another_time('x') AS two FROM book;
