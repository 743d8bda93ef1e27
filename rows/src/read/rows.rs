//! Rows of a file: targets found, sources and functions typed, rows of one target compared.
//! In: a list of nodes, the target they write into. Out: compiled rows and the layout of their slots.

use jonction_settings::{Diagnoses, Fields, Node, Span, Value as Yaml, fields::scalar, parse};

use super::{
    goal::{Aim, Goal, What},
    items, single,
    source::Checked,
    tables::NamedTable,
};
use crate::{
    ROWS_MAX,
    condition::Condition,
    expression::Expression,
    format::Format,
    kind::{Kind, Leaf},
    plan::{Action, Call, Choice, Input, Missing, Pipe, Row, Told, Unknown},
    record::Layout,
};

mod scope;

use scope::{Gathered, Placed};

/// What reading rows needs and gathers.
pub(super) struct RowsReader<'d, F: Format> {
    pub(super) format: F,
    pub(super) lets: Vec<String>,
    pub(super) let_kinds: Vec<Kind>,
    pub(super) tables: &'d [NamedTable],
    pub(super) used: Vec<usize>,
    pub(super) told: Vec<Told>,
    pub(super) diagnoses: &'d mut Diagnoses,
}

/// Rows that write into one record.
pub(super) struct Scope<F: Format> {
    pub(super) rows: Vec<Row<F>>,
    pub(super) slots: usize,
    pub(super) layout: Layout,
}

/// Where a scope stands: in the shape, and in the tree.
struct Around<'a, F: Format> {
    goal: &'a Goal<'a>,
    within: Option<&'a F::Path>,
    prefix: &'a str,
}

/// Which of several texts of one place a row takes.
#[derive(Clone, Copy, PartialEq)]
enum Taken {
    First,
    All,
}

/// A typed way to a value.
struct Typed<F: Format> {
    pipe: Pipe<F>,
    /// `None`: a constant, already of the type of its target.
    kind: Option<Kind>,
    /// Where a wrong type is told.
    span: Span,
}

impl<'d, F: Format> RowsReader<'d, F> {
    pub(super) fn new(format: F, tables: &'d [NamedTable], diagnoses: &'d mut Diagnoses) -> Self {
        Self {
            format,
            lets: Vec::new(),
            let_kinds: Vec::new(),
            tables,
            used: Vec::new(),
            told: Vec::new(),
            diagnoses,
        }
    }

    /// `let`: `nom: chemin`, or `nom: { from: …, fn: … }`. Each may read those before it.
    pub(super) fn lets(&mut self, node: &Node, within: Option<&F::Path>) -> Vec<Pipe<F>> {
        let Some(entries) = node.as_map() else {
            self.diagnoses
                .error("settings.not-a-block", &node.span, "« let » : un bloc de noms est attendu")
                .remedy("écrire « nom: chemin »");
            return Vec::new();
        };
        let mut pipes = Vec::new();
        for entry in entries {
            let sound = entry.key.starts_with(|c: char| c.is_ascii_lowercase())
                && entry.key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !sound {
                self.diagnoses
                    .error("mapping.let-name", &entry.key_span, "ce nom n'est pas accepté")
                    .remedy("une minuscule, puis des minuscules, des chiffres ou _");
            }
            let typed = match &entry.value.value {
                Yaml::Map(_) => {
                    let Some(mut fields) =
                        Fields::of(&entry.value, format!("let {}", entry.key), self.diagnoses)
                    else {
                        continue;
                    };
                    let typed = self.typed(&mut fields, &Leaf::Text, within);
                    fields.finish(self.diagnoses);
                    typed
                }
                _ => self.source(&entry.value, within).map(|checked| {
                    self.first_of_several(&entry.value, &checked);
                    let (kind, span) = (Some(checked.kind), entry.value.span.clone());
                    Typed {
                        pipe: Pipe { input: Input::First(vec![checked.source]), calls: Vec::new() },
                        kind,
                        span,
                    }
                }),
            };
            if let Some(Typed { kind: Some(Kind::Composite(name)), span, .. }) = &typed {
                self.composite(name, span);
            }
            // A `let` with a mistake is known all the same: its uses are not told as unknown.
            self.lets.push(entry.key.clone());
            self.let_kinds.push(typed.as_ref().and_then(|typed| typed.kind).unwrap_or(Kind::Text));
            pipes.extend(typed.map(|typed| typed.pipe));
        }
        pipes
    }

    /// Rows that write into one record.
    pub(super) fn scope(
        &mut self,
        goal: &Goal<'_>,
        node: &Node,
        within: Option<&F::Path>,
        prefix: &str,
    ) -> Scope<F> {
        let around = Around { goal, within, prefix };
        let mut gathered = Gathered::default();
        if node.as_list().is_none() {
            self.diagnoses
                .error(
                    "mapping.rows",
                    &node.span,
                    format!("« rows » : une liste de lignes est attendue, pas {}", node.kind()),
                )
                .remedy("un tiret par ligne");
        }
        for item in node.as_list().unwrap_or_default() {
            if self.told.len() >= ROWS_MAX {
                self.diagnoses
                    .error("mapping.too-many-rows", &item.span, format!("plus de {ROWS_MAX} lignes"))
                    .remedy("couper la traduction en deux");
                break;
            }
            self.row(item, &around, &mut gathered);
        }
        self.compare(&gathered, goal, &node.span);
        gathered.into_scope(goal)
    }

    fn row(&mut self, node: &Node, around: &Around<'_, F>, gathered: &mut Gathered<F>) -> Option<()> {
        let mut fields = Fields::of(node, "la ligne", self.diagnoses)?;
        let to = fields.required_node("to", self.diagnoses)?;
        let path = scalar(to, "to", parse::text, self.diagnoses)?;
        let number = self.told.len();
        let target = match (around.prefix, path.starts_with(['.', '-'])) {
            ("", _) => path.clone(),
            (prefix, true) => format!("{prefix}[]{path}"),
            (prefix, false) => format!("{prefix}[].{path}"),
        };
        self.told.push(Told { target: target.clone(), line: to.span.line });
        // Only the row itself says whether a field of a message is one place or repetitions.
        let makes = !matches!(around.goal, Goal::Shape(_)) && fields.node("each").is_some();
        let Aim { key, spot, path: changes, what } = match around.goal.find(&path, makes) {
            Ok(found) => found,
            Err(fault) => {
                let span = to.inside(fault.offset, fault.length);
                self.diagnoses.error("mapping.unknown-target", &span, fault.sentence).remedy(fault.remedy);
                return None;
            }
        };
        let slot = gathered.slot(&key);
        let (when, action) = match what {
            What::List(element) => {
                let place = (slot, gathered.of(&key).count());
                self.each(&mut fields, &element, around, &target, place)?
            }
            What::Leaf(leaf) => {
                let when = fields.node("when").map(|node| self.condition(node, around.within));
                let choices = self.choices(&mut fields, &leaf, around.within);
                let missing =
                    self.missing(&mut fields, &leaf, around.goal.requires(&key) && around.prefix.is_empty());
                fields.finish(self.diagnoses);
                let action = Action::Write { slot, leaf, choices: choices?, missing: missing? };
                (when.map_or(Some(None), |when| when.map(Some))?, action)
            }
            What::Block(names) => {
                self.diagnoses
                    .error("mapping.unknown-target", &to.span, format!("« {path} » est un bloc de champs"))
                    .remedy(format!("viser l'un d'eux : {}", names.join(", ")));
                return None;
            }
        };
        gathered.rows.push(Placed {
            row: Row { number, when, action },
            path: key,
            spot,
            changes,
            label: path.into(),
            span: to.span.clone(),
        });
        Some(())
    }

    /// `each: PID-3`, `when` asked of each element, `rows` that make it.
    fn each(
        &mut self,
        fields: &mut Fields<'_>,
        element: &Goal<'_>,
        around: &Around<'_, F>,
        target: &str,
        (slot, rank): (usize, usize),
    ) -> Option<(Option<Condition<F>>, Action<F>)> {
        let each = fields.required_node("each", self.diagnoses);
        let when = fields.node("when");
        let rows = fields.required_node("rows", self.diagnoses);
        let text = each.and_then(|node| scalar(node, "each", parse::text, self.diagnoses));
        if let (Goal::Same(..), Some(text), Some(node)) = (element, &text, each)
            && bare(text) != bare(target)
        {
            self.diagnoses
                .error(
                    "mapping.other-each",
                    &node.span,
                    format!("« to » dit {target}, et « each » autre chose"),
                )
                .remedy("écrire le même segment ou le même champ des deux côtés : c'est lui qui change");
        }
        // `each` at its end: a key that has no business here is told first.
        let path = match self.format.path(&text?, around.within) {
            Ok(found) => found.path,
            Err(fault) => {
                let each = each?;
                let span = each.inside(fault.offset, each.span.length.saturating_sub(fault.offset));
                self.diagnoses.error(fault.code, &span, fault.sentence).remedy(fault.remedy);
                return None;
            }
        };
        let when = when.map(|node| self.condition(node, Some(&path)));
        let scope = self.scope(element, rows?, Some(&path), target);
        let action =
            Action::Each { slot, rank, path, rows: scope.rows, slots: scope.slots, layout: scope.layout };
        Some((when.map_or(Some(None), |when| when.map(Some))?, action))
    }

    /// `first: [ … ]`, or the row itself as only choice.
    fn choices(
        &mut self,
        fields: &mut Fields<'_>,
        leaf: &Leaf,
        within: Option<&F::Path>,
    ) -> Option<Vec<Choice<F>>> {
        let Some(first) = fields.node("first") else {
            let typed = self.typed(fields, leaf, within)?;
            return Some(vec![Choice { when: None, pipe: self.fits(typed, leaf) }]);
        };
        let mut choices = Vec::new();
        let mut whole = true;
        for item in items(first) {
            let mut fields = Fields::of(item, "le choix", self.diagnoses)?;
            let when = fields.node("when").map(|node| self.condition(node, within));
            let typed = self.typed(&mut fields, leaf, within);
            fields.finish(self.diagnoses);
            match (typed, when.map_or(Some(None), |when| when.map(Some))) {
                (Some(typed), Some(when)) => choices.push(Choice { when, pipe: self.fits(typed, leaf) }),
                _ => whole = false,
            }
        }
        if whole {
            self.unreachable_choices(&choices, items(first));
        }
        whole.then_some(choices)
    }

    /// Exactly one of `from`, `const`, `join`, `expr`; then `fn`.
    fn typed(&mut self, fields: &mut Fields<'_>, leaf: &Leaf, within: Option<&F::Path>) -> Option<Typed<F>> {
        let inputs = ["from", "const", "join", "expr"].map(|key| fields.node(key).map(|node| (key, node)));
        let functions = fields.node("fn");
        let with = fields.optional("with", |text| Ok(text.to_owned()), self.diagnoses);
        let mut given = inputs.into_iter().flatten();
        let (Some((key, node)), None) = (given.next(), given.next()) else {
            self.diagnoses
                .error("mapping.one-source", fields.span(), "une ligne a une source, et une seule")
                .remedy("garder l'un de : from, const, join, expr, first");
            return None;
        };
        let (input, kind, usual) = match key {
            "const" => {
                if let Some(functions) = functions {
                    self.diagnoses
                        .error(
                            "mapping.function",
                            &functions.span,
                            "une constante ne passe par aucune fonction",
                        )
                        .remedy("écrire la constante telle qu'elle doit être");
                }
                let value = scalar(node, "const", |text| leaf.constant(text), self.diagnoses)?;
                let pipe = Pipe { input: Input::Const(value), calls: Vec::new() };
                return Some(Typed { pipe, kind: None, span: node.span.clone() });
            }
            "expr" => (self.expression(node)?, Kind::Text, Vec::new()),
            "join" => {
                let sources = self.sources(node, within, Taken::All)?;
                let sources = sources.into_iter().map(|checked| checked.source).collect();
                (Input::Join(sources, with.unwrap_or_else(|| " ".to_owned()).into()), Kind::Text, Vec::new())
            }
            _ => {
                let sources = self.sources(node, within, Taken::First)?;
                let kind = one_kind(&sources);
                let usual = sources.first().map(Checked::codes).unwrap_or_default();
                (Input::First(sources.into_iter().map(|checked| checked.source).collect()), kind, usual)
            }
        };
        let (mut calls, kind) = self.calls(functions, kind);
        if kind == Kind::Content {
            calls.push(Call::Content);
        }
        if let Some(functions) = functions {
            self.table_lacks(&calls, &usual, functions);
        }
        Some(Typed { pipe: Pipe { input, calls }, kind: Some(kind), span: node.span.clone() })
    }

    fn sources(&mut self, node: &Node, within: Option<&F::Path>, taken: Taken) -> Option<Vec<Checked<F>>> {
        let mut sources = Vec::new();
        for item in items(node) {
            let checked = self.source(item, within)?;
            if taken == Taken::First {
                self.first_of_several(item, &checked);
            }
            sources.push(checked);
        }
        (!sources.is_empty()).then_some(sources)
    }

    fn expression(&mut self, node: &Node) -> Option<Input<F>> {
        let text = scalar(node, "expr", parse::text, self.diagnoses)?;
        match Expression::read(&text, &self.lets) {
            Ok(expression) => Some(Input::Expression(expression)),
            Err(fault) => {
                self.diagnoses.error("mapping.expression", &node.span, fault.sentence).remedy(fault.remedy);
                None
            }
        }
    }

    fn first_of_several(&mut self, node: &Node, checked: &Checked<F>) {
        if checked.several {
            self.diagnoses
                .warning(
                    "mapping.first-of-several",
                    &node.span,
                    "plusieurs valeurs peuvent se trouver là : seule la première est prise",
                )
                .remedy("dire laquelle, par exemple [1] ou [5='PI'], ou écrire « each »");
        }
    }

    fn composite(&mut self, name: &str, span: &Span) {
        self.diagnoses
            .error(
                "mapping.wrong-type",
                span,
                format!("ce chemin mène à un {name}, fait de plusieurs composants"),
            )
            .remedy("viser un composant, ou prendre le champ entier par « fn: written »");
    }

    /// Whether what comes out may go into the target; the rest is told.
    fn fits(&mut self, typed: Typed<F>, leaf: &Leaf) -> Pipe<F> {
        match typed.kind {
            Some(Kind::Composite(name)) => self.composite(name, &typed.span),
            Some(kind) if !leaf.takes(kind) => {
                let sentence = format!("la cible attend {}, et reçoit {}", leaf.label(), kind.label());
                self.diagnoses.error("mapping.wrong-type", &typed.span, sentence).remedy(leaf.remedy());
            }
            _ => {}
        }
        if let Some(Call::Table { table, unknown, gives }) = typed.pipe.calls.last() {
            let named = &self.tables[*table];
            let mut values: Vec<&str> = named.table.values(*gives).collect();
            values.extend(match unknown {
                Unknown::Value(value) => Some(&**value),
                Unknown::Keep | Unknown::Missing => None,
            });
            values.sort_unstable();
            values.dedup();
            for value in values {
                if let Err(expected) = leaf.constant(value) {
                    let sentence =
                        format!("la table {} donne « {value} », que la cible ne prend pas", named.name);
                    self.diagnoses
                        .error("mapping.wrong-table-value", &typed.span, sentence)
                        .remedy(format!("attendu : {expected}"));
                }
            }
        }
        typed.pipe
    }

    /// Codes that a French text allows in the source and that the first table lacks.
    fn table_lacks(&mut self, calls: &[Call], usual: &[String], functions: &Node) {
        let Some(Call::Table { table, unknown: Unknown::Missing, gives }) = calls.first() else { return };
        let named = &self.tables[*table];
        let lacking: Vec<&str> =
            usual.iter().map(String::as_str).filter(|code| named.table.get(code, *gives).is_none()).collect();
        if !lacking.is_empty() && !named.table.is_empty() {
            let sentence =
                format!("la table {} n'a pas {}, que la source peut donner", named.name, lacking.join(", "));
            self.diagnoses
                .error("mapping.table-lacks-code", &functions.span, sentence)
                .remedy("ajouter ces codes, ou dire que faire des autres : table: { name: …, unknown: … }");
        }
    }

    /// `missing: omit | note | park | skip | { park: code } | { note: code } | { default: valeur }`.
    fn missing(&mut self, fields: &mut Fields<'_>, leaf: &Leaf, required: bool) -> Option<Missing> {
        const CODE: &str = "mapping.missing-value";
        let Some(node) = fields.node("missing") else {
            return Some(if required { Missing::Park(CODE.into()) } else { Missing::Omit });
        };
        let Some(entry) = single(node) else {
            let words = |text: &str| match text {
                "omit" => Ok(Missing::Omit),
                "note" => Ok(Missing::Note(CODE.into())),
                "park" => Ok(Missing::Park(CODE.into())),
                "skip" => Ok(Missing::Skip),
                _ => Err("omit, note, park, skip, ou { default: valeur }, { park: code }, { note: code }"
                    .to_owned()),
            };
            return scalar(node, "missing", words, self.diagnoses);
        };
        match entry.key.as_str() {
            "default" => scalar(&entry.value, "default", |text| leaf.constant(text), self.diagnoses)
                .map(Missing::Default),
            "park" => scalar(&entry.value, "park", parse::text, self.diagnoses)
                .map(|code| Missing::Park(code.into())),
            "note" => scalar(&entry.value, "note", parse::text, self.diagnoses)
                .map(|code| Missing::Note(code.into())),
            _ => {
                self.diagnoses
                    .error("settings.unknown-key", &entry.key_span, "missing : clé inconnue")
                    .remedy("clés connues : default, park, note");
                None
            }
        }
    }
}

/// A path without what stands in its brackets: `PID-3` of `PID-3[5='INS']`.
fn bare(path: &str) -> String {
    let outside = |(at, part): (usize, &str)| {
        if at == 0 { Some(part.to_owned()) } else { part.split_once(']').map(|(_, rest)| rest.to_owned()) }
    };
    path.split('[').enumerate().filter_map(outside).collect()
}

/// The kind that a list of sources has in common.
fn one_kind<F: Format>(sources: &[Checked<F>]) -> Kind {
    let first = sources.first().map_or(Kind::Text, |checked| checked.kind);
    let composite =
        sources.iter().map(|checked| checked.kind).find(|kind| matches!(kind, Kind::Composite(_)));
    match composite {
        Some(composite) => composite,
        None if sources.iter().all(|checked| checked.kind == first) => first,
        None => Kind::Text,
    }
}
