//! The DMP, simulated: registry and repository over mutual TLS, judging every request, misbehaving when told to.
//! In: a [`SimulatorConfig`]. Out: a [`Running`] simulator to be asked what it holds and thinks.
//! Source: dmp-xds.md §11. Deliberately absent: retrieval, metadata update and the services of patients.

mod answers;
mod desk;
pub mod faults;
mod judge;
mod memory;
pub mod patients;
mod registry;
mod replies;
mod request;
mod server;
pub mod settings;
mod store;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use jonction_model::{Clock, Environment, Ins};
use jonction_net::{
    Anchors, ClientAuth, Identity, Limits, Listener, MaterialError, Reloadable, ServerTls, server_config,
};
use jonction_ports::{Stop, StopHandle};
use jonction_simkit::{Judged, PlanError};
use jonction_soap::certificate::Trust;
use tokio::task::JoinHandle;

pub use faults::{FAULTS, Fault};
pub use memory::{Captured, RequestSeen};
pub use patients::{DmpState, Patients};
pub use settings::SimulatorSettings;
pub use store::StoredDocument;

/// How severe the simulator is with what it receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Severeness {
    /// Every error of a check refuses the request.
    #[default]
    Strict,
    /// Only what no DMP could take refuses: tolerant severities of the checks.
    Lenient,
    /// Judges, and refuses nothing but what cannot be read.
    Record,
}

/// What a simulator is made of.
pub struct SimulatorConfig {
    /// Where it listens; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Its TLS server certificate.
    pub identity: Identity,
    /// Whose client certificates it takes.
    pub client_anchors: Anchors,
    /// Another TLS than the usual one: versions, suites. `None`: made of the two above.
    pub tls: Option<ServerTls>,
    /// Whose signature certificates it believes.
    pub seal_trust: Trust,
    /// Time: against it VIHF are judged.
    pub clock: Arc<dyn Clock>,
    /// Seed of its identifiers and of faults drawn at a rate.
    pub seed: u64,
    /// Whom it knows.
    pub patients: Patients,
    /// Fault plan, one rule each: `busy first 2`.
    pub faults: Vec<String>,
    /// How severe it is.
    pub severeness: Severeness,
    /// Distance it accepts between its clock and IssueInstant.
    pub skew: Duration,
    /// Versions of VIHF it accepts.
    pub vihf_versions: Vec<String>,
    /// Sites (EG) of legal entities (EJ): structure of the certificate, site.
    pub declared_sites: Vec<(String, String)>,
    /// Takes any structure for a site of the certificate's: for samples of several establishments.
    pub any_site: bool,
    /// Which registers of INS it expects.
    pub environment: Environment,
    /// Delay of the faults `slow` and, per byte, `trickle`.
    pub delay: Duration,
    /// Folder where it also keeps what it stores.
    pub folder: Option<PathBuf>,
    /// Whether the last requests are kept whole, for harnesses. They hold documents.
    pub capture: bool,
    /// Largest request.
    pub request_bytes_max: usize,
}

impl SimulatorConfig {
    /// A strict simulator on a free port of the loopback.
    pub fn new(
        identity: Identity,
        client_anchors: Anchors,
        seal_trust: Trust,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            identity,
            client_anchors,
            tls: None,
            seal_trust,
            clock,
            seed: 0,
            patients: Patients::default(),
            faults: Vec::new(),
            severeness: Severeness::Strict,
            skew: Duration::from_secs(300),
            vihf_versions: vec!["3.0".to_owned(), "4.0".to_owned()],
            declared_sites: Vec::new(),
            any_site: false,
            environment: Environment::Test,
            delay: Duration::from_secs(1),
            folder: None,
            capture: false,
            request_bytes_max: 256 << 20,
        }
    }
}

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be bound.
    #[error("dmp simulator cannot listen")]
    Listen(#[source] io::Error),
    /// The folder cannot be used.
    #[error("dmp simulator cannot use its folder")]
    Folder(#[source] io::Error),
    /// The certificates cannot be used.
    #[error("dmp simulator cannot use its certificates")]
    Material(#[from] MaterialError),
    /// The fault plan cannot be read.
    #[error("dmp simulator cannot read its fault plan")]
    Plan(PlanError),
}

impl StartError {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Listen(_) => "dmp.simulator-cannot-listen",
            Self::Folder(_) => "dmp.simulator-folder",
            Self::Material(_) => "dmp.simulator-certificates",
            Self::Plan(_) => "dmp.simulator-fault-plan",
        }
    }
}

/// The simulator of the DMP.
pub struct Simulator;

impl Simulator {
    /// Binds and serves, until [`Running::stop`] or the end of the runtime. Call it inside a runtime.
    pub fn start(config: SimulatorConfig) -> Result<Running, StartError> {
        let tls = match &config.tls {
            Some(tls) => tls.clone(),
            None => Reloadable::new(server_config(
                &config.identity,
                ClientAuth::Required(&config.client_anchors),
            )?),
        };
        let listener = Listener::bind(config.listen, None, Limits::default()).map_err(StartError::Listen)?;
        let address = listener.local_addr();
        let desk = Arc::new(desk::Desk::new(config)?);
        let (handle, stop): (StopHandle, Stop) = StopHandle::new();
        let task = tokio::spawn(server::serve(listener, tls, desk.clone(), stop, Duration::from_secs(5)));
        Ok(Running { address, desk, handle, task })
    }
}

/// A running simulator. Dropping it stops it at once.
pub struct Running {
    address: SocketAddr,
    desk: Arc<desk::Desk>,
    handle: StopHandle,
    task: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Base address of its services, by the name `localhost`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/si-dmp-server/v2/services", self.address.port())
    }

    /// Every version it holds, deleted ones too, oldest first. Patients print masked.
    pub fn documents(&self) -> Vec<StoredDocument> {
        self.desk.documents()
    }

    /// Bytes of a version.
    pub fn content(&self, unique_id: &str) -> Option<Bytes> {
        self.desk.content(unique_id)
    }

    /// What it received, oldest first.
    pub fn requests(&self) -> Vec<RequestSeen> {
        self.desk.requests()
    }

    /// What it thought of each request, oldest first.
    pub fn verdicts(&self) -> Vec<Judged> {
        self.desk.verdicts()
    }

    /// The last requests, whole, when `capture` is on.
    pub fn captured(&self) -> Vec<Captured> {
        self.desk.captured()
    }

    /// Changes the state of somebody's DMP.
    pub fn set_patient(&self, ins: Ins, state: DmpState) {
        self.desk.set_patient(ins, state);
    }

    /// Changes the fault plan; requests are counted from zero again.
    pub fn set_faults<'r>(&self, rules: impl IntoIterator<Item = &'r str>) -> Result<(), PlanError> {
        self.desk.set_faults(rules)
    }

    /// Patients listed, by state: for a screen.
    pub fn patients(&self) -> Vec<(&'static str, usize)> {
        self.desk.patients()
    }

    /// Stops: answers what it is answering, then returns.
    pub async fn stop(mut self) {
        self.handle.stop();
        // A panic of the task was already reported by it.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
