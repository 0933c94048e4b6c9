//! Which device computes.
//!
//! Binaries are linked to the processor's part of libtorch alone, so that they
//! start where there is no CUDA. A CUDA device needs the other part, which is
//! loaded here, before libtorch is first asked about CUDA: once asked, it
//! remembers that there is none. Its default of TF32, in which convolutions round
//! what they multiply to ten bits, is turned off: single precision is single
//! precision on every device.

#[cfg(unix)]
use std::ffi::c_void;

use tch::{Cuda, Device};

/// Why a CUDA device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// libtorch's CUDA part cannot be loaded.
    #[error(
        "libtorch's CUDA library cannot be loaded ({0}); run scripts/setup.sh --cuda, \
         or point LIBTORCH at a CUDA build of libtorch 2.11 and build again"
    )]
    Library(String),
    /// It is loaded, but finds no driver or no device.
    #[error(
        "CUDA finds no device: is there an NVIDIA GPU, is its driver installed (nvidia-smi), \
         and does CUDA_VISIBLE_DEVICES leave one visible?"
    )]
    NoDevice,
    /// The number is too large.
    #[error("there is no CUDA device {wanted}: this process sees {count}, numbered from 0")]
    NoSuchDevice {
        /// The number asked for.
        wanted: usize,
        /// How many there are.
        count: i64,
    },
}

/// The CUDA device with this number, as this process sees them.
///
/// # Errors
/// When CUDA cannot be loaded, or has no such device.
pub fn cuda(number: usize) -> Result<Device, DeviceError> {
    load_cuda()?;
    compute_exactly()?;
    let count = Cuda::device_count();
    if count <= 0 || !Cuda::is_available() {
        return Err(DeviceError::NoDevice);
    }
    if number as i64 >= count {
        return Err(DeviceError::NoSuchDevice {
            wanted: number,
            count,
        });
    }
    Ok(Device::Cuda(number))
}

#[cfg(unix)]
#[allow(unsafe_code)]
fn load_cuda() -> Result<(), DeviceError> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    let name = if cfg!(target_os = "macos") {
        "libtorch_cuda.dylib"
    } else {
        "libtorch_cuda.so"
    };
    // SAFETY: loading runs the library's initialisers. This is libtorch's own
    // other half, of the version that this program is linked to, found by the
    // program's run path; nothing else is loaded in this way. It registers
    // itself with libtorch and must stay, so the handle is never closed.
    match unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => Err(DeviceError::Library(error.to_string())),
    }
}

/// Makes cuDNN compute in single precision throughout, and the same every time.
#[cfg(unix)]
fn compute_exactly() -> Result<(), DeviceError> {
    let set = set_context("17setAllowTF32CuDNN", false)
        .and_then(|()| set_context("21setDeterministicCuDNN", true));
    set.map_err(|error| DeviceError::Library(error.to_string()))
}

/// Calls a method of libtorch's global settings, `void at::Context::…(bool)`; tch
/// has none of them.
#[cfg(unix)]
#[allow(unsafe_code)]
fn set_context(method: &str, value: bool) -> Result<(), libloading::Error> {
    use libloading::os::unix::{Library, Symbol};
    let program = Library::this();
    let name = format!("_ZN2at7Context{method}Eb\0");
    // SAFETY: these are the mangled names of `at::Context &at::globalContext()` and
    // of a method with one `bool`, so that the types are told by the names
    // themselves. A reference is a pointer, and the context lives as long as the
    // program.
    unsafe {
        let context: Symbol<unsafe extern "C" fn() -> *mut c_void> =
            program.get(b"_ZN2at13globalContextEv\0")?;
        let set: Symbol<unsafe extern "C" fn(*mut c_void, bool)> = program.get(name.as_bytes())?;
        set(context(), value);
    }
    Ok(())
}

#[cfg(not(unix))]
fn load_cuda() -> Result<(), DeviceError> {
    Err(DeviceError::Library("GPUs are for Unix".to_owned()))
}

#[cfg(not(unix))]
fn compute_exactly() -> Result<(), DeviceError> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use libloading::os::unix::{Library, Symbol};

    use super::*;

    /// `Float32Precision at::Context::float32Precision(Float32Backend, Float32Op)
    /// const` for convolutions on CUDA, and `bool at::Context::deterministicCuDNN()
    /// const`.
    #[allow(unsafe_code)]
    fn settings() -> Result<(i32, bool), libloading::Error> {
        let program = Library::this();
        let precision = b"_ZNK2at7Context16float32PrecisionENS_14Float32BackendENS_9Float32OpE\0";
        // SAFETY: as the names tell; enumerations are integers.
        unsafe {
            let context: Symbol<unsafe extern "C" fn() -> *mut c_void> =
                program.get(b"_ZN2at13globalContextEv\0")?;
            let precision: Symbol<unsafe extern "C" fn(*mut c_void, i32, i32) -> i32> =
                program.get(precision)?;
            let deterministic: Symbol<unsafe extern "C" fn(*mut c_void) -> bool> =
                program.get(b"_ZNK2at7Context18deterministicCuDNNEv\0")?;
            Ok((precision(context(), 1, 1), deterministic(context())))
        }
    }

    #[test]
    fn convolutions_on_a_gpu_are_in_single_precision_and_repeatable() {
        const TF32: i32 = 2;
        assert_eq!(settings().unwrap(), (TF32, false));
        compute_exactly().unwrap();
        let (precision, deterministic) = settings().unwrap();
        assert_ne!(precision, TF32);
        assert!(deterministic);
    }
}
