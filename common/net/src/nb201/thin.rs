//! One cell by itself, as TE-NAS makes it to count linear regions.

use knas_space::nb201::{Cell as Arch, Form};
use tch::{Device, Kind, Tensor};

use super::Cell;
use super::build::{Builder, Source};
use super::forward::Pass;
use crate::NetError;
use crate::init::Initial;
use crate::layers::{Norm, Normalisation, Tensors};
use crate::model::{Event, Observer};

/// A cell of one channel without a stem, then batch norm and ReLU (Chen et al.
/// 2021): a network of so few neurons that images share linear regions.
#[derive(Debug)]
pub struct ThinNetwork {
    pub(super) tensors: Tensors,
    cell: Cell,
    last_norm: Normalisation,
}

impl ThinNetwork {
    /// The network around `cell` for maps of `side` × `side`.
    ///
    /// # Errors
    /// When the device's memory does not suffice.
    pub fn new(
        cell: &Arch,
        side: i64,
        initial: Initial,
        options: (Kind, Device),
    ) -> Result<Self, NetError> {
        let mut build = Builder::new(Source::Random(initial), options);
        let cell = build.cell("thin", &Form::of(cell), 1, side)?;
        let last_norm = build.norm("lastact.0", "lastact", 1)?;
        Ok(Self {
            tensors: build.tensors,
            cell,
            last_norm,
        })
    }

    /// Shows `observe` what a batch of maps, N × 1 × side × side, causes.
    ///
    /// # Errors
    /// When the shapes do not fit, or memory does not suffice.
    pub fn observe(
        &self,
        input: &Tensor,
        norm: Norm,
        observe: &mut Observer<'_>,
    ) -> Result<(), NetError> {
        let mut pass = Pass {
            tensors: &self.tensors,
            norm,
            observe,
        };
        let output = pass.cell(&self.cell, input)?;
        let normal = pass.normalise(self.last_norm, output)?;
        (pass.observe)(Event::Relu {
            input: &normal,
            output: &normal.f_relu()?,
        });
        Ok(())
    }
}
