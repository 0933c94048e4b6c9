//! knas-score
fn main() {}
