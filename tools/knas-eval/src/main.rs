//! knas-eval
fn main() {}
