//! What is counted, and how it is told to a monitor: a table, a registry, a text.
//! In: events and commits of the engine, samples of the watch. Out: Prometheus' text format.
//! Labels are names of the configuration and codes, never an identifier. Source: style « Logs and metrics ».

mod fold;
mod registry;
mod table;
mod text;

pub use registry::Metrics;
pub use table::{Kind, METRICS, Metric};
pub use text::{CONTENT_TYPE, reference};
