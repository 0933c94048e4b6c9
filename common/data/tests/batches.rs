//! Batches: noise, epochs and what they depend on.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use knas_data::{
    Augmentation, Batch, DataError, DataSpec, ImageSource, Images, Limits, NOISE_LIMIT, PIXELS,
};
use tch::{Device, Kind};

const FLIP_CROP: Augmentation = Augmentation {
    flip_crop: true,
    erasing: 0.0,
    cutout: 0,
};

fn noise() -> ImageSource {
    ImageSource::open(&DataSpec::Noise, Path::new("/nonexistent")).unwrap()
}

/// The training half of a made CIFAR-10 of 100 images.
fn images(limit: Option<usize>) -> Images {
    let folder = tempfile::tempdir().unwrap();
    common::write_cifar10(folder.path(), 20);
    let spec = DataSpec::Cifar10(Some(folder.path().to_path_buf()));
    let source = ImageSource::open(&spec, Path::new("/nonexistent")).unwrap();
    source
        .training(Limits {
            train: limit,
            ..Limits::default()
        })
        .unwrap()
        .train
}

#[test]
fn noise_has_its_fixed_values() {
    // With `words`, `below` and `normal` as above the tests of knas_stats::random:
    // x, y = [], []
    // for k in range(4):
    //     w, v = words(0, 'noise', k), []
    //     while len(v) < 3072: v += normal(w)
    //     x.append(v)
    // w = words(0, 'noise-labels'); y = [below(w, 10) for _ in range(4)]
    // print(x[3][:3], y, hashlib.sha256(b'knas-noise-1' + struct.pack('<Q', 4)
    //     + b''.join(struct.pack('<3072f', *v) for v in x) + struct.pack('<4q', *y)).hexdigest())
    let sample = noise().sample(4, 0, true).unwrap();
    let expected = [
        -0.3949020866022434,
        -0.20011519480498208,
        -1.5845279987895216,
    ];
    assert_eq!(
        sample.batch.input[3 * PIXELS..][..3],
        expected.map(|value: f64| value as f32)
    );
    assert_eq!(sample.batch.target, [5, 2, 6, 0]);
    assert_eq!(
        sample.hash,
        "bba098459dbbcfbbc83919458717607c7b9f5ea539c57c95373afc6e9d2351b8"
    );
    assert_eq!(sample.indices, [0, 1, 2, 3]);
}

#[test]
fn noise_is_nested_and_cannot_be_trained_on() {
    let few = noise().sample(3, 9, true).unwrap();
    let more = noise().sample(5, 9, false).unwrap();
    assert_eq!(few.batch.input, more.batch.input[..3 * PIXELS]);
    assert_eq!(few.batch.target, more.batch.target[..3]);
    assert_ne!(few.batch, noise().sample(3, 10, true).unwrap().batch);
    assert!(matches!(
        noise().training(Limits::default()),
        Err(DataError::NoTraining)
    ));
    assert!(noise().sample(NOISE_LIMIT + 1, 0, true).is_err());
}

#[test]
fn tensors_have_the_shape_and_order_of_the_batch() {
    let batch = noise().sample(2, 1, true).unwrap().batch;
    let (input, target) = batch.tensors(Device::Cpu);
    assert_eq!(
        (input.size(), input.kind()),
        (vec![2, 3, 32, 32], Kind::Float)
    );
    assert_eq!((target.size(), target.kind()), (vec![2], Kind::Int64));
    let place = ((3 + 2) * 32 + 5) * 32 + 7;
    assert_eq!(
        input.double_value(&[1, 2, 5, 7]),
        f64::from(batch.input[place])
    );
}

/// Which images of `images` the batches hold, by their labels and pixels
/// without augmentation, in order.
fn labels(batches: &[Batch]) -> Vec<i64> {
    batches
        .iter()
        .flat_map(|batch| batch.target.clone())
        .collect()
}

#[test]
fn plain_batches_are_all_images_in_order() {
    let images = images(None);
    let batches: Vec<Batch> = images.batches(16).collect();
    assert_eq!(
        batches.iter().map(Batch::len).collect::<Vec<_>>(),
        [16, 16, 16, 2]
    );
    assert_eq!(
        labels(&batches),
        images
            .labels()
            .iter()
            .map(|&l| i64::from(l))
            .collect::<Vec<_>>()
    );
    let values: Vec<f32> = batches.into_iter().flat_map(|batch| batch.input).collect();
    let (mean, std) = ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]);
    for (place, image) in values.chunks_exact(PIXELS).enumerate() {
        for (at, &value) in image.iter().enumerate() {
            let byte = f32::from(images.pixels(place)[at]);
            assert_eq!(value, (byte / 255.0 - mean[at / 1024]) / std[at / 1024]);
        }
    }
    assert_eq!(
        images
            .batches(usize::MAX)
            .map(|batch| batch.len())
            .collect::<Vec<_>>(),
        [50]
    );
}

#[test]
fn an_epoch_has_every_image_once_in_an_order_of_its_own() {
    let images = images(None);
    let epoch = |size, seed, epoch| {
        images
            .epoch(size, seed, epoch, FLIP_CROP)
            .collect::<Vec<_>>()
    };
    let first = epoch(16, 0, 0);
    assert_eq!(first, epoch(16, 0, 0));
    for other in [epoch(16, 0, 1), epoch(16, 1, 0)] {
        assert_ne!(labels(&first), labels(&other));
        let sorted = |batches: &[Batch]| {
            let mut labels = labels(batches);
            labels.sort_unstable();
            labels
        };
        assert_eq!(sorted(&first), sorted(&other));
    }
    // The size of a batch changes nothing but where the batches are cut.
    let whole = epoch(50, 0, 0);
    let values: Vec<f32> = first.into_iter().flat_map(|batch| batch.input).collect();
    assert_eq!(values, whole[0].input);
}

#[test]
fn an_image_is_augmented_alike_whatever_else_is_trained_on() {
    let (all, few) = (images(None), images(Some(7)));
    assert_eq!(few.indices(), &all.indices()[..7]);
    assert_eq!(few.labels(), &[0, 1, 2, 3, 4, 5, 6]);
    let all = all.epoch(50, 3, 2, FLIP_CROP).next().unwrap();
    let few = few.epoch(50, 3, 2, FLIP_CROP).next().unwrap();
    let found = |image: &[f32]| all.input.chunks_exact(PIXELS).any(|other| other == image);
    assert!(few.input.chunks_exact(PIXELS).all(found));
}

#[test]
fn augmentation_differs_between_epochs() {
    let images = images(Some(1));
    let epochs: Vec<Batch> = (0..20)
        .map(|epoch| images.epoch(1, 0, epoch, FLIP_CROP).next().unwrap())
        .collect();
    let distinct = epochs
        .iter()
        .enumerate()
        .filter(|(at, batch)| !epochs[..*at].contains(batch));
    // 20 draws from 162 crops: 18.9 distinct ones are expected.
    assert!(distinct.count() > 14);
}

#[test]
fn images_as_they_are_come_in_the_order_of_the_epoch() {
    let images = images(None);
    let as_is: Vec<Batch> = images.epoch(16, 5, 3, Augmentation::default()).collect();
    let augmented: Vec<Batch> = images.epoch(16, 5, 3, FLIP_CROP).collect();
    assert_eq!(labels(&as_is), labels(&augmented));
    let plain = images.batches(50).next().unwrap();
    let found = |image: &[f32]| plain.input.chunks_exact(PIXELS).any(|other| other == image);
    let values: Vec<f32> = as_is.into_iter().flat_map(|batch| batch.input).collect();
    assert!(values.chunks_exact(PIXELS).all(found));
    assert_eq!(values.len(), plain.input.len());
}

#[test]
fn what_is_blanked_is_all_that_changes() {
    let images = images(None);
    let epoch = |augmentation| images.epoch(50, 5, 3, augmentation).next().unwrap().input;
    for base in [FLIP_CROP, Augmentation::default()] {
        let plain = epoch(base);
        let both = |erasing, cutout| Augmentation {
            erasing,
            cutout,
            ..base
        };
        let [erased, cut] = [both(0.5, 0), both(0.0, 10)].map(epoch);
        let parts = plain.chunks_exact(PIXELS).zip(erased.chunks_exact(PIXELS));
        let changed = parts.filter(|(plain, erased)| plain != erased).count();
        assert!((10..40).contains(&changed), "{changed} of 50 are erased");
        for (place, (&found, &before)) in cut.iter().zip(&plain).enumerate() {
            assert!(found == before || found == 0.0, "{place}: {found} {before}");
        }
        let blank = |image: &[f32]| image.iter().filter(|&&value| value == 0.0).count();
        let blanks: Vec<usize> = cut.chunks_exact(PIXELS).map(blank).collect();
        // Five pixels at least and ten at most are in the image, in both directions.
        assert!(blanks.iter().all(|n| (75..=300).contains(n)), "{blanks:?}");
        // Both together blank what each does alone.
        for ((both, erased), cut) in epoch(both(0.5, 10)).iter().zip(erased).zip(cut) {
            assert_eq!(*both, if cut == 0.0 { cut } else { erased });
        }
    }
}

#[test]
fn joined_images_are_all_of_both() {
    let folder = tempfile::tempdir().unwrap();
    common::write_cifar10(folder.path(), 20);
    let spec = DataSpec::Cifar10(Some(folder.path().to_path_buf()));
    let source = ImageSource::open(&spec, Path::new("/nonexistent")).unwrap();
    let data = source.training(Limits::default()).unwrap();
    let joined = data.joined().unwrap();
    let parts = [&data.train, &data.valid];
    let labels: Vec<u32> = parts
        .iter()
        .flat_map(|part| part.labels().to_vec())
        .collect();
    assert_eq!(joined.labels(), labels);
    assert_eq!(joined.indices(), (0..100).collect::<Vec<_>>());
    let pixels = |images: &Images| -> Vec<u8> {
        let places = 0..images.len();
        places
            .flat_map(|place| images.pixels(place).to_vec())
            .collect()
    };
    assert_eq!(pixels(&joined), parts.map(pixels).concat());
}
