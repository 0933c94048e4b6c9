//! Images that a small network learns in seconds, and the real ones.

use std::fs;
use std::path::{Path, PathBuf};

const PIXELS: usize = 3 * 32 * 32;

/// Rows of a CIFAR-10 batch: every class is a pattern of its own under noise.
fn rows(first: usize, count: usize) -> Vec<u8> {
    let mut state = first as u64 + 1;
    let mut noise = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        (state >> 57) as i32 - 64
    };
    let mut rows = Vec::with_capacity(count * (PIXELS + 1));
    for index in first..first + count {
        let class = index % 10;
        rows.push(class as u8);
        for place in 0..PIXELS {
            let (row, column) = (place / 32 % 32, place % 32);
            let wave = (row * (class % 3 + 1) + column * (class / 3 + 1)) / 8 % 2;
            rows.push((80 + 90 * wave as i32 + noise()).clamp(0, 255) as u8);
        }
    }
    rows
}

/// A folder in CIFAR-10's layout: 400 images to train and validate with, and
/// 100 to test with.
pub fn made(folder: &Path) -> String {
    let folder = folder.join("images");
    fs::create_dir(&folder).unwrap();
    for batch in 0..5 {
        let name = format!("data_batch_{}.bin", batch + 1);
        fs::write(folder.join(name), rows(batch * 80, 80)).unwrap();
    }
    fs::write(folder.join("test_batch.bin"), rows(1000, 100)).unwrap();
    format!("cifar10:{}", folder.display())
}

/// The real CIFAR-10, where it has been fetched.
pub fn real() -> Option<String> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))?;
    let folder = cache.join("knas/cifar10");
    folder
        .is_dir()
        .then(|| format!("cifar10:{}", folder.display()))
}
