//! Messages of our own, conformant in strict mode, that tests mutate. Everybody in them is fictitious.

use bytes::Bytes;

use crate::{limits::Limits, message::Message};

/// MDM^T02 towards the gateway.
pub(crate) const MDM: &[&str] = &[
    "MSH|^~\\&|RIS-TILLEULS|CHU-DES-TILLEULS|PFI|GRADES|202601120930||MDM^T02^MDM_T02|M8801|T|2.6|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2",
    "EVN||202601120929",
    "PID|||279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS^^20210115~51044^^^CHU&1.2.250.1.999.1&ISO^PI||MARTINET^LOUISE^LOUISE^^^^L||19790328|F|||4 rue du Moulin^^BOURGES^^18000^FRA^H~^^^^^^BDL^^18033|||||||900^^^CHU&1.2.250.1.999.1&ISO^AN||||||||||||||VALI",
    "PV1|1|I|||||||||||||||||770012^^^CHU&1.2.250.1.999.1&ISO^VN|||||||||||||||||||||||||202601100800",
    "ORC|NW",
    "OBR|1|||18748-4^CR d'imagerie médicale^LN",
    "TXA|1|18748-4|TEXT|202601120900||||||||1.2.250.1.999.1.4.8.301|||||AU",
    "OBX|1|ED|18748-4^CR d'imagerie médicale^LN||^text^XML^Base64^PGE+PC9hPg==||||||F",
    "PRT||UC||SB^Send by^participation|801234567866^ROUGIER^ANNE^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS|||CHU DES TILLEULS^^^^^ASIP-SANTE-ST&1.2.250.1.71.4.2.2&ISO^IDNST^^^1180000012",
    "PRT||UC||RCT^Result Copies To^participation|801234567897^VALLIER^PAUL^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS||||||||||^^X.400^paul.vallier@tilleuls.mssante.example",
    "PRT||UC||RCT^Result Copies To^participation|||||||||||^^X.400^279035121518989@patient.mssante.fr",
    "PRT||UC||REPLY^Reply To^participation|||||||||||^^X.400^secretariat@tilleuls.mssante.example",
    "OBX|2|CWE|MASQUE_PS^Masqué aux professionnels de Santé^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
    "OBX|3|CWE|INVISIBLE_PATIENT^Document Non Visible par le patient^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
    "OBX|4|CWE|INVISIBLE_REP_LEGAUX^Non visible par les représentants Légaux du patient^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
    "OBX|5|CWE|CONNEXION_SECRETE^Connexion Secrete^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
    "OBX|6|CWE|MODIF_CONF_CODE^Modification Confidentiality Code^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
    "OBX|7|CWE|DESTDMP^Destinataire DMP^MetaDMPMSS||Y^^expandedYes-NoIndicator||||||F",
    "OBX|8|CWE|DESTMSSANTEPS^Destinataire (Professionnel de Santé, organisation ou BAL applicative)^MetaDMPMSS||Y^^expandedYes-NoIndicator||||||F",
    "OBX|9|CWE|DESTMSSANTEPAT^Destinataire Patient^MetaDMPMSS||Y^^expandedYes-NoIndicator||||||F",
    "NTE|1|||FIN",
    "OBX|10|CWE|ACK_RECEPTION^Accusé de réception^MetaDMPMSS||Y^^expandedYes-NoIndicator||||||F",
    "OBX|11|CWE|ACK_LECTURE_MSS^Accusé de lecture^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
    "OBX|12|ED|CORPSMAIL_PS^Corps du mail pour un PS^MetaDMPMSS||^text^^Base64^Q2hlciBjb25mcsOocmU=||||||F",
];

/// Joins segments as the wire wants them.
pub(crate) fn wire(segments: &[&str]) -> String {
    segments.iter().flat_map(|segment| [*segment, "\r"]).collect()
}

/// The MDM as it is.
pub(crate) fn mdm() -> String {
    wire(MDM)
}

/// The same document in an ORU^R01.
pub(crate) fn oru() -> String {
    let segments: Vec<&str> =
        MDM.iter().copied().filter(|s| !s.starts_with("EVN") && !s.starts_with("TXA")).collect();
    wire(&segments)
        .replace("MDM^T02^MDM_T02", "ORU^R01^ORU_R01")
        .replace("|2.6|", "|2.5|")
        .replace("|CWE|", "|CE|")
        .replace("^text^", "^TEXT^")
}

/// The same document towards an LPS.
pub(crate) fn lps() -> String {
    let mail = "OBX|2|ED|<1@tilleuls.mssante.example>^XDM/1.0/DDM+CR d'imagerie||^text^^Base64^QQ==||||||F\r";
    let mut text =
        mdm().replace("2.1^CISIS_CDA_HL7_V2", "1.1^CISIS_CDA_HL7_LPS").replace("PV1|1|I", "PV1|1|N");
    text = text.replace("1180000012\r", "1180000012|||||||^^X.400^chu@tilleuls.mssante.example\r");
    let flags = text.find("OBX|2|").unwrap();
    let kept: Vec<String> = (3..)
        .zip(text[flags..].split('\r').filter(|s| ["MASQUE", "INVIS", "MODIF"].iter().any(|c| s.contains(c))))
        .map(|(number, obx)| format!("OBX|{number}|{}\r", obx.splitn(3, '|').nth(2).unwrap()))
        .collect();
    format!("{}{mail}{}", &text[..flags], kept.concat())
}

/// A positive ZAM^Z02.
pub(crate) fn zam() -> String {
    wire(&[
        "MSH|^~\\&|PFI|GRADES|RIS-TILLEULS|CHU-DES-TILLEULS|202601120931||ZAM^Z02^ZAM_Z01|Z1|T|2.6|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2",
        "EVN||202601120929",
        "OBX|1|CWE|ACK_RECEPTION_MSS^Accusé de réception MSSanté^AckMetierZAM|M8801|Y^^expandedYes-NoIndicator||||||F|",
        "OBX|2|XTN|DESTINATAIRE_MSS^Destinataire MSSanté^AckMetierZAM|801234567897|^^X.400^paul.vallier@tilleuls.mssante.example||||||F|",
    ])
}

/// A negative ZAM^Z02.
pub(crate) fn zam_negative() -> String {
    zam().replace("|Y^^", "|N^^")
        + "ERR|||207^Application error^messageErrorCondition|E|550^boîte inexistante^SMTPERRORCODE\r"
}

/// A negative ACK.
pub(crate) fn ack() -> String {
    wire(&[
        "MSH|^~\\&|PFI|GRADES|RIS-TILLEULS|CHU-DES-TILLEULS|202601120931||ACK^T02^ACK|A1|T|2.6|||||FRA|UNICODE UTF-8",
        "MSA|AE|M8801",
        "ERR||PID^1^3|101^Required field missing^messageErrorCondition|E",
    ])
}

pub(crate) fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).unwrap()
}

/// The text with one part replaced; fails when the part is not there exactly once, or not first.
pub(crate) fn mutate(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in the message");
    text.replacen(from, to, 1)
}
