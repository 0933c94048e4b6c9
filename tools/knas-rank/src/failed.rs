//! Candidates that are not ranked.

use knas_records::{Context, Failure, OnError, Record};

use crate::expression::{self, Expression};

/// Candidates without a rank.
pub struct Failed<'c> {
    context: &'c Context,
    /// Id and text of those that are to be passed on.
    pub kept: Option<Vec<(String, String)>>,
    earlier: u64,
    here: u64,
    /// Of those that failed here: they lack what ranks.
    without: u64,
    by: String,
}

impl<'c> Failed<'c> {
    pub fn new(passes_on: bool, expression: &Expression, context: &'c Context) -> Self {
        let keep = passes_on && context.on_error() == OnError::Emit;
        Self {
            context,
            kept: keep.then(Vec::new),
            earlier: 0,
            here: 0,
            without: 0,
            by: expression.name(),
        }
    }

    /// Takes one that an earlier stage marked.
    pub fn earlier(&mut self, record: &Record<'_>, text: &str) {
        self.earlier += 1;
        if let Some(kept) = &mut self.kept {
            kept.push((record.id().to_owned(), text.to_owned()));
        }
    }

    /// Takes one that failed here.
    pub fn here(
        &mut self,
        mut record: Record<'_>,
        place: &dyn std::fmt::Display,
        failure: &Failure,
    ) -> anyhow::Result<()> {
        self.here += 1;
        if [expression::MISSING, Failure::UNDEFINED].contains(&failure.kind.as_str()) {
            self.without += 1;
        }
        let counted = self.context.left_out(record.id(), place, failure);
        if let Some(kept) = &mut self.kept {
            record.fail(failure);
            let mut text = Vec::new();
            record.write_to(&mut text)?;
            kept.push((record.id().to_owned(), String::from_utf8(text)?));
        }
        Ok(counted?)
    }

    /// Says how many there were; returns those that are to be passed on, in
    /// the order of their ids.
    pub fn report(self, ranked: usize) -> Vec<(String, String)> {
        let done = if self.kept.is_some() {
            "passed on without a rank"
        } else {
            "left out"
        };
        if self.earlier + self.here > 0 {
            let without = match self.without {
                0 => String::new(),
                without => format!(", of which {without} have no value of {}", self.by),
            };
            self.context.warn(format_args!(
                "failed candidates {done}: {} from earlier stages, {} from this one{without}",
                self.earlier, self.here
            ));
        }
        self.context
            .detail(format_args!("{ranked} candidates ranked"));
        let mut kept = self.kept.unwrap_or_default();
        kept.sort_unstable();
        kept
    }
}
