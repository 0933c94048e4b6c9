//! Folders of images: one sub-folder per class.
//!
//! `DIR/CLASS/IMAGE`; or `DIR/train/CLASS/IMAGE` with the same below `val` or `valid`,
//! `test`, or both, where these are the only sub-folders of DIR. Classes are
//! numbered in the order of their names' bytes, and so are images within a
//! class. Files count whose names end in .png, .jpg or .jpeg in any case; symbolic
//! links are followed. Everything else is left out, counted and named; only names
//! that begin with a dot are passed over without a word.
//!
//! An image that does not have the side asked for is cut to its largest centred
//! square and resampled by the triangle filter, widened when it shrinks (what PIL calls
//! BILINEAR). Transparency is ignored, grey is spread over three channels, 16
//! bits become 8, and an orientation in the metadata is not applied.

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageReader, Limits};
use knas_files::Capped;
use rayon::prelude::*;

use crate::jpeg;
use crate::left_out::LeftOut;
use crate::{CHANNELS, DataError, reserved, values};

/// Largest file, side and decoded size that is still taken for an image.
const MAX_FILE: u64 = 64 << 20;
const MAX_SIDE: u32 = 32_768;
const MAX_DECODED: u64 = 256 << 20;

/// Images of one split with their classes, found but not read.
#[derive(Debug)]
pub(crate) struct FolderRows {
    files: Vec<(PathBuf, u32)>,
}

/// What a folder holds.
#[derive(Debug)]
pub(crate) struct Folder {
    pub class_names: Vec<String>,
    pub train: FolderRows,
    pub valid: Option<FolderRows>,
    pub test: Option<FolderRows>,
    pub left_out: LeftOut,
}

impl Folder {
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        if !folder.is_dir() {
            let hint = "folder:DIR needs a folder with one sub-folder of images per class".into();
            return Err(DataError::MissingFolder {
                folder: folder.to_path_buf(),
                hint,
            });
        }
        let mut left_out = LeftOut::new(folder);
        let folders = sub_folders(folder, &mut left_out)?;
        let Some(splits) = Splits::among(&folders)? else {
            let train = FolderRows::open(folder, &folders, &folders, &mut left_out)?;
            return Ok(Self {
                class_names: names(&folders),
                train,
                valid: None,
                test: None,
                left_out,
            });
        };
        let classes = sub_folders(splits.train, &mut left_out)?;
        let mut rows = |part: &Path| {
            let folders = sub_folders(part, &mut left_out)?;
            FolderRows::open(part, &folders, &classes, &mut left_out)
        };
        let train = rows(splits.train)?;
        let valid = splits.valid.map(&mut rows).transpose()?;
        let test = splits.test.map(&mut rows).transpose()?;
        Ok(Self {
            class_names: names(&classes),
            train,
            valid,
            test,
            left_out,
        })
    }
}

/// The folders of the parts of a set that has been divided.
struct Splits<'f> {
    train: &'f Path,
    valid: Option<&'f Path>,
    test: Option<&'f Path>,
}

impl<'f> Splits<'f> {
    /// The sub-folders of a set, where they are its parts and not its classes: they
    /// have the names of parts, `train` is one of several, and all hold folders.
    fn among(folders: &'f [PathBuf]) -> Result<Option<Self>, DataError> {
        let called = |name: &str| folders.iter().find(|folder| folder.ends_with(name));
        let named = |names: &[&str]| names.iter().find_map(|name| called(name));
        let (train, test) = (called("train"), called("test"));
        let valid = named(&["val", "valid"]);
        let parts = [train, valid, test].into_iter().flatten().count();
        let Some(train) = train.filter(|_| parts > 1 && parts == folders.len()) else {
            return Ok(None);
        };
        for folder in folders {
            if visible(folder, Path::is_dir)?.0.is_empty() {
                return Ok(None);
            }
        }
        Ok(Some(Self {
            train,
            valid: valid.map(PathBuf::as_path),
            test: test.map(PathBuf::as_path),
        }))
    }
}

impl FolderRows {
    /// Lists the images in `folders`, each of which has the name of a class.
    fn open(
        parent: &Path,
        folders: &[PathBuf],
        classes: &[PathBuf],
        left_out: &mut LeftOut,
    ) -> Result<Self, DataError> {
        if classes.len() < 2 {
            return Err(DataError::Classes {
                folder: parent.to_path_buf(),
                found: classes.len(),
            });
        }
        let mut files = Vec::new();
        for folder in folders {
            let class = classes
                .iter()
                .position(|class| class.file_name() == folder.file_name());
            let Some(class) = class else {
                return Err(DataError::StrayClass {
                    folder: folder.clone(),
                });
            };
            let is_image = |path: &Path| is_image_name(path) && path.is_file();
            let (images, others) = visible(folder, is_image)?;
            others.into_iter().for_each(|path| left_out.add(path));
            if images.is_empty() {
                return Err(DataError::EmptyClass {
                    folder: folder.clone(),
                });
            }
            files.extend(images.into_iter().map(|path| (path, class as u32)));
        }
        Ok(Self { files })
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub fn labels(&self) -> Vec<u32> {
        self.files.iter().map(|&(_, class)| class).collect()
    }

    /// Pixels and classes of the images at `indices`, in that order, each of
    /// `side` × `side`. Decodes in parallel; of several bad images the first in order is reported.
    ///
    /// Panics where an index is not below [`FolderRows::len`].
    pub fn read(&self, indices: &[usize], side: usize) -> Result<(Vec<u8>, Vec<u32>), DataError> {
        let mut pixels = reserved(indices.len(), side)?;
        let outcomes: Vec<Result<(), DataError>> = pixels
            .par_chunks_exact_mut(values(side))
            .zip(indices)
            .map(|(out, &index)| {
                let path = &self.files[index].0;
                read_image(path, side, out).map_err(|reason| DataError::Image {
                    path: path.clone(),
                    reason,
                })
            })
            .collect();
        outcomes.into_iter().collect::<Result<(), _>>()?;
        Ok((
            pixels,
            indices.iter().map(|&index| self.files[index].1).collect(),
        ))
    }
}

/// Entries of `folder` that are not hidden, by name: those that `keep` accepts, and
/// the others.
pub(crate) fn visible(
    folder: &Path,
    keep: impl Fn(&Path) -> bool,
) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DataError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(DataError::read(folder))? {
        let entry = entry.map_err(DataError::read(folder))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths.into_iter().partition(|path| keep(path)))
}

fn sub_folders(folder: &Path, left_out: &mut LeftOut) -> Result<Vec<PathBuf>, DataError> {
    let (folders, others) = visible(folder, Path::is_dir)?;
    others.into_iter().for_each(|path| left_out.add(path));
    Ok(folders)
}

fn names(folders: &[PathBuf]) -> Vec<String> {
    let name = |path: &PathBuf| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    folders.iter().map(name).collect()
}

pub(crate) fn is_image_name(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["png", "jpg", "jpeg"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

/// Decodes a file to 3 × side × side bytes, or says what is wrong with it.
pub(crate) fn read_image(path: &Path, side: usize, out: &mut [u8]) -> Result<(), String> {
    let mut bytes = Vec::new();
    let mut file = Capped::open_regular(path, MAX_FILE).map_err(|error| error.to_string())?;
    let read = file.read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    to_planes(decode(&bytes)?, side, out);
    Ok(())
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED);
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|error| error.to_string())?;
    match reader.format() {
        Some(image::ImageFormat::Jpeg) if !jpeg::is_whole(bytes) => {
            return Err("the file is truncated".into());
        }
        Some(image::ImageFormat::Png | image::ImageFormat::Jpeg) => {}
        _ => return Err("it begins like neither".into()),
    }
    reader.limits(limits);
    reader.decode().map_err(|error| error.to_string())
}

/// The centred square at `side` × `side`, channel by channel.
fn to_planes(image: DynamicImage, side: usize, out: &mut [u8]) {
    let (width, height) = (image.width(), image.height());
    let square = width.min(height);
    let image = image.crop_imm((width - square) / 2, (height - square) / 2, square, square);
    let mut image = image.into_rgb8();
    if square as usize != side {
        image = imageops::resize(&image, side as u32, side as u32, FilterType::Triangle);
    }
    for (place, pixel) in image.pixels().enumerate() {
        for channel in 0..CHANNELS {
            out[channel * side * side + place] = pixel.0[channel];
        }
    }
}
