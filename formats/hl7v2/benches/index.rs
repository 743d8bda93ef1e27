//! The index against a bare memchr pass that finds the same separators, on 2.7 kB and on 1 MB.
//! Both are measured in turn, group by group, so that a busy machine slows both. Bar: a ratio of 2 (hl7v2.md §10.3).

#![allow(clippy::unwrap_used, missing_docs, reason = "bench code")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jonction_hl7v2::{
    Limits, Message,
    bench_support::{bare_pass, sample_message},
};

fn index(c: &mut Criterion) {
    for (name, base64_bytes) in [("2.7 kB", 0), ("1 MB", 1_000_000), ("50 MB", 50_000_000)] {
        let raw = Bytes::from(sample_message(base64_bytes));
        let delimiters = *Message::parse(raw.clone(), &Limits::default()).unwrap().delimiters();
        let mut group = c.benchmark_group("index");
        group.throughput(Throughput::Bytes(raw.len() as u64));
        group.bench_with_input(BenchmarkId::new("bare memchr", name), &raw, |b, raw| {
            b.iter(|| bare_pass(black_box(raw), &delimiters));
        });
        group.bench_with_input(BenchmarkId::new("Message::parse", name), &raw, |b, raw| {
            b.iter(|| Message::parse(black_box(raw).clone(), &Limits::default()));
        });
        group.finish();
    }
}

criterion_group!(benches, index);
criterion_main!(benches);
