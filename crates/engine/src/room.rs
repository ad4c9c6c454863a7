//! Whether a disk has room for what is to come.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::ByteSize;

/// Fails unless the file system of `folder` has room for `bytes`.
pub(crate) fn require_room(folder: &Path, bytes: u64, stage: Stage) -> Result<()> {
    let Ok(status) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = status.f_bavail.saturating_mul(status.f_frsize);
    if free >= bytes {
        return Ok(());
    }
    let (needed, free) = (ByteSize(bytes), ByteSize(free));
    Err(Error::new(
        ErrorKind::Refused,
        format!("cannot start: `{}` has {free} free, {needed} are needed", folder.display()),
    )
    .at(stage)
    .subject(folder.display())
    .hint("free some space; nothing was changed"))
}
