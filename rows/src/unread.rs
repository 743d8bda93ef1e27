//! What a mapping leaves aside: the fields of a message that say something and that no row reads.
//! In: a plan, a message. Out: `PID-13`, `ROL[2]-4`… in the order of the message.

use std::collections::BTreeSet;

use jonction_hl7v2::Message;

use crate::{
    condition::{Condition, Source},
    format::{
        Format,
        hl7::{Hl7, Hl7Path},
    },
    plan::{Action, Choice, Input, Pipe, Plan, Row},
};

/// Fields listed of one message.
const FIELDS_MAX: usize = 1_000;

/// Segment and field that a plan reads; no field: the whole segment.
type Read = BTreeSet<(String, Option<usize>)>;

/// The fields that no row reads. MSH-1 and MSH-2 are no data.
pub(crate) fn unread(plan: &Plan<Hl7>, message: &Message) -> Vec<String> {
    let mut read = Read::new();
    plan.lets.iter().for_each(|pipe| of_pipe(pipe, &mut read));
    of_rows(&plan.rows, &mut read);
    let mut told = Vec::new();
    for segment in message.segments() {
        let id = segment.id();
        let from = if id == "MSH" { 3 } else { 1 };
        for number in from..=segment.field_count() {
            let known = read.contains(&(id.to_owned(), Some(number)));
            if known || !segment.field(number).is_valued() {
                continue;
            }
            if told.len() == FIELDS_MAX {
                return told;
            }
            let occurrence = segment.occurrence();
            told.push(match occurrence {
                1 => format!("{id}-{number}"),
                _ => format!("{id}[{occurrence}]-{number}"),
            });
        }
    }
    told
}

fn of_rows(rows: &[Row<Hl7>], read: &mut Read) {
    for row in rows {
        row.when.iter().for_each(|when| of_condition(when, read));
        match &row.action {
            Action::Write { choices, .. } => choices.iter().for_each(|choice| of_choice(choice, read)),
            Action::Each { path, rows, .. } => {
                add(path, read);
                of_rows(rows, read);
            }
        }
    }
}

fn of_choice(choice: &Choice<Hl7>, read: &mut Read) {
    choice.when.iter().for_each(|when| of_condition(when, read));
    of_pipe(&choice.pipe, read);
}

fn of_pipe(pipe: &Pipe<Hl7>, read: &mut Read) {
    if let Input::First(sources) | Input::Join(sources, _) = &pipe.input {
        sources.iter().for_each(|source| of_source(source, read));
    }
}

fn of_condition(condition: &Condition<Hl7>, read: &mut Read) {
    condition.questions.iter().for_each(|question| of_source(&question.source, read));
}

fn of_source(source: &Source<Hl7>, read: &mut Read) {
    if let Source::Path(path) = source {
        add(path, read);
    }
}

fn add(path: &<Hl7 as Format>::Path, read: &mut Read) {
    let path = Hl7Path::path(path);
    read.insert((path.segment().to_owned(), path.field()));
}
