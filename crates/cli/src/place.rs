//! Stores and folders of media: from what was typed to the engine's own.

use std::path::{Path, PathBuf};

use dbbackup::manifest::source_id;
use dbbackup::name::stem;
use dbbackup::{Error, ErrorKind, Local, Result, nearest, percent_decoded};

use crate::config::Config;

/// A folder of media that was named on the command line.
#[derive(Debug)]
pub(crate) struct Media {
    /// Its name in the store.
    pub(crate) alias: String,
    /// The folder.
    pub(crate) path: PathBuf,
    /// Patterns of what to leave out.
    pub(crate) exclude: Vec<String>,
}

impl Media {
    /// Resolves a name of `dbbackup.toml` or a folder.
    pub(crate) fn resolve(typed: &Path, config: &Config) -> Self {
        if let Some((name, entry)) = typed.to_str().and_then(|typed| config.media.get_key_value(typed)) {
            let path = config.folder.join(&entry.path);
            return Self { alias: name.clone(), path, exclude: entry.exclude.clone() };
        }
        let mut media = Self { alias: String::new(), path: typed.to_owned(), exclude: Vec::new() };
        media.alias = media.own_name();
        media
    }

    /// Returns the folder's own name.
    pub(crate) fn own_name(&self) -> String {
        let absolute = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let name = absolute.file_name().unwrap_or_default().to_string_lossy();
        Some(stem(&name)).filter(|name| !name.is_empty()).unwrap_or("media").to_owned()
    }

    /// Returns what tells this folder from another of the same name.
    pub(crate) fn source_id(&self) -> String {
        source_id("media", "", "", &self.path)
    }
}

/// Resolves a name of `dbbackup.toml`, a folder or a URL.
pub(crate) fn store(typed: &str, config: &Config) -> Result<Local> {
    let (place, folder) = match config.stores.get(typed) {
        Some(entry) => (entry.url.as_str(), config.folder.as_path()),
        None => (typed, Path::new("")),
    };
    match place.split_once("://") {
        None if place.is_empty() => Err(Error::new(ErrorKind::Config, "cannot use a store without a name")),
        None => {
            require_no_typo(typed, config)?;
            local(folder.join(place))
        }
        Some(("file", path)) => local(folder.join(decoded_path(path)?)),
        Some(("s3" | "gs" | "azblob" | "sftp", _)) => Err(Error::new(
            ErrorKind::Unsupported,
            format!("cannot use store `{place}`: only folders work in this version"),
        )
        .subject(place)
        .hint("back up into a folder, and copy that")),
        Some((scheme, _)) => {
            Err(Error::new(ErrorKind::Config, format!("cannot use store `{place}`: unknown `{scheme}://`"))
                .subject(place)
                .hint("a store is a folder, or a name in dbbackup.toml"))
        }
    }
}

fn local(path: PathBuf) -> Result<Local> {
    if path.is_file() {
        return Err(Error::new(ErrorKind::Config, format!("cannot use store `{}`: it is a file", path.display()))
            .subject(path.display())
            .hint("a store is a folder, or a name in dbbackup.toml"));
    }
    Ok(Local::new(path))
}

/// Fails for what looks like a mistyped name of a store: a backup would make a folder of that name.
fn require_no_typo(typed: &str, config: &Config) -> Result<()> {
    if config.stores.contains_key(typed) || typed.contains('/') || Path::new(typed).is_dir() {
        return Ok(());
    }
    let Some(known) = nearest(typed, config.stores.keys().map(String::as_str)) else { return Ok(()) };
    Err(Error::new(ErrorKind::Config, format!("cannot find store `{typed}`"))
        .subject(typed)
        .hint(format!("did you mean `{known}`? A new folder would be `./{typed}`")))
}

/// Splits a local file into the store that is its folder and its name there.
pub(crate) fn local_file(path: &str) -> Result<(Local, String)> {
    let path = Path::new(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) => Ok((Local::new(folder), name.to_owned())),
        None => Err(Error::new(ErrorKind::Config, format!("cannot use `{}` as a backup", path.display()))),
    }
}

/// Returns this host's name.
pub(crate) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns the path that a part of a URL means.
pub(crate) fn decoded_path(text: &str) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = percent_decoded(text).ok_or_else(|| {
        Error::new(ErrorKind::Config, format!("cannot use `{text}`: `%` without two hexadecimal digits"))
            .hint("write a `%` as `%25`")
    })?;
    Ok(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_stores_are_unsupported_and_unknown_ones_wrong() {
        let config = Config::default();
        assert_eq!(store("s3://bucket", &config).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(store("nfs://host", &config).unwrap_err().kind(), ErrorKind::Config);
        assert_eq!(store("file:///a%20b", &config).unwrap().root(), Path::new("/a b"));
        assert_eq!(store("", &config).unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn a_mistyped_store_gets_a_hint_and_no_folder() {
        let mut config: Config = toml::from_str("[stores.nightly]\nurl = 'b'").unwrap();
        config.folder = PathBuf::from("/etc");
        assert_eq!(store("nightly", &config).unwrap().root(), Path::new("/etc/b"));
        assert!(store("nihgtly", &config).unwrap_err().advice().unwrap().contains("`nightly`"));
        assert_eq!(store("./nihgtly", &config).unwrap().root(), Path::new("./nihgtly"));
        assert_eq!(store("elsewhere", &config).unwrap().root(), Path::new("elsewhere"));
    }
}
