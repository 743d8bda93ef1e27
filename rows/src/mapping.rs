//! A mapping, ready: bytes or a parsed message in, shapes out, with an account when somebody asks where each value is from.
//! In: a message of the declared types. Out: shapes and notes, or the finding that parks. Pure.

use bytes::Bytes;
use jonction_hl7v2::{Limits, Message};
use jonction_model::{ContentRef, Finding, Place, Shape};

use crate::{
    ELEMENTS_MAX,
    format::{
        Format,
        csv::Csv,
        hl7::{Hl7, Node},
        tree::{self, Tree, TreePath},
    },
    message::Item,
    plan::{Output, Plan},
    record::{Cell, Layout, Record},
    run::Run,
    same::{self, Changed},
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
    /// With the list of which each element makes one.
    Shape(Plan<Tree>, Option<TreePath>),
}

/// What a mapping reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The message that a route received.
    Received,
    /// A shape of this name, that a step before it made.
    Shape(&'static str),
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

    /// What it reads.
    pub fn reads(&self) -> Reads {
        match &self.compiled {
            Compiled::Hl7(_) | Compiled::Csv(_) => Reads::Received,
            Compiled::Shape(plan, _) => Reads::Shape(plan.format.shape.name),
        }
    }

    /// The shape it makes.
    pub fn shape(&self) -> &'static str {
        match &self.compiled {
            Compiled::Hl7(plan) => plan.output.name(),
            Compiled::Csv(plan) => plan.output.name(),
            Compiled::Shape(plan, _) => plan.output.name(),
        }
    }

    /// Line and target of each row, in the order of the file.
    pub fn rows(&self) -> impl Iterator<Item = (usize, &str)> {
        let told = match &self.compiled {
            Compiled::Hl7(plan) => &plan.told,
            Compiled::Csv(plan) => &plan.told,
            Compiled::Shape(plan, _) => &plan.told,
        };
        told.iter().map(|told| (told.line, told.target.as_str()))
    }

    /// Maps the bytes of a message or of a file. Errors: the finding that parks it.
    pub fn run(&self, bytes: &Bytes, limits: &Limits) -> Result<Mapped, Finding> {
        match &self.compiled {
            Compiled::Hl7(Plan { output: Output::Same(_), .. }) => self.change(&parse(bytes, limits)?, None),
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
            Compiled::Shape(plan, _) => self.run_shape(&read_shape(plan, bytes)?),
        }
    }

    /// Maps a shape. Errors: the finding that parks it; it is another shape than the mapping reads.
    pub fn run_shape(&self, shape: &Shape) -> Result<Mapped, Finding> {
        let Compiled::Shape(plan, per) = &self.compiled else { return Err(not_shape(&self.name)) };
        let json = to_json(plan, shape)?;
        let mut mapped = Mapped::default();
        for node in nodes(&json, per.as_ref()) {
            let one = one(plan, node)?;
            mapped.shapes.extend(one.shapes);
            mapped.notes.extend(one.notes);
        }
        Ok(mapped)
    }

    /// Maps a parsed HL7 v2 message. Errors: the finding that parks it; it is of another type, or the mapping reads CSV.
    pub fn run_hl7(&self, message: &Message) -> Result<Mapped, Finding> {
        let Compiled::Hl7(plan) = &self.compiled else { return Err(not_hl7(&self.name)) };
        if matches!(plan.output, Output::Same(_)) {
            return self.change(message, None);
        }
        plan.format.takes(message)?;
        one(plan, Node::Message(message))
    }

    /// The same as [`Self::run`], of a message that is stored there: what a mapping leaves alone is kept by its place.
    pub fn run_stored(&self, bytes: &Bytes, limits: &Limits, stored: &ContentRef) -> Result<Mapped, Finding> {
        match &self.compiled {
            Compiled::Hl7(Plan { output: Output::Same(_), .. }) => {
                self.change(&parse(bytes, limits)?, Some(stored))
            }
            _ => self.run(bytes, limits),
        }
    }

    /// A message, changed.
    fn change(&self, message: &Message, stored: Option<&ContentRef>) -> Result<Mapped, Finding> {
        let Compiled::Hl7(plan) = &self.compiled else { return Err(not_hl7(&self.name)) };
        let Changed { shape, notes, .. } = same::change(plan, message, stored, None)?;
        Ok(Mapped { shapes: vec![shape], notes })
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
                if let Output::Same(_) = &plan.output {
                    let Changed { shape, notes, wrote, values } =
                        same::change(plan, &message, None, Some(account.wrote))?;
                    let mapped = Mapped { shapes: vec![shape], notes };
                    return Ok(Account { mapped, wrote, values: vec![values], unread: Vec::new() });
                }
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
            Compiled::Shape(plan, per) => {
                let json = to_json(plan, &read_shape(plan, bytes)?)?;
                let mut account = Account { wrote: vec![false; plan.told.len()], ..Account::default() };
                for node in nodes(&json, per.as_ref()) {
                    account.add(plan, node)?;
                }
                Ok(account)
            }
        }
    }
}

/// A shape, from its JSON form: what cases and `explain` give.
fn read_shape(plan: &Plan<Tree>, bytes: &[u8]) -> Result<Shape, Finding> {
    serde_json::from_slice(bytes).map_err(|error| {
        let name = plan.format.shape.name;
        Finding::error("mapping.not-a-shape", format!("ceci n'est pas une forme {name}, en JSON"))
            .at(Place {
                path: String::new(),
                line: Some(clamp(error.line())),
                column: Some(clamp(error.column())),
            })
            .remedy("donner la forme telle que « jonction explain --json » la montre")
    })
}

fn clamp(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn to_json(plan: &Plan<Tree>, shape: &Shape) -> Result<serde_json::Value, Finding> {
    let name = plan.format.shape.name;
    let json = (shape.name() == name).then(|| serde_json::to_value(shape).ok()).flatten();
    json.ok_or_else(|| {
        Finding::error("mapping.other-shape", "la traduction lit une autre forme")
            .expected(name, shape.name())
            .remedy("mettre avant elle, dans la route, l'étape qui fait cette forme")
    })
}

fn nodes<'t>(root: &'t serde_json::Value, per: Option<&TreePath>) -> Vec<tree::Node<'t>> {
    let whole = tree::Node { root, here: root };
    per.map_or_else(|| vec![whole], |per| Tree::each(per, whole, ELEMENTS_MAX))
}

fn parse(bytes: &Bytes, limits: &Limits) -> Result<Message, Finding> {
    Message::parse(bytes.clone(), limits).map_err(|error| error.finding())
}

fn not_shape(name: &str) -> Finding {
    Finding::error("mapping.other-format", format!("la traduction {name} lit le message reçu, pas une forme"))
        .remedy("donner à la route une traduction dont « from » dit shape")
}

fn not_hl7(name: &str) -> Finding {
    Finding::error(
        "mapping.other-format",
        format!("la traduction {name} ne lit pas de message HL7, et en reçoit un"),
    )
    .remedy("donner à la route une traduction dont « from » dit hl7v2")
}

impl Hl7 {
    /// Errors: a message of a type the mapping does not read.
    pub(crate) fn takes(&self, message: &Message) -> Result<(), Finding> {
        let kind = message.msh().field(9);
        let (code, event) = (kind.component(1).trimmed(), kind.component(2).trimmed());
        let known = |kind: &str| kind.split_once('^').is_some_and(|(c, e)| c == code && e == event);
        if self.types.is_empty() || self.types.iter().any(|kind| known(kind)) {
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
        // Told by what changes the message.
        Layout::Same(_) => {}
        Layout::Message(segments) => {
            segments.iter().for_each(|segment| tell_items(plan, segment.items(), record, path, told));
        }
        Layout::List(None) => {}
        Layout::List(Some((slot, elements))) => {
            if let Some(Cell::Many(all)) = &record.0[*slot] {
                for (at, one) in all.iter().enumerate() {
                    elements.iter().skip(one.1).take(1).for_each(|element| {
                        tell(plan, element, one, &format!("{path}[{at}]"), told);
                    });
                }
            }
        }
    }
}

fn tell_items<F: Format>(
    plan: &Plan<F>,
    items: &[Item],
    record: &Record<'_>,
    path: &str,
    told: &mut Vec<Provenance>,
) {
    for item in items {
        match &record.0[item.slot] {
            Some(Cell::Many(all)) => {
                for (at, one) in (1..).zip(all) {
                    tell_items(plan, item.inside(one), one, &format!("{path}{}[{at}]", item.label), told);
                }
            }
            Some(Cell::One { value, by, .. }) => told.push(Provenance {
                target: format!("{path}{}", item.label),
                value: value.borrowed().into_text().into_owned(),
                line: plan.told[by.row].line,
                place: by.place.as_deref().unwrap_or_default().to_owned(),
            }),
            None => {}
        }
    }
}
