//! The network that a record describes.

use knas_graph::Graph;
use knas_net::network::unused;
use knas_net::{Initial, NetError, Network};
use knas_proxy::Subject;
use knas_records::{Failure, Record};
use knas_space::{Architecture, Extent, SearchSpace, Setting, by_name, spaces};
use tch::{Device, Kind, Tensor};

use crate::scorer::{bad_record, fail};
use crate::shown::Shown;

/// A candidate.
pub struct Candidate {
    /// What its record says.
    pub architecture: Box<dyn Architecture>,
    /// What the samples and the flags make of it.
    pub setting: Setting,
}

impl Candidate {
    /// That of a record.
    ///
    /// # Errors
    /// When it has none, or one that cannot be shown these samples.
    pub fn of(record: &Record<'_>, shown: &Shown) -> Result<Self, Failure> {
        let text = |name: &str| {
            let value = record.get::<String>(name).map_err(bad_record)?;
            value.ok_or_else(|| fail("bad_record", format!("there is no \"{name}\"")))
        };
        let space = space(&text("space")?)?;
        shown.check(space)?;
        let parsed = space.parse(&text("arch")?);
        let architecture = parsed.map_err(|error| fail("bad_arch", error))?;
        Ok(Self {
            setting: shown.setting(&*architecture)?,
            architecture,
        })
    }

    /// What is evaluated of its network.
    ///
    /// # Errors
    /// When there can be no such network.
    pub fn lower(&self) -> Result<Graph, Failure> {
        let graph = self.architecture.lower(&self.setting, Extent::Live);
        graph.map_err(|error| fail("bad_network", error))
    }

    /// What candidates share exactly where they are the same network, with
    /// weights that are drawn, or are those of one pre-trained backbone.
    pub fn network_key(&self, drawn: bool) -> String {
        let space = self.architecture.space().name();
        format!("{space} {}", self.architecture.network_key(drawn))
    }
}

/// The space of that name.
fn space(name: &str) -> Result<&'static dyn SearchSpace, Failure> {
    by_name(name).ok_or_else(|| {
        let known: Vec<&str> = spaces().iter().map(|space| space.name()).collect();
        let known = known.join(", ");
        let message = format!("knas-score does not know the space {name:?}; it knows {known}");
        fail("unknown_space", message)
    })
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
