//! Functions of a pipe: names resolved, arguments checked, each taking what the one before gives.
//! In: block `fn`, the kind of the source. Out: calls and the kind they give.

use jonction_model::nearest;
use jonction_settings::{Fields, Node, Value, fields::scalar, parse};

use super::{items, rows::RowsReader, single};
use crate::{
    format::Format,
    function::{Argument, FUNCTIONS, Function, Given, Known, is_picture},
    kind::Kind,
    plan::{Call, Unknown},
    table::Column,
};

/// Characters that `first` and `skip` may count.
const COUNT_MAX: u64 = 10_000;

impl<F: Format> RowsReader<'_, F> {
    /// The calls of `fn`, and what comes out of the last one. A call with a mistake is left out.
    pub(super) fn calls(&mut self, node: Option<&Node>, mut kind: Kind) -> (Vec<Call>, Kind) {
        let mut calls = Vec::new();
        for item in node.map(items).unwrap_or_default() {
            let (name, at, argument) = match (&item.value, single(item)) {
                (Value::Scalar(name), _) => (name.as_str(), &item.span, None),
                (_, Some(entry)) => (entry.key.as_str(), &entry.key_span, Some(&entry.value)),
                _ => {
                    self.diagnoses
                        .error(
                            "mapping.function",
                            &item.span,
                            "une fonction est un nom, ou un nom et son argument",
                        )
                        .remedy("écrire « - upper » ou « - first: 8 »");
                    continue;
                }
            };
            if name == "table" {
                calls.extend(self.table(item, argument));
                kind = Kind::Text;
                continue;
            }
            let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
                let names = || FUNCTIONS.iter().map(|function| function.name).chain(["table"]);
                let remedy = match nearest(name, names()) {
                    Some(near) => format!("vouliez-vous « {near} » ?"),
                    None => format!("fonctions : {}", names().collect::<Vec<_>>().join(", ")),
                };
                self.diagnoses
                    .error("mapping.unknown-function", at, "aucune fonction ne porte ce nom")
                    .remedy(remedy);
                continue;
            };
            if !function.accepts(kind) {
                let sentence =
                    format!("« {name} » prend {}, et reçoit {}", function.takes.label(), kind.label());
                let remedy = match kind {
                    Kind::Composite(_) => "viser un composant, ou prendre le champ entier par « written »",
                    _ => "changer l'ordre des fonctions, ou en ôter une",
                };
                self.diagnoses.error("mapping.wrong-type", at, sentence).remedy(remedy);
            }
            kind = function.gives;
            let given = self.given(item, function, argument);
            calls.extend(given.map(|given| Call::Function(Known(function), given)));
        }
        (calls, kind)
    }

    fn given(&mut self, item: &Node, function: &Function, argument: Option<&Node>) -> Option<Given> {
        let wants = match function.argument {
            Argument::None => {
                if let Some(argument) = argument {
                    let sentence = format!("« {} » ne prend pas d'argument", function.name);
                    self.diagnoses
                        .error("mapping.function-argument", &argument.span, sentence)
                        .remedy(format!("écrire « - {} »", function.name));
                }
                return Some(Given::None);
            }
            Argument::Text(what) => what.to_owned(),
            Argument::Count => "un nombre de caractères".to_owned(),
            Argument::Picture => "la façon dont la date est écrite, comme JJ/MM/AAAA hh:mm".to_owned(),
            Argument::Word(words) => format!("un mot parmi : {}", words.join(", ")),
        };
        let Some(argument) = argument else {
            self.diagnoses
                .error("mapping.function-argument", &item.span, format!("« {} » veut {wants}", function.name))
                .remedy(format!("écrire « - {}: … »", function.name));
            return None;
        };
        let kind = function.argument;
        let read = |text: &str| match kind {
            Argument::Count => {
                parse::number(1, COUNT_MAX)(text).map(|n| Given::Count(usize::try_from(n).unwrap_or(0)))
            }
            Argument::Picture if !is_picture(text) => Err(wants.clone()),
            Argument::Word(words) if !words.contains(&text) => Err(wants.clone()),
            _ if text.is_empty() => Err(wants.clone()),
            _ => Ok(Given::Text(text.into())),
        };
        scalar(argument, function.name, read, self.diagnoses)
    }

    /// `table: nom`, or `table: { name: nom, gives: label | system, unknown: keep | { value: x } }`.
    fn table(&mut self, item: &Node, argument: Option<&Node>) -> Option<Call> {
        let Some(argument) = argument else {
            self.diagnoses
                .error("mapping.function-argument", &item.span, "« table » veut le nom d'une table")
                .remedy("écrire « - table: nom »");
            return None;
        };
        let (name, unknown, gives) = match argument.as_map() {
            None => (argument, Unknown::Missing, Column::Value),
            Some(_) => {
                let mut fields = Fields::of(argument, "table", self.diagnoses)?;
                let name = fields.required_node("name", self.diagnoses);
                let unknown = fields.node("unknown").map(|node| match single(node) {
                    Some(entry) if entry.key == "value" => {
                        scalar(&entry.value, "value", parse::text, self.diagnoses)
                            .map(|text| Unknown::Value(text.into()))
                    }
                    _ => {
                        let words = |text: &str| match text {
                            "keep" => Ok(Unknown::Keep),
                            "missing" => Ok(Unknown::Missing),
                            _ => Err("keep, missing, ou { value: … }".to_owned()),
                        };
                        scalar(node, "unknown", words, self.diagnoses)
                    }
                });
                let words = Column::ALL.map(|(column, name, _)| (name, column));
                let gives = fields.choice("gives", Column::Value, &words, self.diagnoses);
                fields.finish(self.diagnoses);
                (name?, unknown.unwrap_or(Some(Unknown::Missing))?, gives)
            }
        };
        let text = scalar(name, "table", parse::text, self.diagnoses)?;
        let Some(table) = self.tables.iter().position(|table| table.name == text) else {
            let names: Vec<&str> = self.tables.iter().map(|table| table.name.as_str()).collect();
            let remedy = match nearest(&text, names.iter().copied()) {
                Some(near) => format!("vouliez-vous « {near} » ?"),
                None if names.is_empty() => "la déclarer dans « tables »".to_owned(),
                None => format!("tables déclarées : {}", names.join(", ")),
            };
            self.diagnoses
                .error("mapping.unknown-table", &name.span, "aucune table ne porte ce nom")
                .remedy(remedy);
            return None;
        };
        self.used.push(table);
        Some(Call::Table { table, unknown, gives })
    }
}
