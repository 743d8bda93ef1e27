//! Every official message through a running gateway, against a table written by hand from the sheet.
//! In: JONCTION_SAMPLES (hl7v2/, mssante/outbound_createur/). Out: acknowledgement, ends of deliveries, reports.
//! Source: hl7v2.md §2.17, corrected by decision 0003 (identity mismatch: AA, then nothing leaves).

use std::{collections::BTreeMap, env, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jonction_engine::{DeliveryState, Reader};
use jonction_mllp::{Received, messages_of};
use jonction_model::{Clock as _, Severity, SystemClock, Verdict};
use jonction_simkit::Judged;
use serde_json::Value;

use crate::{
    program::{Program, copy_folder, example, files_of, jonction},
    world::{Counterparts, DOMAINS, World},
};

use DeliveryState::{Delivered, Parked, Refused};

/// What becomes of a message.
enum End {
    /// AE with this ERR-3.1 of its first error, nothing owed.
    Door(&'static str),
    /// AA; then deliveries, then the reports the sender gets.
    Taken(&'static [Delivery], &'static [Report]),
}

/// Sink, label, end, code for the sender when it is a refusal.
type Delivery = (&'static str, &'static str, DeliveryState, Option<&'static str>);
/// Type, Y (`None`) or the code of N.
type Report = (&'static str, Option<&'static str>);

use End::{Door, Taken};

const DMP: &str = "dmp-national";
const MAIL: &str = "operateur-regional";
const HODA: Delivery = (MAIL, "adam.hoda@…", Delivered, None);

/// File, end, in the order of sending. « short » and « stub » hold a sentence where a document should be.
/// Editions 1.x name no recipient (2.18); messages of other flows (ACK, ADT, ZAM) are not for this port.
#[rustfmt::skip]
const EXPECTED: &[(&str, End)] = &[
    ("ack_r01_8859-15_v21.er7",         Door("200")),
    ("ack_r01_v12.er7",                 Door("200")),
    ("ack_t10_v21.er7",                 Door("200")),
    ("adt_a01_dmp_consent_ok.er7",      Door("200")),
    ("adt_a01_dmp_not_collected.er7",   Door("200")),
    ("adt_a01_dmp_opposition.er7",      Door("200")),
    ("adt_a01_sgl_admission_pam211.er7", Door("200")),
    ("adt_a03_sgl_sortie_pam211.er7",   Door("200")),
    ("mdm_lps_t02_short_v11.er7",       Door("207")),
    ("mdm_lps_t04_cda_v11.er7",         Door("207")),
    ("mdm_t02_cda_n1_v21.er7",          Taken(&[(DMP, "dépôt 18748-4", Delivered, None), HODA], &[])),
    ("mdm_t02_short_v21.er7",           Door("207")),
    ("mdm_t02_v12.er7",                 Door("207")),
    ("mdm_t10_cda_n1_v21.er7",          Taken(&[(DMP, "remplacement 18748-4", Delivered, None), HODA], &[])),
    ("mdm_t10_short_v20.er7",           Door("207")),
    ("oru_del_n1_n3_short_v20.er7",     Door("207")),
    // The address of the patient has 20 digits.
    ("oru_init_cda_n3_v21.hl7",         Taken(
        &[(DMP, "dépôt 11502-2", Delivered, None), HODA, (MAIL, "patient@…", Refused, Some("553"))],
        &[("ZAM^Z01", None), ("ZAM^Z02", None), ("ZAM^Z02", Some("553"))],
    )),
    ("oru_init_n1_n3_short_v21.hl7",    Door("207")),
    // Both documents are of another person than PID-3, and no report is wanted: a human must see it.
    ("oru_rplc_n1_n3_cda_v21.er7",      Taken(
        &[(DMP, "remplacement de 2 documents", Parked, None), (MAIL, "adam.hoda@…", Parked, None), (MAIL, "patient@…", Parked, None)],
        &[],
    )),
    ("oru_v12.er7",                     Door("207")),
    ("zam_z01_dmp_nok_v21.er7",         Door("200")),
    ("zam_z01_dmp_v20.er7",             Door("200")),
    ("zam_z02_mss_ok_v21.er7",          Door("200")),
    ("zam_z03_read_ok_v21.er7",         Door("200")),
    ("MDM_T02_init_stub.er7",           Door("207")),
    ("ORU_R01_init_N1_N3_stub.hl7",     Door("207")),
    ("ZAM_Z01_ack_dmp.hl7",             Door("200")),
    ("ZAM_Z02_ack_reception_mss.hl7",   Door("200")),
    ("ZAM_Z03_ack_lecture_mss.hl7",     Door("200")),
];

/// Row « repaired » of 2.17.
const REPAIRED: End = Taken(
    &[(DMP, "remplacement de 2 documents", Delivered, None), HODA, (MAIL, "patient@…", Delivered, None)],
    &[],
);

#[test]
fn official_messages_end_as_the_sheet_says() {
    let Some(samples) = env::var_os("JONCTION_SAMPLES") else {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set");
        return;
    };
    let samples = Path::new(&samples);
    let mut domains = DOMAINS.to_vec();
    domains.push("test-ci-sis.mssante.fr");
    let world = World::start(&Counterparts { domains: &domains, any_site: true });
    let project = project(&world);
    let (mut gateway, to) = world.gateway(&project);
    let mut files = files_of(&samples.join("hl7v2"));
    files.extend(files_of(&samples.join("mssante/outbound_createur")));
    files.retain(|path| path.extension().is_some_and(|extension| extension == "er7" || extension == "hl7"));

    let mut wrong = Vec::new();
    let mut seen = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let message = messages_of(&fs::read(file).unwrap()).pop().unwrap();
        seen.push(name.to_owned());
        match EXPECTED.iter().find(|(expected, _)| *expected == name) {
            Some((_, end)) => wrong.extend(
                differences(&world, &mut gateway, to, &message, end).map(|why| format!("{name}: {why}")),
            ),
            None => wrong.push(format!("{name}: not in the table")),
        }
    }
    // What waits for a human holds what comes behind for the same person: decided, the repaired message passes.
    gateway.terminate();
    gateway.ended().exits(0);
    refuse_what_is_parked(&world);
    let (mut gateway, to) = world.gateway(&project);
    let message =
        messages_of(&fs::read(samples.join("hl7v2/oru_rplc_n1_n3_cda_v21.er7")).unwrap()).pop().unwrap();
    let why = differences(&world, &mut gateway, to, &repaired(&message), &REPAIRED);
    wrong.extend(why.map(|why| format!("repaired: {why}")));

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unseen: Vec<_> =
        EXPECTED.iter().map(|(name, _)| *name).filter(|name| !seen.iter().any(|seen| seen == name)).collect();
    assert!(unseen.is_empty(), "not among the samples: {unseen:?}");
    partners_hold_what_the_sheet_says(&world);
}

/// Sends one message, waits for its end. Out: what is not as expected.
#[track_caller]
fn differences(
    world: &World,
    gateway: &mut Program,
    to: std::net::SocketAddr,
    message: &Bytes,
    end: &End,
) -> Option<String> {
    let before = world.lps.received().len();
    let reply = world.send(to, message).reply.unwrap_or_else(|error| panic!("{error}"));
    let number = number(gateway);
    let ack = reply.ack.code.as_str();
    if ack == "AA" {
        world.settled(gateway);
    }
    let journey = Reader::open(&world.data).unwrap().journey(&number).unwrap().pop().unwrap();
    let (mut deliveries, mut reports) = (Vec::new(), Vec::new());
    for delivery in journey.deliveries.iter().filter(|delivery| delivery.report_of.is_none()) {
        let refused = delivery.state == Refused;
        let code = delivery.report_code.as_deref().filter(|_| refused);
        deliveries.push((delivery.sink.as_str(), delivery.label.as_str(), delivery.state, code));
    }
    let received = &world.lps.received()[before..];
    let told = |zam: &Received| match &zam.verdict {
        Some(Verdict::Negative(code)) => (zam.kind.clone(), Some(code.code.clone())),
        _ => (zam.kind.clone(), None),
    };
    reports.extend(received.iter().map(told));
    reports.sort();
    let first = reply.ack.errors.first().map_or("", |error| error.code.as_str());
    let as_expected = match end {
        Door(code) => ack == "AE" && first == *code && deliveries.is_empty() && reports.is_empty(),
        Taken(owed, expected) => {
            let expected = expected.iter().map(|(kind, code)| ((*kind).to_owned(), code.map(str::to_owned)));
            let answers = received.iter().all(|zam| zam.answers.as_deref() == Some("015"));
            ack == "AA" && deliveries == *owed && reports == expected.collect::<Vec<_>>() && answers
        }
    };
    let found = || format!("{ack} {first} {deliveries:?} {reports:?} {:?}", journey.route_findings.first());
    (!as_expected).then(found)
}

fn refuse_what_is_parked(world: &World) {
    let data = world.data.to_str().unwrap();
    let listed = jonction(["parked", "list", "--json", "--data", data]).exits(0).json();
    let deliveries = listed.iter().flat_map(|line| line["deliveries"].as_array().unwrap());
    let parked: Vec<_> = deliveries.filter(|delivery| delivery["state"] == "parked").collect();
    assert_eq!(parked.len(), 3, "{listed:?}");
    for delivery in parked {
        let number = delivery["id"].to_string();
        jonction(["parked", "refuse", &number, "--reason", "autre personne", "--data", data]).exits(0);
    }
}

/// The replacement, its documents given to the person of PID-3, the second one saying what it replaces.
fn repaired(message: &Bytes) -> Bytes {
    let text = std::str::from_utf8(message).unwrap();
    let mut number = 0;
    let segments = text.split_inclusive('\r').map(|segment| {
        let Some((head, rest)) = segment.split_once("^XML^Base64^") else { return segment.to_owned() };
        let (encoded, tail) = rest.split_once('|').unwrap();
        let cda = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
        let mut cda = cda.replace("277076322082910", "279035121518989").replace("1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.10");
        number += 1;
        if number == 2 {
            let replaces = "<relatedDocument typeCode=\"RPLC\"><parentDocument><id root=\"1.2.250.1.213.1.1.9\"/></parentDocument></relatedDocument><componentOf";
            cda = cda.replacen("<componentOf", replaces, 1);
            assert!(cda.contains("1.2.250.1.213.1.1.9"));
        }
        format!("{head}^XML^Base64^{}|{tail}", STANDARD.encode(cda))
    });
    let text: String = segments.collect();
    Bytes::from(text.replacen("|015|", "|015-R|", 1))
}

/// The registry and the mailboxes at the end.
fn partners_hold_what_the_sheet_says(world: &World) {
    let held: BTreeMap<String, (String, String)> = world
        .dmp
        .documents()
        .into_iter()
        .filter(|document| !document.signature)
        .map(|document| (document.unique_id, (document.status, document.hash)))
        .collect();
    // Uniqueness, replacement and bytes: SHA-1 of 2.17.
    let status = |id: &str| held.get(id).map(|(status, hash)| (status.as_str(), hash.as_str()));
    let root = "1.2.250.1.71.4.2.2.120456789";
    assert_eq!(
        status(&format!("{root}.71024000081")),
        Some(("Deprecated", "5c2f7ee3eebfad4d3a2affcab9d1c0c7167bcef7")),
        "{held:?}"
    );
    assert_eq!(
        status(&format!("{root}.71024000082")),
        Some(("Approved", "34a22b5a971fb3c60f6ad4dcd237be8e371fc406")),
        "{held:?}"
    );
    for id in ["1.2.250.1.213.1.1.11", "1.2.250.1.213.1.1.12"] {
        assert_eq!(status(id).map(|(status, _)| status), Some("Approved"), "{id}: {held:?}");
    }
    assert_eq!(held.len(), 5, "{held:?}");

    let mails: BTreeMap<String, usize> =
        world.mssante.mailboxes().into_iter().map(|(mailbox, mails)| (mailbox, mails.len())).collect();
    let expected = [("279035121518989@patient.mssante.fr", 1), ("adam.hoda@test-ci-sis.mssante.fr", 4)];
    assert_eq!(mails, expected.map(|(mailbox, count)| (mailbox.to_owned(), count)).into());

    let judged = [world.dmp.verdicts(), world.mssante.verdicts().list(), world.lps.verdicts().list()];
    // The sheet wants a rendered copy of the level 3 document that carries none; nothing here renders one.
    let no_copy = |judged: &&Judged| {
        let errors = judged.findings.iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| finding.check.as_str()).eq(["mssante/MSS-M03"])
    };
    let (without_copy, wrong): (Vec<_>, Vec<_>) =
        judged.iter().flatten().filter(|judged| !judged.conforms()).partition(no_copy);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(without_copy.len(), 2, "the two mails of the repaired message: {without_copy:#?}");
}

/// Number of the message the gateway has just judged.
#[track_caller]
fn number(gateway: &mut Program) -> String {
    gateway.wait_for("the message", |line| {
        let event: Value = serde_json::from_str(line).ok()?;
        (event["event"] == "message").then(|| event["message"].to_string())
    })
}

/// The example for the senders and the domains of the official messages.
fn project(world: &World) -> std::path::PathBuf {
    let folder = world.folder().join("projet");
    copy_folder(&example(), &folder);
    let path = folder.join("jonction.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let ours = "      - { application: SIL-DEMO, facility: HOPITAL-DEMO }\n";
    assert!(text.contains(ours));
    let theirs = [
        ("RIS-Y", "Organisation-Y"),
        ("PFI-Y", "Organisation-Y"),
        ("SIL-Y", "labo"),
        ("PFI-X", "Organisation-X"),
        ("GAM", "CHU-X"),
    ];
    let theirs = theirs.map(|(application, facility)| {
        format!("      - {{ application: {application}, facility: {facility} }}\n")
    });
    let text = text.replacen(ours, &theirs.concat(), 1);
    // Documents of several invented establishments: no one certificate would be that of all of them.
    let sector = "    sector: SA01\n";
    assert!(text.contains(sector));
    fs::write(&path, text.replacen(sector, &format!("{sector}    speaks_for: any\n"), 1)).unwrap();
    let list = world.mssante.settings().whitelist_xml(SystemClock.now());
    fs::write(folder.join("listeblanche.xml"), list).unwrap();
    folder
}
