//! The mapping language: declarative rows that turn a tree (HL7 v2, CSV, a shape) into a shape or a message.
//! In: a YAML file with places, tables. Out: every mistake at once, in French; or a [`Mapping`], run on bytes.
//! Source: docs/guide/traductions.md, decision 0035. Absent: IO, clocks, what a route does with a shape.

mod analysis;
mod case;
mod condition;
mod expression;
mod format;
mod function;
mod kind;
mod mapping;
mod message;
mod plan;
mod read;
mod record;
mod run;
mod same;
mod shapes;
mod table;
mod target;
mod unread;

pub use case::{Case, Difference, Extent, differences};
pub use function::{FUNCTIONS, Function};
pub use mapping::{Account, Mapped, Mapping, Provenance, Reads};
pub use shapes::{SHAPES, ShapeKind};
pub use table::{Column, Table, TableFault};

/// Longest mapping, in rows, those inside `each` included.
pub const ROWS_MAX: usize = 2_000;
/// Elements that one `each` may make of one message; more is noted, and left out.
pub const ELEMENTS_MAX: usize = 1_000;
/// Records of one CSV file.
pub const RECORDS_MAX: usize = 100_000;
/// Notes kept of one message.
pub const NOTES_MAX: usize = 100;
