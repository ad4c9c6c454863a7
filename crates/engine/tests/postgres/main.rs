//! PostgreSQL as it is in the field: real servers, old and new, which are busy, killed, short of roles and of rights.

#[path = "../servers/world.rs"]
mod servers;

mod blocked;
mod clients;
mod drill;
mod encodings;
mod failed;
mod killed;
mod language;
mod left_out;
mod parts;
mod round_trip;
mod secrets;
mod world;
