//! What a candidate is ranked by: the values that `--by` names.

use knas_records::{Failure, Record, RecordError};
use knas_stats::StatsError;
use serde_json::{Map, Value};

use crate::cli::Combine;

/// What `--by auto` stands for, combined by log-rank: the scores of
/// `knas-score --proxy auto`. Neither knows accuracies. Among combinations on 500
/// cells of one half of NAS-Bench-201's networks, larger and dearer ones ranked
/// better by .006 at most; the pair was judged on the other half.
const AUTO: [&str; 2] = ["gram-entropy", "meco-relu"];

/// The kind of failure of a record that lacks what ranks.
pub const MISSING: &str = "missing_score";

/// The values that rank a candidate, and the name of what they make.
pub struct Expression {
    terms: Vec<Term>,
    combine: Combine,
}

/// From one column per name to one column, larger is better.
pub type Combined = fn(&[Vec<f64>]) -> Result<Vec<f64>, StatsError>;

/// One name of `--by`, or of a budget.
pub struct Term {
    name: String,
    in_scores: String,
    prefers_small: bool,
}

impl Expression {
    /// Reads the names; none stand for the record's own `score`, `auto` for
    /// what is recommended. Without `combine`, ranks are added.
    ///
    /// # Errors
    /// A name is empty or comes twice, or `auto` is not alone, or is to be
    /// combined in another way.
    pub fn new(names: &[String], combine: Option<Combine>) -> anyhow::Result<Self> {
        if names.iter().any(|name| name == "auto") {
            anyhow::ensure!(
                matches!(combine, None | Some(Combine::LogRank)),
                "--by auto is combined by log-rank; for another way name its scores: {}",
                AUTO.join(",")
            );
            let parts = |name: &String| match name.as_str() {
                "auto" => AUTO.map(str::to_owned).to_vec(),
                _ => vec![name.clone()],
            };
            let names: Vec<String> = names.iter().flat_map(parts).collect();
            return Self::new(&names, Some(Combine::LogRank));
        }
        let combine = combine.unwrap_or(Combine::RankSum);
        let mut terms: Vec<Term> = Vec::new();
        for text in names {
            let name = text.strip_prefix('-').unwrap_or(text);
            anyhow::ensure!(
                !name.is_empty(),
                "--by has an empty name: {:?}",
                names.join(",")
            );
            anyhow::ensure!(
                name != "auto",
                "--by -auto: it is two scores, {}, of which much is better",
                AUTO.join(" and ")
            );
            anyhow::ensure!(
                terms.iter().all(|term| term.name != name),
                "--by names {name:?} twice"
            );
            terms.push(Term {
                prefers_small: name.len() < text.len(),
                ..Term::new(name)
            });
        }
        Ok(Self { terms, combine })
    }

    /// Whether the record's own `score` ranks.
    pub fn is_own_score(&self) -> bool {
        self.terms.is_empty()
    }

    /// The names of the values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(|term| term.name.as_str())
    }

    /// What makes one column of the values of all candidates; none where a
    /// candidate's score can be told from its record alone.
    pub fn combined(&self) -> Option<Combined> {
        let combined: Combined = match self.combine {
            _ if self.terms.len() < 2 => return None,
            Combine::Product => return None,
            Combine::RankSum => knas_stats::rank_sum,
            Combine::LogRank => knas_stats::log_rank,
            Combine::Pareto => |columns| {
                let fronts = knas_stats::pareto_fronts(columns)?;
                Ok(fronts.into_iter().map(|front| -f64::from(front)).collect())
            },
        };
        Some(combined)
    }

    /// The number of values.
    pub fn width(&self) -> usize {
        self.terms.len()
    }

    /// What `score_by` says: `mgm`, `-macs`, `log-rank(mgm,-macs)`; `score` where
    /// records say it themselves.
    pub fn name(&self) -> String {
        let names: Vec<String> = self.terms.iter().map(Term::signed_name).collect();
        match names.as_slice() {
            [] => "score".to_owned(),
            [name] => name.clone(),
            names => format!("{}({})", self.combine.name(), names.join(",")),
        }
    }

    /// The one value that ranks the record.
    ///
    /// # Errors
    /// It is missing or is not a finite number.
    pub fn value(&self, record: &Record<'_>) -> Result<f64, Failure> {
        match self.terms.as_slice() {
            [] => own_score(record),
            [term] => term.value(record).map(|value| term.sign() * value),
            terms => product(terms, record),
        }
    }

    /// Every value, larger is better.
    ///
    /// # Errors
    /// One is missing or is not a finite number.
    pub fn values(&self, record: &Record<'_>) -> Result<Vec<f64>, Failure> {
        let signed = |term: &Term| term.value(record).map(|value| term.sign() * value);
        self.terms.iter().map(signed).collect()
    }
}

/// Whether a score of this name was made of ranks among other records.
pub fn rests_on_ranks(name: &str) -> bool {
    let made = |combine: Combine| {
        let inner = name.strip_prefix(combine.name());
        inner.is_some_and(|inner| inner.starts_with('('))
    };
    [Combine::RankSum, Combine::LogRank, Combine::Pareto]
        .into_iter()
        .any(made)
}

impl Term {
    /// A score, or a numeric field, of which much is preferred.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            in_scores: format!("scores.{name}"),
            prefers_small: false,
        }
    }

    /// Its name, without a sign.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn signed_name(&self) -> String {
        let sign = if self.prefers_small { "-" } else { "" };
        format!("{sign}{}", self.name)
    }

    fn sign(&self) -> f64 {
        if self.prefers_small { -1.0 } else { 1.0 }
    }

    /// A record's value of it, as it stands.
    ///
    /// # Errors
    /// It is missing or is not a finite number.
    pub fn value(&self, record: &Record<'_>) -> Result<f64, Failure> {
        let found = match record.number(&self.in_scores).map_err(not_a_number)? {
            Some(value) => Some(value),
            None => record.number(&self.name).map_err(not_a_number)?,
        };
        found.ok_or_else(|| self.missing(record))
    }

    /// Why a record has no value: it says so itself, or nobody asked for one.
    fn missing(&self, record: &Record<'_>) -> Failure {
        let name = self.in_scores.trim_start_matches("scores.");
        let reason = record.get::<String>(&format!("scores_undefined.{name}"));
        if let Ok(Some(reason)) = reason {
            let message = format!("{name} is undefined: {reason}");
            return Failure::new("rank", Failure::UNDEFINED, message);
        }
        let known = known_scores(record);
        let message = format!("no {:?}{known}", self.name);
        Failure::new("rank", MISSING, message)
    }
}

fn own_score(record: &Record<'_>) -> Result<f64, Failure> {
    record
        .number("score")
        .map_err(not_a_number)?
        .ok_or_else(|| {
            let known = known_scores(record);
            Failure::new(
                "rank",
                MISSING,
                format!("no score; name one with --by{known}"),
            )
        })
}

fn product(terms: &[Term], record: &Record<'_>) -> Result<f64, Failure> {
    let mut product = 1.0;
    for term in terms {
        let value = term.value(record)?;
        if value <= 0.0 {
            let message = format!("{} is {value}: a product needs positive values", term.name);
            return Err(Failure::new("rank", "not_positive", message));
        }
        product = if term.prefers_small {
            product / value
        } else {
            product * value
        };
    }
    if product.is_finite() {
        Ok(product)
    } else {
        let message = format!("the product is {product}, not a finite number");
        Err(Failure::new("rank", "non_finite", message))
    }
}

fn not_a_number(error: RecordError) -> Failure {
    Failure::new("rank", "non_finite", error)
}

/// The scores that the record does have, for a message.
fn known_scores(record: &Record<'_>) -> String {
    match record.get::<Map<String, Value>>("scores") {
        Ok(Some(scores)) if !scores.is_empty() => {
            let names: Vec<&str> = scores.keys().take(12).map(String::as_str).collect();
            let more = if scores.len() > names.len() {
                ", …"
            } else {
                ""
            };
            format!(" (its scores are {}{more})", names.join(", "))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(names: &[&str], combine: Combine) -> Expression {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Expression::new(&names, Some(combine)).unwrap()
    }

    fn record(text: &str) -> Record<'_> {
        Record::parse(text).unwrap()
    }

    #[test]
    fn a_name_is_a_score_first_and_a_field_second() {
        let record = record(
            r#"{"id":"a","params":5,"macs":"9007199254740993","scores":{"params":7,"mgm":-1.5},"finetune":{"f1":0.5}}"#,
        );
        let value = |name| {
            expression(&[name], Combine::RankSum)
                .value(&record)
                .unwrap()
        };
        assert_eq!(value("params"), 7.0);
        assert_eq!(value("mgm"), -1.5);
        assert_eq!(value("-mgm"), 1.5);
        assert_eq!(value("-macs"), -9007199254740992.0);
        assert_eq!(value("finetune.f1"), 0.5);
    }

    #[test]
    fn what_is_missing_is_said_with_what_is_there() {
        let record = record(r#"{"id":"a","scores":{"mgm":1,"zen":2},"score":1e999}"#);
        let failure = expression(&["mmg"], Combine::RankSum)
            .value(&record)
            .unwrap_err();
        assert_eq!(failure.kind, "missing_score");
        assert_eq!(failure.message, "no \"mmg\" (its scores are mgm, zen)");
        let failure = expression(&[], Combine::RankSum)
            .value(&record)
            .unwrap_err();
        assert_eq!(failure.kind, "non_finite");
    }

    #[test]
    fn products_divide_by_what_should_be_small() {
        let record = record(r#"{"id":"a","scores":{"a":6,"b":3,"c":0,"d":1e300,"e":1e200}}"#);
        let value = |names: &[&str]| expression(names, Combine::Product).value(&record);
        assert_eq!(value(&["a", "-b"]).unwrap(), 2.0);
        assert_eq!(value(&["a", "c"]).unwrap_err().kind, "not_positive");
        assert_eq!(value(&["d", "e"]).unwrap_err().kind, "non_finite");
        assert_eq!(
            expression(&["d", "e"], Combine::Product)
                .combined()
                .map(|_| ()),
            None
        );
    }

    #[test]
    fn expressions_have_names() {
        assert_eq!(expression(&["-macs"], Combine::Pareto).name(), "-macs");
        let both = expression(&["mgm", "-macs"], Combine::LogRank);
        assert_eq!(both.name(), "log-rank(mgm,-macs)");
        let cheap = ["auto".to_owned(), "-latency".to_owned()];
        let cheap = Expression::new(&cheap, None).unwrap();
        assert_eq!(cheap.name(), "log-rank(gram-entropy,meco-relu,-latency)");
        assert!(Expression::new(&["-auto".to_owned()], None).is_err());
        for wrong in [
            vec!["".to_owned()],
            vec!["-".to_owned()],
            vec!["a".to_owned(), "-a".to_owned()],
        ] {
            assert!(Expression::new(&wrong, None).is_err());
        }
    }
}
