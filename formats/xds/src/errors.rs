//! XDS error codes and what a client has to do about each.
//! In: `errorCode` of a `rs:RegistryError`. Out: its class. Source: dmp-xds.md §9.2.

/// What kind of fault a code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The other side is busy: the same bytes may pass later.
    Transient,
    /// Says nothing by itself: a few attempts, then a human reads `codeContext`.
    Unclear,
    /// A rule of the field forbids it (no DMP for this INS…): never an incident, never repeated.
    Functional,
    /// The content is refused: correct the data, then submit anew.
    Data,
    /// A fault of ours: keep everything, alert.
    Bug,
    /// The registry is in another state than we believed: look again, once.
    State,
    /// The query asks too much: narrow it.
    Query,
    /// The request succeeded.
    Warning,
    /// Exists in IHE, never seen at the DMP, or not listed: keep, show `codeContext`.
    Unknown,
}

/// A code, its class, and what to do, in French for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorRow {
    /// `errorCode`.
    pub code: &'static str,
    /// Its class.
    pub class: ErrorClass,
    /// What to do.
    pub remedy: &'static str,
}

const BUSY: &str = "aucune action : nouvel essai automatique, de plus en plus espacé";
const EXHAUSTED: &str = "nouvel essai automatique ; prévenir le DMP si cela dure plus d'une heure";
const READ_CONTEXT: &str = "lire le détail renvoyé par le DMP, puis relancer ou refuser la remise";
const CORRECT: &str = "corriger la métadonnée que nomme le détail, puis renvoyer le document";
const OUR_BUG: &str = "anomalie de la passerelle : conserver l'échange et prévenir le support";
const REFRESH: &str = "la version visée a changé : la passerelle la recherche à nouveau, une seule fois";
const NARROW: &str = "réduire la période ou découper la recherche";
const SHOW: &str = "code inattendu : lire le détail renvoyé par le DMP et prévenir le support";

use ErrorClass::{Bug, Data, Functional, Query, State, Transient, Unclear, Unknown, Warning};

const fn row(code: &'static str, class: ErrorClass, remedy: &'static str) -> ErrorRow {
    ErrorRow { code, class, remedy }
}

/// Every code of the sheet.
pub static XDS_ERRORS: &[ErrorRow] = &[
    row("XDSRegistryBusy", Transient, BUSY),
    row("XDSRepositoryBusy", Transient, BUSY),
    row("XDSRegistryOutOfResources", Transient, EXHAUSTED),
    row("XDSRepositoryOutOfResources", Transient, EXHAUSTED),
    row("XDSRegistryNotAvailable", Transient, BUSY),
    row("XDSRegistryError", Unclear, READ_CONTEXT),
    row("XDSRepositoryError", Unclear, READ_CONTEXT),
    row("XDSUnknownPatientId", Functional, "aucun DMP pour cet INS : ce n'est pas une anomalie"),
    row(
        "XDSPatientIdDoesNotMatch",
        Data,
        "le document visé appartient à un autre patient : vérifier l'identité",
    ),
    row(
        "XDSDuplicateUniqueIdInRegistry",
        Data,
        "document déjà présent : vérifier qu'il est identique, sinon lui donner un nouvel identifiant",
    ),
    row("XDSRegistryDuplicateUniqueIdInMessage", Bug, OUR_BUG),
    row("XDSRepositoryDuplicateUniqueIdInMessage", Bug, OUR_BUG),
    row("XDSNonIdenticalHash", Bug, "document altéré en chemin : ne pas renvoyer, prévenir le support"),
    row("XDSNonIdenticalSize", Bug, "document altéré en chemin : ne pas renvoyer, prévenir le support"),
    row("XDSMissingDocument", Bug, OUR_BUG),
    row("XDSMissingDocumentMetadata", Bug, OUR_BUG),
    row("XDSRegistryMetadataError", Data, CORRECT),
    row("XDSRepositoryMetadataError", Data, CORRECT),
    row("InvalidDocumentContent", Data, "corriger le CDA et le renvoyer avec un nouvel identifiant"),
    row("XDSRegistryDeprecatedDocumentError", State, REFRESH),
    row("UnresolvedReferenceException", State, REFRESH),
    row("XDSReplaceFailed", State, REFRESH),
    row("XDSExtraMetadataNotSaved", Warning, "aucune action : le dépôt a réussi"),
    row("XDSUnknownStoredQuery", Bug, OUR_BUG),
    row("XDSStoredQueryMissingParam", Bug, OUR_BUG),
    row("XDSStoredQueryParamNumber", Bug, OUR_BUG),
    row("XDSTooManyResults", Query, NARROW),
    row("XDSResultNotSinglePatient", Query, NARROW),
    row("XDSUnknownRepositoryId", Data, "reprendre les valeurs de la fiche du document"),
    row(
        "XDSDocumentUniqueIdError",
        Data,
        "document supprimé, ou droit manquant : reprendre la fiche du document",
    ),
    row("XDSMetadataUpdateError", State, REFRESH),
    row("XDSMetadataUpdateOperationError", State, REFRESH),
    row("XDSMetadataVersionError", State, REFRESH),
    row("XDSPatientIDReconciliationError", State, REFRESH),
    row("XDSInvalidRequestException", Unknown, SHOW),
    row("XDSMetadataIdentifierError", Unknown, SHOW),
    row("XDSObjectTypeError", Unknown, SHOW),
    row("UnmodifiableMetadataError", Unknown, SHOW),
    row("XDSMetadataAnnotationError", Unknown, SHOW),
    row("LocalPolicyRestrictionError", Unknown, SHOW),
    row("ReferencesExistException", Unknown, SHOW),
    row("DocumentQueued", Unknown, SHOW),
];

/// The row of a code; unknown codes get class [`ErrorClass::Unknown`]. A prefix (`urn:…:`, `ns:`) is ignored.
pub fn lookup(code: &str) -> ErrorRow {
    let bare = code.rsplit(':').next().unwrap_or(code).trim();
    XDS_ERRORS.iter().find(|row| row.code == bare).copied().unwrap_or(row("", Unknown, SHOW))
}

/// The class of a code.
pub fn classify(code: &str) -> ErrorClass {
    lookup(code).class
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_stands_once_in_the_table() {
        for (at, row) in XDS_ERRORS.iter().enumerate() {
            assert!(XDS_ERRORS[..at].iter().all(|other| other.code != row.code), "{}", row.code);
        }
    }

    #[test]
    fn codes_are_classified_as_the_sheet_says() {
        let classes =
            ["XDSRegistryBusy", "XDSUnknownPatientId", "XDSNonIdenticalHash", "InvalidDocumentContent"]
                .map(classify);
        assert_eq!(classes, [Transient, Functional, Bug, Data]);
        assert_eq!(classify("UnresolvedReferenceException"), State);
        assert_eq!(classify("XDSExtraMetadataNotSaved"), Warning);
        assert_eq!(classify("DMPSomethingNew"), Unknown);
    }
}
