//! The network that a record describes.

use std::collections::BTreeMap;
use std::sync::Arc;

use knas_net::network::unused;
use knas_net::{Initial, NetError, Network, direct_pass_serves};
use knas_proxy::Subject;
use knas_records::{Failure, Record};
use knas_space::{Architecture, Extent, Graph, Setting};
use tch::{Device, Kind, Tensor};

use crate::scorer::fail;
use crate::shown::{Drawn, Shown};

/// A candidate.
pub struct Candidate {
    /// What its record says.
    pub architecture: Box<dyn Architecture>,
    /// What the samples and the flags make of it.
    pub setting: Setting,
    /// How large it is, by the names of its space.
    pub size: BTreeMap<String, u64>,
    /// What it is shown.
    pub drawn: Arc<Drawn>,
    graph: Graph,
}

impl Candidate {
    /// That of a record.
    ///
    /// # Errors
    /// When it has none, or one that cannot be shown these samples, or not of this size.
    pub fn of(record: &Record<'_>, shown: &Shown) -> Result<Self, Failure> {
        let architecture = shown.architecture(record)?;
        let sized = shown.sized(record, &*architecture)?;
        let size = size(&sized);
        let setting = shown.setting(sized, &*architecture)?;
        let graph = architecture.lower(&setting, Extent::Live);
        Ok(Self {
            graph: graph.map_err(|error| fail("bad_size", error))?,
            drawn: shown.drawn(&setting)?,
            architecture,
            setting,
            size,
        })
    }

    /// What computes its gradients on this device, as records name it.
    pub fn pass(&self, device: Device) -> &'static str {
        match direct_pass_serves(&self.graph, device) {
            true => "direct",
            false => "libtorch",
        }
    }

    /// What candidates share exactly where they are the same network, with
    /// weights that are drawn, or are those of one pre-trained backbone.
    pub fn network_key(&self, drawn: bool) -> String {
        let (space, size) = (self.architecture.space().name(), &self.size);
        let network = self.architecture.network_key(drawn);
        format!("{space} {size:?} {network}")
    }
}

/// A size by the names of its space.
pub fn size(sized: &Setting) -> BTreeMap<String, u64> {
    let named = sized.named();
    named.map(|(name, size)| (name.to_owned(), size)).collect()
}

/// The weights of a network under their official names, with those of what reaches
/// nothing.
///
/// # Errors
/// When it cannot be built.
pub fn state(subject: &Subject<'_>, initial: Initial) -> Result<Vec<(String, Tensor)>, NetError> {
    let graph = subject.lower(Extent::Live)?;
    let options = (Kind::Float, Device::Cpu);
    let network = Network::new(graph, subject.source(initial.init), options)?;
    let mut state = network.state();
    let whole = subject.lower(Extent::Whole)?;
    state.extend(unused(&whole, network.graph(), initial)?);
    Ok(state)
}
