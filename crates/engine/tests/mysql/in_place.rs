//! A restore by a user who may make no schema: into the database itself, once all of the backup is proven.

use dbbackup::source::mysql::Mysql;
use dbbackup::{Compression, ErrorKind};
use dbbackup_testkit::Damage;
use dbbackup_testkit::mysql::{Database, Server};

use crate::world::{MOVE_ON, World, mysql_at, shop_of};

/// A shop that belongs to somebody who has no rights but on it.
fn own_shop(server: &Server) -> (Database, String, World) {
    let database = server.database("shop");
    let user = database.user("app", &["ALL ON {database}.*"]);
    shop_of(&database, &user, 100);
    server.try_query(database.name(), &user, "DROP EVENT often").unwrap();
    let world = World::default();
    world.backup(&mut mysql_at(&database.url_of(&user), server), Compression::Zstd).unwrap();
    (database, user, world)
}

fn in_place(database: &Database, user: &str) -> Mysql {
    mysql_at(&database.url_of(user), database.server()).loading_in_place(true)
}

#[test]
fn who_may_make_no_schema_restores_in_place_and_is_told() {
    let Some(server) = Server::start() else { return };
    let (database, user, world) = own_shop(&server);
    let before = database.dump_text();
    server.try_query(database.name(), &user, MOVE_ON).unwrap();
    let error = world.restore(&mut mysql_at(&database.url_of(&user), &server)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    let advice = error.advice().unwrap();
    assert!(advice.contains("GRANT ALL ON `shop") && advice.contains("\\_\\_dbbackup\\_%`.*"), "{advice}");
    let report = world.restore(&mut in_place(&database, &user)).unwrap();
    assert!(report.notes.iter().any(|note| note.contains("in place")), "{:?}", report.notes);
    assert_eq!(report.left_out.count, 0, "{:?}", report.left_out);
    database.query("DROP VIEW late");
    assert_eq!(database.dump_text(), before);
    // What the backup does not know goes on request.
    server.try_query(database.name(), &user, "CREATE TABLE surplus (a int); CREATE VIEW more AS SELECT 1").unwrap();
    world.restore(&mut in_place(&database, &user).exactly(true)).unwrap();
    assert_eq!(database.dump_text(), before);
}

#[test]
fn a_text_that_is_damaged_at_its_end_is_refused_before_anything_has_changed() {
    let Some(server) = Server::start() else { return };
    let (database, user, world) = own_shop(&server);
    server.try_query(database.name(), &user, MOVE_ON).unwrap();
    let before = database.dump_text();
    let whole = world.store.bytes("a").unwrap();
    for damage in [Damage::FlipBit((whole.len() - 2) * 8), Damage::CutTo(whole.len() - 1), Damage::Append(b"\n")] {
        world.store.insert("a", damage.apply(&whole));
        let error = world.restore(&mut in_place(&database, &user)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Refused), "{damage:?}: {error}");
    }
    let text = server.dump(database.name(), &[]);
    for cut in [text.len() / 2, text.len() - 30] {
        let error = world.restore_plain(&text[..cut], &mut in_place(&database, &user)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{cut}: {error}");
    }
    assert_eq!(database.dump_text(), before);
}

#[test]
fn one_that_fails_says_what_it_leaves() {
    let Some(server) = Server::start() else { return };
    let (database, user, world) = own_shop(&server);
    let text = String::from_utf8(server.dump(database.name(), &[])).unwrap();
    let text = text.replacen("INSERT INTO `or``der` VALUES", "INSERT INTO `or``der` VALUES ('x','y'),", 1);
    let text = text + "-- Dump completed\n";
    let error = world.restore_plain(text, &mut in_place(&database, &user)).unwrap_err();
    assert!(error.to_string().contains("some of the old and some of the new"), "{error}");
    world.restore(&mut in_place(&database, &user)).unwrap();
}
