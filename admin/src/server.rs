//! Listens for the administration: on the loopback for commands of this machine, and where `admin` says for others.
//! In: an open engine, settings, TLS material. Out: a running [`Admin`], found through `admin.json`.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use jonction_model::Entropy;
use jonction_net::{Limits, Listener, ServerTls, Stream, serve};
use jonction_ports::{Stop, StopHandle};
use tokio::{sync::Semaphore, task::JoinHandle};

use crate::{
    api::{Api, Ongoing, QUESTIONS_AT_ONCE, Shared, Tokens},
    local::LocalAccess,
    metrics::Metric,
    reload::Reload,
    status::Identity,
    watch::{Watch, Watched},
};

/// Connections at once, per address.
const CONNECTIONS_MAX: usize = 64;
/// Longest wait for the head of a request; an idle connection is closed after it.
const HEAD_MAX: Duration = Duration::from_secs(15);
/// Longest wait for the answers under way, when stopping.
const GRACE: Duration = Duration::from_secs(2);

/// Why the administration cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// `admin.json` cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl AdminError {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "admin.cannot-listen",
            Self::Write { .. } => "admin.cannot-write",
        }
    }

    /// What happened, in French.
    pub fn sentence(&self) -> String {
        match self {
            Self::Listen { address, .. } => format!("l'administration ne peut pas écouter sur {address}"),
            Self::Write { path, .. } => format!("{} ne s'écrit pas", path.display()),
        }
    }

    /// What to do, in French.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "libérer ce port, ou changer « admin: listen: » dans jonction.yaml",
            Self::Write { .. } => "vérifier les droits et la place sur le disque",
        }
    }
}

/// What the administration is made with.
pub struct Parts {
    /// What it looks at, and whom it calls.
    pub watched: Watched,
    /// Where the declared address is; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// TLS of the declared address; required outside the loopback.
    pub tls: Option<ServerTls>,
    /// Reads routes again; `None`: this gateway does not.
    pub reload: Option<Arc<dyn Reload>>,
    /// Token of monitoring programs, in clear.
    pub token: Option<String>,
    /// Makes the local token.
    pub entropy: Arc<dyn Entropy>,
}

/// A running administration.
pub struct Admin {
    /// Where the declared address really listens.
    pub address: SocketAddr,
    /// Whether that is in TLS.
    pub tls: bool,
    data: PathBuf,
    stop: StopHandle,
    tasks: Vec<JoinHandle<()>>,
}

impl Admin {
    /// Listens, then tells where in `admin.json`. An error leaves nothing open.
    pub async fn start(parts: Parts) -> Result<Self, AdminError> {
        let data = parts.watched.engine.data_dir().to_owned();
        let tls = parts.tls.is_some();
        let declared = bind(parts.listen, parts.tls)?;
        let address = declared.local_addr();
        // Commands of this machine never need a certificate: beside an address in TLS, they have one of their own.
        let local = match address.ip().is_loopback() && !tls {
            true => None,
            false => Some(bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), None)?),
        };
        let of_commands = local.as_ref().map_or(address, Listener::local_addr);
        let access = LocalAccess::new(of_commands, &*parts.entropy);
        access.write(&data).map_err(|source| AdminError::Write { path: LocalAccess::path(&data), source })?;
        let tokens = Tokens::new([access.token.as_str()].into_iter().chain(parts.token.as_deref()));
        let (engine, health, metrics) =
            (parts.watched.engine.clone(), parts.watched.health.clone(), parts.watched.metrics.clone());
        let started_at = parts.watched.clock.now();
        let (name, version) = (parts.watched.gateway.clone(), env!("CARGO_PKG_VERSION"));
        metrics.set(Metric::BuildInfo, &[version], 1.0);
        metrics.set(Metric::StartTime, &[], started_at.as_second() as f64);
        let watch = Watch::new(parts.watched).await;
        let router = Api::new(Shared {
            engine,
            health,
            metrics,
            watch: watch.clone(),
            gateway: Identity { name, version, started_at },
            tokens,
            reload: parts.reload,
            ongoing: Ongoing::default(),
            questions: Semaphore::new(QUESTIONS_AT_ONCE),
        })
        .router();
        let (stop, listener) = StopHandle::new();
        let mut tasks = vec![tokio::spawn(watch.clone().run(listener.clone()))];
        for channel in watch.channels() {
            tasks.push(tokio::spawn(watch.clone().send_all(channel.clone(), listener.clone())));
        }
        let listeners = [Some(declared), local].into_iter().flatten();
        tasks
            .extend(listeners.map(|bound| tokio::spawn(answer_all(bound, router.clone(), listener.clone()))));
        Ok(Self { address, tls, data, stop, tasks })
    }

    /// Where the declared address answers.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.address)
    }

    /// Answers what was asked, then closes; nobody finds it any more.
    pub async fn stop(mut self) {
        LocalAccess::remove(&self.data);
        self.stop.stop();
        for task in std::mem::take(&mut self.tasks) {
            // A task that panicked has said so where it did.
            let _ = task.await;
        }
    }
}

impl Drop for Admin {
    /// Dropped without a stop: the start failed further on.
    fn drop(&mut self) {
        LocalAccess::remove(&self.data);
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn bind(address: SocketAddr, tls: Option<ServerTls>) -> Result<Listener, AdminError> {
    let limits = Limits { connections_max: CONNECTIONS_MAX, ..Limits::default() };
    Listener::bind(address, tls, limits).map_err(|source| AdminError::Listen { address, source })
}

async fn answer_all(listener: Listener, router: Router, stop: Stop) {
    serve(listener, stop, GRACE, move |stream, _, stop| answer(stream, router.clone(), stop)).await;
}

/// One connection. What its client does wrong ends it, and concerns nobody else.
async fn answer(stream: Stream, router: Router, mut stop: Stop) {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_MAX);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection of the administration ended badly");
    }
}
