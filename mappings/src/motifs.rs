//! Codes for what the mapping refuses: an editable table, its doubts in its comments.
//! In: lines `reason;code;label`. Out: the code of a reason. Source: architecture §10 « Codes nobody has published ».

use jonction_model::ReportCode;

const EMBEDDED: &str = include_str!("../tables/motifs.csv");

/// Why the mapping forbids a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Motif {
    /// A replacement whose CDA names no replaced version.
    ReplacementWithoutParent,
    /// Two documents of one lot with one identifier.
    DuplicateDocument,
    /// CONNEXION_SECRETE is missing or unreadable.
    SecretConnectionUnknown,
    /// The message has an INS, the CDA has none: towards the DMP.
    DocumentWithoutIns,
    /// The same, towards the patient's mailbox.
    DocumentWithoutInsMail,
    /// Several INS in PID-3: towards the DMP.
    AmbiguousIns,
    /// The same, towards the patient's mailbox.
    AmbiguousInsMail,
    /// MASQUE_PS = Y and DESTMSSANTEPS = Y.
    HiddenFromProfessionals,
    /// INVISIBLE_PATIENT = Y and DESTMSSANTEPAT = Y.
    HiddenFromPatient,
    /// DESTMSSANTEPS = Y without recipient.
    NoProfessionalRecipient,
    /// DESTMSSANTEPAT = Y without recipient.
    NoPatientRecipient,
    /// Strict matrix.
    OffMatrix,
    /// A recipient whose flag is N, strict matrix.
    FlagContradictsRecipient,
    /// A patient's address that is not the INS of the message.
    AddressOfSomebodyElse,
    /// A recipient without address.
    NoAddress,
    /// Not a mail address.
    MalformedAddress,
}

impl Motif {
    /// Every reason with its name in the table.
    pub const ALL: [(Motif, &'static str); 16] = [
        (Self::ReplacementWithoutParent, "replacement-without-parent"),
        (Self::DuplicateDocument, "duplicate-document"),
        (Self::SecretConnectionUnknown, "secret-connection-unknown"),
        (Self::DocumentWithoutIns, "document-without-ins"),
        (Self::DocumentWithoutInsMail, "document-without-ins-mail"),
        (Self::AmbiguousIns, "ambiguous-ins"),
        (Self::AmbiguousInsMail, "ambiguous-ins-mail"),
        (Self::HiddenFromProfessionals, "hidden-from-professionals"),
        (Self::HiddenFromPatient, "hidden-from-patient"),
        (Self::NoProfessionalRecipient, "no-professional-recipient"),
        (Self::NoPatientRecipient, "no-patient-recipient"),
        (Self::OffMatrix, "off-matrix"),
        (Self::FlagContradictsRecipient, "flag-contradicts-recipient"),
        (Self::AddressOfSomebodyElse, "address-of-somebody-else"),
        (Self::NoAddress, "no-address"),
        (Self::MalformedAddress, "malformed-address"),
    ];

    /// Name in the table.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(motif, _)| *motif == self).map_or("", |(_, name)| name)
    }
}

/// A line of a table that cannot be read; the sentence is French.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {sentence}")]
pub struct MotifError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub sentence: String,
}

/// The code of each reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Motifs(Vec<(Motif, ReportCode)>);

impl Default for Motifs {
    fn default() -> Self {
        // A test reads the embedded table whole.
        Self::parse(EMBEDDED).unwrap_or(Self(Vec::new()))
    }
}

impl Motifs {
    /// Reads a table over the embedded one. Errors: every unreadable line.
    pub fn over_default(text: &str) -> Result<Self, Vec<MotifError>> {
        let mut table = Self::parse(text)?;
        table.0.extend(Self::default().0);
        Ok(table)
    }

    fn parse(text: &str) -> Result<Self, Vec<MotifError>> {
        let (mut rows, mut errors) = (Vec::new(), Vec::new());
        for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            match read_line(line) {
                Ok(row) => rows.push(row),
                Err(sentence) => errors.push(MotifError { line: at + 1, sentence }),
            }
        }
        if errors.is_empty() { Ok(Self(rows)) } else { Err(errors) }
    }

    /// The code of a reason; `None` when the table lacks it: the destination's default then.
    pub fn of(&self, motif: Motif) -> Option<ReportCode> {
        self.0.iter().find(|(known, _)| *known == motif).map(|(_, code)| code.clone())
    }
}

fn read_line(line: &str) -> Result<(Motif, ReportCode), String> {
    let mut fields = line.splitn(3, ';').map(str::trim);
    let (Some(name), Some(code), Some(label)) = (fields.next(), fields.next(), fields.next()) else {
        return Err("trois champs attendus : motif;code;libellé".to_owned());
    };
    let Some((motif, _)) = Motif::ALL.iter().find(|(_, known)| *known == name) else {
        let known = Motif::ALL.map(|(_, name)| name).join(", ");
        return Err(format!("motif inconnu « {name} » ; motifs connus : {known}"));
    };
    let printable = |text: &str| !text.is_empty() && text.len() <= 250 && !text.chars().any(char::is_control);
    if !printable(code) || !printable(label) {
        return Err("code et libellé : 1 à 250 octets imprimables".to_owned());
    }
    Ok((*motif, ReportCode::new(code, label)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_table_has_a_code_for_every_reason() {
        let table = Motifs::parse(EMBEDDED).unwrap();
        for (motif, name) in Motif::ALL {
            assert!(table.of(motif).is_some(), "{name}");
            assert_eq!(motif.name(), name);
        }
        assert_eq!(table.0.len(), Motif::ALL.len());
    }

    #[test]
    fn mail_reasons_have_a_code_of_the_smtp_table() {
        let table = Motifs::default();
        let mails = Motif::ALL.iter().filter(|(motif, _)| !is_dmp(*motif));
        for (motif, name) in mails {
            let code = table.of(*motif).unwrap().code;
            assert_eq!(
                jonction_model::smtp_code::smtp_report_code(code.parse().unwrap()).code,
                code,
                "{name}"
            );
        }
    }

    fn is_dmp(motif: Motif) -> bool {
        matches!(
            motif,
            Motif::ReplacementWithoutParent
                | Motif::DuplicateDocument
                | Motif::SecretConnectionUnknown
                | Motif::DocumentWithoutIns
                | Motif::AmbiguousIns
        )
    }

    #[test]
    fn a_table_of_ones_own_wins_and_its_faults_are_all_told() {
        let own = Motifs::over_default("no-address;550;Boîte inconnue").unwrap();
        assert_eq!(own.of(Motif::NoAddress).unwrap().code, "550");
        assert_eq!(own.of(Motif::MalformedAddress).unwrap().code, "510");
        let errors = Motifs::over_default("# ok\nno-address;550\nnobody;1;x\n").unwrap_err();
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [2, 3]);
    }
}
