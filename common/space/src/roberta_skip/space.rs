//! The space of layouts behind the trait that every search space has.

use std::fmt;

use knas_graph::{Cost, Graph};
use knas_stats::random::stream;

use super::network::lower;
use super::search::{self, Limits};
use super::{Backbone, Layout, PRESETS, Settings, Task, counts};
use crate::features::{Flow, FlowEdge};
use crate::setting::{Input, LowerError, Setting};
use crate::space::{
    ArchError, Architecture, Architectures, Equivalence, Extent, OptionError, Options, SearchSpace,
};

const NAME: &str = "roberta-skip";

/// Layouts over one backbone, or any where none is chosen.
#[derive(Debug, Clone, Copy)]
pub struct RobertaSkip {
    backbone: Option<Backbone>,
    limits: Limits,
}

impl RobertaSkip {
    /// Reads layouts over any backbone, and draws over the first preset, with
    /// up to four links and no layer left out.
    pub const USUAL: Self = Self {
        backbone: None,
        limits: Limits {
            links: 4,
            left_out: 0,
        },
    };

    fn drawn_over(&self) -> Backbone {
        self.backbone.unwrap_or(PRESETS[0].1)
    }
}

fn boxed(layouts: impl Iterator<Item = Layout> + 'static, limits: Limits) -> Architectures {
    Box::new(
        layouts
            .map(move |layout| -> Box<dyn Architecture> { Box::new(Candidate { layout, limits }) }),
    )
}

impl SearchSpace for RobertaSkip {
    fn reads_texts(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "BERT and RoBERTa (--preset) with extra connections between layers, for pairs of sentences"
    }

    fn with(&self, options: Options) -> Result<Box<dyn SearchSpace>, OptionError> {
        if options.base.is_some() {
            let (space, what) = (NAME, "base (its encoder is --preset)");
            return Err(OptionError::No { space, what });
        }
        Ok(Box::new(Self {
            backbone: options.backbone.or(self.backbone),
            limits: Limits {
                links: options.links.unwrap_or(self.limits.links),
                left_out: options.left_out.unwrap_or(self.limits.left_out),
            },
        }))
    }

    fn baseline(&self) -> Option<Box<dyn Architecture>> {
        Some(Box::new(Candidate {
            layout: Layout::plain(self.drawn_over()),
            limits: self.limits,
        }))
    }

    fn count(&self) -> Option<u64> {
        None
    }

    fn at(&self, _index: u64) -> Option<Box<dyn Architecture>> {
        None
    }

    fn parse(&self, arch: &str) -> Result<Box<dyn Architecture>, ArchError> {
        let layout: Layout = arch
            .parse()
            .map_err(|error| ArchError::new(NAME, arch, error))?;
        match self.backbone {
            Some(ours) if ours != *layout.backbone() => {
                Err(ArchError::new(NAME, arch, OtherBackbone(ours)))
            }
            _ => Ok(Box::new(Candidate {
                layout,
                limits: self.limits,
            })),
        }
    }

    fn sample(&self, seed: u64) -> Architectures {
        let drawn = search::sample(self.drawn_over(), self.limits, seed);
        boxed(drawn, self.limits)
    }

    fn equivalences(&self) -> &'static [Equivalence] {
        &[Equivalence::Network, Equivalence::Function]
    }
}

/// A layout over another backbone than the one that was chosen.
#[derive(Debug, thiserror::Error)]
#[error("the backbone is {0}")]
struct OtherBackbone(Backbone);

/// A layout, and how far its mutants may go.
struct Candidate {
    layout: Layout,
    limits: Limits,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.layout.fmt(f)
    }
}

impl Architecture for Candidate {
    /// `roberta-skip-`, the backbone, and `plain` for the backbone itself or
    /// else 64 bits that stand for the notation, in hexadecimal.
    fn id(&self) -> String {
        let backbone = self.layout.backbone();
        if self.layout.is_plain() {
            return format!("{NAME}-{backbone}-plain");
        }
        let notation = self.layout.to_string();
        let bits = stream(0, "roberta-skip id", &[notation.as_str().into()]).next_u64();
        format!("{NAME}-{backbone}-{bits:016x}")
    }

    fn space(&self) -> &'static dyn SearchSpace {
        &RobertaSkip::USUAL
    }

    /// The same, live and whole.
    fn lower(&self, setting: &Setting, _extent: Extent) -> Result<Graph, LowerError> {
        let Input::Texts { length, settings } = setting.input else {
            return Err(LowerError::NoTexts);
        };
        let settings = settings.unwrap_or(Settings::of(self.layout.backbone().kind));
        let task = Task {
            tokens: length.unwrap_or(Task::usual(&self.layout).tokens),
            classes: setting.classes,
        };
        Ok(lower(&self.layout, &settings, task)?)
    }

    /// Layers that are drawn anew do not depend on which of the backbone's they
    /// are.
    fn network_key(&self, drawn: bool) -> String {
        match drawn {
            true => self.layout.function(),
            false => self.layout.to_string(),
        }
    }

    fn backbone(&self) -> Option<&Backbone> {
        Some(self.layout.backbone())
    }

    fn cost(&self) -> Result<Cost, LowerError> {
        Ok(counts::cost(&self.layout, Task::usual(&self.layout))?)
    }

    fn key(&self, equivalence: Equivalence) -> Option<String> {
        match equivalence {
            Equivalence::Benchmark => None,
            Equivalence::Function => Some(self.layout.function()),
            Equivalence::Network => Some(self.layout.to_string()),
        }
    }

    fn mutants(&self, seed: u64) -> Architectures {
        let near = search::neighbours(self.layout.clone(), self.limits, seed);
        boxed(near, self.limits)
    }

    /// Each node is split in two, what enters it and its output: a layer leads
    /// from the one to the other, and links, like the usual connections, from
    /// outputs to what enters. The embeddings are only an output, the head is
    /// only entered.
    fn flow(&self) -> Option<Flow> {
        let head = self.layout.head();
        let output = |node: usize| 2 * node;
        let mut edges = Vec::new();
        for node in 1..=head {
            for source in self.layout.inputs(node) {
                edges.push(FlowEdge {
                    source: output(source),
                    target: output(node) - 1,
                    operation: if source + 1 == node { 1 } else { 2 },
                });
            }
            if node < head {
                edges.push(FlowEdge {
                    source: output(node) - 1,
                    target: output(node),
                    operation: 0,
                });
            }
        }
        Some(Flow {
            operations: &["layer", "next", "link"],
            nodes: 2 * head,
            edges,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn minilm() -> Options {
        Options {
            backbone: Backbone::preset("minilm"),
            ..Options::default()
        }
    }

    #[test]
    fn ids_are_unique_short_and_fit_to_be_file_names() {
        let options = Options {
            left_out: Some(2),
            ..minilm()
        };
        let space = RobertaSkip::USUAL.with(options).unwrap();
        let mut ids = HashSet::new();
        for one in space.sample(0).take(5000) {
            let id = one.id();
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(id.len() < 60 && id.chars().all(fits), "{id}");
            assert!(ids.insert(id), "{one}");
        }
    }

    // hex(u64(words(0, 'roberta-skip id', 'tiny:1|2~0|3|4|head:mean')))
    #[test]
    fn an_id_stays_what_it_is() {
        let id = |arch| RobertaSkip::USUAL.parse(arch).unwrap().id();
        assert_eq!(id("tiny:1|2|3|4|head"), "roberta-skip-tiny-plain");
        assert_eq!(
            id("tiny:1|2~0|3|4|head:mean"),
            "roberta-skip-tiny-d1d69e41283938b1"
        );
    }

    #[test]
    fn a_chosen_backbone_is_the_only_one() {
        let space = RobertaSkip::USUAL.with(minilm()).unwrap();
        assert_eq!(space.baseline().unwrap().id(), "roberta-skip-minilm-plain");
        let said = space.parse("tiny:1|head").err().unwrap().to_string();
        assert!(said.ends_with("the backbone is minilm"), "{said}");
        for one in space.sample(0).take(20) {
            assert!(one.to_string().starts_with("minilm:1|2"));
            assert!(space.parse(&one.to_string()).is_ok());
        }
    }

    #[test]
    fn layers_of_other_numbers_are_the_same_function_and_another_network() {
        let key = |arch, sense| RobertaSkip::USUAL.parse(arch).unwrap().key(sense);
        let [one, other] = ["tiny:1|3|4~1|head:sum", "tiny:1|2|3~1|head:sum"];
        use Equivalence::{Benchmark, Function, Network};
        assert_eq!(key(one, Function), key(other, Function));
        assert_ne!(key(one, Network), key(other, Network));
        assert_ne!(key(one, Function), key("tiny:1|2|3~0|head:sum", Function));
        assert_eq!(key(one, Benchmark), None);
    }
}
