//! The network that is varied.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use knas_graph::Graph;

use super::found::Found;
use crate::setting::{LowerError, Setting};
use crate::space::{Architecture, Extent, named};

/// Why a text is no network, or changes are none of it.
pub(super) type Reason = Box<dyn Error + Send + Sync>;

/// A network, and what there is to change in it.
pub(super) struct Base {
    pub architecture: Box<dyn Architecture>,
    /// Its size, as the notation tells it.
    pub setting: Setting,
    /// It as far as it is not usual.
    sizes: BTreeMap<String, u64>,
    pub graph: Graph,
    pub found: Found,
}

impl Base {
    /// Reads `SPACE:ARCH` or `SPACE[NAME=N,…]:ARCH`.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let hint = "a network is written SPACE:ARCH or SPACE[NAME=N,...]:ARCH";
        let (head, arch) = text.split_once(':').ok_or(hint)?;
        let (name, sizes) = match head.strip_suffix(']') {
            Some(head) => head.split_once('[').ok_or(hint)?,
            None => (head, ""),
        };
        let space = named(name)?;
        if space.reads_texts() {
            return Err("it reads texts; the space roberta-skip varies encoders".into());
        }
        if space.name() == super::NAME {
            return Err("a variation is varied by --mutate, and not once more".into());
        }
        let architecture = space.parse(arch)?;
        let mut told = Vec::new();
        for size in sizes.split(',').filter(|_| !sizes.is_empty()) {
            let (name, number) = size.split_once('=').ok_or(hint)?;
            let number: u64 = number.parse().map_err(|_| hint)?;
            told.push((name, number));
        }
        let setting = Setting::of_network(&*architecture, told)?;
        let sizes = setting.unusual(&architecture.usual());
        let graph = architecture.lower(&setting, Extent::Live)?;
        Ok(Self {
            found: Found::of(&graph),
            graph,
            setting,
            sizes,
            architecture,
        })
    }

    /// The network's graph in another setting, and what there is to change in it. Its
    /// space's own sizes stay what they are.
    pub fn lowered(&self, setting: &Setting) -> Result<(Graph, Found), LowerError> {
        let setting = Setting {
            sizes: self.setting.sizes.clone(),
            ..setting.clone()
        };
        let graph = self.architecture.lower(&setting, Extent::Live)?;
        let found = Found::of(&graph);
        Ok((graph, found))
    }

    /// What stays the same wherever its file lies.
    pub fn key(&self) -> String {
        format!("{}{}", self.architecture.id(), Sizes(&self.sizes))
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = self.architecture.space().name();
        write!(f, "{space}{}:{}", Sizes(&self.sizes), self.architecture)
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Sizes as the notation has them.
struct Sizes<'s>(&'s BTreeMap<String, u64>);

impl fmt::Display for Sizes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        let sizes = self.0.iter().map(|(name, size)| format!("{name}={size}"));
        write!(f, "[{}]", sizes.collect::<Vec<_>>().join(","))
    }
}
