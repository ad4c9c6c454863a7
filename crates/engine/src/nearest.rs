//! The name that somebody who mistyped one most likely meant.

/// Returns the known name that is most like `name`, if one is.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::jaro_winkler(name, candidate);
    known.filter(|candidate| likeness(candidate) > 0.7).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}
