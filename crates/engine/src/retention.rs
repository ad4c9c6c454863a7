//! Retention: which backups stay and which go, and why. Pure: a list and a policy in, decisions out.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::catalogue::{Backup, Scope};
use crate::manifest::Reason;

/// What to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Newest backups that stay. 0 means 1: the newest whole backup is never deleted.
    pub last: usize,
}

impl Policy {
    /// Keeps the newest `last`.
    pub fn keep_last(last: usize) -> Self {
        Self { last }
    }
}

/// What happens to one backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Its name.
    pub name: String,
    /// Why it stays or goes.
    pub verdict: Verdict,
}

impl Decision {
    /// Whether it is to be deleted.
    pub fn is_deletion(&self) -> bool {
        matches!(self.verdict, Verdict::Surplus { .. } | Verdict::OldSafety)
    }
}

/// Why a backup stays or goes. `Display` is the reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Stays: the newest.
    Newest,
    /// Stays: among the newest ones; the place counts from 1.
    Recent {
        /// Its place.
        place: usize,
        /// How many stay.
        last: usize,
    },
    /// Stays: the keep filter wants it.
    Wanted,
    /// Stays, and does not count: the user gave it a name, and may look for it by that.
    Named,
    /// Stays: nobody knows when it was made, so nobody knows whether it is old.
    Undated,
    /// Stays: by its date it was not made yet; a clock was wrong, and it must not push out what is newer.
    Future,
    /// Stays: one of the newest safety backups.
    Safety,
    /// Goes: older than the newest ones.
    Surplus {
        /// How many stay.
        last: usize,
    },
    /// Goes: a safety backup older than the newest ones.
    OldSafety,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("the newest is always kept"),
            Self::Recent { place, last } => write!(f, "number {place} of the newest {last}"),
            Self::Wanted => f.write_str("the keep filter wants it"),
            Self::Named => f.write_str("its name was given: it goes by hand only"),
            Self::Undated => f.write_str("its date is not known"),
            Self::Future => f.write_str("its date is in the future: a clock was wrong"),
            Self::Safety => write!(f, "one of the newest {SAFETY_KEPT} made before a restore"),
            Self::Surplus { last } => write!(f, "older than the newest {last}"),
            Self::OldSafety => write!(f, "older than the newest {SAFETY_KEPT} made before a restore"),
        }
    }
}

/// What a policy decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One decision for each backup in scope, newest first.
    pub decisions: Vec<Decision>,
    /// Backups of the same alias and kind that other servers or projects made: left alone.
    pub others: usize,
}

/// Decides over the backups of exactly `scope` that `servername` made of exactly its source.
///
/// The order of `backups` does not matter. A backup for whose name `keep` is true stays, and counts among
/// the newest as any other. Backups that the user named, without a date, or with one more than a day after `now`,
/// stay and do not count.
pub fn plan(
    backups: &[Backup],
    scope: &Scope,
    servername: &str,
    policy: Policy,
    now: Timestamp,
    mut keep: impl FnMut(&str) -> bool,
) -> Plan {
    let in_scope: Vec<&Backup> = backups.iter().filter(|backup| scope.holds(backup)).collect();
    let mut mine: Vec<&Backup> =
        in_scope.iter().copied().filter(|backup| backup.is_of(servername) && !scope.is_of_another(backup)).collect();
    mine.sort_by(|a, b| (b.created_at, &b.name).cmp(&(a.created_at, &a.name)));
    let last = policy.last.max(1);
    let (mut place, mut safety) = (0, 0);
    let mut decide = |backup: &Backup| {
        if backup.is_named() {
            return Verdict::Named;
        }
        match backup.created_at {
            None => return Verdict::Undated,
            Some(created_at) if created_at > now + CLOCK_ERROR => return Verdict::Future,
            Some(_) => {}
        }
        if backup.reason == Reason::BeforeRestore {
            safety += 1;
            return if safety <= SAFETY_KEPT || keep(&backup.name) { Verdict::Safety } else { Verdict::OldSafety };
        }
        place += 1;
        match place {
            1 => Verdict::Newest,
            _ if place <= last => Verdict::Recent { place, last },
            _ if keep(&backup.name) => Verdict::Wanted,
            _ => Verdict::Surplus { last },
        }
    };
    let decisions = mine.iter().map(|backup| Decision { name: backup.name.clone(), verdict: decide(backup) }).collect();
    Plan { decisions, others: in_scope.len() - mine.len() }
}

/// How far clocks of servers, and time zones of names, may differ.
const CLOCK_ERROR: SignedDuration = SignedDuration::from_hours(24);

/// Safety backups that stay, beside the count.
pub const SAFETY_KEPT: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Kind, Manifest};
    use proptest::prelude::*;

    fn backup(alias: &str, server: &str, second: i64) -> Backup {
        Backup {
            name: format!("{alias}-{server}-{second}"),
            kind: Kind::Database,
            alias: Some(alias.into()),
            database: None,
            servername: Some(server.into()),
            created_at: Timestamp::from_second(second).ok(),
            stored_bytes: Some(1),
            compression: crate::Compression::None,
            encryption: crate::Encryption::None,
            reason: Reason::Asked,
            manifest: Manifest::default(),
        }
    }

    fn scope(alias: &str) -> Scope {
        Scope { alias: alias.into(), kind: Kind::Database, database: None, source_id: None }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_000_000).unwrap()
    }

    fn deleted(plan: &Plan) -> Vec<&str> {
        plan.decisions.iter().filter(|decision| decision.is_deletion()).map(|decision| decision.name.as_str()).collect()
    }

    #[test]
    fn only_exactly_this_alias_and_server_are_touched() {
        let backups: Vec<Backup> = (1..=3)
            .flat_map(|second| [backup("app", "a", second), backup("app2", "a", second), backup("app", "b", second)])
            .collect();
        let plan = plan(&backups, &scope("app"), "a", Policy::keep_last(2), now(), |_| false);
        assert_eq!(deleted(&plan), ["app-a-1"]);
        assert_eq!(plan.others, 3);
        assert_eq!(plan.decisions[0].verdict, Verdict::Newest);
        assert_eq!(plan.decisions[1].verdict.to_string(), "number 2 of the newest 2");
    }

    #[test]
    fn another_databases_backups_under_the_same_alias_are_not_counted() {
        let mut production = backup("app", "a", 9);
        production.database = Some("production".into());
        let mut staging = backup("app", "a", 1);
        staging.database = Some("staging".into());
        let scope = Scope { database: Some("staging".into()), ..scope("app") };
        let plan = plan(&[production, staging], &scope, "a", Policy::keep_last(1), now(), |_| false);
        assert_eq!(plan.decisions.len(), 1);
        assert_eq!(deleted(&plan), [""; 0]);
    }

    #[test]
    fn a_backup_that_the_user_named_stays_and_does_not_count() {
        let mut before = backup("app", "a", 3);
        let mut record: crate::manifest::Record = serde_json::from_str(RECORD).unwrap();
        record.named = true;
        before.manifest.dbbackup = Some(record);
        let backups = [backup("app", "a", 1), backup("app", "a", 2), before];
        let plan = plan(&backups, &scope("app"), "a", Policy::keep_last(1), now(), |_| false);
        assert_eq!(deleted(&plan), ["app-a-1"]);
        assert_eq!(plan.decisions[0].verdict, Verdict::Named);
    }

    const RECORD: &str = r#"{"format":1,"state":"whole","kind":"database","alias":"app","database":"db","servername":"a",
        "created_at":"2026-01-01T00:00:00Z","compression":"none","encryption":"none","stored_bytes":1,
        "stored_sha256":"","plain_bytes":1,"generator":"g"}"#;

    #[test]
    fn another_projects_backups_of_the_same_names_are_left_alone() {
        let of_source = |source: &str, second| {
            let mut backup = backup("app", "a", second);
            let record: crate::manifest::Record = serde_json::from_str(RECORD).unwrap();
            backup.manifest.dbbackup = Some(crate::manifest::Record { source_id: Some(source.to_owned()), ..record });
            backup
        };
        let backups = [of_source("mine", 1), of_source("mine", 2), of_source("theirs", 0), of_source("theirs", 3)];
        let scope = Scope { source_id: Some("mine".into()), ..scope("app") };
        let plan = plan(&backups, &scope, "a", Policy::keep_last(1), now(), |_| false);
        assert_eq!(deleted(&plan), ["app-a-1"]);
        assert_eq!(plan.others, 2);
    }

    #[test]
    fn a_clock_that_was_wrong_pushes_nothing_out() {
        let backups = [backup("app", "a", 1), backup("app", "a", 2), backup("app", "a", 9_000_000)];
        let plan = plan(&backups, &scope("app"), "a", Policy::keep_last(1), now(), |_| false);
        assert_eq!(deleted(&plan), ["app-a-1"]);
        assert_eq!(plan.decisions[0].verdict, Verdict::Future);
    }

    #[test]
    fn safety_backups_and_undated_ones_stay_beside_the_count() {
        let mut backups: Vec<Backup> = (1..=6).map(|second| backup("app", "a", second)).collect();
        for safety in &mut backups[..5] {
            safety.reason = Reason::BeforeRestore;
        }
        let mut undated = backup("app", "a", 0);
        undated.created_at = None;
        backups.push(undated);
        let plan = plan(&backups, &scope("app"), "a", Policy::keep_last(1), now(), |_| false);
        assert_eq!(deleted(&plan), ["app-a-2", "app-a-1"]);
    }

    proptest! {
        #[test]
        fn the_newest_stays_and_no_more_than_asked_for_go(
            seconds in prop::collection::hash_set(1_i64..1000, 1..40),
            last in 0_usize..50,
            kept in prop::collection::hash_set(1_i64..1000, 0..20),
        ) {
            let backups: Vec<Backup> = seconds.iter().map(|&second| backup("app", "a", second)).collect();
            let names: Vec<String> = kept.iter().map(|second| format!("app-a-{second}")).collect();
            let plan = plan(&backups, &scope("app"), "a", Policy::keep_last(last), now(), |name| names.contains(&name.to_owned()));
            let newest = format!("app-a-{}", seconds.iter().max().unwrap());
            let gone = deleted(&plan);
            prop_assert!(!gone.contains(&newest.as_str()));
            prop_assert!(gone.iter().all(|name| !names.contains(&(*name).to_owned())));
            prop_assert!(backups.len() - gone.len() >= last.max(1).min(backups.len()));
            prop_assert_eq!(plan.decisions.len(), backups.len());
        }
    }
}
