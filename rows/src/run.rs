//! Running a plan on one node: rows in order, each writes its slot or says why not.
//! In: a plan, a node. Out: a shape and notes, or the finding that parks. Pure, and bounded by the plan and the message.

use std::borrow::Cow;

use jonction_model::{Finding, Place as FindingPlace, Shape};

use crate::{
    ELEMENTS_MAX, NOTES_MAX,
    condition::{Said, Scene, Source},
    format::Format,
    kind::{Leaf, Value, Wrong},
    message,
    plan::{Action, Call, Choice, Input, Missing, Output, Pipe, Plan, Row, Unknown},
    record::{Cell, Incomplete, Layout, Place, Record, Writer},
    shapes::ShapeKind,
};

/// What a row came to, inside an `each`.
enum Step {
    Went,
    /// The element is left out.
    Skip,
}

/// Notes of one run.
#[derive(Default)]
pub(crate) struct Notes {
    told: Vec<Finding>,
}

impl Notes {
    fn push(&mut self, finding: Finding) {
        if self.told.len() < NOTES_MAX && !self.told.contains(&finding) {
            self.told.push(finding);
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Finding> {
        self.told
    }
}

/// One run over one node.
pub(crate) struct Run<'p, F: Format> {
    plan: &'p Plan<F>,
    pub(crate) notes: Notes,
    /// For an account: rows that wrote; places are then written down.
    pub(crate) wrote: Option<Vec<bool>>,
}

impl<'p, F: Format> Run<'p, F> {
    pub(crate) fn new(plan: &'p Plan<F>) -> Self {
        Self { plan, notes: Notes::default(), wrote: None }
    }

    pub(crate) fn note(&mut self, finding: Finding) {
        self.notes.push(finding);
    }

    /// The record of a node, whole. Errors: what parks the message.
    pub(crate) fn record(&mut self, node: F::Node<'p>) -> Result<Record<'p>, Finding> {
        let mut lets: Vec<Said<'p>> = Vec::with_capacity(self.plan.lets.len());
        for pipe in &self.plan.lets {
            let said = self.pipe(pipe, Scene { node, lets: &lets });
            lets.push(said);
        }
        let mut record = Record::new(self.plan.slots);
        self.rows(&self.plan.rows, Scene { node, lets: &lets }, &mut record)?;
        let mut dropped = Vec::new();
        let missing = self.plan.layout.prune(&mut record, &mut dropped);
        for target in dropped {
            self.notes.push(
                Finding::warning(
                    "mapping.incomplete",
                    format!("{target} manque : ce qui l'entoure est laissé de côté"),
                )
                .remedy("compléter le message à la source, ou la traduction"),
            );
        }
        match missing {
            None => Ok(record),
            Some(target) => Err(Finding::error("mapping.missing-value", format!("rien ne donne {target}"))
                .remedy("compléter le message à la source, ou donner « missing: { default: … } » dans la traduction")),
        }
    }

    /// The shape of a record.
    pub(crate) fn build(&mut self, record: &Record<'_>) -> Result<Shape, Finding> {
        let place = Place { layout: &self.plan.layout, record };
        let built = match (&self.plan.output, place.layout) {
            (Output::Message(format), Layout::Message(segments)) => {
                let (message, note) = message::write(format, segments, record)?;
                note.into_iter().for_each(|note| self.notes.push(note));
                return Ok(message);
            }
            (Output::Shape(ShapeKind { build: Some(build), .. }), _) => build(place),
            (Output::Shape(shape), _) => Err(Incomplete(shape.name.to_owned())),
            (Output::Message(_) | Output::Same(_), _) => Err(Incomplete("le message".to_owned())),
        };
        built.map_err(|missing| {
            Finding::error("mapping.not-the-shape", format!("{} ne convient pas à la forme", missing.0))
                .remedy("signaler ce défaut de la passerelle, avec la traduction")
        })
    }

    fn rows(
        &mut self,
        rows: &'p [Row<F>],
        scene: Scene<'_, 'p, F>,
        record: &mut Record<'p>,
    ) -> Result<Step, Finding> {
        for row in rows {
            match &row.action {
                Action::Write { slot, leaf, choices, missing } => {
                    if row.when.as_ref().is_some_and(|when| !when.holds(scene)) {
                        continue;
                    }
                    match self.write(row, leaf, choices, missing, scene)? {
                        Some(cell) => record.0[*slot] = Some(cell),
                        None if *missing == Missing::Skip => return Ok(Step::Skip),
                        None => {}
                    }
                }
                Action::Each { slot, rank, path, rows, slots, .. } => {
                    let new = |node| Record::of_row(*slots, *rank, F::origin(node));
                    let elements = self.each(row, path, rows, new, scene)?;
                    if let Some(Cell::Many(already)) = &mut record.0[*slot] {
                        already.extend(elements);
                    } else {
                        record.0[*slot] = Some(Cell::Many(elements));
                    }
                }
            }
        }
        Ok(Step::Went)
    }

    fn each(
        &mut self,
        row: &Row<F>,
        path: &F::Path,
        rows: &'p [Row<F>],
        new: impl Fn(F::Node<'p>) -> Record<'p>,
        scene: Scene<'_, 'p, F>,
    ) -> Result<Vec<Record<'p>>, Finding> {
        let mut nodes = F::each(path, scene.node, ELEMENTS_MAX + 1);
        if nodes.len() > ELEMENTS_MAX {
            nodes.truncate(ELEMENTS_MAX);
            let target = &self.plan.told[row.number].target;
            self.notes.push(
                Finding::warning(
                    "mapping.too-many-elements",
                    format!("plus de {ELEMENTS_MAX} éléments pour {target}"),
                )
                .remedy("les suivants sont laissés de côté"),
            );
        }
        let mut elements = Vec::with_capacity(nodes.len());
        for node in nodes {
            let scene = Scene { node, ..scene };
            if row.when.as_ref().is_some_and(|when| !when.holds(scene)) {
                continue;
            }
            let mut element = new(node);
            if let Step::Went = self.rows(rows, scene, &mut element)? {
                elements.push(element);
            }
        }
        if !elements.is_empty() {
            self.mark(row.number);
        }
        Ok(elements)
    }

    fn write(
        &mut self,
        row: &Row<F>,
        leaf: &Leaf,
        choices: &'p [Choice<F>],
        missing: &'p Missing,
        scene: Scene<'_, 'p, F>,
    ) -> Result<Option<Cell<'p>>, Finding> {
        let mut wrong: Option<(Wrong, &'p Choice<F>)> = None;
        for choice in choices {
            if choice.when.as_ref().is_some_and(|when| !when.holds(scene)) {
                continue;
            }
            match self.pipe(&choice.pipe, scene).map(|value| value.and_then(|value| leaf.accept(value))) {
                None => {}
                Some(Ok(value)) => {
                    self.mark(row.number);
                    let place = self.wrote.is_some().then(|| self.place(&choice.pipe.input, scene).into());
                    let telling = !matches!(choice.pipe.input, Input::Const(_));
                    return Ok(Some(Cell::One { value, by: Writer { row: row.number, place }, telling }));
                }
                Some(Err(what)) => wrong = wrong.or(Some((what, choice))),
            }
        }
        let finding = |severity_is_error: bool, code: &str| {
            let told = &self.plan.told[row.number];
            let finding = match (&wrong, severity_is_error) {
                (Some((Wrong(expected), choice)), error) => {
                    let sentence = format!("la valeur lue pour {} n'est pas ce qui est attendu", told.target);
                    let place = FindingPlace::path(self.place(&choice.pipe.input, scene));
                    let finding =
                        if error { Finding::error(code, sentence) } else { Finding::warning(code, sentence) };
                    Finding { expected: Some(expected.clone().into_owned()), ..finding.at(place) }
                }
                (None, true) => Finding::error(code, format!("rien ne donne {}", told.target)),
                (None, false) => Finding::warning(code, format!("rien ne donne {}", told.target)),
            };
            finding.remedy(format!(
                "corriger le message à la source, ou la ligne {} de la traduction",
                told.line
            ))
        };
        let note = match missing {
            Missing::Park(code) => return Err(finding(true, code)),
            Missing::Note(code) => Some(finding(false, code)),
            _ if wrong.is_some() => Some(finding(false, "mapping.wrong-value")),
            _ => None,
        };
        note.into_iter().for_each(|note| self.notes.push(note));
        Ok(match missing {
            Missing::Default(value) => {
                let place = self.wrote.is_some().then(|| "valeur par défaut".into());
                let by = Writer { row: row.number, place };
                Some(Cell::One { value: value.borrowed(), by, telling: false })
            }
            _ => None,
        })
    }

    fn mark(&mut self, row: usize) {
        if let Some(wrote) = &mut self.wrote {
            wrote[row] = true;
        }
    }

    /// `None`: nothing is said there.
    fn pipe(&self, pipe: &'p Pipe<F>, scene: Scene<'_, 'p, F>) -> Said<'p> {
        let mut value = match &pipe.input {
            Input::Const(value) => value.borrowed(),
            Input::First(sources) => match first(sources, scene)? {
                Ok(value) => value,
                Err(wrong) => return Some(Err(wrong)),
            },
            Input::Join(sources, with) => {
                let said: Vec<Cow<'_, str>> = sources.iter().flat_map(|source| source.texts(scene)).collect();
                if said.is_empty() {
                    return None;
                }
                Value::text(said.join(with))
            }
            Input::Expression(expression) => {
                let text = |said: &'_ Said<'p>| match said {
                    Some(Ok(value)) => Some(value.clone().into_text()),
                    Some(Err(_)) | None => None,
                };
                let texts: Vec<Option<Cow<'_, str>>> = scene.lets.iter().map(text).collect();
                if expression.reads.iter().all(|(_, at)| texts[*at].is_none()) && !expression.reads.is_empty()
                {
                    return None;
                }
                match expression.run(|at| texts[at].as_deref()) {
                    Ok(text) if text.is_empty() => return None,
                    Ok(text) => Value::text(text),
                    Err(wrong) => return Some(Err(wrong)),
                }
            }
        };
        for call in &pipe.calls {
            value = match self.call(call, value) {
                Ok(Value::Text(text)) if text.is_empty() => return None,
                Ok(value) => value,
                Err(wrong) => return Some(Err(wrong)),
            };
        }
        Some(Ok(value))
    }

    fn call(&self, call: &'p Call, value: Value<'p>) -> Result<Value<'p>, Wrong> {
        match call {
            Call::Function(function, given) => function.0.run(value, given),
            Call::Content => match serde_json::from_str(&value.into_text()) {
                Ok(content) => Ok(Value::Content(Box::new(content))),
                Err(_) => Err(Wrong("un contenu conservé".into())),
            },
            Call::Table { table, unknown, gives } => {
                let text = value.into_text();
                match (self.plan.tables[*table].get(&text, *gives), unknown) {
                    (Some(found), _) => Ok(Value::text(found)),
                    (None, Unknown::Missing) => Err(Wrong("un code de la table".into())),
                    (None, Unknown::Keep) => Ok(Value::Text(text)),
                    (None, Unknown::Value(value)) => Ok(Value::text(&**value)),
                }
            }
        }
    }

    /// Where an input read, for people.
    fn place(&self, input: &Input<F>, scene: Scene<'_, '_, F>) -> String {
        match input {
            Input::Const(_) => "constante".to_owned(),
            Input::Expression(expression) => {
                let names: Vec<_> = expression.reads.iter().map(|(name, _)| format!("${name}")).collect();
                names.join(", ")
            }
            Input::First(sources) => {
                let said = sources.iter().find(|source| source.says(scene));
                said.or(sources.first()).map(|source| self.source_place(source, scene)).unwrap_or_default()
            }
            Input::Join(sources, _) => {
                let said = sources.iter().filter(|source| source.says(scene));
                said.map(|source| self.source_place(source, scene)).collect::<Vec<_>>().join(", ")
            }
        }
    }

    fn source_place(&self, source: &Source<F>, scene: Scene<'_, '_, F>) -> String {
        match source {
            Source::Path(path) => F::place(path, scene.node),
            // A `let` reads the same places wherever it is used.
            Source::Let(at) => self.place(&self.plan.lets[*at].input, scene),
        }
    }
}

/// The first source that says something of the right form; else the first that says something.
fn first<'t, F: Format>(sources: &[Source<F>], scene: Scene<'_, 't, F>) -> Said<'t> {
    let mut wrong = None;
    for source in sources {
        match source.value(scene) {
            Some(Ok(value)) => return Some(Ok(value)),
            said => wrong = wrong.or(said),
        }
    }
    wrong
}

impl<F: Format> Source<F> {
    fn value<'t>(&self, scene: Scene<'_, 't, F>) -> Said<'t> {
        match self {
            Self::Path(path) => F::first(path, scene.node).map(|text| Ok(Value::Text(text))),
            Self::Let(at) => scene.lets[*at].clone(),
        }
    }

    fn texts<'t>(&self, scene: Scene<'_, 't, F>) -> Vec<Cow<'t, str>> {
        match self {
            Self::Path(path) => F::all(path, scene.node, ELEMENTS_MAX),
            Self::Let(_) => {
                self.value(scene).and_then(Result::ok).map(Value::into_text).into_iter().collect()
            }
        }
    }

    fn says(&self, scene: Scene<'_, '_, F>) -> bool {
        self.value(scene).is_some()
    }
}
