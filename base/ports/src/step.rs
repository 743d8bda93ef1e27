//! Steps of a route: parse, check, map, enrich. Pure functions the engine calls without knowing any format.

use std::{any::Any, sync::Arc};

use jonction_model::{ContentRef, Environment, Finding, Shape};

use crate::{body::Bodies, intake::MessageFacts};

/// What crosses the steps of a route.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The received bytes.
    pub message: ContentRef,
    /// What admission read.
    pub facts: MessageFacts,
    /// Where the gateway stands.
    pub environment: Environment,
    /// What the steps made so far.
    pub shapes: Vec<Shape>,
    /// What the steps noted so far.
    pub findings: Vec<Finding>,
    /// What a step read of the message, for the steps after it.
    pub reading: Reading,
}

/// A parsed message that a step leaves to the next ones: it saves their time, and changes nothing of what they say.
#[derive(Clone, Debug, Default)]
pub struct Reading(Option<Arc<dyn Any + Send + Sync>>);

impl Reading {
    /// What was left, when it is of this type.
    pub fn of<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.clone()?.downcast().ok()
    }

    /// Leaves a value, in the place of the one before.
    pub fn leave<T: Any + Send + Sync>(&mut self, value: Arc<T>) {
        self.0 = Some(value);
    }
}

/// One step. Called on a blocking thread, in the order of the route, once per message.
pub trait Step: Send + Sync {
    /// Name in route files: `map: hl7v2-to-document`.
    fn name(&self) -> &str;

    /// Version of the code or of the mapping file: journaled with each message.
    fn version(&self) -> String;

    /// Adds shapes and findings. An error parks the message in routing, with this finding.
    /// Pure: the same flow and the same version give the same result.
    fn run(&self, flow: &mut Flow, bodies: &dyn Bodies) -> Result<(), Finding>;
}
