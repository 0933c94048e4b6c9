//! Texts with labels: what a set holds, and how it is drawn from.

mod batch;
mod files;
mod labels;

use knas_stats::random::stream;

use crate::training::Limits;
use crate::{DataError, DataSpec, Tokeniser, split};

pub use batch::{Extent, TextBatch, Texts};
use files::Example;

/// The share of training texts that validates, unless another is told.
const VALID_SHARE: f64 = 0.2;

/// A set of texts, read and checked.
#[derive(Debug)]
pub struct TextSource {
    name: &'static str,
    classes: usize,
    class_names: Vec<String>,
    train: Vec<Example>,
    valid: Option<Vec<Example>>,
    test: Option<Vec<Example>>,
}

/// The texts that a score is computed on.
#[derive(Clone, Debug, PartialEq)]
pub struct TextSample {
    /// Tokens and labels as the network takes them.
    pub batch: TextBatch,
    /// Places of the texts in the training set, in the batch's order.
    pub indices: Vec<usize>,
    /// What identifies the data in a record's provenance: see
    /// [`Texts::content_hash`].
    pub hash: String,
    /// What an encoder must have room for.
    pub extent: Extent,
}

/// What a network is trained, chosen and tested on.
#[derive(Clone, Debug)]
pub struct TextTraining {
    /// The training set.
    pub train: Texts,
    /// GLUE's `dev` set; of a file of one part, a fifth of it.
    pub valid: Texts,
    /// The test set, where there is one that has labels.
    pub test: Option<Texts>,
}

impl TextTraining {
    /// Training and validation texts together.
    #[must_use]
    pub fn joined(&self) -> Texts {
        self.train.joined(&self.valid)
    }
}

impl TextSource {
    /// Reads a set of texts.
    ///
    /// RTE takes `train.tsv` and `dev.tsv`, since the labels of `test.tsv` are
    /// not public. MRPC takes these and, where it is there,
    /// `msr_paraphrase_test.txt`, whose examples are tested on. Quotes are
    /// literal characters. Label 1 is a paraphrase (MRPC), or that the first
    /// sentence does not entail the second (RTE).
    ///
    /// A file of JSON lines has `text`, perhaps `text_pair`, and `label`: a
    /// number from 0, of which there are as many as the largest says, and each needs
    /// an example; or a name, and classes are numbered in the order of the names'
    /// bytes.
    ///
    /// # Errors
    /// For images; where a file is missing or cannot be read, and by line where
    /// it is not UTF-8, lacks a column or has a label that is none.
    pub fn open(spec: &DataSpec) -> Result<Self, DataError> {
        let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let class_names: Vec<String>;
        let (classes, train, valid, test) = match spec {
            DataSpec::Rte(folder) => {
                class_names = named(&files::RTE);
                let train = files::rte(&folder.join("train.tsv"))?;
                let valid = files::rte(&folder.join("dev.tsv"))?;
                (2, train, Some(valid), None)
            }
            DataSpec::Mrpc(folder) => {
                class_names = named(&["not_equivalent", "equivalent"]);
                let train = files::mrpc(&folder.join("train.tsv"))?;
                let valid = files::mrpc(&folder.join("dev.tsv"))?;
                let test = folder.join("msr_paraphrase_test.txt");
                let test = test.is_file().then(|| files::mrpc(&test)).transpose()?;
                (2, train, Some(valid), test)
            }
            DataSpec::Jsonl(file) => {
                let (train, names) = files::jsonl(file)?;
                class_names = names;
                let largest = train.iter().map(|example| example.label).max();
                (
                    largest.map_or(0, |label| label as usize + 1),
                    train,
                    None,
                    None,
                )
            }
            _ => {
                return Err(DataError::Sort {
                    name: spec.name(),
                    found: "images",
                    needed: "texts",
                    choices: "rte:DIR, mrpc:DIR or jsonl:FILE",
                });
            }
        };
        Ok(Self {
            name: spec.name(),
            classes,
            class_names,
            train,
            valid,
            test,
        })
    }

    /// `rte`, `mrpc` or `jsonl`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Number of classes; labels are below it.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The names of the classes, by label; none where labels are mere numbers.
    #[must_use]
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Whether class 1 is what is looked for, so that F1 tells more than
    /// accuracy: MRPC's paraphrases.
    #[must_use]
    pub fn has_f1(&self) -> bool {
        self.name == "mrpc"
    }

    /// The most tokens that a text of this set is given by default: 256 for
    /// RTE, whose first sentences are paragraphs, and 128 for others.
    #[must_use]
    pub fn default_length(&self) -> usize {
        match self.name {
            "rte" => 256,
            _ => 128,
        }
    }

    /// Number of training examples, before validation examples are taken from
    /// them.
    #[must_use]
    pub fn train_len(&self) -> usize {
        self.train.len()
    }

    /// `count` random training examples without repetition, drawn from `seed`;
    /// a smaller count gives the beginning of what a larger one gives.
    ///
    /// # Errors
    /// Where `count` is 0 or larger than the set, or a text cannot be
    /// tokenised.
    pub fn sample(
        &self,
        count: usize,
        seed: u64,
        tokeniser: &Tokeniser,
    ) -> Result<TextSample, DataError> {
        let have = self.train_len();
        if count == 0 || count > have {
            return Err(DataError::Count {
                name: self.name,
                wanted: count,
                have,
            });
        }
        let indices = stream(seed, "sample", &[]).choose(have, count);
        let texts = tokenise(&self.train, indices, tokeniser)?;
        Ok(TextSample {
            batch: texts.whole(),
            hash: texts.content_hash(),
            extent: texts.extent(),
            indices: texts.indices().to_vec(),
        })
    }

    /// All examples as tokens, at most so many of each part.
    ///
    /// Where the set has no validation part, a fifth of the training part, or the
    /// share that is told, is drawn from it class by class, the same for every run and
    /// seed, so that accuracies can be compared.
    ///
    /// # Errors
    /// Where there is no validation example, a share is told of a set that has a
    /// validation part, or a text cannot be tokenised.
    pub fn training(
        &self,
        tokeniser: &Tokeniser,
        limits: Limits,
    ) -> Result<TextTraining, DataError> {
        let balanced = |part: &[Example]| split::balanced(&labels(part));
        let read = |part: &[Example], mut indices: Vec<usize>, limit: Option<usize>| {
            indices.truncate(limit.unwrap_or(usize::MAX));
            tokenise(part, indices, tokeniser)
        };
        let (train, valid) = split::parts(
            self.name,
            &labels(&self.train),
            self.valid.as_deref().map(labels).as_deref(),
            limits.valid_share,
            VALID_SHARE,
        )?;
        let valid_part = self.valid.as_ref().unwrap_or(&self.train);
        let test = self.test.as_deref();
        let test = test.map(|part| read(part, balanced(part), limits.test));
        Ok(TextTraining {
            train: read(&self.train, train, limits.train)?,
            valid: read(valid_part, valid, limits.valid)?,
            test: test.transpose()?,
        })
    }
}

fn labels(examples: &[Example]) -> Vec<u32> {
    examples.iter().map(|example| example.label).collect()
}

fn tokenise(
    examples: &[Example],
    indices: Vec<usize>,
    tokeniser: &Tokeniser,
) -> Result<Texts, DataError> {
    let chosen = indices.iter().map(|&index| &examples[index]);
    let tokens = chosen.map(|example| tokeniser.encode(&example.text, example.pair.as_deref()));
    let tokens = tokens.collect::<Result<_, _>>()?;
    let labels = indices.iter().map(|&index| examples[index].label);
    Ok(Texts::new(
        tokens,
        labels.collect(),
        indices,
        tokeniser.padding(),
    ))
}
