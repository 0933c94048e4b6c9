//! What each score of this run rests on, as its records say it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use knas_data::DataSpec;
use knas_net::{Init, Norm, vector_bits};
use knas_proxy::{Info, Proxy};
use knas_records::provenance::{self, Provenance, Settings};
use knas_records::schema::{Engine, Scored};
use knas_records::{Record, RecordError, meta};
use knas_study::is_own;
use serde_json::json;

use crate::catalogue;
use crate::cli::{Args, Device};
use crate::shown::Shown;

/// The settings of every score of the run, for any network.
pub struct Scores {
    /// What measures.
    machine: String,
    of_any: Vec<(&'static str, Settings)>,
    /// Those of the networks that were last asked for: most runs have networks of
    /// one size.
    last: Mutex<Option<(Of, Arc<Named>)>>,
}

/// The settings of every score, by its name.
type Named = Vec<(&'static str, Arc<Settings>)>;

/// What the scores of one candidate rest on beside what all share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Of {
    /// The network's size, by the names of its space.
    pub network: BTreeMap<String, u64>,
    /// What identifies the samples of each seed.
    pub data_sha256: Vec<String>,
    /// What computes gradients, as records name it.
    pub pass: &'static str,
}

impl Scores {
    /// Those of these scores under these flags.
    ///
    /// # Errors
    /// Never, as long as a block is an object.
    pub fn new(
        args: &Args,
        spec: &DataSpec,
        shown: &Shown,
        proxies: &[&'static dyn Proxy],
    ) -> Result<Self> {
        let evaluates = |proxy: &&&'static dyn Proxy| proxy.info().norm.is_some();
        // A count rests on the size alone, which every block says: it needs
        // none of its own beside another score.
        let example = proxies.iter().find(evaluates).map(|proxy| proxy.info());
        let settings = |proxy: &&'static dyn Proxy| {
            let info = proxy.info();
            let of = match info.norm {
                Some(_) => Some(info),
                None => example,
            };
            let block = serde_json::to_value(block(args, spec, shown, of))?;
            Ok((info.name, serde_json::from_value(block)?))
        };
        Ok(Self {
            machine: machine(args.device()),
            of_any: proxies.iter().map(settings).collect::<Result<_>>()?,
            last: Mutex::default(),
        })
    }

    /// The settings of each score of one candidate.
    fn of(&self, of: &Of) -> Arc<Named> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, settings)) = &*last
            && known == of
        {
            return Arc::clone(settings);
        }
        let (network, data_sha256) = (json!(of.network), json!(of.data_sha256));
        let settled = |(name, settings): &(&'static str, Settings)| {
            let mut settings = settings.clone();
            let info = knas_proxy::by_name(name).map(|proxy| proxy.info());
            if info.is_some_and(|info| info.measured) {
                settings.insert("machine".to_owned(), json!(self.machine));
            }
            settings.insert("network".to_owned(), network.clone());
            settings.insert("data_sha256".to_owned(), data_sha256.clone());
            if let Some(engine) = settings.get_mut("engine") {
                engine["pass"] = of.pass.into();
            }
            (*name, Arc::new(settings))
        };
        let settings: Arc<Named> = Arc::new(self.of_any.iter().map(settled).collect());
        *last = Some((of.clone(), Arc::clone(&settings)));
        settings
    }

    /// Says in a record what its scores rest on: those that `renewed` names on
    /// this run's settings, the others on what it said `before`.
    ///
    /// # Errors
    /// When its scores cannot be read.
    pub fn set(
        &self,
        record: &mut Record<'_>,
        of: &Of,
        before: &Provenance,
        renewed: impl Fn(&str) -> bool,
    ) -> Result<(), RecordError> {
        let own = self.of(of);
        let settings = |name: &str| {
            let found = own.iter().find(|(known, _)| *known == name);
            found.map(|(_, settings)| settings)
        };
        provenance::set(record, |name| match renewed(name) {
            true => settings(name),
            false => before.settings(name),
        })
    }

    /// What keeps a record from being one of this run's: a score that it lacks,
    /// or that rests on something else.
    ///
    /// # Errors
    /// That, with the record's id.
    pub fn check(&self, record: &Record<'_>, of: &Of) -> Result<(), String> {
        let (id, text) = (record.id(), |error: RecordError| error.to_string());
        let carried = provenance::scores(record).map_err(text)?;
        let said = Provenance::of(record).map_err(text)?;
        for (name, settings) in self.of(of).iter() {
            if !carried.iter().any(|known| known == name) {
                return Err(format!("{id} has no score {name}"));
            }
            match said.settings(name) {
                Some(other) => {
                    let difference = provenance::difference(other, settings);
                    if difference.is_empty() {
                        continue;
                    }
                    return Err(format!(
                        "{id} was scored with other settings; they and this run's differ in \
                         {difference}"
                    ));
                }
                None => return Err(format!("{id} does not say how {name} was scored")),
            }
        }
        Ok(())
    }
}

/// The processor or the GPU that a time was measured on.
fn machine(device: Device) -> String {
    match device {
        Device::Cpu => meta::processor(),
        Device::Cuda(number) => {
            meta::gpu().unwrap_or_else(|| format!("cuda:{number} of {}", meta::host()))
        }
    }
}

/// What a score rests on; where there is none, only counts are asked for.
fn block(args: &Args, spec: &DataSpec, shown: &Shown, score: Option<&Info>) -> Scored {
    let none = || "none".to_owned();
    let own_inputs = score.filter(|info| !info.shows_samples());
    Scored {
        names: None,
        data: spec.name().to_owned(),
        data_sha256: Vec::new(), // each candidate's own, as are network and pass
        samples: args.samples as u64,
        inputs: own_inputs.map(|info| info.inputs.to_owned()),
        seeds: (args.seed..args.seed + args.seeds)
            .map(Into::into)
            .collect(),
        norm: score.map_or_else(none, |info| norm(args, shown, info)),
        init: score.map_or_else(none, |info| init(args, shown, info)),
        head: score
            .filter(|info| args.new_head && info.reads_weights)
            .map(|_| "drawn".to_owned()),
        weights_sha256: shown.weights_sha256(),
        machine: None, // of what is measured alone
        dtype: score.map_or("float32", |info| info.dtype).to_owned(),
        network: BTreeMap::new(),
        tool: concat!("knas-score ", env!("CARGO_PKG_VERSION")).to_owned(),
        libtorch: knas_net::LIBTORCH.to_owned(),
        engine: Some(Engine {
            pass: String::new(),
            vector_bits: vector_bits(),
        }),
    }
}

fn norm(args: &Args, shown: &Shown, score: &Info) -> String {
    let norm = score.norm_under(args.norm.map(Norm::from));
    let name = match shown.are_texts() {
        true => "layer",
        false => norm.map_or("none", catalogue::norm_name),
    };
    name.to_owned()
}

fn init(args: &Args, shown: &Shown, score: &Info) -> String {
    let init = args.init.map(Init::from).or(score.init);
    let name = match init {
        _ if score.reads_weights && args.weights.as_deref().is_some_and(is_own) => "own",
        _ if score.reads_weights && args.weights.is_some() => "file",
        // What the default is depends on the network.
        Some(Init::Default) if shown.are_texts() => Init::Bert.name(),
        init => init.map_or("none", Init::name),
    };
    name.to_owned()
}
