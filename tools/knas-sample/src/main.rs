//! knas-sample
fn main() {}
