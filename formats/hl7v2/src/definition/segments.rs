//! Fields of each segment: types in order, a star where the field repeats.
//! Source: HL7 2.5; OBX, OBR, TXA, MSH as 2.6 has them; PRT of 2.9 (hl7v2.md §2.1); Z segments of hl7v2.md §4.3.

pub(super) const SEGMENTS: &[(&str, &str)] = &[
    ("ACC", "TS CE ST CE ID ID XCN ST ST ID XAD"),
    ("AIG", "SI ID CE CE CE* NM CE TS NM CE NM CE IS CE"),
    ("AIL", "SI ID PL* CE CE TS NM CE NM CE IS CE"),
    ("AIP", "SI ID XCN* CE CE TS NM CE NM CE IS CE"),
    ("AIS", "SI ID CE TS NM CE NM CE IS CE CE* CE*"),
    ("AL1", "SI CE CE CE ST* DT"),
    ("DB1", "SI IS CX* ID DT DT DT DT"),
    ("DG1", "SI ID CE ST TS IS CE CE ID IS CE NM CP ST ID XCN* IS ID TS EI ID"),
    ("EVN", "ID TS TS IS XCN* TS HD"),
    ("MRG", "CX* CX* CX CX CX CX XPN*"),
    ("MSH", "ST ST HD HD HD HD TS ST MSG ST PT VID NM ST ID ID ID ID* CE ID EI* XON XON HD HD"),
    (
        "NK1",
        "SI XPN* CE XAD* XTN* XTN* CE DT DT ST JCC CX XON* CE IS TS IS* IS* CE* CE IS CE ID IS CE XPN* CE CE* CE* XPN* \
         XTN* XAD* CX* IS CE* IS ST",
    ),
    ("NTE", "SI ID FT* CE"),
    (
        "OBR",
        "SI EI EI CE ID TS TS TS CQ XCN* ID CE ST TS ANY XCN* XTN* ST ST ST ST TS MOC ID ID PRL TQ* XCN* EIP ID CE* ANY \
         ANY* ANY* ANY* TS NM CE* CE* CE ID ID CE* CE CE* CE* CE* CWE IS CWE",
    ),
    ("OBX", "SI ID CE ST ANY* CE ST IS* NM ID* ID TS ST TS CE XCN* CE* EI* TS CWE* EI TS XON XAD XCN"),
    (
        "ORC",
        "ID EI EI EI ID ID TQ* EIP TS XCN* XCN* XCN* PL XTN* TS CE CE CE XCN* CE XON* XAD* XTN* XAD* CWE CWE TS CWE CWE CNE",
    ),
    ("PD1", "IS* IS XON* XCN* IS IS IS IS ID CX* CE ID DT XON* CE IS DT DT IS IS DT"),
    (
        "PID",
        "SI CX CX* CX* XPN* XPN* TS IS XPN* CE* XAD* IS XTN* XTN* CE CE CE CX ST DLN CX* CE* ST ID NM CE* CE CE TS ID ID \
         IS* TS HD CE CE ST CE* CWE*",
    ),
    ("PRT", "EI ID CWE CWE XCN CWE CWE XON PL EI TS TS CWE XAD XTN* EI DT ST EI EI ANY ANY ANY"),
    (
        "PV1",
        "SI IS PL IS CX PL XCN* XCN* XCN* IS PL IS IS IS IS* IS XCN* IS CX FC* IS IS IS IS* DT* NM* NM* IS DT IS DT IS NM \
         NM IS IS DLD CE IS IS IS PL PL TS TS* NM NM NM NM CX IS XCN*",
    ),
    (
        "PV2",
        "PL CE CE CE ST* ST IS* TS TS NM NM ST XCN* DT ID IS DT IS ID NM IS ID XON* IS IS DT IS DT DT CE IS ID TS ID ID ID \
         ID CE CE CE* CE CE IS* IS CE DT TS TS IS*",
    ),
    ("RGS", "SI ID CE"),
    ("ROL", "EI ID CE XCN* TS TS CE CE CE* CE XAD* XTN*"),
    (
        "SCH",
        "EI EI NM EI CE CE CE CE NM CE TQ* XCN* XTN XAD* PL XCN* XTN* XAD PL XCN* XTN* PL EI EI CE EI* EI*",
    ),
    ("SFT", "XON ST ST ST TX TS"),
    ("TQ1", "SI CQ ANY* TM* CQ* CQ* TS TS CWE* TX TX ID CQ NM"),
    ("TXA", "SI IS ID TS XCN* TS TS TS* XCN* XCN* XCN* EI EI EI* EI ST ID ID ID ID ST ANY* XCN*"),
    ("ZBE", "EI* TS TS ID ID ID XON XON CWE"),
    ("ZFA", "ID TS TS ID TS ID ID TS ID TS ID TS"),
    ("ZFD", "ANY NM ID ID ID TS IS DT"),
    ("ZFM", "IS IS IS IS IS"),
    ("ZFP", "IS IS"),
    ("ZFS", "SI EI TS TS ID CWE CNE FT"),
    ("ZFV", "DLD CE ANY TS TS XAD* CX CX* IS IS CE"),
];

/// Fields of a segment; `None` when nothing is known of it.
pub(super) fn fields(segment: &str) -> Option<&'static str> {
    SEGMENTS.iter().find(|(id, _)| *id == segment).map(|(_, fields)| *fields)
}
