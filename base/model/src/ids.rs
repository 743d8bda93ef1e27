//! Identifiers of the field, one newtype each.
//! In: text from a wire or a file. Out: values that cannot be malformed; what is merely irregular is judged by checks.
//! Sources: hl7v2.md §2.7 and §4.4, dmp-xds.md §7.3 and §7.4, mssante.md §1.3 and §1.4.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a text is not the identifier it should be. Says the kind and the expected form, never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: expected {expected}")]
pub struct IdError {
    kind: &'static str,
    expected: &'static str,
}

impl IdError {
    /// Of a kind, with the form it should have.
    pub const fn new(kind: &'static str, expected: &'static str) -> Self {
        Self { kind, expected }
    }

    /// What the text should have been: `INS`, `OID`, …
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The expected form, in English.
    pub fn expected(&self) -> &'static str {
        self.expected
    }
}

macro_rules! text_serde {
    ($type:ident, $format:literal) => {
        crate::written::written_as!($type, $format);

        impl TryFrom<String> for $type {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }
    };
}

/// Matricule INS: 13 characters of the NIR or NIA, then a 2-digit key, 15 in all.
/// Letters occur (`2A`, `2B`), so this is text, never a number.
/// A wrong key is kept (official test numbers have some): see [`Ins::key_is_valid`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ins(Box<str>);

impl Ins {
    /// The only way in: whoever holds an `Ins` holds 15 characters of the right shape.
    /// Errors: not 15 characters; anything but digits, save `A` or `B` as seventh character.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() == 15
            && bytes.iter().enumerate().all(|(at, byte)| match at {
                6 => byte.is_ascii_digit() || matches!(byte, b'A' | b'B'),
                _ => byte.is_ascii_digit(),
            });
        if !shaped {
            return Err(IdError::new("INS", "15 characters: 13 of the NIR or NIA, then the key"));
        }
        Ok(Self(text.into()))
    }

    /// Clear text. Called only to write on the wire or to compare; easy to search for in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the key is 97 − (N mod 97), Corsica `2A` counted as 19 and `2B` as 18.
    /// A good key does not make an INS valid: only the téléservice does. Source: dmp-xds.md §8.2.
    pub fn key_is_valid(&self) -> bool {
        let (number, key) = self.0.split_at(13);
        let number = match number.as_bytes()[6] {
            b'A' if number.as_bytes()[5] == b'2' => number.replacen("2A", "19", 1),
            b'B' if number.as_bytes()[5] == b'2' => number.replacen("2B", "18", 1),
            _ => number.to_owned(),
        };
        match (number.parse::<u64>(), key.parse::<u64>()) {
            (Ok(number), Ok(key)) => key == 97 - number % 97,
            _ => false,
        }
    }
}

impl fmt::Debug for Ins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ins(***)")
    }
}

impl From<Ins> for String {
    fn from(ins: Ins) -> Self {
        ins.0.into()
    }
}
text_serde!(Ins, "ins");

/// Which register an INS belongs to. Decided by its OID alone, never guessed from the number.
/// Source: hl7v2.md §4.4, dmp-xds.md §7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InsDomain {
    /// INS-NIR, `1.2.250.1.213.1.4.8`.
    Nir,
    /// INS-NIA, `1.2.250.1.213.1.4.9`.
    Nia,
    /// INS-NIR de test, `1.2.250.1.213.1.4.10`.
    TestNir,
    /// INS-NIR de démonstration, `1.2.250.1.213.1.4.11`.
    DemoNir,
}

impl InsDomain {
    /// Every domain with its OID.
    pub const ALL: [(InsDomain, &'static str); 4] = [
        (Self::Nir, "1.2.250.1.213.1.4.8"),
        (Self::Nia, "1.2.250.1.213.1.4.9"),
        (Self::TestNir, "1.2.250.1.213.1.4.10"),
        (Self::DemoNir, "1.2.250.1.213.1.4.11"),
    ];

    /// The OID of the domain.
    pub fn oid(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The domain of an OID; `None` for every other OID, those of social security numbers (.13, .14) included.
    pub fn of(oid: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == oid).map(|(domain, _)| *domain)
    }

    /// Whether numbers of this domain are only for tests.
    pub fn is_test(self) -> bool {
        matches!(self, Self::TestNir | Self::DemoNir)
    }
}

/// An ISO object identifier: at most 64 characters, at least two arcs, no leading zero in an arc.
/// Source: cda.md §1.1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Oid(Box<str>);

impl Oid {
    /// Reads an OID. Errors: any other shape.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let arc = |arc: &str| {
            !arc.is_empty()
                && arc.bytes().all(|b| b.is_ascii_digit())
                && (arc == "0" || !arc.starts_with('0'))
        };
        if text.len() > 64 || !text.contains('.') || !text.split('.').all(arc) {
            return Err(IdError::new(
                "OID",
                "2 arcs or more, digits without leading zero, 64 characters at most",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The dotted text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `2.25.` followed by a UUID as a decimal number: unique without any registration (X.667).
    pub fn from_uuid(uuid: uuid::Uuid) -> Self {
        Self(format!("2.25.{}", uuid.as_u128()).into())
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Oid> for String {
    fn from(oid: Oid) -> Self {
        oid.0.into()
    }
}
text_serde!(Oid, "oid");

/// Identifier of a document: `ClinicalDocument/id`, that is a root and perhaps an extension.
/// The DMP takes the root alone. Source: cda.md §2.1, dmp-xds.md §7.2.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct DocumentUniqueId {
    /// Object identifier; kept as written, because official samples glue texts to it.
    pub root: String,
    /// Extension, absent in what the DMP accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
}

impl DocumentUniqueId {
    /// An identifier without extension.
    pub fn root(root: impl Into<String>) -> Self {
        Self { root: root.into(), extension: None }
    }

    /// XDS form: `root`, or `root^extension`.
    pub fn to_xds(&self) -> String {
        match &self.extension {
            Some(extension) => format!("{}^{extension}", self.root),
            None => self.root.clone(),
        }
    }
}

impl fmt::Display for DocumentUniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_xds())
    }
}

/// MSH-10, echoed in MSA-2 and in OBX-4 of every ZAM. 1 to 199 characters without control bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageControlId(Box<str>);

impl MessageControlId {
    /// Reads a control id. Errors: empty, over 199 characters, control characters.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.is_empty() || text.chars().count() > 199 || text.chars().any(char::is_control) {
            return Err(IdError::new("message control id", "1 to 199 printable characters"));
        }
        Ok(Self(text.into()))
    }

    /// The text as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<MessageControlId> for String {
    fn from(id: MessageControlId) -> Self {
        id.0.into()
    }
}
text_serde!(MessageControlId, "control-id");

/// National identifier of a person in exercise (PS_IdNat), type digit included: `8` + RPPS, `0` + ADELI,
/// `3` + FINESS + `/` + internal id… A technical number without prefix is kept as it came.
/// Not the same digits as [`StructureId`]. Source: dmp-xds.md §7.3.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PersonId(String);

impl PersonId {
    /// From an HL7 pair (identifier, type of table 0203): a bare RPPS of 11 digits gets its `8`.
    /// Source: hl7v2.md §2.7 « Normalise once ».
    pub fn normalise(id: &str, id_type: &str) -> Self {
        let bare_rpps = id_type == "RPPS" && id.len() == 11 && id.bytes().all(|b| b.is_ascii_digit());
        Self(if bare_rpps { format!("8{id}") } else { id.to_owned() })
    }

    /// From a CDA or XDS identifier, which already carries its prefix.
    pub fn prefixed(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// The identifier with its prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// National identifier of a structure (Struct_IdNat), type digit included: `1` + FINESS, `3` + SIRET…
/// Not the same digits as [`PersonId`]. FINESS has letters in Corsica: never a number. Source: dmp-xds.md §7.3.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StructureId(String);

impl StructureId {
    /// From an HL7 pair (identifier, type of table 0203): a bare FINESS of 9 characters gets its `1`.
    /// Source: hl7v2.md §2.7.
    pub fn normalise(id: &str, id_type: &str) -> Self {
        let bare_finess = matches!(id_type, "FINEJ" | "FINEG") && id.len() == 9;
        Self(if bare_finess { format!("1{id}") } else { id.to_owned() })
    }

    /// From a CDA, XDS or configured identifier, which already carries its prefix.
    pub fn prefixed(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// The identifier with its prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A mailbox of the MSSanté space, normalised: no `mailto:`, domain in lower case, no trailing dot, no blank.
/// ASCII only: the header and the envelope of a mail cannot carry anything else (SMTPUTF8 is not offered).
/// Source: mssante.md §1.3 and §8 n° 37.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MssAddress {
    text: Box<str>,
    at: usize,
}

impl MssAddress {
    /// Reads an address. Errors: accents, controls (CR and LF above all), blanks, no or several `@`,
    /// over 64 characters before or 253 after it.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let error = || {
            IdError::new("MSSanté address", "local-part@domain, in ASCII, without blank or control character")
        };
        let text = text.trim_matches([' ', '\u{a0}']);
        let text = match text.get(..7) {
            Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &text[7..],
            _ => text,
        };
        let (local, domain) = text.split_once('@').ok_or_else(error)?;
        let domain = domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase();
        let local_ok = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&c);
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
        };
        let well_formed = !local.is_empty()
            && local.len() <= 64
            && local.bytes().all(local_ok)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && domain.len() <= 253
            && domain.contains('.')
            && domain.split('.').all(label_ok);
        if !well_formed {
            return Err(error());
        }
        Ok(Self { at: local.len(), text: format!("{local}@{domain}").into() })
    }

    /// The whole address. May hold an INS: never log it.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What stands before the `@`. May be an INS: never log it.
    pub fn expose_local_part(&self) -> &str {
        &self.text[..self.at]
    }

    /// What stands after the `@`, in lower case.
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// Text for screens: the local part of a professional, never an INS. `adam.hoda@…`, `patient@…`.
    pub fn label(&self) -> String {
        let local = self.expose_local_part();
        let digits = local.bytes().filter(u8::is_ascii_digit).count();
        if digits >= 8 || self.domain() == PATIENT_DOMAIN {
            "patient@…".to_owned()
        } else {
            format!("{local}@…")
        }
    }
}

/// Domain of Mon espace santé mailboxes; every local part is an INS. Source: mssante.md §1.4.
pub const PATIENT_DOMAIN: &str = "patient.mssante.fr";

impl fmt::Debug for MssAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MssAddress(***@{})", self.domain())
    }
}

impl From<MssAddress> for String {
    fn from(address: MssAddress) -> Self {
        address.text.into()
    }
}
text_serde!(MssAddress, "mss-address");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_official_test_number_is_valid_and_of_the_edition_1_2_one_is_not() {
        assert!(Ins::parse("279035121518989").unwrap().key_is_valid());
        assert!(!Ins::parse("276037510669380").unwrap().key_is_valid());
    }

    #[test]
    fn corsica_counts_as_19_and_18() {
        for (department, stand_in) in [("2A", 19_u64), ("2B", 18)] {
            let number = format!("18412{department}004012");
            let key = 97 - format!("18412{stand_in}004012").parse::<u64>().unwrap() % 97;
            assert!(Ins::parse(&format!("{number}{key:02}")).unwrap().key_is_valid());
        }
    }

    #[test]
    fn an_ins_of_20_digits_is_refused() {
        assert!(Ins::parse("27707279035121518989").is_err());
    }

    #[test]
    fn social_security_oids_are_not_ins_domains() {
        assert_eq!(InsDomain::of("1.2.250.1.213.1.4.13"), None);
        for (domain, oid) in InsDomain::ALL {
            assert_eq!(InsDomain::of(oid), Some(domain));
            assert_eq!(domain.oid(), oid);
        }
    }

    #[test]
    fn an_oid_has_two_arcs_and_no_leading_zero() {
        assert!(Oid::parse("1.2.250.1.213.1.4.8").is_ok());
        for wrong in ["", "1", "1..2", "1.02", "1.2.a", &"1.".repeat(40)] {
            assert!(Oid::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bare_national_numbers_get_the_digit_of_their_own_table() {
        assert_eq!(PersonId::normalise("01234567897", "RPPS").as_str(), "801234567897");
        assert_eq!(PersonId::normalise("801234567897", "RPPS").as_str(), "801234567897");
        assert_eq!(StructureId::normalise("300017985", "FINEG").as_str(), "1300017985");
        assert_eq!(StructureId::normalise("1120456789", "FINEG").as_str(), "1120456789");
    }

    #[test]
    fn addresses_are_normalised_and_never_let_a_line_break_through() {
        assert_eq!(
            MssAddress::parse("mailto:Adam.Hoda@Test.Mssante.FR.").unwrap().expose(),
            "Adam.Hoda@test.mssante.fr"
        );
        for wrong in [
            "a",
            "a@b@c.fr",
            "a b@c.fr",
            "é@c.fr",
            "a@c.fr\r\nBcc: x@y.fr",
            "a@",
            "@c.fr",
            "a@c",
            "a..b@c.fr",
        ] {
            assert!(MssAddress::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_label_of_a_patient_address_hides_the_ins() {
        let address = MssAddress::parse("279035121518989@patient.mssante.fr").unwrap();
        assert_eq!(address.label(), "patient@…");
        assert_eq!(format!("{address:?}"), "MssAddress(***@patient.mssante.fr)");
    }
}
