//! Backup names: made from a template, and understood by it. Nothing else knows the template.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use regex_lite::{Regex, escape};

use crate::compress::Compression;
use crate::date_format::DateFormat;
use crate::encrypt::Encryption;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::Kind;

/// `{databasename}-{servername}-{datetime}.{extension}`, as django-dbbackup's.
pub const TEMPLATE: &str = "{databasename}-{servername}-{datetime}.{extension}";
/// `%Y-%m-%d-%H%M%S`, as django-dbbackup's.
pub const DATE_FORMAT: &str = "%Y-%m-%d-%H%M%S";
/// `{servername}-{datetime}.{extension}`, as django-dbbackup's.
pub const MEDIA_TEMPLATE: &str = "{servername}-{datetime}.{extension}";
/// The extension of media.
pub const MEDIA_EXTENSION: &str = "tar";
/// Extensions of every connector of django-dbbackup and of media.
pub const EXTENSIONS: [&str; 6] = ["sqlite3", "psql.bin", "psql", "dump", "json", MEDIA_EXTENSION];

/// How backups are named, and so how a name without a manifest is understood.
#[derive(Clone, Debug)]
pub struct Naming {
    template: Option<String>,
    media_template: Option<String>,
    /// Whose a media backup is whose name is all that is known of it.
    media_alias: String,
    dates: DateFormat,
    /// This host's name.
    pub servername: String,
    aliases: Vec<String>,
    extensions: Vec<String>,
    patterns: Vec<Pattern>,
}

/// What a name says of its backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The database's alias.
    pub alias: String,
    /// What stands at `{servername}`, if the template has it.
    pub servername: Option<String>,
    /// What stands at `{datetime}`, if the template has it.
    pub created_at: Option<Timestamp>,
    /// The connector's extension.
    pub extension: String,
}

#[derive(Clone, Debug)]
struct Pattern {
    kind: Kind,
    alias: String,
    regex: Regex,
}

impl Naming {
    /// Names by `template`, with `{databasename}`, `{servername}`, `{datetime}`, `{extension}` and
    /// `{content_type}`; `None` if names are made elsewhere and say nothing.
    ///
    /// `date_format` is a `strftime` format; dates are local in `time_zone`. `aliases` are the databases whose
    /// names are understood; `extensions` come on top of [`EXTENSIONS`].
    ///
    /// # Errors
    ///
    /// `Config` for a template with an unknown placeholder or a date format that cannot be read back.
    pub fn new(
        template: Option<String>,
        date_format: impl Into<String>,
        time_zone: TimeZone,
        servername: impl Into<String>,
        aliases: &[String],
        extensions: &[String],
    ) -> Result<Self> {
        let mut extensions: Vec<String> =
            EXTENSIONS.iter().map(|&known| known.to_owned()).chain(extensions.iter().cloned()).collect();
        // The longest first, so that `psql.bin` is not understood as `bin` after something else.
        extensions.sort_by_key(|extension| std::cmp::Reverse(extension.len()));
        extensions.dedup();
        let mut naming = Self {
            template,
            media_template: Some(MEDIA_TEMPLATE.to_owned()),
            media_alias: "media".to_owned(),
            dates: DateFormat::new(date_format, time_zone),
            servername: servername.into(),
            aliases: aliases.to_vec(),
            extensions,
            patterns: Vec::new(),
        };
        // The longest alias wins: `app-prod` before `app`.
        naming.aliases.sort_by_key(|alias| std::cmp::Reverse(alias.len()));
        naming.patterns = naming.compile()?;
        Ok(naming)
    }

    /// Names media by `template`, as [`Naming::new`] names databases: `{databasename}` is empty. A name without a
    /// manifest is a backup of `alias`.
    ///
    /// # Errors
    ///
    /// Those of [`Naming::new`].
    pub fn with_media(mut self, template: Option<String>, alias: impl Into<String>) -> Result<Self> {
        self.media_template = template;
        self.media_alias = alias.into();
        self.patterns = self.compile()?;
        Ok(self)
    }

    /// Names by the default template in the system's time zone.
    ///
    /// # Errors
    ///
    /// Never for these values.
    pub fn standard(servername: impl Into<String>, aliases: &[String]) -> Result<Self> {
        Self::new(Some(TEMPLATE.to_owned()), DATE_FORMAT, TimeZone::system(), servername, aliases, &[])
    }

    /// Makes the name of a backup taken at `at`.
    ///
    /// As the predecessor: the alias without a folder and without what follows its first dot, runs of `-`
    /// become one, and a leading `-` goes. What [`join_endings`] adds comes last.
    ///
    /// # Errors
    ///
    /// `Config` without a template, and for a date format that `strftime` does not know.
    pub fn generate(
        &self,
        kind: Kind,
        alias: &str,
        servername: &str,
        extension: &str,
        at: Timestamp,
    ) -> Result<String> {
        let date = self.dates.write(at)?;
        let name = fill(self.template_of(kind), |placeholder| match placeholder {
            "databasename" => Some(if kind == Kind::Media { String::new() } else { stem(alias).to_owned() }),
            "servername" => Some(servername.to_owned()),
            "datetime" => Some(date.clone()),
            "extension" => Some(extension.to_owned()),
            "content_type" => Some(content_type(kind).to_owned()),
            _ => None,
        })?;
        Ok(squeeze(&name))
    }

    /// Understands a name, or not: it matches the template of one of the aliases whole, or it is nobody's.
    pub fn parse(&self, name: &str) -> Option<Parsed> {
        let (plain, _, _) = split_endings(name);
        let kind = self.kind_of(name)?;
        self.patterns.iter().filter(|pattern| pattern.kind == kind).find_map(|pattern| {
            let found = pattern.regex.captures(plain)?;
            let created_at = match found.name("date") {
                Some(date) => Some(self.dates.read(date.as_str())?),
                None => None,
            };
            Some(Parsed {
                alias: pattern.alias.clone(),
                servername: found
                    .name("server")
                    .map(|server| server.as_str().to_owned())
                    .or_else(|| self.only_server(kind)),
                created_at,
                extension: found.name("extension")?.as_str().to_owned(),
            })
        })
    }

    /// Returns what a payload's name says that it is of; `None` for other files.
    pub fn kind_of(&self, name: &str) -> Option<Kind> {
        let is_media = self.extension_of(name)? == MEDIA_EXTENSION;
        Some(if is_media { Kind::Media } else { Kind::Database })
    }

    /// Returns the connector's extension of a payload's name, in any template; `None` for other files.
    pub fn extension_of(&self, name: &str) -> Option<&str> {
        let (plain, _, _) = split_endings(name);
        let is_last = |extension: &&String| {
            plain.strip_suffix(extension.as_str()).is_some_and(|stem| stem.len() > 1 && stem.ends_with('.'))
        };
        self.extensions.iter().find(is_last).map(String::as_str)
    }

    /// Returns the date that stands anywhere in a name, as the predecessor finds it.
    pub fn date_in(&self, name: &str) -> Option<Timestamp> {
        let regex = Regex::new(&self.dates.regex().ok()?).ok()?;
        self.dates.read(regex.find(name)?.as_str())
    }

    /// Returns what the name of a backup of `alias` says of its servername: `-` squeezed as in the name.
    pub fn same_server(written: &str, asked: &str) -> bool {
        squeeze(written) == squeeze(asked)
    }

    fn compile(&self) -> Result<Vec<Pattern>> {
        let date = self.dates.regex()?;
        let of_databases = self.extensions.iter().filter(|&extension| extension != MEDIA_EXTENSION);
        let of_databases = of_databases.map(|extension| escape(extension)).collect::<Vec<_>>().join("|");
        let databases = self.aliases.iter().map(|alias| (Kind::Database, alias.as_str(), stem(alias), &*of_databases));
        let media = (Kind::Media, self.media_alias.as_str(), "", MEDIA_EXTENSION);
        let mut patterns = Vec::new();
        for (kind, alias, databasename, extensions) in databases.chain([media]) {
            if self.template_of(kind).is_none() {
                continue;
            }
            // With a servername, then with an empty one, whose neighbouring hyphens were squeezed together.
            for server in [SERVER, ""] {
                let filled = fill(self.template_of(kind), |placeholder| match placeholder {
                    "databasename" => Some(databasename.to_owned()),
                    "servername" => Some(server.to_owned()),
                    "datetime" => Some(DATE.to_owned()),
                    "extension" => Some(EXTENSION.to_owned()),
                    "content_type" => Some(content_type(kind).to_owned()),
                    _ => None,
                })?;
                let mut source = escape(&squeeze(&filled));
                for (mark, group) in [
                    (SERVER, "(?P<server>.+?)".to_owned()),
                    (DATE, format!("(?P<date>{date})")),
                    (EXTENSION, format!("(?P<extension>{extensions})")),
                ] {
                    // The same placeholder twice: the first names the group.
                    source = source.replacen(mark, &group, 1).replace(mark, ".+?");
                }
                let regex = Regex::new(&format!("^(?:{source})$")).map_err(|error| {
                    Error::new(ErrorKind::Config, "cannot use the file name template").because(error)
                })?;
                patterns.push(Pattern { kind, alias: alias.to_owned(), regex });
            }
        }
        Ok(patterns)
    }

    /// Returns this server where names have no place for one: whoever leaves it out has one server, or means all.
    fn only_server(&self, kind: Kind) -> Option<String> {
        let names_none = self.template_of(kind).is_some_and(|template| !template.contains("{servername}"));
        names_none.then(|| self.servername.clone())
    }

    fn template_of(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Database => self.template.as_deref(),
            Kind::Media => self.media_template.as_deref(),
        }
    }
}

fn fill(template: Option<&str>, value: impl Fn(&str) -> Option<String>) -> Result<String> {
    let template =
        template.ok_or_else(|| Error::new(ErrorKind::Config, "cannot make a name: the template is not text"))?;
    let mut name = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        name.push_str(&rest[..at]);
        let from = &rest[at..];
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            name.push_str(&from[..1]);
            rest = after;
            continue;
        }
        let filled = from.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let (value, after) = filled.and_then(|(key, after)| Some((value(key)?, after))).ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("cannot use the file name template `{template}`"))
                .hint("it may hold {databasename}, {servername}, {datetime}, {extension} and {content_type}")
        })?;
        name.push_str(&value);
        rest = after;
    }
    name.push_str(rest);
    Ok(name)
}

/// The word of `{content_type}`, as django-dbbackup's.
fn content_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Database => "db",
        Kind::Media => "media",
    }
}

/// Adds the endings of compression and encryption to a name.
pub fn join_endings(plain: &str, compression: Compression, encryption: Encryption) -> String {
    [plain, compression.ending(), encryption.ending()].concat()
}

/// Splits the endings of encryption and compression off a name.
pub fn split_endings(name: &str) -> (&str, Compression, Encryption) {
    fn split<T: Copy>(name: &str, all: [T; 3], ending: fn(T) -> &'static str) -> (&str, T) {
        let found = all[1..].iter().find_map(|&value| Some((name.strip_suffix(ending(value))?, value)));
        found.unwrap_or((name, all[0]))
    }
    let (rest, encryption) = split(name, Encryption::ALL, Encryption::ending);
    let (plain, compression) = split(rest, Compression::ALL, Compression::ending);
    (plain, compression, encryption)
}

/// A database's name without its folder and what follows its first dot.
pub fn stem(name: &str) -> &str {
    let base = name.rsplit('/').next().unwrap_or(name);
    base.split('.').next().unwrap_or(base)
}

fn squeeze(name: &str) -> String {
    let mut squeezed = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter != '-' || !squeezed.ends_with('-') {
            squeezed.push(letter);
        }
    }
    squeezed.strip_prefix('-').map(str::to_owned).unwrap_or(squeezed)
}

/// Marks for placeholders while the literal text around them is squeezed and escaped: private-use characters.
const SERVER: &str = "\u{f0001}";
const DATE: &str = "\u{f0002}";
const EXTENSION: &str = "\u{f0003}";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naming(aliases: &[&str]) -> Naming {
        let aliases: Vec<String> = aliases.iter().map(|&alias| alias.to_owned()).collect();
        Naming::new(Some(TEMPLATE.into()), DATE_FORMAT, TimeZone::UTC, "host", &aliases, &[]).unwrap()
    }

    fn at() -> Timestamp {
        "2026-11-22T10:15:00Z".parse().unwrap()
    }

    #[test]
    fn names_are_the_predecessors() {
        let name =
            |alias, server, extension| naming(&[]).generate(Kind::Database, alias, server, extension, at()).unwrap();
        assert_eq!(name("default", "host", "sqlite3"), "default-host-2026-11-22-101500.sqlite3");
        assert_eq!(name("a/b.c.d", "", "dump"), "b-2026-11-22-101500.dump");
        assert_eq!(name("-x", "web--1", "json"), "x-web-1-2026-11-22-101500.json");
    }

    #[test]
    fn endings_say_what_was_done_to_it_in_that_order() {
        for compression in Compression::ALL {
            for encryption in Encryption::ALL {
                let name = join_endings("a.sqlite3", compression, encryption);
                assert_eq!(split_endings(&name), ("a.sqlite3", compression, encryption));
            }
        }
        assert_eq!(join_endings("a.tar", Compression::Gzip, Encryption::Openpgp), "a.tar.gz.gpg");
    }

    #[test]
    fn dates_are_local_time() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let naming = Naming::new(Some(TEMPLATE.into()), DATE_FORMAT, zone, "h", &["a".into()], &[]).unwrap();
        let name = naming.generate(Kind::Database, "a", "h", "sqlite3", at()).unwrap();
        assert_eq!(name, "a-h-2026-11-22-121500.sqlite3");
        assert_eq!(naming.parse(&name).unwrap().created_at, Some(at()));
    }

    #[test]
    fn a_name_belongs_to_one_alias_exactly() {
        let naming = naming(&["app", "app2", "app-prod", "my-app"]);
        let alias = |name: &str| naming.parse(name).map(|parsed| (parsed.alias, parsed.servername.unwrap_or_default()));
        let is = |alias: &str, server: &str| Some((alias.to_owned(), server.to_owned()));
        assert_eq!(alias("app-host-2026-11-22-101500.sqlite3"), is("app", "host"));
        assert_eq!(alias("app2-host-2026-11-22-101500.sqlite3.gz"), is("app2", "host"));
        assert_eq!(alias("app-prod-host-2026-11-22-101500.sqlite3"), is("app-prod", "host"));
        assert_eq!(alias("my-app-web-1-2026-11-22-101500.psql.bin.gz.gpg"), is("my-app", "web-1"));
        assert_eq!(alias("app-2026-11-22-101500.sqlite3"), is("app", ""));
        assert_eq!(alias("app3-host-2026-11-22-101500.sqlite3"), None);
        assert_eq!(alias("app-host-2026-11-22-101500.sqlite3.partial"), None);
        assert_eq!(alias(".app-host-2026-11-22-101500.sqlite3"), None);
        assert_eq!(alias("app-host-2026-11-22-101500.sqlite3.sig"), None);
        assert_eq!(alias("app-host-2026-13-22-101500.sqlite3"), None);
    }

    #[test]
    fn names_without_a_place_for_a_server_are_of_this_one() {
        let template = Some("{databasename}-{datetime}.{extension}".into());
        let naming = Naming::new(template, DATE_FORMAT, TimeZone::UTC, "host", &["app".into()], &[]).unwrap();
        let parsed = naming.parse("app-2026-11-22-101500.sqlite3").unwrap();
        assert_eq!(parsed.servername.as_deref(), Some("host"));
    }

    #[test]
    fn media_have_a_template_of_their_own() {
        let naming = naming(&["default"]);
        let name = naming.generate(Kind::Media, "media", "host", "tar", at()).unwrap();
        assert_eq!(name, "host-2026-11-22-101500.tar");
        let parsed = naming.parse(&name).unwrap();
        assert_eq!((parsed.alias.as_str(), parsed.servername.as_deref()), ("media", Some("host")));
        // What looks like a database's name is a server's, if it is a tar; and no database without its alias.
        let parsed = naming.parse("default-host-2026-11-22-101500.tar").unwrap();
        assert_eq!((parsed.alias.as_str(), parsed.servername.as_deref()), ("media", Some("default-host")));
        assert_eq!(naming.parse("host-2026-11-22-101500.sqlite3"), None);
        let renamed = naming.with_media(Some("{content_type}/{datetime}.{extension}".into()), "uploads").unwrap();
        assert_eq!(renamed.parse("media/2026-11-22-101500.tar.zst").unwrap().alias, "uploads");
    }

    #[test]
    fn other_templates_and_formats_are_understood() {
        let template = Some("{datetime}/{{x}}-{databasename}.{servername}.{extension}".into());
        let naming =
            Naming::new(template, "%d%b%y_%H%M%S%f", TimeZone::UTC, "host", &["db".into()], &["bak".into()]).unwrap();
        let name = naming.generate(Kind::Database, "db", "host", "bak", at()).unwrap();
        assert_eq!(name, "22Nov26_101500000000/{x}-db.host.bak");
        let parsed = naming.parse(&name).unwrap();
        assert_eq!((parsed.created_at, parsed.extension.as_str()), (Some(at()), "bak"));
        for bad in ["{database}.{extension}", "{datetime", "}"] {
            assert!(
                Naming::new(Some(bad.into()), DATE_FORMAT, TimeZone::UTC, "h", &["a".into()], &[]).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_payload_is_known_by_its_extension() {
        let naming = naming(&[]);
        assert_eq!(naming.extension_of("before-migration.sqlite3.gz"), Some("sqlite3"));
        assert_eq!(naming.extension_of("x.psql.bin"), Some("psql.bin"));
        assert_eq!(naming.extension_of("x.sqlite3.sig"), None);
        assert_eq!(naming.extension_of(".sqlite3"), None);
        assert_eq!(naming.date_in("x-2026-11-22-101500-y.dat"), Some(at()));
    }

    proptest! {
        #[test]
        fn what_is_generated_is_understood(
            alias in "[a-zA-Z0-9_][a-zA-Z0-9_-]{0,12}",
            server in "[a-zA-Z0-9.][a-zA-Z0-9.-]{0,12}",
            seconds in 0_i64..4_000_000_000,
        ) {
            let naming = naming(&[&alias]);
            let at = Timestamp::from_second(seconds).unwrap();
            let name = naming.generate(Kind::Database, &alias, &server, "sqlite3", at).unwrap();
            let parsed = naming.parse(&name).unwrap();
            prop_assert_eq!(&parsed.alias, &alias);
            prop_assert_eq!(parsed.created_at, Some(at));
            let written = parsed.servername.unwrap_or_default();
            prop_assert!(Naming::same_server(written.trim_end_matches('-'), server.trim_end_matches('-')));
        }
    }
}
