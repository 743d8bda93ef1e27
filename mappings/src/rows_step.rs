//! A mapping of rows as a step of a route.
//! In: a flow. Out: the shapes of the mapping and its notes, or the finding that parks. Pure.

use std::sync::Arc;

use jonction_hl7v2::Limits;
use jonction_model::Finding;
use jonction_ports::{Bodies, Flow, Step};
use jonction_rows::Mapping;

use crate::native::findings::join;

/// The step.
#[derive(Clone, Debug)]
pub struct RowsStep {
    name: String,
    mapping: Arc<Mapping>,
    limits: Limits,
}

impl RowsStep {
    /// Under the name of its mapping.
    pub fn new(mapping: Arc<Mapping>) -> Self {
        Self { name: mapping.name().to_owned(), mapping, limits: Limits::default() }
    }

    /// Under another name: the path a route writes.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }
}

impl Step for RowsStep {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> String {
        self.mapping.version().to_owned()
    }

    fn run(&self, flow: &mut Flow, bodies: &dyn Bodies) -> Result<(), Finding> {
        let limit = self.limits.message_bytes_max as u64;
        let bytes = bodies.read(&flow.message, limit).map_err(|_| {
            Finding::error("mapping.message-unreadable", "le message conservé n'a pas pu être relu")
                .remedy("voir le journal de la passerelle, puis rejouer le message")
        })?;
        let mapped = self.mapping.run(&bytes, &self.limits)?;
        join(&mut flow.findings, mapped.notes);
        flow.shapes.extend(mapped.shapes);
        Ok(())
    }
}
