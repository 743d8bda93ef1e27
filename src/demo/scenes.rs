//! A morning of traffic: what is sent, and how each journey must end.
//! In: nothing. Out: [`Scene`]s, in order. The messages of `examples/etablissement/messages` are these (test below).

use crate::letters::{
    Event, Flags, Letter, Request, To, document_id, level1, level3, message, pdf,
    people::{ANDRE, CAMILLE, GENERALIST, LUCIE, Patient, RADIOLOGIST, RETIRED, YVES},
};

/// One message of the morning.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// File name in the example.
    pub(crate) file: &'static str,
    /// What it shows, in French.
    pub(crate) title: &'static str,
    /// Its bytes.
    pub(crate) message: String,
    /// How the sender behaves.
    pub(crate) sending: Sending,
    /// Faults the DMP plays from this message on.
    pub(crate) dmp_faults: &'static [&'static str],
    /// MSA-1 the sender gets.
    pub(crate) ack: &'static str,
    /// Deliveries that must be there at the end: (sink, label, state). No other may.
    pub(crate) deliveries: &'static [(&'static str, &'static str, End)],
}

/// How the sender behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// Sends, reads its acknowledgement.
    Once,
    /// Sends, is cut off before its acknowledgement, sends again.
    CutThenAgain,
}

/// How a delivery ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Delivered,
    Refused,
    Parked,
}

use End::{Delivered, Parked, Refused};

const DMP: &str = "dmp-national";
const MAIL: &str = "operateur-regional";
const SENDER: &str = "sil";
const Z01_YES: (&str, &str, End) = (SENDER, "ZAM^Z01 = O", Delivered);
const Z01_NO: (&str, &str, End) = (SENDER, "ZAM^Z01 = N", Delivered);
const Z02_YES: (&str, &str, End) = (SENDER, "ZAM^Z02 = O", Delivered);
const Z02_NO: (&str, &str, End) = (SENDER, "ZAM^Z02 = N", Delivered);
const IMAGING_LOT: (&str, &str, End) = (DMP, "dépôt 18748-4", Delivered);
const LETTER_LOT: (&str, &str, End) = (DMP, "dépôt 11490-0", Delivered);
const LETTER_REFUSED: (&str, &str, End) = (DMP, "dépôt 11490-0", Refused);
const TO_DOCTOR: (&str, &str, End) = (MAIL, "paul.briand-test@…", Delivered);
const TO_PATIENT: (&str, &str, End) = (MAIL, "patient@…", Delivered);

const IMAGING: (&str, &str) = ("18748-4", "CR d'imagerie médicale");
const DISCHARGE: (&str, &str) = ("11490-0", "Lettre de liaison à la sortie d'un établissement de soins");
const BIOLOGY: (&str, &str) = ("11502-2", "CR d'examens biologiques");

const ALL: Flags = Flags {
    dmp: true,
    professionals: true,
    patient: true,
    delivery_reports: true,
    reading_reports: false,
    hidden_from_patient: false,
};
const NOT_PATIENT: Flags = Flags { patient: false, ..ALL };

fn letter(patient: Patient, number: u32, code: (&'static str, &'static str), title: &'static str) -> Letter {
    Letter {
        patient,
        author: RADIOLOGIST,
        number,
        set: number - number % 10,
        version: 1,
        replaces: None,
        code,
        title,
        written: "20261120093000+0100",
        with_ins: true,
    }
}

/// One document, one message.
fn mdm(
    control_id: &str,
    event: Event,
    letter: &Letter,
    cda: String,
    identity: &str,
    to: &[To],
    flags: Flags,
) -> String {
    let id = document_id(letter.number);
    let parent = letter.replaces.map(document_id);
    message(&Request {
        control_id,
        sent: "20261120101500+0100",
        event,
        patient: letter.patient,
        identity,
        code: letter.code,
        sender: RADIOLOGIST,
        to,
        documents: &[cda],
        ids: (&id, parent.as_deref()),
        flags,
        text: Some("Cher confrère, vous trouverez ci-joint le document annoncé. Bien confraternellement."),
    })
}

fn page(lines: &[&str]) -> Vec<u8> {
    pdf("Hôpital de Démonstration", lines, 0)
}

/// An imaging report of the weight of the real ones: a PDF of about 180 KB in a CDA of 250 KB, a message of 330 KB.
/// `serial`: which of the persons like CAMILLE, 0 for herself.
pub(crate) fn imaging_report(control_id: &str, number: u32, serial: u16) -> String {
    let patient = Patient { serial, ..CAMILLE };
    let report = letter(patient, number, IMAGING, "Radiographie de la hanche droite");
    let image = pdf(
        "Radiographie de la hanche droite",
        &["Pas de lésion traumatique visible.", "Interligne conservé."],
        424,
    );
    let cda = level1(&report, &image);
    mdm(control_id, Event::New, &report, cda, "VALI", &[To::Doctor(GENERALIST), To::Patient], ALL)
}

/// A letter to the DMP and to the doctor, with reports, each different by its number; and its document alone.
/// `serial`: which of the persons like CAMILLE. `image_side`: 0 for a page of text, 424 for the weight of an imaging report.
pub(crate) fn discharge_letter(
    control_id: &str,
    number: u32,
    serial: u16,
    image_side: usize,
) -> (String, String) {
    let patient = Patient { serial, ..CAMILLE };
    // Each begins a set of its own.
    let letter = Letter {
        set: 4_000_000_000 - number,
        ..letter(patient, number, DISCHARGE, "Lettre de liaison de sortie")
    };
    let cda = level1(&letter, &pdf("Lettre de liaison de sortie", &[control_id], image_side));
    let to = &[To::Doctor(GENERALIST)];
    (mdm(control_id, Event::New, &letter, cda.clone(), "VALI", to, NOT_PATIENT), cda)
}

/// The whole morning.
pub(crate) fn scenes() -> Vec<Scene> {
    let once = Scene {
        file: "",
        title: "",
        message: String::new(),
        sending: Sending::Once,
        dmp_faults: &[],
        ack: "AA",
        deliveries: &[],
    };
    let replaced = Letter {
        version: 2,
        replaces: Some(301),
        set: 300,
        written: "20261120111500+0100",
        ..letter(CAMILLE, 302, IMAGING, "Radiographie de la hanche droite, rectifiée")
    };
    let replaced_cda = level1(
        &replaced,
        &page(&["Radiographie de la hanche droite.", "Compte rendu rectifié : côté droit."]),
    );
    let biology = letter(ANDRE, 311, BIOLOGY, "Bilan biologique du 20 novembre");
    let structured = Letter { set: 312, number: 312, ..biology.clone() };
    let results_pdf = page(&["Hémoglobine 13,4 g/dL", "Créatinine 78 µmol/L"]);
    let unqualified =
        Letter { with_ins: false, ..letter(LUCIE, 321, DISCHARGE, "Lettre de liaison de sortie") };
    let closed = letter(YVES, 331, DISCHARGE, "Lettre de liaison de sortie");
    let to_nobody = letter(ANDRE, 341, DISCHARGE, "Lettre de liaison de sortie");
    let broken = letter(ANDRE, 351, DISCHARGE, "Lettre de liaison de sortie");
    let late = letter(CAMILLE, 361, DISCHARGE, "Lettre de liaison de sortie");
    let again = letter(ANDRE, 371, IMAGING, "Échographie abdominale");
    let stranger = letter(ANDRE, 381, IMAGING, "Scanner thoracique");
    let simple = |letter: &Letter| level1(letter, &page(&[letter.title]));
    let doctor = &[To::Doctor(GENERALIST)];
    vec![
        Scene {
            file: "01-compte-rendu-imagerie.er7",
            title: "compte rendu d'imagerie",
            message: imaging_report("DEMO-0001", 301, 0),
            deliveries: &[IMAGING_LOT, TO_DOCTOR, TO_PATIENT, Z01_YES, Z02_YES, Z02_YES],
            ..once.clone()
        },
        Scene {
            file: "02-biologie-deux-documents.er7",
            title: "résultats de biologie, 2 documents",
            message: message(&Request {
                control_id: "DEMO-0002",
                sent: "20261120102000+0100",
                event: Event::Results,
                patient: ANDRE,
                identity: "VALI",
                code: BIOLOGY,
                sender: RADIOLOGIST,
                to: doctor,
                documents: &[
                    level1(&biology, &results_pdf),
                    level3(&structured, &["Hémoglobine 13,4 g/dL", "Créatinine 78 µmol/L"], &results_pdf),
                ],
                ids: ("", None),
                flags: NOT_PATIENT,
                text: None,
            }),
            deliveries: &[(DMP, "dépôt de 2 documents", Delivered), TO_DOCTOR, Z01_YES, Z02_YES],
            ..once.clone()
        },
        Scene {
            file: "03-remplacement.er7",
            title: "remplacement du compte rendu",
            message: mdm(
                "DEMO-0003",
                Event::Replace,
                &replaced,
                replaced_cda.clone(),
                "VALI",
                doctor,
                NOT_PATIENT,
            ),
            deliveries: &[(DMP, "remplacement 18748-4", Delivered), TO_DOCTOR, Z01_YES, Z02_YES],
            ..once.clone()
        },
        Scene {
            file: "04-suppression.er7",
            title: "suppression du compte rendu",
            message: mdm("DEMO-0004", Event::Delete, &replaced, replaced_cda, "VALI", doctor, NOT_PATIENT),
            deliveries: &[(DMP, "suppression 18748-4", Delivered), TO_DOCTOR, Z01_YES, Z02_YES],
            ..once.clone()
        },
        Scene {
            file: "05-identite-non-qualifiee.er7",
            title: "lettre de liaison, identité non qualifiée",
            message: mdm(
                "DEMO-0005",
                Event::New,
                &unqualified,
                simple(&unqualified),
                "PROV",
                doctor,
                NOT_PATIENT,
            ),
            deliveries: &[LETTER_REFUSED, TO_DOCTOR, Z01_NO, Z02_YES],
            ..once.clone()
        },
        Scene {
            file: "06-dmp-ferme.er7",
            title: "lettre de liaison, DMP fermé",
            message: mdm("DEMO-0006", Event::New, &closed, simple(&closed), "VALI", doctor, NOT_PATIENT),
            deliveries: &[LETTER_REFUSED, TO_DOCTOR, Z01_NO, Z02_YES],
            ..once.clone()
        },
        Scene {
            file: "07-boite-inconnue.er7",
            title: "lettre de liaison, boîte inconnue",
            message: mdm(
                "DEMO-0007",
                Event::New,
                &to_nobody,
                simple(&to_nobody),
                "VALI",
                &[To::Doctor(RETIRED)],
                NOT_PATIENT,
            ),
            deliveries: &[LETTER_LOT, (MAIL, "rose.ancien@…", Refused), Z01_YES, Z02_NO],
            ..once.clone()
        },
        Scene {
            file: "08-base64-troue.er7",
            title: "base64 troué",
            message: {
                let whole =
                    mdm("DEMO-0008", Event::New, &broken, simple(&broken), "VALI", doctor, NOT_PATIENT);
                whole.replacen("^XML^Base64^PD94", "^XML^Base64^PD9*", 1)
            },
            ack: "AE",
            ..once.clone()
        },
        Scene {
            file: "09-dmp-en-panne.er7",
            title: "lettre de liaison, DMP en panne puis revenu",
            message: mdm("DEMO-0009", Event::New, &late, simple(&late), "VALI", doctor, NOT_PATIENT),
            dmp_faults: &["http-503 first 2"],
            deliveries: &[LETTER_LOT, TO_DOCTOR, Z01_YES, Z02_YES],
            ..once.clone()
        },
        Scene {
            file: "10-emetteur-coupe.er7",
            title: "échographie, émetteur coupé avant son acquittement",
            message: mdm("DEMO-0010", Event::New, &again, simple(&again), "VALI", doctor, NOT_PATIENT),
            sending: Sending::CutThenAgain,
            deliveries: &[IMAGING_LOT, TO_DOCTOR, Z01_YES, Z02_YES],
            ..once.clone()
        },
        Scene {
            file: "11-document-d-un-autre.er7",
            title: "document d'un autre patient que celui du message",
            message: {
                let cda = simple(&stranger);
                let wrong = Letter { patient: CAMILLE, ..stranger };
                let silent = Flags { delivery_reports: false, ..NOT_PATIENT };
                mdm("DEMO-0011", Event::New, &wrong, cda, "VALI", doctor, silent)
            },
            deliveries: &[(DMP, "dépôt 18748-4", Parked), (MAIL, "paul.briand-test@…", Parked)],
            ..once
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    /// The files are for eyes and for `jonction send`: one segment a line.
    #[test]
    fn the_example_messages_are_those_of_the_demonstration() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/etablissement/messages");
        for scene in scenes() {
            let text = scene.message.replace('\r', "\n");
            let path = folder.join(scene.file);
            if env::var_os("UPDATE").is_some() {
                fs::write(&path, &text).unwrap();
            }
            let kept = fs::read_to_string(&path).unwrap_or_default();
            assert!(kept == text, "{} differs: UPDATE=1 cargo test rewrites it", path.display());
        }
    }

    #[test]
    fn the_imaging_report_weighs_what_real_ones_weigh() {
        let length = scenes()[0].message.len();
        assert!((320_000..345_000).contains(&length), "{length}");
    }
}
