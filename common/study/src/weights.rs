//! Where a candidate's weights come from.

use knas_net::weights::WeightFile;
use knas_net::{Initial, Source};

/// Where the weights of networks that look at images come from: from a file where
/// there is one, but for the classifier where that is to be drawn.
#[must_use]
pub fn source(weights: Option<&WeightFile>, new_head: bool, initial: Initial) -> Source<'_> {
    match weights {
        Some(weights) if new_head => Source::Body { weights, initial },
        Some(weights) => Source::File(weights),
        None => Source::Random(initial),
    }
}
