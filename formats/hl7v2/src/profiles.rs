//! Which checks concern which messages: named profiles.
//! In: nothing, or a message. Out: lists of checks. Source: hl7v2.md §8, column « prof ».

use jonction_model::Check;

use crate::{
    checks::CHECKS,
    message::Message,
    volet::{Edition, edition},
};

/// One family of messages with its own rules. The letter is the one of the sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// D: document from a sender to the gateway, ORU or MDM.
    DocumentToPfi,
    /// L: document from the gateway to an LPS, MDM.
    DocumentToLps,
    /// Z: business acknowledgement, ZAM.
    Zam,
    /// A: technical acknowledgement, ACK.
    Ack,
    /// Any other message: the checks of every message.
    Other,
}

/// Checks that do not concern every message, with the letters of those they concern.
/// Those of the patient (H029 to H045) are told of every message by the sheet; ZAM and ACK have no PID.
const SCOPES: &[(&str, &str)] = &[
    ("H013", "DLZAO"),
    ("H018", "D"),
    ("H019", "ZL"),
    ("H021", "DLZA"),
    ("H022", "DLZA"),
    ("H023", "DZ"),
    ("H024", "L"),
    ("H027", "DL"),
    ("H028", "DL"),
    ("H029", "DLO"),
    ("H030", "DLO"),
    ("H031", "DLO"),
    ("H032", "DLO"),
    ("H033", "DLO"),
    ("H034", "DLO"),
    ("H035", "DLO"),
    ("H036", "DLO"),
    ("H038", "DLO"),
    ("H039", "DLO"),
    ("H040", "DLO"),
    ("H041", "DLO"),
    ("H042", "DLO"),
    ("H043", "DLO"),
    ("H044", "DLO"),
    ("H045", "DLO"),
    ("H046", "D"),
    ("H047", "D"),
    ("H048", "D"),
    ("H049", "D"),
    ("H050", "L"),
    ("H051", "DL"),
    ("H052", "DL"),
    ("H055", "DL"),
    ("H056", "DL"),
    ("H057", "DL"),
    ("H058", "DL"),
    ("H059", "DL"),
    ("H060", "D"),
    ("H061", "DL"),
    ("H063", "DL"),
    ("H064", "DL"),
    ("H065", "DL"),
    ("H069", "D"),
    ("H070", "DL"),
    ("H071", "DL"),
    ("H072", "D"),
    ("H073", "DL"),
    ("H074", "DL"),
    ("H075", "DL"),
    ("H076", "DL"),
    ("H077", "D"),
    ("H078", "D"),
    ("H079", "D"),
    ("H080", "D"),
    ("H081", "D"),
    ("H082", "D"),
    ("H083", "DL"),
    ("H084", "DL"),
    ("H085", "DL"),
    ("H086", "DL"),
    ("H087", "D"),
    ("H088", "D"),
    ("H089", "D"),
    ("H090", "D"),
    ("H091", "D"),
    ("H092", "D"),
    ("H093", "D"),
    ("H095", "L"),
    ("H096", "L"),
    ("H097", "Z"),
    ("H099", "Z"),
    ("H100", "Z"),
    ("H101", "Z"),
    ("H102", "A"),
    ("H104", "A"),
];

impl Profile {
    fn letter(self) -> char {
        match self {
            Self::DocumentToPfi => 'D',
            Self::DocumentToLps => 'L',
            Self::Zam => 'Z',
            Self::Ack => 'A',
            Self::Other => 'O',
        }
    }

    /// The checks of this family, in the order of the sheet.
    pub fn checks(self) -> Vec<&'static Check<Message>> {
        CHECKS.iter().filter(|check| self.has(check.id)).collect()
    }

    fn has(self, id: &str) -> bool {
        let scope = SCOPES.iter().find(|(scoped, _)| id.ends_with(scoped));
        scope.is_none_or(|(_, letters)| letters.contains(self.letter()))
    }

    /// The family of a message: by its type, and by the volet it claims.
    /// An ORU without document is structured biology (hl7v2.md §5.2), not this volet.
    pub fn of(message: &Message) -> Self {
        let code = message.msh().field(9).component(1).trimmed();
        match (&*code, edition(message)) {
            ("ACK", _) => Self::Ack,
            ("ZAM", _) => Self::Zam,
            ("MDM", Edition::Lps) => Self::DocumentToLps,
            ("MDM", _) => Self::DocumentToPfi,
            ("ORU", Edition::Unknown) if crate::volet::documents(message).is_empty() => Self::Other,
            ("ORU", _) => Self::DocumentToPfi,
            _ => Self::Other,
        }
    }
}

/// Volet « transmission d'un document CDA-R2 en HL7v2 » 2.1, towards the gateway.
pub fn volet_cda_2_1() -> Vec<&'static Check<Message>> {
    Profile::DocumentToPfi.checks()
}

/// Volet « transmission au LPS d'un document CDA provenant d'un courriel MSSanté » 1.1.
pub fn volet_lps_1_1() -> Vec<&'static Check<Message>> {
    Profile::DocumentToLps.checks()
}

/// Business acknowledgements of the volet 2.1.
pub fn zam() -> Vec<&'static Check<Message>> {
    Profile::Zam.checks()
}

/// Technical acknowledgements.
pub fn ack() -> Vec<&'static Check<Message>> {
    Profile::Ack.checks()
}

/// The checks of the family that a message belongs to.
pub fn for_message(message: &Message) -> Vec<&'static Check<Message>> {
    Profile::of(message).checks()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_names_a_check_and_every_check_has_a_profile() {
        for (id, _) in SCOPES {
            assert!(CHECKS.iter().any(|check| check.id.ends_with(id)), "{id}");
        }
        let profiles = [Profile::DocumentToPfi, Profile::DocumentToLps, Profile::Zam, Profile::Ack];
        for check in CHECKS {
            assert!(profiles.iter().any(|profile| profile.has(check.id)), "{}", check.id);
        }
    }

    #[test]
    fn ids_are_unique_and_in_the_order_of_the_sheet() {
        assert!(CHECKS.windows(2).all(|pair| pair[0].id < pair[1].id));
    }
}
