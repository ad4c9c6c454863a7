//! The archive stage: a database's dump is one stream already; media files become one tar stream, and back.

pub(crate) mod custom;
pub mod tar;
