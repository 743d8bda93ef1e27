//! Faults of the DMP simulator: rows of a table, chosen by name in a plan.
//! Source: dmp-xds.md §11.2. A new fault is a row here and its arm where it plays.

use jonction_simkit::{FaultRow, FaultTable};

/// What the simulator does instead of, before or after its duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with a registry error, nothing stored.
    Registry(&'static str),
    /// Stores, and adds a warning to the success.
    Warning(&'static str),
    /// Answers with a SOAP fault of this subcode, nothing stored.
    Soap(&'static str),
    /// Answers an HTTP status with an HTML page, nothing stored.
    Html(u16),
    /// Does its duty, then waits before it answers.
    Slow,
    /// Does its duty, then sends the answer byte by byte.
    Trickle,
    /// Does its duty, then cuts the connection without any answer.
    DropAfterReceiving,
    /// Cuts the connection before reading the body.
    DropBeforeReading,
    /// Reads, does nothing, never answers.
    NeverAnswer,
    /// Does its duty, answers another question.
    WrongRelatesTo,
    /// Answers a SOAP fault with HTTP 200.
    FaultWith200,
    /// Answers a fault inside multipart/related.
    MultipartFault,
    /// Answers bytes that are not XML.
    Garbage,
    /// Answers an entity expansion bomb.
    BillionLaughs,
    /// Answers ten thousand nested elements.
    DeepNesting,
    /// Announces more bytes than it sends.
    Truncated,
    /// Answers a body that does not end.
    EndlessBody,
    /// Answers with a head of a megabyte.
    HugeHead,
    /// Answers multipart/related without a final boundary nor a root.
    BrokenMultipart,
    /// Closes during the TLS handshake. Plays on connections, not on requests.
    TlsAbort,
}

/// Every fault.
pub const FAULTS: FaultTable<Fault> = &[
    row("busy", "répond XDSRepositoryBusy", Fault::Registry("XDSRepositoryBusy")),
    row("registry-busy", "répond XDSRegistryBusy", Fault::Registry("XDSRegistryBusy")),
    row("out-of-resources", "répond XDSRegistryOutOfResources", Fault::Registry("XDSRegistryOutOfResources")),
    row(
        "registry-not-available",
        "répond XDSRegistryNotAvailable",
        Fault::Registry("XDSRegistryNotAvailable"),
    ),
    row("registry-error", "répond XDSRegistryError", Fault::Registry("XDSRegistryError")),
    row("repository-error", "répond XDSRepositoryError", Fault::Registry("XDSRepositoryError")),
    row("metadata-error", "répond XDSRegistryMetadataError", Fault::Registry("XDSRegistryMetadataError")),
    row("content-error", "répond InvalidDocumentContent", Fault::Registry("InvalidDocumentContent")),
    row("unknown-patient", "répond XDSUnknownPatientId", Fault::Registry("XDSUnknownPatientId")),
    row("patient-mismatch", "répond XDSPatientIdDoesNotMatch", Fault::Registry("XDSPatientIdDoesNotMatch")),
    row(
        "duplicate",
        "répond XDSDuplicateUniqueIdInRegistry",
        Fault::Registry("XDSDuplicateUniqueIdInRegistry"),
    ),
    row("hash-differs", "répond XDSNonIdenticalHash", Fault::Registry("XDSNonIdenticalHash")),
    row(
        "deprecated",
        "répond XDSRegistryDeprecatedDocumentError",
        Fault::Registry("XDSRegistryDeprecatedDocumentError"),
    ),
    row("unresolved", "répond UnresolvedReferenceException", Fault::Registry("UnresolvedReferenceException")),
    row("dmp-closed", "répond DMPClosed", Fault::Registry("DMPClosed")),
    row("unknown-code", "répond un code que personne ne connaît", Fault::Registry("DMPxyz")),
    row(
        "extra-metadata",
        "accepte avec l'avertissement XDSExtraMetadataNotSaved",
        Fault::Warning("XDSExtraMetadataNotSaved"),
    ),
    row(
        "invalid-certificate",
        "répond l'exception DMPInvalidCertificate",
        Fault::Soap("DMPInvalidCertificate"),
    ),
    row(
        "access-denied",
        "répond l'exception DMPAccessDeniedByRightsService",
        Fault::Soap("DMPAccessDeniedByRightsService"),
    ),
    row("slow", "répond après le délai réglé", Fault::Slow),
    row("trickle", "répond octet par octet", Fault::Trickle),
    row("drop-after-receiving", "enregistre, puis coupe sans répondre", Fault::DropAfterReceiving),
    row("drop-before-reading", "coupe avant de lire", Fault::DropBeforeReading),
    row("never-answer", "lit et ne répond jamais", Fault::NeverAnswer),
    row("http-503", "répond 503 avec une page HTML", Fault::Html(503)),
    row("http-403", "répond 403 avec une page HTML", Fault::Html(403)),
    row("fault-html-500", "répond 500 avec une page HTML", Fault::Html(500)),
    row("fault-with-200", "répond une exception SOAP avec HTTP 200", Fault::FaultWith200),
    row("multipart-fault", "répond une exception SOAP dans un multipart", Fault::MultipartFault),
    row("wrong-relates-to", "enregistre, puis répond à une autre question", Fault::WrongRelatesTo),
    row("garbage", "répond des octets qui ne sont pas du XML", Fault::Garbage),
    row("billion-laughs", "répond une bombe à entités", Fault::BillionLaughs),
    row("deep-nesting", "répond dix mille éléments emboîtés", Fault::DeepNesting),
    row("truncated", "annonce plus d'octets qu'il n'en envoie", Fault::Truncated),
    row("endless-body", "répond un corps sans fin", Fault::EndlessBody),
    row("huge-head", "répond un en-tête HTTP d'un mégaoctet", Fault::HugeHead),
    row("broken-multipart", "répond un multipart sans racine ni fin", Fault::BrokenMultipart),
    row("tls-abort", "coupe pendant la poignée de main TLS", Fault::TlsAbort),
];

const fn row(name: &'static str, summary: &'static str, fault: Fault) -> FaultRow<Fault> {
    FaultRow { name, summary, fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        let mut names: Vec<_> = FAULTS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAULTS.len());
    }
}
