//! Whatever bytes a file holds, reading it gives images or an error.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use knas_data::{DataSpec, ImageSource, Limits, PIXELS};
use proptest::prelude::*;

/// An image folder in which one file has these bytes; reads it whole.
fn read_as_image(bytes: &[u8]) -> Result<(), knas_data::DataError> {
    let folder = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        fs::create_dir(folder.path().join(class)).unwrap();
        fs::write(folder.path().join(class).join("1.png"), bytes).unwrap();
        fs::write(folder.path().join(class).join("2.png"), bytes).unwrap();
    }
    let spec = DataSpec::Folder(folder.path().to_path_buf());
    let data = ImageSource::open(&spec, Path::new(""))
        .unwrap()
        .training(Limits::default())?;
    assert_eq!(data.train.pixels(0).len(), PIXELS);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_cifar_file_gives_labels_in_range_or_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        rows in 0usize..4,
        extra in 0usize..3,
        seed in any::<u64>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        common::write_cifar10(folder.path(), 1);
        let size = rows * (1 + PIXELS) + extra;
        let content: Vec<u8> = bytes.iter().copied().chain([3]).cycle().take(size).collect();
        fs::write(folder.path().join("data_batch_4.bin"), &content).unwrap();
        let spec = DataSpec::Cifar10(Some(folder.path().to_path_buf()));
        let source = ImageSource::open(&spec, Path::new(""));
        prop_assert_eq!(source.is_ok(), rows > 0 && extra == 0);
        if let Ok(source) = source {
            let good = content.iter().step_by(1 + PIXELS).all(|&label| label < 10);
            let sample = source.sample(rows + 4, seed, true);
            prop_assert_eq!(sample.is_ok(), good);
            if let Ok(sample) = sample {
                prop_assert!(sample.batch.input.iter().all(|value| value.is_finite()));
            }
        }
    }

    #[test]
    fn any_bytes_after_an_image_signature_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        jpeg in any::<bool>(),
    ) {
        let signature: &[u8] = if jpeg { b"\xff\xd8\xff" } else { b"\x89PNG\r\n\x1a\n" };
        let _ = read_as_image(&[signature, &bytes].concat());
    }

    #[test]
    fn any_damage_to_an_image_is_survived(
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
        jpeg in any::<bool>(),
    ) {
        let picture = RgbImage::from_fn(40, 33, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        let format = if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png };
        picture.write_to(&mut bytes, format).unwrap();
        let whole = bytes.into_inner();
        prop_assert!(read_as_image(&whole).is_ok());
        let mut bytes = whole.clone();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let _ = read_as_image(&bytes);
        let cut = read_as_image(&whole[..cut.index(whole.len())]);
        prop_assert!(!jpeg || cut.is_err());
    }
}
