//! The network that a record describes, with its weights.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use knas_net::network::unused;
use knas_net::weights::WeightFile;
use knas_net::{Init, Initial, NetError, Network, Source};
use knas_records::{Failure, Record, RecordError};
use knas_study::{Card, Contradiction, Description, DescriptionError, Lowered, Told, is_own, own};
use tch::{Device, Kind, Tensor};

use crate::cli::Args;

/// The name of this stage in records.
pub const STAGE: &str = "export";

/// A network that is to be written.
pub struct Subject {
    /// Which it is.
    pub description: Description,
    /// Its graphs.
    pub lowered: Lowered,
    /// What its weights tell of themselves.
    pub card: Option<Card>,
    /// The weights that are read.
    pub weights: Option<WeightFile>,
}

/// A failure of this stage.
pub fn fail(kind: &str, message: impl std::fmt::Display) -> Failure {
    Failure::new(STAGE, kind, message)
}

/// A failure for a record that lacks something.
pub fn bad_record(error: RecordError) -> Failure {
    fail("bad_record", error)
}

fn net(error: NetError) -> Failure {
    match error.is_out_of_memory() {
        true => fail("out_of_memory", error),
        false => fail("weights", error),
    }
}

fn described(error: DescriptionError) -> Failure {
    fail(error.kind(), error)
}

/// The file of a record's weights, where it has one, or what stands for its own.
pub fn weights_of(record: &Record<'_>, args: &Args) -> Result<Option<PathBuf>, Failure> {
    if let Some(file) = &args.weights {
        let none = is_own(file) && !args.format.has_weights();
        return Ok((!none).then(|| file.clone()));
    }
    if let Some(folder) = &args.checkpoint_dir {
        let stem = record.file_stem().map_err(|error| fail("bad_id", error))?;
        return Ok(Some(folder.join(format!("{stem}.safetensors"))));
    }
    if !args.format.has_weights() {
        return Ok(None);
    }
    let named = record.get::<String>("finetune.checkpoint");
    Ok(named.map_err(bad_record)?.map(PathBuf::from))
}

impl Subject {
    /// What the record and the flags tell of a network, and the weights in `file`, or
    /// its own.
    ///
    /// # Errors
    /// When there is no such network, or record, flags and weights contradict one
    /// another.
    pub fn new(
        record: &Record<'_>,
        flags: &[(String, u64)],
        file: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut description = Description {
            id: record.id().to_owned(),
            space: record.need("space").map_err(bad_record)?,
            arch: record.need("arch").map_err(bad_record)?,
            size: BTreeMap::new(),
            norm_epsilon: None,
        };
        let mut told = size_of(record)?;
        let read = file.filter(|file| !is_own(file)).map(WeightFile::read);
        let weights = read.transpose();
        let mut weights = weights.map_err(|error| fail("weights", error))?;
        let card = weights.as_ref().map(Card::of).transpose();
        let card = card.map_err(|error| fail("weights", error))?.flatten();
        if let Some(card) = &card {
            same(&description, &card.network)?;
            let added = told.add("its weights", card.network.size.clone());
            added.map_err(other_size)?;
            description.norm_epsilon = card.network.norm_epsilon;
        } else if let Some(classes) = weights.as_ref().and_then(WeightFile::classes)
            && let Ok(classes) = u64::try_from(classes)
        {
            let added = told.add("its weights", [("classes", classes)]);
            added.map_err(other_size)?;
        }
        let added = told.add("the command line", flags.iter().cloned());
        added.map_err(other_size)?;
        let sizes = told.sizes().map(|(name, size)| (name.to_owned(), size));
        description.size = sizes.collect();
        let architecture = description.architecture().map_err(described)?;
        if file.is_some_and(is_own) {
            let setting = description.setting(&*architecture).map_err(described)?;
            let own = own(&*architecture, &setting, false);
            weights = Some(own.map_err(|error| fail("weights", error))?.0);
        }
        let lowered = description.lower_of(&*architecture).map_err(described)?;
        if let (Some(card), Some(file)) = (&card, file) {
            let checked = card.check(&lowered.live, file);
            checked.map_err(|error| fail("weights", error))?;
        }
        Ok(Self {
            lowered,
            description,
            card,
            weights,
        })
    }

    /// The tensors by their official names: of all that the network's official form
    /// holds. What the weights lack of what is not needed is drawn, and so is
    /// everything where none are read.
    ///
    /// # Errors
    /// When the weights do not fit the network, or memory does not suffice.
    pub fn tensors(&self, seed: u64) -> Result<BTreeMap<String, Tensor>, Failure> {
        let initial = Initial {
            init: Init::Default,
            seed,
        };
        let source = match &self.weights {
            Some(weights) => Source::File(weights),
            None => Source::Random(initial),
        };
        let Lowered { live, whole } = &self.lowered;
        let network = Network::new(live.clone(), source, (Kind::Float, Device::Cpu));
        let network = network.map_err(net)?;
        let mut tensors: BTreeMap<_, _> = network.state().into_iter().collect();
        for (name, drawn) in unused(whole, live, initial).map_err(net)? {
            let is_float = drawn.kind() == Kind::Float;
            let weights = self.weights.as_ref().filter(|_| is_float);
            let read = weights.map(|weights| weights.optional(&name, &drawn.size()));
            let read = read.transpose().map_err(|error| fail("weights", error))?;
            tensors.insert(name, read.flatten().unwrap_or(drawn));
        }
        Ok(tensors)
    }
}

/// The size that a record tells, and was trained at.
fn size_of(record: &Record<'_>) -> Result<Told, Failure> {
    let mut told = Told::default();
    for (who, name) in [("the record", "size"), ("its training", "finetune.network")] {
        let size: Option<BTreeMap<String, u64>> = record.get(name).map_err(bad_record)?;
        let added = told.add(who, size.unwrap_or_default());
        added.map_err(other_size)?;
    }
    Ok(told)
}

fn other_size(error: Contradiction) -> Failure {
    fail("other_size", error)
}

/// Whether weights are of the record's architecture.
fn same(record: &Description, weights: &Description) -> Result<(), Failure> {
    for (what, here, there) in [
        ("space", &record.space, &weights.space),
        ("arch", &record.arch, &weights.arch),
    ] {
        if here != there {
            let message = format!("the {what} is {here}, and that of its weights is {there}");
            return Err(fail("other_network", message));
        }
    }
    Ok(())
}

/// The record that a file of weights stands for.
///
/// # Errors
/// Never, for what can be written as JSON.
pub fn record_of(card: Card) -> Result<Record<'static>, RecordError> {
    let Description {
        id,
        space,
        arch,
        size,
        ..
    } = card.network;
    let mut record = Record::new(id);
    record.set("space", &space)?;
    record.set("arch", &arch)?;
    record.set("size", &size)?;
    Ok(record)
}
