use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{limits::Limits, value::Presence};

const RAW: &str = "MSH|^~\\&|RIS|H|PFI|H|1||MDM^T02|1\r\
    PID|||IPP1^^^CHU&1.2&ISO^PI~2790^^^N&1.2.250.1.213.1.4.10&ISO^INS~~9^^^^INS-C||A^B\u{a0}\r\
    PRT||UC||SB^^participation\r\
    PRT||UC||RCT^^participation|||||||||||^^X.400^a@mssante.example\r\
    OBX|1|ED|DOC||^t^XML^Base64^QUJD|\r\
    OBX|2|CWE|DESTDMP^l^MetaDMPMSS||Y^^x\r\
    OBX|3|CWE|l'autre^l||N^^x|\"\"\r";

fn message() -> Message {
    Message::parse(Bytes::from_static(RAW.as_bytes()), &Limits::default()).unwrap()
}

fn text(path: &str) -> String {
    message().get(&Path::parse(path).unwrap()).text().into_owned()
}

fn all(path: &str) -> Vec<String> {
    message().all(&Path::parse(path).unwrap()).into_iter().map(|value| value.text().into_owned()).collect()
}

#[test]
fn numbers_and_conditions_find_their_place() {
    assert_eq!(text("MSH-3"), "RIS");
    assert_eq!(text("MSH-9.2"), "T02");
    assert_eq!(text("PID-3[2].4.2"), "1.2.250.1.213.1.4.10");
    assert_eq!(text("PID-3[5='INS'].1"), "2790");
    assert_eq!(text("PID-3[5='NH'|'INS-C'].1"), "9");
    assert_eq!(text("PID-3[4.2='1.2'].1"), "IPP1");
    assert_eq!(text("PRT[4.1='RCT']-15.4"), "a@mssante.example");
    assert_eq!(text("OBX[3.1='DESTDMP']-5.1"), "Y");
    assert_eq!(text("OBX[3]-1"), "3");
    assert_eq!(text("OBX[3.1='l''autre']-5.1"), "N");
    assert_eq!(text("PID[3.5='INS']-5"), "A^B\u{a0}");
    assert_eq!(text("PID[5.2='B']-5.1"), "A");
    assert_eq!(text("OBX-5.5"), "QUJD");
    assert_eq!(text("PRT"), "PRT||UC||SB^^participation");
}

#[test]
fn what_is_not_there_is_absent_and_presence_is_told_apart() {
    let presence = |path: &str| message().get(&Path::parse(path).unwrap()).presence();
    assert_eq!(presence("ZZZ-1"), Presence::Absent);
    assert_eq!(presence("PID-99"), Presence::Absent);
    assert_eq!(presence("PID-3[5='X'].1"), Presence::Absent);
    assert_eq!(presence("PID-3[9].1"), Presence::Absent);
    assert_eq!(presence("PID-3.9"), Presence::Absent);
    assert_eq!(presence("PID-3[3]"), Presence::Empty);
    assert_eq!(presence("PID-1"), Presence::Empty);
    assert_eq!(presence("OBX[3]-6"), Presence::Null);
    assert_eq!(presence("OBX[3]-5"), Presence::Valued);
}

#[test]
fn all_gives_every_place_that_says_something() {
    assert_eq!(all("OBX-1"), ["1", "2", "3"]);
    assert_eq!(all("PID-3.1"), ["IPP1", "2790", "9"]);
    assert_eq!(all("PID-3[5='INS'|'INS-C'].1"), ["2790", "9"]);
    assert_eq!(all("PRT-15.4"), ["a@mssante.example"]);
    assert_eq!(all("ZZZ-1"), [""; 0]);
}

#[test]
fn the_payload_is_an_exact_range_of_the_raw_message() {
    let message = message();
    let span = message.get(&Path::parse("OBX[1]-5.5").unwrap()).span();
    assert_eq!(&RAW[span], "QUJD");
}

#[test]
fn paths_print_as_they_were_written() {
    for path in [
        "PID",
        "PID[2]",
        "PID-3",
        "PID-3[2].4.2",
        "PID-3[5='INS'].1",
        "PRT[4.1='RCT']-15.4",
        "OBX[3.1='DESTDMP']-5.1",
        "PID-3[5='INS'|'INS-C']",
        "OBX[3.1='l''autre']",
        "Z01-1.1.1",
        "OBX[5.1.2='é']-5",
    ] {
        assert_eq!(Path::parse(path).unwrap().to_string(), path);
    }
}

#[test]
fn a_fault_gives_its_column() {
    for (path, column) in [
        ("", 1),
        ("pid-3", 1),
        ("PI", 1),
        ("PID3", 4),
        ("PID-", 5),
        ("PID-0", 5),
        ("PID-03", 5),
        ("PID-99999", 5),
        ("PID-3.", 7),
        ("PID-3.1.2.3", 10),
        ("PID-3[", 7),
        ("PID-3[2", 8),
        ("PID-3[5=INS]", 9),
        ("PID-3[5='INS]", 14),
        ("PID-3[5='é'|]", 13),
        ("PID-3[5='a'", 12),
        ("PID-3[1.2.3='a']", 10),
        ("PID[1.2.3.4='a']", 10),
        ("é", 1),
    ] {
        assert_eq!(Path::parse(path).unwrap_err().column, column, "{path}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_path_or_a_fault_inside_it(written in "[A-Z0-9\\[\\]='.|é-]{0,20}|PID(\\[[1-9.]{1,4}='[a'é]{0,3}'\\])?(-[1-9](\\[[1-9]\\])?(\\.[1-9]){0,2})?") {
        match Path::parse(&written) {
            Ok(path) => prop_assert_eq!(Path::parse(&path.to_string()).unwrap(), path),
            Err(error) => prop_assert!(error.column <= written.chars().count() + 1),
        }
    }
}
