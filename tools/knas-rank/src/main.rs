//! knas-rank
fn main() {}
