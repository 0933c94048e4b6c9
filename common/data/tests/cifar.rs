//! CIFAR files: what is read from them, and what is refused.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use knas_data::{DataError, DataSpec, ImageSource, Limits, PIXELS};

fn open(spec: &str) -> Result<ImageSource, DataError> {
    ImageSource::open(&spec.parse()?, Path::new("/nonexistent"))
}

fn cifar10(folder: &Path) -> Result<ImageSource, DataError> {
    open(&format!("cifar10:{}", folder.display()))
}

#[test]
fn every_image_is_read_with_its_own_pixels_and_label() {
    let folder = tempfile::tempdir().unwrap();
    common::write_cifar10(folder.path(), 8);
    let source = cifar10(folder.path()).unwrap();
    assert_eq!(
        (source.name(), source.classes(), source.train_len()),
        ("cifar10", 10, 40)
    );
    let data = source.training(Limits::default()).unwrap();
    assert_eq!((data.train.len(), data.valid.len()), (20, 20));
    let test = data.test.unwrap();
    assert_eq!(test.len(), 8);
    let mut seen = Vec::new();
    for (images, first) in [(&data.train, 0), (&data.valid, 0), (&test, 40)] {
        for (place, index) in images
            .indices()
            .iter()
            .map(|index| index + first)
            .enumerate()
        {
            let expected: Vec<u8> = (0..PIXELS).map(|p| common::byte(index, p)).collect();
            assert_eq!(images.pixels(place), expected, "image {index}");
            assert_eq!(images.labels()[place] as usize, index % 10);
            seen.push(index);
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..48).collect::<Vec<_>>());
}

#[test]
fn cifar100_takes_the_fine_label() {
    let folder = tempfile::tempdir().unwrap();
    let label = |index: usize| vec![19, (index * 11 % 100) as u8];
    fs::write(folder.path().join("train.bin"), common::rows(0, 30, label)).unwrap();
    fs::write(folder.path().join("test.bin"), common::rows(30, 5, label)).unwrap();
    let source = open(&format!("cifar100:{}", folder.path().display())).unwrap();
    let sample = source.sample(30, 3, false).unwrap();
    let expected: Vec<i64> = sample
        .indices
        .iter()
        .map(|&index| index as i64 * 11 % 100)
        .collect();
    assert_eq!(sample.batch.target, expected);
    // CIFAR-100's own normalisation.
    let red = f32::from(common::byte(sample.indices[0], 0));
    assert_eq!(sample.batch.input[0], (red / 255.0 - 0.5071) / 0.2675);
}

#[test]
fn a_sample_reads_nothing_but_its_own_rows() {
    let folder = tempfile::tempdir().unwrap();
    common::write_cifar10(folder.path(), 20);
    let before = cifar10(folder.path()).unwrap().sample(7, 5, true).unwrap();
    for index in (0..100).filter(|index| !before.indices.contains(index)) {
        let path = folder
            .path()
            .join(format!("data_batch_{}.bin", index / 20 + 1));
        let mut bytes = fs::read(&path).unwrap();
        bytes[index % 20 * (1 + PIXELS)] = 255;
        fs::write(&path, bytes).unwrap();
    }
    let source = cifar10(folder.path()).unwrap();
    assert_eq!(source.sample(7, 5, true).unwrap(), before);
    assert!(matches!(
        source.training(Limits::default()),
        Err(DataError::Label { .. })
    ));
}

#[test]
fn samples_are_distinct_nested_and_their_augmentation_is_their_own() {
    let folder = tempfile::tempdir().unwrap();
    common::write_cifar10(folder.path(), 20);
    let source = cifar10(folder.path()).unwrap();
    let all = source.sample(100, 1, true).unwrap();
    let few = source.sample(10, 1, true).unwrap();
    assert_eq!(few.indices, all.indices[..10]);
    assert_eq!(few.batch.input, all.batch.input[..10 * PIXELS]);
    assert_ne!(few.hash, all.hash);
    let other = source.sample(10, 2, true).unwrap();
    assert_ne!(other.indices, few.indices);
    // The hash is of the images before augmentation.
    let plain = source.sample(10, 1, false).unwrap();
    assert_eq!(plain.hash, few.hash);
    assert_ne!(plain.batch.input, few.batch.input);
    let mut indices = all.indices;
    indices.sort_unstable();
    assert_eq!(indices, (0..100).collect::<Vec<_>>());
}

#[test]
fn too_many_or_no_samples_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    common::write_cifar10(folder.path(), 2);
    let source = cifar10(folder.path()).unwrap();
    for wanted in [0, 11, usize::MAX] {
        let message = source.sample(wanted, 0, true).unwrap_err().to_string();
        assert!(
            message.ends_with("from cifar10: ask for 1 to 10"),
            "{message}"
        );
    }
}

#[test]
fn folders_are_found_in_the_cache_and_inside_the_archive() {
    let cache = tempfile::tempdir().unwrap();
    let inner = cache.path().join("cifar10/cifar-10-batches-bin");
    fs::create_dir_all(&inner).unwrap();
    common::write_cifar10(&inner, 1);
    let source = ImageSource::open(&DataSpec::Cifar10(None), cache.path()).unwrap();
    assert_eq!(source.train_len(), 5);
    let missing = ImageSource::open(&DataSpec::Cifar100(None), cache.path()).unwrap_err();
    let message = missing.to_string();
    assert!(
        message.contains("cifar100: give --data cifar100:DIR"),
        "{message}"
    );
    let none = tempfile::tempdir().unwrap();
    let missing = ImageSource::open(&DataSpec::Cifar10(None), none.path()).unwrap_err();
    let message = missing.to_string();
    assert!(
        message.contains("cifar10: run scripts/fetch-data.sh"),
        "{message}"
    );
}

#[test]
fn damaged_files_are_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let message = || {
        let source = cifar10(folder.path());
        source
            .and_then(|source| source.training(Limits::default()))
            .unwrap_err()
            .to_string()
    };
    common::write_cifar10(folder.path(), 2);
    let path = folder.path().join("data_batch_3.bin");

    fs::write(&path, vec![0; 2 * 3073 - 1]).unwrap();
    assert!(
        message().contains("data_batch_3.bin is truncated"),
        "{}",
        message()
    );
    assert!(message().contains("6145 bytes are not a whole number of rows of 3073 bytes"));
    fs::write(&path, []).unwrap();
    assert!(
        message().contains("data_batch_3.bin is truncated"),
        "{}",
        message()
    );

    let label = |index: usize| vec![if index == 3 { 10 } else { 0 }];
    fs::write(&path, common::rows(0, 5, label)).unwrap();
    assert!(
        message().contains("data_batch_3.bin, row 3 (the first is 0): label 10 is not below 10")
    );

    fs::remove_file(&path).unwrap();
    assert!(message().starts_with("no file "), "{}", message());
    assert!(
        message().contains("data_batch_3.bin: run scripts/fetch-data.sh"),
        "{}",
        message()
    );
    fs::create_dir(&path).unwrap();
    assert!(message().starts_with("no file "), "{}", message());
}

#[test]
fn a_file_that_shrinks_after_it_was_measured_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    common::write_cifar10(folder.path(), 4);
    let source = cifar10(folder.path()).unwrap();
    fs::write(
        folder.path().join("data_batch_2.bin"),
        common::rows(0, 1, |_| vec![0]),
    )
    .unwrap();
    let message = source.sample(20, 0, false).unwrap_err().to_string();
    assert!(message.contains("data_batch_2.bin"), "{message}");
}

// Expected indices and hashes come from these lines of Python, with `words` and
// `choose` as above the tests of knas_stats::random:
//
// def content(files, row, indices):
//     h = hashlib.sha256(b'knas-images-1' + struct.pack('<Q', len(indices)))
//     data = b''.join(open(p, 'rb').read() for p in files)
//     for k in indices:
//         r = data[k * row:(k + 1) * row]
//         h.update(struct.pack('<QI', k, r[row - 3073]) + r[row - 3072:])
//     return h.hexdigest()
// def halves(labels):
//     classes = [[i for i, l in enumerate(labels) if l == c] for c in range(max(labels) + 1)]
//     classes = [[m[p] for p in choose(words(0, 'split', c), len(m), len(m))]
//                for c, m in enumerate(classes)]
//     cut = lambda m: (len(m) + 1) // 2
//     turns = lambda cs: [c[r] for r in range(max(map(len, cs))) for c in cs if r < len(c)]
//     return turns([m[:cut(m)] for m in classes]), turns([m[cut(m):] for m in classes])

#[test]
fn real_cifar10_has_the_known_sample_and_split() {
    let Some(folder) = knas_tests::cifar10() else {
        return;
    };
    let source = cifar10(&folder).unwrap();
    // i = choose(words(0, 'sample'), 50000, 50); print(i[:4], content(batches, 3073, i))
    let sample = source.sample(50, 0, true).unwrap();
    assert_eq!(sample.indices[..4], [45138, 28018, 42457, 15481]);
    assert_eq!(
        sample.hash,
        "6eedce25b3b6f0cc0dbea33801e7558b7769aeb369a864b5c0cca0f8e0d78141"
    );
    // t, v = halves(labels); print(len(t), len(v), t[:4], v[:4], content(batches, 3073, v))
    let data = source
        .training(Limits {
            train: Some(5_000),
            ..Limits::default()
        })
        .unwrap();
    assert_eq!((data.train.len(), data.valid.len()), (5_000, 25_000));
    assert_eq!(data.train.indices()[..4], [18386, 47568, 23315, 10414]);
    assert_eq!(data.valid.indices()[..4], [45904, 19363, 25064, 333]);
    assert_eq!(
        data.valid.content_hash(),
        "3df4754e5877ba74ca98d8f470424b52d60006838d1ab8d17ba929f9401c895a"
    );
    let mut counts = [0; 10];
    data.train
        .labels()
        .iter()
        .for_each(|&label| counts[label as usize] += 1);
    assert_eq!(counts, [500; 10]);
    assert_eq!(data.test.unwrap().len(), 10_000);
}

#[test]
fn real_cifar100_has_the_known_sample_and_split() {
    let Some(folder) = knas_tests::shared("cifar100-sample") else {
        return;
    };
    let source = open(&format!("cifar100:{}", folder.display())).unwrap();
    assert_eq!(
        (source.name(), source.classes(), source.train_len()),
        ("cifar100", 100, 2_000)
    );
    // i = choose(words(0, 'sample'), 2000, 50); print(i[:4], content(['train.bin'], 3074, i))
    let sample = source.sample(50, 0, true).unwrap();
    assert_eq!(sample.indices[..4], [1805, 1121, 1698, 621]);
    assert_eq!(
        sample.hash,
        "b7fd8992752eacff5ce7dad07bafb2e3b227c5f32073430821c802da84de765f"
    );
    // t, v = halves(labels); print(len(t), len(v), content(['train.bin'], 3074, v))
    let data = source.training(Limits::default()).unwrap();
    assert_eq!((data.train.len(), data.valid.len()), (1_023, 977));
    assert_eq!(
        data.valid.content_hash(),
        "a8f9468e5fc98d9590d49c0a44df11e87dde6ad454a0d8ea98fd2f906b3ffcc1"
    );
    assert_eq!(data.test.unwrap().len(), 1_000);
}
