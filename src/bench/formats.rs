//! Formats against the least that any code must do.

use std::hint::black_box;

use bytes::Bytes;
use jonction_hl7v2::{Limits, Message, bench_support};

use super::measure::{Goal, Measure, paired};
use crate::failure::Failure;

const TURNS: usize = 41;

fn parsed(raw: &Bytes) -> Result<Message, Failure> {
    Message::parse(raw.clone(), &Limits::default()).map_err(|error| {
        Failure::new("bench.broken", format!("le message de mesure ne se lit pas : {error}"))
    })
}

/// The index of a message against memchr finding the same separators.
pub(super) fn hl7_index() -> Result<Vec<Measure>, Failure> {
    let sizes = [
        ("hl7-index-2.7KB", "index d'un message de 2,7 Ko", 80),
        ("hl7-index-1MB", "index d'un message de 1 Mo (un champ base64)", 1_000_000),
    ];
    let mut measures = Vec::new();
    for (name, what, base64) in sizes {
        let raw = Bytes::from(bench_support::sample_message(base64));
        let delimiters = *parsed(&raw)?.delimiters();
        let (ours, bare) = paired(
            TURNS,
            || Message::parse(black_box(raw.clone()), &Limits::default()),
            || bench_support::bare_pass(black_box(&raw), &delimiters),
        );
        measures.push(Measure::new(name, what, "us", ours, Some(bare), Goal::RatioAtMost(2.0)));
    }
    Ok(measures)
}

/// Deciding the charset of a message of 1 MB, told in a UTF-8 validation of the same bytes.
pub(super) fn hl7_charset() -> Result<Vec<Measure>, Failure> {
    let raw = Bytes::from(bench_support::sample_message(1_000_000));
    let indexed = || Message::parse(black_box(raw.clone()), &Limits::default());
    let (with, without) = paired(TURNS, || indexed().map(|message| message.charset().clone()), indexed);
    let (utf8, _) = paired(TURNS, || std::str::from_utf8(black_box(&raw)).is_ok(), || ());
    let charset = (with - without).max(0.0);
    let what = "jeu de caractères d'un message de 1 Mo, contre une validation UTF-8";
    Ok(vec![Measure::new("hl7-charset-1MB", what, "us", charset, Some(utf8), Goal::None)])
}
