//! Recipes: what a training is like where no flag says it, and with flags.

use anyhow::{Result, bail};
use clap::ValueEnum;
use knas_net::Init;
use knas_records::schema::Hyper;
use knas_train::Frozen;

use crate::cli::Args;
use crate::flags::{ClassWeights, Freeze};

/// A set of defaults that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Named {
    /// Images: NAS-Bench-201's long training; as without a recipe, but 200 epochs
    #[value(name = "nb201")]
    Nb201,
    /// Images: NAS-Bench-Macro's; as nb201, but 50 epochs and plain momentum
    NbMacro,
    /// Images: that of DARTS for CIFAR-10, without its auxiliary head and drop-path; 600
    /// epochs, batch 96, rate 0.025, decay 0.0003, plain momentum, cutout 16, clip 5
    Darts,
    /// Images: for a few thousand pictures of one's own; 60 epochs, batch 32, rate 0.05,
    /// warm-up of 5 epochs, label smoothing 0.1, mixup 0.1, an average of the weights (0.99)
    SmallData,
    /// Texts: RoBERTa's for GLUE; as without a recipe, but 10 epochs
    Roberta,
}

impl Named {
    fn values(self) -> Values {
        match self {
            Self::Nb201 => Values {
                epochs: 200,
                ..Values::IMAGES
            },
            Self::NbMacro => Values {
                epochs: 50,
                nesterov: false,
                ..Values::IMAGES
            },
            Self::Darts => Values {
                epochs: 600,
                batch: 96,
                lr: 0.025,
                weight_decay: 3e-4,
                nesterov: false,
                cutout: 16,
                clip: 5.0,
                ..Values::IMAGES
            },
            Self::SmallData => Values {
                epochs: 60,
                batch: 32,
                lr: 0.05,
                warm_up: Some(5.0),
                label_smoothing: 0.1,
                mixup: 0.1,
                ema: 0.99,
                ..Values::IMAGES
            },
            Self::Roberta => Values {
                epochs: 10,
                ..Values::TEXTS
            },
        }
    }

    fn is_for_texts(self) -> bool {
        self == Self::Roberta
    }

    /// As on a command line.
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// What a training is like, beside its data. What is 0 is not done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Values {
    pub epochs: u64,
    pub batch: u64,
    pub lr: f64,
    pub weight_decay: f64,
    pub momentum: f64,
    pub nesterov: bool,
    pub warm_up: Option<f64>,
    pub label_smoothing: f64,
    pub mixup: f64,
    pub erasing: f64,
    pub cutout: u64,
    pub clip: f64,
    pub ema: f64,
}

impl Values {
    /// NAS-Bench-201's recipe, for a few epochs.
    const IMAGES: Self = Self {
        epochs: 12,
        batch: 256,
        lr: 0.1,
        weight_decay: 5e-4,
        momentum: 0.9,
        nesterov: true,
        warm_up: None,
        label_smoothing: 0.0,
        mixup: 0.0,
        erasing: 0.0,
        cutout: 0,
        clip: 0.0,
        ema: 0.0,
    };

    /// RoBERTa's recipe for GLUE.
    const TEXTS: Self = Self {
        epochs: 5,
        batch: 16,
        lr: 2e-5,
        weight_decay: 0.1,
        ..Self::IMAGES
    };

    /// What the flags say, what their recipe says of the rest, and what is usual of what
    /// is left.
    ///
    /// # Errors
    /// When the recipe is for other data, or one flag contradicts another.
    pub fn of(args: &Args, texts: bool) -> Result<Self> {
        let learning = &args.learning;
        let usual = match learning.recipe {
            Some(recipe) if recipe.is_for_texts() != texts => {
                let (one, other) = match texts {
                    true => ("images", "texts"),
                    false => ("texts", "images"),
                };
                let name = recipe.name();
                bail!("--recipe {name} is for {one}, and the data are made of {other}");
            }
            Some(recipe) => recipe.values(),
            None if texts => Self::TEXTS,
            None => Self::IMAGES,
        };
        let values = Self {
            epochs: args.epochs.unwrap_or(usual.epochs),
            batch: args.batch.map_or(usual.batch, u64::from),
            lr: args.lr.unwrap_or(usual.lr),
            weight_decay: args.weight_decay.unwrap_or(usual.weight_decay),
            momentum: args.momentum.unwrap_or(usual.momentum),
            nesterov: learning.nesterov.unwrap_or(usual.nesterov),
            warm_up: learning.warm_up.or(usual.warm_up),
            label_smoothing: args.label_smoothing.unwrap_or(usual.label_smoothing),
            mixup: learning.mixup.unwrap_or(usual.mixup),
            erasing: learning.erasing.unwrap_or(usual.erasing),
            cutout: learning.cutout.unwrap_or(usual.cutout),
            clip: learning.clip.unwrap_or(usual.clip),
            ema: learning.ema.unwrap_or(usual.ema),
        };
        values.agree(args)?;
        Ok(values)
    }

    /// Whether what the flags ask for can be had together.
    fn agree(&self, args: &Args) -> Result<()> {
        let epochs = self.epochs;
        if let Some(warm_up) = self.warm_up.filter(|&warm_up| warm_up >= epochs as f64) {
            let whose = match (args.learning.warm_up, args.learning.recipe) {
                (None, Some(recipe)) => format!("the warm-up of --recipe {}", recipe.name()),
                _ => "--warm-up".to_owned(),
            };
            bail!(
                "{whose} is {warm_up} epochs of --epochs {epochs}, and none is left in which the \
                 learning rate goes down: --warm-up names fewer"
            );
        }
        if args.learning.nesterov == Some(true) && self.momentum == 0.0 {
            bail!("--nesterov true needs a --momentum above 0");
        }
        Ok(())
    }

    /// As a record has them, without what only images or only texts have.
    pub fn hyper(&self, args: &Args) -> Hyper {
        let learning = &args.learning;
        let done = |value: f64| Some(value).filter(|&value| value > 0.0);
        Hyper {
            recipe: learning.recipe.map(Named::name),
            optimizer: String::new(),
            epochs: self.epochs,
            batch: self.batch,
            lr: self.lr,
            schedule: String::new(),
            warm_up: self.warm_up,
            momentum: None,
            nesterov: None,
            weight_decay: self.weight_decay,
            clip: done(self.clip),
            augment: "none".to_owned(),
            mixup: done(self.mixup),
            erasing: done(self.erasing),
            cutout: Some(self.cutout).filter(|&side| side > 0),
            label_smoothing: self.label_smoothing,
            class_weights: is_balanced(args).then(|| "balanced".to_owned()),
            dropout: None,
            frozen: frozen(args).name().map(str::to_owned),
            accumulate: None,
            ema: done(self.ema),
            patience: args.patience,
            refit: learning.refit.then_some(true),
            seed: args.seed.into(),
            init: Init::Default.name().to_owned(),
            head: args.new_head.then(|| "drawn".to_owned()),
            weights_sha256: None,
            threads: args.threads.into(),
        }
    }
}

/// Whether each class counts as much as every other.
pub fn is_balanced(args: &Args) -> bool {
    args.learning.class_weights == Some(ClassWeights::Balanced)
}

/// What stays as it is.
pub fn frozen(args: &Args) -> Frozen {
    match (args.learning.freeze, args.freeze_embeddings) {
        (Some(Freeze::Body), _) => Frozen::Body,
        (None, true) => Frozen::Embeddings,
        (None, false) => Frozen::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn values(flags: &str) -> Result<Values, String> {
        let args = Args::parse_from(
            ["knas-finetune"]
                .into_iter()
                .chain(flags.split_whitespace()),
        );
        Values::of(&args, false).map_err(|error| error.to_string())
    }

    #[test]
    fn a_flag_is_stronger_than_a_recipe_and_that_than_what_is_usual() {
        assert_eq!(values("").unwrap(), Values::IMAGES);
        let small = Named::SmallData.values();
        assert_eq!(values("--recipe small-data").unwrap(), small);
        let changed = values("--recipe small-data --mixup 0 --lr 0.2 --nesterov false").unwrap();
        let expected = Values {
            mixup: 0.0,
            lr: 0.2,
            nesterov: false,
            ..small
        };
        assert_eq!(changed, expected);
        // What is 0 is not in records.
        let args = ["knas-finetune", "--recipe", "small-data", "--mixup", "0"];
        let hyper = changed.hyper(&Args::parse_from(args));
        assert_eq!((hyper.mixup, hyper.ema), (None, Some(small.ema)));
        assert_eq!(hyper.recipe.as_deref(), Some("small-data"));
    }

    #[test]
    fn what_contradicts_is_refused_by_name() {
        let error = values("--warm-up 3 --epochs 3").unwrap_err();
        assert!(
            error.contains("--warm-up is 3 epochs of --epochs 3"),
            "{error}"
        );
        let error = values("--recipe small-data --epochs 2").unwrap_err();
        assert!(
            error.contains("the warm-up of --recipe small-data"),
            "{error}"
        );
        assert!(values("--recipe small-data --epochs 2 --warm-up 0.5").is_ok());
        let error = values("--nesterov true --momentum 0").unwrap_err();
        assert!(error.contains("--nesterov true needs"), "{error}");
        let error = values("--recipe roberta").unwrap_err();
        assert!(error.contains("--recipe roberta is for texts"), "{error}");
    }
}
