//! From the header to values of the model, on our own documents. Source: cda.md §4.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "test code")]

use jonction_cda::{Header, Limits, RootKind, body};
use jonction_model::{Authorship, BodyId, ContentKind, ContentRef, InsDomain, Sex};

const LEVEL_1: &str = include_str!("../samples/lettre-n1.xml");
const LEVEL_3: &str = include_str!("../samples/lettre-n3.xml");

fn read(text: &str) -> Header {
    Header::read(text.as_bytes(), &Limits::default()).unwrap()
}

fn change(from: &str, to: &str) -> Header {
    assert!(LEVEL_1.contains(from), "{from}");
    read(&LEVEL_1.replacen(from, to, 1))
}

#[test]
fn the_whole_header_is_pinned() {
    let header = read(LEVEL_1);
    let document =
        header.document(ContentRef::whole(BodyId::of(LEVEL_1.as_bytes()), LEVEL_1.len() as u64)).unwrap();
    let mut json = serde_json::to_string_pretty(&document).unwrap();
    json.push('\n');
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/lettre-n1.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(golden, &json).unwrap();
    }
    assert_eq!(json, std::fs::read_to_string(golden).unwrap());
    assert_eq!(header.notes, []);
}

#[test]
fn the_embedded_pdf_is_found_in_both_levels_and_is_the_same() {
    let (one, three) = (read(LEVEL_1), read(LEVEL_3));
    let pdf = body::embedded(LEVEL_1.as_bytes(), &one.kind, &Limits::default()).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.4") && pdf.ends_with(b"%%EOF\n"));
    assert_eq!(body::embedded(LEVEL_3.as_bytes(), &three.kind, &Limits::default()).unwrap(), pdf);
    assert!(matches!(three.kind, ContentKind::CdaLevel3 { pdf: Some(_) }));
    // A PDF of another section is an annex, not a copy of the document.
    let annex = read(
        &LEVEL_3.replace("55108-5", "55107-7").replace("1.2.250.1.213.1.1.2.243", "1.2.250.1.213.1.1.2.37"),
    );
    assert!(matches!(annex.kind, ContentKind::CdaLevel3 { pdf: None }));
}

#[test]
fn a_replacement_names_its_parent_and_a_transformation_does_not() {
    let second = include_str!("../samples/lettre-n1-v2.xml");
    assert_eq!(read(second).replaces.unwrap().root, "2.25.330104.1.1");
    assert_eq!(read(&second.replacen("RPLC", "XFRM", 1)).replaces, None);
}

#[test]
fn social_security_numbers_and_the_old_ins_are_neither_ins_nor_local() {
    for root in ["1.2.250.1.213.1.4.2", "1.2.250.1.213.1.4.13", "1.2.250.1.213.1.4.14"] {
        let header = change("root=\"2.25.330104.8\"", &format!("root=\"{root}\""));
        assert_eq!(header.subject.local_ids, [], "{root}");
        assert_eq!(header.subject.ins.unwrap().domain, InsDomain::TestNir);
    }
    let header = change("extension=\"284056322001264\"", "extension=\"28405632200126412345\"");
    assert_eq!(header.subject.ins, None);
    assert_eq!(header.notes[0].check, "cda.malformed-ins");
}

#[test]
fn a_second_ins_is_told_once_and_the_same_one_again_is_not() {
    let first = "<id root=\"1.2.250.1.213.1.4.10\" extension=\"284056322001264\"/>";
    let notes = |second: &str| {
        let header = change(first, &format!("{first}{second}"));
        assert_eq!(header.subject.ins.unwrap().ins.expose(), "284056322001264");
        header.notes.into_iter().map(|note| note.check).collect::<Vec<_>>()
    };
    let other = first.replace("284056322001264", "279035121518989");
    assert_eq!(notes(first), Vec::<String>::new());
    assert_eq!(notes(&other), [jonction_cda::header::SEVERAL_INS]);
    assert_eq!(notes(&other.repeat(3)), [jonction_cda::header::SEVERAL_INS]);
}

#[test]
fn names_follow_their_qualifiers() {
    let old = change("<family qualifier=\"CL\">", "<family qualifier=\"SP\">").subject.traits;
    assert_eq!(old.used_name.unwrap().expose(), "VAUTIER-ESSAI");
    let bare = change("<family qualifier=\"BR\">", "<family>");
    assert_eq!(bare.subject.traits.birth_name.unwrap().expose(), "LEBRUN-ESSAI");
    assert_eq!(bare.notes[0].check, "cda.unqualified-name");
    let undetermined = change("administrativeGenderCode code=\"F\"", "administrativeGenderCode code=\"UN\"");
    assert_eq!(undetermined.subject.traits.sex, Some(Sex::U));
    let lunar = change("birthTime value=\"19840512\"", "birthTime value=\"19840500\"");
    assert_eq!(lunar.subject.traits.birth_date.unwrap().expose(), "19840500");
}

#[test]
fn the_main_act_is_the_first_one_that_was_performed() {
    let other = "<documentationOf><serviceEvent><code code=\"X1\" codeSystem=\"1.2.3\"/>\
         <effectiveTime><low value=\"20260101\"/></effectiveTime></serviceEvent></documentationOf>";
    let behind = change("</documentationOf>", &format!("</documentationOf>{other}"));
    assert_eq!(behind.metadata.service_start.as_ref().unwrap().as_str(), "20260130083000+0100");
    assert_eq!(behind.metadata.events.len(), 2);
    assert_eq!(behind.notes, []);
    let before = change("<documentationOf>", &format!("{other}<documentationOf>"));
    assert_eq!(before.metadata.service_start.unwrap().as_str(), "20260130083000+0100");
    assert_eq!(before.metadata.practice_setting.unwrap().code, "ETABLISSEMENT");
    assert_eq!(before.notes[0].check, "cda.main-event");
    let instant = change(
        "<effectiveTime><low value=\"20260130083000+0100\"/><high value=\"20260130090000+0100\"/></effectiveTime>",
        "<effectiveTime value=\"20260130\"/>",
    );
    assert_eq!(instant.metadata.service_start, instant.metadata.service_stop);
}

#[test]
fn a_device_writes_without_being_a_person() {
    let header = change(
        "<assignedPerson><name><family>MERCIER</family><given>Paule</given><prefix>DR</prefix></name></assignedPerson>",
        "<assignedAuthoringDevice><manufacturerModelName>Scanner 7</manufacturerModelName><softwareName>RIS</softwareName></assignedAuthoringDevice>",
    );
    let Authorship::Device(device) = &header.metadata.authors[0].by else { panic!("a person") };
    assert_eq!((device.model.as_str(), device.software.as_str()), ("Scanner 7", "RIS"));
}

#[test]
fn what_is_null_or_unreadable_is_left_out_and_told() {
    let header = change("<id root=\"2.25.330104.1.1\"/>", "<id nullFlavor=\"UNK\"/>");
    assert_eq!(header.unique_id, None);
    assert!(header.document(ContentRef::whole(BodyId::of(b""), 0)).is_none());
    let header = change("<effectiveTime value=\"20260131101500+0100\"/>", "<effectiveTime value=\"hier\"/>");
    assert_eq!(header.metadata.creation_time, None);
    assert_eq!(header.notes[0].check, "cda.malformed-time");
    assert_eq!(header.notes[0].place.to_string(), "/ClinicalDocument/effectiveTime (11:3)");
    let header = change("<versionNumber value=\"1\"/>", "<versionNumber value=\"1.0\"/>");
    assert_eq!(header.version, None);
    let header = change("<name>Hôpital des Trois Vallées</name>", "<name nullFlavor=\"UNK\"/>");
    let structure = header.metadata.authors[0].organization.clone().unwrap();
    assert_eq!((structure.name, structure.id.unwrap().as_str()), (None, "1990001234"));
}

#[test]
fn references_are_orders_accessions_and_studies_of_imaging_reports_only() {
    let order = "<inFulfillmentOf><order><id root=\"1.2.3\" extension=\"D1\"/>\
         <d:accessionNumber xmlns:d=\"urn:dicom-org:ps3-20\" root=\"1.2.4\" extension=\"A1\"/></order></inFulfillmentOf>";
    let study = "<serviceEvent><id root=\"1.2.840.99\"/>";
    let kinds = |header: Header| header.metadata.references.into_iter().map(|r| r.kind).collect::<Vec<_>>();
    let plain = LEVEL_1.replacen("<serviceEvent>", study, 1);
    assert_eq!(kinds(read(&plain)), Vec::<String>::new());
    let imaging = plain.replacen("<documentationOf>", &format!("{order}<documentationOf>"), 1);
    assert_eq!(
        kinds(read(&imaging)),
        [
            "urn:ihe:iti:xds:2013:order",
            "urn:ihe:iti:xds:2013:accession",
            "urn:ihe:iti:xds:2016:studyInstanceUID"
        ]
    );
}

#[test]
fn prefixes_wrappers_and_foreign_elements_change_nothing() {
    let plain = read(LEVEL_1);
    let body = &LEVEL_1[LEVEL_1.find("<ClinicalDocument").unwrap()..];
    let prefixed = body
        .replace("</", "</c:")
        .replace('<', "<c:")
        .replace("<c:/c:", "</c:")
        .replacen("xmlns=", "xmlns:c=", 1);
    assert_eq!(read(&prefixed).metadata, plain.metadata);
    let displaying = format!(
        "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" version=\"1.0\">\
         <data:Contenu xmlns:data=\"urn:asip-sante:ci-sis\">{body}</data:Contenu><xsl:template match=\"/\"/></xsl:stylesheet>"
    );
    let header = read(&displaying);
    assert_eq!((header.root, &header.metadata), (RootKind::SelfDisplaying, &plain.metadata));
    let pdf = |text: &str, header: &Header| {
        body::embedded(text.as_bytes(), &header.kind, &Limits::default()).unwrap()
    };
    assert_eq!(pdf(&displaying, &header), pdf(LEVEL_1, &plain));
    let foreign = change(
        "</title>",
        "</title><x:title xmlns:x=\"urn:x\">autre</x:title><inconnu><title>autre</title></inconnu>",
    );
    assert_eq!(foreign.metadata, plain.metadata);
}

#[test]
fn a_body_in_cdata_is_found_too() {
    let at = LEVEL_1.find("JVBERi").unwrap();
    let end = at + LEVEL_1[at..].find('<').unwrap();
    let text = format!("{}<![CDATA[{}]]>{}", &LEVEL_1[..at], &LEVEL_1[at..end], &LEVEL_1[end..]);
    let header = read(&text);
    let pdf = body::embedded(text.as_bytes(), &header.kind, &Limits::default()).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.4") && pdf.ends_with(b"%%EOF\n"));
}
