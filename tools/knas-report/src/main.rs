//! knas-report
fn main() {}
