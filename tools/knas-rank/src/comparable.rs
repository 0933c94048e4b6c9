//! Whether scores can be compared with each other.

use std::collections::HashMap;

use knas_records::{Comparison, Context, Record};

use crate::budget::Budget;
use crate::expression::{self, Expression};

/// Whether the scores of the records can be compared with each other.
#[derive(Default)]
pub struct Comparable {
    /// What the own score of the first record is of, and its id.
    score_by: Option<(Option<String>, String)>,
    /// By rank: the records of a ranking whose scores rest on all of it.
    places: HashMap<u64, String>,
    settings: Comparison,
}

impl Comparable {
    /// Scores of different names have no common order, nor have those that two
    /// rankings made of ranks.
    pub fn check_name(&mut self, record: &Record<'_>) -> anyhow::Result<()> {
        if record.raw("score").is_none() {
            return Ok(());
        }
        let name = record.raw("score_by").map(|raw| {
            let name = record.get::<String>("score_by").ok().flatten();
            name.unwrap_or_else(|| raw.get().to_owned())
        });
        let of = |name: &Option<String>| match name {
            Some(name) => format!("by {name:?}"),
            None => "by nothing that is named".to_owned(),
        };
        match &self.score_by {
            None => self.score_by = Some((name.clone(), record.id().to_owned())),
            Some((first, id)) => anyhow::ensure!(
                *first == name,
                "{} has a score {}, but {id} one {}: they cannot be compared; name one score \
                 with --by",
                record.id(),
                of(&name),
                of(first)
            ),
        }
        if let Some(name) = name.filter(|name| expression::rests_on_ranks(name))
            && let Ok(Some(rank)) = record.get("rank")
        {
            let other = self.places.insert(rank, record.id().to_owned());
            anyhow::ensure!(
                other.as_deref().is_none_or(|other| other == record.id()),
                "{} and {} both have rank {rank} by {name}: they are of two rankings, whose \
                 scores cannot be compared; combine them anew with --by",
                record.id(),
                other.unwrap_or_default()
            );
        }
        Ok(())
    }

    /// Scores of other data, seeds or networks have an order, but a doubtful one; and costs
    /// that other machines measured keep to another budget.
    pub fn see(&mut self, record: &Record<'_>, expression: &Expression, budget: &Budget) {
        self.settings.see(record, budget.names());
        match &self.score_by {
            Some((name, _)) => {
                let name = name.as_deref().unwrap_or("score");
                self.settings.see(record, [name]);
            }
            None => self.settings.see(record, expression.names()),
        }
    }

    pub fn report(&self, context: &Context) {
        if let Some(warning) = self.settings.warning() {
            context.caution(warning);
        }
    }
}
