//! A mapping, ready: bytes or a parsed message in, shapes out, with an account when somebody asks where each value is from.
//! In: a message of the declared types. Out: shapes and notes, or the finding that parks. Pure.

use bytes::Bytes;
use jonction_hl7v2::{Limits, Message};
use jonction_model::{Finding, Place, Shape};

use crate::{
    format::{
        Format,
        csv::Csv,
        hl7::{Hl7, Node},
    },
    plan::Plan,
    record::{Cell, Layout, Record},
    run::Run,
    unread::unread,
};

/// A checked mapping.
#[derive(Debug)]
pub struct Mapping {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) compiled: Compiled,
}

#[derive(Debug)]
pub(crate) enum Compiled {
    Hl7(Plan<Hl7>),
    Csv(Plan<Csv>),
}

/// What a mapping made of one message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// One shape; of a CSV file, one per record.
    pub shapes: Vec<Shape>,
    /// What was irregular.
    pub notes: Vec<Finding>,
}

/// Where every value of a shape comes from.
#[derive(Debug, Default)]
pub struct Account {
    /// The shapes and the notes.
    pub mapped: Mapped,
    /// The values of each shape, in the order of its fields.
    pub values: Vec<Vec<Provenance>>,
    /// Rows that wrote something, in the order of the file.
    pub wrote: Vec<bool>,
    /// Fields of an HL7 message that say something and that no row reads: `PID-13`.
    pub unread: Vec<String>,
}

/// Where one value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// `patient.local_ids[0].id`.
    pub target: String,
    /// The value. Clear text about a person: shown to who may see it, never logged.
    pub value: String,
    /// Line of the row.
    pub line: usize,
    /// Where it was read: `PID-3[2].1`.
    pub place: String,
}

impl Mapping {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Changes with the file, its tables and the program.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The shape it makes.
    pub fn shape(&self) -> &'static str {
        match &self.compiled {
            Compiled::Hl7(plan) => plan.shape.name,
            Compiled::Csv(plan) => plan.shape.name,
        }
    }

    /// Line and target of each row, in the order of the file.
    pub fn rows(&self) -> impl Iterator<Item = (usize, &str)> {
        let told = match &self.compiled {
            Compiled::Hl7(plan) => &plan.told,
            Compiled::Csv(plan) => &plan.told,
        };
        told.iter().map(|told| (told.line, told.target.as_str()))
    }

    /// Maps the bytes of a message or of a file. Errors: the finding that parks it.
    pub fn run(&self, bytes: &Bytes, limits: &Limits) -> Result<Mapped, Finding> {
        match &self.compiled {
            Compiled::Hl7(_) => self.run_hl7(&parse(bytes, limits)?),
            Compiled::Csv(plan) => {
                let sheet = plan.format.read(bytes)?;
                let mut mapped = Mapped::default();
                for node in sheet.records() {
                    let one = one(plan, node)?;
                    mapped.shapes.extend(one.shapes);
                    mapped.notes.extend(one.notes);
                }
                Ok(mapped)
            }
        }
    }

    /// Maps a parsed HL7 v2 message. Errors: the finding that parks it; it is of another type, or the mapping reads CSV.
    pub fn run_hl7(&self, message: &Message) -> Result<Mapped, Finding> {
        let Compiled::Hl7(plan) = &self.compiled else { return Err(not_hl7(&self.name)) };
        plan.format.takes(message)?;
        one(plan, Node::Message(message))
    }

    /// The same as [`Self::run`], with the account of every value.
    pub fn account(&self, bytes: &Bytes, limits: &Limits) -> Result<Account, Finding> {
        match &self.compiled {
            Compiled::Hl7(plan) => {
                let message = parse(bytes, limits)?;
                plan.format.takes(&message)?;
                let unread = unread(plan, &message);
                let mut account =
                    Account { wrote: vec![false; plan.told.len()], unread, ..Account::default() };
                account.add(plan, Node::Message(&message))?;
                Ok(account)
            }
            Compiled::Csv(plan) => {
                let sheet = plan.format.read(bytes)?;
                let mut account = Account { wrote: vec![false; plan.told.len()], ..Account::default() };
                for node in sheet.records() {
                    account.add(plan, node)?;
                }
                Ok(account)
            }
        }
    }
}

fn parse(bytes: &Bytes, limits: &Limits) -> Result<Message, Finding> {
    Message::parse(bytes.clone(), limits).map_err(|error| error.finding())
}

fn not_hl7(name: &str) -> Finding {
    Finding::error(
        "mapping.other-format",
        format!("la traduction {name} lit du CSV, et reçoit un message HL7"),
    )
    .remedy("donner à la route une traduction dont « from » dit hl7v2")
}

impl Hl7 {
    /// Errors: a message of a type the mapping does not read.
    fn takes(&self, message: &Message) -> Result<(), Finding> {
        let kind = message.msh().field(9);
        let (code, event) = (kind.component(1).trimmed(), kind.component(2).trimmed());
        let known = |kind: &str| kind.split_once('^').is_some_and(|(c, e)| c == code && e == event);
        if self.types.iter().any(|kind| known(kind)) {
            return Ok(());
        }
        Err(Finding::error("mapping.other-message", "la traduction ne lit pas ce type de message")
            .at(Place::path("MSH-9"))
            .expected(self.types.join(", "), format!("{code}^{event}").chars().take(20).collect::<String>())
            .remedy("restreindre « accept » de la route, ou ajouter ce type à « from » de la traduction"))
    }
}

fn one<'p, F: Format>(plan: &'p Plan<F>, node: F::Node<'p>) -> Result<Mapped, Finding> {
    let mut run = Run::new(plan);
    let record = run.record(node)?;
    let shapes = vec![run.build(&record)?];
    Ok(Mapped { shapes, notes: run.notes.into_vec() })
}

impl Account {
    fn add<'p, F: Format>(&mut self, plan: &'p Plan<F>, node: F::Node<'p>) -> Result<(), Finding> {
        let mut run = Run::new(plan);
        run.wrote = Some(std::mem::take(&mut self.wrote));
        let record = run.record(node)?;
        self.mapped.shapes.push(run.build(&record)?);
        self.wrote = run.wrote.unwrap_or_default();
        self.mapped.notes.extend(run.notes.into_vec());
        let mut values = Vec::new();
        tell(plan, &plan.layout, &record, "", &mut values);
        self.values.push(values);
        Ok(())
    }
}

fn tell<F: Format>(
    plan: &Plan<F>,
    layout: &Layout,
    record: &Record<'_>,
    path: &str,
    told: &mut Vec<Provenance>,
) {
    match layout {
        Layout::Leaf(slot) => {
            if let Some(Cell::One { value, by, .. }) = &record.0[*slot] {
                told.push(Provenance {
                    target: path.to_owned(),
                    value: value.borrowed().into_text().into_owned(),
                    line: plan.told[by.row].line,
                    place: by.place.as_deref().unwrap_or_default().to_owned(),
                });
            }
        }
        Layout::Object(fields) => {
            for field in fields {
                let path =
                    if path.is_empty() { field.name.to_string() } else { format!("{path}.{}", field.name) };
                tell(plan, &field.layout, record, &path, told);
            }
        }
        Layout::List(None) => {}
        Layout::List(Some((slot, element))) => {
            if let Some(Cell::Many(all)) = &record.0[*slot] {
                for (at, one) in all.iter().enumerate() {
                    tell(plan, element, one, &format!("{path}[{at}]"), told);
                }
            }
        }
    }
}
