//! Child processes as sources: what they leave behind, and what they cannot do to us.

use std::io::Read as _;
use std::time::{Duration, Instant};

use dbbackup::source::process::Tool;
use dbbackup::source::{Expected, Source as _, Target as _};
use dbbackup::{ErrorKind, Run};

#[test]
fn a_grandchild_that_keeps_the_pipe_open_is_not_waited_for() {
    let began = Instant::now();
    let mut tool = Tool::new(["sh", "-c", "sleep 30 >/dev/null & printf dump"]);
    let mut dump = tool.open(&Run::default()).unwrap();
    let mut bytes = String::new();
    dump.read_to_string(&mut bytes).unwrap();
    dump.finish().unwrap();
    assert_eq!(bytes, "dump");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn a_child_that_takes_nothing_does_not_keep_a_run_from_stopping() {
    let run = Run::default();
    // Says that it is open, then reads nothing: the pipe fills up.
    let script = r#"trap '' TERM; echo '{"opened":{"expected_bytes":null}}' >&2; sleep 30"#;
    let mut tool = Tool::ours(["sh", "-c", script]);
    let mut load = tool.begin(&Expected::default(), &run).unwrap();
    let cancel = run.cancel.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancel.request(2);
    });
    let began = Instant::now();
    let error = load.write(&mut std::io::repeat(1).take(10 << 20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(began.elapsed() < Duration::from_secs(10));
    stopper.join().unwrap();
}

#[test]
fn a_child_that_somebody_ended_is_a_failed_tool_and_no_interruption_of_ours() {
    let report =
        r#"{"failed":{"kind":"interrupted","stage":null,"retry":"later","message":"m","subject":null,"hint":null}}"#;
    let mut tool = Tool::ours(["sh", "-c", &format!("echo '{report}' >&2; exit 143")]);
    let error = tool.open(&Run::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Tool);
}

#[test]
fn a_child_that_committed_before_it_was_stopped_has_committed() {
    let run = Run::default();
    // Takes everything, ignores the request to end, reports its commit.
    let script = r#"trap 'sleep 0.3' TERM
        echo '{"opened":{"expected_bytes":null}}' >&2; cat >/dev/null; sleep 1
        echo '{"loaded":{"notes":["done"]}}' >&2; exit 0"#;
    let mut tool = Tool::ours(["sh", "-c", script]);
    let mut load = tool.begin(&Expected::default(), &run).unwrap();
    load.write(&mut &b"content"[..]).unwrap();
    let cancel = run.cancel.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        cancel.request(2);
    });
    assert_eq!(load.commit().unwrap().notes, ["done"]);
    stopper.join().unwrap();
}
