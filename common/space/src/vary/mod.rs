//! Variations of one network, whatever it is: the search around a strong backbone
//! (Xu et al. 2021, section 4), for networks that look at images.
//!
//! A variation is written `CHANGES@SPACE:ARCH`: what is changed, and the network that
//! is varied, an architecture of any other space or somebody's file of ONNX, perhaps
//! with sizes, as `drop3,width2=0.75,kernel7=5,link1-4@resnet[side=64]:resnet18`.
//! `plain@…` is that network itself. What there is to change is found in its graph:
//!
//! | change | what it does |
//! |---|---|
//! | `dropB` | leaves block B out, which gives maps of the size that it reads |
//! | `widthS=F` | gives all layers of stage S F times their channels |
//! | `kernelC=K` | gives convolution C a window of K × K |
//! | `linkA-B` | adds what block A gives to what goes into block B |
//!
//! Blocks are counted as the graph marks them, stages by how far images have been
//! shrunk, and convolutions of 3×3 and 5×5 windows in their order, all from 1;
//! `knas-sample --list-spaces=vary --base …` lists them. Layers keep their names and
//! the streams that their first weights are drawn from, so that what is not changed
//! starts from the weights that it has in the network itself.

mod base;
mod build;
mod changes;
mod found;
mod widths;

use std::collections::HashSet;
use std::fmt;
use std::iter;
use std::sync::Arc;

use knas_graph::Graph;
use knas_stats::random::stream;

use self::base::Base;
use self::changes::{Change, Changes};
use self::found::{FACTORS, KERNELS};
use crate::choices::{digest, distinct};
use crate::features::Decision;
use crate::setting::{LowerError, Setting};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, OwnWeights,
    SearchSpace,
};

const NAME: &str = "vary";

/// At most so many changes are drawn at once: what lies further away has little of the
/// network that was chosen.
const MOST: u64 = 4;

/// The variations of a network, or of whatever a notation names.
#[derive(Clone, Debug, Default)]
pub struct Vary {
    base: Option<Arc<Base>>,
    /// Links, and blocks left out, that are drawn at most.
    most: [Option<usize>; 2],
}

impl Vary {
    /// Of whatever a notation names.
    pub const ANY: Self = Self {
        base: None,
        most: [None; 2],
    };
}

/// A network with some changes.
#[derive(Clone, Debug)]
pub struct Variation {
    base: Arc<Base>,
    changes: Changes,
}

impl Variation {
    fn plain(base: &Arc<Base>) -> Self {
        Self {
            base: Arc::clone(base),
            changes: Changes::default(),
        }
    }

    /// What stays the same wherever the network's file lies.
    fn key(&self) -> String {
        format!("{}@{}", self.changes, self.base.key())
    }

    /// That of other changes, where they make a network.
    fn with(&self, changes: Changes) -> Option<Self> {
        let Base { graph, found, .. } = &*self.base;
        changes.check(found).ok()?;
        build::changed(graph, found, &changes).ok()?;
        Some(Self {
            base: Arc::clone(&self.base),
            changes,
        })
    }
}

impl fmt::Display for Variation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.changes, self.base)
    }
}

impl SearchSpace for Vary {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "variations of one network for images, which --base names"
    }

    fn lacks(&self) -> Option<&'static str> {
        let hint = "a network to vary: --base FILE (of ONNX, or of a record), or --base SPACE:ARCH";
        self.base.is_none().then_some(hint)
    }

    fn usual(&self) -> Setting {
        match &self.base {
            Some(base) => base.setting.clone(),
            None => crate::space::usual_of(self),
        }
    }

    fn with(&self, options: Options) -> Result<Box<dyn SearchSpace>, OptionError> {
        let Options {
            backbone: None,
            links,
            left_out,
            base,
        } = options
        else {
            let (space, what) = (NAME, "preset");
            return Err(OptionError::No { space, what });
        };
        let base = base.map(|text| Base::parse(&text)).transpose();
        let base = base.map_err(|reason| OptionError::Base { reason })?;
        Ok(Box::new(Self {
            base: base.map(Arc::new),
            most: [links, left_out],
        }))
    }

    fn baseline(&self) -> Option<Box<dyn Architecture>> {
        Some(Box::new(Variation::plain(self.base.as_ref()?)))
    }

    fn count(&self) -> Option<u64> {
        None
    }

    fn at(&self, _index: u64) -> Option<Box<dyn Architecture>> {
        None
    }

    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        let refuse = |reason| ArchError::boxed(NAME, arch, reason);
        let Some((changes, base)) = arch.split_once('@') else {
            let hint = "it is written CHANGES@SPACE:ARCH, as in plain@resnet:resnet18";
            return Err(refuse(hint.into()));
        };
        let changes: Changes = changes.parse().map_err(refuse)?;
        let base = match &self.base {
            Some(own) if own.to_string() == base => Arc::clone(own),
            _ => Arc::new(Base::parse(base).map_err(refuse)?),
        };
        changes.check(&base.found).map_err(refuse)?;
        Ok(Box::new(Variation { base, changes }))
    }

    /// From one to four changes, each number as likely; of each, first the kind, among
    /// those that there are, and then one of these.
    fn sample(&self, seed: u64) -> Architectures {
        let Some(base) = self.base.clone() else {
            return Box::new(iter::empty());
        };
        let plain = Variation::plain(&base);
        let kinds = base.found.kinds();
        if kinds.is_empty() {
            return Box::new(iter::empty());
        }
        let most = self.most;
        let mut random = stream(
            seed,
            &format!("{NAME} sample"),
            &[base.key().as_str().into()],
        );
        let draw = move || {
            let wanted = 1 + random.below(MOST);
            let mut changes = Changes::default();
            for _ in 0..wanted {
                let kind = &kinds[random.below(kinds.len() as u64) as usize];
                let change = kind[random.below(kind.len() as u64) as usize];
                changes = changes.with(change);
            }
            let counts = changes.counts().into_iter().zip(most);
            let few = { counts }.all(|(count, most)| most.is_none_or(|most| count <= most));
            (few && plain.with(changes.clone()).is_some()).then_some(changes)
        };
        let variation = move |changes| -> Box<dyn Architecture> {
            Box::new(Variation {
                base: Arc::clone(&base),
                changes,
            })
        };
        Box::new(distinct(draw).map(variation))
    }

    fn equivalences(&self) -> &'static [Equivalence] {
        &[Equivalence::Network]
    }

    fn details(&self) -> Vec<String> {
        let base = self.base.as_ref();
        base.map_or(Vec::new(), |base| base.found.described())
    }
}

impl Architecture for Variation {
    fn id(&self) -> String {
        digest(NAME, &Variation::key(self))
    }

    fn space(&self) -> &'static dyn SearchSpace {
        static ANY: Vary = Vary::ANY;
        &ANY
    }

    fn usual(&self) -> Setting {
        self.base.setting.clone()
    }

    fn lower(&self, setting: &Setting, _extent: Extent) -> Result<Graph, LowerError> {
        let base = &self.base;
        if *setting == base.setting {
            return Ok(build::changed(&base.graph, &base.found, &self.changes)?);
        }
        let (graph, found) = base.lowered(setting)?;
        let checked = self.changes.check(&found);
        checked.map_err(LowerError::Size)?;
        Ok(build::changed(&graph, &found, &self.changes)?)
    }

    /// Those of the network itself, where the changes leave every layer's size as it is.
    fn own_weights(&self) -> Option<OwnWeights<'_>> {
        let own = self.base.architecture.own_weights()?;
        let Base { graph, found, .. } = &*self.base;
        let changed = build::changed(graph, found, &self.changes).ok()?;
        let sizes = |graph: &Graph| -> HashSet<(String, Vec<usize>)> {
            let parameters = graph.parameters().iter();
            parameters
                .map(|p| (p.name.clone(), p.shape.clone()))
                .collect()
        };
        sizes(&changed).is_subset(&sizes(graph)).then_some(own)
    }

    fn notes(&self) -> &[String] {
        self.base.architecture.notes()
    }

    fn key(&self, equivalence: Equivalence) -> Option<String> {
        (equivalence == Equivalence::Network).then(|| Variation::key(self))
    }

    fn mutants(&self, seed: u64) -> Architectures {
        let all = self.base.found.kinds().concat();
        let near: Vec<Self> = all
            .into_iter()
            .map(|change| match self.changes.has(change) {
                true => self.changes.without(change),
                false => self.changes.with(change),
            })
            .filter_map(|changes| self.with(changes))
            .collect();
        let purpose = format!("{NAME} mutants");
        let order = stream(seed, &purpose, &[Variation::key(self).as_str().into()]);
        let order = { order }.choose(near.len(), near.len());
        let boxed = move |place: usize| Box::new(near[place].clone()) as Box<dyn Architecture>;
        Box::new(order.into_iter().map(boxed))
    }

    fn decisions(&self) -> Vec<Decision> {
        const LEFT_OUT: &[&str] = &["kept", "left out"];
        const LINKED: &[&str] = &["no", "yes"];
        let found = &self.base.found;
        let mut decisions = Vec::new();
        for change in found.kinds().concat() {
            let has = self.changes.has(change);
            let (name, options, choice) = match change {
                Change::Drop(block) => (format!("block {block}"), LEFT_OUT, usize::from(has)),
                Change::Link { from, to } => {
                    (format!("link {from}-{to}"), LINKED, usize::from(has))
                }
                Change::Kernel { layer, window } => {
                    // The other window is what it has without the change.
                    let one = KERNELS.iter().position(|known| *known == window);
                    let one = one.unwrap_or(0);
                    (
                        format!("kernel {layer}"),
                        &["3", "5"][..],
                        if has { one } else { 1 - one },
                    )
                }
                Change::Width { stage, .. } => {
                    let factor = self.changes.width(stage);
                    let place = FACTORS.iter().position(|known| Some(*known) == factor);
                    let names = &["1", "0.5", "0.75", "1.25", "1.5"][..];
                    (
                        format!("width {stage}"),
                        names,
                        place.map_or(0, |place| place + 1),
                    )
                }
            };
            decisions.push(Decision {
                name,
                options,
                choice,
            });
        }
        decisions.dedup();
        decisions
    }
}

#[cfg(test)]
mod tests;
