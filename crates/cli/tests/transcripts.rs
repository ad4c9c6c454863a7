//! What the program says, word for word: `cmd/*.trycmd`, each in a copy of `cmd/world`.
//!
//! `TRYCMD=overwrite cargo test -p dbbackup-cli --test transcripts` writes what it says now; look at the
//! difference before you keep it, and elide times and host names with `[..]` again.

#[test]
fn transcripts() {
    trycmd::TestCases::new()
        .default_bin_path(env!("CARGO_BIN_EXE_dbbackup"))
        .register_bin("dbbackup", trycmd::schema::Bin::Path(env!("CARGO_BIN_EXE_dbbackup").into()))
        .env("TZ", "UTC")
        // The width of the help.
        .env("COLUMNS", "100")
        .env("DBBACKUP_CONFIG", "")
        .env("HOME", "/nonexistent")
        .env("XDG_CONFIG_HOME", "")
        .case("tests/cmd/*.trycmd");
}
