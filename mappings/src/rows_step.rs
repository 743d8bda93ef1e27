//! A mapping of rows as a step of a route.
//! In: a flow. Out: the shapes of the mapping and its notes, or the finding that parks. Pure.

use std::sync::Arc;

use jonction_hl7v2::Limits;
use jonction_model::{Finding, Severity, Shape};
use jonction_ports::{Bodies, Flow, Step};
use jonction_rows::{Mapped, Mapping, Reads};

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

impl RowsStep {
    /// Maps what steps before made. The shapes it reads stay: other sinks may take them.
    fn run_shapes(&self, name: &'static str, flow: &mut Flow) -> Result<(), Finding> {
        let read = || flow.shapes.iter().filter(|shape| shape.name() == name);
        // What forbids every destination (another patient, an unreadable document) forbids this one too.
        let barred = read().filter_map(Shape::as_submission).find_map(|one| one.obstacle(|_| false));
        if let Some(obstacle) = barred {
            return Err(obstacle.finding.clone());
        }
        let mapped: Vec<Mapped> =
            read().map(|shape| self.mapping.run_shape(shape)).collect::<Result<_, _>>()?;
        if mapped.is_empty() {
            let sentence =
                format!("aucune étape n'a fait la forme {name}, que la traduction {} lit", self.name);
            // A mailbox brings notices and words beside documents: what was understood as something else is not for this one.
            if !flow.shapes.is_empty() {
                flow.findings.push(Finding::new(Severity::Info, "mapping.nothing-to-map", sentence));
                return Ok(());
            }
            return Err(Finding::error("mapping.no-shape", sentence)
                .remedy("mettre avant elle, dans la route, la traduction qui fait cette forme"));
        }
        for Mapped { shapes, notes } in mapped {
            join(&mut flow.findings, notes);
            flow.shapes.extend(shapes);
        }
        Ok(())
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
        if let Reads::Shape(name) = self.mapping.reads() {
            return self.run_shapes(name, flow);
        }
        let limit = self.limits.message_bytes_max as u64;
        let bytes = bodies.read(&flow.message, limit).map_err(|_| {
            Finding::error("mapping.message-unreadable", "le message conservé n'a pas pu être relu")
                .remedy("voir le journal de la passerelle, puis rejouer le message")
        })?;
        let mapped = self.mapping.run_stored(&bytes, &self.limits, &flow.message)?;
        join(&mut flow.findings, mapped.notes);
        flow.shapes.extend(mapped.shapes);
        Ok(())
    }
}
