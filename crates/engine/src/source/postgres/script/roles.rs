//! Owners and privileges, by what the server knows of their roles.

use std::collections::{BTreeMap, BTreeSet};

use super::super::spelling::shown;
use super::head::Head;
use super::rules::Verdict;

/// The server's roles, and those of the text that had to be passed over.
pub(super) struct Roles {
    user: String,
    is_superuser: bool,
    /// Whether the session may act as it.
    known: BTreeMap<String, bool>,
    missing: BTreeSet<String>,
    forbidden: BTreeSet<String>,
    /// Missing ones that a policy was for.
    ruled: BTreeSet<String>,
    /// Missing ones that had a user mapping.
    mapped: BTreeSet<String>,
    /// Roles with a user mapping that says nothing.
    unopened: BTreeSet<String>,
}

impl Roles {
    pub(super) fn new(user: String, is_superuser: bool, known: BTreeMap<String, bool>) -> Self {
        let none = BTreeSet::new;
        Self {
            user,
            is_superuser,
            known,
            missing: none(),
            forbidden: none(),
            ruled: none(),
            mapped: none(),
            unopened: none(),
        }
    }

    /// Judges `ALTER … OWNER TO role`, and what is none.
    pub(super) fn alter(&mut self, head: &Head) -> Verdict {
        if head.has(1, &["default", "privileges"]) {
            return self.default_privileges(head);
        }
        let Some(at) = head.find(1, &["owner"]).filter(|&at| head.is(at + 1, "to") && head.is_end(at + 3)) else {
            return Verdict::Pass;
        };
        // The name of a column, as in RENAME owner TO.
        let is_renamed = head.is(at - 1, "rename") || head.is(at - 1, "column");
        if is_renamed || self.may_act_as(head, at + 2) { Verdict::Pass } else { Verdict::LeaveOut }
    }

    /// Judges `GRANT … TO roles` and `REVOKE … FROM roles` from the place where it begins.
    ///
    /// Of several roles those that the server has stay.
    pub(super) fn grant(&mut self, head: &Head, from: usize) -> Verdict {
        let Some(keyword) = head.find(from, &["to", "from"]) else { return Verdict::Pass };
        let (names, end) = listed(head, keyword + 1);
        let granter = head.find(end, &["granted"]).filter(|&at| head.is(at + 1, "by"));
        let has_granter = granter.is_none_or(|at| self.has(head, at + 2));
        let there: Vec<_> = names.iter().copied().filter(|&at| self.has(head, at)).collect();
        if !has_granter || there.is_empty() && !names.is_empty() {
            return Verdict::LeaveOut;
        }
        if there.len() == names.len() {
            return Verdict::Pass;
        }
        Verdict::Replace(with_names(head, keyword, &there, end))
    }

    /// Judges `CREATE POLICY … TO roles …` as far as the roles.
    ///
    /// A policy says nothing to any but its roles: without those that are missing, all others see what they saw.
    pub(super) fn policy(&mut self, head: &Head) -> Verdict {
        let Some(keyword) = head.find(2, &["to", "using", "with"]).filter(|&at| head.is(at, "to")) else {
            return Verdict::Pass;
        };
        let (names, end) = listed(head, keyword + 1);
        let (there, missing): (Vec<_>, Vec<_>) = names.into_iter().partition(|&at| self.lacked(head, at).is_none());
        let missing: Vec<_> = missing.into_iter().filter_map(|at| self.lacked(head, at)).collect();
        if missing.is_empty() {
            return Verdict::Pass;
        }
        self.ruled.extend(missing);
        if there.is_empty() { Verdict::LeaveOut } else { Verdict::PassAs(with_names(head, keyword, &there, end)) }
    }

    /// Judges `CREATE USER MAPPING [IF NOT EXISTS] FOR role`.
    pub(super) fn user_mapping(&mut self, head: &Head) -> Verdict {
        let at = head.past(3, &["if", "not", "exists"]) + 1;
        // The session's own, by another word.
        if let Some(name) = self.lacked(head, at).filter(|_| !head.is(at, "user")) {
            self.mapped.insert(name);
            return Verdict::LeaveOut;
        }
        let others = role(head, at).filter(|name| !["public", "user", &self.user].contains(&name.as_str()));
        self.unopened.extend(others.filter(|_| head.is_end(at + 3)));
        Verdict::Pass
    }

    /// Whether the session can say `SET SESSION AUTHORIZATION` with this role, which takes more than membership.
    pub(super) fn may_become(&mut self, name: &str) -> bool {
        if !self.known.contains_key(name) && name != self.user {
            self.missing.insert(name.to_owned());
            return false;
        }
        self.is_superuser || name == self.user || {
            self.forbidden.insert(name.to_owned());
            false
        }
    }

    /// Says which roles were passed over.
    pub(super) fn notes(&self) -> Vec<String> {
        let (missing, may_not) = ("that this server does not have", format!("that `{}` may not act as", self.user));
        let mut notes: Vec<String> = [
            ("owner and privileges of", missing, &self.missing),
            ("owner and privileges of", &may_not, &self.forbidden),
            ("policies for", missing, &self.ruled),
            ("user mappings of", missing, &self.mapped),
        ]
        .into_iter()
        .filter(|(.., names)| !names.is_empty())
        .map(|(what, why, names)| format!("left out: {what} roles {why}: {}", enumerate(names)))
        .collect();
        if !self.unopened.is_empty() {
            let names = enumerate(&self.unopened);
            notes.push(format!(
                "user mappings are without options, which only their own role and superusers may dump: {names}"
            ));
        }
        notes
    }

    fn default_privileges(&mut self, head: &Head) -> Verdict {
        let mut from = 3;
        if head.is(3, "for") && (head.is(4, "role") || head.is(4, "user")) {
            let (names, end) = listed(head, 5);
            // Each of them, so that the note names them all.
            let refused = names.into_iter().filter(|&at| !self.may_act_as(head, at)).count();
            if refused > 0 {
                return Verdict::LeaveOut;
            }
            from = end;
        }
        self.grant(head, from)
    }

    /// Whether the session may act as the role that stands there.
    fn may_act_as(&mut self, head: &Head, at: usize) -> bool {
        let Some(name) = role(head, at) else { return true };
        self.judge(name)
    }

    pub(super) fn judge(&mut self, name: String) -> bool {
        if name == self.user {
            return true;
        }
        let names = match self.known.get(&name) {
            Some(true) => return true,
            Some(false) => &mut self.forbidden,
            None => &mut self.missing,
        };
        names.insert(name);
        false
    }

    /// Whether the server has the role that stands there.
    fn has(&mut self, head: &Head, at: usize) -> bool {
        let lacked = self.lacked(head, at);
        let is_there = lacked.is_none();
        self.missing.extend(lacked);
        is_there
    }

    /// Returns the name of the role that stands there if the server does not have it.
    fn lacked(&self, head: &Head, at: usize) -> Option<String> {
        let is_lacked = |name: &String| name != "public" && *name != self.user && !self.known.contains_key(name);
        role(head, at).filter(is_lacked)
    }
}

/// Returns a role's name; `None` for those that are always there.
fn role(head: &Head, at: usize) -> Option<String> {
    let is_keyword = ["current_user", "session_user", "current_role"].into_iter().any(|word| head.is(at, word));
    head.name(at).filter(|_| !is_keyword)
}

/// Returns the places of names with commas between them, and the place behind the last.
fn listed(head: &Head, from: usize) -> (Vec<usize>, usize) {
    let (mut names, mut at) = (Vec::new(), from);
    loop {
        // An old word without meaning.
        at = head.past(at, &["group"]);
        if head.name(at).is_none() {
            return (names, at);
        }
        names.push(at);
        at += 1;
        if !head.is_symbol(at, b',') {
            return (names, at);
        }
        at += 1;
    }
}

/// Returns the head with these of the names that are listed between a keyword and `end`.
fn with_names(head: &Head, keyword: usize, names: &[usize], end: usize) -> Vec<u8> {
    let bytes = head.bytes();
    let listed: Vec<_> = names.iter().map(|&at| &bytes[head.range(at)]).collect();
    let (start, rest) = (head.range(keyword).end, head.range(end - 1).end);
    [&bytes[..start], b" ", listed.join(&b", "[..]).as_slice(), &bytes[rest..]].concat()
}

/// Puts names into one line, the first of them where there are many.
pub(super) fn enumerate(names: &BTreeSet<String>) -> String {
    let first: Vec<_> = names.iter().take(MOST_NAMES).map(|name| format!("`{}`", shown(name))).collect();
    let more = names.len() - first.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    first.join(", ") + &rest
}

/// Names in one note.
const MOST_NAMES: usize = 20;
