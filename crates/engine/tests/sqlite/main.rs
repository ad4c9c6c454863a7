//! SQLite databases as they are in the field: in use, in every mode, awkward, damaged, locked.

mod awkward;
mod backup;
mod content;
mod exclude;
mod hostile;
mod interruption;
mod large;
mod live;
mod locks;
mod names;
mod pages;
mod programs;
mod rights;
mod ruins;
mod world;
