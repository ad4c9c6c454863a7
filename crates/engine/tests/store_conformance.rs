//! Every store passes the same suite.

use dbbackup::{Local, Memory};
use dbbackup_testkit::store_suite;

store_suite!(memory, (dbbackup::Memory::default(), ()));
store_suite!(local, {
    let folder = tempfile::tempdir().unwrap();
    (dbbackup::Local::new(folder.path().join("store")), folder)
});

#[test]
fn both_are_stores() {
    fn is_store<S: dbbackup::Store>() {}
    is_store::<Local>();
    is_store::<Memory>();
}
