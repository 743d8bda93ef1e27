//! The shapes that rows read and make, one row each: name, what its JSON form holds, how it is built.
//! A new shape is a row here, once its type describes itself. Source: architecture §6.

use jonction_model::{Appointment, DocumentSubmission, PatientEvent, Shape};
use schemars::{Schema, schema_for};
use serde::Deserialize;

use crate::record::{Incomplete, Place};

/// A shape that rows read.
pub struct ShapeKind {
    /// Name: `to: patient-event`.
    pub name: &'static str,
    /// Its JSON form, described.
    pub schema: fn() -> Schema,
    /// `None`: rows cannot make it, documents need bytes.
    pub(crate) build: Option<Build>,
}

type Build = fn(Place<'_, '_>) -> Result<Shape, Incomplete>;

impl std::fmt::Debug for ShapeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShapeKind({})", self.name)
    }
}

/// Every shape.
pub const SHAPES: &[ShapeKind] = &[
    ShapeKind {
        name: "patient-event",
        schema: || schema_for!(PatientEvent),
        build: Some(|place| {
            PatientEvent::deserialize(place).map(|event| Shape::PatientEvent(Box::new(event)))
        }),
    },
    ShapeKind {
        name: "appointment",
        schema: || schema_for!(Appointment),
        build: Some(|place| Appointment::deserialize(place).map(|one| Shape::Appointment(Box::new(one)))),
    },
    ShapeKind { name: "document-submission", schema: || schema_for!(DocumentSubmission), build: None },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    #[test]
    fn every_shape_describes_every_one_of_its_leaves() {
        for shape in SHAPES {
            let target = Target::of(&(shape.schema)());
            assert!(target.is_ok(), "{}: {target:?}", shape.name);
        }
    }
}
