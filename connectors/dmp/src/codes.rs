//! Codes reported to the sender of a document, by reason: an editable table, because nobody has published the list.
//! In: CSV text `reason;code;label`. Out: [`ReportCode`]s. Source: architecture §10 « codes nobody has published ».

use std::collections::BTreeMap;

use jonction_model::ReportCode;

/// The table shipped with the program.
const EMBEDDED: &str = include_str!("../tables/codes-dmp.csv");

/// Why something was refused, whatever the code a partner or a table gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The identity may not carry its INS to the DMP.
    IdentityNotQualified,
    /// There is no DMP for this INS.
    NoDmp,
    /// The DMP is closed.
    DmpClosed,
    /// The patient is opposed.
    PatientOpposed,
    /// The matrix of rights refuses.
    AccessDenied,
    /// The signature certificate is refused.
    InvalidCertificate,
    /// Refused on our side, before anything left.
    NotAllowed,
    /// The sending structure is not one we may speak for.
    Structure,
    /// Larger than the partner takes.
    TooLarge,
    /// Metadata refused.
    Metadata,
    /// CDA refused.
    Content,
    /// The replaced version cannot be replaced.
    Replace,
    /// The identifier was used for something else.
    Duplicate,
    /// Anything else.
    Other,
}

impl Reason {
    /// Every reason with its name in the table.
    pub const ALL: [(Reason, &'static str); 14] = [
        (Self::IdentityNotQualified, "identity-not-qualified"),
        (Self::NoDmp, "no-dmp"),
        (Self::DmpClosed, "dmp-closed"),
        (Self::PatientOpposed, "patient-opposed"),
        (Self::AccessDenied, "access-denied"),
        (Self::InvalidCertificate, "invalid-certificate"),
        (Self::NotAllowed, "not-allowed"),
        (Self::Structure, "structure"),
        (Self::TooLarge, "too-large"),
        (Self::Metadata, "metadata"),
        (Self::Content, "content"),
        (Self::Replace, "replace"),
        (Self::Duplicate, "duplicate"),
        (Self::Other, "other"),
    ];

    /// Name in the table.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(reason, _)| *reason == self).map_or("other", |(_, name)| name)
    }
}

/// One line of a table that cannot be read; the sentence is French.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeTableError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub sentence: String,
}

/// The code of each reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeTable(BTreeMap<Reason, ReportCode>);

impl Default for CodeTable {
    fn default() -> Self {
        // The embedded table is read whole by a test; a reason it would lack still gets its own name as code.
        Self::parse(EMBEDDED).unwrap_or_else(|_| Self(BTreeMap::new()))
    }
}

impl CodeTable {
    /// Reads a table. Reasons it does not name keep the embedded code. Errors: every unreadable line.
    pub fn parse(text: &str) -> Result<Self, Vec<CodeTableError>> {
        let mut codes = BTreeMap::new();
        let mut errors = Vec::new();
        for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            match read_line(line) {
                Ok((reason, code)) => {
                    codes.insert(reason, code);
                }
                Err(sentence) => errors.push(CodeTableError { line: at + 1, sentence }),
            }
        }
        if errors.is_empty() { Ok(Self(codes)) } else { Err(errors) }
    }

    /// The embedded table with the lines of another one over it. Errors: every unreadable line.
    pub fn over_default(text: &str) -> Result<Self, Vec<CodeTableError>> {
        let mut table = Self::default();
        table.0.extend(Self::parse(text)?.0);
        Ok(table)
    }

    /// The code of a reason.
    pub fn of(&self, reason: Reason) -> ReportCode {
        self.0.get(&reason).cloned().unwrap_or_else(|| ReportCode::new(reason.name(), reason.name()))
    }
}

fn read_line(line: &str) -> Result<(Reason, ReportCode), String> {
    let mut fields = line.splitn(3, ';').map(str::trim);
    let (Some(name), Some(code), Some(label)) = (fields.next(), fields.next(), fields.next()) else {
        return Err("trois champs attendus : motif;code;libellé".to_owned());
    };
    let known = || Reason::ALL.map(|(_, name)| name).join(", ");
    let Some((reason, _)) = Reason::ALL.iter().find(|(_, known)| *known == name) else {
        return Err(format!("motif inconnu « {name} » ; motifs connus : {}", known()));
    };
    let printable = |text: &str| !text.is_empty() && text.len() <= 250 && !text.chars().any(char::is_control);
    if !printable(code) || !printable(label) {
        return Err("code et libellé : 1 à 250 caractères imprimables".to_owned());
    }
    Ok((*reason, ReportCode::new(code, label)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_table_gives_every_reason_a_code() {
        let table = CodeTable::parse(EMBEDDED).unwrap();
        for (reason, name) in Reason::ALL {
            assert!(table.0.contains_key(&reason), "{name}");
        }
        assert_eq!(table.of(Reason::DmpClosed), ReportCode::new("DMPClosed", "DMP fermé"));
    }

    #[test]
    fn a_table_of_the_site_changes_only_the_reasons_it_names() {
        let table = CodeTable::over_default("no-dmp;DMPNotFound;Pas de DMP\n").unwrap();
        assert_eq!(table.of(Reason::NoDmp).code, "DMPNotFound");
        assert_eq!(table.of(Reason::DmpClosed).code, "DMPClosed");
    }

    #[test]
    fn every_unreadable_line_is_told_with_its_number() {
        let errors = CodeTable::parse("# ok\nno-dmp;X\nno-such;X;Y\nother;;vide\n").unwrap_err();
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [2, 3, 4]);
    }
}
