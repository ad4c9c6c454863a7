//! A key ring of GnuPG's own, away from the user's.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use fs_err as fs;
use tempfile::TempDir;

/// A home of GnuPG with an agent that asks nobody. Dropped, the agent ends.
pub struct Gnupg(TempDir);

impl Gnupg {
    /// Makes an empty one; `None`, with the reason on standard error, where there is no `gpg`.
    ///
    /// # Panics
    ///
    /// Where there is none and `CI` is `true`.
    pub fn new() -> Option<Self> {
        if Command::new("gpg").arg("--version").output().is_err() {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "CI needs gpg");
            writeln!(std::io::stderr(), "skipped: there is no gpg here").expect("standard error is there");
            return None;
        }
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        // The agent's socket lies in it, whose path may have 107 bytes.
        let home = tempfile::Builder::new()
            .prefix("gpg")
            .permissions(private)
            .tempdir_in("/tmp")
            .expect("a folder can be made");
        fs::write(home.path().join("gpg-agent.conf"), "pinentry-program /bin/false\n").expect("it can be written");
        Some(Self(home))
    }

    /// Returns the folder: `GNUPGHOME`.
    pub fn home(&self) -> &Path {
        self.0.path()
    }

    /// Runs `gpg` with `input`; returns what it wrote.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.env("GNUPGHOME", self.home()).args(["--batch", "--quiet", "--pinentry-mode", "loopback"]);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("gpg is there");
        let mut stdin = child.stdin.take().expect("it is a pipe");
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().expect("it ends");
        let fed = feeder.join().expect("it does not panic");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gpg {arguments:?}: {said}");
        fed.expect("gpg takes its input");
        output.stdout
    }

    /// Makes a key pair that signs and encrypts, on Curve25519, and returns its fingerprint. An empty passphrase is
    /// none.
    ///
    /// # Panics
    ///
    /// If gpg fails.
    pub fn curve_key(&self, name: &str, passphrase: &str) -> String {
        let address = format!("{name} <{}@example.org>", name.to_lowercase());
        let made = ["--passphrase", passphrase, "--quick-gen-key", &address, "future-default", "default", "never"];
        self.gpg(&made, b"");
        self.fingerprints(name).pop().expect("it was made")
    }

    /// The same with RSA, or with other lines of a parameter file.
    ///
    /// # Panics
    ///
    /// If gpg fails.
    pub fn rsa_key(&self, name: &str, more: &str) -> String {
        let protection = if more.contains("Passphrase") { "" } else { "%no-protection\n" };
        let subkey = if more.contains("Key-Usage") { "" } else { "Subkey-Type: RSA\nSubkey-Length: 2048\n" };
        let parameters = format!(
            "{protection}Key-Type: RSA\nKey-Length: 2048\n{subkey}Name-Real: {name}\nName-Email: {}@example.org\n{more}%commit\n",
            name.to_lowercase()
        );
        self.gpg(&["--gen-key"], parameters.as_bytes());
        self.fingerprints(name).pop().expect("it was made")
    }

    /// Revokes a key.
    ///
    /// # Panics
    ///
    /// If gpg fails.
    pub fn revoke(&self, fingerprint: &str) {
        let certificate = self.home().join("openpgp-revocs.d").join(format!("{fingerprint}.rev"));
        let text = fs::read_to_string(certificate).expect("gpg wrote it");
        self.gpg(&["--import"], text.replace(":-----BEGIN", "-----BEGIN").as_bytes());
    }

    /// Returns the fingerprints of the primary keys that a name fits.
    ///
    /// # Panics
    ///
    /// If gpg fails.
    pub fn fingerprints(&self, name: &str) -> Vec<String> {
        let listing = self.gpg(&["--with-colons", "--list-keys", name], b"");
        let listing = String::from_utf8_lossy(&listing).into_owned();
        let keys = listing.split("\npub:").filter_map(|key| key.lines().find_map(|line| line.strip_prefix("fpr:")));
        keys.map(|fields| fields.trim_matches(':').to_owned()).collect()
    }

    /// Copies a public key to another ring, where nobody has said that it is trusted.
    ///
    /// # Panics
    ///
    /// If gpg fails.
    pub fn publish(&self, fingerprint: &str, to: &Self) {
        to.gpg(&["--import"], &self.gpg(&["--export", fingerprint], b""));
    }

    /// Ends the agent, which remembers passphrases.
    pub fn forget(&self) {
        let _no_agent = Command::new("gpgconf").env("GNUPGHOME", self.home()).args(["--kill", "all"]).output();
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        self.forget();
    }
}
