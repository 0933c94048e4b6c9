//! Texts held in memory as tokens, and the batches made of them.

use std::ops::Range;

use knas_stats::random::stream;
use sha2::{Digest, Sha256};
use tch::{Device, Tensor};

use crate::Tokens;
use crate::images::hexadecimal;

/// Batches of an epoch among which texts find others of their length.
const WINDOW: usize = 32;

/// Labelled texts in a fixed order, as tokens.
#[derive(Clone, Debug)]
pub struct Texts {
    tokens: Vec<Tokens>,
    labels: Vec<u32>,
    indices: Vec<usize>,
    padding: u32,
}

impl Texts {
    /// `indices` are the texts' places in their part of the data set.
    pub(crate) fn new(
        tokens: Vec<Tokens>,
        labels: Vec<u32>,
        indices: Vec<usize>,
        padding: u32,
    ) -> Self {
        Self {
            tokens,
            labels,
            indices,
            padding,
        }
    }

    /// Texts that nothing is known of; each has label 0.
    #[must_use]
    pub fn unlabelled(tokens: Vec<Tokens>, padding: u32) -> Self {
        let labels = vec![0; tokens.len()];
        let indices = (0..tokens.len()).collect();
        Self::new(tokens, labels, indices, padding)
    }

    /// These texts, then the others, whose places are those in this row.
    #[must_use]
    pub fn joined(&self, others: &Self) -> Self {
        let tokens = [&self.tokens[..], &others.tokens].concat();
        let labels = [&self.labels[..], &others.labels].concat();
        let indices = (0..labels.len()).collect();
        Self::new(tokens, labels, indices, self.padding)
    }

    /// Number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The class of each text.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Each text's place in its part of the data set.
    #[must_use]
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// SHA-256, in hexadecimal, of `knas-texts-1`, the number of texts (8 bytes)
    /// and, text by text, its index (8 bytes), its label (4 bytes), the number of
    /// its tokens (8 bytes), and their ids and types (4 bytes each, the ids
    /// first). Integers are little-endian.
    ///
    /// Of the tokens rather than of the letters, since what is computed depends
    /// on the tokeniser as much as on the texts.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"knas-texts-1");
        hash.update((self.len() as u64).to_le_bytes());
        for (place, tokens) in self.tokens.iter().enumerate() {
            hash.update((self.indices[place] as u64).to_le_bytes());
            hash.update(self.labels[place].to_le_bytes());
            hash.update((tokens.ids.len() as u64).to_le_bytes());
            for number in tokens.ids.iter().chain(&tokens.types) {
                hash.update(number.to_le_bytes());
            }
        }
        hexadecimal(hash)
    }

    /// Every text once, the shortest first, `size` (at least 1) at a time: little
    /// is padded.
    pub fn batches(&self, size: usize) -> impl Iterator<Item = TextBatch> + '_ {
        let mut places: Vec<usize> = (0..self.len()).collect();
        places.sort_by_key(|&place| self.tokens[place].ids.len());
        let cuts = cuts(places.len(), size);
        cuts.map(move |cut| self.batch(&places[cut]))
    }

    /// One epoch of training: every text once, `size` (at least 1) at a time.
    ///
    /// An order of the texts is drawn from (seed, epoch). So that little is
    /// padded, the texts of every 32 batches in a row are put in order of length
    /// and cut into batches, and these come in an order drawn from (seed,
    /// epoch). One of the batches is smaller where the number of texts is no
    /// multiple of `size`.
    pub fn epoch(
        &self,
        size: usize,
        seed: u64,
        epoch: u64,
    ) -> impl Iterator<Item = TextBatch> + '_ {
        let draw = |purpose, count| stream(seed, purpose, &[epoch.into()]).choose(count, count);
        let mut places = draw("epoch-order", self.len());
        for window in places.chunks_mut(size.max(1).saturating_mul(WINDOW)) {
            window.sort_by_key(|&place| self.tokens[place].ids.len());
        }
        let cuts: Vec<_> = cuts(places.len(), size).collect();
        let order = draw("epoch-batches", cuts.len());
        let batches = order.into_iter();
        batches.map(move |batch| self.batch(&places[cuts[batch].clone()]))
    }

    /// What an encoder must have room for.
    #[must_use]
    pub fn extent(&self) -> Extent {
        // Padding is looked up like any token.
        let mut extent = Extent {
            vocabulary: self.padding as usize + 1,
            ..Extent::default()
        };
        for Tokens { ids, types } in &self.tokens {
            let more = |values: &[u32]| values.iter().max().map_or(0, |&most| most as usize + 1);
            extent.vocabulary = extent.vocabulary.max(more(ids));
            extent.types = extent.types.max(more(types));
            extent.length = extent.length.max(ids.len());
        }
        extent
    }

    /// All texts in one batch.
    #[must_use]
    pub fn whole(&self) -> TextBatch {
        self.batch(&(0..self.len()).collect::<Vec<_>>())
    }

    fn batch(&self, places: &[usize]) -> TextBatch {
        let lengths = places.iter().map(|&place| self.tokens[place].ids.len());
        let length = lengths.max().unwrap_or(0);
        let mut input = Vec::with_capacity(places.len() * 3 * length);
        let mut plane = |values: &mut dyn Iterator<Item = i64>, padding: i64| {
            let end = input.len() + length;
            input.extend(values);
            input.resize(end, padding);
        };
        for &place in places {
            let Tokens { ids, types } = &self.tokens[place];
            plane(&mut ids.iter().map(|&id| id.into()), self.padding.into());
            plane(&mut types.iter().map(|&kind| kind.into()), 0);
            plane(&mut ids.iter().map(|_| 1), 0);
        }
        let target = places.iter().map(|&place| self.labels[place].into());
        TextBatch {
            input,
            length,
            target: target.collect(),
        }
    }
}

/// `size` (at least 1) of `count` places at a time.
fn cuts(count: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    let size = size.max(1);
    let starts = (0..count).step_by(size);
    starts.map(move |start| start..start.saturating_add(size).min(count))
}

/// What the tokens of some texts ask of an encoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Every token's id is below this.
    pub vocabulary: usize,
    /// Every token's type is below this.
    pub types: usize,
    /// Tokens of the longest text.
    pub length: usize,
}

impl Extent {
    /// What holds for both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            vocabulary: self.vocabulary.max(other.vocabulary),
            types: self.types.max(other.types),
            length: self.length.max(other.length),
        }
    }
}

/// Texts of one length, by padding on the right, and their labels. Plain
/// memory, so that threads can share it; [`TextBatch::tensors`] copies it to a
/// device.
#[derive(Clone, Debug, PartialEq)]
pub struct TextBatch {
    /// Texts × 3 × length values, in that order: the tokens' ids, their types
    /// (which of a pair they belong to), and 1 for a token and 0 for padding.
    pub input: Vec<i64>,
    /// Tokens of the longest text.
    pub length: usize,
    /// One label per text.
    pub target: Vec<i64>,
}

impl TextBatch {
    /// Number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.target.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.target.is_empty()
    }

    /// The batch in so many parts (at least 1; fewer where there are fewer
    /// texts), each as long as its own longest text.
    pub fn parts(&self, count: usize) -> impl Iterator<Item = TextBatch> + '_ {
        let size = self.len().div_ceil(count.max(1));
        cuts(self.len(), size).map(|cut| {
            let texts = &self.input[cut.start * 3 * self.length..cut.end * 3 * self.length];
            let planes = || texts.chunks(self.length.max(1));
            let lengths = planes().skip(2).step_by(3);
            let lengths = lengths.map(|mask| mask.iter().sum::<i64>() as usize);
            let length = lengths.max().unwrap_or(0);
            TextBatch {
                input: planes()
                    .flat_map(|plane| &plane[..length])
                    .copied()
                    .collect(),
                length,
                target: self.target[cut].to_vec(),
            }
        })
    }

    /// Texts as an int64 tensor N × 3 × length, and labels as an int64 tensor of
    /// length N, on `device`.
    pub fn tensors(&self, device: Device) -> (Tensor, Tensor) {
        let shape = [self.len(), 3, self.length].map(|size| size as i64);
        let input = Tensor::from_slice(&self.input).view(shape);
        let target = Tensor::from_slice(&self.target);
        (input.to_device(device), target.to_device(device))
    }
}
