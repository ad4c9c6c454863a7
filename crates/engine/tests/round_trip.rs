//! What goes through a stage comes back: ours, and what others wrote.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Command, Stdio};

use dbbackup::compress::{BLOCK_BYTES, Compression, decode, encode};

const THREADS: NonZero<usize> = NonZero::new(2).unwrap();

/// Bytes that compress about as well as a database's, the same for the same length.
fn pattern(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"abcdefghijklmnop 0123456789\n\0"[(state >> 24) as usize % 29]
        })
        .collect()
}

fn encoded(plain: &[u8], compression: Compression) -> Vec<u8> {
    let mut stored = Vec::new();
    encode(plain, compression, THREADS).unwrap().read_to_end(&mut stored).unwrap();
    stored
}

fn decoded(stored: &[u8]) -> std::io::Result<Vec<u8>> {
    let (_, mut plain) = decode(stored, None).map_err(std::io::Error::other)?;
    let mut bytes = Vec::new();
    plain.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Runs a tool with `input` on its standard input.
#[allow(clippy::print_stderr)] // the reason of a skip
fn through(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new(program);
    let child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        assert!(std::env::var_os("CI").is_none(), "CI installs `{program}`");
        eprintln!("skipped: `{program}` is not installed");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{program} {arguments:?}");
    Some(output.stdout)
}

#[test]
fn every_size_around_a_block_comes_back() {
    for compression in Compression::ALL {
        for length in [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, 7 * BLOCK_BYTES + 13] {
            let plain = pattern(length);
            let stored = encoded(&plain, compression);
            assert!(decoded(&stored).unwrap() == plain, "{compression:?}, {length} bytes");
            if compression != Compression::None {
                assert!(!stored.is_empty(), "an empty stream is a whole file too");
            }
        }
    }
}

#[test]
fn small_reads_and_short_writes_change_nothing() {
    struct Trickle<R>(R, bool);
    impl<R: Read> Read for Trickle<R> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let room = if self.1 { buf.len().min(1013) } else { 1 };
            self.1 = true;
            self.0.read(&mut buf[..room])
        }
    }
    let plain = pattern(2 * BLOCK_BYTES + 5);
    for compression in Compression::ALL {
        let mut stored = Vec::new();
        Trickle(encode(Trickle(&plain[..], false), compression, THREADS).unwrap(), false)
            .read_to_end(&mut stored)
            .unwrap();
        assert!(stored == encoded(&plain, compression));
        let (found, decoder) = decode(Trickle(&stored[..], false), None).unwrap();
        let mut back = Vec::new();
        Trickle(decoder, false).read_to_end(&mut back).unwrap();
        assert!(found == compression && back == plain);
    }
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let plain = pattern(5 * BLOCK_BYTES);
    for compression in [Compression::Gzip, Compression::Zstd] {
        let expected = encoded(&plain, compression);
        for threads in [1, 3, 16] {
            let mut stored = Vec::new();
            encode(&plain[..], compression, NonZero::new(threads).unwrap()).unwrap().read_to_end(&mut stored).unwrap();
            assert!(stored == expected, "{compression:?}, {threads} threads");
        }
    }
}

#[test]
fn standard_tools_open_ours() {
    for length in [0, 1, 2 * BLOCK_BYTES + 1] {
        let plain = pattern(length);
        for (program, compression) in [("gzip", Compression::Gzip), ("zstd", Compression::Zstd)] {
            if let Some(opened) = through(program, &["-dc"], &encoded(&plain, compression)) {
                assert!(opened == plain, "{program}, {length} bytes");
            }
        }
    }
}

#[test]
fn ours_opens_what_standard_tools_write() {
    let plain = pattern(3 * BLOCK_BYTES + 1);
    let writers: [(&str, &[&str]); 7] = [
        ("gzip", &["-1c"]),
        ("gzip", &["-9c"]),
        ("python3", &["-c", "import gzip,sys; sys.stdout.buffer.write(gzip.compress(sys.stdin.buffer.read(), 9))"]),
        ("zstd", &["-1c"]),
        ("zstd", &["-19", "-T2", "-c"]),
        ("zstd", &["-3", "--no-check", "--no-content-size", "-c"]),
        ("zstd", &["-3", "--long=27", "-c"]),
    ];
    for (program, arguments) in writers {
        if let Some(stored) = through(program, arguments, &plain) {
            assert!(decoded(&stored).unwrap() == plain, "{program} {arguments:?}");
            let twice = [stored.as_slice(), stored.as_slice()].concat();
            assert_eq!(decoded(&twice).unwrap().len(), 2 * plain.len(), "{program}: several members");
        }
    }
}
