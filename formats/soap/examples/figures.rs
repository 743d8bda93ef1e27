//! Prints how long signing, verifying and canonicalising take, next to the part that cannot be avoided.
//! `cargo run --release -p jonction-soap --example figures [document.xml…]`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program")]

use std::{fs, hint::black_box, time::Instant};

use bytes::Bytes;
use jonction_certs_dev::{DevAuthority, Leaf, Structure};
use jonction_model::{DocumentUniqueId, Ins, InsDomain, InsIdentity, StructureId};
use jonction_soap::{
    Limits, bench_support, c14n,
    certificate::{SigningIdentity, Trust},
    envelope, lot_signature, mtom,
    vihf::{self, Automate, Dialect, Lps, Vihf, VihfContext},
    xmldsig::VerifyOptions,
};

/// Median of several rounds, in microseconds per call.
fn measure(name: &str, calls: u32, mut work: impl FnMut()) -> f64 {
    let mut rounds: Vec<f64> = (0..7)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| work());
            start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{name:<52} {:>10.1} µs", rounds[3]);
    rounds[3]
}

fn main() {
    let temp = tempfile::tempdir().unwrap();
    let now = "2026-03-01T10:00:00Z".parse().unwrap();
    let structure = Structure { name: "EHPAD LES TILLEULS".to_owned(), finess: "690000001".to_owned() };
    let start = Instant::now();
    let authority = DevAuthority::ensure(&temp.path().join("certs-dev"), now, &structure).unwrap();
    println!("{:<52} {:>10.1} ms", "test authority, made once", start.elapsed().as_secs_f64() * 1e3);
    let chain = fs::read(authority.chain_of(Leaf::Sign)).unwrap();
    let identity =
        SigningIdentity::from_pem(&chain, &fs::read(authority.key_of(Leaf::Sign)).unwrap()).unwrap();
    let trust = Trust::from_pem(&fs::read(authority.root()).unwrap(), &chain).unwrap();

    let vihf = Vihf::automate(Automate {
        id: "_0f8fad5b-d9cb-469f-a165-70867728950e".to_owned(),
        now,
        responsible: "3690000001/resp-1",
        names: "Jonction, passerelle, coordination",
        structure: StructureId::prefixed("1690000001"),
        sector: "SA41",
        patient: Some(InsIdentity {
            ins: Ins::parse("279035121518989").unwrap(),
            domain: InsDomain::TestNir,
        }),
        lps: Lps { id: None, name: "Jonction".into(), version: "0.1".into(), homologation: "DEMO".into() },
    });
    let rsa = measure("rsa-2048 signature alone", 50, || {
        black_box(bench_support::rsa_signature(&identity, b"signed info").unwrap());
    });
    let signing = measure("vihf, built and signed", 50, || {
        black_box(vihf.sign(&Dialect::default(), &identity).unwrap());
    });
    println!("{:<52} {:>10.2} ×", "  to the signature alone", signing / rsa);
    let signed = vihf.sign(&Dialect::default(), &identity).unwrap();
    measure("vihf, verified, judged and read", 50, || {
        let context = VihfContext::feeding(now);
        black_box(vihf::view(&signed.bytes, &trust, &VerifyOptions::default(), context).unwrap());
    });
    let head = envelope::RequestHead {
        message_id: "urn:uuid:1",
        to: "https://x",
        action: "a",
        assertion: Some(&signed.bytes),
    };
    let xml = envelope::write_request(&head, b"<b/>").unwrap();
    measure("envelope, read", 200, || {
        black_box(envelope::read(&xml, &Limits::default()).unwrap());
    });
    let unique_id = DocumentUniqueId::root("1.2.250.1.999.1.1");
    let documents = [lot_signature::SignedDocument {
        unique_id: unique_id.clone(),
        digest: lot_signature::DocumentDigest::of_raw(b"document"),
    }];
    let lot = lot_signature::LotSignature {
        id: "_1",
        submission_set: &unique_id,
        documents: &documents,
        signing_time: now,
        with_chain: true,
    };
    let signing = measure("lot signature", 50, || {
        black_box(lot_signature::build(&lot, &identity).unwrap());
    });
    println!("{:<52} {:>10.2} ×", "  to the signature alone", signing / rsa);
    multipart();
    for path in std::env::args().skip(1) {
        document(&path);
    }
}

fn multipart() {
    let document = Bytes::from(vec![b'x'; 20_000_000]);
    let root = mtom::Envelope { xml: "<e/>".into(), content_id: "r", action: "a", boundary: "uuid:0f8fad5b" };
    let part =
        mtom::DocumentPart { content_id: "d", content_type: "text/xml", length: document.len() as u64 };
    let multipart = mtom::write(&root, &[part]).unwrap();
    let content_type = multipart.content_type.clone();
    let body = multipart.into_bytes(&[document]).unwrap();
    let micros = measure("multipart of 20 MB, taken apart", 5, || {
        black_box(mtom::read(&content_type, &body, &Limits::default()).unwrap());
    });
    println!("{:<52} {:>10.0} MB/s", "", body.len() as f64 / micros);
}

fn document(path: &str) {
    let xml = fs::read(path).unwrap();
    println!("{path}, {} kB", xml.len() / 1000);
    let per_second = |micros: f64| println!("{:<52} {:>10.0} MB/s", "", xml.len() as f64 / micros);
    let floor = measure("  sha-256 alone", 5, || {
        black_box(bench_support::sha256(&xml));
    });
    per_second(floor);
    per_second(measure("  canonical form, discarded", 5, || {
        black_box(bench_support::canonicalization(&xml).unwrap());
    }));
    per_second(measure("  canonical form, in memory", 5, || {
        black_box(c14n::inclusive_with_comments(&xml).unwrap());
    }));
    per_second(measure("  exclusive canonical form, in memory", 5, || {
        black_box(c14n::exclusive(&xml).unwrap());
    }));
    let digest = measure("  digest of the canonical form", 5, || {
        black_box(lot_signature::DocumentDigest::of_xml(&xml).unwrap());
    });
    println!("{:<52} {:>10.2} ×", "  to sha-256 alone", digest / floor);
}
