//! All architectures of a space in one network.
//!
//! Every option of every choice is there behind a gate ([`knas_graph::Op::Gate`]), and
//! architectures share the weights of the options that they have in common. The
//! parameters of an option are called as in an architecture that takes it, with
//! `@OPTION` behind the name of what is chosen: `cells.0.layers.3@nor_conv_3x3.op.1.weight`
//! is `cells.0.layers.3.op.1.weight` of every cell whose fourth edge has that operation.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use knas_graph::{Graph, GraphError};

use crate::setting::{LowerError, Setting};
use crate::space::{Architecture, Architectures, Equivalence, Extent, SearchSpace};

/// A network of which every architecture of a space is a part.
#[derive(Clone, Debug)]
pub struct Supernet {
    /// The network.
    pub graph: Graph,
    /// What is chosen, in the order of the architectures' decisions.
    pub choices: Vec<Choice>,
    /// Of the options that have parameters: which choice, which option, which
    /// parameters. The others belong to all architectures.
    pub(crate) held: Vec<(usize, usize, Range<usize>)>,
}

/// Something that is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What it is, such as `edge 3←0`.
    pub name: String,
    /// The names of what can be chosen.
    pub options: &'static [&'static str],
}

impl Supernet {
    /// The parameters that the architecture of these options has: by the names that they
    /// have there, their places here.
    #[must_use]
    pub fn inherited(&self, options: &[usize]) -> HashMap<String, usize> {
        let mut taken = vec![true; self.graph.parameters().len()];
        for (choice, option, places) in &self.held {
            let is_taken = options.get(*choice) == Some(option);
            taken[places.clone()].fill(is_taken);
        }
        let parameters = self.graph.parameters().iter().enumerate();
        parameters
            .filter(|(place, _)| taken[*place])
            .map(|(place, parameter)| (official(&parameter.name), place))
            .collect()
    }
}

/// The options of each choice of a space's supernet that are `allowed`, weighing alike, as
/// if they were one architecture: what scores a network scores it, too.
#[must_use]
pub fn mixture(space: &'static dyn SearchSpace, allowed: Vec<Vec<bool>>) -> Box<dyn Architecture> {
    Box::new(Mixture { space, allowed })
}

struct Mixture {
    space: &'static dyn SearchSpace,
    allowed: Vec<Vec<bool>>,
}

impl fmt::Display for Mixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, row) in self.allowed.iter().enumerate() {
            let options = (0..row.len()).filter(|&option| row[option]);
            let options: Vec<String> = options.map(|option| option.to_string()).collect();
            let before = if place > 0 { "|" } else { "" };
            write!(f, "{before}{}", options.join("+"))?;
        }
        Ok(())
    }
}

impl Architecture for Mixture {
    fn id(&self) -> String {
        format!("{}-mixture-{self}", self.space.name())
    }

    fn space(&self) -> &'static dyn SearchSpace {
        self.space
    }

    fn lower(&self, setting: &Setting, _: Extent) -> Result<Graph, LowerError> {
        match self.space.supernet(setting)? {
            Some(supernet) => Ok(supernet.graph.evenly(&self.allowed)?),
            None => Err(LowerError::NoSupernet(self.space.name())),
        }
    }

    fn lower_thin(&self, side: usize) -> Option<Result<Graph, GraphError>> {
        let supernet = self.space.supernet_thin(side)?;
        Some(supernet.and_then(|supernet| supernet.graph.evenly(&self.allowed)))
    }

    fn key(&self, _: Equivalence) -> Option<String> {
        None
    }

    fn mutants(&self, _: u64) -> Architectures {
        Box::new(std::iter::empty())
    }
}

/// The name of a parameter in the architectures that have it.
fn official(name: &str) -> String {
    match name.split_once('@') {
        None => name.to_owned(),
        Some((layer, rest)) => match rest.split_once('.') {
            Some((_, rest)) => format!("{layer}.{rest}"),
            None => layer.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Extent;
    use crate::nb201::{Cell, EDGES, Nb201, Op, Skeleton};

    fn supernet(channels: u64, cells: u64) -> Supernet {
        let skeleton = Skeleton::new(channels, cells, 10, 32).unwrap();
        Nb201.supernet(&skeleton.setting()).unwrap().unwrap()
    }

    // Six edges with 9·C² + C² weights in each of N cells of C, 2C and 4C channels, and
    // what surrounds the cells.
    #[test]
    fn supernets_have_the_weights_of_all_options() {
        for (channels, cells, expected) in [(16, 5, 1_686_106), (8, 1, 99_378), (4, 1, 25_054)] {
            assert_eq!(supernet(channels, cells).graph.cost().params, expected);
            let around = Skeleton::new(channels, cells, 10, 32).unwrap();
            let around = around.cost(&Cell::new([Op::None; 6])).unwrap().params;
            let edges = 60 * cells * (1 + 4 + 16) * channels * channels;
            assert_eq!(around + edges, expected);
        }
    }

    // But for the factors and summands of norms on edges, of which it has none.
    #[test]
    fn every_cell_has_its_parameters_there_by_its_own_names() {
        let supernet = supernet(4, 2);
        let setting = Skeleton::new(4, 2, 10, 32).unwrap().setting();
        for index in (0..15_625).step_by(61) {
            let cell = Cell::from_index(index).unwrap();
            let options: Vec<usize> = cell.decisions().iter().map(|d| d.choice).collect();
            let chosen = Nb201.choose(&options).unwrap();
            assert_eq!(chosen.id(), cell.id());
            let inherited = supernet.inherited(&options);
            let whole = cell.lower(&setting, Extent::Whole).unwrap();
            let mut found = 0;
            for parameter in whole.parameters() {
                let norm = parameter.name.contains(".layers.") && parameter.shape.len() == 1;
                match inherited.get(&parameter.name) {
                    Some(&place) => {
                        let own = &supernet.graph.parameters()[place];
                        assert_eq!(own.shape, parameter.shape, "{}", parameter.name);
                        found += 1;
                    }
                    None => assert!(norm, "{}", parameter.name),
                }
            }
            assert_eq!(found, inherited.len());
        }
    }

    /// One option of each choice is that architecture; all of them are all gates open.
    #[test]
    fn mixtures_are_put_together_without_gates() {
        use knas_graph::Op as Layer;
        let setting = Skeleton::new(4, 1, 10, 8).unwrap().setting();
        let count = |graph: &Graph, wanted: fn(&Layer) -> bool| {
            graph.nodes().iter().filter(|node| wanted(&node.op)).count()
        };
        let convolution = |op: &Layer| matches!(op, Layer::Convolution { .. });
        for index in [0, 1462, 6111, 9930, 15_624] {
            let cell = Cell::from_index(index).unwrap();
            let decisions = cell.decisions().into_iter();
            let allowed: Vec<Vec<bool>> = decisions
                .map(|decision| (0..5).map(|option| option == decision.choice).collect())
                .collect();
            let alone = mixture(&Nb201, allowed)
                .lower(&setting, Extent::Live)
                .unwrap();
            let whole = cell.lower(&setting, Extent::Whole).unwrap();
            assert!(count(&alone, convolution) <= count(&whole, convolution));
            let gates = |op: &Layer| matches!(op, Layer::Gate { .. } | Layer::Divide(_));
            assert_eq!(count(&alone, gates), 0);
            assert_eq!(
                alone.is_cut_off(),
                cell.lower(&setting, Extent::Live).unwrap().is_cut_off()
            );
        }
        let all = mixture(&Nb201, vec![vec![true; 5]; 6]);
        assert_eq!(all.to_string(), ["0+1+2+3+4"; 6].join("|"));
        let all = all.lower(&setting, Extent::Live).unwrap();
        assert_eq!(count(&all, |op| matches!(op, Layer::Divide(5))), 3 * 6 * 4);
        assert_eq!(all.cost().params, supernet(4, 1).graph.cost().params);
        let thin = mixture(&Nb201, vec![vec![true; 5]; 6])
            .lower_thin(3)
            .unwrap()
            .unwrap();
        assert_eq!(count(&thin, convolution), 12);
    }

    #[test]
    fn choices_are_the_decisions_of_the_cells() {
        let supernet = supernet(4, 1);
        let decisions = Cell::new([Op::Skip; 6]).decisions();
        assert_eq!(supernet.choices.len(), EDGES.len());
        for (choice, decision) in supernet.choices.iter().zip(decisions) {
            assert_eq!(choice.name, decision.name);
            assert_eq!(choice.options, decision.options);
        }
        assert!(Nb201.choose(&[0; 5]).is_none() && Nb201.choose(&[5; 6]).is_none());
    }
}
