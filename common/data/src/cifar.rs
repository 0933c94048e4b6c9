//! CIFAR-10 and CIFAR-100 in their official binary layout.
//!
//! A row is one label byte (CIFAR-10) or a coarse and a fine label byte
//! (CIFAR-100, of which the fine one counts), then 3,072 bytes: the red, green
//! and blue plane of a 32 × 32 image. Files may have any positive number of
//! rows, so that subsets of the official files can be used.
//! <https://www.cs.toronto.edu/~kriz/cifar.html>

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::{DataError, PIXELS};

/// Which of the two sets, and how its files are named.
pub(crate) struct Layout {
    pub name: &'static str,
    /// Names of the classes, by label.
    pub classes: &'static [&'static str],
    /// Whether `scripts/fetch-data.sh` fetches it.
    fetched: bool,
    /// Folder inside the official archive.
    archive: &'static str,
    /// Label bytes per row, the last of which is the class.
    labels: usize,
    train: &'static [&'static str],
    test: &'static str,
}

pub(crate) const CIFAR10: Layout = Layout {
    name: "cifar10",
    classes: &[
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ],
    fetched: true,
    archive: "cifar-10-batches-bin",
    labels: 1,
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: "test_batch.bin",
};

pub(crate) const CIFAR100: Layout = Layout {
    name: "cifar100",
    classes: &FINE,
    fetched: false,
    archive: "cifar-100-binary",
    labels: 2,
    train: &["train.bin"],
    test: "test.bin",
};

/// The names of CIFAR-100's classes, as its `fine_label_names.txt` has them.
#[rustfmt::skip]
const FINE: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle",
    "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle",
    "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch",
    "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest",
    "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower",
    "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
    "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear",
    "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit",
    "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower",
    "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor", "train",
    "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
];

impl Layout {
    fn row(&self) -> usize {
        self.labels + PIXELS
    }

    /// Finds and measures the training and test files in `folder`, or in the
    /// archive's folder inside it.
    pub fn open(&'static self, folder: &Path) -> Result<(CifarRows, CifarRows), DataError> {
        if !folder.is_dir() {
            return Err(DataError::MissingFolder {
                folder: folder.to_path_buf(),
                hint: self.hint(),
            });
        }
        let inner = folder.join(self.archive);
        let folder = if inner.is_dir() { &inner } else { folder };
        Ok((
            CifarRows::open(self, folder, self.train)?,
            CifarRows::open(self, folder, &[self.test])?,
        ))
    }

    fn hint(&self) -> String {
        let name = self.name;
        let files = format!("give --data {name}:DIR with the official binary files");
        match self.fetched {
            true => format!("run scripts/fetch-data.sh, or {files}"),
            false => format!("{files}, which https://www.cs.toronto.edu/~kriz/cifar.html has"),
        }
    }
}

/// The rows of one or several files, counted through.
#[derive(Debug)]
pub(crate) struct CifarRows {
    layout: &'static Layout,
    /// Every file, and the number of rows in it.
    files: Vec<(PathBuf, usize)>,
}

impl std::fmt::Debug for Layout {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name)
    }
}

impl CifarRows {
    fn open(layout: &'static Layout, folder: &Path, names: &[&str]) -> Result<Self, DataError> {
        let measure = |name: &&str| {
            let path = folder.join(name);
            let size = match path.metadata() {
                Ok(metadata) if metadata.is_file() => metadata.len(),
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(DataError::read(&path)(error));
                }
                _ => {
                    return Err(DataError::MissingFile {
                        path,
                        hint: layout.hint(),
                    });
                }
            };
            let row = layout.row();
            if size == 0 || size % row as u64 != 0 {
                return Err(DataError::BatchSize {
                    path,
                    name: layout.name,
                    size,
                    row,
                });
            }
            Ok((path, (size / row as u64) as usize))
        };
        Ok(Self {
            layout,
            files: names.iter().map(measure).collect::<Result<_, _>>()?,
        })
    }

    pub fn len(&self) -> usize {
        self.files.iter().map(|(_, rows)| rows).sum()
    }

    /// The class of every row, which means reading all files.
    pub fn labels(&self) -> Result<Vec<u32>, DataError> {
        let mut labels = Vec::with_capacity(self.len());
        let mut row = vec![0; self.layout.row()];
        for (path, rows) in &self.files {
            let file = File::open(path).map_err(DataError::read(path))?;
            let mut file = BufReader::with_capacity(1 << 20, file);
            for number in 0..*rows {
                file.read_exact(&mut row).map_err(DataError::read(path))?;
                labels.push(self.label(path, number, &row)?);
            }
        }
        Ok(labels)
    }

    /// Pixels and classes of the rows at `indices`, in that order; reads
    /// nothing but these rows, from the first to the last.
    ///
    /// Panics where an index is not below [`CifarRows::len`].
    pub fn read(&self, indices: &[usize]) -> Result<(Vec<u8>, Vec<u32>), DataError> {
        let mut pixels = vec![0; indices.len() * PIXELS];
        let mut labels = vec![0; indices.len()];
        let mut places: Vec<usize> = (0..indices.len()).collect();
        places.sort_unstable_by_key(|&place| indices[place]);
        let mut places = places.into_iter().peekable();

        let mut row = vec![0; self.layout.row()];
        let mut first = 0;
        for (path, rows) in &self.files {
            let mut open = None;
            while let Some(place) = places.next_if(|&place| indices[place] < first + rows) {
                let file = match &mut open {
                    Some(file) => file,
                    None => open.insert(File::open(path).map_err(DataError::read(path))?),
                };
                let number = indices[place] - first;
                let start = SeekFrom::Start(number as u64 * row.len() as u64);
                file.seek(start).map_err(DataError::read(path))?;
                file.read_exact(&mut row).map_err(DataError::read(path))?;
                labels[place] = self.label(path, number, &row)?;
                pixels[place * PIXELS..][..PIXELS].copy_from_slice(&row[self.layout.labels..]);
            }
            first += rows;
        }
        assert!(places.next().is_none(), "an index is beyond the last row");
        Ok((pixels, labels))
    }

    fn label(&self, path: &Path, number: usize, row: &[u8]) -> Result<u32, DataError> {
        let label = row[self.layout.labels - 1];
        let (name, classes) = (self.layout.name, self.layout.classes.len());
        if usize::from(label) < classes {
            return Ok(u32::from(label));
        }
        let (path, label) = (path.to_path_buf(), usize::from(label));
        Err(DataError::Label {
            path,
            name,
            row: number,
            label,
            classes,
        })
    }
}
