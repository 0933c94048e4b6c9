//! Data sets made on the spot, and the places of real ones.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use knas_data::PIXELS;

/// The byte at `place` of image `index`: different for every image, so that a
/// row read from the wrong place is noticed.
pub fn byte(index: usize, place: usize) -> u8 {
    (index.wrapping_mul(31) ^ place.wrapping_mul(7) ^ (place >> 5)) as u8
}

/// The rows of images `first..first + count`, each after its label bytes.
pub fn rows(first: usize, count: usize, label: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let row = |index| {
        let pixels = (0..PIXELS).map(move |place| byte(index, place));
        label(index).into_iter().chain(pixels).collect::<Vec<u8>>()
    };
    (first..first + count).flat_map(row).collect()
}

/// A CIFAR-10 folder of five batches of `count` images and as many for testing;
/// the label of an image is its index modulo 10.
pub fn write_cifar10(folder: &Path, count: usize) {
    let label = |index: usize| vec![(index % 10) as u8];
    for batch in 0..5 {
        let bytes = rows(batch * count, count, label);
        fs::write(folder.join(format!("data_batch_{}.bin", batch + 1)), bytes).unwrap();
    }
    fs::write(folder.join("test_batch.bin"), rows(5 * count, count, label)).unwrap();
}

/// The real CIFAR-10, where it has been fetched.
pub fn real_cifar10() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("knas/cifar10")).filter(|folder| folder.is_dir())
}

/// What lies under `shared/data` beside the repository, where it is there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("KNAS_SHARED").map_or_else(beside, PathBuf::from);
    Some(shared.join("data").join(path)).filter(|path| path.exists())
}
