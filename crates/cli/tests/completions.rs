//! Completion scripts: for each shell one, and what bash makes of its own.

use std::process::Command;

fn script(shell: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_dbbackup")).args(["completions", shell]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_verbs_and_options() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dbbackup");
    fs_err::write(&path, script("bash")).unwrap();
    for (words, expected) in [
        ("dbbackup me", "media"),
        ("dbbackup media ba", "backup"),
        ("dbbackup media backup --rea", "--readers"),
        ("dbbackup backup --compress z", "zstd"),
    ] {
        let count = words.split(' ').count() - 1;
        let last = words.rsplit(' ').next().unwrap();
        let before = words.split(' ').nth(count - 1).unwrap();
        let ask = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD={count}; _dbbackup dbbackup {last} {before}; echo ${{COMPREPLY[@]}}",
            path.display()
        );
        let output = Command::new("bash").args(["-c", &ask]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{words}: {output:?}");
    }
}

#[test]
fn other_shells_get_their_own() {
    assert!(script("zsh").starts_with("#compdef dbbackup"));
    assert!(script("fish").contains("complete -c dbbackup"));
}
