//! The columns of the flat extractions, and the names they have had.
//! In: a header line. Out: where each column stands, or why the file cannot be read. Source: annuaires.md §1.2 to §1.5.

use std::collections::HashMap;

use jonction_ports::{PullError, pull::Remark};

/// A file layout: its columns in the order of the last publication.
pub(crate) struct Layout {
    /// Beginning of the file name.
    pub(crate) prefix: &'static str,
    /// Columns, by published name.
    pub(crate) columns: &'static [&'static str],
    /// Without these there is no record. Positions in `columns`.
    pub(crate) required: &'static [usize],
}

/// Other names of columns, by the name of the last publication; all compared by [`normalise`].
const ALIASES: &[(&str, &str)] = &[
    ("Libellé civilité d'exercice", "Libellé civilité exercice"),
    ("Code Département (structure)", "Code département (coord. structure)"),
    ("Libellé Département (structure)", "Libellé département (coord. structure)"),
    ("Code rôle", "Code fonction"),
    ("Libellé rôle", "Libellé fonction"),
    ("Code genre activité", "Code genre d'activité"),
    ("Libellé genre activité", "Libellé genre d'activité"),
    ("NL4TYPEVOIE", "L4TYPEVOIE"),
];

pub(crate) const PERSONNE_ACTIVITE: Layout = Layout {
    prefix: "PS_LibreAcces_Personne_activite",
    columns: &[
        "Type d'identifiant PP",
        "Identifiant PP",
        "Identification nationale PP",
        "Code civilité d'exercice",
        "Libellé civilité d'exercice",
        "Code civilité",
        "Libellé civilité",
        "Nom d'exercice",
        "Prénom d'exercice",
        "Code profession",
        "Libellé profession",
        "Code catégorie professionnelle",
        "Libellé catégorie professionnelle",
        "Code type savoir-faire",
        "Libellé type savoir-faire",
        "Code savoir-faire",
        "Libellé savoir-faire",
        "Code mode exercice",
        "Libellé mode exercice",
        "Numéro SIRET site",
        "Numéro SIREN site",
        "Numéro FINESS site",
        "Numéro FINESS établissement juridique",
        "Identifiant technique de la structure",
        "Raison sociale site",
        "Enseigne commerciale site",
        "Complément destinataire (coord. structure)",
        "Complément point géographique (coord. structure)",
        "Numéro Voie (coord. structure)",
        "Indice répétition voie (coord. structure)",
        "Code type de voie (coord. structure)",
        "Libellé type de voie (coord. structure)",
        "Libellé Voie (coord. structure)",
        "Mention distribution (coord. structure)",
        "Bureau cedex (coord. structure)",
        "Code postal (coord. structure)",
        "Code commune (coord. structure)",
        "Libellé commune (coord. structure)",
        "Code pays (coord. structure)",
        "Libellé pays (coord. structure)",
        "Téléphone (coord. structure)",
        "Téléphone 2 (coord. structure)",
        "Télécopie (coord. structure)",
        "Adresse e-mail (coord. structure)",
        "Code Département (structure)",
        "Libellé Département (structure)",
        "Ancien identifiant de la structure",
        "Autorité d'enregistrement",
        "Code secteur d'activité",
        "Libellé secteur d'activité",
        "Code section tableau pharmaciens",
        "Libellé section tableau pharmaciens",
        "Code rôle",
        "Libellé rôle",
        "Code genre activité",
        "Libellé genre activité",
    ],
    required: &[2, 7, 9],
};

pub(crate) const SAVOIR_FAIRE: Layout = Layout {
    prefix: "PS_LibreAcces_SavoirFaire",
    columns: &[
        "Type d'identifiant PP",
        "Identifiant PP",
        "Identification nationale PP",
        "Nom d'exercice",
        "Prénom d'exercice",
        "Code profession",
        "Libellé profession",
        "Code catégorie professionnelle",
        "Libellé catégorie professionnelle",
        "Code type savoir-faire",
        "Libellé type savoir-faire",
        "Code savoir-faire",
        "Libellé savoir-faire",
    ],
    required: &[2, 5, 11],
};

pub(crate) const DIPLOMES: Layout = Layout {
    prefix: "PS_LibreAcces_Dipl_AutExerc",
    columns: &[
        "Type d'identifiant PP",
        "Identifiant PP",
        "Identification nationale PP",
        "Nom d'exercice",
        "Prénom d'exercice",
        "Code type diplôme obtenu",
        "Libellé type diplôme obtenu",
        "Code diplôme obtenu",
        "Libellé diplôme obtenu",
        "Code type autorisation",
        "Libellé type autorisation",
        "Code discipline autorisation",
        "Libellé discipline autorisation",
    ],
    required: &[2],
};

pub(crate) const MSSANTE: Layout = Layout {
    prefix: "Extraction_Correspondance_MSSante",
    columns: &[
        "Type de BAL",
        "Adresse BAL",
        "Type Identifiant PP",
        "Identifiant PP",
        "Identification nationale PP",
        "Type identifiant structure",
        "Identification Structure",
        "Service de rattachement",
        "Civilité d'exercice",
        "Nom d'exercice",
        "Prénom d'exercice",
        "Catégorie profession",
        "Libellé de catégorie profession",
        "Code Profession",
        "Libellé Profession",
        "Code savoir-faire",
        "Libellé savoir-faire",
        "Dématérialisation",
        "Raison Sociale structure BAL",
        "Enseigne commerciale structure BAL",
        "L2COMPLEMENTLOCALISATION",
        "L3COMPLEMENTDISTRIBUTION",
        "L4NUMEROVOIE",
        "L4COMPLEMENTNUMEROVOIE",
        "NL4TYPEVOIE",
        "L4LIBELLEVOIE",
        "L5LIEUDITMENTION",
        "L6LIGNEACHEMINEMENT",
        "Code postal",
        "Département",
        "Pays",
    ],
    required: &[0, 1],
};

/// Small letters without accents or punctuation, one blank between words.
fn normalise(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        let plain = match c {
            'é' | 'è' | 'ê' | 'ë' | 'É' | 'È' | 'Ê' | 'Ë' => 'e',
            'à' | 'â' | 'À' | 'Â' => 'a',
            'î' | 'ï' | 'Î' | 'Ï' => 'i',
            'ô' | 'ö' | 'Ô' | 'Ö' => 'o',
            'ù' | 'û' | 'ü' | 'Ù' | 'Û' | 'Ü' => 'u',
            'ç' | 'Ç' => 'c',
            c => c.to_ascii_lowercase(),
        };
        if plain.is_ascii_alphanumeric() {
            text.push(plain);
        } else if !text.is_empty() && !text.ends_with(' ') {
            text.push(' ');
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// Where the columns of a layout stand in a file.
#[derive(Debug)]
pub(crate) struct Positions {
    /// For each column of the layout, its position in a row.
    pub(crate) at: Vec<Option<usize>>,
    /// Fields a row has, without the empty one a trailing separator makes.
    pub(crate) width: usize,
    /// Whether the header ends with a separator: rows then do too.
    pub(crate) trailing: bool,
}

impl Layout {
    /// Reads a header line. Errors: a required column is missing, or a column stands twice.
    pub(crate) fn positions(&self, header: &str, remarks: &mut Vec<Remark>) -> Result<Positions, PullError> {
        let trailing = header.ends_with('|');
        let header = header.strip_suffix('|').unwrap_or(header);
        let names: Vec<&str> = header.split('|').collect();
        let mut known: HashMap<String, usize> = HashMap::new();
        for (at, name) in self.columns.iter().enumerate() {
            known.insert(normalise(name), at);
            for (_, alias) in ALIASES.iter().filter(|(published, _)| published == name) {
                known.insert(normalise(alias), at);
            }
        }
        let mut at = vec![None; self.columns.len()];
        for (position, name) in names.iter().enumerate() {
            match known.get(&normalise(name)) {
                Some(column) if at[*column].is_some() => {
                    return Err(
                        self.unreadable(format!("la colonne « {} » y est deux fois", self.columns[*column]))
                    );
                }
                Some(column) => at[*column] = Some(position),
                None => remarks.push(Remark::new(
                    "annuaire.unknown-column",
                    format!(
                        "{} : la colonne « {} » n'est pas connue, elle est laissée de côté",
                        self.prefix,
                        shown(name)
                    ),
                )),
            }
        }
        let missing = |at: &[Option<usize>], column: &usize| at[*column].is_none();
        if let Some(column) = self.required.iter().find(|column| missing(&at, column)) {
            return Err(self.unreadable(format!("la colonne « {} » manque", self.columns[*column])));
        }
        for (column, name) in self.columns.iter().enumerate() {
            if at[column].is_none() {
                remarks.push(Remark::new(
                    "annuaire.missing-column",
                    format!("{} : la colonne « {name} » n'y est pas (ancienne présentation ?)", self.prefix),
                ));
            }
        }
        Ok(Positions { at, width: names.len(), trailing })
    }

    pub(crate) fn unreadable(&self, why: String) -> PullError {
        PullError::new(
            "annuaire.layout",
            format!("{} : {why}", self.prefix),
            "l'annuaire en service reste ; comparer l'en-tête du fichier à docs/specs/annuaires.md §1.3, puis mettre à jour Jonction",
        )
    }
}

/// A column name as shown: bounded, printable.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(header: &str) -> Result<(Positions, Vec<Remark>), PullError> {
        let mut remarks = Vec::new();
        PERSONNE_ACTIVITE.positions(header, &mut remarks).map(|positions| (positions, remarks))
    }

    fn header() -> Vec<String> {
        PERSONNE_ACTIVITE.columns.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_counts_of_columns_are_those_published() {
        let counts =
            [&PERSONNE_ACTIVITE, &SAVOIR_FAIRE, &DIPLOMES, &MSSANTE].map(|layout| layout.columns.len());
        assert_eq!(counts, [56, 13, 13, 31]);
    }

    #[test]
    fn the_header_of_today_is_read_with_or_without_its_trailing_separator() {
        for end in ["", "|"] {
            let (positions, remarks) = positions(&(header().join("|") + end)).unwrap();
            assert!(remarks.is_empty());
            assert!(positions.at.iter().enumerate().all(|(column, at)| *at == Some(column)));
            assert_eq!(positions.width, 56);
        }
    }

    #[test]
    fn columns_are_known_by_their_older_names_and_in_any_order() {
        let mut names = header();
        names[52] = "Code fonction".into();
        names[44] = "CODE DEPARTEMENT (coord. structure)".into();
        names[29] = "Indice répétition voie (coord. Structure)".into();
        names.swap(7, 55);
        let (positions, remarks) = positions(&names.join("|")).unwrap();
        assert!(remarks.is_empty(), "{remarks:?}");
        assert_eq!((positions.at[7], positions.at[55], positions.at[52]), (Some(55), Some(7), Some(52)));
    }

    #[test]
    fn older_layouts_are_read_with_a_remark_for_each_missing_column() {
        let names = header()[..48].to_vec();
        let (positions, remarks) = positions(&names.join("|")).unwrap();
        assert_eq!((positions.width, remarks.len()), (48, 8));
        assert!(remarks.iter().all(|remark| remark.code == "annuaire.missing-column"));
    }

    #[test]
    fn a_new_column_is_named_and_left_aside() {
        let (_, remarks) = positions(&(header().join("|") + "|Couleur préférée|")).unwrap();
        assert_eq!(remarks.len(), 1);
        assert!(remarks[0].sentence.contains("« Couleur préférée »"));
    }

    #[test]
    fn without_identifier_or_name_nothing_is_read() {
        for column in [2, 7] {
            let mut names = header();
            names.remove(column);
            let error = positions(&names.join("|")).unwrap_err();
            assert_eq!(error.code, "annuaire.layout");
            assert!(error.sentence.contains(PERSONNE_ACTIVITE.columns[column]), "{}", error.sentence);
        }
        let mut names = header();
        names[4] = "Nom d'exercice".into();
        assert!(positions(&names.join("|")).unwrap_err().sentence.contains("deux fois"));
    }
}
