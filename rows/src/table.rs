//! Tables: one code for another, written in the mapping or in a CSV file beside it.
//! In: text with a header `code,value[,label,system,valid_from,valid_until]`, `,` or `;`, or a national value set
//! (`code,displayName,codeSystem`). Out: a look-up, or the line at fault. Source: decision 0035. Limits: entries.

use std::collections::HashMap;

/// Entries of one table.
pub(crate) const ENTRIES_MAX: usize = 50_000;
/// Columns that files have beside those of [`Column`]: read by people, not by rows.
const OTHER_COLUMNS: [&str; 4] = ["valid_from", "valid_until", "status", "classCode"];

/// What a table gives of a code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// The value; of a value set, which has none, the code itself.
    #[default]
    Value,
    /// The label.
    Label,
    /// The code system.
    System,
}

impl Column {
    /// Each with its name in a mapping, and in the files of the agency.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Value, "value", "value"),
        (Self::Label, "label", "displayName"),
        (Self::System, "system", "codeSystem"),
    ];
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// In the order of [`Column::ALL`].
    entries: HashMap<Box<str>, [Option<Box<str>>; 3]>,
}

/// What is wrong in a table file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFault {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong, in French.
    pub sentence: String,
    /// What to do.
    pub remedy: String,
}

impl Table {
    /// What it gives of a code; `None`: the code is not there, or has nothing of that kind.
    pub fn get(&self, code: &str, column: Column) -> Option<&str> {
        self.entries.get(code)?[column as usize].as_deref()
    }

    /// Everything it gives, in no order.
    pub fn values(&self, column: Column) -> impl Iterator<Item = &str> {
        self.entries.values().filter_map(move |entry| entry[column as usize].as_deref())
    }

    /// Adds an entry. `false`: the code is there already.
    pub fn insert(&mut self, code: &str, value: &str) -> bool {
        self.entries.insert(code.into(), [Some(value.into()), None, None]).is_none()
    }

    /// How many codes.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reads a file. Errors: every line at fault, a hundred at most.
    pub fn read(text: &str) -> Result<Self, Vec<TableFault>> {
        let text = text.trim_start_matches('\u{feff}');
        let fault = |line: u64, sentence: &str, remedy: &str| TableFault {
            line: usize::try_from(line).unwrap_or(1),
            sentence: sentence.to_owned(),
            remedy: remedy.to_owned(),
        };
        let head = text.lines().next().unwrap_or_default();
        let separator = if head.contains(';') { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .trim(csv::Trim::All)
            .flexible(true)
            .from_reader(text.as_bytes());
        let columns = reader.headers().cloned().unwrap_or_default();
        let column = |name: &str| columns.iter().position(|column| column == name);
        let places = Column::ALL.map(|(_, ours, theirs)| column(ours).or_else(|| column(theirs)));
        let (Some(code), true) = (column("code"), places[0].is_some() || places[1].is_some()) else {
            let remedy = "commencer par : code,value, ou par : code,displayName,codeSystem";
            return Err(vec![fault(1, "la première ligne doit nommer les colonnes code et value", remedy)]);
        };
        let mut faults = Vec::new();
        let known = |name: &&str| {
            let named = Column::ALL.iter().any(|(_, ours, theirs)| ours == name || theirs == name);
            named || *name == "code" || OTHER_COLUMNS.contains(name)
        };
        for stranger in columns.iter().filter(|name| !known(name)) {
            let remedy =
                format!("colonnes connues : code, value, label, system, {}", OTHER_COLUMNS.join(", "));
            faults.push(fault(1, &format!("la colonne « {stranger} » est inconnue"), &remedy));
        }
        let mut table = Self::default();
        for record in reader.records() {
            if faults.len() >= 100 {
                break;
            }
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let line = error.position().map_or(1, csv::Position::line);
                    faults.push(fault(
                        line,
                        "cette ligne n'est pas du CSV en UTF-8",
                        "vérifier les guillemets et le codage",
                    ));
                    break;
                }
            };
            let line = record.position().map_or(1, csv::Position::line);
            let from = record.get(code).filter(|text| !text.is_empty());
            let is_whole = places[0].is_none_or(|value| record.get(value).is_some());
            let Some(from) = from.filter(|_| is_whole) else {
                faults.push(fault(
                    line,
                    "cette ligne n'a pas de code ou pas de valeur",
                    "la compléter ou l'ôter",
                ));
                continue;
            };
            if record.len() > columns.len() {
                faults.push(fault(
                    line,
                    "cette ligne a plus de colonnes que la première",
                    "mettre entre guillemets ce qui contient le séparateur",
                ));
            }
            let mut entry =
                places.map(|place| Some(record.get(place?)?).filter(|text| !text.is_empty()).map(Box::from));
            match places[0] {
                Some(value) => entry[0] = record.get(value).map(Box::from),
                None => entry[0] = Some(from.into()),
            }
            if table.entries.insert(from.into(), entry).is_some() {
                faults.push(fault(
                    line,
                    &format!("le code « {from} » est déjà donné plus haut"),
                    "n'en garder qu'un",
                ));
            }
            if table.len() > ENTRIES_MAX {
                faults.push(fault(line, &format!("plus de {ENTRIES_MAX} codes"), "couper la table"));
                break;
            }
        }
        if faults.is_empty() { Ok(table) } else { Err(faults) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_with_either_separator_and_its_labels() {
        let table = Table::read("\u{feff}code;value;label\nI;03;hospitalisé\nO; 07 ;externe\n").unwrap();
        assert_eq!(
            (value(&table, "I"), value(&table, "O"), value(&table, "X")),
            (Some("03"), Some("07"), None)
        );
        assert_eq!(value(&Table::read("value,code\n\"a,b\",x\n").unwrap(), "x"), Some("a,b"));
        assert_eq!(table.get("I", Column::Label), Some("hospitalisé"));
    }

    fn value<'t>(table: &'t Table, code: &str) -> Option<&'t str> {
        table.get(code, Column::Value)
    }

    #[test]
    fn a_national_value_set_is_a_table_of_its_codes() {
        let table =
            Table::read("code,displayName,codeSystem\nSA01,\"Public, de santé\",1.2.250\nSA02,,\n").unwrap();
        let of = |code, column| table.get(code, column);
        assert_eq!((of("SA01", Column::Value), of("SA01", Column::System)), (Some("SA01"), Some("1.2.250")));
        assert_eq!((of("SA01", Column::Label), of("SA02", Column::Label)), (Some("Public, de santé"), None));
        assert_eq!(of("SA03", Column::Value), None);
    }

    /// Skipped where the official files are not at hand.
    #[test]
    fn every_official_value_set_is_read() {
        let Some(samples) = std::env::var_os("JONCTION_SAMPLES") else { return };
        let folder = std::path::Path::new(&samples).join("nomenclatures");
        let mut read = 0;
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_some_and(|extension| extension == "csv") {
                let table = Table::read(&std::fs::read_to_string(&path).unwrap());
                assert!(table.is_ok_and(|table| !table.is_empty()), "{}", path.display());
                read += 1;
            }
        }
        assert!(read > 50, "{read}");
    }

    #[test]
    fn every_line_at_fault_is_told() {
        let lines = |text: &str| Table::read(text).unwrap_err().iter().map(|f| f.line).collect::<Vec<_>>();
        assert_eq!(lines("code,value\na,1\nb\na,2\n,3\nc,1,2\n"), [3, 4, 5, 6]);
        assert_eq!(lines("a,1\n"), [1]);
        assert_eq!(lines(""), [1]);
        assert_eq!(lines("code,value,couleur\n"), [1]);
    }
}
