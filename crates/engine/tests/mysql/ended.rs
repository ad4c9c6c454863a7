//! Clients, sessions and servers that end in the middle of a restore: all is old or all is new.

use dbbackup::{Error, ErrorKind, Result};
use dbbackup_testkit::killed::Dice;
use dbbackup_testkit::mysql::Server;

use crate::border::{BEFORE, BEHIND, Client, Exchange};
use crate::world::{World, mysql};

const CLIENT_DIES: &str = "kill -9 $real";
const SESSION_DIES: &str = "echo 'KILL CONNECTION CONNECTION_ID();' >&4";

/// Whether the error says that something is left to do.
fn leaves_work(error: &Error) -> bool {
    let message = error.to_string();
    message.contains("cannot undo what was begun") || message.contains("cannot finish the restore")
}

/// Lets a run that can restore nothing end what another one has left.
fn end_what_is_left(moved: &crate::border::Moved) {
    World::default().restore_plain(b"no dump".as_slice(), &mut mysql(&moved.database)).unwrap_err();
}

#[test]
fn a_client_or_a_session_that_ends_anywhere_leaves_all_old_or_all_new() {
    let Some(server) = Server::start() else { return };
    let (exchange, client, mut dice) = (Exchange::of(&server), Client::of(&server), Dice::new());
    let (mut was_back, mut was_forward, mut limit) = (0, 0, 0);
    loop {
        limit += 1 + u32::try_from(dice.below(2)).unwrap();
        let (at, act) = [(BEFORE, CLIENT_DIES), (BEHIND, CLIENT_DIES), (BEFORE, SESSION_DIES), (BEHIND, SESSION_DIES)]
            [usize::try_from(dice.below(4)).unwrap()];
        let moved = Exchange::moved(&server);
        let result = exchange.world.restore(&mut client.acting(&moved.database, at, limit, act));
        let what = format!("{limit}, {at}, {act}: {result:?}");
        match &result {
            Err(error) if leaves_work(error) => panic!("{what}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Tool, "{what}"),
            Ok(report) => assert_eq!(report.left_out.count, 0, "{what}"),
        }
        assert_eq!(exchange.has_been(&moved, &what), result.is_ok(), "{what}");
        if client.count() < limit {
            result.unwrap();
            break;
        }
        *(if result.is_ok() { &mut was_forward } else { &mut was_back }) += 1;
    }
    assert!(was_back > 10 && was_forward > 3, "{was_back}, {was_forward}");
}

/// Kills the server in a restore, starts it again, and lets the next run end what is left. Returns the restore's result.
fn crashed(server: &Server, exchange: &Exchange, at: &str, limit: u32, act: &str) -> (Result<()>, bool) {
    let client = Client::of(server);
    let moved = Exchange::moved(server);
    let pid = server.socket().with_file_name("pid");
    let act = act.replace("{pid}", &format!("$(cat '{}')", pid.display()));
    let result = exchange.world.restore(&mut client.acting(&moved.database, at, limit, &act)).map(drop);
    server.crash();
    end_what_is_left(&moved);
    let is_new = exchange.has_been(&moved, &format!("{at}, {limit}: {result:?}"));
    (result, is_new)
}

#[test]
fn a_server_that_crashes_anywhere_leaves_all_old_or_all_new() {
    let Some(server) = Server::alone(&[]) else { return };
    let (exchange, mut dice) = (Exchange::of(&server), Dice::new());
    let steps = {
        let (client, moved) = (Client::of(&server), Exchange::moved(&server));
        exchange.world.restore(&mut client.acting(&moved.database, BEFORE, 0, "")).unwrap();
        client.count()
    };
    let mut part = |from: u32, to: u32| from + u32::try_from(dice.below(u64::from(to - from))).unwrap();
    for limit in [part(1, steps / 2), part(steps / 2, steps * 3 / 4), part(steps * 3 / 4, steps)] {
        let (result, _) = crashed(&server, &exchange, BEFORE, limit, "kill -9 {pid}");
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Tool);
    }
}

#[test]
fn a_server_that_crashes_while_the_tables_change_places_leaves_all_old_or_all_new() {
    let Some(server) = Server::alone(&[]) else { return };
    let (exchange, mut dice) = (Exchange::of(&server), Dice::new());
    for milliseconds in [0, dice.below(4), 4 + dice.below(8)] {
        let act = format!("printf '%s\\n;\\n' \"$line\" >&4; sleep 0.{milliseconds:03}; kill -9 {{pid}}");
        let (result, _) = crashed(&server, &exchange, "RENAME TABLE*", 1, &act);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Tool);
    }
}
