//! Faults, damage and the suites that every store must pass: shared by the tests of engine and command line.

mod damage;
mod faulty;
mod gnupg;
pub mod killed;
pub mod mysql;
pub mod postgres;
mod server;
mod shop;
#[doc(hidden)]
pub mod suite;

pub use damage::Damage;
pub use faulty::{FaultyReader, FaultyStore};
pub use gnupg::Gnupg;
pub use shop::Shop;

/// Returns the peak resident memory of this process so far, in KiB (`VmHWM`).
///
/// # Panics
///
/// Where `/proc` does not tell.
pub fn peak_kib() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").expect("/proc is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it has a peak");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number")
}
