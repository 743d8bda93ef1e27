//! The program `jonction`.

fn main() {}
