//! A data set that has been opened: what it holds, and how it is drawn from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use knas_stats::random::stream;
use sha2::{Digest, Sha256};

use crate::augment::{Crop, Normalisation};
use crate::cifar::{self, CifarRows};
use crate::folder::{Folder, FolderRows};
use crate::images::hexadecimal;
use crate::left_out::LeftOut;
use crate::{Batch, DataError, DataSpec, Images, SIDE, SIDES, values};

/// Number of classes of noise, unless another is asked for.
pub const NOISE_CLASSES: usize = 10;
/// Most images that one batch of noise can have.
pub const NOISE_LIMIT: usize = 50_000;

/// A data set whose files have been found and counted, shown at one side.
#[derive(Clone, Debug)]
pub struct ImageSource {
    pub(crate) name: &'static str,
    pub(crate) side: usize,
    own_side: Option<usize>,
    classes: usize,
    own_classes: Option<usize>,
    class_names: Vec<String>,
    left_out: Option<LeftOut>,
    pub(crate) normalisation: Normalisation,
    pub(crate) content: Arc<Content>,
}

/// What a data set holds.
#[derive(Debug)]
pub(crate) enum Content {
    Files {
        train: Rows,
        valid: Option<Rows>,
        test: Option<Rows>,
    },
    Noise,
}

/// Images of one split, in files.
#[derive(Debug)]
pub(crate) enum Rows {
    Cifar(CifarRows),
    Folder(FolderRows),
}

impl Rows {
    pub fn len(&self) -> usize {
        match self {
            Rows::Cifar(rows) => rows.len(),
            Rows::Folder(rows) => rows.len(),
        }
    }

    pub fn labels(&self) -> Result<Vec<u32>, DataError> {
        match self {
            Rows::Cifar(rows) => rows.labels(),
            Rows::Folder(rows) => Ok(rows.labels()),
        }
    }

    /// Of CIFAR's images, their own side is meant.
    pub fn read(
        &self,
        indices: Vec<usize>,
        side: usize,
        norm: Normalisation,
    ) -> Result<Images, DataError> {
        let (pixels, labels) = match self {
            Rows::Cifar(rows) => rows.read(&indices)?,
            Rows::Folder(rows) => rows.read(&indices, side)?,
        };
        Ok(Images::new(side, pixels, labels, indices, norm))
    }
}

/// The images that a score is computed on.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Images and labels as the network takes them.
    pub batch: Batch,
    /// Places of the images in the training set, in the batch's order.
    pub indices: Vec<usize>,
    /// What identifies the data in a record's provenance, in hexadecimal: the
    /// hash of these images before augmentation ([`Images::content_hash`]).
    ///
    /// Of the batch, not of the whole set: the score depends on nothing else in
    /// the set, and it is known without reading the rest. With the seed, which
    /// determines the augmentation, it fixes every bit of the batch. For noise,
    /// SHA-256 of `knas-noise-1`, the number of images (8 bytes), all values as
    /// little-endian floats, and all labels (8 bytes each).
    pub hash: String,
}

impl ImageSource {
    /// Finds the files of a data set, and reads none. CIFAR sets that name no folder are looked
    /// for in `cache/cifar10` and `cache/cifar100`.
    ///
    /// # Errors
    /// For texts; where a folder or file is missing or cannot be read, a CIFAR
    /// file is not a whole number of rows, or a folder does not have two classes
    /// or has one without images.
    pub fn open(spec: &DataSpec, cache: &Path) -> Result<Self, DataError> {
        let mut source = Self {
            name: spec.name(),
            side: SIDE,
            own_side: None,
            classes: NOISE_CLASSES,
            own_classes: None,
            class_names: Vec::new(),
            left_out: None,
            normalisation: Normalisation::CIFAR10,
            content: Arc::new(Content::Noise),
        };
        match spec {
            DataSpec::Cifar10(folder) => source.fill_cifar(&cifar::CIFAR10, folder, cache)?,
            DataSpec::Cifar100(folder) => {
                source.normalisation = Normalisation::CIFAR100;
                source.fill_cifar(&cifar::CIFAR100, folder, cache)?;
            }
            DataSpec::Folder(folder) => {
                let folder = Folder::open(folder)?;
                source.name_classes(folder.class_names);
                source.left_out = Some(folder.left_out);
                source.content = Arc::new(Content::Files {
                    train: Rows::Folder(folder.train),
                    valid: folder.valid.map(Rows::Folder),
                    test: folder.test.map(Rows::Folder),
                });
            }
            DataSpec::Noise => {}
            DataSpec::Rte(_) | DataSpec::Mrpc(_) | DataSpec::Jsonl(_) => {
                return Err(DataError::Sort {
                    name: spec.name(),
                    found: "texts",
                    needed: "images",
                    choices: "cifar10[:DIR], cifar100[:DIR], folder:DIR or noise",
                });
            }
        }
        Ok(source)
    }

    fn fill_cifar(
        &mut self,
        layout: &'static cifar::Layout,
        folder: &Option<PathBuf>,
        cache: &Path,
    ) -> Result<(), DataError> {
        let cached = cache.join(layout.name);
        let (train, test) = layout.open(folder.as_deref().unwrap_or(&cached))?;
        self.own_side = Some(SIDE);
        self.name_classes(layout.classes.iter().map(|&name| name.into()).collect());
        self.content = Arc::new(Content::Files {
            train: Rows::Cifar(train),
            valid: None,
            test: Some(Rows::Cifar(test)),
        });
        Ok(())
    }

    fn name_classes(&mut self, names: Vec<String>) {
        self.classes = names.len();
        self.own_classes = Some(names.len());
        self.class_names = names;
    }

    /// The same images at another side, and noise of another number of classes.
    ///
    /// # Errors
    /// Where the side is not within [`SIDES`], or the set has a side or classes of its
    /// own, which are others.
    pub fn with(&self, side: usize, classes: usize) -> Result<Self, DataError> {
        let (low, high) = SIDES;
        if !(low..=high).contains(&side) {
            return Err(DataError::Side {
                found: side,
                low,
                high,
            });
        }
        for (what, own, found) in [
            ("side", self.own_side, side),
            ("classes", self.own_classes, classes),
        ] {
            if let Some(own) = own.filter(|&own| own != found) {
                return Err(DataError::Fixed {
                    name: self.name,
                    what,
                    own,
                    found,
                });
            }
        }
        Ok(Self {
            side,
            classes,
            ..self.clone()
        })
    }

    /// The side that all images have, where they are not resampled to any.
    #[must_use]
    pub fn own_side(&self) -> Option<usize> {
        self.own_side
    }

    /// The number of classes, where the images decide it.
    #[must_use]
    pub fn own_classes(&self) -> Option<usize> {
        self.own_classes
    }

    /// Height and width at which images are shown.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// `cifar10`, `cifar100`, `folder` or `noise`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Number of classes; labels are below it.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How its pixels are normalised.
    #[must_use]
    pub fn normalisation(&self) -> Normalisation {
        self.normalisation
    }

    /// Names of the classes, by label; empty for noise.
    #[must_use]
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// What lies in an image folder and is not read, where there is such.
    #[must_use]
    pub fn left_out(&self) -> Option<&LeftOut> {
        self.left_out
            .as_ref()
            .filter(|left_out| left_out.count() > 0)
    }

    /// Number of training images, before validation images are taken from them.
    #[must_use]
    pub fn train_len(&self) -> usize {
        match &*self.content {
            Content::Files { train, .. } => train.len(),
            Content::Noise => NOISE_LIMIT,
        }
    }

    /// `count` random training images without repetition. With `augment`, each
    /// is flipped and cropped at random. Everything is drawn from `seed`, and a
    /// smaller count gives the beginning of what a larger one gives. Reads
    /// nothing but these images.
    ///
    /// # Errors
    /// Where `count` is 0 or larger than the set, or an image cannot be read.
    pub fn sample(&self, count: usize, seed: u64, augment: bool) -> Result<Sample, DataError> {
        let have = self.train_len();
        if count == 0 || count > have {
            return Err(DataError::Count {
                name: self.name,
                wanted: count,
                have,
            });
        }
        let Content::Files { train, .. } = &*self.content else {
            return Ok(noise(count, seed, self.side, self.classes));
        };
        let indices = stream(seed, "sample", &[]).choose(have, count);
        let images = train.read(indices, self.side, self.normalisation)?;
        let batch = images.whole(|index| match augment {
            true => {
                let mut random = stream(seed, "sample-crop", &[(index as u64).into()]);
                Crop::draw(self.side, &mut random)
            }
            false => Crop::centre(self.side),
        });
        Ok(Sample {
            batch,
            hash: images.content_hash(),
            indices: images.indices().to_vec(),
        })
    }
}

/// `count` images of independent N(0, 1) values with uniform random labels.
fn noise(count: usize, seed: u64, side: usize, classes: usize) -> Sample {
    let mut hash = Sha256::new();
    hash.update(b"knas-noise-1");
    hash.update((count as u64).to_le_bytes());
    let mut input = vec![0.0; count * values(side)];
    for (index, image) in input.chunks_exact_mut(values(side)).enumerate() {
        stream(seed, "noise", &[(index as u64).into()]).fill_normal(image);
        image
            .iter()
            .for_each(|value| hash.update(value.to_le_bytes()));
    }
    let mut labels = stream(seed, "noise-labels", &[]);
    let target: Vec<i64> = (0..count)
        .map(|_| labels.below(classes as u64) as i64)
        .collect();
    target
        .iter()
        .for_each(|label| hash.update(label.to_le_bytes()));
    let batch = Batch {
        side,
        input,
        target,
    };
    Sample {
        batch,
        indices: (0..count).collect(),
        hash: hexadecimal(hash),
    }
}
