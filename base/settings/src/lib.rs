//! YAML files read with places, so that every mistake of every file is told at once, in French, with its remedy.
//! In: text a route author wrote. Out: [`Node`]s, read field by field through [`Fields`], and [`Diagnoses`].
//! Source: style part 2 « Configuration », experience §3. Deliberately absent: what the settings mean.

pub mod diagnosis;
pub mod fields;
pub mod learn;
pub mod logic;
pub mod node;
pub mod parse;
pub mod secret;
pub mod typed;

pub use diagnosis::{Diagnoses, Diagnosis, Level};
pub use fields::Fields;
pub use jonction_model::nearest;
pub use learn::{Form, learn};
pub use logic::Logic;
pub use node::{Entry, Node, SourceFile, Span, Value, read};
pub use secret::Secret;
pub use typed::typed;
