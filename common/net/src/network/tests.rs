//! Networks against other software.

mod cells;
mod encoders;
