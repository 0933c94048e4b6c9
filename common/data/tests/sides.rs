//! Images at other sides than CIFAR's.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use knas_data::{DataSpec, ImageSource, Limits, NOISE_CLASSES, SIDE, values};
use tch::Device;

fn open(spec: &DataSpec) -> ImageSource {
    ImageSource::open(spec, Path::new("/nonexistent")).unwrap()
}

fn picture(number: u32) -> RgbImage {
    RgbImage::from_fn(50, 36, |x, y| {
        Rgb([x * 5 + number, y * 7, x + y * number].map(|value| value as u8))
    })
}

/// Two classes of four pictures.
fn pictures(folder: &Path) -> DataSpec {
    for class in 0..2 {
        let place = folder.join(format!("{class}"));
        fs::create_dir(&place).unwrap();
        for number in 0..4 {
            let path = place.join(format!("{number}.png"));
            picture(class * 4 + number).save(path).unwrap();
        }
    }
    DataSpec::Folder(folder.to_owned())
}

/// The middle square, resampled and normalised value by value.
#[test]
fn pictures_have_the_side_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let source = open(&pictures(folder.path()));
    assert_eq!((source.side(), source.own_side()), (SIDE, None));
    assert_eq!(source.own_classes(), Some(2));
    for side in [8, 32, 36, 61] {
        let at = source.with(side, 2).unwrap();
        let sample = at.sample(8, 3, false).unwrap();
        let shape = at.sample(8, 3, true).unwrap().batch.tensors(Device::Cpu).0;
        assert_eq!(shape.size(), [8, 3, side as i64, side as i64]);
        let normalisation = at.normalisation();
        for (place, index) in sample.indices.iter().enumerate() {
            let square = imageops::crop_imm(&picture(*index as u32), 7, 0, 36, 36).to_image();
            let pixels = match side {
                36 => square,
                _ => imageops::resize(&square, side as u32, side as u32, FilterType::Triangle),
            };
            let found = &sample.batch.input[place * values(side)..][..values(side)];
            for (x, y, pixel) in pixels.enumerate_pixels() {
                for channel in 0..3 {
                    let at = (channel * side + y as usize) * side + x as usize;
                    let value = f32::from(pixel.0[channel]) / 255.0;
                    let (mean, std) = (normalisation.mean, normalisation.std);
                    assert_eq!(found[at], (value - mean[channel]) / std[channel]);
                }
            }
        }
        let training = at.training(Limits::default()).unwrap();
        assert_eq!((training.train.side(), training.valid.len()), (side, 4));
        assert_eq!(at.counts(Limits::default()).unwrap(), (4, 4, None));
    }
    // The side changes which images are drawn as little as what their hash is of.
    let [small, large] = [8, 61].map(|side| source.with(side, 2).unwrap().sample(4, 3, true));
    let (small, large) = (small.unwrap(), large.unwrap());
    assert_eq!(small.indices, large.indices);
    assert_ne!(small.hash, large.hash);
}

#[test]
fn noise_has_any_side_and_any_classes() {
    let noise = open(&DataSpec::Noise);
    assert_eq!((noise.own_side(), noise.own_classes()), (None, None));
    let usual = noise.with(SIDE, NOISE_CLASSES).unwrap().sample(3, 1, true);
    assert_eq!(usual.unwrap(), noise.sample(3, 1, true).unwrap());
    let sample = noise.with(64, 3).unwrap().sample(50, 1, true).unwrap();
    assert_eq!(sample.batch.input.len(), 50 * values(64));
    let mut labels = sample.batch.target;
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels, [0, 1, 2]);
}

#[test]
fn what_a_set_has_cannot_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    common::write_cifar10(folder.path(), 4);
    let cifar = open(&DataSpec::Cifar10(Some(folder.path().to_owned())));
    assert_eq!(
        (cifar.own_side(), cifar.own_classes()),
        (Some(32), Some(10))
    );
    assert!(cifar.with(32, 10).is_ok());
    for (side, classes, said) in [
        (64, 10, "cifar10 has side 32, not 64"),
        (32, 3, "cifar10 has classes 10, not 3"),
        (7, 10, "a side of 7 pixels is not between 8 and 512"),
        (513, 10, "not between 8 and 512"),
    ] {
        let error = cifar.with(side, classes).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
