//! Which device computes.
//!
//! Binaries are linked to the processor's part of libtorch alone, so that they
//! start where there is no CUDA. A CUDA device needs the other part, which is
//! loaded here, before libtorch is first asked about CUDA: once asked, it
//! remembers that there is none.

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

#[cfg(not(unix))]
fn load_cuda() -> Result<(), DeviceError> {
    Ok(()) // linked as usual
}
