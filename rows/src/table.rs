//! Tables: one code for another, written in the mapping or in a CSV file beside it.
//! In: text with a header `code,value[,label,system,valid_from,valid_until]`, `,` or `;`. Out: a look-up, or the line at fault.
//! Source: decision 0035. Limits: entries, length of a line.

use std::collections::HashMap;

/// Entries of one table.
pub(crate) const ENTRIES_MAX: usize = 50_000;
/// Columns a file may have beside `code` and `value`: read by people, not by rows.
const OTHER_COLUMNS: [&str; 4] = ["label", "system", "valid_from", "valid_until"];

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    entries: HashMap<Box<str>, Box<str>>,
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
    /// The value of a code.
    pub fn get(&self, code: &str) -> Option<&str> {
        self.entries.get(code).map(|value| &**value)
    }

    /// Every value, in no order.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.entries.values().map(|value| &**value)
    }

    /// Adds an entry. `false`: the code is there already.
    pub fn insert(&mut self, code: &str, value: &str) -> bool {
        self.entries.insert(code.into(), value.into()).is_none()
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
        let (Some(code), Some(value)) = (column("code"), column("value")) else {
            let remedy = "commencer par : code,value";
            return Err(vec![fault(1, "la première ligne doit nommer les colonnes code et value", remedy)]);
        };
        let mut faults = Vec::new();
        let strangers =
            columns.iter().filter(|name| !["code", "value"].contains(name) && !OTHER_COLUMNS.contains(name));
        for stranger in strangers {
            let remedy = format!("colonnes connues : code, value, {}", OTHER_COLUMNS.join(", "));
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
            let (Some(from), Some(to)) =
                (record.get(code).filter(|text| !text.is_empty()), record.get(value))
            else {
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
            if !table.insert(from, to) {
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
        assert_eq!((table.get("I"), table.get("O"), table.get("X")), (Some("03"), Some("07"), None));
        assert_eq!(Table::read("value,code\n\"a,b\",x\n").unwrap().get("x"), Some("a,b"));
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
