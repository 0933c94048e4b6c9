//! Images by themselves, without classes, as networks take them.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::augment::{Crop, Normalisation};
use crate::folder::{is_image_name, read_image, visible};
use crate::{DataError, PIXELS};

/// The images in a folder and below it, in the order of their names' bytes, folder
/// by folder: what a set of images would take, by the same names.
///
/// # Errors
/// Where a folder cannot be read.
pub fn find_images(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let (images, others) = visible(folder, |path| is_image_name(path) && path.is_file())?;
    let mut found = images;
    for other in others {
        // A link could lead back to where it stands.
        if other.is_dir() && !other.is_symlink() {
            found.extend(find_images(&other)?);
        }
    }
    Ok(found)
}

/// What a network is shown of each file: the pixels that it would be trained on,
/// cut and resampled alike, normalised and not augmented; or what is wrong with it.
#[must_use]
pub fn read_images(
    paths: &[PathBuf],
    normalisation: Normalisation,
) -> Vec<Result<Vec<f32>, DataError>> {
    let table = normalisation.table();
    let read = |path: &PathBuf| {
        let mut pixels = vec![0; PIXELS];
        read_image(path, &mut pixels).map_err(|reason| DataError::Image {
            path: path.clone(),
            reason,
        })?;
        let mut shown = vec![0.0; PIXELS];
        Crop::CENTRE.write(&pixels, &table, &mut shown);
        Ok(shown)
    };
    paths.par_iter().map(read).collect()
}
