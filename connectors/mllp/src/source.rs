//! The way in: listens, judges each message, hands it to the engine, answers what the receipt says and nothing else.
//! In: connections. Out: arrivals; acknowledgements after the engine's promise. Source: architecture §3, §4.1; hl7v2.md §6.6.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use jonction_model::{Clock, Entropy, PartnerName};
use jonction_net::{Listener, ServerTls, serve};
use jonction_ports::{BoxFuture, Intake, LinkError, Source, Stop};

use crate::{
    admission::MllpAdmission,
    budget::Budget,
    config::{Limits, Settings},
    link::Link,
};

/// What is handed in to a source.
#[derive(Clone)]
pub struct SourceTools {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for the numbers of our acknowledgements.
    pub entropy: Arc<dyn Entropy>,
}

/// What a source has counted since it was made. Free of any datum of a person.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted.
    pub connections: AtomicU64,
    /// Messages received, refused ones included.
    pub messages: AtomicU64,
    /// Messages refused at admission.
    pub refused: AtomicU64,
    /// Messages answered « later » because they could not be stored.
    pub postponed: AtomicU64,
    /// Messages known already.
    pub repeated: AtomicU64,
    /// Bytes of messages.
    pub bytes: AtomicU64,
    /// Connections we cut: slow, idle, not MLLP.
    pub cut: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Relaxed);
    }
}

/// What all links of a source share.
pub(crate) struct Shared {
    pub(crate) partner: PartnerName,
    pub(crate) admission: MllpAdmission,
    pub(crate) limits: Limits,
    pub(crate) budget: Budget,
    pub(crate) tools: SourceTools,
    pub(crate) counters: Arc<Counters>,
}

/// Source of one partner.
pub struct MllpSource {
    address: SocketAddr,
    tls: Option<ServerTls>,
    listener: Option<Listener>,
    shared: Arc<Shared>,
}

impl MllpSource {
    /// A source that will listen where the settings say; `None` when they name no address.
    /// `tls` is made from the identity and the anchors the settings name, see [`Settings::client_certificate`].
    pub fn new(
        partner: PartnerName,
        settings: &Settings,
        admission: MllpAdmission,
        tls: Option<ServerTls>,
        tools: SourceTools,
    ) -> Option<Self> {
        let shared = Shared {
            partner,
            admission,
            limits: settings.limits,
            budget: Budget::new(settings.limits.in_flight_bytes_max),
            tools,
            counters: Arc::default(),
        };
        Some(Self { address: settings.listen?, tls, listener: None, shared: Arc::new(shared) })
    }

    /// What it counts; keep it before the source is run.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    fn bind(&mut self) -> Result<Vec<SocketAddr>, LinkError> {
        let limits = jonction_net::Limits {
            connections_max: self.shared.limits.connections_max,
            handshake_timeout: self.shared.limits.handshake_timeout,
        };
        let listener = Listener::bind(self.address, self.tls.clone(), limits)
            .map_err(|error| cannot_listen(self.address, &error))?;
        let local = listener.local_addr();
        self.listener = Some(listener);
        Ok(vec![local])
    }
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> LinkError {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "un autre programme écoute déjà à cette adresse",
        io::ErrorKind::AddrNotAvailable => "cette adresse n'est pas celle de la machine",
        io::ErrorKind::PermissionDenied => "le système ne permet pas d'écouter sur ce port",
        _ => "le système refuse d'écouter",
    };
    LinkError {
        code: "mllp.cannot-listen",
        detail: format!("{address}: {}", error.kind()),
        sentence: format!("impossible d'écouter sur {address} : {why}"),
    }
}

impl Source for MllpSource {
    fn open(&mut self) -> BoxFuture<'_, Result<Vec<SocketAddr>, LinkError>> {
        Box::pin(async move { self.bind() })
    }

    fn run(self: Box<Self>, intake: Arc<dyn Intake>, stop: Stop, grace: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(listener) = self.listener else { return };
            let shared = self.shared;
            serve(listener, stop, grace, move |stream, peer, stop| {
                Counters::add(&shared.counters.connections, 1);
                Link::new(Arc::clone(&shared), Arc::clone(&intake), peer).run(stream, stop)
            })
            .await;
        })
    }
}
