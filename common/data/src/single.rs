//! Images by themselves, without classes, as networks take them.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::augment::{Crop, Normalisation};
use crate::folder::{is_image_name, read_image, visible};
use crate::{DataError, values};

/// The images in a folder and below it, in the order of their names' bytes, folder
/// by folder: what a set of images would take, by the same names. A folder that
/// cannot be read stands among them with the reason.
#[must_use]
pub fn find_images(folder: &Path) -> Vec<(PathBuf, Result<(), DataError>)> {
    let visible = visible(folder, |path| is_image_name(path) && path.is_file());
    let (images, others) = match visible {
        Ok(entries) => entries,
        Err(error) => return vec![(folder.to_owned(), Err(error))],
    };
    let mut found: Vec<_> = images.into_iter().map(|image| (image, Ok(()))).collect();
    for other in others {
        // A link could lead back to where it stands.
        if other.is_dir() && !other.is_symlink() {
            found.extend(find_images(&other));
        }
    }
    found
}

/// What a network is shown of each file: the pixels that it would be trained on,
/// cut and resampled to `side` × `side` alike, normalised and not augmented; or what is wrong with it.
#[must_use]
pub fn read_images(
    paths: &[PathBuf],
    side: usize,
    normalisation: Normalisation,
) -> Vec<Result<Vec<f32>, DataError>> {
    let table = normalisation.table();
    let read = |path: &PathBuf| {
        let mut pixels = vec![0; values(side)];
        read_image(path, side, &mut pixels).map_err(|reason| DataError::Image {
            path: path.clone(),
            reason,
        })?;
        let mut shown = vec![0.0; values(side)];
        Crop::centre(side).write(&pixels, &table, &mut shown);
        Ok(shown)
    };
    paths.par_iter().map(read).collect()
}
