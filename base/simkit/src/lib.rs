//! Fault tables, seeded choices and verdict log of simulators.
