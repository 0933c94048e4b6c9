//! Small matrices, in double precision on the processor.

use knas_net::NetError;
use tch::{Device, Kind, Tensor};

/// A copy in double precision on the processor, without a graph.
pub(crate) fn exact(tensor: &Tensor) -> Result<Tensor, NetError> {
    let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?;
    Ok(tensor.f_to_kind(Kind::Double)?)
}

/// The sum of all elements.
pub(crate) fn total(tensor: &Tensor) -> Result<f64, NetError> {
    Ok(tensor.f_sum(Kind::Double)?.f_double_value(&[])?)
}

/// The eigenvalues of a symmetric matrix, in ascending order.
pub(crate) fn eigenvalues(symmetric: &Tensor) -> Result<Vec<f64>, NetError> {
    Ok(Vec::try_from(symmetric.f_linalg_eigvalsh("L")?)?)
}

/// Pearson's correlations of the rows of a matrix; NaN where a row is constant.
pub(crate) fn correlations(rows: &Tensor) -> Result<Tensor, NetError> {
    let mean = rows.f_mean_dim([1i64].as_slice(), true, Kind::Double)?;
    let centred = rows.f_sub(&mean)?;
    let squares = centred
        .f_square()?
        .f_sum_dim_intlist([1i64].as_slice(), true, Kind::Double)?;
    let normal = centred.f_div(&squares.f_sqrt()?)?;
    Ok(normal.f_matmul(&normal.f_transpose(0, 1)?)?)
}
