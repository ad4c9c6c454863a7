//! Numbers with their units, and how people read them.

use std::fmt;

/// One kibibyte, in bytes.
pub const KIB: u64 = 1024;
/// One mebibyte, in bytes.
pub const MIB: u64 = 1024 * KIB;

/// A count of bytes; `Display` gives three significant digits in binary units (`12.3 MiB`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0 as f64;
        let mut unit = "B";
        for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
            // 1023.5 would round up to a four-digit 1024.
            if value < 1023.5 {
                break;
            }
            value /= 1024.0;
            unit = next;
        }
        let text = match unit {
            "B" => format!("{value:.0} B"),
            _ if value < 9.995 => format!("{value:.2} {unit}"),
            _ if value < 99.95 => format!("{value:.1} {unit}"),
            _ => format!("{value:.0} {unit}"),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (10_240, "10.0 KiB"),
            (1_048_575, "1.00 MiB"),
            (481_034_240, "459 MiB"),
            (5_368_709_120, "5.00 GiB"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
        assert_eq!(format!("{:>9}", ByteSize(1024)), " 1.00 KiB");
    }
}
