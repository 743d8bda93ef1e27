//! Message types, their structures, the segments of each, and codes that French texts close.
//! Source: hl7v2.md §2.1, §4.2 to §4.5, §5.1. Segments that field messages add in front of their place are allowed.

/// Message type and structure.
#[rustfmt::skip]
pub(super) const EVENTS: &[(&str, &str)] = &[
    ("ADT^A01", "ADT_A01"), ("ADT^A04", "ADT_A01"), ("ADT^A08", "ADT_A01"), ("ADT^A13", "ADT_A01"), ("ADT^Z99", "ADT_A01"),
    ("ADT^A02", "ADT_A02"), ("ADT^A03", "ADT_A03"),
    ("ADT^A05", "ADT_A05"), ("ADT^A14", "ADT_A05"), ("ADT^A28", "ADT_A05"), ("ADT^A31", "ADT_A05"),
    ("ADT^A06", "ADT_A06"), ("ADT^A07", "ADT_A06"),
    ("ADT^A09", "ADT_A09"), ("ADT^A10", "ADT_A09"), ("ADT^A11", "ADT_A09"), ("ADT^A12", "ADT_A12"),
    ("ADT^A15", "ADT_A15"), ("ADT^A16", "ADT_A16"),
    ("ADT^A21", "ADT_A21"), ("ADT^A22", "ADT_A21"), ("ADT^A25", "ADT_A21"), ("ADT^A26", "ADT_A21"),
    ("ADT^A27", "ADT_A21"), ("ADT^A32", "ADT_A21"), ("ADT^A33", "ADT_A21"),
    ("ADT^A38", "ADT_A38"), ("ADT^A40", "ADT_A39"), ("ADT^A44", "ADT_A43"), ("ADT^A47", "ADT_A30"), ("ADT^A49", "ADT_A30"),
    ("ADT^A52", "ADT_A52"), ("ADT^A53", "ADT_A52"), ("ADT^A54", "ADT_A54"), ("ADT^A55", "ADT_A52"),
    ("SIU^S12", "SIU_S12"), ("SIU^S14", "SIU_S12"), ("SIU^S15", "SIU_S12"), ("SIU^S26", "SIU_S12"),
    ("ORU^R01", "ORU_R01"),
    ("MDM^T02", "MDM_T02"), ("MDM^T04", "MDM_T02"), ("MDM^T10", "MDM_T02"),
];

/// Structures of movements: French feeds put any of these segments in any of them (hl7v2.md §4.2).
const MOVEMENT: &str = "MSH SFT EVN PID PD1 ROL NK1 PV1 PV2 ZBE ZFA ZFP ZFV ZFM ZFD ZFS DB1 OBX AL1 DG1 DRG PR1 GT1 IN1 IN2 IN3 ACC UB1 UB2 PDA";
/// Structures of cancelled and pending movements.
const SHORT: &str = "MSH SFT EVN PID PD1 ROL PV1 PV2 ZBE ZFA ZFV ZFM ZFD DB1 OBX DG1";

pub(super) const STRUCTURES: &[(&str, &str)] = &[
    ("ADT_A01", MOVEMENT),
    ("ADT_A02", MOVEMENT),
    ("ADT_A03", MOVEMENT),
    ("ADT_A05", MOVEMENT),
    ("ADT_A06", MOVEMENT),
    ("ADT_A09", SHORT),
    ("ADT_A12", SHORT),
    ("ADT_A15", SHORT),
    ("ADT_A16", SHORT),
    ("ADT_A21", SHORT),
    ("ADT_A30", "MSH SFT EVN PID PD1 MRG"),
    ("ADT_A38", SHORT),
    ("ADT_A39", "MSH SFT EVN PID PD1 MRG PV1"),
    ("ADT_A43", "MSH SFT EVN PID PD1 MRG"),
    ("ADT_A52", SHORT),
    ("ADT_A54", SHORT),
    ("MDM_T02", "MSH SFT EVN PID PV1 ORC TQ1 TQ2 OBR NTE TXA OBX PRT"),
    ("ORU_R01", "MSH SFT PID PD1 NTE NK1 PV1 PV2 ORC OBR TQ1 TQ2 CTD OBX PRT SPM"),
    ("SIU_S12", "MSH SCH TQ1 NTE PID PD1 PV1 PV2 OBX DG1 RGS AIS AIG AIL AIP"),
];

/// Codes of a field, where a French text closes the list.
pub(super) fn codes(segment: &str, field: usize) -> &'static [&'static str] {
    match (segment, field) {
        ("PID", 8) => &["M", "F", "U"],
        ("PV1", 2) => &["E", "I", "O", "R", "N"],
        ("ZBE", 4) => &["INSERT", "UPDATE", "CANCEL"],
        ("ZBE", 5) => &["Y", "N"],
        ("ZFA", 9) => &["INO", "IO", "NA"],
        ("ZFA", 11) => &["IC", "INC", "NA"],
        _ => &[],
    }
}
