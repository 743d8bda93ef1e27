//! What every simulator shares: faults chosen from a table by name, seeded choices, a log of what it judged.
//! In: a table, a plan written as text, findings. Out: the fault of a request; verdicts. IO: none.

pub mod faults;
pub mod verdicts;

pub use faults::{FaultPlan, FaultRow, FaultTable, PlanError, When};
pub use verdicts::{Judged, VerdictLog};
