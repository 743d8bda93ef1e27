//! The yardstick of the index: finding the same separators, and nothing else; and a message to measure both on.
//! In: bytes, or a size. Out: a count, or bytes. Used by the benches and by `jonction bench`. Source: hl7v2.md §10.2.

use memchr::memchr3_iter;

use crate::delimiters::Delimiters;

/// Counts field separators and line ends with memchr: the least that any index must do.
pub fn bare_pass(raw: &[u8], delimiters: &Delimiters) -> usize {
    memchr3_iter(delimiters.field, b'\r', b'\n', raw).count()
}

/// A fictitious ORU of 22 segments and about 2.7 kB, whose document holds so many base64 characters more.
pub fn sample_message(base64_bytes: usize) -> Vec<u8> {
    let mut raw = Vec::with_capacity(3000 + base64_bytes);
    raw.extend_from_slice(HEAD.as_bytes());
    raw.extend(b"TGV0dHJlIGRlIGxpYWlzb24g".iter().cycle().take(base64_bytes.max(52)));
    raw.extend_from_slice(b"||||||F|\r");
    raw.extend_from_slice(PARTIES.as_bytes());
    for (number, (code, label)) in (2..).zip(FLAGS) {
        let flag = format!("OBX|{number}|CE|{code}^{label}^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F|\r");
        raw.extend_from_slice(flag.as_bytes());
    }
    raw
}

const HEAD: &str = "MSH|^~\\&|SIL-DES-TILLEULS|LABO|PFI|CHU-DES-TILLEULS|202601120930||ORU^R01^ORU_R01|8801|T|2.5|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2\r\
PID|||279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS^^20210115||MARTINET^LOUISE^LOUISE^^^^L||19790328|F|||4 rue du Moulin^^BOURGES^^18000^FRA^H~^^^^^^BDL^^18033|||||||51044^^^CHU-DES-TILLEULS&1.2.250.1.999.1&ISO^AN||||||||||||||VALI\r\
PV1|1|I|NEPHRO^12^A||||||||||||||||770012^^^CHU-DES-TILLEULS&1.2.250.1.999.1&ISO^VN^^20260110||||||||||||||||||||||||||20260110\r\
ORC|NW|5501^NEPHRO|9902^LABO|||||||20260112|4417^VALLIER^PAUL^^^^^^^D^^^EI\r\
OBR|1|5501^NEPHRO|9902^LABO|11502-2^CR d'examens biologiques^LN||||||^VALLIER^PAUL^^^^^^^D||||||^ROUGIER^ANNE^^^DR^^^^D|||||||||F\r\
OBX|1|ED|11502-2^CR d'examens biologiques^LN||^TEXT^XML^Base64^";

const PARTIES: &str = "PRT||UC||SB^Send by^participation|801234567866^ROUGIER^ANNE^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS|||LABO DES TILLEULS^^^^^ASIP-SANTE-ST&1.2.250.1.71.4.2.2&ISO^IDNST^^^1180000012\r\
PRT||UC||RCT^Result Copies To^participation|801234567897^VALLIER^PAUL^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS||||||||||^^X.400^paul.vallier@tilleuls.mssante.example\r\
PRT||UC||REPLY^Reply To^participation|||||||||||^^X.400^labo@tilleuls.mssante.example\r\
NTE|1|L|Compte rendu valid\u{e9} par le biologiste de garde\r";

const FLAGS: [(&str, &str); 12] = [
    ("MASQUE_PS", "Masqu\u{e9} aux professionnels de Sant\u{e9}"),
    ("INVISIBLE_PATIENT", "Document Non Visible par le patient"),
    ("INVISIBLE_REP_LEGAUX", "Non visible par les repr\u{e9}sentants L\u{e9}gaux du patient"),
    ("CONNEXION_SECRETE", "Connexion Secrete"),
    ("MODIF_CONF_CODE", "Modification Confidentiality Code"),
    ("DESTDMP", "Destinataire DMP"),
    ("DESTMSSANTEPS", "Destinataire (Professionnel de Sant\u{e9}, organisation ou BAL applicative)"),
    ("DESTMSSANTEPAT", "Destinataire Patient"),
    ("ACK_RECEPTION", "Accus\u{e9} de r\u{e9}ception"),
    ("ACK_LECTURE_MSS", "Accus\u{e9} de lecture"),
    ("COMMENT_A", "Commentaire libre du laboratoire"),
    ("COMMENT_B", "Commentaire libre du prescripteur"),
];

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{limits::Limits, message::Message};

    #[test]
    fn the_bare_pass_finds_what_the_index_holds() {
        let raw = sample_message(0);
        let message = Message::parse(Bytes::from(raw.clone()), &Limits::default()).unwrap();
        let separators: usize =
            message.segments().map(|s| s.raw().iter().filter(|b| **b == b'|').count()).sum();
        assert_eq!(bare_pass(&raw, message.delimiters()), separators + message.segments().len());
        assert_eq!(message.segments().len(), 22);
        assert!((2500..2900).contains(&raw.len()), "{}", raw.len());
    }
}
