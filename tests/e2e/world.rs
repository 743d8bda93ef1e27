//! The counterparts, inside the test: DMP, MSSanté operator, the hospital's receiver; and the hospital's sender.
//! In: a data folder. Out: simulators on free ports of the loopback, told to the program by `addresses.json`.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use jonction_certs_dev::{DevAuthority, Leaf, Structure};
use jonction_dmp::simulator as dmp;
use jonction_engine::{Reader, Window};
use jonction_mllp::{Limits, Lps, LpsSettings, Sender, Sent, Target, session::ClientLimits};
use jonction_model::{Clock as _, OsEntropy, SystemClock};
use jonction_mssante::simulator::{self as mssante, SimulatorSettings};
use jonction_net::{Anchors, ClientAuth, Identity, server_config};
use jonction_soap::certificate::Trust;
use tokio::runtime::Runtime;

use crate::program::{IDLE, PATIENCE, Program, copy_folder};

/// Ports of `examples/etablissement`.
const LPS: u16 = 2576;
const DMP: u16 = 8443;
const SMTP: u16 = 2587;
/// Domains of the example.
pub(crate) const DOMAINS: [&str; 3] =
    ["hopital.mssante.example", "cabinet.mssante.example", "patient.mssante.fr"];

/// What the counterparts are like.
pub(crate) struct Counterparts<'w> {
    pub(crate) domains: &'w [&'w str],
    /// The DMP takes any structure for a site of the certificate's.
    pub(crate) any_site: bool,
}

impl Default for Counterparts<'_> {
    fn default() -> Self {
        Self { domains: &DOMAINS, any_site: false }
    }
}

/// Running counterparts.
pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) dmp: dmp::Running,
    pub(crate) mssante: mssante::Simulator,
    pub(crate) lps: Lps,
    /// Data folder of the gateway.
    pub(crate) data: PathBuf,
    _folder: tempfile::TempDir,
}

impl World {
    /// Starts them and says where they are in the data folder.
    pub(crate) fn start(counterparts: &Counterparts<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let authority = authority(&data);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let (dmp, mssante, lps) = runtime.block_on(async {
            (start_dmp(&authority, counterparts), start_mssante(&authority, counterparts), start_lps())
        });
        let known: BTreeMap<u16, SocketAddr> =
            [(DMP, dmp.addr()), (SMTP, mssante.address()), (LPS, lps.local_addr())].into();
        fs::write(data.join("addresses.json"), serde_json::to_vec(&known).unwrap()).unwrap();
        Self { runtime, dmp, mssante, lps, data, _folder: folder }
    }

    /// Starts the gateway of a folder over the data of this world. Out: it, and where it listens.
    #[track_caller]
    pub(crate) fn gateway(&self, project: &Path) -> (Program, SocketAddr) {
        let mut program = self.spawn_gateway(project);
        let address = program.listening(1);
        (program, address)
    }

    /// The same, without waiting.
    #[track_caller]
    pub(crate) fn spawn_gateway(&self, project: &Path) -> Program {
        let (project, data) = (project.to_str().unwrap(), self.data.to_str().unwrap());
        Program::start(["run", project, "--ports", "auto", "--data", data, "--json"])
    }

    /// Sends one message and waits for its acknowledgement.
    #[track_caller]
    pub(crate) fn send(&self, to: SocketAddr, message: &Bytes) -> Sent {
        let sender = sender(to);
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, sender.send(message)).await }).unwrap()
    }

    /// Reads events until nothing is left to do. An idle moment may be told after the next message came: the journal
    /// decides.
    #[track_caller]
    pub(crate) fn settled(&self, gateway: &mut Program) {
        gateway.wait_for("the end of what is owed", |line| {
            (line == IDLE && self.nothing_in_flight()).then_some(())
        });
    }

    fn nothing_in_flight(&self) -> bool {
        let total = Reader::open(&self.data).unwrap().balance(Window::default()).unwrap().total;
        total.messages.waiting + total.deliveries.in_flight == 0
    }

    /// A folder beside the data, for what a test writes.
    pub(crate) fn folder(&self) -> &Path {
        self.data.parent().unwrap()
    }
}

/// The hospital's software, as a sender.
pub(crate) fn sender(to: SocketAddr) -> Sender {
    let client = ClientLimits { ack_timeout: Duration::from_secs(60), ..ClientLimits::default() };
    let target = Target::parse(&format!("mllp://{to}")).unwrap();
    Sender::new(target, None, &Limits { client, ..Limits::default() })
}

/// The test authority of a data folder: made once for all tests, then copied.
pub(crate) fn authority(data: &Path) -> DevAuthority {
    static MADE: Mutex<Option<tempfile::TempDir>> = Mutex::new(None);
    let structure =
        Structure { name: "Hôpital de Démonstration".to_owned(), finess: "990000018".to_owned() };
    let mut made = MADE.lock().unwrap();
    let first = made.get_or_insert_with(|| {
        let folder = tempfile::tempdir().unwrap();
        DevAuthority::ensure(&folder.path().join("certs-dev"), SystemClock.now(), &structure).unwrap();
        folder
    });
    copy_folder(&first.path().join("certs-dev"), &data.join("certs-dev"));
    DevAuthority::ensure(&data.join("certs-dev"), SystemClock.now(), &structure).unwrap()
}

fn start_dmp(authority: &DevAuthority, counterparts: &Counterparts<'_>) -> dmp::Running {
    let identity = server_identity(authority);
    let anchors = Anchors::from_file(authority.root()).unwrap();
    let read = |path: &Path| fs::read(path).unwrap();
    let trust = Trust::from_pem(&read(authority.root()), &read(&authority.chain_of(Leaf::Sign))).unwrap();
    let config = dmp::SimulatorConfig {
        any_site: counterparts.any_site,
        ..dmp::SimulatorConfig::new(identity, anchors, trust, Arc::new(SystemClock))
    };
    dmp::Simulator::start(config).unwrap_or_else(|error| panic!("{error}"))
}

fn start_mssante(authority: &DevAuthority, counterparts: &Counterparts<'_>) -> mssante::Simulator {
    let anchors = Anchors::from_file(authority.root()).unwrap();
    let tls = server_config(&server_identity(authority), ClientAuth::Required(&anchors)).unwrap();
    let settings = SimulatorSettings::with_domains(counterparts.domains.iter().copied());
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    mssante::Simulator::start(address, tls.into(), settings, Arc::new(SystemClock)).unwrap()
}

fn start_lps() -> Lps {
    let settings = LpsSettings::at(SocketAddr::from(([127, 0, 0, 1], 0)));
    Lps::start(settings, None, Arc::new(SystemClock), Arc::new(OsEntropy)).unwrap()
}

pub(crate) fn server_identity(authority: &DevAuthority) -> Identity {
    Identity::from_files(authority.chain_of(Leaf::Server), authority.key_of(Leaf::Server)).unwrap()
}
