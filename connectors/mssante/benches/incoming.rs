//! What understanding a received mail costs: a mail of 1 MB that carries an XDM archive of 330 KB.
//! `cargo bench -p jonction-mssante`. Goal: 100 mails per second on one core. Reference: the base64 of the same mail
//! decoded and the document of its archive inflated, by the libraries alone.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

#[path = "../tests/receiving/world.rs"]
#[allow(dead_code, reason = "the mails of the tests")]
mod world;

use std::{
    hint::black_box,
    io::{Cursor, Read as _},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jonction_model::Environment;
use jonction_mssante::incoming::{IncomingMail, IncomingSettings};
use world::{Doc, HEAD, TEXT, archive, doc, mail, part};

/// Bytes that do not pack, as a PDF.
fn pdf(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 56) as u8
    };
    b"%PDF-1.4\n".iter().copied().chain((0..bytes).map(|_| byte())).collect()
}

fn understanding(c: &mut Criterion) {
    let pdf = pdf(318_000);
    let cda = String::from_utf8(doc().content()).unwrap().replace("JVBERi0xLjQ=", &STANDARD.encode(&pdf));
    let packed = archive(&[vec![Doc { bytes: Some(cda.into_bytes()), ..doc() }]]);
    let attached = [
        part("Content-Type: application/zip; name=IHE_XDM.zip", &packed),
        part("Content-Type: application/pdf; name=copie.pdf", &pdf),
        part("Content-Type: image/jpeg; name=image.jpg", &pdf[..100_000]),
    ];
    let raw: Bytes = mail(HEAD, &[TEXT, &attached[0], &attached[1], &attached[2]]);
    assert!((320_000..340_000).contains(&packed.len()), "{}", packed.len());
    assert!((980_000..1_060_000).contains(&raw.len()), "{}", raw.len());
    let settings = IncomingSettings::new(Environment::Test);

    let mut group = c.benchmark_group("a mail of 1 MB");
    group.throughput(Throughput::Bytes(raw.len() as u64));
    group.bench_function("structure", |b| {
        b.iter(|| jonction_mime::Mail::read(black_box(&raw), &settings.mail).unwrap().parts().len());
    });
    group.bench_function("understood", |b| {
        b.iter(|| {
            let incoming = IncomingMail::read(black_box(&raw), &settings).unwrap();
            let submissions = incoming.submissions();
            assert!(submissions[0].obstacles.is_empty());
            submissions.len()
        });
    });
    let texts = attached.map(|part| part.split("\r\n\r\n").nth(1).unwrap().replace("\r\n", ""));
    group.bench_function("reference: base64 and inflate alone", |b| {
        b.iter(|| {
            let decoded = texts.each_ref().map(|text| STANDARD.decode(black_box(text)).unwrap());
            let mut zip = zip::ZipArchive::new(Cursor::new(&decoded[0])).unwrap();
            let mut document = Vec::new();
            zip.by_name("IHE_XDM/SUBSET01/DOC00001.XML").unwrap().read_to_end(&mut document).unwrap();
            document.len() + decoded[1].len() + decoded[2].len()
        });
    });
    group.finish();
}

criterion_group!(benches, understanding);
criterion_main!(benches);
