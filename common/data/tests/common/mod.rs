//! Data sets made on the spot.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

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
