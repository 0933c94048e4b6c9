//! Candidates whose values are to be combined once all are there.

use std::collections::HashMap;

use knas_records::ids::Repeats;

use crate::best::Candidate;

/// All candidates, each id once, and the columns of their values.
pub struct Waiting {
    /// The values, by name of the expression and candidate.
    pub columns: Vec<Vec<f64>>,
    /// The candidates with their classes.
    pub candidates: Vec<(Candidate, Option<String>)>,
    /// Those that say something else under the id of another, and where that is.
    pub twins: Vec<(Candidate, String)>,
    /// Records that came again.
    pub repeats: Repeats,
    places: HashMap<Box<str>, usize>,
}

impl Waiting {
    /// Nobody waits, for values of so many names.
    pub fn new(width: usize) -> Self {
        Self {
            columns: vec![Vec::new(); width],
            candidates: Vec::new(),
            twins: Vec::new(),
            repeats: Repeats::default(),
            places: HashMap::new(),
        }
    }

    /// Adds a candidate. Of two under one id the one whose text comes first is
    /// kept, whatever the order of the input; the other has come again, or is a
    /// twin if it says something else.
    pub fn add(&mut self, mut values: Vec<f64>, mut new: Candidate, class: Option<String>) {
        let Some(&at) = self.places.get(&new.id) else {
            self.places.insert(new.id.clone(), self.candidates.len());
            for (column, value) in self.columns.iter_mut().zip(values) {
                column.push(value);
            }
            self.candidates.push((new, class));
            return;
        };
        let (there, their_class) = &mut self.candidates[at];
        let same = self.columns.iter().zip(&values);
        let same = same.into_iter().all(|(column, value)| column[at] == *value);
        let again = same && new.agrees(there);
        if new.line < there.line {
            std::mem::swap(there, &mut new);
            *their_class = class;
            for (column, value) in self.columns.iter_mut().zip(&mut values) {
                std::mem::swap(&mut column[at], value);
            }
        }
        if again {
            self.repeats.add(&new.id, &new.place, &there.place);
        } else {
            self.twins.push((new, there.place.to_string()));
        }
    }
}
