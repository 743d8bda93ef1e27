//! What the readers gathered, and how it becomes a header.
//! In: parts in any order. Out: the header, main event chosen, times and identifiers read. Source: cda.md §2.8 and §4.

use std::ops::Range;

use jonction_model::{
    Author, CodedValue, ContentKind, DocumentMetadata, DocumentSubject, DocumentTime, Finding, Person, Place,
    Reference,
};

use crate::{
    facts::{Facts, Ii, Spotted},
    header::Header,
    root::RootKind,
    source::Source,
};

use super::events::ACCESSION;

/// Type of imaging reports, whose serviceEvent/id is the study.
const IMAGING_REPORT: &str = "18748-4";

/// One `documentationOf/serviceEvent`.
#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) code: Option<CodedValue>,
    pub(super) study: Option<Reference>,
    pub(super) start: Option<String>,
    pub(super) stop: Option<String>,
    pub(super) performed: bool,
    pub(super) setting: Option<CodedValue>,
}

#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(super) facts: Facts,
    pub(super) title: String,
    pub(super) subject: DocumentSubject,
    pub(super) authors: Vec<Author>,
    pub(super) legal_authenticator: Option<Person>,
    pub(super) events: Vec<Event>,
    pub(super) references: Vec<Reference>,
    /// Offsets in the text.
    pub(super) body: Option<Range<usize>>,
    pub(super) notes: Vec<Finding>,
}

impl Draft {
    pub(crate) fn finish(mut self, root: RootKind, source: &Source<'_>) -> Header {
        let creation = self.facts.effective_time.clone();
        let creation_time = self.time(creation.as_ref().map(|t| t.value.as_str()), || {
            creation.clone().map(|t| t.place).unwrap_or_default()
        });
        let main = self.main_event();
        let event = self.events.get(main).map(|e| (e.start.clone(), e.stop.clone(), e.setting.clone()));
        let (start, stop, practice_setting) = event.unwrap_or_default();
        let place = self.facts.events.get(main).map(|event| event.place.clone()).unwrap_or_default();
        let service_start = self.time(start.as_deref(), || place.clone());
        let service_stop = self.time(stop.as_deref(), || place.clone());
        let type_code = self.facts.code.as_ref().and_then(|code| code.value.coded()).unwrap_or(CodedValue {
            code: String::new(),
            system: String::new(),
            label: String::new(),
        });
        let references = self.all_references(&type_code.code);
        let facts = self.facts;
        let id = |id: &Option<Spotted<Ii>>| id.as_ref().and_then(|id| id.value.document_id());
        let replaced = facts.related.iter().find(|related| related.type_code == "RPLC");
        let template = |template: &Spotted<Ii>| {
            let extension = template.value.extension.as_ref().map(|text| text.expose().clone());
            (template.value.root.clone(), extension)
        };
        let metadata = DocumentMetadata {
            type_code,
            title: self.title,
            creation_time,
            language: facts.language.clone().map(|language| language.value).unwrap_or_default(),
            confidentiality: facts.confidentiality.as_ref().and_then(|code| code.value.coded()),
            authors: self.authors,
            legal_authenticator: self.legal_authenticator,
            service_start,
            service_stop,
            events: self.events.into_iter().filter_map(|event| event.code).collect(),
            practice_setting,
            facility_type: facts.facility.as_ref().and_then(|code| code.value.coded()),
            references,
            templates: facts.templates.iter().map(template).collect(),
        };
        let range = self
            .body
            .map(|range| (source.raw_offset(range.start) as u64, source.raw_offset(range.end) as u64));
        let kind = match &facts.body {
            Some(body) if body.unstructured => {
                ContentKind::CdaLevel1 { media_type: body.media_type.clone(), body: range }
            }
            _ => ContentKind::CdaLevel3 { pdf: range },
        };
        Header {
            root,
            unique_id: id(&facts.id),
            set_id: id(&facts.set_id),
            version: facts.version.as_ref().and_then(|version| version.value.parse().ok()),
            replaces: replaced.and_then(|related| related.parents.first()?.document_id()),
            subject: self.subject,
            metadata,
            kind,
            notes: self.notes,
            facts,
        }
    }

    /// The first act; when it has no performer, the first act that has one, with a remark.
    fn main_event(&mut self) -> usize {
        let Some(first) = self.events.first() else { return 0 };
        let Some(other) = self.events.iter().position(|event| event.performed) else { return 0 };
        if first.performed {
            return 0;
        }
        let place = self.facts.events.first().map(|event| event.place.clone()).unwrap_or_default();
        self.notes.push(
            Finding::warning(
                "cda.main-event",
                "le premier acte documenté n'a pas d'exécutant : un autre acte est pris comme acte principal",
            )
            .at(place)
            .remedy("porter l'exécutant (performer) dans le premier documentationOf")
            .requirement("cda.md §2.8"),
        );
        other
    }

    /// A time that cannot be read is left out, with a remark.
    fn time(&mut self, text: Option<&str>, place: impl Fn() -> Place) -> Option<DocumentTime> {
        let text = text.filter(|text| !text.is_empty())?;
        let note = match DocumentTime::parse(text) {
            Ok(time) if time.has_hour() && !time.has_offset() => {
                let note = Finding::warning(
                    "cda.time-without-offset",
                    "une heure du document n'a pas de décalage horaire : lue en heure de Paris",
                );
                (note, Some(time))
            }
            Ok(time) => return Some(time),
            Err(_) => {
                (Finding::warning("cda.malformed-time", "une date du document est illisible : ignorée"), None)
            }
        };
        let (finding, time) = note;
        self.notes.push(
            finding
                .at(place())
                .remedy("écrire AAAAMMJJ, ou AAAAMMJJhhmmss suivi du décalage (+0100)")
                .requirement("cda.md §1.1"),
        );
        time
    }

    /// Orders and accession numbers; the studies of an imaging report.
    fn all_references(&mut self, type_code: &str) -> Vec<Reference> {
        let mut references = std::mem::take(&mut self.references);
        let imaging = type_code == IMAGING_REPORT || references.iter().any(|r| r.kind == ACCESSION);
        if imaging {
            for study in self.events.iter_mut().filter_map(|event| event.study.take()) {
                if !references.contains(&study) {
                    references.push(study);
                }
            }
        }
        references
    }
}
