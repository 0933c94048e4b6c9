//! The labels of JSON lines: numbers from 0, or names.

use std::collections::HashMap;

use serde_json::Value;

use super::files::{Example, excerpt};

/// The largest label, and one less than the most names.
const MAX_LABEL: usize = 999;

/// The labels that have been met, each with the line of its first example.
#[derive(Debug)]
pub(super) enum Labels {
    /// Numbers.
    Numbers(Vec<Option<usize>>),
    /// Names, each with the number by which it stands in examples so far.
    Names(HashMap<String, (u32, usize)>),
}

impl Default for Labels {
    fn default() -> Self {
        Self::Numbers(Vec::new())
    }
}

impl Labels {
    /// The number of a label on a line, for now.
    pub fn number(&mut self, label: &Value, line: usize) -> Result<u32, String> {
        if let (Value::String(_), Self::Numbers(none)) = (label, &*self)
            && none.is_empty()
        {
            *self = Self::Names(HashMap::new());
        }
        let found = || excerpt(&label.to_string());
        match (self, label) {
            (Self::Names(_), Value::String(name)) if name.trim().is_empty() => {
                Err("\"label\" is empty".to_owned())
            }
            (Self::Names(names), Value::String(name)) => {
                let next = names.len() as u32;
                if names.len() > MAX_LABEL && !names.contains_key(name) {
                    return Err(format!(
                        "\"label\" is {}, and there are {} other names already",
                        excerpt(name),
                        names.len()
                    ));
                }
                Ok(names.entry(name.clone()).or_insert((next, line)).0)
            }
            (Self::Names(_), _) => Err(format!(
                "\"label\" is {}, and those before are names",
                found()
            )),
            (Self::Numbers(first_of_class), label) => {
                let number = label.as_u64().and_then(|n| usize::try_from(n).ok());
                let class = number.filter(|&number| number <= MAX_LABEL);
                let class = class.ok_or_else(|| {
                    let names = match (label, first_of_class.is_empty()) {
                        (Value::String(_), false) => "; those before are numbers",
                        _ => "",
                    };
                    format!(
                        "\"label\" is {}, not a whole number from 0 to {MAX_LABEL}{names}",
                        found()
                    )
                })?;
                if class >= first_of_class.len() {
                    first_of_class.resize(class + 1, None);
                }
                first_of_class[class].get_or_insert(line);
                Ok(class as u32)
            }
        }
    }

    /// The names of the classes, in the order of their bytes, whatever the order of
    /// the lines; none where labels are numbers. Examples have their final labels.
    ///
    /// # Errors
    /// The line and the reason, where there are no two classes, or one has no example.
    pub fn settle(self, examples: &mut [Example]) -> Result<Vec<String>, (usize, String)> {
        match self {
            Self::Numbers(first_of_class) => whole(&first_of_class).map(|()| Vec::new()),
            Self::Names(met) => {
                let mut names: Vec<(String, (u32, usize))> = met.into_iter().collect();
                names.sort_unstable();
                if let [(name, (_, line))] = &names[..] {
                    let reason = format!(
                        "every label of the file is {}, and there have to be two classes",
                        excerpt(name)
                    );
                    return Err((*line, reason));
                }
                let mut places = vec![0; names.len()];
                for (place, (_, (number, _))) in (0..).zip(&names) {
                    places[*number as usize] = place;
                }
                for example in examples {
                    example.label = places[example.label as usize];
                }
                Ok(names.into_iter().map(|(name, _)| name).collect())
            }
        }
    }
}

/// Whether there are two classes or more, each with an example.
fn whole(first_of_class: &[Option<usize>]) -> Result<(), (usize, String)> {
    let largest = first_of_class.len().saturating_sub(1);
    let line = first_of_class.last().copied().flatten().unwrap_or_default();
    if largest == 0 {
        let reason = "every label of the file is 0, and there have to be two classes";
        return Err((line, reason.to_owned()));
    }
    match first_of_class.iter().position(Option::is_none) {
        Some(empty) => Err((
            line,
            format!("the label is {largest}, but no example has the label {empty}"),
        )),
        None => Ok(()),
    }
}
