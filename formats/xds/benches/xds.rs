//! What a lot costs: metadata, ebRIM both ways, the archive both ways. `cargo bench -p jonction-xds`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use common::*;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jonction_xds::{bench_support::deflate_one, ebrim::*, xdm, *};

/// Text that packs like base64 in XML does: pseudo-random letters.
fn document(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(state >> 58) as usize]
    };
    (0..bytes).map(|_| letter()).collect()
}

fn metadata(c: &mut Criterion) {
    let submission = submission();
    let (lot, _) = build_dmp(&submission);
    let request = ProvideAndRegister { submission: lot, documents: vec![] };
    let text = write_provide_and_register(&request);
    c.bench_function("build one lot", |b| b.iter(|| build_dmp(black_box(&submission))));
    let mut group = c.benchmark_group("ebrim");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("write", |b| b.iter(|| write_provide_and_register(black_box(&request))));
    group.bench_function("read", |b| {
        b.iter(|| read_provide_and_register(black_box(text.as_bytes()), &Limits::default()).unwrap());
    });
    group.finish();
}

fn archive(c: &mut Criterion) {
    let document = document(700_000);
    let submission = submission();
    let (identifiers, defaults) = (identifiers(), Defaults::default());
    let (lot, _) = build(&BuildRequest {
        submission: &submission,
        identifiers: &identifiers,
        contents: &[ContentFacts::of(&document)],
        profile: Profile::Xdm(None),
        defaults: &defaults,
    });
    let origin = xdm::Origin {
        structure: "Clinique des Tilleuls".to_owned(),
        software: "Jonction".to_owned(),
        contact: "dsi".to_owned(),
    };
    let documents = [document.as_slice()];
    let request = xdm::ArchiveRequest {
        submission: &lot,
        documents: &documents,
        origin: &origin,
        time: submission_time(),
    };
    let bytes = xdm::write(&request).unwrap();
    let mut group = c.benchmark_group("xdm, document of 700 KB");
    group.sample_size(20).throughput(Throughput::Bytes(document.len() as u64));
    group.bench_function("deflate the document alone", |b| b.iter(|| deflate_one(black_box(&document))));
    group.bench_function("write", |b| b.iter(|| xdm::write(black_box(&request)).unwrap()));
    group.bench_function("read", |b| {
        b.iter(|| xdm::read(black_box(&bytes), &xdm::Limits::default()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, metadata, archive);
criterion_main!(benches);
