//! The flags of how candidates learn, beside those that any training has.

use clap::ValueEnum;

use crate::cli::{fraction, not_negative, number};
use crate::recipes::Named;

/// How candidates learn.
#[derive(Clone, Debug, clap::Args)]
pub struct Learning {
    /// Learn by the values of a recipe; any other flag is stronger
    #[arg(long, value_enum, value_name = "NAME")]
    pub recipe: Option<Named>,

    /// Let the learning rate go up over so many epochs, or a part of one, and then down
    /// [default: 0 for images, 6 % of all for texts]
    #[arg(long, value_name = "EPOCHS", value_parser = not_negative, hide_short_help = true)]
    pub warm_up: Option<f64>,

    /// Let each class count as much as every other (balanced), or each example [default: none]
    ///
    /// An example of a class with c of n examples then weighs n / (k·c), where k classes
    /// have some: scikit-learn's `balanced`. The loss of a batch is the mean by weight; in
    /// validation and tests all count alike.
    #[arg(long, value_enum, value_name = "HOW", hide_short_help = true)]
    pub class_weights: Option<ClassWeights>,

    /// Learn from means of two images, with shares drawn from Beta(ALPHA, ALPHA); 0 for none
    ///
    /// The loss is the mean of those of both classes. One share is drawn for each batch
    /// (Zhang et al. 2018).
    #[arg(long, value_name = "ALPHA", value_parser = alpha, hide_short_help = true)]
    pub mixup: Option<f64>,

    /// Erase a random rectangle of an image with this probability; 0 for none
    ///
    /// As torchvision's RandomErasing: 2 to 33 % of the area, 0.3 to 3.3 times as high as
    /// wide, and 0 after normalisation (Zhong et al. 2020).
    #[arg(long, value_name = "P", value_parser = probability, hide_short_help = true)]
    pub erasing: Option<f64>,

    /// Cut a square of N pixels out of every image, at any place; 0 for none
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=512), hide_short_help = true)]
    pub cutout: Option<u64>,

    /// Scale gradients that are longer than this, all together; 0 for none
    #[arg(long, value_name = "NORM", value_parser = not_negative, hide_short_help = true)]
    pub clip: Option<f64>,

    /// Nesterov momentum, or plain momentum [default: true]
    #[arg(long, value_name = "BOOL", hide_short_help = true)]
    pub nesterov: Option<bool>,

    /// Judge and keep an average of the weights over the steps, with this decay; 0 for none
    #[arg(long, value_name = "DECAY", value_parser = fraction, hide_short_help = true)]
    pub ema: Option<f64>,

    /// Train the classifier alone, and leave the body of --weights as it is
    ///
    /// Batch norms of the body normalise by their running statistics, which stay. An
    /// encoder's dropout is drawn as always.
    #[arg(
        long,
        value_enum,
        value_name = "PART",
        requires = "weights",
        conflicts_with_all = ["evaluate", "freeze_embeddings"],
        hide_short_help = true
    )]
    pub freeze: Option<Freeze>,

    /// Then train anew on training and validation examples together, for the best number
    /// of epochs, and keep and test that model
    #[arg(long, conflicts_with = "evaluate")]
    pub refit: bool,
}

/// `--class-weights`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClassWeights {
    /// Each class counts as much as every other.
    Balanced,
    /// Each example counts as much as every other.
    None,
}

/// `--freeze`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Freeze {
    /// All but the classifier.
    Body,
}

fn alpha(text: &str) -> Result<f64, String> {
    let fits = |v| v == 0.0 || (0.001..=1000.0).contains(&v);
    number(text, "from 0.001 to 1000, or 0", fits)
}

fn probability(text: &str) -> Result<f64, String> {
    number(text, "from 0 to 1", |v| (0.0..=1.0).contains(&v))
}
