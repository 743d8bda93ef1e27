use jonction_model::{Finding, Mode, Severity, run_checks};

use super::*;
use crate::{
    fixtures::{ack, lps, mdm, mutate, oru, parse, zam, zam_negative},
    profiles,
};

fn strict(text: &str) -> Vec<Finding> {
    let message = parse(text);
    run_checks(profiles::for_message(&message), &message, Mode::Strict)
}

#[test]
fn our_messages_conform_in_strict_mode() {
    for text in [mdm(), oru(), lps(), zam(), zam_negative(), ack()] {
        assert_eq!(strict(&text), [], "{text}");
    }
}

/// Each row breaks one rule: check, message, text to replace, replacement, path of the finding, severity, ERR-3.
type Row = (&'static str, fn() -> String, &'static str, &'static str, &'static str, Severity, &'static str);

use Severity::{Error as E, Info as I, Warning as W};

#[rustfmt::skip]
const MUTATIONS: &[Row] = &[
    ("H002", mdm, "EVN|", "MSH|^~\\&|\rEVN|", "MSH[2]", E, "100"),
    ("H003", mdm, "|^~\\&|", "|^˜\\&|", "MSH-2", W, "102"),
    ("H004", mdm, "|^~\\&|", "|^~\\&#|", "MSH-2", W, "102"),
    ("H005", mdm, "\rEVN", "\nEVN", "", W, "199"),
    ("H006", ack, "|E\r", "|E", "", W, "199"),
    ("H007", mdm, "EVN|", "evn|\rEVN|", "", W, "199"),
    ("H008", mdm, "UNICODE UTF-8", "8859/15", "MSH-18", W, "199"),
    ("H008", mdm, "médicale", "mÃ©dicale", "MSH-18", W, "199"),
    ("H009", mdm, "BOURGES", "BOUR\tGES", "PID[1]-11", W, "102"),
    ("H010", mdm, "4 rue", "4\\rue", "PID[1]-11", W, "102"),
    ("H011", mdm, "|PFI|", "||", "MSH-5", E, "101"),
    ("H012", mdm, "|202601120930|", "||", "MSH-7", E, "101"),
    ("H012", mdm, "|202601120930|", "|20260112|", "MSH-7", E, "102"),
    ("H013", mdm, "MDM^T02^", "QBP^Q11^", "MSH-9.1", E, "200"),
    ("H013", mdm, "MDM^T02^", "MDM^T11^", "MSH-9.2", E, "201"),
    ("H013", mdm, "MDM^T02^MDM_T02", "MDM^T02^MDM^T02^MDM_T02", "MSH-9", E, "200"),
    ("H014", mdm, "^MDM_T02", "^MDM_T01", "MSH-9.3", E, "201"),
    ("H015", mdm, "|M8801|", "||", "MSH-10", E, "101"),
    ("H015", mdm, "|M8801|", "|M88018801880188018801|", "MSH-10", W, "101"),
    ("H017", mdm, "|T|2.6", "|X|2.6", "MSH-11", E, "202"),
    ("H018", mdm, "|2.6|", "|2.9|", "MSH-12", E, "203"),
    ("H018", oru, "|2.5|", "|2.3|", "MSH-12", E, "203"),
    ("H019", zam, "|2.6|", "|2.5|", "MSH-12", E, "203"),
    ("H021", mdm, "|FRA|", "||", "MSH-17", E, "101"),
    ("H022", mdm, "UNICODE UTF-8", "UTF-8", "MSH-18", E, "103"),
    ("H023", mdm, "2.1^CISIS_CDA_HL7_V2", "2.0^CISIS_CDA_HL7_V2", "MSH-21", W, "101"),
    ("H023", mdm, "2.1^CISIS_CDA_HL7_V2", "", "MSH-21", E, "101"),
    ("H024", lps, "1.1^CISIS", "1.0^CISIS", "MSH-21", E, "101"),
    ("H026", mdm, "médicale^LN\rTXA", "médicale\rTXA", "OBR[1]-4", W, "101"),
    ("H026", mdm, "N^^expandedYes-NoIndicator", "N", "OBX[2]-5", W, "101"),
    ("H027", mdm, "ORC|NW\r", "", "ORC", E, "100"),
    ("H027", mdm, "ORC|NW\r", "ORC|NW\rORC|NW\r", "ORC[2]", E, "198"),
    ("H027", mdm, "EVN||202601120929\r", "", "EVN", E, "100"),
    ("H028", mdm, "PV1|1", "PID|||1^^^A\rPV1|1", "PID[2]", E, "198"),
    ("H029", mdm, "|279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS^^20210115~51044^^^CHU&1.2.250.1.999.1&ISO^PI|", "||", "PID-3", E, "101"),
    ("H030", mdm, "51044^^^CHU&1.2.250.1.999.1&ISO", "51044^^^&1.2.250.1.0999.1&ISO", "PID-3[2].4.2", E, "102"),
    ("H030", mdm, "51044^^^CHU&1.2.250.1.999.1&ISO", "51044^^^", "PID-3[2].4", E, "102"),
    ("H031", mdm, "1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.2", "PID-3[1].4.2", E, "103"),
    ("H032", mdm, "|T|2.6", "|P|2.6", "PID-3[1].4.2", W, "103"),
    ("H033", mdm, "279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10", "279035121518988^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.8", "PID-3[1].1", W, "102"),
    ("H034", mdm, "1.2.250.1.213.1.4.10&ISO^INS^^20210115", "1.2.250.1.213.1.4.8&ISO^INS^^20210115~279035121518989^^^I&1.2.250.1.213.1.4.9&ISO^INS", "PID-3", W, "198"),
    ("H035", mdm, "|VALI\r", "|\r", "PID-32", E, "103"),
    ("H036", mdm, "|VALI\r", "|VALI~DOUT\r", "PID-32", E, "103"),
    ("H038", mdm, "LOUISE^^^^L", "LOUISE^^^^D", "PID-5", E, "101"),
    ("H038", mdm, "MARTINET^", "^", "PID-5[7='L'].1", E, "101"),
    ("H039", mdm, "LOUISE^LOUISE", "LOUISE^", "PID-5[7='L']", W, "101"),
    ("H039", mdm, "LOUISE^LOUISE", "LOUISE^ANNE", "PID-5[7='L'].3", W, "102"),
    ("H040", mdm, "LOUISE^^^^L", "LOUISE^^^DR^L", "PID-5[1].6", W, "198"),
    ("H041", mdm, "|19790328|", "||", "PID-7", E, "101"),
    ("H041", mdm, "|F|||4", "||||4", "PID-8", E, "101"),
    ("H042", mdm, "BDL^^18033", "BDL^^1803", "PID-11", W, "101"),
    ("H043", mdm, "|19790328|F", "|19790328|M", "PID-3[1].1", W, "102"),
    ("H043", mdm, "|19790328|F", "|19800328|F", "PID-3[1].1", W, "102"),
    ("H044", mdm, "|F|||4", "|F||X|4", "PID-10", E, "198"),
    ("H045", mdm, "|F|||4", "|F|X||4", "PID-9", W, "198"),
    ("H046", mdm, "900^^^CHU&1.2.250.1.999.1&ISO^AN", "", "PID-18", W, "101"),
    ("H046", mdm, "ISO^AN", "ISO^VN", "PID-18.5", W, "101"),
    ("H047", mdm, "PV1|1|I", "PV1|1|Z", "PV1-2", E, "103"),
    ("H048", mdm, "770012^^^CHU&1.2.250.1.999.1&ISO^VN", "", "PV1-19", E, "101"),
    ("H049", mdm, "|202601100800", "|", "PV1-44", I, "101"),
    ("H050", lps, "PV1|1|N", "PV1|1|I", "PV1-2", E, "103"),
    ("H051", mdm, "ORC|NW", "ORC|RO", "ORC-1", E, "207"),
    ("H051", mdm, "ORC|NW", "ORC|SC", "ORC-1", E, "207"),
    ("H051", mdm, "PC9hPg==||||||F", "PC9hPg==||||||C", "OBX[1]-11", E, "207"),
    ("H052", mdm, "médicale^LN\rTXA", "médicale^L\rTXA", "OBR-4", E, "103"),
    ("H055", mdm, "ED|18748-4", "ED|11502-2", "OBX[1]-3", E, "207"),
    ("H055", mdm, "médicale^LN||^text", "medicale^LN||^text", "OBX[1]-3", W, "207"),
    ("H056", mdm, "TXA|1|18748-4", "TXA|1|11502-2", "TXA-2", E, "207"),
    ("H057", mdm, "|TEXT|", "|TXT|", "TXA-3", E, "103"),
    ("H057", mdm, "|AU\r", "|LA\r", "TXA-17", W, "103"),
    ("H058", mdm, "|1.2.250.1.999.1.4.8.301|", "||", "TXA-12", E, "101"),
    ("H059", mdm, "4.8.301|", "4.8.301^CHU|", "TXA-12", W, "102"),
    ("H060", mdm, "|1.2.250.1.999.1.4.8.301|", "|301^^1.2.250.1.999.1.4.8^ISO|", "TXA-12", W, "207"),
    ("H061", mdm, "MDM^T02", "MDM^T10", "TXA-13", E, "101"),
    ("H063", mdm, "OBX|1|ED", "OBX|1|TX", "OBX[1]-2", E, "102"),
    ("H064", mdm, "^text^XML", "^TEXT^XML", "OBX[1]-5.2", W, "103"),
    ("H064", mdm, "^XML^Base64", "^XML^Hex", "OBX[1]-5.4", E, "103"),
    ("H065", mdm, "PGE+PC9hPg==", "PGE*PC9hPg==", "OBX[1]-5.5", E, "102"),
    ("H065", mdm, "PGE+PC9hPg==", "PGE+PC9hPg", "OBX[1]-5.5", W, "102"),
    ("H069", oru, "OBX|2|", "OBX|2|ED|a^b^LN||^TEXT^XML^Base64^QQ==||||||F\rOBX|2|ED|a^b^LN||^TEXT^XML^Base64^QQ==||||||F\rOBX|2|", "OBX", E, "198"),
    ("H070", mdm, "OBX|2|", "OBX|2|ED|a^b^LN||^text^XML^Base64^QQ==||||||F\rOBX|2|", "OBX", E, "198"),
    ("H071", mdm, "OBX|5|", "OBX|6|", "OBX[5]-1", W, "102"),
    ("H072", mdm, "OBX|7|CWE|DESTDMP^", "OBX|7|CWE|AUTRE^", "OBX[3.1='DESTDMP']", E, "101"),
    ("H072", mdm, "OBX|10|CWE|ACK_RECEPTION^", "OBX|10|CWE|AUTRE^", "OBX[3.1='ACK_RECEPTION']", W, "101"),
    ("H072", mdm, "OBX|7|CWE|DESTDMP^", "OBX|7|CWE|MASQUE_PS^", "OBX[3.1='MASQUE_PS']", E, "198"),
    ("H072", mdm, "OBX|12|ED|CORPSMAIL_PS", "OBX|12|CWE|MASQUE_PS", "OBX", W, "100"),
    ("H073", mdm, "OBX|2|CWE", "OBX|2|CE", "OBX[2]-2", W, "102"),
    ("H074", mdm, "Connexion Secrete^MetaDMPMSS", "Connexion Secrete^MetaDMP", "OBX[5]-3.3", W, "103"),
    ("H075", mdm, "N^^expanded", "O^^expanded", "OBX[2]-5.1", E, "103"),
    ("H075", mdm, "N^^expandedYes-NoIndicator", "N^^HL70136", "OBX[2]-5.3", W, "103"),
    ("H076", mdm, "Indicator||||||F\rOBX|3", "Indicator||||||P\rOBX|3", "OBX[2]-11", W, "103"),
    ("H077", mdm, "MODIF_CONF_CODE^", "MODIF_CONFIDENTIALITYCODE^", "OBX[6]-3.1", W, "103"),
    ("H078", mdm, "patient^MetaDMPMSS||N", "patient^MetaDMPMSS||Y", "OBX[3.1='DESTMSSANTEPAT']-5.1", E, "207"),
    ("H079", mdm, "Patient^MetaDMPMSS||Y", "Patient^MetaDMPMSS||N", "OBX[3.1='DESTMSSANTEPS']-5.1", E, "207"),
    ("H079", mdm, "Santé^MetaDMPMSS||N", "Santé^MetaDMPMSS||Y", "OBX[3.1='DESTMSSANTEPS']-5.1", E, "207"),
    ("H081", mdm, "SB^Send by", "REPLY^Send by", "PRT[4.1='SB']", E, "101"),
    ("H081", mdm, "|||CHU DES TILLEULS^^^^^ASIP-SANTE-ST&1.2.250.1.71.4.2.2&ISO^IDNST^^^1180000012", "", "PRT[1]-8", E, "101"),
    ("H082", mdm, "279035121518989@patient.mssante.fr", "x@tilleuls.mssante.example", "OBX[3.1='DESTMSSANTEPAT']-5.1", E, "207"),
    ("H082", mdm, "Patient^MetaDMPMSS||Y", "Patient^MetaDMPMSS||N", "PRT[3]", W, "207"),
    ("H083", mdm, "OBX|3|", "PRT||UC||REPLY^Reply To^participation|||||||||||^^X.400^a@tilleuls.mssante.example\rOBX|3|", "PRT", W, "100"),
    ("H084", mdm, "PRT||UC||SB", "PRT||AD||SB", "PRT[1]-2", W, "103"),
    ("H085", mdm, "REPLY^Reply To", "REP^Reply To", "PRT[4]-4.1", E, "103"),
    ("H085", mdm, "RCT^Result Copies To", "RCT^", "PRT[2]-4", W, "103"),
    ("H086", mdm, "|||||||||||^^X.400^secretariat", "||||||||||||^^X.400^secretariat", "PRT[4]-16", E, "102"),
    ("H086", mdm, "paul.vallier@", "paul.vallier", "PRT[2]-15.4", E, "102"),
    ("H086", mdm, "^^X.400^paul", "^^Internet^paul", "PRT[2]-15.3", E, "102"),
    ("H086", mdm, "^^X.400^paul", "^NET^X.400^paul", "PRT[2]-15.2", W, "102"),
    ("H087", mdm, "279035121518989@", "27707279035121518989@", "PRT[3]-15.4", E, "103"),
    ("H087", mdm, "279035121518989@", "279035121518988@", "PRT[3]-15.4", E, "103"),
    ("H088", mdm, "PS&1.2.250.1.71.4.2.1&ISO", "PS", "PRT[1]-5.9.2", E, "101"),
    ("H088", mdm, "PAUL^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS", "PAUL^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D", "PRT[2]-5.13", W, "101"),
    ("H089", mdm, "IDNPS|||CHU", "RPPS|||CHU", "PRT[1]-5.1", W, "102"),
    ("H090", mdm, "^IDNST^", "^SIRET^", "PRT[1]-8.7", E, "103"),
    ("H090", mdm, "^^^1180000012", "", "PRT[1]-8.10", E, "101"),
    ("H091", mdm, "^^^1180000012", "^^^180000012", "PRT[1]-8.10", W, "102"),
    ("H092", mdm, "OBX|3|", "NTE|1|||FIN\rOBX|3|", "OBX[2]", W, "103"),
    ("H093", mdm, "Q2hlciBjb25mcsOocmU=", "Q2hlciBjb25mcsOoc", "OBX[12]-5.5", W, "102"),
    ("H095", lps, "<1@tilleuls.mssante.example>^XDM", "^XDM", "OBX[2]-3.1", E, "101"),
    ("H096", lps, "chu@tilleuls", "", "PRT[4.1='SB']-15.4", E, "101"),
    ("H097", zam, "|Y^^", "|N^^", "ERR", E, "100"),
    ("H097", zam, "EVN||202601120929\r", "", "EVN[1]", E, "100"),
    ("H099", zam, "ACK_RECEPTION_MSS", "ACK_RECEPTION_DMP", "OBX[1]-3.1", E, "103"),
    ("H100", zam, "|XTN|", "|ST|", "OBX[2]-5", E, "102"),
    ("H101", zam_negative, "207^", "206^", "ERR-3.1", E, "103"),
    ("H101", zam_negative, "SMTPERRORCODE", "DMPERRORCODE", "ERR-5.3", W, "103"),
    ("H102", ack, "|AE|", "|OK|", "MSA-1", E, "103"),
    ("H104", ack, "ERR||", "ZZZ||", "ERR", E, "101"),
    ("H104", ack, "|E\r", "|X\r", "ERR-4", E, "101"),
    ("H120", mdm, "202601120900", "202601322500", "TXA[1]-4", E, "102"),
    ("H120", mdm, "|19790328|", "|19791328|", "PID[1]-7", E, "102"),
];

#[test]
fn each_mutation_is_told_by_its_own_check_at_its_place() {
    for (id, message, from, to, path, severity, code) in MUTATIONS {
        let mutated = mutate(&message(), from, to);
        // A mail address without anything before the @ is none.
        let mutated = if *id == "H096" { mutated.replace("^^X.400^.mssante.example", "") } else { mutated };
        let findings = strict(&mutated);
        let expected =
            |finding: &&Finding| finding.check == format!("hl7v2/{id}") && finding.place.path == *path;
        let found = findings.iter().find(expected);
        let found = found.unwrap_or_else(|| panic!("{id} {from:?} → {to:?}: {findings:#?}"));
        assert_eq!(found.severity, *severity, "{id} {to:?}");
        assert_eq!(found.wire_code.as_deref(), Some(*code), "{id} {to:?}");
        assert!(found.remedy.is_some(), "{id}");
    }
}

#[test]
fn every_check_of_the_table_is_broken_by_some_mutation() {
    let untested: Vec<&str> = CHECKS
        .iter()
        .map(|check| check.id)
        .filter(|id| !MUTATIONS.iter().any(|row| id.ends_with(row.0)) && *id != "hl7v2/H080")
        .collect();
    assert_eq!(untested, [""; 0]);
}

#[test]
fn lunar_birth_dates_are_dates() {
    let h120 = |date: &str| {
        let text = mutate(&mdm(), "|19790328|", &format!("|{date}|"));
        strict(&text).iter().any(|finding| finding.check == "hl7v2/H120")
    };
    for date in ["19790300", "19790000", "20100910", "1979", "19000228"] {
        assert!(!h120(date), "{date}");
    }
    for date in ["19791328", "19790230", "28/03/1979", "197903280"] {
        assert!(h120(date), "{date}");
    }
}

#[test]
fn a_message_without_destination_is_told() {
    let mut text = mdm();
    for name in ["DMP^MetaDMPMSS||Y", "applicative)^MetaDMPMSS||Y", "Patient^MetaDMPMSS||Y"] {
        text = mutate(&text, name, &name.replace("||Y", "||N"));
    }
    assert!(strict(&text).iter().any(|finding| finding.check == "hl7v2/H080" && finding.severity == E));
}

#[test]
fn every_path_of_a_finding_is_a_path_or_a_segment() {
    for (_, message, from, to, ..) in MUTATIONS {
        for finding in strict(&mutate(&message(), from, to)) {
            let path = &finding.place.path;
            assert!(path.is_empty() || crate::Path::parse(path).is_ok(), "{path}");
        }
    }
}

/// Names and numbers land where codes belong when a sender shifts its fields.
#[test]
fn findings_never_show_a_datum_of_the_person() {
    for datum in ["MARTINET", "MARTINET LOUISE", "PAT-TROIS", "279035121518989", "19790328"] {
        let message = parse(&mdm());
        let mut edits = message.edit();
        for path in [
            "PID-3[1].5",
            "PID-3[1].4.2",
            "PID-32",
            "PID-18.5",
            "PV1-2",
            "ORC-1",
            "OBR-4",
            "TXA-2",
            "TXA-17",
            "OBX[1]-2",
            "OBX[1]-11",
            "OBX[1]-5.2",
            "OBX[2]-1",
            "OBX[2]-2",
            "OBX[2]-5.1",
            "OBX[3]-3.3",
            "OBX[4]-11",
            "PRT[1]-2",
            "PRT[2]-4",
            "PRT[1]-8.7",
            "PRT[2]-15.3",
            "PRT[3]-15.4",
        ] {
            edits = edits.set(&crate::Path::parse(path).unwrap(), datum).unwrap();
        }
        let findings = strict(std::str::from_utf8(&edits.apply()).unwrap());
        assert!(findings.len() > 15, "{findings:#?}");
        for finding in findings {
            assert!(!format!("{finding:?}").contains(datum), "{finding:?}");
        }
    }
}

#[test]
fn tolerant_mode_lets_the_habits_of_the_field_through() {
    for (from, to) in [
        ("UNICODE UTF-8", "UTF-8"),
        ("|AU\r", "|LA\r"),
        ("|FRA|", "||"),
        ("MDM_T02|", "|"),
        ("PV1|1|I", "PV1|1|"),
    ] {
        let message = parse(&mutate(&mdm(), from, to));
        let findings = run_checks(profiles::for_message(&message), &message, Mode::Tolerant);
        assert!(
            !findings.is_empty() && findings.iter().all(|finding| finding.severity < E),
            "{to}: {findings:#?}"
        );
    }
}

#[test]
fn base64_is_judged_as_the_decoder_will_read_it() {
    use super::document::{Base64Fault, base64_shape};
    assert_eq!(base64_shape(b"QUJD"), Ok(false));
    assert_eq!(base64_shape(b"QQ=="), Ok(false));
    assert_eq!(base64_shape(b"QQ"), Ok(true));
    assert_eq!(base64_shape(b"QU JD"), Ok(true));
    assert_eq!(base64_shape(&[b'A'; 4096]), Ok(false));
    assert_eq!(base64_shape(b""), Err(Base64Fault::Empty));
    for wrong in [&b"QUJ*"[..], b"QQ==QQ==", b"QQ===", b"QUJD\x00", "QUJé".as_bytes()] {
        assert_eq!(base64_shape(wrong), Err(Base64Fault::Alphabet), "{wrong:?}");
    }
    let mut long = vec![b'A'; 4097];
    assert_eq!(base64_shape(&long), Err(Base64Fault::Length));
    long[2000] = b'^';
    assert_eq!(base64_shape(&long), Err(Base64Fault::Alphabet));
}
