//! Codes a VIHF may carry: professions and sectors of activity.
//! In → out: tables. Sources: JDV_J65 (first roles), TRE_R02 (sectors, the superset we hold of JDV_J61: dmp-xds.md §12 n° 8).

/// First roles: code system, then its codes.
const FIRST_ROLES: &[(&str, &[&str])] = &[
    // TRE_A00.
    ("1.2.250.1.213.1.1.4.6", &["ALIM_AM", "DISPOSITIF", "EXP_PATIENT", "SECRETARIAT_MEDICAL", "AUTOMATE"]),
    // TRE_G15.
    (
        "1.2.250.1.71.1.2.7",
        &[
            "10", "21", "26", "28", "31", "32", "35", "36", "37", "38", "39", "40", "50", "60", "69", "70",
            "80", "81", "82", "83", "84", "85", "86", "91", "92", "94", "95", "96", "98",
        ],
    ),
    // TRE_R95.
    ("1.2.250.1.213.1.6.1.109", &["71", "72", "73", "93", "97"]),
    // TRE_R94.
    ("1.2.250.1.213.1.6.1.4", &["41", "42", "43", "44", "45", "46", "47", "48", "49", "51", "52", "53"]),
    // TRE_R291.
    ("1.2.250.1.213.1.6.1.140", &["99"]),
];

/// Sectors of activity.
const SECTORS: &[&str] = &[
    "SA01", "SA02", "SA03", "SA04", "SA05", "SA06", "SA07", "SA08", "SA09", "SA10", "SA11", "SA12", "SA13",
    "SA14", "SA15", "SA16", "SA17", "SA18", "SA19", "SA20", "SA21", "SA22", "SA23", "SA24", "SA25", "SA26",
    "SA27", "SA28", "SA29", "SA30", "SA31", "SA32", "SA33", "SA34", "SA35", "SA36", "SA37", "SA38", "SA39",
    "SA40", "SA41", "SA42", "SA43", "SA44", "SA45", "SA46", "SA47", "SA48", "SA49", "SA50", "SA51", "SA52",
    "SA53", "SA54", "SA55", "SA56", "SA57", "SA58", "SA59", "SA60", "SA61", "SA62", "SA63",
];

/// Code systems of second roles, with the first role that calls for each: doctor, pharmacist, person known by their role.
/// Source: dmp-xds.md §5.3.
const SECOND_ROLES: &[(&str, &str, &str)] = &[
    ("10", "1.2.250.1.71.1.2.7", "1.2.250.1.71.4.2.5"),
    ("21", "1.2.250.1.71.1.2.7", "1.2.250.1.71.4.2.6"),
    ("99", "1.2.250.1.213.1.6.1.140", "1.2.250.1.213.1.6.1.107"),
];

/// Whether a code of a system may be a first role.
pub(crate) fn is_first_role(code: &str, system: &str) -> bool {
    FIRST_ROLES.iter().any(|(known, codes)| *known == system && codes.contains(&code))
}

/// Code system of the second role that a first one calls for; `None` when it calls for none.
pub(crate) fn second_role_system(code: &str, system: &str) -> Option<&'static str> {
    SECOND_ROLES.iter().find(|(first, of, _)| *first == code && *of == system).map(|(_, _, second)| *second)
}

/// Whether a sector of activity is known.
pub(crate) fn is_sector(code: &str) -> bool {
    SECTORS.contains(&code)
}
