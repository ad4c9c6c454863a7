//! PostgreSQL as it is in the field: real servers, old and new, which are busy, killed, short of roles and of rights.

mod blocked;
mod clients;
mod failed;
mod killed;
mod parts;
mod round_trip;
mod secrets;
mod world;
