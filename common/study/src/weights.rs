//! What weights have to hold, whatever the candidate.

use knas_net::weights::WeightFile;
use knas_net::{Init, Initial, NetError, Network, Source};
use knas_space::{Input, Setting, Sizes, spaces};
use tch::{Device, Kind};

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

/// Whether weights can be of any network that looks at images of this side and has
/// these sizes: those that lack what all networks of each space hold are wrong for
/// every candidate. Where a space's networks share nothing, only the candidate
/// tells.
///
/// # Errors
/// What they lack, or have in another shape.
pub fn check_weights(
    weights: &WeightFile,
    new_head: bool,
    (side, classes): (usize, usize),
    sizes: &[(&'static str, u64)],
) -> Result<(), NetError> {
    let initial = Initial {
        init: Init::Default,
        seed: 0,
    };
    let mut lacking = None;
    for space in spaces().iter().filter(|space| !space.reads_texts()) {
        let Ok(sizes) = Sizes::of(*space, sizes.iter().copied()) else {
            continue;
        };
        let setting = Setting {
            input: Input::Images { side },
            classes,
            sizes,
        };
        let Some(shared) = space.shared(&setting) else {
            return Ok(());
        };
        let source = source(Some(weights), new_head, initial);
        match Network::new(shared?, source, (Kind::Float, Device::Cpu)) {
            Ok(_) => return Ok(()),
            Err(error) => lacking = lacking.or(Some(error)),
        }
    }
    lacking.map_or(Ok(()), Err)
}
