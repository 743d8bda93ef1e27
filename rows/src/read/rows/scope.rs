//! Rows of one record, together: who writes what, in which cases, and whether everything that must be there is.
//! In: rows with their targets. Out: diagnoses; slots and layout. Source: decision 0035 (worlds).

use jonction_hl7v2::Path;
use jonction_settings::{Node, Span};

use super::{RowsReader, Scope};
use crate::{
    analysis::{Space, World},
    condition::Condition,
    format::Format,
    message::{Item, Segment, Spot},
    plan::{Action, Choice, Input, Missing, Row},
    read::goal::Goal,
    record::{Field, Layout},
    same::Change,
    target::Target,
};

/// A row, its target as written, and where.
pub(super) struct Placed<F: Format> {
    pub(super) row: Row<F>,
    pub(super) path: String,
    /// Of a message: where it writes.
    pub(super) spot: Option<Spot>,
    /// Of a message that is changed: its path.
    pub(super) changes: Option<Path>,
    /// The target, as people name it.
    pub(super) label: Box<str>,
    pub(super) span: Span,
}

/// The rows of one record, while they are read.
pub(super) struct Gathered<F: Format> {
    pub(super) rows: Vec<Placed<F>>,
    /// Targets in the order of their slots, those of rows with a mistake too.
    targets: Vec<String>,
}

impl<F: Format> Default for Gathered<F> {
    fn default() -> Self {
        Self { rows: Vec::new(), targets: Vec::new() }
    }
}

impl<F: Format> Gathered<F> {
    /// The slot of a target.
    pub(super) fn slot(&mut self, path: &str) -> usize {
        self.targets.iter().position(|known| known == path).unwrap_or_else(|| {
            self.targets.push(path.to_owned());
            self.targets.len() - 1
        })
    }

    pub(super) fn of<'g>(&'g self, path: &'g str) -> impl Iterator<Item = &'g Placed<F>> {
        self.rows.iter().filter(move |placed| placed.path == path)
    }

    pub(super) fn into_scope(self, goal: &Goal<'_>) -> Scope<F> {
        let layout = match goal {
            Goal::Shape(target) => self.layout(target, "").unwrap_or(Layout::Object(Vec::new())),
            Goal::Message(..) => Layout::Message(Segment::group(self.places())),
            Goal::Same(..) => Layout::Same(self.changes()),
        };
        let slots = self.targets.len();
        Scope { rows: self.rows.into_iter().map(|placed| placed.row).collect(), slots, layout }
    }

    /// The places that change, each once.
    fn changes(&self) -> Vec<Change> {
        let change = |(slot, key): (usize, &String)| {
            let rows: Vec<_> = self.of(key).collect();
            let elements = rows.iter().filter_map(|placed| match &placed.row.action {
                Action::Each { layout: Layout::Same(changes), .. } => Some(changes.clone()),
                Action::Each { .. } | Action::Write { .. } => None,
            });
            let first = rows.first()?;
            let (path, label) = (first.changes.clone()?, first.label.clone());
            Some(Change { path, slot, label, elements: elements.collect() })
        };
        self.targets.iter().enumerate().filter_map(change).collect()
    }

    /// The places of a message, each once.
    fn places(&self) -> Vec<(Spot, Item)> {
        let place = |(slot, key): (usize, &String)| {
            let rows: Vec<_> = self.of(key).collect();
            let first = rows.first()?;
            let elements = rows.iter().filter_map(|placed| match &placed.row.action {
                Action::Each { layout: Layout::Message(segments), .. } => {
                    Some(segments.first().map(|segment| segment.items().to_vec()).unwrap_or_default())
                }
                Action::Each { .. } | Action::Write { .. } => None,
            });
            let elements = elements.collect();
            let spot = first.spot.clone()?;
            let may_tell = rows.iter().any(|placed| may_tell(&placed.row));
            let label = first.label.clone();
            Some((spot.clone(), Item { place: spot.place, slot, may_tell, label, elements }))
        };
        self.targets.iter().enumerate().filter_map(place).collect()
    }

    /// Where the slots stand; `None` where no row writes.
    fn layout(&self, target: &Target, path: &str) -> Option<Layout> {
        let slot = self.targets.iter().position(|known| known == path);
        match target {
            Target::Leaf(_) => slot.map(Layout::Leaf),
            Target::Content | Target::Other => None,
            Target::List(_) => {
                let elements = self.of(path).filter_map(|placed| match &placed.row.action {
                    Action::Each { layout, .. } => Some(layout.clone()),
                    Action::Write { .. } => None,
                });
                slot.map(|slot| Layout::List(Some((slot, elements.collect()))))
            }
            Target::Object(members) => {
                let mut fields = Vec::new();
                for member in members {
                    let below = join(path, &member.name);
                    let layout = match (self.layout(&member.target, &below), &member.target) {
                        (Some(layout), _) => layout,
                        (None, Target::List(_)) if member.required => Layout::List(None),
                        (None, Target::Object(_)) if member.required => Layout::Object(Vec::new()),
                        _ => continue,
                    };
                    fields.push(Field { name: member.name.clone(), required: member.required, layout });
                }
                (!fields.is_empty()).then_some(Layout::Object(fields))
            }
        }
    }
}

/// Whether a row can say something of its own: constants do not.
fn may_tell<F: Format>(row: &Row<F>) -> bool {
    match &row.action {
        Action::Write { choices, .. } => {
            choices.iter().any(|choice| !matches!(choice.pipe.input, Input::Const(_)))
        }
        Action::Each { .. } => true,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The conditions of a row that writes a value.
fn conditions<F: Format>(row: &Row<F>) -> impl Iterator<Item = &Condition<F>> {
    let choices = match &row.action {
        Action::Write { choices, .. } => choices.as_slice(),
        Action::Each { .. } => &[],
    };
    row.when.iter().chain(choices.iter().filter_map(|choice| choice.when.as_ref()))
}

/// Whether a row has something to write in a world.
fn applies<F: Format>(row: &Row<F>, space: &Space, world: &World) -> bool {
    let chosen = match &row.action {
        Action::Write { missing: Missing::Default(_), .. } | Action::Each { .. } => true,
        Action::Write { choices, .. } => {
            choices.iter().any(|choice| space.holds(choice.when.as_ref(), world))
        }
    };
    chosen && space.holds(row.when.as_ref(), world)
}

impl<F: Format> RowsReader<'_, F> {
    /// Compares the rows of each target, then looks for targets that nothing sets.
    pub(super) fn compare(&mut self, gathered: &Gathered<F>, goal: &Goal<'_>, span: &Span) {
        for placed in &gathered.rows {
            self.never_holds(placed);
        }
        for path in &gathered.targets {
            let rows: Vec<_> = gathered.of(path).collect();
            for (at, second) in rows.iter().enumerate() {
                rows[..at].iter().any(|first| self.twice(first, second));
            }
        }
        match goal {
            Goal::Shape(target) => self.not_set(gathered, target, "", true, span),
            Goal::Same(..) => {}
            Goal::Message(..) => {
                for key in goal.required() {
                    self.leaf_not_set(gathered, key, true, span);
                }
            }
        }
    }

    fn never_holds(&mut self, placed: &Placed<F>) {
        let Some(when) = &placed.row.when else { return };
        let Some(space) = Space::of([when]) else { return };
        if space.find(|world| space.holds(Some(when), world)).is_none() {
            self.diagnoses
                .error(
                    "mapping.unreachable-row",
                    &placed.span,
                    format!("cette ligne ne sert jamais : « {} » est toujours faux", when.text),
                )
                .remedy("corriger la condition, ou ôter la ligne");
        }
    }

    /// Two rows for one target must exclude each other; lists add up.
    fn twice(&mut self, first: &Placed<F>, second: &Placed<F>) -> bool {
        if matches!(second.row.action, Action::Each { .. }) {
            return false;
        }
        let Some(space) = Space::of(conditions(&first.row).chain(conditions(&second.row))) else {
            return false;
        };
        let both = |world: &World| applies(&first.row, &space, world) && applies(&second.row, &space, world);
        let Some(world) = space.find(both) else { return false };
        let case = match space.tell(world) {
            case if case.is_empty() => String::new(),
            case => format!(" quand {case}"),
        };
        let sentence = format!("la ligne {} donne déjà {}{case}", first.span.line, second.path);
        self.diagnoses.error("mapping.target-twice", &second.span, sentence).remedy(
            "n'en garder qu'une, leur donner des conditions qui s'excluent, ou les réunir par « first »",
        );
        true
    }

    /// Targets that must be there, and that some case leaves empty.
    fn not_set(&mut self, gathered: &Gathered<F>, target: &Target, path: &str, needed: bool, span: &Span) {
        let Target::Object(members) = target else { return };
        for member in members {
            let below = join(path, &member.name);
            let written = gathered
                .targets
                .iter()
                .any(|known| *known == below || known.starts_with(&format!("{below}.")));
            match &member.target {
                Target::Leaf(_) if needed && member.required => {
                    self.leaf_not_set(gathered, &below, path.is_empty(), span)
                }
                Target::Object(_) => {
                    // An optional block may be absent, but what is begun must be whole.
                    let needed = (needed && member.required) || written;
                    self.not_set(gathered, &member.target, &below, needed, span);
                }
                Target::Leaf(_) | Target::List(_) | Target::Content | Target::Other => {}
            }
        }
    }

    fn leaf_not_set(&mut self, gathered: &Gathered<F>, path: &str, whole: bool, span: &Span) {
        if !gathered.targets.iter().any(|known| known == path) {
            self.diagnoses
                .error(
                    "mapping.target-not-set",
                    span,
                    format!("aucune ligne ne donne {path}, qui est obligatoire"),
                )
                .remedy(format!("ajouter une ligne « to: {path} »"));
            return;
        }
        let rows: Vec<_> = gathered.of(path).collect();
        // A row with a mistake is told where the mistake is.
        let (Some(last), true) = (rows.last(), whole) else { return };
        let Some(space) = Space::of(rows.iter().flat_map(|placed| conditions(&placed.row))) else { return };
        let none = |world: &World| !rows.iter().any(|placed| applies(&placed.row, &space, world));
        if let Some(world) = space.find(none) {
            let sentence = format!("rien ne donne {path}, qui est obligatoire, quand {}", space.tell(world));
            self.diagnoses
                .error("mapping.target-not-set", &last.span, sentence)
                .remedy("ajouter une ligne pour ce cas, ou « missing: { default: … } »");
        }
    }

    /// Choices that those before them always forestall.
    pub(super) fn unreachable_choices(&mut self, choices: &[Choice<F>], nodes: &[Node]) {
        let all = || choices.iter().filter_map(|choice| choice.when.as_ref());
        let Some(space) = Space::of(all()) else { return };
        for (at, (choice, node)) in choices.iter().zip(nodes).enumerate() {
            let sure = |earlier: &&Choice<F>| matches!(earlier.pipe.input, Input::Const(_));
            let reached = |world: &World| {
                space.holds(choice.when.as_ref(), world)
                    && !choices[..at]
                        .iter()
                        .filter(sure)
                        .any(|earlier| space.holds(earlier.when.as_ref(), world))
            };
            if space.find(reached).is_none() {
                self.diagnoses
                    .error(
                        "mapping.unreachable-row",
                        &node.span,
                        "ce choix ne sert jamais : ceux d'avant prennent tous ses cas",
                    )
                    .remedy("l'ôter, ou le mettre plus haut");
            }
        }
    }
}
