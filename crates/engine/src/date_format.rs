//! The date in a backup's name: a `strftime` format that is written, found in a text, and read back.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use regex_lite::escape;

use crate::error::{Error, ErrorKind, Result};

/// A `strftime` format of local time in one zone.
#[derive(Clone, Debug)]
pub(crate) struct DateFormat {
    format: String,
    time_zone: TimeZone,
}

impl DateFormat {
    pub(crate) fn new(format: impl Into<String>, time_zone: TimeZone) -> Self {
        Self { format: format.into(), time_zone }
    }

    /// Writes a moment.
    ///
    /// # Errors
    ///
    /// `Config` for a format that `strftime` does not know.
    pub(crate) fn write(&self, at: Timestamp) -> Result<String> {
        let local = at.to_zoned(self.time_zone.clone());
        strtime::format(self.jiff_format(), &local).map_err(|source| self.bad_format().because(source))
    }

    /// Reads a moment; the first of two where the clock was put back.
    pub(crate) fn read(&self, text: &str) -> Option<Timestamp> {
        let local = DateTime::strptime(self.jiff_format(), text)
            .ok()
            .or_else(|| Date::strptime(self.jiff_format(), text).ok().map(|date| date.at(0, 0, 0, 0)))?;
        Some(local.to_zoned(self.time_zone.clone()).ok()?.timestamp())
    }

    /// Returns what finds such a date in a text.
    ///
    /// # Errors
    ///
    /// `Config` for a format that cannot be read back.
    pub(crate) fn regex(&self) -> Result<String> {
        let mut regex = String::new();
        let mut letters = self.format.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                regex.push_str(&escape(&letter.to_string()));
                continue;
            }
            regex.push_str(match letters.next() {
                Some('Y') => r"\d{4}",
                Some('m' | 'd' | 'H' | 'I' | 'M' | 'S' | 'y' | 'U' | 'W' | 'V') => r"\d{2}",
                Some('j') => r"\d{3}",
                Some('f') => r"\d{6}",
                Some('s') => r"\d+",
                Some('a' | 'A' | 'b' | 'B' | 'p' | 'Z') => r"[^\W\d]+",
                Some('z') => r"[+-]\d{4}",
                Some('w' | 'u') => r"\d",
                Some('%') => "%",
                _ => return Err(self.bad_format()),
            });
        }
        Ok(regex)
    }

    /// Python's `%f` is six digits; jiff's would drop the zeros.
    fn jiff_format(&self) -> String {
        self.format.replace("%f", "%6f")
    }

    fn bad_format(&self) -> Error {
        Error::new(ErrorKind::Config, format!("cannot use the date format `{}`", self.format))
            .hint("use a format like %Y-%m-%d-%H%M%S")
    }
}
