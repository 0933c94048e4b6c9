//! What candidates may cost.

use knas_records::{Context, Failure, Record};

use crate::expression::Term;

/// The most that candidates may cost, by name, and how many cost more.
pub struct Budget {
    most: Vec<(Term, f64)>,
    over: u64,
}

impl Budget {
    /// Of these names, each with the largest value that is let through.
    pub fn new(most: &[(String, f64)]) -> Self {
        let most = most.iter().map(|(name, most)| (Term::new(name), *most));
        Self {
            most: most.collect(),
            over: 0,
        }
    }

    /// What it limits.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.most.iter().map(|(term, _)| term.name())
    }

    /// Whether a candidate is within it; one that is not is counted.
    ///
    /// # Errors
    /// When it lacks a value, or that is no finite number.
    pub fn holds(&mut self, record: &Record<'_>) -> Result<bool, Failure> {
        for (term, most) in &self.most {
            let cost = term.value(record);
            let unknown = |failure: Failure| {
                let message = format!("--budget: {}", failure.message);
                Failure::new("rank", "unknown_cost", message)
            };
            if cost.map_err(unknown)? > *most {
                self.over += 1;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Says how many were left out.
    pub fn report(&self, context: &Context) {
        if self.over > 0 {
            let most = self.most.iter();
            let most: Vec<String> = most
                .map(|(term, most)| format!("{}={most}", term.name()))
                .collect();
            context.info(format_args!(
                "{} candidates cost more than {}, and are left out",
                self.over,
                most.join(",")
            ));
        }
    }
}
