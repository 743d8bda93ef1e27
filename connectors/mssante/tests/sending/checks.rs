//! One mail that passes every check, and for each check a mail that fails it.

use std::io::{Cursor, Read as _, Write as _};

use bytes::Bytes;
use jonction_mime::{Attachment, AttachmentBlock, Limits, Mail, MediaType};
use jonction_model::{BodyId, DocumentUniqueId, Environment, Mode, Severity};
use jonction_mssante::checks::{CHECKS, Received, judge};
use jonction_ports::Piece;
use jonction_xds::xdm;

use crate::world::{DOCTOR, INS, OURS, World, cda, patient_address, pdf, received_at};

/// A conformant mail, in pieces that tests change.
struct Sample {
    head: String,
    archive: Vec<u8>,
    pdf_name: String,
    pdfs: Vec<Vec<u8>>,
    received: Received,
}

fn sample_to(to: &str) -> Sample {
    let world = World::with_runtime();
    let submission = world.submission(&[to]);
    let mail = world.prepare(&submission, 0);
    let bytes = |piece: &Piece| match piece {
        Piece::New(bytes) | Piece::Shared { bytes, .. } => bytes.clone(),
        Piece::Stored(_) => panic!("made by prepare"),
    };
    let (head, block) = (bytes(&mail.prepared.pieces[0]), bytes(&mail.prepared.pieces[1]));
    let read = Mail::read(&[head.clone(), block].concat().into(), &Limits::default()).unwrap();
    let archive = read.leaves().find(|part| part.media_type == "application/zip").unwrap().content().to_vec();
    Sample {
        head: String::from_utf8(head.to_vec()).unwrap(),
        archive,
        pdf_name: "20261120_CR d'imagerie_TESTEUR-ÉLÉONORE_ANNE.pdf".to_owned(),
        pdfs: vec![pdf()],
        received: Received {
            mail: read,
            from: OURS.to_owned(),
            to: to.to_owned(),
            recipients: 1,
            authenticated: None,
            notify: Some(7),
            environment: Environment::Test,
        },
    }
}

fn sample() -> Sample {
    sample_to(DOCTOR)
}

impl Sample {
    /// Checks that find something, each once, in order.
    fn found(self) -> Vec<&'static str> {
        let zip = Attachment {
            media_type: MediaType::Zip,
            name: "IHE_XDM.zip".into(),
            content: self.archive.into(),
        };
        let pdfs = self.pdfs.into_iter().map(|pdf| Attachment {
            media_type: MediaType::Pdf,
            name: self.pdf_name.clone().into(),
            content: pdf.into(),
        });
        let block =
            AttachmentBlock::encode(&[zip].into_iter().chain(pdfs).collect::<Vec<_>>(), BodyId::of(b"other"));
        let boundary = |text: &str| {
            let at = text.find("=_jonction_").unwrap();
            text[at..at + 43].to_owned()
        };
        let new = boundary(std::str::from_utf8(block.bytes()).unwrap());
        let head = self.head.replace(&boundary(&self.head), &new);
        let raw = Bytes::from([head.into_bytes(), block.bytes().to_vec()].concat());
        let received = Received { mail: Mail::read(&raw, &Limits::default()).unwrap(), ..self.received };
        let findings = judge(received, Mode::Strict);
        CHECKS.iter().map(|check| check.id).filter(|id| findings.iter().any(|f| f.check == *id)).collect()
    }

    fn edit(mut self, from: &str, to: &str) -> Self {
        assert!(self.head.contains(from), "{from} is not in the head");
        self.head = self.head.replacen(from, to, 1);
        self
    }

    fn files(mut self, change: impl Fn(&mut Vec<(String, Vec<u8>)>)) -> Self {
        let mut archive = zip::ZipArchive::new(Cursor::new(&self.archive)).unwrap();
        let mut files = Vec::new();
        for at in 0..archive.len() {
            let mut file = archive.by_index(at).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            files.push((file.name().unwrap().into_owned(), bytes));
        }
        change(&mut files);
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(&bytes).unwrap();
        }
        self.archive = writer.finish().unwrap().into_inner();
        self
    }

    /// The archive of a changed lot, over the same document (once per entry).
    fn lot(mut self, change: impl Fn(&mut jonction_xds::Submission)) -> Self {
        let read = xdm::read(&self.archive, &Default::default()).unwrap();
        let mut lot = read.sets[0].submission.clone();
        change(&mut lot);
        let document = cda();
        let documents = vec![document.as_bytes(); lot.entries.len()];
        let origin =
            xdm::Origin { structure: String::new(), software: String::new(), contact: String::new() };
        self.archive = xdm::write(&xdm::ArchiveRequest {
            submission: &lot,
            documents: &documents,
            origin: &origin,
            time: received_at(),
        })
        .unwrap();
        self
    }
}

#[test]
fn a_mail_of_ours_passes_every_check() {
    assert_eq!(sample().found(), [""; 0]);
    assert_eq!(sample_to(&patient_address()).found(), [""; 0]);
}

#[test]
fn headers_that_break_a_rule_are_found() {
    let subject = "Subject: XDM/1.0/DDM+";
    for (sample, id) in [
        (sample().edit(subject, "Subject: "), "M04"),
        (sample().edit(subject, "Subject: XDM/1.0/DDM+x y z\r\nX-Old: "), "M04"),
        (sample().edit("MIME-Version", "X-Note: é\r\nMIME-Version"), "M05"),
        (sample().edit("MIME-Version", &format!("X-Note: {}\r\nMIME-Version", "x".repeat(991))), "M05"),
        (
            sample().edit("MIME-Version", &format!("X-Note: =?utf-8?Q?{}?=\r\nMIME-Version", "x".repeat(64))),
            "M05",
        ),
        (sample().edit("Message-ID: <", "Message-ID: <a b"), "M09"),
        (sample().edit("Message-ID", "Message-ID: <a@b.example>\r\nMessage-ID"), "M09"),
        (sample().edit("charset=utf-8", "charset=iso-8859-1"), "M11"),
        (sample().edit("text/plain", "text/html"), "M12"),
        (sample().edit("=?utf-8?Q?H=C3=B4pital_A_-_Imagerie?= <", "<"), "M14"),
        (sample().edit(&format!("<{OURS}>"), "<autre@hopital-a.mssante.example>"), "M15"),
        (sample().edit("MIME-Version", "X-MSS-MES: FIN\r\nMIME-Version"), "M16"),
        (sample().edit("X-MSS-CODECDA: 18748-4", "X-MSS-CODECDA: 11502-2"), "M17"),
        (sample().edit("X-MSS-CODECDA: 18748-4", "X-MSS-CODECDA: 18748-4, 18748-4"), "M17"),
        (sample().edit("X-MSS-CODECDA: 18748-4\r\n", ""), "M17"),
        (sample().edit("X-MSS-INS: O", "X-MSS-INS: oui"), "M18"),
        (sample().edit("X-MSS-INS: O\r\n", ""), "M18"),
        (sample().edit("X-MSS-NIL: EXEMPLE-0000\r\n", ""), "M19"),
        (
            sample().edit(
                &format!("Disposition-Notification-To: <{OURS}>"),
                "Disposition-Notification-To: <x@hopital-a.mssante.example>",
            ),
            "M21",
        ),
        (sample().edit("MIME-Version", "Cc: <x@ville.mssante.example>\r\nMIME-Version"), "M25"),
    ] {
        let found = sample.found();
        let id = format!("mssante/MSS-{id}");
        // An address of the sender is looked at by two rows.
        let alone = found == [id.as_str()] || found == ["mssante/MSS-M15", "mssante/MSS-M21"];
        assert!(alone, "expected {id}, found {found:?}");
    }
}

#[test]
fn the_envelope_counts_too() {
    let with = |change: fn(&mut Received)| {
        let mut sample = sample();
        change(&mut sample.received);
        sample.found()
    };
    assert_eq!(with(|r| r.from = "x@hopital-a.mssante.example".to_owned()), ["mssante/MSS-M15"]);
    assert_eq!(
        with(|r| r.authenticated = Some("x@hopital-a.mssante.example".to_owned())),
        ["mssante/MSS-M15"]
    );
    assert_eq!(with(|r| r.notify = Some(2)), ["mssante/MSS-M20"]);
    assert_eq!(with(|r| r.notify = None), [""; 0]);
    assert_eq!(with(|r| r.recipients = 2), ["mssante/MSS-M25"]);
    assert_eq!(with(|r| r.environment = Environment::Production), ["mssante/MSS-M18"]);
}

#[test]
fn a_patient_address_is_the_ins_of_the_archive() {
    let to = |address: &str| {
        let mut sample = sample_to(&patient_address());
        sample.head = sample.head.replace(&patient_address(), address);
        sample.received.to = address.to_owned();
        sample.found()
    };
    assert_eq!(to("180025902800158@patient.mssante.fr"), ["mssante/MSS-M13"]);
    assert_eq!(to(&format!("0{INS}@patient.mssante.fr")), ["mssante/MSS-M13"]);
}

#[test]
fn attachments_that_break_a_rule_are_found() {
    let mut without_pdf = sample();
    without_pdf.pdfs.clear();
    assert_eq!(without_pdf.found(), ["mssante/MSS-M01", "mssante/MSS-M03"]);

    let mut twice = sample();
    twice.pdfs.push(twice.pdfs[0].clone());
    assert_eq!(twice.found(), ["mssante/MSS-M03", "mssante/MSS-M08"]);

    let mut another = sample();
    another.pdfs[0].push(b' ');
    assert_eq!(another.found(), ["mssante/MSS-M06"]);

    let mut unmarked = sample();
    unmarked.pdfs[0].truncate(400);
    assert_eq!(unmarked.found(), ["mssante/MSS-M06", "mssante/MSS-M07"]);

    for name in
        ["resultat.pdf", "20261120_CR_DUPONT.pdf", "2026_CR_DUPONT_ANNE.pdf", "20261120__DUPONT_ANNE.pdf"]
    {
        let misnamed = Sample { pdf_name: name.to_owned(), ..sample() };
        assert_eq!(misnamed.found(), ["mssante/MSS-M08"], "{name}");
    }
}

#[test]
fn archives_that_break_a_rule_are_found() {
    let without = |name: &'static str| sample().files(move |files| files.retain(|(file, _)| file != name));
    assert_eq!(without("INDEX.HTM").found(), ["mssante/MSS-X01"]);
    assert!(without("IHE_XDM/SUBSET01/METADATA.XML").found().contains(&"mssante/MSS-X01"));
    assert!(without("IHE_XDM/SUBSET01/DOC00001.XML").found().contains(&"mssante/MSS-X03"));

    let altered = sample().files(|files| files[3].1.push(b' '));
    assert_eq!(altered.found(), ["mssante/MSS-X04"]);

    let retyped = sample().lot(|lot| lot.entries[0].type_code.as_mut().unwrap().code = "11502-2".to_owned());
    assert_eq!(retyped.found(), ["mssante/MSS-X06"]);
    let of_another = |text: &str| text.replace(INS, "180025902800158");
    let stranger = sample().lot(|lot| {
        let id = lot.entries[0].patient_id.take();
        lot.entries[0].patient_id = id.map(|id| jonction_xds::hl7::Cx::from_text(of_another(id.expose())));
    });
    assert_eq!(stranger.found(), ["mssante/MSS-M02", "mssante/MSS-X05"]);

    let no_xml = sample().files(|files| files[2].1 = b"<a".to_vec());
    assert!(no_xml.found().contains(&"mssante/MSS-X02"));
    assert_eq!(sample().lot(|lot| lot.associations.clear()).found(), ["mssante/MSS-X02"]);

    let nobody = sample().lot(|lot| lot.entries[0].patient_id = None).found();
    assert!(nobody.contains(&"mssante/MSS-X05"), "{nobody:?}");

    let slip = sample().files(|files| files.push(("../x".to_owned(), Vec::new())));
    assert!(slip.found().contains(&"mssante/MSS-X09"));
}

/// Two patients in one mail: the gravest fault of all.
#[test]
fn two_patients_in_one_archive_are_found() {
    let two = sample().lot(|lot| {
        let mut other = lot.entries[0].clone();
        other.id = "Document02".to_owned();
        other.unique_id = DocumentUniqueId::root("1.2.250.1.999.2.2").to_xds();
        other.uri = Some("DOC00002.XML".to_owned());
        other.patient_id = other
            .patient_id
            .map(|id| jonction_xds::hl7::Cx::from_text(id.expose().replace(INS, "180025902800158")));
        let link = jonction_xds::Association::has_member(2, &lot.set.id, &other.id);
        lot.entries.push(other);
        lot.associations.push(link);
    });
    assert!(two.found().contains(&"mssante/MSS-M02"));
}

#[test]
fn every_check_says_its_rule_and_none_is_graver_when_tolerant() {
    for check in CHECKS {
        assert!(check.id.starts_with("mssante/MSS-") && !check.rule.is_empty(), "{}", check.id);
        assert!(check.tolerant <= check.strict && check.strict >= Severity::Warning, "{}", check.id);
    }
}
