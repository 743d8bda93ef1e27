//! Who is asked to fill the ROR, and in which fields each establishment is counted.
//! In: a site of FINESS. Out: its fields; none outside the perimeter. Source: annuaires.md §10 « Perimeter ».

use std::collections::BTreeSet;

use jonction_model::directory::Structure;
use serde::Serialize;

/// Who is asked to fill the ROR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// Établissements de santé.
    Hospitals,
    /// Établissements et services médico-sociaux.
    Esms,
    /// Coordination and town: told, without target.
    Others,
}

/// A field an establishment is counted in. One establishment may be in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Médecine, chirurgie, obstétrique.
    Mco,
    /// Soins médicaux et de réadaptation.
    Smr,
    /// Psychiatrie.
    Psy,
    /// Hospital whose authorisations are not known: counted once, with all its offers.
    Hospital,
    /// Personnes âgées.
    Elderly,
    /// Handicap.
    Disability,
    /// Domicile.
    HomeCare,
    /// Other medico-social.
    OtherEsms,
    /// Coordination.
    Coordination,
    /// Ville.
    Town,
}

impl Field {
    /// Every field with its domain, its name in French, and the code of the offers that count in it (TRE_R227).
    pub const ALL: [(Field, Domain, &'static str, Option<&'static str>); 10] = [
        (Self::Mco, Domain::Hospitals, "MCO", Some("01")),
        (Self::Smr, Domain::Hospitals, "SMR", Some("02")),
        (Self::Psy, Domain::Hospitals, "PSY", Some("03")),
        (Self::Hospital, Domain::Hospitals, "établissements de santé", None),
        (Self::Elderly, Domain::Esms, "personnes âgées", None),
        (Self::Disability, Domain::Esms, "handicap", None),
        (Self::HomeCare, Domain::Esms, "domicile", None),
        (Self::OtherEsms, Domain::Esms, "autres médico-social", None),
        (Self::Coordination, Domain::Others, "coordination", None),
        (Self::Town, Domain::Others, "ville", None),
    ];

    pub(super) fn row(self) -> (Domain, &'static str, Option<&'static str>) {
        let (_, domain, name, code) = Self::ALL[self as usize];
        (domain, name, code)
    }

    /// Its domain.
    pub fn domain(self) -> Domain {
        self.row().0
    }

    /// Its name in French.
    pub fn name(self) -> &'static str {
        self.row().1
    }
}

/// Categories of hospitals (TRE_R66).
const HOSPITALS: [&str; 28] = [
    "101", "106", "109", "114", "122", "127", "128", "129", "131", "141", "146", "156", "161", "166", "292",
    "355", "362", "365", "366", "412", "415", "425", "430", "444", "638", "696", "697", "698",
];
/// Hospitals that need no authorisation to be counted, and in which field.
const WITHOUT_AUTHORISATION: [(&[&str], Field); 2] = [
    (&["156", "161", "166", "292", "366", "412", "415", "425", "430", "444"], Field::Psy),
    (&["638"], Field::Mco),
];
pub(super) const HOME_CARE: [&str; 3] = ["209", "354", "460"];
/// Categories of the others.
const OTHERS: [(&[&str], Field); 6] = [
    (&["202", "207", "381", "500", "501", "502"], Field::Elderly),
    (
        &[
            "182", "183", "186", "188", "189", "190", "192", "194", "195", "196", "198", "221", "238", "246",
            "249", "252", "253", "255", "370", "377", "379", "382", "390", "395", "396", "402", "437", "445",
            "446", "448", "449",
        ],
        Field::Disability,
    ),
    (&HOME_CARE, Field::HomeCare),
    (&["165", "178", "180", "197", "213", "228", "231", "608"], Field::OtherEsms),
    (&["604", "606"], Field::Coordination),
    (&["603", "617", "618"], Field::Town),
];
/// The form of hospitalisation à domicile.
const AT_HOME: &str = "05";
/// Activities by which a hospital is authorised.
const AUTHORISED: [(&[&str], Field); 3] = [
    (
        &[
            "01", "02", "03", "07", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "80",
            "81", "82", "83", "84", "85", "86", "87", "88",
        ],
        Field::Mco,
    ),
    (&["50", "51", "52", "53", "54", "55", "56", "57", "58", "59"], Field::Smr),
    (&["04"], Field::Psy),
];
/// Saint-Pierre-et-Miquelon is not in the perimeter.
pub(super) const OUTSIDE: &str = "975";

/// Fields a site is counted in; none when it is not in the perimeter. `authorisations`: whether FINESS told any.
pub(super) fn fields(site: &Structure, authorisations: bool) -> BTreeSet<Field> {
    let category = site.category.code.as_str();
    let of = |rows: &[(&[&str], Field)]| -> Vec<Field> {
        rows.iter().filter(|(codes, _)| codes.contains(&category)).map(|(_, field)| *field).collect()
    };
    if !HOSPITALS.contains(&category) {
        return of(&OTHERS).into_iter().collect();
    }
    if !authorisations {
        return BTreeSet::from([Field::Hospital]);
    }
    let authorised = site.activities.iter().flat_map(|own| field_of(own));
    authorised.chain(of(&WITHOUT_AUTHORISATION)).collect()
}

/// The field of an authorised activity, told as `code` or `code/form`: whatever is done at home by a hospital is MCO.
fn field_of(activity: &str) -> Option<Field> {
    let (code, form) = activity.split_once('/').unwrap_or((activity, ""));
    if form == AT_HOME {
        return Some(Field::Mco);
    }
    AUTHORISED.iter().find(|(codes, _)| codes.contains(&code)).map(|(_, field)| *field)
}
