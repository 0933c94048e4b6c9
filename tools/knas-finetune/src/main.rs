//! knas-finetune
fn main() {}
