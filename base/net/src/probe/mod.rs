//! The steps that every partner shares: name, TCP, TLS, the peer's certificates, ours; then a line to talk on.
//! In: where, whom we believe, who we are, how long. Out: steps with their cause in words; a [`Line`] when all went well.
//! Source: dependencies §2.2 (in TLS 1.3 our certificate is judged after the handshake: read before you believe).

mod causes;
mod chain;
mod clock;
mod tap;
mod watch;

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use jiff::Timestamp;
use jonction_model::Finding;
use jonction_ports::{StepKind, Steps};
use rustls::{ClientConfig, ProtocolVersion, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub use causes::speaker;
use causes::{Seen, explain, heard, soon};
use chain::Facts;
pub use chain::shown;
pub use clock::{clock_step, http_date, mail_date};
use tap::Tap;
use watch::{Asked, Watching};

use crate::{
    endpoint::Endpoint,
    fault::DialError,
    material::{Anchors, Identity, MaterialError},
    tls::{provider, server_verifier, unusable},
};

/// First bytes of a peer kept to recognise its protocol.
const SAID_MAX: usize = 64;
/// How long a silent peer is listened to before it is believed to have nothing to object.
const SILENCE: Duration = Duration::from_secs(1);

/// TLS of a probe: as the partner is called in production, and watched.
#[derive(Clone, Debug)]
pub struct ProbeTls {
    /// Whom we believe.
    pub anchors: Anchors,
    /// Who we are.
    pub identity: Option<Identity>,
    /// Name the certificate must bear; `None`: the host that is called.
    pub server_name: Option<String>,
}

impl ProbeTls {
    /// As a caller without a certificate sees a listener of ours: by the first name of its own certificate.
    pub fn of_listener(anchors: Anchors, listener: &Identity) -> Self {
        let facts = listener.chain().first().and_then(Facts::of);
        Self { anchors, identity: None, server_name: facts.and_then(|facts| facts.names.into_iter().next()) }
    }
}

/// What this protocol does with the certificate of whoever calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutual {
    /// It asks for ours; a peer that does not is remarked upon.
    Expected,
    /// It may.
    Optional,
    /// We call ourselves, without one: to be turned away for that is what we hope for.
    Demanded,
}

/// What is tried, and how long each step may take.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Where.
    pub endpoint: Endpoint,
    /// Longest wait of one step.
    pub step_timeout: Duration,
    /// Now, on our clock.
    pub now: Timestamp,
}

/// An open connection, with what was seen of the peer so far.
#[derive(Debug)]
pub struct Line {
    wire: Wire,
    /// Bytes that came while we listened.
    early: Vec<u8>,
    /// The very first bytes of the peer, inside TLS when there is TLS.
    said: Vec<u8>,
    seen: Box<Seen>,
}

#[derive(Debug)]
enum Wire {
    Plain(Tap),
    Tls(Box<TlsStream<Tap>>),
}

/// What a silent moment brought.
#[derive(Debug, PartialEq, Eq)]
enum Quiet {
    /// Nothing, or a proof that TLS is complete on the other side too.
    Silent { proven: bool },
    /// Bytes.
    Spoke,
    /// It hung up.
    Broken(DialError),
}

impl Reach {
    /// Name and TCP. `None`: a step failed.
    pub async fn connect(&self, steps: &mut Steps) -> Option<Line> {
        let seen = Seen { peer: self.endpoint.to_string(), now: self.now, ..Seen::default() };
        let fail = |steps: &mut Steps, kind, fault: &DialError| {
            steps.failed(kind, explain(fault, &seen));
            None
        };
        let host = (self.endpoint.host.as_str(), self.endpoint.port);
        let addresses: Vec<SocketAddr> = match timeout(self.step_timeout, lookup_host(host)).await {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(_)) => Vec::new(),
            Err(_) => return fail(steps, StepKind::Name, &DialError::Timeout),
        };
        if addresses.is_empty() {
            return fail(steps, StepKind::Name, &DialError::NameNotFound);
        }
        let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        steps.done(StepKind::Name, format!("{} → {}", self.endpoint.host, shown.join(", ")));
        let mut last = DialError::Timeout;
        let mut passed_over = Vec::new();
        for address in addresses {
            match timeout(self.step_timeout, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => {
                    // Without Nagle's delay, as in production; a socket that refuses it is good enough for a probe.
                    let _ = tcp.set_nodelay(true);
                    let finding = (!passed_over.is_empty()).then(|| {
                        Finding::warning(
                            "net.address-dead",
                            format!("ne répond pas : {}", passed_over.join(", ")),
                        )
                        .remedy("chaque appel perd ce délai : faire corriger le DNS")
                    });
                    steps.noted(StepKind::Tcp, address.to_string(), finding);
                    return Some(Line {
                        wire: Wire::Plain(Tap::new(tcp)),
                        early: Vec::new(),
                        said: Vec::new(),
                        seen: Box::new(seen),
                    });
                }
                Ok(Err(error)) => last = DialError::of(&error),
                Err(_) => last = DialError::Timeout,
            }
            passed_over.push(address.to_string());
        }
        fail(steps, StepKind::Tcp, &last)
    }

    /// TLS on an open line, then the peer's certificates, then what it thinks of ours.
    /// `None`: a step failed, or (with [`Mutual::Demanded`]) we were turned away as we should.
    pub async fn secure(
        &self,
        line: Line,
        tls: &ProbeTls,
        mutual: Mutual,
        steps: &mut Steps,
    ) -> Option<Line> {
        let mut seen = line.seen;
        seen.expected = tls.server_name.clone().unwrap_or_else(|| self.endpoint.host.clone());
        seen.anchors = anchor_names(&tls.anchors);
        seen.ours = tls.identity.as_ref().and_then(|identity| Facts::of(identity.chain().first()?));
        let Wire::Plain(mut tap) = line.wire else { return None };
        tap.forget();
        let (watching, asked, config) = match watched(tls) {
            Ok(config) => config,
            Err(error) => {
                steps.failed(StepKind::Tls, Finding::error(error.code(), error.sentence()));
                return None;
            }
        };
        let Ok(name) = ServerName::try_from(seen.expected.clone()) else {
            let sentence = format!("« {} » n'est pas un nom de machine", seen.expected);
            let finding =
                Finding::error("net.wrong-name", sentence).remedy("corriger l'adresse ou server_name");
            steps.failed(StepKind::Tls, finding);
            return None;
        };
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, tap).into_fallible();
        let shaken = timeout(self.step_timeout, connecting).await;
        seen.chain = watching.chain().iter().filter_map(Facts::of).collect();
        seen.accepts = asked.accepted();
        let mut tls = match shaken {
            Ok(Ok(tls)) => tls,
            Ok(Err((error, tap))) => {
                seen.first = tap.first().to_vec();
                let kind = self.failed_at(&error, &seen);
                if kind != StepKind::Tls {
                    steps.done(StepKind::Tls, "le serveur parle TLS");
                }
                steps.failed(kind, self.handshake_finding(&error, &seen));
                return None;
            }
            Err(_) => {
                let sentence =
                    format!("{} accepte la connexion et ne répond rien à notre salut TLS", seen.peer);
                let finding = Finding::error("net.silent", sentence)
                    .remedy("vérifier le port, et si ce partenaire se joint en clair ou par STARTTLS");
                steps.failed(StepKind::Tls, finding);
                return None;
            }
        };
        let (tap, connection) = tls.get_mut();
        let version = connection.protocol_version();
        if version == Some(ProtocolVersion::TLSv1_2) {
            tap.watch_records();
        }
        steps.done(StepKind::Tls, tls_words(version, connection.negotiated_cipher_suite()));
        if let Some(server) = seen.chain.first() {
            steps.noted(StepKind::Chain, server.describe(self.now), soon(server, "du serveur", self.now));
        }
        let mut line = Line { wire: Wire::Tls(Box::new(tls)), early: Vec::new(), said: Vec::new(), seen };
        let proven_already = version == Some(ProtocolVersion::TLSv1_2);
        let quiet = line.listen(SILENCE.min(self.step_timeout), !proven_already).await;
        line.ours(quiet, proven_already, mutual, steps).then_some(line)
    }

    /// Which step a failed handshake belongs to.
    fn failed_at(&self, error: &io::Error, seen: &Seen) -> StepKind {
        match DialError::of(error).code() {
            "net.our-certificate-refused" => StepKind::OurCertificate,
            _ if seen.chain.is_empty() => StepKind::Tls,
            "net.tls-failed" | "net.closed" | "net.not-tls" => StepKind::Tls,
            _ => StepKind::Chain,
        }
    }

    fn handshake_finding(&self, error: &io::Error, seen: &Seen) -> Finding {
        let fault = DialError::of(error);
        if fault == DialError::Closed && seen.chain.is_empty() {
            return Finding::error(
                "net.closed",
                format!("{} ferme la connexion dès notre salut TLS", seen.peer),
            )
            .remedy("ce port n'est sans doute pas en TLS, ou le partenaire filtre les adresses");
        }
        explain(&fault, seen)
    }
}

impl Line {
    /// Waits for a word of the peer. `proof`: a session ticket of TLS 1.3 ends the wait, it is given only once our
    /// certificate was judged.
    async fn listen(&mut self, wait: Duration, proof: bool) -> Quiet {
        let Self { wire, early, said, .. } = self;
        let mut bytes = [0; 512];
        let heard = timeout(
            wait,
            poll_fn(|context| {
                let mut buffer = ReadBuf::new(&mut bytes);
                let polled = wire.poll_read(context, &mut buffer);
                match polled {
                    Poll::Ready(Ok(())) => Poll::Ready(Ok(Some(buffer.filled().to_vec()))),
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    // It waits for a handshake that will never come.
                    Poll::Pending if wire.tap().asked_again() => {
                        Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
                    }
                    Poll::Pending if proof && wire.tickets() > 0 => Poll::Ready(Ok(None)),
                    Poll::Pending => Poll::Pending,
                }
            }),
        );
        match heard.await {
            Err(_) => Quiet::Silent { proven: false },
            Ok(Ok(None)) => Quiet::Silent { proven: true },
            Ok(Ok(Some(bytes))) if bytes.is_empty() => Quiet::Broken(DialError::Closed),
            Ok(Ok(Some(bytes))) => {
                keep(said, &bytes);
                early.extend_from_slice(&bytes);
                Quiet::Spoke
            }
            Ok(Err(error)) => Quiet::Broken(DialError::of(&error)),
        }
    }

    /// The step on our own certificate. Out: whether the probe goes on.
    fn ours(&mut self, quiet: Quiet, proven_already: bool, mutual: Mutual, steps: &mut Steps) -> bool {
        if let Quiet::Broken(fault) = &quiet {
            let turned_away = matches!(fault, DialError::Tls(crate::TlsFault::OursRefused(_)));
            if mutual == Mutual::Demanded && turned_away {
                steps.done(StepKind::OurCertificate, "exige un certificat de l'appelant, comme réglé");
                return false;
            }
            steps.failed(StepKind::OurCertificate, self.explain(fault));
            return false;
        }
        let seen = &self.seen;
        let accepted = match quiet {
            Quiet::Silent { proven: false } if !proven_already => "pas d'objection en une seconde",
            _ => "accepté",
        };
        let expires = seen.ours.as_ref().and_then(|ours| soon(ours, "que nous présentons,", seen.now));
        let (words, finding) = match (&seen.accepts, &seen.ours) {
            _ if mutual == Mutual::Demanded => {
                let finding = Finding::error(
                    "net.anybody-enters",
                    "cette écoute devrait exiger un certificat de l'appelant, et laisse entrer sans",
                );
                steps.failed(StepKind::OurCertificate, finding.remedy("voir client_certificate de ce partenaire"));
                return false;
            }
            (Some(_), Some(ours)) => (format!("{}, {accepted}", ours.describe(seen.now)), expires),
            (Some(_), None) => ("demandé ; aucun n'est configuré, et le serveur continue sans".to_owned(), None),
            (None, _) if mutual == Mutual::Expected => (
                "pas demandé par le serveur".to_owned(),
                Some(
                    Finding::warning(
                        "net.certificate-not-asked",
                        "ce partenaire devrait exiger notre certificat, et ne le demande pas à la poignée de main",
                    )
                    .remedy("vérifier l'adresse ; s'il le demande plus tard par renégociation, il ne peut pas être atteint"),
                ),
            ),
            (None, _) => ("pas demandé par le serveur".to_owned(), expires),
        };
        steps.noted(StepKind::OurCertificate, words, finding);
        true
    }

    /// Listens to a peer that must stay silent. `Err`: what came instead.
    pub async fn stays_silent(&mut self, wait: Duration) -> Result<(), Finding> {
        let quiet = if self.early.is_empty() { self.listen(wait, false).await } else { Quiet::Spoke };
        match quiet {
            Quiet::Silent { .. } => Ok(()),
            Quiet::Spoke => Err(self.unexpected("le silence : un récepteur ne parle pas le premier")),
            Quiet::Broken(fault) => Err(self.explain(&fault)),
        }
    }

    /// What an error of this line means, with everything seen of the peer.
    pub fn explain(&self, fault: &DialError) -> Finding {
        let mut seen = (*self.seen).clone();
        seen.asked_again = self.wire.tap().asked_again();
        seen.first.clone_from(&self.said);
        explain(fault, &seen)
    }

    /// The peer speaks another protocol than the one expected.
    pub fn unexpected(&self, expected: &str) -> Finding {
        let sentence =
            format!("{} ne parle pas le protocole attendu ; il dit {}", self.seen.peer, heard(&self.said));
        Finding::error("net.wrong-protocol", sentence)
            .expected(expected, speaker(&self.said).unwrap_or("inconnu"))
            .remedy("vérifier le port : c'est sans doute celui d'un autre service")
    }

    /// `host:port`.
    pub fn peer(&self) -> &str {
        &self.seen.peer
    }

    /// Hangs up politely, without waiting long.
    pub async fn close(mut self) {
        use tokio::io::AsyncWriteExt as _;
        // The peer may be gone already: there is nobody to tell.
        let _ = timeout(SILENCE, self.shutdown()).await;
    }
}

impl Wire {
    fn tap(&self) -> &Tap {
        match self {
            Self::Plain(tap) => tap,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }

    fn tickets(&self) -> u32 {
        match self {
            Self::Plain(_) => 0,
            Self::Tls(tls) => tls.get_ref().1.tls13_tickets_received(),
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tap) => Pin::new(tap).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(context, buffer),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            let taken = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early[..taken]);
            self.early.drain(..taken);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = self.wire.poll_read(context, buffer);
        keep(&mut self.said, &buffer.filled()[before..]);
        polled
    }
}

fn keep(said: &mut Vec<u8>, bytes: &[u8]) {
    said.extend_from_slice(&bytes[..bytes.len().min(SAID_MAX.saturating_sub(said.len()))]);
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Plain(tap) => Pin::new(tap).poll_write(context, bytes),
            Wire::Tls(tls) => Pin::new(tls.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(tap) => Pin::new(tap).poll_flush(context),
            Wire::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(tap) => Pin::new(tap).poll_shutdown(context),
            Wire::Tls(tls) => {
                ready!(Pin::new(tls.as_mut()).poll_shutdown(context))?;
                Poll::Ready(Ok(()))
            }
        }
    }
}

type Watched = (Arc<Watching>, Arc<Asked>, ClientConfig);

/// The configuration of production, with two witnesses.
fn watched(tls: &ProbeTls) -> Result<Watched, MaterialError> {
    let watching = Arc::new(Watching::new(server_verifier(&tls.anchors)?));
    let asked = Arc::new(Asked::new(tls.identity.as_ref())?);
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(watching.clone())
        .with_client_cert_resolver(asked.clone());
    Ok((watching, asked, config))
}

fn anchor_names(anchors: &Anchors) -> Vec<String> {
    let names = anchors.roots.roots.iter().map(|root| watch::distinguished(&root.subject));
    names.collect()
}

/// `TLS 1.3, AES_256_GCM_SHA384`.
fn tls_words(version: Option<ProtocolVersion>, suite: Option<rustls::SupportedCipherSuite>) -> String {
    let version = match version {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
        other => format!("{other:?}"),
    };
    suite.map_or(version.clone(), |suite| format!("{version}, {:?}", suite.suite()))
}
