//! Faults, damage and the suites that every store must pass: shared by the tests of engine and command line.

mod damage;
mod faulty;
pub mod killed;
mod shop;
#[doc(hidden)]
pub mod suite;

pub use damage::Damage;
pub use faulty::{FaultyReader, FaultyStore};
pub use shop::Shop;
