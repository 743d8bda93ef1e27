//! What can be wrong with what a partner sent, or with our own key.
//! In → out: named cases, without any byte of the message. Source: style part 2.

use crate::certificate::CertificateFault;

/// Why bytes were not understood, not believed, or could not be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not well-formed XML, or XML we refuse to read (DTD, entity).
    #[error("xml refused at byte {offset}: {reason}")]
    Xml {
        /// Where, in bytes of the text being read.
        offset: u64,
        /// Why.
        reason: &'static str,
    },
    /// A limit of [`crate::Limits`] is exceeded.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Well-formed, but no SOAP envelope.
    #[error("soap envelope refused: {0}")]
    Envelope(&'static str),
    /// A `multipart/related` body that cannot be taken apart.
    #[error("multipart body refused: {0}")]
    Mtom(&'static str),
    /// A signature that is missing, of a form we refuse, or that does not verify.
    #[error("xml signature refused: {0}")]
    Signature(&'static str),
    /// A certificate that may not have signed this.
    #[error("certificate refused: {0}")]
    Certificate(#[from] CertificateFault),
    /// Our own key or certificate is unusable: the configuration is wrong.
    #[error("signing identity unusable: {0}")]
    Identity(&'static str),
    /// A value that cannot be written as asked: our bug, or a wrong setting.
    #[error("cannot be written: {0}")]
    Unwritable(&'static str),
}

impl Error {
    /// Stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Xml { .. } => "soap.xml-refused",
            Self::Limit { .. } => "soap.limit-exceeded",
            Self::Envelope(_) => "soap.envelope-refused",
            Self::Mtom(_) => "soap.multipart-refused",
            Self::Signature(_) => "soap.signature-refused",
            Self::Certificate(_) => "soap.certificate-refused",
            Self::Identity(_) => "soap.signing-identity-unusable",
            Self::Unwritable(_) => "soap.unwritable",
        }
    }
}
