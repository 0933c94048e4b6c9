//! Folders of images: what counts, what is refused.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use knas_data::{DataError, DataSpec, ImageSource, Images, Limits, PIXELS};

fn open(folder: &Path) -> Result<ImageSource, DataError> {
    ImageSource::open(
        &DataSpec::Folder(folder.to_path_buf()),
        Path::new("/nonexistent"),
    )
}

fn picture(index: usize, side: u32) -> RgbImage {
    let byte = |channel: usize, x: u32, y: u32| {
        common::byte(index, (channel * 32 + y as usize) * 32 + x as usize)
    };
    RgbImage::from_fn(side, side, |x, y| {
        Rgb([byte(0, x, y), byte(1, x, y), byte(2, x, y)])
    })
}

/// `count` images of 32 × 32 in `parent/class`, numbered from `first`.
fn write_class(parent: &Path, class: &str, first: usize, count: usize) {
    let folder = parent.join(class);
    fs::create_dir_all(&folder).unwrap();
    for index in first..first + count {
        picture(index, 32)
            .save(folder.join(format!("{index:03}.png")))
            .unwrap();
    }
}

fn two_classes() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_class(folder.path(), "cat", 0, 4);
    write_class(folder.path(), "dog", 4, 4);
    folder
}

/// All images of a folder, by their index.
fn all(folder: &Path) -> Result<Vec<(usize, u32, Vec<u8>)>, DataError> {
    let data = open(folder)?.training(Limits::default())?;
    let list = |images: &Images| {
        let image = |place| {
            (
                images.indices()[place],
                images.labels()[place],
                images.pixels(place).to_vec(),
            )
        };
        (0..images.len()).map(image).collect::<Vec<_>>()
    };
    let mut all = [list(&data.train), list(&data.valid)].concat();
    all.sort_unstable();
    Ok(all)
}

/// The message about a file with these bytes among good ones.
fn complaint(name: &str, bytes: &[u8]) -> String {
    let folder = two_classes();
    let path = folder.path().join("dog").join(name);
    fs::write(&path, bytes).unwrap();
    let message = all(folder.path()).unwrap_err().to_string();
    assert!(message.starts_with(path.to_str().unwrap()), "{message}");
    message
}

fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn classes_and_images_are_in_the_order_of_their_names() {
    let folder = two_classes();
    write_class(folder.path(), "Zebra", 8, 2);
    fs::create_dir(folder.path().join(".git")).unwrap();
    fs::write(folder.path().join("README.txt"), "no class").unwrap();
    fs::write(folder.path().join("dog/Thumbs.db"), "no image").unwrap();
    fs::write(folder.path().join("dog/._000.png"), "no image").unwrap();
    let source = open(folder.path()).unwrap();
    assert_eq!(source.class_names(), ["Zebra", "cat", "dog"]);
    assert_eq!(
        (source.name(), source.classes(), source.train_len()),
        ("folder", 3, 10)
    );
    let order = [8, 9, 0, 1, 2, 3, 4, 5, 6, 7];
    let labels = [0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
    for (at, (index, label, pixels)) in all(folder.path()).unwrap().into_iter().enumerate() {
        assert_eq!((index, label), (at, labels[at]));
        assert_eq!(
            pixels,
            (0..PIXELS)
                .map(|p| common::byte(order[at], p))
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn train_and_test_folders_are_splits_when_they_are_alone() {
    let folder = tempfile::tempdir().unwrap();
    write_class(&folder.path().join("train"), "cat", 0, 4);
    write_class(&folder.path().join("train"), "dog", 4, 4);
    write_class(&folder.path().join("test"), "dog", 8, 3);
    let source = open(folder.path()).unwrap();
    assert_eq!(
        (source.class_names(), source.train_len()),
        (&["cat".into(), "dog".into()][..], 8)
    );
    let test = source.training(Limits::default()).unwrap().test.unwrap();
    assert_eq!(test.labels(), [1, 1, 1]);

    write_class(&folder.path().join("test"), "horse", 11, 1);
    let message = open(folder.path()).unwrap_err().to_string();
    assert!(
        message.ends_with("test/horse: there is no class of this name under train/"),
        "{message}"
    );
}

#[test]
fn a_validation_folder_validates_under_either_name_and_with_or_without_a_test_folder() {
    for (name, with_test) in [("val", true), ("valid", true), ("val", false)] {
        let folder = tempfile::tempdir().unwrap();
        write_class(&folder.path().join("train"), "cat", 0, 4);
        write_class(&folder.path().join("train"), "dog", 4, 3);
        write_class(&folder.path().join(name), "dog", 8, 3);
        write_class(&folder.path().join(name), "cat", 11, 1);
        if with_test {
            write_class(&folder.path().join("test"), "cat", 12, 2);
        }
        let source = open(folder.path()).unwrap();
        assert_eq!(source.train_len(), 7);
        let set = source.training(Limits::default()).unwrap();
        let sorted = |labels: &[u32]| {
            let mut labels = labels.to_vec();
            labels.sort_unstable();
            labels
        };
        assert_eq!(sorted(set.train.labels()), [0, 0, 0, 0, 1, 1, 1]);
        assert_eq!(sorted(set.valid.labels()), [0, 1, 1, 1]);
        // The pictures are its own, not those of the training folder.
        let cat = set.valid.labels().iter().position(|&label| label == 0);
        let drawn: Vec<u8> = (0..PIXELS).map(|p| common::byte(11, p)).collect();
        assert_eq!(set.valid.pixels(cat.unwrap()), drawn);
        assert_eq!(set.test.map(|test| test.len()), with_test.then_some(2));

        let told = Limits {
            valid_share: Some(0.1),
            ..Limits::default()
        };
        let message = source.training(told).unwrap_err().to_string();
        assert!(message.contains("validation part of its own"), "{message}");
    }
}

#[test]
fn a_share_of_the_training_images_validates() {
    let folder = tempfile::tempdir().unwrap();
    write_class(folder.path(), "cat", 0, 10);
    write_class(folder.path(), "dog", 10, 5);
    let counts = |share| {
        let limits = Limits {
            valid_share: share,
            ..Limits::default()
        };
        open(folder.path()).unwrap().counts(limits)
    };
    assert_eq!(counts(None).unwrap(), (8, 7, None));
    assert_eq!(counts(Some(0.2)).unwrap(), (12, 3, None));
    let message = counts(Some(0.05)).unwrap_err().to_string();
    assert!(message.contains("share of 0.05"), "{message}");
}

#[test]
fn train_and_test_may_be_classes() {
    let folder = tempfile::tempdir().unwrap();
    write_class(folder.path(), "train", 0, 2);
    write_class(folder.path(), "test", 2, 2);
    assert_eq!(
        open(folder.path()).unwrap().class_names(),
        ["test", "train"]
    );
}

#[test]
fn grey_transparent_and_deep_images_become_rgb() {
    let folder = two_classes();
    let dog = folder.path().join("dog");
    let grey = GrayImage::from_pixel(32, 32, Luma([77]));
    let clear = RgbaImage::from_pixel(32, 32, Rgba([1, 2, 3, 0]));
    let deep = image::ImageBuffer::from_pixel(32, 32, Rgb([257u16 * 9, 0, 65_535]));
    fs::write(dog.join("a.PNG"), encode(grey, ImageFormat::Png)).unwrap();
    fs::write(dog.join("b.png"), encode(clear, ImageFormat::Png)).unwrap();
    fs::write(dog.join("c.png"), encode(deep, ImageFormat::Png)).unwrap();
    let images = all(folder.path()).unwrap();
    let last = &images[images.len() - 3..];
    for ((_, _, pixels), expected) in last.iter().zip([[77, 77, 77], [1, 2, 3], [9, 0, 255]]) {
        for (plane, value) in pixels.chunks_exact(1024).zip(expected) {
            assert!(plane.iter().all(|&pixel| pixel == value));
        }
    }
}

#[test]
fn other_sizes_are_cut_to_a_square_and_resampled() {
    // 65 × 100 with a centred square from row 17 to 81; beyond it all is red.
    let tall = RgbImage::from_fn(65, 100, |_, y| match y {
        17..82 => Rgb([0, 0, 200]),
        _ => Rgb([255, 0, 0]),
    });
    // The triangle filter at half size weighs four neighbours 1 : 3 : 3 : 1. Of
    // stripes of 0 and 160, two pixels wide, that makes 2/8 and 6/8 of 160.
    let stripes = RgbImage::from_fn(
        64,
        64,
        |x, _| Rgb([if x / 2 % 2 == 1 { 160 } else { 0 }; 3]),
    );
    // Two by two, enlarged: the corners keep their values.
    let tiny = RgbImage::from_fn(2, 2, |x, y| Rgb([(x * 200) as u8, (y * 100) as u8, 50]));
    let folder = two_classes();
    for (name, image) in [("x", tall), ("y", stripes), ("z", tiny)] {
        image
            .save(folder.path().join("dog").join(name).with_extension("png"))
            .unwrap();
    }
    let images = all(folder.path()).unwrap();
    let [(_, _, tall), (_, _, stripes), (_, _, tiny)] = &images[images.len() - 3..] else {
        panic!("three images were added");
    };
    assert!(tall[..2048].iter().all(|&value| value == 0));
    assert!(tall[2048..].iter().all(|&value| value == 200));
    assert_eq!(stripes[5 * 32 + 4..][..4], [40, 120, 40, 120]);
    assert_eq!(
        [
            tiny[0],
            tiny[31],
            tiny[1024],
            tiny[1024 + 31 * 32],
            tiny[2048]
        ],
        [0, 200, 0, 100, 50]
    );
}

#[test]
fn jpeg_is_read_by_content_and_must_be_whole() {
    let smooth = RgbImage::from_fn(48, 48, |x, y| Rgb([4 * x as u8, 4 * y as u8, 90]));
    let bytes = encode(smooth, ImageFormat::Jpeg);
    let folder = two_classes();
    fs::write(folder.path().join("dog/z.jpeg"), &bytes).unwrap();
    fs::write(folder.path().join("dog/zz.png"), &bytes).unwrap();
    let images = all(folder.path()).unwrap();
    let (_, _, pixels) = &images[images.len() - 1];
    assert_eq!(pixels, &images[images.len() - 2].2);
    // Column 10 of 32 is column 15.25 of 48: 4 × 15.25 = 61.
    assert!(
        pixels[16 * 32 + 10].abs_diff(61) < 6,
        "{}",
        pixels[16 * 32 + 10]
    );

    // What cameras write behind a picture is no fault: another picture, cut off.
    let behind = [&bytes, &bytes[..bytes.len() / 2]].concat();
    fs::write(folder.path().join("dog/zzz.jpg"), behind).unwrap();
    let images = all(folder.path()).unwrap();
    assert_eq!(pixels, &images[images.len() - 1].2);

    let message = complaint("cut.jpg", &bytes[..bytes.len() - 40]);
    assert!(message.contains("the file is truncated"), "{message}");
}

#[test]
fn files_that_are_no_images_are_named() {
    let png = encode(picture(0, 32), ImageFormat::Png);
    let folder = two_classes();
    let behind = [&png[..], b"\xff\xda and more"].concat();
    fs::write(folder.path().join("dog/zzz.png"), behind).unwrap();
    assert!(all(folder.path()).is_ok());
    let cut = complaint("cut.png", &png[..png.len() / 2]);
    assert!(cut.contains("is not a readable PNG or JPEG image"), "{cut}");
    assert!(complaint("page.png", b"<html>404</html>").contains("begins like neither"));
    assert!(complaint("empty.jpg", b"").contains("begins like neither"));
    assert!(complaint("x.png", b"GIF89a\x01\0\x01\0\0\0\0;").contains("begins like neither"));
    let mut damaged = png.clone();
    damaged[60] ^= 0x55;
    complaint("damaged.png", &damaged);
}

#[test]
fn image_bombs_are_refused_before_memory_is_taken() {
    // A valid header that promises 40,000 or 20,000 pixels a side.
    for side in [40_000u32, 20_000] {
        let mut png = encode(picture(0, 32), ImageFormat::Png);
        png[16..20].copy_from_slice(&side.to_be_bytes());
        png[20..24].copy_from_slice(&side.to_be_bytes());
        let checksum = crc(&png[12..29]).to_be_bytes();
        png[29..33].copy_from_slice(&checksum);
        let message = complaint("bomb.png", &png);
        assert!(
            message.to_lowercase().contains("limit") || message.contains("large"),
            "{message}"
        );
    }
}

/// The checksum of a PNG chunk.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| {
            (c >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(c & 1))
        })
    })
}

#[test]
fn a_bad_image_outside_the_sample_is_not_met() {
    let folder = two_classes();
    let taken = open(folder.path()).unwrap().sample(3, 0, true).unwrap();
    let spared = (0..8).find(|index| !taken.indices.contains(index)).unwrap();
    let class = if spared < 4 { "cat" } else { "dog" };
    fs::write(
        folder.path().join(class).join(format!("{spared:03}.png")),
        "bad",
    )
    .unwrap();
    assert_eq!(
        open(folder.path()).unwrap().sample(3, 0, true).unwrap(),
        taken
    );
    assert!(open(folder.path()).unwrap().sample(8, 0, true).is_err());
}

#[test]
fn folders_that_are_no_data_set_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| open(path).unwrap_err().to_string();
    assert!(message(&folder.path().join("none")).contains("no data folder"));
    let found = message(folder.path());
    assert!(found.ends_with("and has 0"), "{found}");
    write_class(folder.path(), "cat", 0, 1);
    assert!(message(folder.path()).ends_with("and has 1"));
    fs::create_dir(folder.path().join("dog")).unwrap();
    let found = message(folder.path());
    assert!(found.contains("dog holds no image"), "{found}");
    write_class(folder.path(), "dog", 1, 1);
    let error = open(folder.path())
        .unwrap()
        .training(Limits::default())
        .unwrap_err();
    assert!(matches!(error, DataError::NoValidation { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_dangling_ones_ignored() {
    let folder = two_classes();
    let elsewhere: PathBuf = folder.path().join("cat/000.png");
    std::os::unix::fs::symlink(&elsewhere, folder.path().join("dog/link.png")).unwrap();
    std::os::unix::fs::symlink("/nonexistent", folder.path().join("dog/dangling.png")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("cat"), folder.path().join("linked")).unwrap();
    let source = open(folder.path()).unwrap();
    assert_eq!((source.classes(), source.train_len()), (3, 13));
}
