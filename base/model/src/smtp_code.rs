//! SMTP codes that a ZAM^Z02 may carry, and how everything else folds into them: one table for all rooms.
//! In: a 3-digit reply or an enhanced status. Out: a code of the volet's list. Source: hl7v2.md §2.14, mssante.md §2.9.

use crate::report::ReportCode;

/// Table SMTPERRORCODE of the volet, labels abridged.
const TABLE: &[(u16, &str)] = &[
    (101, "le serveur ne peut pas se connecter"),
    (111, "connexion refusée"),
    (251, "destinataire non local, relayé"),
    (252, "destinataire non vérifiable, essai de remise"),
    (420, "délai dépassé pendant le transfert"),
    (421, "service indisponible"),
    (422, "boîte du destinataire pleine"),
    (431, "espace disque ou mémoire insuffisant"),
    (432, "mot de passe de transition nécessaire"),
    (441, "le serveur du destinataire ne répond pas"),
    (442, "connexion rompue pendant le transfert"),
    (450, "boîte momentanément indisponible"),
    (451, "traitement interrompu sur erreur"),
    (452, "ressources du serveur insuffisantes"),
    (500, "commande inconnue ou erreur de syntaxe"),
    (501, "erreur de syntaxe dans les paramètres"),
    (502, "commande non implémentée"),
    (503, "mauvaise séquence de commandes"),
    (504, "paramètre non implémenté"),
    (510, "adresse de messagerie incorrecte"),
    (512, "domaine du destinataire introuvable"),
    (513, "type ou écriture d'adresse incorrects"),
    (523, "taille supérieure à la limite du destinataire"),
    (530, "authentification requise"),
    (541, "message rejeté par le destinataire"),
    (550, "boîte inexistante ou indisponible"),
    (551, "relais refusé, destinataire non local"),
    (552, "espace de stockage dépassé"),
    (553, "nom de boîte invalide"),
    (554, "échec définitif de la transaction"),
];

/// A code of the table with its label; a code outside it folds to 451 (temporary) or 554 (permanent).
pub fn smtp_report_code(code: u16) -> ReportCode {
    let listed = TABLE.iter().find(|(known, _)| *known == code);
    let folded = if (400..500).contains(&code) { 451 } else { 554 };
    let (code, label) =
        listed.or_else(|| TABLE.iter().find(|(known, _)| *known == folded)).copied().unwrap_or((554, ""));
    ReportCode::new(code.to_string(), label)
}

/// Folds an enhanced status (`5.1.1`) into the table; `None` when it is not one.
/// A listed 3-digit code beside it wins: call [`smtp_report_code`] then.
pub fn smtp_code_of_status(status: &str) -> Option<u16> {
    let mut parts = status.split('.').map(|part| part.parse::<u16>().ok());
    let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || !matches!(class, 2 | 4 | 5) {
        return None;
    }
    Some(match (class, subject, detail) {
        (5, 1, 1) => 550,
        (5, 1, 2) => 512,
        (5, 1, 3) => 553,
        (5, 1, _) => 510,
        (4, 2, 2) => 422,
        (5, 2, 2) => 552,
        (5, 2, _) => 550,
        (4 | 5, 3, 4) => 523,
        (4, 4, 1) => 441,
        (4, 4, 2) => 442,
        (5, 4, 4) => 512,
        (5, 7, _) => 541,
        (4, _, _) => 451,
        _ => 554,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_of_the_volet_come_out() {
        assert_eq!(smtp_report_code(550).code, "550");
        assert_eq!(smtp_report_code(555).code, "554");
        assert_eq!(smtp_report_code(454).code, "451");
    }

    #[test]
    fn enhanced_statuses_fold_as_the_sheet_says() {
        let folded = ["5.1.1", "5.1.6", "4.2.2", "5.2.2", "5.3.4", "4.4.1", "5.7.1", "4.7.1", "5.5.0"]
            .map(|status| smtp_code_of_status(status).unwrap());
        assert_eq!(folded, [550, 510, 422, 552, 523, 441, 541, 451, 554]);
        for wrong in ["", "5.1", "3.1.1", "5.1.1.1", "a.b.c"] {
            assert_eq!(smtp_code_of_status(wrong), None);
        }
    }
}
