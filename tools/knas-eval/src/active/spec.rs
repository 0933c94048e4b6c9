//! `--protocol active,init=5,batch=5,budget=100,fine=COLUMN,…`

use std::str::FromStr;

use knas_predictor::Model;
use knas_predictor::acquire::Acquisition;
use knas_predictor::features::Kind;

/// An active search to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// Candidates that are trained before anything is learnt.
    pub init: usize,
    /// Candidates that are trained between two fits.
    pub batch: usize,
    /// Trainings in all.
    pub budget: usize,
    /// Candidates from which the two-step search takes the best by score.
    pub pool: usize,
    /// The column that training shows.
    pub fine: String,
    /// The column that counts in the end; every column of the truth without it.
    pub test: Option<String>,
    /// The score by which the first ones are taken; at random without it.
    pub first: Option<String>,
    /// The model's name.
    pub model: String,
    /// What proposes.
    pub acquire: Acquisition,
    /// What it learns from; none stand for all but one-hot.
    pub features: Vec<Kind>,
    /// How often it is played.
    pub reps: usize,
}

impl Active {
    /// The model.
    pub fn model(&self) -> Option<Box<dyn Model>> {
        knas_predictor::by_name(&self.model)
    }
}

impl FromStr for Active {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut spec = Self {
            init: 5,
            batch: 5,
            budget: 100,
            pool: 300,
            fine: String::new(),
            test: None,
            first: None,
            model: "auto".to_owned(),
            acquire: Acquisition::Ei,
            features: Vec::new(),
            reps: 20,
        };
        let mut entries = text.split(',');
        if entries.next() != Some("active") {
            return Err("it does not begin with \"active,\"".to_owned());
        }
        for entry in entries {
            let (name, value) = entry
                .split_once('=')
                .map(|(name, value)| (name.trim(), value.trim()))
                .ok_or_else(|| format!("{entry:?} is not NAME=VALUE"))?;
            let count = || match value.parse::<usize>() {
                Ok(count) if count > 0 => Ok(count),
                _ => Err(format!(
                    "{name}={value}: a whole number from 1 on is needed"
                )),
            };
            match name {
                "init" => spec.init = count()?,
                "batch" => spec.batch = count()?,
                "budget" => spec.budget = count()?,
                "pool" => spec.pool = count()?,
                "reps" => spec.reps = count()?,
                "fine" => value.clone_into(&mut spec.fine),
                "test" => spec.test = Some(value.to_owned()),
                "first" => spec.first = Some(value.to_owned()),
                "model" => value.clone_into(&mut spec.model),
                "acquire" => spec.acquire = value.parse()?,
                "features" if value == "auto" => spec.features.clear(),
                "features" => {
                    let kinds: Result<Vec<Kind>, String> =
                        value.split('+').map(str::parse).collect();
                    spec.features = kinds?;
                }
                _ => {
                    return Err(format!(
                        "{name:?} is none of init, batch, budget, pool, fine, test, first, model, \
                         acquire, features, reps"
                    ));
                }
            }
        }
        if spec.fine.is_empty() {
            return Err("fine=COLUMN is missing: which accuracy does training show?".to_owned());
        }
        if spec.model().is_none() {
            let names = knas_predictor::NAMES.join(", ");
            return Err(format!("model={} is none of {names}", spec.model));
        }
        if spec.init < knas_predictor::FEWEST || spec.init > spec.budget {
            return Err(format!(
                "init={} must be at least {} and at most budget={}",
                spec.init,
                knas_predictor::FEWEST,
                spec.budget
            ));
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_searches_are_read() {
        let spec: Active = "active,init=8, fine = val,acquire=ucb,features=graf+scores"
            .parse()
            .unwrap();
        assert_eq!((spec.init, spec.batch, spec.budget), (8, 5, 100));
        assert_eq!(spec.features, [Kind::Graf, Kind::Scores]);
        assert_eq!(spec.acquire, Acquisition::Ucb);
        for wrong in [
            "active",
            "active,init=5",
            "fine=val",
            "active,fine=val,init=0",
            "active,fine=val,init=200",
            "active,fine=val,model=tree",
            "active,fine=val,acquire=best",
            "active,fine=val,features=paths",
            "active,fine=val,k=20",
        ] {
            assert!(wrong.parse::<Active>().is_err(), "{wrong}");
        }
    }
}
