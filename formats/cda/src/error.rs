//! Why a document could not be read, and where.
//! In: what the readers met. Out: a stable code, a French sentence and a remedy, without any datum of the document.

use std::{fmt, io};

use jonction_model::{Finding, Place};

/// A place in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spot {
    /// Byte of the document, from 0.
    pub offset: usize,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
}

impl Spot {
    /// First byte of a document.
    pub const START: Spot = Spot { offset: 0, line: 1, column: 1 };

    /// The place with an XPath.
    pub fn place(self, path: impl Into<String>) -> Place {
        Place::at(path, self.line, self.column)
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a document could not be read. The document is at fault, save [`CdaError::Io`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CdaError {
    /// Nothing but blanks.
    #[error("document is empty")]
    Empty,
    /// Longer than allowed.
    #[error("document is longer than {limit} bytes")]
    TooLong {
        /// [`crate::Limits::document_bytes_max`].
        limit: usize,
    },
    /// The bytes are not in the declared charset, or the charset is not one we read.
    #[error("document charset cannot be read at {at}: {detail}")]
    Charset {
        /// Where.
        at: Spot,
        /// What is wrong.
        detail: &'static str,
    },
    /// A document type declaration.
    #[error("document has a DOCTYPE at {at}")]
    Doctype {
        /// Where.
        at: Spot,
    },
    /// A reference to an entity that only a DTD could declare.
    #[error("document refers to an entity at {at}")]
    Entity {
        /// Where.
        at: Spot,
    },
    /// Not well-formed XML.
    #[error("document is not well-formed XML at {at}: {detail}")]
    NotXml {
        /// Where.
        at: Spot,
        /// What is wrong.
        detail: &'static str,
    },
    /// Well-formed, but another kind of document.
    #[error("root is not a ClinicalDocument at {at}")]
    WrongRoot {
        /// Where.
        at: Spot,
    },
    /// A wrapper (style sheet, signature) without a ClinicalDocument.
    #[error("no ClinicalDocument was found inside the wrapper")]
    NoDocument,
    /// One of the structural limits.
    #[error("document exceeds the limit of {limit} {what} at {at}")]
    Limit {
        /// Where.
        at: Spot,
        /// What is counted: `nested elements`, `attributes`…
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The embedded body cannot be decoded.
    #[error("embedded body is not base64")]
    NotBase64,
    /// There is no embedded body of that kind.
    #[error("document has no embedded body")]
    NoBody,
    /// The reader that gives the bytes failed.
    #[error("document could not be read")]
    Io(#[from] io::Error),
}

impl CdaError {
    /// Stable name. Never reused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "cda.empty",
            Self::TooLong { .. } => "cda.too-long",
            Self::Charset { .. } => "cda.charset",
            Self::Doctype { .. } => "cda.doctype",
            Self::Entity { .. } => "cda.entity",
            Self::NotXml { .. } => "cda.not-xml",
            Self::WrongRoot { .. } => "cda.wrong-root",
            Self::NoDocument => "cda.no-document",
            Self::Limit { .. } => "cda.limit",
            Self::NotBase64 => "cda.body-not-base64",
            Self::NoBody => "cda.no-body",
            Self::Io(_) => "cda.io",
        }
    }

    /// Where, when the fault has a place.
    pub fn spot(&self) -> Option<Spot> {
        match self {
            Self::Charset { at, .. }
            | Self::Doctype { at }
            | Self::Entity { at }
            | Self::NotXml { at, .. }
            | Self::WrongRoot { at }
            | Self::Limit { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// French sentence and remedy.
    pub fn explain(&self) -> (String, &'static str) {
        let (sentence, remedy) = match self {
            Self::Empty => ("le document est vide", "joindre le document CDA en base64"),
            Self::TooLong { limit } => {
                return (
                    format!("le document dépasse {limit} octets"),
                    "réduire le document, les images du PDF par exemple",
                );
            }
            Self::Charset { .. } => (
                "les octets du document ne sont pas dans l'encodage qu'il déclare, ou cet encodage n'est pas lu ici",
                "encoder le document en UTF-8 et le déclarer ainsi",
            ),
            Self::Doctype { .. } => {
                ("le document contient un DOCTYPE", "retirer le DOCTYPE : il est interdit dans un CDA")
            }
            Self::Entity { .. } => {
                ("le document utilise une entité non déclarée", "écrire les caractères eux-mêmes, en UTF-8")
            }
            Self::NotXml { .. } => {
                ("le document n'est pas du XML bien formé", "corriger le XML à l'endroit indiqué")
            }
            Self::WrongRoot { .. } => (
                "la racine du document n'est pas ClinicalDocument (urn:hl7-org:v3)",
                "transmettre un CDA R2, avec son espace de noms",
            ),
            Self::NoDocument => {
                ("l'enveloppe ne contient pas de ClinicalDocument", "transmettre un CDA R2 dans l'enveloppe")
            }
            Self::Limit { what, limit, .. } => {
                return (
                    format!("le document dépasse une limite de lecture : {} ({limit})", french(what)),
                    "simplifier le document",
                );
            }
            Self::NotBase64 => ("le corps du document n'est pas du base64", "encoder le corps en base64"),
            Self::NoBody => {
                ("le document ne contient pas de corps de ce type", "joindre un PDF dans le document")
            }
            Self::Io(_) => ("le document n'a pas pu être lu", "voir le journal de la passerelle"),
        };
        (sentence.to_owned(), remedy)
    }

    /// The error as a finding of check `check` (or of its own code, when empty).
    pub fn finding(&self, check: &str) -> Finding {
        let (sentence, remedy) = self.explain();
        let check = if check.is_empty() { self.code() } else { check };
        let place = self.spot().map_or_else(Place::default, |spot| spot.place(""));
        Finding::error(check, sentence).at(place).remedy(remedy).requirement("cda.md §1")
    }
}

/// The things that [`CdaError::Limit`] counts, in French.
fn french(what: &str) -> &'static str {
    match what {
        "nested elements" => "éléments imbriqués",
        "attributes" => "attributs d'un élément",
        "elements" => "éléments",
        "text bytes" => "octets d'un texte de l'en-tête",
        "namespace bindings" => "espaces de noms",
        "repetitions" => "répétitions d'un élément",
        _ => "octets avant la racine",
    }
}
