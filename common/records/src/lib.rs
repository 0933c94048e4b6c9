//! Records and the conventions that every knas tool shares.
//!
//! A *record* is one JSON object on one line and stands for one candidate
//! architecture. Each stage adds the fields that it owns and passes every other
//! field on, byte for byte and in order.
//!
//! | module | what it settles |
//! |---|---|
//! | [`record`] | one record: parsing, fields, failures |
//! | [`provenance`] | what scores rest on, and whether they can be compared |
//! | [`input`] | lines from files and standard input, with their places |
//! | [`ids`] | ids that come twice: one rule |
//! | [`output`] | standard output or `FILE.part` and its rename; `--resume` |
//! | [`pipeline`] | work in several threads, results in the order of the input |
//! | [`cli`] | the flags that every tool has |
//! | `progress` | how far a run is, on a terminal |
//! | `manual` | their manual pages |
//! | [`names`] | values from a list: completed, and corrected where misspelt |
//! | [`sheet`] | rows and columns: CSV, TSV, table, Markdown |
//! | [`truth`] | what is known about candidates: accuracies from CSV or records |
//! | [`again`] | this program, started again |
//! | [`workers`] | candidates in processes of their own |
//! | [`meta`] | device, time, memory and energy of one candidate |
//! | [`energy`] | joules of one candidate, measured or estimated |
//! | `told` | what is said of candidates that failed |
//! | `terminal` | a terminal's width, and what else a descriptor leads to |
//! | [`tool`] | start-up and exit codes |
//! | [`Context`] | what a running tool says, counts and is interrupted by |
//! | [`schema`] | the fields and their meaning, published as JSON Schema |
//!
//! Nothing here knows libtorch, search spaces or scores.

pub mod again;
pub mod cli;
mod context;
pub mod energy;
pub mod ids;
pub mod input;
mod manual;
pub mod meta;
pub mod names;
pub mod output;
pub mod pipeline;
mod progress;
pub mod provenance;
pub mod record;
pub mod schema;
pub mod sheet;
pub mod size;
mod terminal;
mod told;
pub mod tool;
pub mod truth;
pub mod workers;

pub use cli::{Common, Inputs, OnError};
pub use context::Context;
pub use input::{Input, Line, Place};
pub use knas_files::Named;
pub use names::Names;
pub use output::Output;
pub use progress::Screen;
pub use provenance::Comparison;
pub use record::{Failure, Record, RecordError, finite, integer};
pub use size::SizeFlags;
pub use tool::{Fatal, Tool};
pub use truth::Truth;
