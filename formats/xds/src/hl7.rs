//! The HL7 v2 data types that XDS hides in text: CX, CXi, XCN, XON, CE.
//! In: identities and people of the model. Out: the text of a slot; or a slot's text, kept as it came, and its components.
//! Sources: dmp-xds.md §7.2 to §7.4, cda.md §4 (escaping).

use std::fmt;

use jonction_model::{
    CodedValue, Device, InsDomain, InsIdentity, LocalId, Masked, Organization, Person,
    people::{PERSON_AUTHORITY, STRUCTURE_AUTHORITY},
};

/// Escapes a component: delimiters never pass from a name into the structure.
/// Source: cda.md §4 (`\S\ \T\ \E\ \R\ \F\`). Line breaks become blanks, a slot is one line.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '\\' => out.push_str("\\E\\"),
            '~' => out.push_str("\\R\\"),
            '|' => out.push_str("\\F\\"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Undoes [`escape`]; other escapes and lone backslashes stay as they are.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let plain = match rest.get(..3) {
            Some("\\S\\") => '^',
            Some("\\T\\") => '&',
            Some("\\E\\") => '\\',
            Some("\\R\\") => '~',
            Some("\\F\\") => '|',
            _ => {
                out.push('\\');
                rest = &rest[1..];
                continue;
            }
        };
        out.push(plain);
        rest = &rest[3..];
    }
    out.push_str(rest);
    out
}

macro_rules! hl7_text {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(Masked<String>);

        impl $type {
            /// The text of a slot or of an external identifier, kept as it came.
            pub fn from_text(text: impl Into<String>) -> Self {
                Self(Masked::new(text.into()))
            }

            /// Clear text. Called only to write on a wire or to compare.
            pub fn expose(&self) -> &str {
                self.0.expose()
            }

            /// A component, from 1, still escaped; empty when absent.
            pub fn component(&self, number: usize) -> &str {
                component(self.expose(), number)
            }

            /// How many components are written.
            pub fn components(&self) -> usize {
                self.expose().split('^').count()
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), "(***)"))
            }
        }
    };
}

fn component(text: &str, number: usize) -> &str {
    text.split('^').nth(number.saturating_sub(1)).unwrap_or("")
}

/// The OID of an `&OID&ISO` component; empty when the form is another.
fn iso_oid(component: &str) -> &str {
    let mut parts = component.split('&');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(""), Some(oid), Some("ISO"), None) => oid,
        _ => "",
    }
}

hl7_text!(
    /// Identifier of a patient: `{id}^^^&{OID}&ISO^{type}`.
    Cx
);

impl Cx {
    /// CX of an INS: type `NH`.
    pub fn ins(ins: &InsIdentity) -> Self {
        Self::from_text(ins.to_cx())
    }

    /// CX of a local identifier: type `PI`, whatever subtype the sender gave.
    pub fn local(local: &LocalId) -> Self {
        Self::from_text(format!("{}^^^&{}&ISO^PI", escape(local.id.expose()), local.authority))
    }

    /// The identifier, unescaped.
    pub fn id(&self) -> String {
        unescape(self.component(1))
    }

    /// OID of the assigning authority; empty when the form is another.
    pub fn authority(&self) -> &str {
        iso_oid(self.component(4))
    }

    /// Type of identifier: `NH`, `PI`…
    pub fn kind(&self) -> &str {
        self.component(5)
    }

    /// Register of the INS, when the authority is one.
    pub fn ins_domain(&self) -> Option<InsDomain> {
        InsDomain::of(self.authority())
    }

    /// Whether two CX name the same patient: same identifier, same authority. The rest (start date, type) may differ.
    pub fn same_patient(&self, other: &Cx) -> bool {
        self.component(1) == other.component(1) && self.authority() == other.authority()
    }
}

hl7_text!(
    /// A reference: `{id}^^^&{root}&ISO^{URN of the type}`.
    Cxi
);

impl Cxi {
    /// CXi of an identifier. Without authority the fourth component stays empty.
    pub fn of(reference: &jonction_model::Reference) -> Self {
        let authority =
            if reference.root.is_empty() { String::new() } else { format!("&{}&ISO", reference.root) };
        Self::from_text(format!("{}^^^{authority}^{}", escape(&reference.id), reference.kind))
    }

    /// URN of the type.
    pub fn kind(&self) -> &str {
        self.component(5)
    }
}

hl7_text!(
    /// A person or a device: 13 components.
    Xcn
);

impl Xcn {
    /// A person of the model. A person whose authority is an INS register is the patient (`NH`), any other a professional.
    pub fn person(person: &Person) -> Self {
        let id = person.id.as_ref().map(|id| id.as_str()).unwrap_or_default();
        let (family, given) =
            (person.family.as_deref().unwrap_or_default(), person.given.as_deref().unwrap_or_default());
        if InsDomain::of(&person.authority).is_some() {
            return Self::compose(id, family, given, &person.authority, "D", "NH");
        }
        let authority = if person.authority.is_empty() { PERSON_AUTHORITY } else { &person.authority };
        Self::compose(id, family, given, authority, "D", "IDNPS")
    }

    /// A device: `{id}^{software}^{model}^^^^^^&OID&ISO^U^^^RI`.
    pub fn device(device: &Device) -> Self {
        let id = device.id.as_ref().map(|id| id.as_str()).unwrap_or_default();
        Self::compose(id, &device.software, &device.model, PERSON_AUTHORITY, "U", "RI")
    }

    /// Without identifier, nothing of what qualifies it is written.
    fn compose(id: &str, second: &str, third: &str, authority: &str, name_type: &str, id_type: &str) -> Self {
        let head = format!("{}^{}^{}", escape(id), escape(second), escape(third));
        Self::from_text(if id.is_empty() {
            head
        } else {
            format!("{head}^^^^^^&{authority}&ISO^{name_type}^^^{id_type}")
        })
    }

    /// Identifier with its type digit, unescaped.
    pub fn id(&self) -> String {
        unescape(self.component(1))
    }

    /// OID of the assigning authority; empty when the form is another.
    pub fn authority(&self) -> &str {
        iso_oid(self.component(9))
    }

    /// Type of name: `D` person, `U` device.
    pub fn name_type(&self) -> &str {
        self.component(10)
    }

    /// Type of identifier: `IDNPS`, `EI`, `RI`, `NH`.
    pub fn id_type(&self) -> &str {
        self.component(13)
    }

    /// Whether it names the patient.
    pub fn is_patient(&self) -> bool {
        InsDomain::of(self.authority()).is_some()
    }
}

hl7_text!(
    /// A structure: `{name}^^^^^&{OID}&ISO^IDNST^^^{Struct_IdNat}`.
    Xon
);

impl Xon {
    /// A structure of the model. Without identifier, components 6, 7 and 10 stay empty (dmp-xds.md §7.3).
    pub fn organization(organization: &Organization) -> Self {
        let name = escape(organization.name.as_deref().unwrap_or_default());
        Self::from_text(match &organization.id {
            Some(id) => format!("{name}^^^^^&{STRUCTURE_AUTHORITY}&ISO^IDNST^^^{}", escape(id.as_str())),
            None => name,
        })
    }

    /// Name, unescaped.
    pub fn name(&self) -> String {
        unescape(self.component(1))
    }

    /// OID of the assigning authority; empty when the form is another.
    pub fn authority(&self) -> &str {
        iso_oid(self.component(6))
    }

    /// Type of identifier: `IDNST`, `SIREN`.
    pub fn id_type(&self) -> &str {
        self.component(7)
    }

    /// Identifier with its type digit, unescaped.
    pub fn id(&self) -> String {
        unescape(self.component(10))
    }
}

hl7_text!(
    /// A code in one text: `{code}^{label}^{code system}`.
    Ce
);

impl Ce {
    /// From a code of the model.
    pub fn of(coded: &CodedValue) -> Self {
        Self::from_text(format!("{}^{}^{}", escape(&coded.code), escape(&coded.label), escape(&coded.system)))
    }

    /// As a code of the model, unescaped.
    pub fn to_coded(&self) -> CodedValue {
        CodedValue {
            code: unescape(self.component(1)),
            label: unescape(self.component(2)),
            system: unescape(self.component(3)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jonction_model::{Ins, PersonId, StructureId};
    use proptest::prelude::*;

    fn person(id: &str, authority: &str) -> Person {
        Person {
            id: Some(PersonId::prefixed(id)),
            authority: authority.to_owned(),
            family: Some("DUMAS".to_owned()),
            given: Some("Olivier".to_owned()),
        }
    }

    #[test]
    fn a_professional_has_thirteen_components_and_ends_with_idnps() {
        let xcn = Xcn::person(&person("801234567123", PERSON_AUTHORITY));
        assert_eq!(xcn.expose(), "801234567123^DUMAS^Olivier^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS");
        assert_eq!((xcn.components(), xcn.id_type()), (13, "IDNPS"));
    }

    #[test]
    fn a_patient_who_writes_is_named_by_the_ins_with_nh() {
        let xcn = Xcn::person(&person("279035121518989", "1.2.250.1.213.1.4.10"));
        assert_eq!(xcn.expose(), "279035121518989^DUMAS^Olivier^^^^^^&1.2.250.1.213.1.4.10&ISO^D^^^NH");
        assert!(xcn.is_patient());
    }

    #[test]
    fn a_device_is_of_type_u_and_ri() {
        let device = Device {
            id: Some(PersonId::prefixed("3750000123/PFI1")),
            software: "Jonction".to_owned(),
            model: "PFI".to_owned(),
        };
        assert_eq!(
            Xcn::device(&device).expose(),
            "3750000123/PFI1^Jonction^PFI^^^^^^&1.2.250.1.71.4.2.1&ISO^U^^^RI"
        );
    }

    #[test]
    fn a_structure_without_identifier_keeps_its_name_only() {
        let mut structure =
            Organization { id: Some(StructureId::prefixed("1750000123")), name: Some("CHU".to_owned()) };
        assert_eq!(
            Xon::organization(&structure).expose(),
            "CHU^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1750000123"
        );
        structure.id = None;
        assert_eq!(Xon::organization(&structure).expose(), "CHU");
    }

    #[test]
    fn two_cx_of_one_patient_may_differ_by_their_tail() {
        let ins = InsIdentity { ins: Ins::parse("279035121518989").unwrap(), domain: InsDomain::TestNir };
        let dated = Cx::from_text(format!("{}^^20200101", ins.to_cx()));
        assert!(Cx::ins(&ins).same_patient(&dated));
        assert_eq!(dated.ins_domain(), Some(InsDomain::TestNir));
    }

    #[test]
    fn nothing_of_a_person_is_printed() {
        let xcn = Xcn::person(&person("801234567123", PERSON_AUTHORITY));
        assert_eq!(format!("{xcn:?}"), "Xcn(***)");
    }

    proptest! {
        #[test]
        fn an_escaped_text_holds_no_delimiter_and_comes_back(text in "[ -~éÀ\u{1f600}]{0,40}") {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['^', '&', '~', '|']));
            prop_assert_eq!(unescape(&escaped), text);
        }

        #[test]
        fn any_text_unescapes_without_panic(text in ".{0,40}") {
            unescape(&text);
        }
    }
}
