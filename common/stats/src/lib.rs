//! stats

pub mod random;
