//! Mappings that write: a movement becomes an ADT for a tool, a document an MDM for the software of a nursing home,
//! a message of a careless sender the same message, mended. In: a folder of three routes. Out: what the receiver holds.

use std::{fs, path::Path};

use jonction_hl7v2::{Limits, Message, Path as Hl7Path};

use crate::{
    desk::{Desk, answered, stops},
    program::{IDLE, Program, example, files_of},
};

const PROJECT: &str = "\
gateway: { name: essai, environment: test, source_id: 2.25.198001011.9, data: data }
partners:
  sil:
    connector: mllp
    listen: 127.0.0.1:2575
    messages: any
    senders: [{ facility: HOPITAL-DEMO }]
  outil:
    connector: mllp
    send_to: mllp://127.0.0.1:2576
    sending_as: { application: JONCTION, facility: REGION }
    receiver: { application: OUTIL, facility: DAC }
";

const ROUTES: [(&str, &str, &str); 3] = [
    ("mouvements", "ADT^A01", "[{ map: pam-to-patient-event }, { map: patient-event-to-adt }]"),
    ("documents", "MDM^T02", "[{ map: hl7v2-to-document }, { map: submission-to-mdm }]"),
    ("rendez-vous", "SIU^S12", "[{ map: hl7v2-clean-up }]"),
];

const MOVEMENT: &str = "MSH|^~\\&|GAM|HOPITAL-DEMO|X|Y|20260131||ADT^A01^ADT_A01|M1|T|2.5^FRA^2.11|||||FRA|UNICODE UTF-8\r\
    EVN||20260131101500\rPID|||7^^^CHU^PI||PAT-TROIS^DOMINIQUE^^^^^L||19790328|F||||||||||||||||||||||||VALI\rPV1||I|A^12\r";

const APPOINTMENT: &[u8] =
    b"MSH*:%!+*AGENDA*HOPITAL-DEMO*X*Y*20260131**SIU:S12:SIU_S12*M2*T*2.5******8859/15\nSCH**9\n\
    PID***7:::CHU:PI**PAT-TROIS:H\xe9l\xe8ne:::::L**19790328*2\nZZZ*maison\n";

fn write(project: &Path) {
    fs::create_dir_all(project.join("routes")).unwrap();
    fs::write(project.join("jonction.yaml"), PROJECT).unwrap();
    fs::write(
        project.join("simulators.yaml"),
        "lps: { listen: 127.0.0.1:2576, faults: [\"ack-ar first 1\"] }\n",
    )
    .unwrap();
    for (name, kind, steps) in ROUTES {
        let text = format!(
            "route: {name}\nfrom: sil\naccept: message.type in [\"{kind}\"]\nsteps: {steps}\nto: [{{ mllp: outil, retry: {{ initial: 100ms }} }}]\n"
        );
        fs::write(project.join(format!("routes/{name}.yaml")), text).unwrap();
    }
    fs::write(project.join("mouvement.hl7"), MOVEMENT).unwrap();
    fs::write(project.join("rendez-vous.hl7"), APPOINTMENT).unwrap();
}

#[test]
fn what_mappings_write_reaches_its_receiver_under_our_number() {
    let (desk, folder) = (Desk::new(), tempfile::tempdir().unwrap());
    let project = folder.path();
    write(project);
    let arguments =
        |word| [word, project.to_str().unwrap(), "--ports", "auto", "--data", desk.data(), "--json"];
    let mut simulators = Program::start(arguments("simulate"));
    simulators.listening(1);
    let mut gateway = desk.run(project);

    let document = example().join("messages/01-compte-rendu-imagerie.er7");
    let sent = [project.join("mouvement.hl7"), document, project.join("rendez-vous.hl7")];
    desk.send(&sent.each_ref().map(AsRef::as_ref), true).exits(0);
    gateway.wait_for("the end of what three messages owe", |line| {
        (line == IDLE && answered(&desk) == 3).then_some(())
    });
    let balance = &desk.ask_json(["balance"]).exits(0).json()[0];
    assert_eq!(balance["total"]["deliveries"]["delivered"], 3, "{balance}");
    stops(gateway);
    stops(simulators);

    let mut received: Vec<Message> = files_of(&desk.folder.path().join("simulateurs/lps"))
        .iter()
        .map(|path| Message::parse(fs::read(path).unwrap().into(), &Limits::default()).unwrap())
        .collect();
    received.sort_by_key(|message| message.header().message_code);
    received.dedup_by_key(|message| message.header().control_id);
    let text = |at: usize, path: &str| received[at].get(&Hl7Path::parse(path).unwrap()).text().into_owned();
    let kinds: Vec<_> = received.iter().map(|message| message.header().message_code).collect();
    assert_eq!(kinds, ["ADT", "MDM", "SIU"]);
    assert!(received.iter().all(|message| message.header().control_id.len() == 20), "our number, not theirs");

    assert_eq!(
        (text(0, "MSH-3.1"), text(0, "MSH-5.1"), text(0, "PV1-3.2")),
        ("GAM".into(), "OUTIL".into(), "12".into())
    );
    let source = fs::read(example().join("messages/01-compte-rendu-imagerie.er7")).unwrap();
    let source = Message::parse(source.into(), &Limits::default()).unwrap();
    let document = source.get(&Hl7Path::parse("OBX[1]-5.5").unwrap());
    assert_eq!(text(1, "OBX[1]-5.5"), document.text(), "the document, to the byte");
    assert_eq!((text(1, "MSH-3.1"), text(1, "MSH-21.2")), ("JONCTION".into(), "CISIS_CDA_HL7_LPS".into()));
    assert_eq!(
        (text(2, "PID-5.2"), text(2, "PID-8"), text(2, "MSH-18")),
        ("Hélène".into(), "F".into(), "UNICODE UTF-8".into())
    );
    assert!(received[2].segment("ZZZ").is_none() && received[2].raw().starts_with(b"MSH|^~\\&|AGENDA|"));
}
