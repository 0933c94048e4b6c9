//! Encoders with extra connections: which layers of a BERT or RoBERTa are kept,
//! and which earlier outputs a layer or the classifier takes beyond the usual.
//!
//! | module | what it holds |
//! |---|---|
//! | [`backbone`] | the encoder's sizes, presets |
//! | [`layout`] | a layout, and what its network computes |
//! | [`notation`] | how a layout is written |
//! | [`network`] | the network of a layout |
//! | [`settings`] | what it depends on beside its sizes |
//! | [`fit`] | whether texts fit a backbone |
//! | [`counts`] | parameters and multiply-accumulates |
//! | [`search`] | drawing layouts, and their neighbours |
//! | [`space`] | the search space |

pub mod backbone;
mod config;
pub mod counts;
pub mod fit;
pub mod layout;
pub mod network;
pub mod notation;
pub mod search;
pub mod settings;
pub mod space;

pub use backbone::{Backbone, BackboneError, Kind, PRESETS};
pub use counts::Task;
pub use fit::Misfit;
pub use layout::{Combination, Layout, Link};
pub use notation::LayoutError;
pub use search::Limits;
pub use settings::{Settings, SettingsError};
pub use space::RobertaSkip;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;

    /// Any layout over a preset, with up to nine links.
    pub fn layouts() -> impl Strategy<Value = Layout> {
        let backbone = prop::sample::select(PRESETS.to_vec()).prop_map(|(_, backbone)| backbone);
        let layers = backbone.prop_flat_map(|backbone| {
            let all: Vec<usize> = (1..=backbone.layers).collect();
            (Just(backbone), subsequence(all, 1..=backbone.layers))
        });
        let links = layers.prop_flat_map(|(backbone, layers)| {
            let all = possible_links(layers.len());
            let most = all.len().min(9);
            (Just(backbone), Just(layers), subsequence(all, 0..=most))
        });
        let parts = (links, prop::sample::select(Combination::ALL.to_vec()));
        parts.prop_map(|((backbone, layers, links), combination)| {
            Layout::new(backbone, layers, links, combination).unwrap()
        })
    }

    fn possible_links(layers: usize) -> Vec<Link> {
        let mut all = Vec::new();
        for target in 2..=layers + 1 {
            all.extend((0..=target - 2).map(|source| Link { target, source }));
        }
        all
    }

    #[test]
    fn layouts_that_cannot_be_are_none() {
        let tiny = Backbone::preset("tiny").unwrap();
        let with = |layers: &[usize], links: &[(usize, usize)]| {
            let links = links
                .iter()
                .map(|&(target, source)| Link { target, source })
                .collect();
            Layout::new(tiny, layers.to_vec(), links, Combination::Sum)
        };
        assert!(with(&[1, 3], &[(3, 1), (3, 0)]).is_some());
        for (layers, links) in [
            (&[][..], &[][..]),
            (&[0], &[]),
            (&[5], &[]),
            (&[2, 1], &[]),
            (&[1, 1], &[]),
            (&[1, 2], &[(2, 1)]),
            (&[1, 2], &[(4, 0)]),
            (&[1, 2], &[(3, 0), (3, 0)]),
            (&[1, 2], &[(1, usize::MAX - 2)]),
        ] {
            assert!(with(layers, links).is_none(), "{layers:?} {links:?}");
        }
    }

    #[test]
    fn without_links_the_combination_makes_no_difference() {
        let tiny = Backbone::preset("tiny").unwrap();
        let [mean, sum] = Combination::ALL.map(|c| Layout::new(tiny, vec![2], vec![], c));
        assert_eq!(mean, sum);
    }
}
