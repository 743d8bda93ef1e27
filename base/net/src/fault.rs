//! Why a link could not be made, or broke in TLS: a name for each cause an operator can act upon.
//! In: errors of the system and of `rustls`. Out: a fault with a stable code and a French sentence.
//! Source: dependencies §2.2; experience §5.

use std::io;

use rustls::{AlertDescription, CertificateError, Error as Tls, InvalidMessage};

/// Why a connection was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The name has no address.
    #[error("host name not found")]
    NameNotFound,
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// No way to that network.
    #[error("host or network unreachable")]
    Unreachable,
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The peer hung up.
    #[error("the peer closed the connection")]
    Closed,
    /// TLS said no.
    #[error("{0}")]
    Tls(#[from] TlsFault),
    /// Anything else of the system.
    #[error("{0}")]
    Io(String),
}

/// What went wrong in TLS. « Peer » is the other side, whoever called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// The peer's certificate has expired.
    #[error("the certificate of the peer has expired")]
    Expired,
    /// The peer's certificate is not valid yet.
    #[error("the certificate of the peer is not valid yet")]
    NotYetValid,
    /// The peer's certificate comes from an authority we do not know.
    #[error("the certificate of the peer comes from an unknown authority")]
    UnknownAuthority,
    /// The peer's certificate is for another name.
    #[error("the certificate of the peer is for another name")]
    WrongName,
    /// The peer's certificate was made for another use.
    #[error("the certificate of the peer is for another use")]
    WrongUsage,
    /// The peer's certificate was revoked.
    #[error("the certificate of the peer was revoked")]
    Revoked,
    /// The peer's certificate is wrong in another way.
    #[error("the certificate of the peer is not acceptable: {0}")]
    Unacceptable(String),
    /// The peer showed no certificate though one is required.
    #[error("the peer presented no certificate")]
    NoCertificate,
    /// The peer refused our certificate, or wanted one. Seen by a client only at its first read (TLS 1.3).
    #[error("the peer refused our certificate: {0}")]
    OursRefused(String),
    /// What came is not TLS.
    #[error("the peer does not speak TLS here")]
    NotTls,
    /// No version or cipher in common, or a broken exchange.
    #[error("TLS exchange failed: {0}")]
    Protocol(String),
}

impl DialError {
    /// From an error of a connect, a handshake, or a later read or write.
    pub fn of(error: &io::Error) -> Self {
        if let Some(fault) = TlsFault::of(error) {
            return Self::Tls(fault);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unreachable,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Closed,
            kind => Self::Io(kind.to_string()),
        }
    }

    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NameNotFound => "net.name-not-found",
            Self::Refused => "net.refused",
            Self::Unreachable => "net.unreachable",
            Self::Timeout => "net.timeout",
            Self::Closed => "net.closed",
            Self::Tls(fault) => fault.code(),
            Self::Io(_) => "net.io",
        }
    }

    /// What to tell the operator, in French: what happened and on whose side to look.
    pub fn sentence(&self) -> String {
        match self {
            Self::NameNotFound => {
                "le nom de machine est introuvable : vérifier l'adresse et le DNS".to_owned()
            }
            Self::Refused => "connexion refusée : rien n'écoute sur ce port".to_owned(),
            Self::Unreachable => {
                "machine injoignable : vérifier le réseau, la route et le pare-feu".to_owned()
            }
            Self::Timeout => {
                "pas de réponse dans le délai : machine arrêtée, pare-feu, ou service surchargé".to_owned()
            }
            Self::Closed => "le correspondant a fermé la connexion".to_owned(),
            Self::Tls(fault) => fault.sentence(),
            Self::Io(kind) => format!("erreur réseau ({kind})"),
        }
    }
}

impl TlsFault {
    /// The TLS fault inside an error of a stream, if there is one.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Tls>().map(Self::of_tls)
    }

    /// From an error of `rustls`.
    pub fn of_tls(error: &Tls) -> Self {
        match error {
            Tls::InvalidCertificate(error) => Self::of_certificate(error),
            Tls::NoCertificatesPresented => Self::NoCertificate,
            Tls::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::InvalidEmptyPayload
                | InvalidMessage::MessageTooLarge,
            ) => Self::NotTls,
            Tls::AlertReceived(alert) if is_about_our_certificate(*alert) => {
                Self::OursRefused(format!("{alert:?}"))
            }
            other => Self::Protocol(other.to_string()),
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::Revoked => Self::Revoked,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::WrongUsage
            }
            // A test authority made anew bears the old name with another key: unknown all the same.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownAuthority,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            other => Self::Unacceptable(other.to_string()),
        }
    }

    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired => "net.certificate-expired",
            Self::NotYetValid => "net.certificate-not-yet-valid",
            Self::UnknownAuthority => "net.unknown-authority",
            Self::WrongName => "net.wrong-name",
            Self::WrongUsage => "net.wrong-usage",
            Self::Revoked => "net.certificate-revoked",
            Self::Unacceptable(_) => "net.certificate-unacceptable",
            Self::NoCertificate => "net.peer-without-certificate",
            Self::OursRefused(_) => "net.our-certificate-refused",
            Self::NotTls => "net.not-tls",
            Self::Protocol(_) => "net.tls-failed",
        }
    }

    /// What to tell the operator, in French.
    pub fn sentence(&self) -> String {
        match self {
            Self::Expired => "le certificat du correspondant est expiré : à lui de le renouveler".to_owned(),
            Self::NotYetValid => {
                "le certificat du correspondant n'est pas encore valable : vérifier l'heure des deux machines".to_owned()
            }
            Self::UnknownAuthority => {
                "le certificat du correspondant vient d'une autorité inconnue : vérifier le fichier des autorités".to_owned()
            }
            Self::WrongName => {
                "le certificat du correspondant est établi pour un autre nom : vérifier l'adresse appelée".to_owned()
            }
            Self::WrongUsage => {
                "le certificat du correspondant n'est pas fait pour cet usage : à lui d'en installer un autre".to_owned()
            }
            Self::Revoked => "le certificat du correspondant est révoqué".to_owned(),
            Self::Unacceptable(why) => format!("le certificat du correspondant n'est pas acceptable ({why})"),
            Self::NoCertificate => "le correspondant n'a présenté aucun certificat, or il en faut un".to_owned(),
            Self::OursRefused(alert) => {
                format!("le correspondant refuse notre certificat, ou en attend un ({alert}) : vérifier qu'il connaît notre autorité")
            }
            Self::NotTls => "le correspondant ne parle pas TLS sur ce port".to_owned(),
            Self::Protocol(why) => format!("la négociation TLS a échoué ({why})"),
        }
    }
}

fn is_about_our_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(
        alert,
        A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied
            | A::CertificateRequired
            // How a peer answers a certificate whose signature it cannot verify.
            | A::DecryptError
    )
}
