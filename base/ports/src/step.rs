//! Steps of a route: parse, check, map, enrich. Pure functions the engine calls without knowing any format.

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
