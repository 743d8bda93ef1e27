//! MLLP: source, sink and the simulator of an LPS.
