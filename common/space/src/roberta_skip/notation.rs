//! How a layout is written.
//!
//! `minilm:1|2|3~0|4|5~1~3|6|head~4:mean` is, part by part: the
//! [backbone](super::Backbone); the layers that are kept, by their numbers in
//! it, and the head, each taking the output of the one before; after `~` whose
//! outputs it takes as well, 0 being the embeddings; and how several outputs
//! are combined, which is there exactly where some are. The backbone itself is
//! `minilm:1|2|3|4|5|6|head`. One layout has one notation.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::backbone::{BackboneError, number};
use super::{Backbone, Combination, Layout, Link};
use crate::space::excerpt;

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, |node| match node {
            0 => 0,
            _ => self.layers()[node - 1],
        })
    }
}

impl Layout {
    /// What two layouts share exactly where they are the same function of their
    /// weights, wherever those come from: the notation with the layers numbered
    /// as they follow one another.
    #[must_use]
    pub fn function(&self) -> String {
        struct Renumbered<'a>(&'a Layout);
        impl fmt::Display for Renumbered<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write(f, |node| node)
            }
        }
        Renumbered(self).to_string()
    }

    /// Writes the notation, with the layer at a node called `name(node)`.
    fn write(&self, f: &mut fmt::Formatter<'_>, name: impl Fn(usize) -> usize) -> fmt::Result {
        write!(f, "{}:", self.backbone())?;
        for node in 1..=self.head() {
            if node == self.head() {
                f.write_str("head")?;
            } else {
                write!(f, "{}", name(node))?;
            }
            for link in self.links().iter().filter(|link| link.target == node) {
                write!(f, "~{}", name(link.source))?;
            }
            if node < self.head() {
                f.write_str("|")?;
            }
        }
        if !self.links().is_empty() {
            write!(f, ":{}", self.combination().name())?;
        }
        Ok(())
    }
}

/// Why a text is no layout.
#[derive(Debug, Error)]
pub enum LayoutError {
    /// It does not have the parts of the notation.
    #[error("expected {FORM}, as in {EXAMPLE}")]
    Parts,
    /// What stands before the first colon.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// Neither a layer nor the head in its place.
    #[error("{found} is no layer from {next} to {last}; layers ascend, and the last part is head")]
    Layer {
        /// The beginning of what stands there.
        found: String,
        /// The lowest layer that could follow.
        next: usize,
        /// The backbone's last layer.
        last: usize,
    },
    /// There is nothing before the head.
    #[error("at least one layer must be kept")]
    Empty,
    /// After `~`, no earlier layer that can be taken.
    #[error(
        "{node} cannot also take {found}: sources ascend, and are 0 or layers that are kept, \
         without the one before, whose output it takes anyway"
    )]
    Source {
        /// The layer or head that would take it.
        node: String,
        /// The beginning of what stands there.
        found: String,
    },
    /// A wrong word, one too many, or none where one is needed.
    #[error("{}", match found {
        None => "several outputs are taken at once; add :mean or :sum".to_owned(),
        Some(found) => format!("{found} does not belong at the end: :mean or :sum stands there \
            where outputs are combined, and nothing where none are"),
    })]
    Combination {
        /// The beginning of what stands there.
        found: Option<String>,
    },
}

const FORM: &str = "BACKBONE:LAYER~SOURCE|...|head:COMBINATION";
const EXAMPLE: &str = "minilm:1|2|3~0|4|5~1~3|6|head~4:mean or minilm:1|2|3|4|5|6|head";

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        let mut parts = text.splitn(3, ':');
        let (Some(backbone), Some(nodes)) = (parts.next(), parts.next()) else {
            return Err(LayoutError::Parts);
        };
        let backbone: Backbone = backbone.parse()?;
        let (layers, links) = read_nodes(nodes, &backbone)?;
        let combination = match (parts.next(), links.is_empty()) {
            (None, true) => Combination::Mean,
            (None, false) => return Err(LayoutError::Combination { found: None }),
            (Some(word), empty) => Combination::ALL
                .into_iter()
                .find(|combination| !empty && combination.name() == word)
                .ok_or_else(|| LayoutError::Combination {
                    found: Some(excerpt(word)),
                })?,
        };
        Self::new(backbone, layers, links, combination).ok_or(LayoutError::Parts)
    }
}

fn read_nodes(text: &str, backbone: &Backbone) -> Result<(Vec<usize>, Vec<Link>), LayoutError> {
    let (mut layers, mut links) = (Vec::new(), Vec::new());
    let mut texts = text.split('|').peekable();
    while let Some(text) = texts.next() {
        let mut parts = text.split('~');
        let name = parts.next().unwrap_or_default();
        let target = layers.len() + 1;
        let mut from = 0;
        for source in parts {
            let node = node_called(source, &layers)
                .filter(|&node| node >= from && node + 2 <= target)
                .ok_or_else(|| LayoutError::Source {
                    node: excerpt(name),
                    found: excerpt(source),
                })?;
            from = node + 1;
            links.push(Link {
                target,
                source: node,
            });
        }
        if name == "head" && texts.peek().is_none() {
            break;
        }
        let next = layers.last().map_or(1, |last| last + 1);
        match number(name) {
            Some(layer) if (next..=backbone.layers).contains(&layer) && texts.peek().is_some() => {
                layers.push(layer);
            }
            _ => {
                return Err(LayoutError::Layer {
                    found: excerpt(name),
                    next,
                    last: backbone.layers,
                });
            }
        }
    }
    if layers.is_empty() {
        return Err(LayoutError::Empty);
    }
    Ok((layers, links))
}

/// The node that the notation calls `text` where `layers` come before.
fn node_called(text: &str, layers: &[usize]) -> Option<usize> {
    match number(text)? {
        0 => Some(0),
        layer => Some(layers.binary_search(&layer).ok()? + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::layouts;
    use super::*;

    fn message(text: &str) -> String {
        text.parse::<Layout>().unwrap_err().to_string()
    }

    #[test]
    fn a_layout_prints_as_it_is_read() {
        for text in [EXAMPLE.split(" or ").next().unwrap(), "tiny:3|head"] {
            assert_eq!(text.parse::<Layout>().unwrap().to_string(), text);
        }
        let layout: Layout = "minilm:2|3|5~0~2|head~3:sum".parse().unwrap();
        let inputs = |node| layout.inputs(node).collect::<Vec<_>>();
        assert_eq!(layout.layers(), [2, 3, 5]);
        assert_eq!(layout.combination(), Combination::Sum);
        assert_eq!(
            (1..=4).map(inputs).collect::<Vec<_>>(),
            [vec![0], vec![1], vec![0, 1, 2], vec![2, 3]]
        );
    }

    #[test]
    fn the_backbone_itself_is_a_member() {
        for (name, backbone) in super::super::PRESETS {
            let plain = Layout::plain(*backbone);
            assert!(plain.is_plain());
            assert_eq!(plain.to_string().parse::<Layout>().unwrap(), plain);
            assert!(plain.to_string().starts_with(name));
        }
    }

    #[test]
    fn what_is_not_the_notation_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "expected BACKBONE:LAYER~SOURCE|...|head:COMBINATION"),
            ("minilm", "expected BACKBONE"),
            ("nanolm:1|head", "\"nanolm\" is no backbone"),
            ("tiny:", "\"\" is no layer from 1 to 4"),
            ("tiny:head", "at least one layer"),
            (
                "tiny:1",
                "\"1\" is no layer from 1 to 4; layers ascend, and the last",
            ),
            ("tiny:1|2", "\"2\" is no layer from 2 to 4"),
            ("tiny:head|1", "\"head\" is no layer"),
            ("tiny:1|1|head", "\"1\" is no layer from 2"),
            ("tiny:2|1|head", "\"1\" is no layer from 3"),
            ("tiny:01|head", "\"01\" is no layer"),
            ("tiny:+1|head", "is no layer"),
            ("tiny: 1|head", "is no layer"),
            ("tiny:0|head", "\"0\" is no layer"),
            ("tiny:5|head", "\"5\" is no layer from 1 to 4"),
            ("tiny:99999999999999999999|head", "is no layer"),
            ("tiny:1|head\n", "is no layer"),
            ("tiny:1|2|head~2:mean", "\"head\" cannot also take \"2\""),
            ("tiny:1|2|head~1~1:mean", "cannot also take \"1\""),
            ("tiny:1|2|3|head~1~0:mean", "cannot also take \"0\""),
            ("tiny:1|3|head~2:mean", "cannot also take \"2\""),
            ("tiny:1~0|2|head:mean", "\"1\" cannot also take \"0\""),
            ("tiny:1|2~|head:mean", "\"2\" cannot also take \"\""),
            ("tiny:1|2~3|3|head:mean", "\"2\" cannot also take \"3\""),
            ("tiny:1|2~0|head", "add :mean or :sum"),
            ("tiny:1|2~0|head:", "\"\" does not belong at the end"),
            ("tiny:1|2~0|head:max", "\"max\" does not belong"),
            ("tiny:1|2~0|head:mean:mean", "\"mean:mean\" does not belong"),
            ("tiny:1|2|head:mean", "\"mean\" does not belong"),
        ] {
            let said = message(text);
            assert!(said.contains(reason), "{text}: {said}");
        }
    }

    #[test]
    fn a_message_stays_short_whatever_the_input() {
        for hostile in [
            "x".repeat(1 << 20),
            format!("tiny:{}", "\u{0}".repeat(1 << 20)),
            format!("tiny:1|{}", "~0".repeat(1 << 20)),
            format!("tiny:1|2~0|head:{}", "é".repeat(1 << 20)),
        ] {
            assert!(message(&hostile).len() < 1000);
        }
    }

    proptest! {
        #[test]
        fn every_layout_is_read_back(layout in layouts()) {
            prop_assert_eq!(layout.to_string().parse::<Layout>().unwrap(), layout);
        }

        #[test]
        fn no_text_is_read_as_a_layout_that_prints_otherwise(
            text in "tiny:[0-5](\\|[0-5](~[0-4]){0,2}){0,3}\\|head(~[0-4]){0,2}(:mean|:sum)?"
        ) {
            if let Ok(layout) = text.parse::<Layout>() {
                prop_assert_eq!(layout.to_string(), text);
            }
        }

        #[test]
        fn a_layout_with_one_character_changed_is_refused_or_prints_so(
            layout in layouts(),
            place in 0_usize..40,
            replacement in any::<char>(),
        ) {
            let mut text = layout.to_string();
            let place = place % text.len();
            text.replace_range(place..=place, replacement.encode_utf8(&mut [0; 4]));
            if let Ok(layout) = text.parse::<Layout>() {
                prop_assert_eq!(layout.to_string(), text);
            }
        }
    }
}
