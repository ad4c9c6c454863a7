//! Archives as no honest tool would write them, member by member.

use tar::{EntryType, Header};

/// An archive, member by member, as no honest tool would write it.
#[derive(Default)]
pub(crate) struct Archive(pub(crate) Vec<u8>);

impl Archive {
    pub(crate) fn member(mut self, kind: EntryType, path: &str, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        self.raw(header, content);
        self
    }

    pub(crate) fn link(mut self, kind: EntryType, path: &str, to: &str) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_link_name_literal(to).unwrap();
        header.set_size(0);
        self.raw(header, b"");
        self
    }

    pub(crate) fn raw(&mut self, mut header: Header, content: &[u8]) {
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    pub(crate) fn file(self, path: &str, content: &[u8]) -> Self {
        self.member(EntryType::Regular, path, content)
    }

    /// A file whose path no header can hold, as GNU tar writes it.
    pub(crate) fn long(self, path: &str, content: &[u8]) -> Self {
        let name = [path.as_bytes(), b"\0"].concat();
        self.member(EntryType::GNULongName, "././@LongLink", &name).file(&path[..90], content)
    }

    /// A folder with a mode and a time.
    pub(crate) fn folder(mut self, path: &str, mode: u32, modified: u64) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(EntryType::Directory);
        header.set_mode(mode);
        header.set_mtime(modified);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        self.raw(header, b"");
        self
    }

    /// A sparse file that is one hole.
    pub(crate) fn hole(mut self, path: &str, bytes: u64) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(EntryType::GNUSparse);
        header.as_gnu_mut().unwrap().set_real_size(bytes);
        header.set_mode(0o644);
        header.set_size(0);
        self.raw(header, b"");
        self
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}
