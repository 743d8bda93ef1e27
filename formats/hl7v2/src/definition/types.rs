//! Types of HL7 2.5 and the types of their components.
//! Source: HL7 2.5 chapter 2A; the types French messages use.

const TYPES: &[(&str, &str)] = &[
    ("CE", "ST ST ID ST ST ID"),
    ("CNE", "ST ST ID ST ST ID ST ST ST"),
    ("CP", "MO ID NM NM CE ID"),
    ("CQ", "NM CE"),
    ("CWE", "ST ST ID ST ST ID ST ST ST"),
    ("CX", "ST ST ID HD ID HD DT DT CWE CWE"),
    ("DLD", "IS TS"),
    ("DLN", "ST IS DT"),
    ("DR", "TS TS"),
    ("EI", "ST IS ST ID"),
    ("EIP", "EI EI"),
    ("FC", "IS TS"),
    ("FN", "ST ST ST ST ST"),
    ("HD", "IS ST ID"),
    ("JCC", "IS IS ST"),
    ("MO", "NM ID"),
    ("MOC", "MO CE"),
    ("MSG", "ID ID ID"),
    ("PL", "IS IS IS HD IS IS IS IS ST EI HD"),
    ("PRL", "CE ST TX"),
    ("PT", "ID ID"),
    ("RI", "IS ST"),
    ("SAD", "ST ST ST"),
    ("TQ", "CQ RI ST TS TS ID ST TX ID ANY CE NM"),
    ("VID", "ID CE CE"),
    ("XAD", "SAD ST ST ST ST ID ID ST IS IS ID DR TS TS"),
    ("XCN", "ST FN ST ST ST ST IS IS HD ID ST ID ID HD CE DR ID TS TS ST CE CWE CWE"),
    ("XON", "ST IS NM NM ID HD ID HD ID ST"),
    ("XPN", "FN ST ST ST ST IS ID ID CE DR ID TS TS ST"),
    ("XTN", "ST ID ID ST NM NM NM NM ST ST ST ST"),
];

/// Components of a type, separated by blanks; `None` when nothing divides it.
pub(super) fn components(kind: &str) -> Option<&'static str> {
    TYPES.iter().find(|(name, _)| *name == kind).map(|(_, components)| *components)
}

/// Anything may stand there.
pub(super) fn is_open(kind: &str) -> bool {
    kind == "ANY"
}

/// Nothing divides it.
#[cfg(test)]
pub(super) fn is_simple(kind: &str) -> bool {
    ["ST", "ID", "IS", "TX", "FT", "NM", "SI", "TS", "DT", "TM"].contains(&kind)
}
