//! A message is read once for all the steps of a route, and again only when their settings differ.

#![allow(clippy::unwrap_used, reason = "test code")]

#[allow(dead_code, reason = "each test program uses its part")]
mod common;

use std::{
    io::Read,
    sync::atomic::{AtomicUsize, Ordering},
};

use jonction_mappings::{Hl7ToDocument, VoletCheck, VoletSettings};
use jonction_model::{ContentRef, Mode};
use jonction_ports::{Bodies, BodyError, Flow, MemoryBodies, Step};

/// Bodies that count how often one is opened.
struct Counted {
    bodies: MemoryBodies,
    opened: AtomicUsize,
}

impl Bodies for Counted {
    fn open_raw(&self, content: &ContentRef) -> Result<Box<dyn Read + Send>, BodyError> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        self.bodies.open_raw(content)
    }
}

fn run(settings: [VoletSettings; 2]) -> (Flow, usize) {
    let counted = Counted { bodies: MemoryBodies::default(), opened: AtomicUsize::new(0) };
    let mut flow = common::flow(&counted.bodies, include_bytes!("../samples/mdm-t02-lettre.er7"));
    let [of_check, of_map] = settings;
    VoletCheck::new(of_check, Mode::Tolerant).run(&mut flow, &counted).unwrap();
    Hl7ToDocument::new(of_map).run(&mut flow, &counted).unwrap();
    (flow, counted.opened.into_inner())
}

#[test]
fn the_second_step_reads_nothing_again_and_says_the_same() {
    let other = VoletSettings { documents_max: 7, ..VoletSettings::default() };
    let (shared, once) = run([VoletSettings::default(), VoletSettings::default()]);
    let (apart, twice) = run([other, VoletSettings::default()]);
    assert_eq!((once, twice), (1, 2));
    assert_eq!((shared.shapes, shared.findings), (apart.shapes, apart.findings));
}
