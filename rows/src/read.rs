//! Mapping files: raw → plan, with every mistake of the file at once.
//! In: a YAML node with places; how to read the files beside it. Out: a [`Mapping`], or diagnoses in French.

use jonction_hl7v2::{Charset, Path};
use jonction_model::{BodyId, nearest};
use jonction_settings::{Diagnoses, Entry, Fields, Node, Span, fields::scalar, parse};

use crate::{
    Mapping,
    format::{
        Format,
        csv::Csv,
        hl7::Hl7,
        tree::{Tree, TreePath},
    },
    mapping::Compiled,
    plan::{Output, Plan},
    same::Same,
    shapes::{SHAPES, ShapeKind},
    target::Target,
};

mod call;
mod goal;
mod rows;
mod source;
mod tables;

use goal::Goal;
use rows::RowsReader;
use tables::NamedTable;

/// Reads a file beside the mapping. Errors: why not, in French.
pub(crate) type ReadFile<'r> = dyn Fn(&str) -> Result<String, String> + 'r;

impl Mapping {
    /// Reads a mapping file. `read_file` reads the tables it names, by their path as written.
    /// On a mistake `None`; all of them are in `diagnoses`.
    pub fn read(
        node: &Node,
        read_file: &dyn Fn(&str) -> Result<String, String>,
        diagnoses: &mut Diagnoses,
    ) -> Option<Self> {
        let before = diagnoses.counts().0;
        let mut fields = Fields::of(node, "la traduction", diagnoses)?;
        let name = fields.required("mapping", name, diagnoses);
        let from = fields.required_node("from", diagnoses).and_then(|node| read_from(node, diagnoses));
        let output =
            fields.required_node("to", diagnoses).and_then(|node| read_to(node, from.as_ref(), diagnoses));
        let tables = match fields.node("tables") {
            Some(node) => tables::read(node, read_file, diagnoses),
            None => Vec::new(),
        };
        let lets = fields.node("let");
        let rows = fields.required_node("rows", diagnoses);
        fields.finish(diagnoses);
        let body = Body { output: output?, tables, lets, rows: rows?, whole: &node.span };
        let version = body.version(node);
        let compiled = match from? {
            From::Hl7(format) => Compiled::Hl7(body.compile(format, None, diagnoses)?),
            From::Csv(format) => Compiled::Csv(body.compile(format, None, diagnoses)?),
            From::Shape(format, per) => Compiled::Shape(body.compile(format, per.as_ref(), diagnoses)?, per),
        };
        (diagnoses.counts().0 == before).then_some(())?;
        Some(Self { name: name?, version, compiled })
    }
}

/// What the rest of a file holds, whatever it reads from.
struct Body<'n> {
    output: Output,
    tables: Vec<NamedTable>,
    lets: Option<&'n Node>,
    rows: &'n Node,
    whole: &'n Span,
}

impl Body<'_> {
    /// Changes with the file, with its tables, and with the program that reads it.
    fn version(&self, node: &Node) -> String {
        let mut text = format!("{}\n{}", env!("CARGO_PKG_VERSION"), node.span.file.text);
        for table in &self.tables {
            text += &table.text;
        }
        BodyId::of(text.as_bytes()).to_string()[..16].to_owned()
    }

    fn compile<F: Format>(
        self,
        format: F,
        within: Option<&F::Path>,
        diagnoses: &mut Diagnoses,
    ) -> Option<Plan<F>> {
        let target;
        let goal = match &self.output {
            Output::Message(format) => Goal::Message(format, None),
            Output::Same(same) => Goal::Same(&same.format, None),
            Output::Shape(shape) => {
                target = read_target(shape, self.whole, diagnoses)?;
                Goal::Shape(&target)
            }
        };
        let mut reader = RowsReader::new(format, &self.tables, diagnoses);
        let lets = self.lets.map(|node| reader.lets(node, within)).unwrap_or_default();
        let scope = reader.scope(&goal, self.rows, within, "");
        let RowsReader { told, format, used, .. } = reader;
        // A row with a mistake may be the one that uses it.
        if !diagnoses.has_errors() {
            tables::unused(&self.tables, &used, diagnoses);
        }
        let tables = self.tables.into_iter().map(|named| named.table).collect();
        Some(Plan {
            format,
            output: self.output,
            lets,
            rows: scope.rows,
            slots: scope.slots,
            layout: scope.layout,
            tables,
            told,
        })
    }
}

fn name(text: &str) -> Result<String, String> {
    let sound = !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
    if sound {
        Ok(text.to_owned())
    } else {
        Err("un nom de 1 à 64 caractères parmi a-z, 0-9, - et _".to_owned())
    }
}

/// What a shape holds. Errors: a type whose schema this reader does not know, which a test of the shapes finds.
fn read_target(shape: &ShapeKind, span: &Span, diagnoses: &mut Diagnoses) -> Option<Target> {
    Target::of(&(shape.schema)())
        .map_err(|error| {
            diagnoses.error("mapping.shape", span, error);
        })
        .ok()
}

/// `to: patient-event`, `to: { hl7v2: [ADT^A01] }`, or `to: { hl7v2: same, charset: …, drop: […] }` of what is read.
fn read_to(node: &Node, from: Option<&From>, diagnoses: &mut Diagnoses) -> Option<Output> {
    if node.as_map().is_none() {
        return read_shape(node, "to", |shape| shape.build.is_some(), diagnoses).map(Output::Shape);
    }
    let mut fields = Fields::of(node, "to", diagnoses)?;
    let types = fields.required_node("hl7v2", diagnoses);
    if types.and_then(Node::as_text) == Some("same") {
        let same = read_same(&mut fields, from, diagnoses);
        fields.finish(diagnoses);
        return same.map(Output::Same);
    }
    fields.finish(diagnoses);
    match types?.as_text() {
        Some("any") => {
            diagnoses
                .error("mapping.unknown-message", &types?.span, "un message à écrire a un type")
                .remedy("nommer des types, ou écrire « same » : le message lu, changé");
            None
        }
        _ => read_types(types?, diagnoses).map(Output::Message),
    }
}

/// The message that is read, changed: its charset, what is taken out, then rows.
fn read_same(fields: &mut Fields<'_>, from: Option<&From>, diagnoses: &mut Diagnoses) -> Option<Same> {
    type Make = Option<fn() -> Charset>;
    let charsets: [(&str, Make); 2] =
        [("UNICODE UTF-8", Some(Charset::utf8)), ("8859/15", Some(Charset::latin9))];
    let charset = fields.choice("charset", None, &charsets, diagnoses).map(|make| make());
    let drop = fields.list("drop");
    let From::Hl7(format) = from? else {
        diagnoses
            .error("mapping.same", fields.span(), "« same » change le message lu, et « from » n'en lit pas")
            .remedy("écrire « from: { hl7v2: any } », ou nommer les types à écrire");
        return None;
    };
    let (mut paths, mut local) = (Vec::new(), false);
    for item in drop {
        let Some(text) = scalar(item, "drop", parse::text, diagnoses) else { continue };
        if text == "local" {
            local = true;
            continue;
        }
        let fault = format.path(&text, None).err();
        let path = Path::parse(&text).ok();
        match (fault, path) {
            (Some(fault), _) => {
                let rest = text.chars().count().saturating_sub(fault.offset).max(1);
                diagnoses
                    .error(fault.code, &item.inside(fault.offset, rest), fault.sentence)
                    .remedy(fault.remedy);
            }
            (None, Some(path))
                if path.component().is_none() && !path.picks_repetition() && path.segment() != "MSH" =>
            {
                paths.push(path);
            }
            _ => {
                diagnoses
                    .error(
                        "mapping.drop",
                        &item.span,
                        "« drop » ôte des segments ou des champs entiers, hors MSH",
                    )
                    .remedy("écrire un segment (ZFU), certains (NTE[2='P']), un champ (PID-19) ou local");
            }
        }
    }
    Some(Same { format: format.clone(), charset, drop: paths, local })
}

fn read_shape(
    node: &Node,
    key: &str,
    may: impl Fn(&ShapeKind) -> bool,
    diagnoses: &mut Diagnoses,
) -> Option<&'static ShapeKind> {
    let text = scalar(node, key, parse::text, diagnoses)?;
    let names = || SHAPES.iter().filter(|shape| may(shape)).map(|shape| shape.name);
    let shape = SHAPES.iter().find(|shape| shape.name == text && may(shape));
    if shape.is_none() {
        let all = names().collect::<Vec<_>>().join(", ");
        let remedy = match nearest(&text, names()) {
            Some(near) => format!("vouliez-vous « {near} » ? formes : {all}"),
            None => format!("formes : {all}"),
        };
        diagnoses.error("mapping.unknown-shape", &node.span, "aucune forme ne porte ce nom").remedy(remedy);
    }
    shape
}

enum From {
    Hl7(Hl7),
    Csv(Csv),
    /// A shape; the list of which each element makes one message.
    Shape(Tree, Option<TreePath>),
}

/// `from: { hl7v2: [ADT^A01, ADT_A05] }`, `from: { csv: [ipp, nom], separator: ";" }`,
/// or `from: { shape: document-submission, each: documents }`.
fn read_from(node: &Node, diagnoses: &mut Diagnoses) -> Option<From> {
    let mut fields = Fields::of(node, "from", diagnoses)?;
    let (hl7, csv, shape) = (fields.node("hl7v2"), fields.node("csv"), fields.node("shape"));
    let each = shape.and_then(|_| fields.node("each"));
    let separator = fields.or("separator", b';', separator, diagnoses);
    fields.finish(diagnoses);
    match (hl7, csv, shape) {
        (Some(types), None, None) => read_types(types, diagnoses).map(From::Hl7),
        (None, Some(columns), None) => read_columns(columns, separator, diagnoses).map(From::Csv),
        (None, None, Some(shape)) => read_tree(shape, each, diagnoses),
        _ => {
            diagnoses
                .error("mapping.from", &node.span, "« from » dit une source et une seule")
                .remedy("écrire « hl7v2: [types de message] », « csv: [colonnes] » ou « shape: forme »");
            None
        }
    }
}

fn read_tree(node: &Node, each: Option<&Node>, diagnoses: &mut Diagnoses) -> Option<From> {
    let shape = read_shape(node, "shape", |_| true, diagnoses)?;
    let tree = Tree { shape, schema: read_target(shape, &node.span, diagnoses)? };
    let Some(each) = each else { return Some(From::Shape(tree, None)) };
    let text = scalar(each, "each", parse::text, diagnoses)?;
    match tree.path(&text, None) {
        Ok(found) if found.several => Some(From::Shape(tree, Some(found.path))),
        Ok(_) => {
            diagnoses
                .error("mapping.unknown-path", &each.span, format!("« {text} » n'est pas une liste"))
                .remedy("viser une liste de la forme, ou ôter « each »");
            None
        }
        Err(fault) => {
            let span = each.inside(fault.offset, text.chars().count().saturating_sub(fault.offset).max(1));
            diagnoses.error(fault.code, &span, fault.sentence).remedy(fault.remedy);
            None
        }
    }
}

fn separator(text: &str) -> Result<u8, String> {
    match text {
        "tab" => Ok(b'\t'),
        _ if text.len() == 1 && text.is_ascii() => Ok(text.as_bytes()[0]),
        _ => Err("un caractère, ou tab".to_owned()),
    }
}

fn items(node: &Node) -> &[Node] {
    node.as_list().unwrap_or(std::slice::from_ref(node))
}

fn read_types(node: &Node, diagnoses: &mut Diagnoses) -> Option<Hl7> {
    use jonction_hl7v2::definition::{Structure, known_names};
    let mut types: Vec<&'static str> = Vec::new();
    if node.as_text() == Some("any") {
        let structures = known_names().filter_map(Structure::named).collect();
        return Some(Hl7 { types, structures });
    }
    let before = diagnoses.counts().0;
    for item in items(node) {
        let Some(text) = scalar(item, "hl7v2", parse::text, diagnoses) else { continue };
        if let Some(structure) = Structure::named(&text) {
            types.extend(structure.types());
        } else if let Some(known) = known_names().find(|name| *name == text) {
            types.push(known);
        } else {
            let remedy = match nearest(&text, known_names()) {
                Some(near) => format!("vouliez-vous « {near} » ?"),
                None => "écrire un type (ADT^A01) ou une structure (ADT_A05)".to_owned(),
            };
            diagnoses
                .error("mapping.unknown-message", &item.span, "ce type de message est inconnu")
                .remedy(remedy);
        }
    }
    types.sort_unstable();
    types.dedup();
    let mut structures: Vec<Structure> = types.iter().filter_map(|kind| Structure::of_type(kind)).collect();
    structures.sort_by_key(|structure| structure.name);
    structures.dedup();
    (diagnoses.counts().0 == before && !types.is_empty()).then_some(Hl7 { types, structures })
}

fn read_columns(node: &Node, separator: u8, diagnoses: &mut Diagnoses) -> Option<Csv> {
    let mut columns: Vec<String> = Vec::new();
    for item in items(node) {
        let Some(text) = scalar(item, "csv", parse::text, diagnoses) else { continue };
        if columns.contains(&text) {
            diagnoses
                .error("mapping.column-twice", &item.span, "cette colonne est déjà déclarée")
                .remedy("n'en garder qu'une");
        }
        columns.push(text);
    }
    (!columns.is_empty()).then_some(Csv { columns, separator })
}

/// The only entry of a block of one.
fn single(node: &Node) -> Option<&Entry> {
    match node.as_map() {
        Some([entry]) => Some(entry),
        _ => None,
    }
}
