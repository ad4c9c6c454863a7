//! Ways in which a stored file can be wrong.

/// One way of being wrong, applied to a copy of the bytes.
#[derive(Clone, Debug)]
pub enum Damage {
    /// Only the first bytes are left.
    CutTo(usize),
    /// One bit is the other one; bits count from the first byte's lowest.
    FlipBit(usize),
    /// Something stands behind the end.
    Append(&'static [u8]),
    /// A range of bytes is gone from the middle.
    Remove(std::ops::Range<usize>),
    /// Everything stands there twice.
    Twice,
    /// Nothing is left.
    Empty,
}

impl Damage {
    /// Returns the damaged bytes.
    ///
    /// # Panics
    ///
    /// For places outside of the bytes.
    pub fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        let mut damaged = bytes.to_vec();
        match self {
            Self::CutTo(length) => damaged.truncate(*length),
            Self::FlipBit(bit) => damaged[bit / 8] ^= 1 << (bit % 8),
            Self::Append(more) => damaged.extend_from_slice(more),
            Self::Remove(range) => drop(damaged.drain(range.clone())),
            Self::Twice => damaged.extend_from_slice(bytes),
            Self::Empty => damaged.clear(),
        }
        damaged
    }

    /// Returns damage of every kind at places all over `length` bytes: the ends, and `places` in between.
    pub fn everywhere(length: usize, places: usize) -> Vec<Self> {
        let mut at: Vec<usize> = (0..places).map(|place| place * length / places).collect();
        at.extend([1, 17, length.saturating_sub(9), length.saturating_sub(1)]);
        at.retain(|&byte| byte < length);
        let mut all = vec![Self::Append(b"\0"), Self::Append(b"more"), Self::Twice, Self::Empty];
        for byte in at {
            all.push(Self::CutTo(byte));
            all.push(Self::FlipBit(byte * 8 + byte % 8));
            all.push(Self::Remove(byte..(byte + 1)));
        }
        all
    }
}
