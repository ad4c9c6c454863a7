//! What is left out of a media backup: patterns as in a `.gitignore`.

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::{Error, ErrorKind, Result, Stage};

/// Patterns of files and folders to leave out. The syntax is gitignore's: the last that matches decides, `!` takes
/// back, a slash at the end means folders, one before means from the top.
#[derive(Clone, Debug)]
pub struct Exclude {
    patterns: Vec<String>,
    matcher: Gitignore,
}

impl Exclude {
    /// Reads patterns.
    ///
    /// # Errors
    ///
    /// `Config` for one that cannot be understood.
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Result<Self> {
        let patterns: Vec<String> = patterns.into_iter().collect();
        let mut builder = GitignoreBuilder::new("");
        for pattern in &patterns {
            builder.add_line(None, pattern).map_err(|source| failed(pattern).because(source))?;
        }
        let matcher = builder.build().map_err(|source| failed(&patterns.join(", ")).because(source))?;
        Ok(Self { patterns, matcher })
    }

    /// Returns the patterns, as they were given.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Whether a path below the root is left out. Folders above it were asked about before.
    pub fn holds(&self, path: &std::path::Path, is_folder: bool) -> bool {
        !self.patterns.is_empty() && self.matcher.matched(path, is_folder).is_ignore()
    }

    /// Whether a folder below the root is left out, or one that it is in.
    pub(super) fn holds_way_to(&self, folder: &std::path::Path) -> bool {
        folder.ancestors().any(|above| self.holds(above, true))
    }
}

impl Default for Exclude {
    fn default() -> Self {
        Self { patterns: Vec::new(), matcher: Gitignore::empty() }
    }
}

fn failed(pattern: &str) -> Error {
    Error::new(ErrorKind::Config, format!("cannot use the pattern `{pattern}`"))
        .at(Stage::Source)
        .subject(pattern)
        .hint("patterns are those of a .gitignore: `*.tmp`, `cache/`, `/private`, `!keep.tmp`")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn exclude(patterns: &[&str]) -> Exclude {
        Exclude::new(patterns.iter().map(|&pattern| pattern.to_owned())).unwrap()
    }

    #[test]
    fn patterns_mean_what_they_mean_in_a_gitignore() {
        let exclude = exclude(&["*.tmp", "!keep.tmp", "cache/", "/top", "a/**/z"]);
        for (path, is_folder, is_out) in [
            ("x.tmp", false, true),
            ("deep/down/x.tmp", false, true),
            ("keep.tmp", false, false),
            ("cache", true, true),
            ("deep/cache", true, true),
            ("cache", false, false),
            ("top", false, true),
            ("deep/top", false, false),
            ("a/b/c/z", false, true),
            ("x.jpg", false, false),
        ] {
            assert_eq!(exclude.holds(Path::new(path), is_folder), is_out, "{path}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_understood_is_an_error() {
        for pattern in ["{a", "a[z-a]"] {
            let error = Exclude::new([pattern.to_owned()]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{pattern}");
        }
    }
}
