//! What a reader says of an irregular message, while it reads on.
//! In: places and sentences. Out: findings whose `check` is the check they belong to. Source: dmp-xds.md §7.1, §10.

use jonction_model::{Finding, Place};

use super::tree::Element;

/// Irregularities met while reading; the same one twice at the same place is said once.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) list: Vec<Finding>,
}

/// Notes kept: beyond, the message is hopeless and memory matters.
const NOTES_MAX: usize = 500;

impl Notes {
    pub(super) fn add(&mut self, check: &str, place: String, sentence: String) {
        let known = |note: &Finding| note.place.path == place && note.sentence == sentence;
        if self.list.len() < NOTES_MAX && !self.list.last().is_some_and(known) {
            self.list.push(Finding::warning(check, sentence).at(Place::path(place)));
        }
    }

    /// Against the ebRIM schema: DE-22.
    pub(super) fn layout(&mut self, place: &str, sentence: &str) {
        self.add("xds/DE-22", place.to_owned(), sentence.to_owned());
    }

    pub(super) fn namespace(&mut self, element: Element<'_>, expected: &str) {
        if element.namespace() != Some(expected) {
            self.layout(element.local(), "élément hors de son espace de noms XML");
        }
    }
}

/// A text of the partner in a place: short, printable, or nothing.
pub(super) fn short(text: &str) -> &str {
    let printable = text.len() <= 80 && text.bytes().all(|b| b.is_ascii_graphic() && !b"'\"<>&".contains(&b));
    if printable { text } else { "…" }
}
