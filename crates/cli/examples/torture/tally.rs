//! What was done, and how it ended.

use std::collections::BTreeMap;

/// Counts of outcomes, by scenario.
#[derive(Default)]
pub(crate) struct Tally {
    rounds: BTreeMap<&'static str, u64>,
    outcomes: BTreeMap<(&'static str, String), u64>,
}

impl Tally {
    pub(crate) fn round(&mut self, scenario: &'static str, outcomes: &[String]) {
        *self.rounds.entry(scenario).or_default() += 1;
        for outcome in outcomes {
            *self.outcomes.entry((scenario, outcome.clone())).or_default() += 1;
        }
    }

    pub(crate) fn rounds(&self) -> u64 {
        self.rounds.values().sum()
    }

    /// `killed 31, refused with 6 12`
    pub(crate) fn line(&self) -> String {
        let mut all: BTreeMap<&str, u64> = BTreeMap::new();
        for ((_, outcome), count) in &self.outcomes {
            *all.entry(outcome).or_default() += count;
        }
        joined(all.into_iter())
    }

    pub(crate) fn table(&self) -> String {
        let rows = self.rounds.iter().map(|(scenario, rounds)| {
            let of_it = self.outcomes.iter().filter(|((of, _), _)| of == scenario);
            let outcomes = joined(of_it.map(|((_, outcome), count)| (outcome.as_str(), *count)));
            format!("{scenario:22}  {rounds:>6}  {outcomes}\n")
        });
        format!("{:22}  {:>6}  outcomes\n{}", "scenario", "rounds", rows.collect::<String>())
    }
}

fn joined<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    counts.map(|(outcome, count)| format!("{outcome} {count}")).collect::<Vec<_>>().join(", ")
}
