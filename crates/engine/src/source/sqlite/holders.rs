//! Who holds a lock on a database: the processes that `/proc/locks` names.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use fs_err as fs;

/// Returns ` by process 123 (gunicorn)`, or nothing where it cannot be told (not Linux, another user's, NFS).
pub(super) fn describe(database: &Path) -> String {
    let names: Vec<String> = holders(database)
        .into_iter()
        .map(|(pid, name)| if name.is_empty() { format!("process {pid}") } else { format!("process {pid} ({name})") })
        .collect();
    if names.is_empty() { String::new() } else { format!(" by {}", names.join(", ")) }
}

/// Those who write, else those who read: an open WAL database always has a shared lock, which keeps nobody out
/// as long as there is a writer to blame.
///
/// Lines read `1: POSIX ADVISORY WRITE 1234 fe:01:5678 1073741825 1073742335`: pid, device and inode, range.
fn holders(database: &Path) -> BTreeMap<u32, String> {
    let inodes: Vec<u64> = ["", "-wal", "-shm"]
        .iter()
        .filter_map(|ending| {
            let mut path = database.as_os_str().to_owned();
            path.push(ending);
            Some(fs::metadata(Path::new(&path)).ok()?.ino())
        })
        .collect();
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let held = |how: &str| -> BTreeMap<u32, String> {
        let pids = locks.lines().filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let at = words.iter().position(|&word| word == how)?;
            let pid: u32 = words.get(at + 1)?.parse().ok()?;
            let inode: u64 = words.get(at + 2)?.rsplit(':').next()?.parse().ok()?;
            let is_theirs = words.get(1) == Some(&"POSIX") && pid != std::process::id();
            (is_theirs && inodes.contains(&inode)).then_some(pid)
        });
        pids.map(|pid| (pid, program(pid))).collect()
    };
    let writers = held("WRITE");
    if writers.is_empty() { held("READ") } else { writers }
}

fn program(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}
