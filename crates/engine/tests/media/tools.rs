//! What GNU tar, bsdtar and Python write is read, and they read ours.

use std::path::Path;
use std::process::Command;

use fs_err as fs;

use crate::world::{Thing, World, name, things};

/// Runs a tool in a folder; `false` where it is not installed, which is an error in CI.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    match command.args(arguments).current_dir(folder).env("LC_ALL", "C.UTF-8").output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {arguments:?}: {said}");
            true
        }
        Err(error) => {
            assert!(std::env::var("CI").is_err(), "{program} is needed in CI: {error}");
            crate::world::skip(&format!("no {program}"));
            false
        }
    }
}

/// A folder with everything that makes a tar awkward.
fn awkward() -> World {
    let world = World::with_media();
    world.write(&format!("{}/{}", "folder".repeat(30), "n".repeat(250)), b"long");
    world.write("new\nline", b"new line");
    fs::write(world.path("media").join(name(b"not \xff UTF-8")), "bytes").unwrap();
    world
}

/// Without the nanoseconds, which only pax has, and folders' times where a tool does not set them.
fn content(root: &Path) -> Vec<(String, Option<String>)> {
    let shown = |(path, thing): (std::path::PathBuf, Thing)| (path.to_string_lossy().into_owned(), thing.sha256);
    things(root).into_iter().map(shown).collect()
}

#[test]
fn what_other_tars_write_is_read() {
    let world = awkward();
    let expected = content(&world.path("media"));
    for (program, arguments) in [
        ("tar", &["--format=pax", "-cf", "../x.tar", "."][..]),
        ("tar", &["--format=gnu", "-cf", "../x.tar", "."]),
        ("tar", &["--format=gnu", "--owner=3000000", "-cf", "../x.tar", "."]),
        ("tar", &["--format=oldgnu", "-cf", "../x.tar", "."]),
        ("bsdtar", &["--format=pax", "-cf", "../x.tar", "."]),
        ("bsdtar", &["--format=gnutar", "-cf", "../x.tar", "."]),
    ] {
        if !run(&world.path("media"), program, arguments) {
            continue;
        }
        world.keep(&fs::read(world.path("x.tar")).unwrap());
        let report = world.restore("other").unwrap();
        assert_eq!(report.left_out.count, 0, "{program} {arguments:?}: {:?}", report.left_out.names);
        assert_eq!(content(&world.path("other")), expected, "{program} {arguments:?}");
        fs::remove_dir_all(world.path("other")).unwrap();
    }
}

#[test]
fn formats_without_long_names_are_read() {
    let world = World::with_media();
    for format in ["v7", "ustar"] {
        run(&world.path("media"), "tar", &[&format!("--format={format}"), "-cf", "../x.tar", "."]);
        world.keep(&fs::read(world.path("x.tar")).unwrap());
        world.restore("other").unwrap();
        assert_eq!(content(&world.path("other")), content(&world.path("media")), "{format}");
        fs::remove_dir_all(world.path("other")).unwrap();
    }
}

#[test]
fn what_python_writes_is_read_and_python_reads_ours() {
    let world = awkward();
    let expected = content(&world.path("media"));
    for format in ["PAX_FORMAT", "GNU_FORMAT"] {
        let script = format!(
            "import tarfile; t = tarfile.open('../x.tar', 'w', format=tarfile.{format}); t.add('.'); t.close()"
        );
        assert!(run(&world.path("media"), "python3", &["-c", &script]));
        world.keep(&fs::read(world.path("x.tar")).unwrap());
        world.restore("other").unwrap();
        assert_eq!(content(&world.path("other")), expected, "{format}");
        fs::remove_dir_all(world.path("other")).unwrap();
    }
    world.backup().unwrap();
    fs::write(world.path("ours.tar"), world.archive()).unwrap();
    fs::create_dir(world.path("other")).unwrap();
    let script = "import tarfile; t = tarfile.open('../ours.tar'); t.extractall('.')";
    assert!(run(&world.path("other"), "python3", &["-W", "ignore", "-c", script]));
    assert_eq!(content(&world.path("other")), expected);
}

#[test]
fn other_tars_read_ours_to_the_nanosecond() {
    let world = awkward();
    let expected = things(&world.path("media"));
    world.backup().unwrap();
    fs::write(world.path("ours.tar"), world.archive()).unwrap();
    for (program, arguments) in [("tar", &["-xpf", "../ours.tar"][..]), ("bsdtar", &["-xpf", "../ours.tar"])] {
        fs::create_dir(world.path("other")).unwrap();
        if run(&world.path("other"), program, arguments) {
            assert_eq!(things(&world.path("other")), expected, "{program}");
        }
        fs::remove_dir_all(world.path("other")).unwrap();
    }
}

#[test]
fn sparse_files_of_every_kind_are_read() {
    use std::io::{Seek as _, SeekFrom, Write as _};
    let world = World::new();
    let mut file = fs::File::create(world.media("holes")).unwrap();
    // More pieces than a header holds, and more than one block of them.
    for piece in 0..60_u64 {
        file.seek(SeekFrom::Start(piece * 1_000_000)).unwrap();
        file.write_all(format!("piece {piece}").as_bytes()).unwrap();
    }
    file.set_len(70_000_000).unwrap();
    drop(file);
    let file = fs::File::create(world.media("nothing but a hole")).unwrap();
    file.set_len(5_000_000).unwrap();
    world.write("after", b"after");
    let expected = content(&world.path("media"));
    for (program, arguments) in [
        ("tar", &["-S", "--format=gnu", "-cf", "../x.tar", "."][..]),
        ("tar", &["-S", "--format=pax", "--sparse-version=0.0", "-cf", "../x.tar", "."]),
        ("tar", &["-S", "--format=pax", "--sparse-version=0.1", "-cf", "../x.tar", "."]),
        ("tar", &["-S", "--format=pax", "--sparse-version=1.0", "-cf", "../x.tar", "."]),
        ("bsdtar", &["--read-sparse", "-cf", "../x.tar", "."]),
    ] {
        if !run(&world.path("media"), program, arguments) {
            continue;
        }
        let archive = fs::read(world.path("x.tar")).unwrap();
        assert!(archive.len() < 5_000_000, "{program} {arguments:?} stored the holes");
        world.keep(&archive);
        world.restore("other").unwrap();
        assert_eq!(content(&world.path("other")), expected, "{program} {arguments:?}");
        fs::remove_dir_all(world.path("other")).unwrap();
    }
}
