//! The conformance suite: what every store promises. Mandatory for each, the one in memory included.

use std::io::Read as _;
use std::sync::mpsc::channel;

use dbbackup::ErrorKind;
use dbbackup::store::{Existing, Hold, Store};

use crate::FaultyReader;

/// Makes a module of tests for one store. The expression makes a fresh, empty store; it may be a pair with
/// something to keep alive.
#[macro_export]
macro_rules! store_suite {
    ($module:ident, $make:expr) => {
        mod $module {
            $crate::store_suite!(@tests $make;
                what_is_put_comes_back
                nothing_is_listed_before_the_commit
                a_failed_payload_leaves_nothing
                a_name_is_claimed_once
                a_taken_name_is_refused_before_the_first_byte
                replacing_keeps_the_old_until_the_new_is_whole
                deleting_twice_is_no_error
                a_missing_backup_is_not_found
                locks_keep_restores_and_prunes_apart
                awkward_names_work_and_climbing_ones_do_not
                many_writers_at_once_all_succeed
            );
        }
    };
    (@tests $make:expr; $($test:ident)*) => {
        $(#[test]
        fn $test() {
            let (store, _keep) = $make;
            $crate::suite::$test(&store);
        })*
    };
}

fn put(store: &dyn Store, name: &str, payload: &[u8]) -> dbbackup::Result<()> {
    let mut slot = store.claim(name, Existing::Refuse, b"{}")?;
    slot.write(&mut &payload[..])?;
    slot.commit(b"{}")
}

fn read(store: &dyn Store, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.get(name).unwrap().reader.read_to_end(&mut bytes).unwrap();
    bytes
}

fn names(store: &dyn Store) -> Vec<String> {
    let mut names: Vec<String> = store.list().unwrap_or_default().into_iter().map(|entry| entry.name).collect();
    names.sort();
    names
}

#[allow(missing_docs, clippy::missing_panics_doc)]
pub fn what_is_put_comes_back(store: &dyn Store) {
    for (name, bytes) in [("empty", 0), ("one", 1), ("large", 3 * 1024 * 1024 + 1)] {
        let payload: Vec<u8> = (0..bytes).map(|byte| u8::try_from(byte % 251).unwrap()).collect();
        put(store, name, &payload).unwrap();
        let stored = store.get(name).unwrap();
        assert_eq!(stored.bytes.unwrap_or(bytes), bytes);
        assert!(read(store, name) == payload);
        assert_eq!(store.manifest(name).unwrap().unwrap(), b"{}");
        let listed = store.list().unwrap().into_iter().find(|entry| entry.name == name).unwrap();
        assert_eq!(listed.bytes.unwrap_or(bytes), bytes);
    }
}

#[allow(missing_docs, clippy::missing_panics_doc)]
pub fn nothing_is_listed_before_the_commit(store: &dyn Store) {
    let mut slot = store.claim("a", Existing::Refuse, b"{}").unwrap();
    assert_eq!(names(store), [""; 0]);
    slot.write(&mut &b"payload"[..]).unwrap();
    assert_eq!(names(store), [""; 0]);
    assert!(store.get("a").is_err());
    slot.commit(b"{}").unwrap();
    assert_eq!(names(store), ["a", "a.metadata"]);
}

#[allow(missing_docs, clippy::missing_panics_doc)]
pub fn a_failed_payload_leaves_nothing(store: &dyn Store) {
    let mut slot = store.claim("a", Existing::Refuse, b"{}").unwrap();
    let mut faulty = FaultyReader::new(std::io::repeat(1), 5_000_000);
    assert!(slot.write(&mut faulty).is_err());
    drop(slot);
    assert_eq!(names(store), [""; 0]);
    put(store, "a", b"later").unwrap();
    assert_eq!(read(store, "a"), b"later");
}

#[allow(missing_docs, clippy::missing_panics_doc)]
pub fn a_name_is_claimed_once(store: &dyn Store) {
    let slot = store.claim("a", Existing::Refuse, b"{}").unwrap();
    for existing in [Existing::Refuse, Existing::Replace] {
        assert_eq!(store.claim("a", existing, b"{}").err().unwrap().kind(), ErrorKind::AlreadyExists);
    }
    drop(slot);
    assert!(store.claim("a", Existing::Refuse, b"{}").is_ok());
}

#[allow(missing_docs, clippy::missing_panics_doc)]
pub fn a_taken_name_is_refused_before_the_first_byte(store: &dyn Store) {
    put(store, "a", b"first").unwrap();
    assert_eq!(store.claim("a", Existing::Refuse, b"{}").err().unwrap().kind(), ErrorKind::AlreadyExists);
    assert_eq!(read(store, "a"), b"first");
}

#[allow(missing_docs, clippy::missing_panics_doc)]
pub fn replacing_keeps_the_old_until_the_new_is_whole(store: &dyn Store) {
    put(store, "a", b"first").unwrap();
    let mut slot = store.claim("a", Existing::Replace, b"{}").unwrap();
    slot.write(&mut &b"second"[..]).unwrap();
    assert_eq!(read(store, "a"), b"first");
    drop(slot);
    assert_eq!(read(store, "a"), b"first");
    let mut slot = store.claim("a", Existing::Replace, b"{}").unwrap();
    slot.write(&mut &b"third"[..]).unwrap();
    slot.commit(b"{\"third\":1}").unwrap();
    assert_eq!(read(store, "a"), b"third");
    assert_eq!(store.manifest("a").unwrap().unwrap(), b"{\"third\":1}");
}

#[allow(missing_docs, clippy::missing_panics_doc)]
pub fn deleting_twice_is_no_error(store: &dyn Store) {
    put(store, "a", b"x").unwrap();
    store.delete("a").unwrap();
    store.delete("a").unwrap();
    store.delete("a.metadata").unwrap();
    assert_eq!(names(store), [""; 0]);
}

#[allow(missing_docs, clippy::missing_panics_doc)]
pub fn a_missing_backup_is_not_found(store: &dyn Store) {
    put(store, "b", b"x").unwrap();
    assert_eq!(store.get("a").err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(store.manifest("a").unwrap(), None);
}

#[allow(missing_docs, clippy::missing_panics_doc)]
pub fn locks_keep_restores_and_prunes_apart(store: &dyn Store) {
    put(store, "a", b"x").unwrap();
    let before = names(store);
    let (first, second) = (store.lock(Hold::Shared).unwrap(), store.lock(Hold::Shared).unwrap());
    assert_eq!(store.lock(Hold::Exclusive).err().unwrap().kind(), ErrorKind::Busy);
    drop(first);
    assert_eq!(store.lock(Hold::Exclusive).err().unwrap().kind(), ErrorKind::Busy);
    drop(second);
    let alone = store.lock(Hold::Exclusive).unwrap();
    assert_eq!(store.lock(Hold::Shared).err().unwrap().kind(), ErrorKind::Busy);
    drop(alone);
    assert!(store.lock(Hold::Shared).is_ok());
    assert_eq!(names(store), before);
}

#[allow(missing_docs, clippy::missing_panics_doc)]
pub fn awkward_names_work_and_climbing_ones_do_not(store: &dyn Store) {
    for name in ["a b", "ü😀", "'quoted\"", "q?#%25", "-leading", &"n".repeat(200)] {
        put(store, name, name.as_bytes()).unwrap();
        assert_eq!(read(store, name), name.as_bytes());
    }
    if store.describe() == "memory" {
        return;
    }
    put(store, "folder/inside", b"x").unwrap();
    assert_eq!(read(store, "folder/inside"), b"x");
    for name in ["", "..", "../a", "a/../../b", "/etc/passwd", "a/", ".dbbackup-part-x", "a\0b"] {
        assert_eq!(store.claim(name, Existing::Refuse, b"{}").err().unwrap().kind(), ErrorKind::Config, "{name:?}");
    }
}

#[allow(missing_docs, clippy::missing_panics_doc)]
pub fn many_writers_at_once_all_succeed(store: &dyn Store) {
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let sender = sender.clone();
            scope.spawn(move || {
                for number in 0..5 {
                    sender.send(put(store, &format!("{writer}-{number}"), &[writer; 1000])).unwrap();
                }
            });
        }
    });
    drop(sender);
    for result in receiver {
        result.unwrap();
    }
    assert_eq!(names(store).len(), 80);
}
