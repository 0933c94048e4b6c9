//! Search spaces as data: architectures that can be read, printed, counted,
//! enumerated, drawn, mutated and compared, without building any network.
//!
//! | module | what it holds |
//! |---|---|
//! | [`space`] | what every search space offers, and the list of those there are |
//! | [`features`] | numbers that describe an architecture to a predictor |
//! | [`setting`] | what a network is for, and how large it is |
//! | [`supernet`] | all architectures of a space in one network |
//! | [`nb201`] | NAS-Bench-201: 15,625 cells |
//! | [`nats_sss`] | NATS-Bench's widths of one NAS-Bench-201 network |
//! | [`nb_macro`] | NAS-Bench-Macro: a block of mobile networks at each of eight places |
//! | [`nb101`] | NAS-Bench-101: modules of up to seven vertices |
//! | [`tnb101`] | TransNAS-Bench-101: cells, and skeletons of residual blocks |
//! | [`darts`] | DARTS's pairs of cells |
//! | [`mobilenet`] | Once-for-all's MobileNetV3, and MobileNets with names |
//! | [`mnasnet`] | networks like MnasNet and EfficientNet-B0 |
//! | [`resnet`] | ResNets and RegNets: stages of residual blocks |
//! | [`zennas`] | ZenNAS's networks of super blocks |
//! | [`onnx`] | networks in files, which are anybody's |
//! | [`vary`] | variations of one network |
//! | [`roberta_skip`] | BERT and RoBERTa with extra connections |
//! | [`python_random`] | the generator that NAS-Bench-201's order comes from |
//!
//! A search space is one module behind [`SearchSpace`]; adding one takes its
//! own file and one line in [`spaces`].

mod choices;
pub mod darts;
pub mod features;
mod inverted;
mod layers;
pub mod mnasnet;
pub mod mobilenet;
pub mod nats_sss;
pub mod nb101;
pub mod nb201;
pub mod nb_macro;
mod numbers;
pub mod onnx;
pub mod python_random;
mod python_text;
pub mod resnet;
pub mod roberta_skip;
pub mod setting;
pub mod space;
pub mod supernet;
pub mod tnb101;
pub mod vary;
pub mod zennas;

pub use features::{Decision, Feature, Flow, FlowEdge};
pub use knas_graph::{Cost, Graph, GraphError};
pub use setting::{Input, LowerError, Setting, Size, SizeError, Sizes, all_sizes, check_sizes};
pub use space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, OwnWeights,
    SearchSpace, UnknownSpace, by_name, named, spaces,
};
pub use supernet::{Choice, Supernet, mixture};
