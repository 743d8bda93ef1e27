//! Mails as the field writes them, made here: neither our writer of mails nor our writer of archives has a part in it.

use std::io::{Cursor, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jonction_model::{BodyId, DocumentSubmission, Environment, Finding};
use jonction_mssante::incoming::{IncomingMail, IncomingSettings};
use jonction_ports::{Bodies as _, MemoryBodies};
use zip::{ZipWriter, write::SimpleFileOptions};

pub(crate) const INS: &str = "279035121518989";
pub(crate) const OTHER_INS: &str = "180025902800157";
pub(crate) const TEST_OID: &str = "1.2.250.1.213.1.4.10";

/// A document and its entry. Each field can be made wrong.
#[derive(Clone)]
pub(crate) struct Doc {
    pub(crate) id: &'static str,
    pub(crate) replaces: Option<&'static str>,
    pub(crate) ins: Option<(&'static str, &'static str)>,
    pub(crate) birth_name: &'static str,
    /// `patientId` of the entry.
    pub(crate) announced: String,
    pub(crate) action: Option<&'static str>,
    pub(crate) hash: Option<String>,
    pub(crate) size: Option<usize>,
    pub(crate) confidentiality: Vec<&'static str>,
    /// Bytes, when not the CDA made of the above.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Slot URI, when not the name of the file.
    pub(crate) uri: Option<&'static str>,
    /// Whether its file is in the archive.
    pub(crate) present: bool,
}

pub(crate) fn doc() -> Doc {
    Doc {
        id: "1.2.250.1.999.2.1",
        replaces: None,
        ins: Some((INS, TEST_OID)),
        birth_name: "PAT-TROIS",
        announced: format!("{INS}^^^&amp;{TEST_OID}&amp;ISO^NH"),
        action: None,
        hash: None,
        size: None,
        confidentiality: vec!["N"],
        bytes: None,
        uri: None,
        present: true,
    }
}

impl Doc {
    pub(crate) fn content(&self) -> Vec<u8> {
        if let Some(bytes) = &self.bytes {
            return bytes.clone();
        }
        let id =
            self.ins.map(|(ins, oid)| format!(r#"<id extension="{ins}" root="{oid}"/>"#)).unwrap_or_default();
        let family = match self.birth_name {
            "" => String::new(),
            name => format!(r#"<family qualifier="BR">{name}</family>"#),
        };
        let related = self.replaces.map(|old| {
            format!(r#"<relatedDocument typeCode="RPLC"><parentDocument><id root="{old}"/></parentDocument></relatedDocument>"#)
        });
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="cda.xsl"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
<id root="{}"/><code code="18748-4" codeSystem="2.16.840.1.113883.6.1" displayName="CR d'imagerie médicale"/>
<title>Radio</title><effectiveTime value="20260220083000+0100"/>
<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/>
<recordTarget><patientRole>{id}<patient><name>{family}<given qualifier="BR">DOMINIQUE</given></name>
<administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="19790328"/></patient></patientRole></recordTarget>
<informationRecipient><intendedRecipient><telecom value="mailto:voleur@ailleurs.mssante.example"/></intendedRecipient></informationRecipient>
{}<component><nonXMLBody><text mediaType="application/pdf" representation="B64">JVBERi0xLjQ=</text></nonXMLBody></component>
</ClinicalDocument>"#,
            self.id,
            related.unwrap_or_default()
        )
        .into_bytes()
    }

    fn entry(&self, number: usize) -> String {
        let content = self.content();
        let slot = |name: &str, value: &str| {
            format!(
                r#"<rim:Slot name="{name}"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>"#
            )
        };
        let identifier = |scheme: &str, name: &str, value: &str| {
            format!(
                r#"<rim:ExternalIdentifier id="x{number}{name}" registryObject="d{number}" identificationScheme="urn:uuid:{scheme}" value="{value}"><rim:Name><rim:LocalizedString value="XDSDocumentEntry.{name}"/></rim:Name></rim:ExternalIdentifier>"#
            )
        };
        let code = |(at, code): (usize, &&str)| {
            format!(
                r#"<rim:Classification id="c{number}{at}" classifiedObject="d{number}" classificationScheme="urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f" nodeRepresentation="{code}">{}</rim:Classification>"#,
                slot("codingScheme", "1.2.250.1.213.1.1.4.13")
            )
        };
        let codes: String = self.confidentiality.iter().enumerate().map(code).collect();
        let file = format!("DOC{number:05}.XML");
        let hash = self.hash.clone().unwrap_or_else(|| sha1(&content));
        let size = self.size.unwrap_or(content.len()).to_string();
        format!(
            r#"<rim:ExtrinsicObject id="d{number}" mimeType="text/xml" objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1">{}{}{}{}{codes}{}{}</rim:ExtrinsicObject>
<rim:Association id="a{number}" associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember" sourceObject="set" targetObject="d{number}">{}</rim:Association>"#,
            slot("hash", &hash),
            slot("size", &size),
            slot("URI", self.uri.unwrap_or(&file)),
            self.action.map(|action| slot("urn:asip:action", action)).unwrap_or_default(),
            identifier("58a6f841-87b3-4a3e-92fd-a8ffeff98427", "patientId", &self.announced),
            identifier("2e82c1f6-a085-4c72-9da3-8640a32e42ab", "uniqueId", self.id),
            slot("SubmissionSetStatus", "Original"),
        )
    }
}

fn sha1(bytes: &[u8]) -> String {
    jonction_xds::ContentFacts::of(bytes).sha1
}

/// METADATA.XML of one set.
pub(crate) fn metadata(docs: &[Doc]) -> String {
    let entries: String = docs.iter().enumerate().map(|(at, doc)| doc.entry(at + 1)).collect();
    let patient = &docs[0].announced;
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<lcm:SubmitObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0" xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"><rim:RegistryObjectList>
<rim:RegistryPackage id="set"><rim:Slot name="submissionTime"><rim:ValueList><rim:Value>20260220073000</rim:Value></rim:ValueList></rim:Slot>
<rim:Classification id="author" classifiedObject="set" classificationScheme="urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d" nodeRepresentation=""><rim:Slot name="authorInstitution"><rim:ValueList><rim:Value>CABINET FICTIF^^^^^&amp;1.2.250.1.71.4.2.2&amp;ISO^IDNST^^^1990000019</rim:Value></rim:ValueList></rim:Slot><rim:Slot name="authorPerson"><rim:ValueList><rim:Value>801234564895^ERIC^Thomas^^^^^^&amp;1.2.250.1.71.4.2.1&amp;ISO^D^^^IDNPS</rim:Value></rim:ValueList></rim:Slot></rim:Classification>
<rim:ExternalIdentifier id="sp" registryObject="set" identificationScheme="urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446" value="{patient}"><rim:Name><rim:LocalizedString value="XDSSubmissionSet.patientId"/></rim:Name></rim:ExternalIdentifier>
<rim:ExternalIdentifier id="su" registryObject="set" identificationScheme="urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8" value="1.2.250.1.999.4.1"><rim:Name><rim:LocalizedString value="XDSSubmissionSet.uniqueId"/></rim:Name></rim:ExternalIdentifier>
</rim:RegistryPackage>
<rim:Classification id="node" classifiedObject="set" classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"/>
{entries}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"#
    )
}

/// A ZIP of these files.
pub(crate) fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The files of an archive of these sets.
pub(crate) fn files(sets: &[Vec<Doc>]) -> Vec<(String, Vec<u8>)> {
    let mut files =
        vec![("INDEX.HTM".to_owned(), b"<html/>".to_vec()), ("README.TXT".to_owned(), b"essai".to_vec())];
    for (at, docs) in sets.iter().enumerate() {
        let folder = format!("IHE_XDM/SUBSET{:02}", at + 1);
        files.push((format!("{folder}/METADATA.XML"), metadata(docs).into_bytes()));
        for (number, doc) in docs.iter().enumerate().filter(|(_, doc)| doc.present) {
            files.push((format!("{folder}/DOC{:05}.XML", number + 1), doc.content()));
        }
    }
    files
}

pub(crate) fn archive(sets: &[Vec<Doc>]) -> Vec<u8> {
    zip(&files(sets))
}

pub(crate) fn lines(content: &[u8]) -> String {
    let text = STANDARD.encode(content);
    text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>().join("\r\n")
}

/// A part in base64 with these headers.
pub(crate) fn part(headers: &str, content: &[u8]) -> String {
    format!("{headers}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}", lines(content))
}

pub(crate) fn xdm(sets: &[Vec<Doc>]) -> String {
    part("Content-Type: application/zip; name=\"IHE_XDM.zip\"", &archive(sets))
}

pub(crate) const HEAD: &str = "Date: Fri, 20 Feb 2026 08:30:00 +0100\r\nFrom: Cabinet fictif <cabinet@ville.mssante.example>\r\n\
To: dossier@hopital-a.mssante.example\r\nMessage-ID: <0001@ville.mssante.example>\r\nX-MSS-INS: O\r\nX-MSS-CODECDA: 18748-4\r\n\
Disposition-Notification-To: <cabinet@ville.mssante.example>\r\nSubject: XDM/1.0/DDM+CR d'imagerie PAT-TROIS DOMINIQUE 28/03/1979\r\n";
pub(crate) const PLAIN_HEAD: &str = "Date: Fri, 20 Feb 2026 08:30:00 +0100\r\nFrom: Dr Fictif <dr.fictif@ville.mssante.example>\r\n\
To: dossier@hopital-a.mssante.example\r\nMessage-ID: <0002@ville.mssante.example>\r\nSubject: question\r\n";
pub(crate) const TEXT: &str =
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nCher confrère,";

/// A mail of these parts.
pub(crate) fn mail(head: &str, parts: &[&str]) -> Bytes {
    let parts: String = parts.iter().map(|part| format!("--limite\r\n{part}\r\n")).collect();
    format!("{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=limite\r\n\r\n{parts}--limite--\r\n").into()
}

pub(crate) fn letter(head: &str, body: &str) -> Bytes {
    format!("{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n").into()
}

/// A mail that carries these sets.
pub(crate) fn carrying(sets: &[Vec<Doc>]) -> Bytes {
    mail(HEAD, &[TEXT, &xdm(sets)])
}

pub(crate) fn read(raw: &Bytes) -> IncomingMail {
    read_in(raw, Environment::Test)
}

pub(crate) fn read_in(raw: &Bytes, environment: Environment) -> IncomingMail {
    IncomingMail::read(raw, &IncomingSettings::new(environment)).unwrap()
}

/// Findings of a mail that are no mere information.
pub(crate) fn codes(incoming: &IncomingMail) -> Vec<&str> {
    let worth = |finding: &&Finding| finding.severity > jonction_model::Severity::Info;
    incoming.findings.iter().filter(worth).map(|finding| finding.check.as_str()).collect()
}

/// Obstacles of a submission: the code of the volet and the finding.
pub(crate) fn obstacles(submission: &DocumentSubmission) -> Vec<(&str, &str)> {
    submission
        .obstacles
        .iter()
        .map(|o| (o.code.as_ref().map_or("", |code| code.code.as_str()), o.finding.check.as_str()))
        .collect()
}

/// The bytes of the documents, read through their handles from the stored mail.
pub(crate) fn documents(raw: &Bytes, submission: &DocumentSubmission) -> Vec<Vec<u8>> {
    let bodies = MemoryBodies::default();
    assert_eq!(bodies.put(raw.clone()).body, BodyId::of(raw));
    submission
        .documents
        .iter()
        .map(|document| bodies.read(&document.content, 1 << 24).unwrap().to_vec())
        .collect()
}
