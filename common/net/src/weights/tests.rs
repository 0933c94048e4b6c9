//! What is written is read, and what is no file of weights is refused.

use std::fs;

use safetensors::tensor::{TensorView, serialize};

use super::*;

#[test]
fn the_bytes_are_those_of_the_crate() {
    let values: Vec<u8> = [1f32, -2.0, 3.5]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let tensors = [
        ("w".to_owned(), Tensor::from_slice(&[1f32, -2.0, 3.5])),
        ("n".to_owned(), Tensor::from(7i64)),
        ("a".to_owned(), Tensor::from_slice(&[1f32, -2.0, 3.5])),
    ];
    let mut found = Vec::new();
    let mut metadata = BTreeMap::new();
    write_to(Path::new("x"), &tensors, &metadata, &mut found).unwrap();
    let float = || TensorView::new(Dtype::F32, vec![3], &values).unwrap();
    let seven = 7i64.to_le_bytes();
    let seven = TensorView::new(Dtype::I64, vec![], &seven).unwrap();
    let all = [("w", float()), ("n", seven), ("a", float())];
    assert_eq!(found, serialize(all.clone(), None).unwrap());

    metadata.insert("format".to_owned(), "p\"t".to_owned());
    let mut found = Vec::new();
    write_to(Path::new("x"), &tensors, &metadata, &mut found).unwrap();
    let told = metadata.clone().into_iter().collect();
    assert_eq!(found, serialize(all, Some(told)).unwrap());
    let file = WeightFile::from_bytes(Path::new("x"), &found).unwrap();
    assert_eq!(file.metadata("format"), Some("p\"t"));
    assert_eq!(file.view().metadata("knas"), None);
}

#[cfg(unix)]
#[test]
fn what_has_no_end_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sparse");
    let sparse = fs::File::create(&path).unwrap();
    for (length, said) in [
        (9 << 30, "not a safetensors file"),
        (17 << 30, "larger than"),
    ] {
        sparse.set_len(length).unwrap();
        let error = WeightFile::read(&path).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let error = WeightFile::read(Path::new("/dev/zero"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn what_is_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.safetensors");
    let tensor = Tensor::from_slice(&[1f32, -2.0, 3.5, 0.0]).reshape([2, 2]);
    write(
        &path,
        &[
            ("w".into(), tensor.shallow_clone()),
            ("n".into(), Tensor::from(7i64)),
        ],
    )
    .unwrap();
    let file = WeightFile::read(&path).unwrap();
    assert_eq!(file.tensor("w", &[2, 2]).unwrap(), tensor);
    let missing = file.tensor("v", &[1]).unwrap_err().to_string();
    assert!(
        missing.contains("a.safetensors: no tensor \"v\""),
        "{missing}"
    );
    let shape = file.tensor("w", &[4]).unwrap_err().to_string();
    assert!(shape.contains("[2, 2], not [4]"), "{shape}");
    assert!(file.tensor("n", &[]).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn types_that_are_not_read_are_named() {
    for (dtype, said) in [("F8_E4M3", "stored as F8_E4M3"), ("I8", "stored as I8")] {
        let json = format!(r#"{{"w":{{"dtype":"{dtype}","shape":[4],"data_offsets":[0,4]}}}}"#);
        let bytes = [
            &(json.len() as u64).to_le_bytes()[..],
            json.as_bytes(),
            b"abcd",
        ];
        let file = WeightFile::from_bytes(Path::new("x"), &bytes.concat()).unwrap();
        for error in [
            file.tensor("w", &[4]).err(),
            file.optional("w", &[4]).err(),
            file.view().optional("w", &[4]).err(),
        ] {
            assert!(error.unwrap().to_string().contains(said));
        }
        assert!(file.without("w").optional("w", &[4]).unwrap().is_none());
        assert!(file.optional("v", &[4]).unwrap().is_none());
    }
}

#[test]
fn hostile_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    let header = |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
    let files = [
        vec![],
        vec![0xff; 64],
        b"PK\x03\x04 a pickle in a zip".to_vec(),
        header(r#"{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#),
        header(r#"{"w":{"dtype":"F32","shape":[9223372036854775807,9],"data_offsets":[0,0]}}"#),
    ];
    for bytes in files {
        fs::write(&path, &bytes).unwrap();
        let error = WeightFile::read(&path).unwrap_err().to_string();
        assert!(error.contains("not a safetensors file"), "{error}");
    }
    assert!(matches!(
        WeightFile::read(dir.path()),
        Err(WeightsError::Io { .. })
    ));
}
