//! The header of a level 1 of 330 kB (one big base64 text), of a level 3 of many small elements, and the root alone.

#![allow(clippy::unwrap_used, missing_docs, reason = "bench code")]

use std::hint::black_box;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jonction_cda::{Header, Limits, peek_root};

const LEVEL_1: &str = include_str!("../samples/lettre-n1.xml");
const LEVEL_3: &str = include_str!("../samples/lettre-n3.xml");

fn level_1(bytes: usize) -> String {
    let at = LEVEL_1.find("JVBERi").unwrap();
    let end = at + LEVEL_1[at..].find('<').unwrap();
    let body = STANDARD.encode(vec![0x5A; bytes / 4 * 3]);
    format!("{}{body}{}", &LEVEL_1[..at], &LEVEL_1[end..])
}

fn level_3(paragraphs: usize) -> String {
    let paragraph =
        "<paragraph ID=\"p\">Texte du <content styleCode=\"Bold\">compte rendu</content>.</paragraph>";
    LEVEL_3.replacen("<paragraph>", &format!("{}<paragraph>", paragraph.repeat(paragraphs)), 1)
}

fn header(c: &mut Criterion) {
    let cases = [
        ("level 1, 330 kB", level_1(325_000)),
        ("level 1, 20 MB", level_1(20_000_000)),
        ("level 3, 200 kB", level_3(2_300)),
    ];
    for (name, text) in cases {
        let mut group = c.benchmark_group("header");
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("Header::read", name), &text, |b, text| {
            b.iter(|| Header::read(black_box(text.as_bytes()), &Limits::default()).unwrap());
        });
        group.bench_with_input(BenchmarkId::new("peek_root", name), &text, |b, text| {
            b.iter(|| peek_root(black_box(text.as_bytes()), &Limits::default()).unwrap());
        });
        group.finish();
    }
}

criterion_group!(benches, header);
criterion_main!(benches);
