//! What the options of a network with gates weigh.
//!
//! A gate ([`Op::Gate`]) multiplies what it reads by the weight of its option. Where
//! that is 0 nothing is computed for it: a network in which one option of each choice
//! weighs 1 and the others nothing is the network of these options, to the bit, and
//! what the others would give, NaN or not, does not reach it.

use knas_graph::{Graph, Op};
use tch::{Kind, Tensor};

use crate::NetError;

/// What the options of a network with gates weigh.
#[derive(Clone, Copy, Debug)]
pub enum Mix<'m> {
    /// This option of each choice alone: gates pass on what they read.
    Path(&'m [usize]),
    /// These numbers, choices × options, through which gradients flow.
    Weights(&'m Tensor),
}

/// What a gate does with what it reads.
#[derive(Debug)]
pub(crate) enum Gate {
    /// Nothing: it is not computed.
    Closed,
    /// It passes it on.
    Passes,
    /// It multiplies it by this.
    Times(Tensor),
}

/// All gates of a network, by choice and option.
#[derive(Debug, Default)]
pub(crate) struct Gates(Vec<Vec<Gate>>);

impl Gates {
    /// The gates of a graph under this mix.
    pub fn of(graph: &Graph, mix: Option<Mix<'_>>) -> Result<Self, NetError> {
        let read = |weights: &Tensor| -> Result<Vec<Vec<Gate>>, NetError> {
            let numbers = weights.f_detach()?.f_to_kind(Kind::Double)?;
            let numbers: Vec<Vec<f64>> = Vec::try_from(numbers)?;
            let rows = weights.f_unbind(0)?;
            let gates = |(row, numbers): (Tensor, Vec<f64>)| {
                let options = row.f_unbind(0)?.into_iter().zip(numbers);
                let gate = |(weight, number)| match number == 0.0 {
                    true => Gate::Closed,
                    false => Gate::Times(weight),
                };
                Ok(options.map(gate).collect())
            };
            rows.into_iter().zip(numbers).map(gates).collect()
        };
        let (table, path) = match mix {
            Some(Mix::Weights(weights)) => (read(weights)?, None),
            Some(Mix::Path(path)) => (Vec::new(), Some(path)),
            None => (Vec::new(), None),
        };
        let mut gates = Self(table);
        for node in graph.nodes() {
            let Op::Gate { choice, option } = node.op else {
                continue;
            };
            match path.and_then(|path| path.get(choice)) {
                Some(&chosen) => gates.set(choice, option, chosen == option),
                None if gates.get(choice, option).is_none() => {
                    return Err(NetError::NoWeight { choice, option });
                }
                None => {}
            }
        }
        Ok(gates)
    }

    fn set(&mut self, choice: usize, option: usize, open: bool) {
        if self.0.len() <= choice {
            self.0.resize_with(choice + 1, Vec::new);
        }
        let row = &mut self.0[choice];
        if row.len() <= option {
            row.resize_with(option + 1, || Gate::Closed);
        }
        row[option] = if open { Gate::Passes } else { Gate::Closed };
    }

    /// What the gate of this option does; none where nothing is told of it.
    pub fn get(&self, choice: usize, option: usize) -> Option<&Gate> {
        self.0.get(choice)?.get(option)
    }

    /// Whether an operation is a gate that is closed.
    pub fn closes(&self, op: &Op) -> bool {
        match *op {
            Op::Gate { choice, option } => !matches!(
                self.get(choice, option),
                Some(Gate::Passes | Gate::Times(_))
            ),
            _ => false,
        }
    }
}
