//! Memory of a size that the network decides: where it cannot be had, the
//! candidate fails, while an allocation that is not asked about ends the program.

use tch::Tensor;

use crate::NetError;

/// So many default values.
pub(super) fn zeros<T: Clone + Default>(count: usize) -> Result<Vec<T>, NetError> {
    let mut values = reserved(count)?;
    values.resize(count, T::default());
    Ok(values)
}

/// Nothing yet, with room for so many values.
pub(super) fn reserved<T>(count: usize) -> Result<Vec<T>, NetError> {
    let mut values = Vec::new();
    values.try_reserve_exact(count)?;
    Ok(values)
}

/// So many of what `make` gives.
pub(super) fn repeated<T>(
    count: usize,
    mut make: impl FnMut() -> Result<T, NetError>,
) -> Result<Vec<T>, NetError> {
    let mut values = reserved(count)?;
    for _ in 0..count {
        values.push(make()?);
    }
    Ok(values)
}

/// A tensor's values, in single precision.
pub(super) fn values(tensor: &Tensor) -> Result<Vec<f32>, NetError> {
    let mut values = zeros(tensor.numel())?;
    tensor.f_copy_data(&mut values, tensor.numel())?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which would end this test's program if it were not asked about.
    #[test]
    fn memory_that_is_not_there_is_an_error() {
        let beyond = isize::MAX as usize / 16;
        let error = zeros::<[f32; 4]>(beyond).unwrap_err();
        assert!(error.is_out_of_memory(), "{error}");
        assert!(reserved::<u8>(usize::MAX).unwrap_err().is_out_of_memory());
        let mut made = 0;
        let stops = repeated(3, || {
            made += 1;
            zeros::<f32>(if made < 2 { 1 } else { beyond })
        });
        assert!(stops.is_err());
        assert_eq!(made, 2);
    }
}
