//! MLLP: source, sink and the simulator of an LPS.

pub mod session;
pub mod wire;
