//! Table 0533 as the French volets use it: why software refuses a document or a message, and what to do about it.
//! In: ERR-5.1. Out: label, remedy, whether the message waits for a human. Source: hl7v2.md §2.14, mssante.md §4.3.

/// One functional error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApplicationError {
    /// ERR-5.1.
    pub code: &'static str,
    /// Its label in the volet.
    pub label: &'static str,
    /// What to do, for the operator.
    pub remedy: &'static str,
    /// Somebody at the receiver can mend it, and the same message then passes: it waits, it is not refused.
    pub mends: bool,
}

/// Every functional error of the volets.
pub const APPLICATION_ERRORS: &[ApplicationError] = &[
    row(
        "900",
        "version du document incorrecte lors d'une demande de remplacement ou de suppression",
        "demander à l'auteur la version en cours : le destinataire en a une autre",
        false,
    ),
    row(
        "901",
        "auteur non autorisé à remplacer ou supprimer un document",
        "faire envoyer la demande par l'auteur du document, ou par sa structure",
        false,
    ),
    row(
        "902",
        "identifiant patient inconnu",
        "créer ou rapprocher l'identité dans le logiciel destinataire, puis renvoyer (jonction parked resend)",
        true,
    ),
    row("903", "INS non présent dans le document", "demander à l'auteur un document qui porte l'INS", false),
    row(
        "904",
        "l'INS transmis ne correspond pas exactement à celui du destinataire",
        "vérifier l'identité des deux côtés (matricule et traits) avant tout renvoi",
        false,
    ),
    row(
        "905",
        "l'INS transmis n'est pas complet",
        "demander à l'auteur un document qui porte les traits de l'INS",
        false,
    ),
    row("906", "erreur « autre »", "demander la cause à l'éditeur du logiciel destinataire", false),
];

const fn row(code: &'static str, label: &'static str, remedy: &'static str, mends: bool) -> ApplicationError {
    ApplicationError { code, label, remedy, mends }
}

/// The error of this code.
pub fn application_error(code: &str) -> Option<&'static ApplicationError> {
    APPLICATION_ERRORS.iter().find(|error| error.code == code)
}
