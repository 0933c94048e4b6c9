//! A network as data: its layers in the order in which they are evaluated, the
//! values that they read, and the parameters that they hold. Weights are never
//! in it, and nothing here evaluates anything.
//!
//! | module | what it holds |
//! |---|---|
//! | [`graph`] | the graph, and how it is put together |
//! | [`op`] | what a layer can be |
//! | [`shape`] | what a value is, and what a layer makes of it |
//! | [`misfit`] | why a layer does not go with what it is to read |
//! | [`parameter`] | what training changes, and where it starts from |
//! | [`layers`] | layers together with their parameters |
//! | `reach` | how far values reach |
//! | [`cost`] | parameters and multiply-accumulates |
//! | `mixture` | options that weigh alike, without gates |
//! | `memory` | what values take while it is evaluated |
//! | [`text`] | a graph in print |
//!
//! A search space lowers an architecture to a graph; everything else, from
//! counting to training, is written over graphs.

pub mod cost;
pub mod graph;
pub mod layers;
mod memory;
pub mod misfit;
mod mixture;
pub mod op;
pub mod parameter;
mod reach;
pub mod shape;
pub mod text;

pub use cost::Cost;
pub use graph::{Graph, GraphError, Mark, Node, Value};
pub use layers::{Kernel, Named};
pub use op::{Activation, Grid, NORM_EPSILON, Op};
pub use parameter::{Parameter, Part, Place, Role, Running};
pub use shape::Shape;
