//! MariaDB as it is in the field: a real server, which is busy, killed, short of rights.

#[path = "../servers/world.rs"]
mod servers;

mod blocked;
mod border;
mod drill;
mod ended;
mod failed;
mod full;
mod in_place;
mod killed;
mod lanes;
mod neighbours;
mod packets;
mod round_trip;
mod snapshot;
mod world;
mod zoo;
