//! The three walks over a record: written to bytes, read from them, printed to be hashed.
//! In: a record, or bytes. Out: bytes, or a record, or its clear text. Damaged bytes give a damaged record, never a panic.
//! Source: decision 0022. What a record holds, in which order, is said once in `pack.rs`.

use jonction_model::directory::{Coded, Structure};

use crate::pack::{Pack, structure};

/// Numbers for texts that repeat.
pub(crate) trait Words {
    /// The number of a text, a new one when it is new.
    fn number_of(&mut self, text: &str) -> u64;
}

/// Separates code and label inside a word.
const UNIT: char = '\u{1f}';

/// Writes.
pub(crate) struct Writer<'w, W> {
    /// What was written.
    pub(crate) out: Vec<u8>,
    /// Structures met on the way, to be stored apart.
    pub(crate) sites: Vec<(i64, Structure)>,
    words: &'w mut W,
    joined: String,
}

impl<'w, W: Words> Writer<'w, W> {
    /// Starts an empty record.
    pub(crate) fn new(words: &'w mut W) -> Self {
        Self { out: Vec::with_capacity(256), sites: Vec::new(), words, joined: String::new() }
    }
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "the lowest seven bits")]
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 128")]
    out.push(number as u8);
}

impl<W: Words> Pack for Writer<'_, W> {
    fn text(&mut self, text: &mut String) {
        varint(&mut self.out, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn word(&mut self, text: &mut String) {
        let number = if text.is_empty() { 0 } else { self.words.number_of(text) };
        varint(&mut self.out, number);
    }

    fn number(&mut self, number: &mut u64) {
        varint(&mut self.out, *number);
    }

    fn coded(&mut self, coded: &mut Coded) {
        if coded.is_empty() {
            self.out.push(0);
            return;
        }
        self.joined.clear();
        self.joined.push_str(&coded.code);
        self.joined.push(UNIT);
        self.joined.push_str(&coded.label);
        let number = self.words.number_of(&self.joined);
        varint(&mut self.out, number);
    }

    fn site(&mut self, site: &mut Option<Box<Structure>>) {
        let key = site.as_ref().map_or(0, |site| crate::terms::structure_key(site));
        self.out.extend_from_slice(&key.to_be_bytes());
        if let Some(site) = site {
            self.word(&mut site.address.commune);
            if crate::terms::referenced(site).is_none() {
                self.sites.push((key, site.as_ref().clone()));
            }
        }
    }
}

/// Reads what [`Writer`] wrote. Sites come as references: their key and their commune.
pub(crate) struct Reader<'r> {
    rest: &'r [u8],
    words: &'r [Box<str>],
    damaged: bool,
}

impl<'r> Reader<'r> {
    /// Starts reading.
    pub(crate) fn new(bytes: &'r [u8], words: &'r [Box<str>]) -> Self {
        Self { rest: bytes, words, damaged: false }
    }

    /// Whether everything was read and made sense.
    pub(crate) fn is_whole(&self) -> bool {
        !self.damaged && self.rest.is_empty()
    }

    fn take(&mut self, length: usize) -> &'r [u8] {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            self.damaged = true;
            self.rest = &[];
            return &[];
        };
        self.rest = rest;
        taken
    }

    fn varint(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.take(1).first() else { return 0 };
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return number;
            }
        }
        self.damaged = true;
        0
    }

    fn numbered(&mut self) -> &'r str {
        let number = self.varint();
        if number == 0 {
            return "";
        }
        let word = usize::try_from(number - 1).ok().and_then(|at| self.words.get(at));
        self.damaged |= word.is_none();
        word.map_or("", |word| word)
    }
}

impl Pack for Reader<'_> {
    fn text(&mut self, text: &mut String) {
        let length = usize::try_from(self.varint()).unwrap_or(usize::MAX);
        match std::str::from_utf8(self.take(length)) {
            Ok(read) => read.clone_into(text),
            Err(_) => self.damaged = true,
        }
    }

    fn word(&mut self, text: &mut String) {
        self.numbered().clone_into(text);
    }

    fn number(&mut self, number: &mut u64) {
        *number = self.varint();
    }

    fn coded(&mut self, coded: &mut Coded) {
        let (code, label) = self.numbered().split_once(UNIT).unwrap_or_default();
        *coded = Coded::new(code, label);
    }

    fn site(&mut self, site: &mut Option<Box<Structure>>) {
        let key = self.take(8).try_into().map_or(0, i64::from_be_bytes);
        *site = (key != 0).then(|| {
            let mut commune = String::new();
            self.word(&mut commune);
            Box::new(crate::terms::reference(key, commune))
        });
    }

    fn failed(&self) -> bool {
        self.damaged
    }
}

/// Writes everything in clear, sites too, to be hashed: two parts have the same print when they say the same.
#[derive(Default)]
pub(crate) struct Printer {
    /// What was written.
    pub(crate) out: Vec<u8>,
}

impl Pack for Printer {
    fn text(&mut self, text: &mut String) {
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(0);
    }

    fn word(&mut self, text: &mut String) {
        self.text(text);
    }

    fn aside(&mut self, _: &mut String) {}

    fn number(&mut self, number: &mut u64) {
        varint(&mut self.out, *number);
    }

    fn coded(&mut self, coded: &mut Coded) {
        self.out.extend_from_slice(coded.code.as_bytes());
        self.out.push(1);
        self.out.extend_from_slice(coded.label.as_bytes());
        self.out.push(0);
    }

    fn site(&mut self, site: &mut Option<Box<Structure>>) {
        self.out.push(u8::from(site.is_some()));
        if let Some(site) = site {
            structure(self, site);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashMap;

    use jiff::civil::Date;
    use jonction_model::{
        StructureId,
        directory::{Holder, Mailbox, MailboxKind, Offer, Position, Professional},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::pack::{mailbox, offer, professional};

    #[derive(Default)]
    pub(crate) struct Table {
        numbers: HashMap<String, u64>,
        texts: Vec<Box<str>>,
    }

    impl Words for Table {
        fn number_of(&mut self, text: &str) -> u64 {
            *self.numbers.entry(text.to_owned()).or_insert_with(|| {
                self.texts.push(text.into());
                self.texts.len() as u64
            })
        }
    }

    fn sample() -> Mailbox {
        Mailbox {
            address: "a@b.fr".into(),
            kind: MailboxKind::Org,
            holders: vec![Holder {
                structure: Some(StructureId::prefixed("1990001000")),
                service: "Secrétariat".into(),
                profession: Coded::new("10", "Médecin"),
                ..Holder::default()
            }],
            paperless: Some(false),
            ended: Date::new(2026, 2, 28).ok(),
        }
    }

    fn written(record: &mut Mailbox, table: &mut Table) -> Vec<u8> {
        let mut writer = Writer::new(table);
        mailbox(&mut writer, record);
        writer.out
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let mut table = Table::default();
        let bytes = written(&mut sample(), &mut table);
        let mut reader = Reader::new(&bytes, &table.texts);
        let mut read = Mailbox::default();
        mailbox(&mut reader, &mut read);
        assert!(reader.is_whole());
        assert_eq!(read, sample());
    }

    #[test]
    fn a_record_cut_anywhere_is_damaged_and_never_panics() {
        let mut table = Table::default();
        let bytes = written(&mut sample(), &mut table);
        for cut in 0..bytes.len() {
            let mut reader = Reader::new(&bytes[..cut], &table.texts);
            mailbox(&mut reader, &mut Mailbox::default());
            assert!(!reader.is_whole(), "cut at {cut}");
        }
    }

    #[test]
    fn a_position_keeps_its_metre() {
        let mut table = Table::default();
        let point = Position { latitude: -12.345_678, longitude: 55.5, commune_only: true };
        let mut writer = Writer::new(&mut table);
        writer.position(&mut Some(point));
        let bytes = writer.out;
        let mut read = None;
        Reader::new(&bytes, &[]).position(&mut read);
        assert!(read.unwrap().distance_km(point) < 0.001);
        assert!(read.unwrap().commune_only);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let words: Vec<Box<str>> = vec!["x\u{1f}y".into()];
            professional(&mut Reader::new(&bytes, &words), &mut Professional::default());
            mailbox(&mut Reader::new(&bytes, &words), &mut Mailbox::default());
            offer(&mut Reader::new(&bytes, &words), &mut Offer::default());
            structure(&mut Reader::new(&bytes, &words), &mut Structure::default());
        }
    }
}
