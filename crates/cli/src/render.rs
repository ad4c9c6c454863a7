//! Text and JSON for people and programs; nothing else prints.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use dbbackup::manifest::Skipped;
use dbbackup::units::ByteSize;
use dbbackup::{Error, ErrorKind, ErrorReport, Receipt, Report, Result};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

/// Where results go.
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    /// Why standard output took no more.
    broken: RefCell<Option<io::Error>>,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet, broken: RefCell::new(None) }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints a line for people.
    pub(crate) fn line(&self, text: &str) {
        if !self.json && !self.quiet {
            self.print(text);
        }
    }

    /// Prints a line that a quiet run needs too: what was asked for.
    pub(crate) fn result(&self, text: &str) {
        if !self.json {
            self.print(text);
        }
    }

    /// Prints the one object for programs.
    pub(crate) fn object(&self, value: &Value) {
        self.object_of(|| value.clone());
    }

    /// Prints the one object for programs, which is made only for them: that of a thousand backups takes its time.
    pub(crate) fn object_of(&self, value: impl FnOnce() -> Value) {
        if self.json {
            self.print(&format!("{:#}", value()));
        }
    }

    /// Says that nothing was done because nobody agreed: an error for a script, which may be quiet.
    pub(crate) fn declined(&self, why: &str, backup: &str) {
        self.object(&json!({ "declined": { "backup": backup, "message": why } }));
        if !self.json {
            let _closed = writeln!(io::stderr(), "{why}");
        }
    }

    /// Prints a remark on standard error.
    pub(crate) fn note(&self, text: &str) {
        if !self.json && !self.quiet {
            let _closed = writeln!(io::stderr(), "note: {text}");
        }
    }

    /// Names what was skipped, on standard error; a quiet run needs to know, too.
    pub(crate) fn skipped(&self, what: &str, skipped: &Skipped) {
        if self.json || skipped.count == 0 {
            return;
        }
        let mut text = format!("warning: {} {what}:\n", skipped.count);
        for name in &skipped.names {
            let _ = writeln!(text, "  {name}");
        }
        let more = skipped.count.saturating_sub(skipped.names.len() as u64);
        if more > 0 {
            let _ = writeln!(text, "  and {more} more");
        }
        let _closed = io::stderr().write_all(text.as_bytes());
    }

    /// Ends the output.
    ///
    /// # Errors
    ///
    /// `Write` if standard output took not all of it. A closed pipe is no error: nobody reads on.
    pub(crate) fn finish(&self) -> Result<()> {
        let flushed = io::stdout().flush().err();
        match self.broken.take().or(flushed) {
            Some(source) if source.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::from_io(source, ErrorKind::Write, "cannot write to standard output"))
            }
            _ => Ok(()),
        }
    }

    fn print(&self, text: &str) {
        if let Err(source) = writeln!(io::stdout(), "{text}") {
            self.broken.borrow_mut().get_or_insert(source);
        }
    }

    /// Prints an error: one object on standard output for programs, text on standard error for people.
    pub(crate) fn error(&self, error: &Error) {
        self.object(&json!({ "error": error_object(error) }));
        if !self.json {
            let _closed = writeln!(io::stderr(), "error: {}", error_text(error, None));
        }
    }
}

/// Returns an error's lines: what, about what unless that is said or `known`, and what to do.
pub(crate) fn error_text(error: &Error, known: Option<&str>) -> String {
    let mut text = error.to_string();
    if let Some(subject) = error.about().filter(|subject| Some(*subject) != known && !text.contains(subject)) {
        text = format!("{text} (`{subject}`)");
    }
    if let Some(hint) = error.advice() {
        text = format!("{text}\nhint: {hint}");
    }
    without_secrets(&text)
}

/// Returns an error for programs.
pub(crate) fn error_object(error: &Error) -> Value {
    let report = error.to_report();
    let shown = |text: Option<String>| text.map(|text| without_secrets(&text));
    let mut object = json!(ErrorReport {
        message: without_secrets(&report.message),
        subject: shown(report.subject),
        hint: shown(report.hint),
        ..report
    });
    object["exit_code"] = json!(error.kind().info().exit_code);
    object
}

/// Hides what may be secret in URLs: user, password and query. Files have none of them.
///
/// A URL ends at white space; anything else may stand in a password that nobody has encoded.
pub(crate) fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (scheme, after) = rest.split_at(at + "://".len());
        let (url, next) = after.split_at(after.find(char::is_whitespace).unwrap_or(after.len()));
        shown.push_str(scheme);
        if scheme.ends_with("sqlite://") || scheme.ends_with("file://") {
            shown.push_str(url);
        } else {
            let place = match url.rsplit_once('@') {
                Some((_, place)) => {
                    shown.push_str("***@");
                    place
                }
                None => url,
            };
            match place.split_once('?') {
                Some((place, query)) => {
                    let punctuation = &query[query.trim_end_matches(['`', '\'', ':', ',']).len()..];
                    for part in [place, "?***", punctuation] {
                        shown.push_str(part);
                    }
                }
                None => shown.push_str(place),
            }
        }
        rest = next;
    }
    shown.push_str(rest);
    shown
}

/// Returns a backup's line.
pub(crate) fn receipt_line(alias: &str, receipt: &Receipt) -> String {
    let record = &receipt.record;
    let (plain, stored) = (ByteSize(record.plain_bytes), ByteSize(record.stored_bytes));
    let files = match record.media.map(|media| media.files) {
        Some(1) => "1 file, ".to_owned(),
        Some(files) => format!("{files} files, "),
        None => String::new(),
    };
    format!("{alias}: stored {} ({files}{plain} -> {stored} in {})", receipt.name, seconds(receipt.duration))
}

/// Returns a backup for programs.
pub(crate) fn receipt_object(receipt: &Receipt) -> Value {
    let mut object = json!(receipt.record);
    object["name"] = json!(receipt.name);
    object["seconds"] = json!(receipt.duration.as_secs_f64());
    object["notes"] = json!(receipt.notes);
    object
}

/// Returns a restore or verification for programs.
pub(crate) fn report_object(report: &Report) -> Value {
    let mut object = json!({
        "name": report.name,
        "plain_bytes": report.plain_bytes,
        "stored_bytes": report.stored_bytes,
        "proof": report.proof,
        "seconds": report.duration.as_secs_f64(),
        "notes": report.notes,
    });
    if let Some(content) = &report.content {
        object["media"] = json!(content);
    }
    if let Some(drill) = &report.drill {
        object["drill"] = json!(drill);
    }
    if let Some(changes) = &report.changes {
        object["changes"] = json!(changes);
        object["left_out"] = json!(report.left_out);
    }
    object
}

/// Returns a number of things: `1 row`, `2,401 rows`.
pub(crate) fn counted(number: u64, what: &str) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    format!("{shown} {what}{}", if number == 1 { "" } else { "s" })
}

/// Returns a duration as people say it: `0.24 s`, `75 s`, `12 min`.
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        _ if seconds < 9.995 => format!("{seconds:.2} s"),
        _ if seconds < 600.0 => format!("{seconds:.0} s"),
        _ => format!("{:.0} min", seconds / 60.0),
    }
}

/// Returns a moment in local time.
pub(crate) fn local_time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Returns how long ago something was: `5 minutes ago`.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(at).and_then(|span| span.total(Unit::Second)).unwrap_or(0.0);
    for (unit, length) in [("day", 86_400.0), ("hour", 3_600.0), ("minute", 60.0), ("second", 1.0)] {
        let count = (seconds / length).floor();
        if count >= 1.0 {
            let plural = if count > 1.0 { "s" } else { "" };
            return format!("{count} {unit}{plural} ago");
        }
    }
    "just now".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_their_secrets() {
        for (text, shown) in [
            ("nothing here", "nothing here"),
            ("cannot use `pg://u:canary@h/db`: no", "cannot use `pg://***@h/db`: no"),
            ("'x://u:can'ary/@c@h' and `y://h/p?password=canary`: no", "'x://***@h' and `y://h/p?***`: no"),
            ("sqlite:////srv/a@b?.db is a file", "sqlite:////srv/a@b?.db is a file"),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }

    #[test]
    fn numbers_read_well() {
        for (number, text) in [(0, "0 rows"), (1, "1 row"), (999, "999 rows"), (2_401, "2,401 rows")] {
            assert_eq!(counted(number, "row"), text);
        }
        assert_eq!(counted(12_345_678, "table"), "12,345,678 tables");
    }

    #[test]
    fn ages_and_durations_read_well() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        for (second, text) in
            [(1_000_000, "just now"), (999_999, "1 second ago"), (996_300, "1 hour ago"), (1, "11 days ago")]
        {
            assert_eq!(age(Timestamp::from_second(second).unwrap(), now), text);
        }
        assert_eq!(seconds(Duration::from_millis(240)), "0.24 s");
        assert_eq!(seconds(Duration::from_secs(75)), "75 s");
        assert_eq!(seconds(Duration::from_secs(720)), "12 min");
    }
}
