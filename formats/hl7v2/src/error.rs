//! Why bytes are not a message.
//! In: what the index met. Out: a stable code, a place, and the finding to answer. Source: hl7v2.md §6.1, H002, H003.

use jonction_model::{Finding, Place};

/// The bytes cannot be read as one message. Says where, never what the bytes were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (segment {segment}, byte {offset})")]
pub struct ParseError {
    /// What is wrong.
    pub fault: ParseFault,
    /// Segment, from 1; 0 before the first one.
    pub segment: usize,
    /// Byte of the input, from 0.
    pub offset: usize,
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseFault {
    /// Nothing but blanks.
    #[error("no message: the input is empty")]
    Empty,
    /// The first segment is not MSH.
    #[error("the message does not start with MSH")]
    NoHeader,
    /// UTF-16 or UTF-32: its bytes hold zeros, a byte scan would find false separators.
    #[error("the message is encoded in UTF-16 or UTF-32")]
    WideCharset,
    /// MSH-1 is missing, blank, a control byte, a letter or a digit.
    #[error("msh-1 is not a usable field separator")]
    FieldSeparator,
    /// MSH-2 has no character, or over five.
    #[error("msh-2 must have 1 to 5 characters")]
    EncodingCharacters,
    /// A character of MSH-2 is a letter, a digit, blank, a control byte, or not ASCII.
    #[error("msh-2 holds a character that cannot separate")]
    UnusableDelimiter,
    /// Two delimiters are the same character.
    #[error("two delimiters are the same character")]
    SameDelimiters,
    /// Over [`crate::Limits::message_bytes_max`].
    #[error("the message is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Over [`crate::Limits::segments_max`].
    #[error("the message has over {limit} segments")]
    TooManySegments {
        /// The limit.
        limit: usize,
    },
    /// Over [`crate::Limits::fields_max`].
    #[error("the message has over {limit} fields")]
    TooManyFields {
        /// The limit.
        limit: usize,
    },
}

impl ParseError {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        self.row().0
    }

    /// The finding to show and to answer.
    pub fn finding(&self) -> Finding {
        let (code, wire, path, sentence, remedy) = self.row();
        Finding::error(code, sentence)
            .at(Place::path(path))
            .remedy(remedy)
            .requirement("hl7v2.md §6.1")
            .wire_code(wire)
    }

    /// Code, ERR-3, path, sentence, remedy.
    #[rustfmt::skip]
    fn row(&self) -> (&'static str, &'static str, &'static str, &'static str, &'static str) {
        use ParseFault::*;
        match self.fault {
            Empty => ("hl7v2.empty", "100", "", "le message est vide",
                "envoyer un message qui commence par le segment MSH"),
            NoHeader => ("hl7v2.no-header", "100", "MSH", "le message ne commence pas par le segment MSH",
                "placer le segment MSH en tête, sans autre segment devant"),
            WideCharset => ("hl7v2.wide-charset", "199", "MSH-18", "le message est en UTF-16 ou UTF-32",
                "émettre en UTF-8 (MSH-18 = UNICODE UTF-8) ou en ISO 8859-15 (MSH-18 = 8859/15)"),
            FieldSeparator => ("hl7v2.field-separator", "102", "MSH-1",
                "MSH-1 ne peut pas servir de séparateur de champs", "écrire MSH|^~\\&|"),
            EncodingCharacters => ("hl7v2.encoding-characters", "102", "MSH-2",
                "MSH-2 doit compter de 1 à 5 caractères", "écrire MSH|^~\\&|"),
            UnusableDelimiter => ("hl7v2.unusable-delimiter", "102", "MSH-2",
                "MSH-2 contient un caractère qui ne peut pas servir de séparateur", "écrire MSH|^~\\&|"),
            SameDelimiters => ("hl7v2.same-delimiters", "102", "MSH-2",
                "deux séparateurs de MSH-1 et MSH-2 sont identiques", "écrire MSH|^~\\&|"),
            TooLong { .. } => ("hl7v2.too-long", "199", "", "le message dépasse la taille acceptée",
                "réduire la taille des documents joints, ou faire relever la limite de la route"),
            TooManySegments { .. } => ("hl7v2.too-many-segments", "199", "",
                "le message compte trop de segments", "découper l'envoi en plusieurs messages"),
            TooManyFields { .. } => ("hl7v2.too-many-fields", "199", "",
                "le message compte trop de champs", "découper l'envoi en plusieurs messages"),
        }
    }
}
