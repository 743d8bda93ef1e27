//! The index against a bare memchr pass that finds the same separators, on 2.7 kB and on 1 MB.
//! `ratio` measures both in short turns, so that a busy machine slows both. Bar: a ratio of 2 (hl7v2.md §10.3).

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "bench code")]

use std::{hint::black_box, time::Instant};

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

/// Prints the ratio itself: short turns of both, one after the other, and the median over the rounds.
fn ratio(_: &mut Criterion) {
    for (name, base64_bytes, turns) in
        [("2.7 kB", 0, 2000), ("1 MB", 1_000_000, 100), ("50 MB", 50_000_000, 2)]
    {
        let raw = Bytes::from(sample_message(base64_bytes));
        let delimiters = *Message::parse(raw.clone(), &Limits::default()).unwrap().delimiters();
        let mut ratios: Vec<f64> = (0..51)
            .map(|_| {
                let start = Instant::now();
                for _ in 0..turns {
                    black_box(bare_pass(black_box(&raw), &delimiters));
                }
                let bare = start.elapsed();
                let start = Instant::now();
                (0..turns).for_each(|_| {
                    drop(black_box(Message::parse(black_box(&raw).clone(), &Limits::default())))
                });
                start.elapsed().as_secs_f64() / bare.as_secs_f64()
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        println!("index/ratio/{name}: {:.2} (bar: 2)", ratios[ratios.len() / 2]);
    }
}

criterion_group!(benches, index, ratio);
criterion_main!(benches);
