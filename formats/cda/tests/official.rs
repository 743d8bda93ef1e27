//! The official samples against our table, and against an independent reading through XPath.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "test code")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use jonction_cda::{CdaError, Header, Limits, RootKind, body, peek_root};
use jonction_model::{Authorship, ContentKind, Mode, Severity};

/// File, code, identifier, version, level, authors, bytes of the embedded body (0: none).
type Row = (&'static str, &'static str, &'static str, u32, u8, usize, usize);

#[rustfmt::skip]
const EXPECTED: &[Row] = &[
    ("AVC-PAVC_2022.01", "11488-4", "1.2.250.1.213.1.1.1.25.2022.1.1", 1, 3, 1, 0),
    ("AVC-SUNV_2022.01", "34133-9", "1.2.250.1.213.1.1.1.17.2022.1.1", 1, 3, 1, 0),
    ("BIO-CR-BIO_2024.01_Microbiologie_V2", "11502-2", "1.2.250.1.213.1.1.1.55.2024.8.2", 2, 3, 1, 29_614),
    ("BIO-CR-BIO_2024.01_TSH_1", "11502-2", "1.2.250.1.213.1.1.1.55.2024.9.1", 1, 3, 1, 78_777),
    ("BIO-TROD_2024.01_Angine", "96173-0", "1.2.250.1.213.1.1.1.59.2024.1.1", 1, 3, 1, 0),
    ("CANCER-FRCP_2022.01_Appareil", "34794-8", "1.2.250.1.213.1.1.1.8.2022.1.1", 1, 3, 1, 0),
    ("CANCER-PPS_2022.01_Autopresentable", "18776-5", "1.2.250.1.213.1.1.1.26.2022.1.1", 1, 3, 1, 0),
    ("CANCER-PPS_2022.01_feuille-de-style-externe", "18776-5", "1.2.250.1.213.1.1.1.26.2022.2.1", 1, 3, 1, 0),
    ("CNAM-HR_2021.01_sans-info", "REMB", "1.2.250.1.213.1.1.1.36.2021.2.1", 2, 3, 1, 0),
    ("CSE-CS9_2025.01", "CERT_DECL", "1.2.250.1.213.1.1.1.5.2.12345.2", 1, 3, 1, 0),
    ("CSE-MDE_2023.01", "29274-8", "1.2.250.1.213.1.1.1.5.2023.1.1", 4, 3, 1, 0),
    ("DLU-EHPAD-DLU_2022.01", "74207-2", "1.2.250.1.213.1.1.1.22.2022.1.1", 1, 3, 1, 0),
    ("DLU-EHPAD-FLUDR_2022.01", "74207-2", "1.2.250.1.213.1.1.1.24.2022.1.1", 1, 3, 1, 0),
    ("DLU-EHPAD-FLUDT_2022.01", "74207-2", "1.2.250.1.213.1.1.1.23.2022.1.1", 1, 3, 1, 0),
    ("DOC_NON_STRUCTURE_CDA-R2-N1", "11502-2", "1.3.6.1.4.1.19376.1.2.20.12345.1.1", 1, 1, 1, 326_650),
    ("EXPORT_DUI_1.0.1", "EXPORT_DUI", "1.2.250.2345.3245.13.58130.1", 1, 3, 1, 0),
    ("IMG-DA-IMG_2024.01_Radiographie_IRM_Genou", "55115-0", "1.2.250.1.213.1.1.1.47.2024.4.1", 1, 3, 1, 0),
    ("IMG_CR_IMG_2024.01_CDA-R2-Niveau-1", "18748-4", "1.2.250.1.213.1.1.1.45.2024.2.1", 2, 1, 1, 61_736),
    ("LDL-EES_2022.01", "18761-7", "1.2.250.1.213.1.1.1.21.2022.1.1", 1, 3, 1, 0),
    ("LDL-SES_2022.01", "11490-0", "1.2.250.1.213.1.1.1.29.2022.1.1", 1, 3, 1, 0),
    ("OBP-SCM_2024.01", "89235-6", "1.2.250.1.213.1.1.1.12.4.2024.1.1", 1, 3, 1, 0),
    ("PPS-PAERPA_2021.01", "18776-5", "55A38EBB-53F6-4A96-93BE-FE92A9C6E8CC", 1, 3, 1, 0),
    ("SDM-MR_2024.01_nouveau-ne", "34133-9", "1.2.250.1.213.1.1.1.30.2024.1.1", 2, 3, 1, 0),
    ("TLM-CR_2022.01", "85208-7", "1.3.6.1.4.1.19376.1.2.20.2022.1.1", 1, 1, 1, 257_508),
    ("TLM-DA_2022.01_TE1_anamnese-non-structurée", "75496-0", "1.2.250.1.213.1.1.1.38.2022.3.1", 1, 3, 1, 0),
    ("VAC-NOTE_2023.01", "87273-9", "1.2.250.1.213.1.1.1.46.2023.1.1", 1, 3, 1, 0),
    ("VAC_2023.01", "11369-6", "1.2.250.1.213.1.1.1.37.2023.1.1", 1, 3, 1, 0),
    ("VSM_1.4_2022.01", "SYNTH", "1.2.250.1.213.1.1.1.13.2022.1.1", 1, 3, 1, 0),
    ("eDISP-MED_2024.01", "60593-1", "1.2.250.1.213.1.1.1.54.2024.1.1", 1, 3, 2, 0),
    ("eP-MED-DM_2024.01_PosoNonStruct", "57833-6", "1.2.250.1.213.1.1.1.39.2024.1.1", 1, 3, 1, 93_362),
];

fn samples() -> Option<PathBuf> {
    let found = std::env::var_os("JONCTION_SAMPLES").map(|root| Path::new(&root).join("cda"));
    if found.is_none() {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set");
    }
    found
}

fn read(folder: &Path, name: &str) -> (Vec<u8>, Header) {
    let bytes = fs::read(folder.join(format!("{name}.xml"))).unwrap();
    let header = Header::read(&bytes, &Limits::default()).unwrap();
    (bytes, header)
}

#[test]
fn every_sample_reads_as_the_table_says_and_none_is_left_out() {
    let Some(folder) = samples() else { return };
    let files = fs::read_dir(&folder)
        .unwrap()
        .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "xml"));
    assert_eq!(files.count(), EXPECTED.len());
    for (name, code, id, version, level, authors, body_bytes) in EXPECTED {
        let (bytes, header) = read(&folder, name);
        assert_eq!(header.metadata.type_code.code, *code, "{name}");
        assert_eq!(header.unique_id.as_ref().unwrap().to_xds(), *id, "{name}");
        assert_eq!(header.version, Some(*version), "{name}");
        assert_eq!(matches!(header.kind, ContentKind::CdaLevel1 { .. }), *level == 1, "{name}");
        assert_eq!(header.metadata.authors.len(), *authors, "{name}");
        match body::embedded(&bytes, &header.kind, &Limits::default()) {
            Ok(pdf) => {
                assert_eq!(pdf.len(), *body_bytes, "{name}");
                assert!(pdf.starts_with(b"%PDF-1."), "{name}");
            }
            Err(error) => assert!(matches!(error, CdaError::NoBody) && *body_bytes == 0, "{name}: {error}"),
        }
        let shape =
            if name.ends_with("Autopresentable") { RootKind::SelfDisplaying } else { RootKind::Direct };
        assert_eq!(header.root, shape, "{name}");
        assert_eq!(peek_root(bytes.as_slice(), &Limits::default()).unwrap(), shape, "{name}");
        assert!(header.subject.ins.is_some() && header.set_id.is_some(), "{name}");
    }
}

/// The schematron of the profile passes most of these: what we say must stay rare, and is pinned.
#[test]
fn official_samples_break_few_rules_and_these_are_known() {
    let Some(folder) = samples() else { return };
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for (name, ..) in EXPECTED {
        let (_, header) = read(&folder, name);
        for finding in header.check(Mode::Strict) {
            assert!(
                finding.place.path.starts_with("/ClinicalDocument") || finding.check == "cda/H-35",
                "{finding:?}"
            );
            if finding.severity == Severity::Error {
                *told.entry(finding.check).or_default() += 1;
            }
        }
        assert!(
            header.check(Mode::Tolerant).iter().all(|finding| finding.severity < Severity::Error),
            "{name}"
        );
    }
    let expected: BTreeMap<String, usize> =
        ERRORS.iter().map(|(check, count)| ((*check).to_owned(), *count)).collect();
    assert_eq!(told, expected);
}

/// UUIDs as roots, `NA` as nullFlavor, versions without parent, wrong test keys, `SP` names, editor's instructions.
#[rustfmt::skip]
const ERRORS: &[(&str, usize)] = &[
    ("cda/H-03", 1), ("cda/H-10", 2), ("cda/H-12", 2), ("cda/H-13", 2), ("cda/H-19", 2), ("cda/H-25", 21),
    ("cda/H-27", 9), ("cda/H-35", 173),
];

/// What lxml finds by XPath, one line per value.
const XPATHS: &str = r#"
import sys
from lxml import etree
n = {'c': 'urn:hl7-org:v3'}
d = etree.parse(sys.argv[1]).xpath('//c:ClinicalDocument', namespaces=n)[0]
def first(path):
    found = d.xpath(path, namespaces=n)
    return ' '.join((found[0] if isinstance(found[0], str) else found[0].text or '').split()) if found else ''
r = 'c:recordTarget/c:patientRole/'
for path in [
    'c:id/@root', 'c:code/@code', 'c:code/@codeSystem', 'c:title', 'c:effectiveTime/@value', 'c:setId/@root',
    'c:versionNumber/@value', 'c:confidentialityCode/@code', 'c:languageCode/@code',
    r + 'c:patient/c:name/c:family[@qualifier="BR"]', r + 'c:patient/c:name/c:given[@qualifier="BR"]',
    r + 'c:patient/c:birthTime/@value', r + 'c:id[starts-with(@root,"1.2.250.1.213.1.4.")]/@extension',
    'c:author[1]/c:assignedAuthor/c:id/@extension', 'c:author[1]/c:assignedAuthor/c:assignedPerson/c:name/c:family',
    'c:author[1]/c:assignedAuthor/c:representedOrganization/c:id/@extension',
    'c:legalAuthenticator/c:assignedEntity/c:id/@extension',
    'c:documentationOf[1]/c:serviceEvent/c:effectiveTime/c:low/@value',
    'c:documentationOf[1]/c:serviceEvent/c:performer//c:standardIndustryClassCode/@code',
    'c:componentOf//c:healthCareFacility/c:code/@code',
    'string(count(c:documentationOf/c:serviceEvent/c:code[@code]))',
]:
    print(first(path) if not path.startswith('string') else d.xpath(path, namespaces=n))
"#;

fn ours(header: &Header) -> Vec<String> {
    let data = &header.metadata;
    let traits = &header.subject.traits;
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let author = &data.authors[0];
    let (author_id, family) = match &author.by {
        Authorship::Person(person) => (person.id.clone(), person.family.clone()),
        Authorship::Device(device) => (device.id.clone(), None),
    };
    vec![
        header.unique_id.clone().unwrap().root,
        data.type_code.code.clone(),
        data.type_code.system.clone(),
        data.title.clone(),
        text(data.creation_time.as_ref().map(|time| time.as_str())),
        header.set_id.clone().unwrap().root,
        header.version.unwrap().to_string(),
        text(data.confidentiality.as_ref().map(|code| code.code.as_str())),
        data.language.clone(),
        text(traits.birth_name.as_ref().map(|name| name.expose().as_str())),
        text(traits.birth_given.as_ref().map(|name| name.expose().as_str())),
        text(traits.birth_date.as_ref().map(|date| date.expose().as_str())),
        text(header.subject.ins.as_ref().map(|identity| identity.ins.expose())),
        text(author_id.as_ref().map(|id| id.as_str())),
        text(family.as_deref()),
        text(author.organization.as_ref().and_then(|o| o.id.as_ref()).map(|id| id.as_str())),
        text(data.legal_authenticator.as_ref().and_then(|person| person.id.as_ref()).map(|id| id.as_str())),
        text(data.service_start.as_ref().map(|time| time.as_str())),
        text(data.practice_setting.as_ref().map(|code| code.code.as_str())),
        text(data.facility_type.as_ref().map(|code| code.code.as_str())),
        data.events.len().to_string(),
    ]
}

#[test]
fn an_independent_reader_finds_the_same_values() {
    let Some(folder) = samples() else { return };
    let Some(python) = jonction_testkit::python_with("lxml.etree") else {
        jonction_testkit::skipped("python3-lxml is not installed");
        return;
    };
    for (name, ..) in EXPECTED {
        let file = folder.join(format!("{name}.xml"));
        let run = Command::new(&python).arg("-c").arg(XPATHS).arg(&file).output().unwrap();
        assert!(run.status.success(), "{name}: {:?}", std::str::from_utf8(&run.stderr));
        let theirs: Vec<_> = std::str::from_utf8(&run.stdout).unwrap().lines().map(str::to_owned).collect();
        let (_, header) = read(&folder, name);
        assert_eq!(ours(&header), theirs, "{name}");
    }
}
