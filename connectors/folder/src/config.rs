//! The block of a partner `connector: folder`: what is collected, where things are delivered.
//! In: YAML with places. Out: [`Settings`]. Nothing is opened.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use jonction_settings::{Diagnoses, Fields, Node, parse};

/// A checked block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// It sends to us: files are taken there.
    pub collect: Option<Collect>,
    /// We send to it: folders are written there.
    pub deliver: Option<Deliver>,
}

/// Where files are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collect {
    /// The folder.
    pub from: PathBuf,
    /// What a file holds.
    pub content: Content,
    /// Names that are taken; empty: all of them.
    pub names: Vec<Pattern>,
    /// How long a file must not change.
    pub settle: Duration,
    /// Between two looks.
    pub every: Duration,
    /// Where a file goes once it is journaled.
    pub taken: PathBuf,
    /// Where one goes that was refused.
    pub refused: PathBuf,
    /// Largest file.
    pub size_max: u64,
}

/// What the files of a folder hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One HL7 v2 message each, of these facilities (MSH-4).
    Hl7 {
        /// Who may send.
        facilities: Vec<String>,
    },
    /// Something else: what routes call it, and whose it is.
    Other {
        /// `CSV`, `JSON`, `XML`: as `message.type` says it.
        kind: &'static str,
        /// What `sender.facility` says.
        facility: String,
    },
}

/// Where deliveries are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliver {
    /// The folder.
    pub into: PathBuf,
}

/// A name with stars: `export-*.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Errors: a slash, or nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fine = !text.is_empty() && !text.contains('/') && text.len() <= 200;
        fine.then(|| Self(text.to_owned()))
            .ok_or_else(|| "un nom de fichier, où * vaut n'importe quoi".to_owned())
    }

    /// Whether a name is one of them. A star is any text, every other character itself.
    pub fn takes(&self, name: &str) -> bool {
        let parts: Vec<&str> = self.0.split('*').collect();
        let [first, middle @ .., last] = parts.as_slice() else { return self.0 == name };
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        // The end is taken last, the parts between where they come first.
        for part in middle {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

const KINDS: &[(&str, Option<&str>)] =
    &[("hl7v2", None), ("csv", Some("CSV")), ("json", Some("JSON")), ("xml", Some("XML"))];

impl Settings {
    /// Reads a partner's block; paths are relative to `base`.
    pub fn read(fields: &mut Fields<'_>, base: &Path, diagnoses: &mut Diagnoses) -> Option<Self> {
        let before = diagnoses.counts().0;
        let span = fields.span().clone();
        let collect = fields.node("collect").map(|node| Collect::read(node, base, diagnoses));
        let deliver = fields.node("deliver").map(|node| Deliver::read(node, base, diagnoses));
        if collect.is_none() && deliver.is_none() {
            diagnoses
                .error("folder.neither-way", &span, "ce partenaire n'émet ni ne reçoit rien")
                .remedy("ajouter « collect: { from: DOSSIER, … } » (il émet) ou « deliver: { into: DOSSIER } » (il reçoit)");
        }
        let settings = Self { collect: collect.flatten(), deliver: deliver.flatten() };
        if let (Some(collect), Some(deliver)) = (&settings.collect, &settings.deliver)
            && collect.from == deliver.into
        {
            diagnoses
                .error("folder.same-folder", &span, "ce qui est remis serait repris comme reçu")
                .remedy("donner à « deliver » un autre dossier que celui de « collect »");
        }
        (diagnoses.counts().0 == before).then_some(settings)
    }
}

impl Collect {
    fn read(node: &Node, base: &Path, diagnoses: &mut Diagnoses) -> Option<Self> {
        let mut fields = Fields::of(node, "collect", diagnoses)?;
        let from = fields.required("from", parse::text, diagnoses).map(|from| base.join(from));
        let kind = fields.required_choice("content", KINDS, diagnoses);
        let listed = fields.list("facilities");
        let facilities: Vec<String> =
            listed.iter().filter_map(|one| one.as_text().map(str::to_owned)).collect();
        let facility = fields.optional("facility", parse::text, diagnoses);
        let content = match (kind, facility) {
            (Some(Some(kind)), Some(facility)) => Some(Content::Other { kind, facility }),
            (Some(None), None) if !facilities.is_empty() => Some(Content::Hl7 { facilities }),
            (Some(Some(_)), None) => {
                diagnoses
                    .error("folder.no-facility", &node.span, "nul ne sait de qui viennent ces fichiers")
                    .remedy("ajouter « facility: … » : ce que sender.facility vaudra dans les conditions");
                None
            }
            (Some(None), _) => {
                diagnoses
                    .error("folder.no-senders", &node.span, "personne n'est autorisé à émettre")
                    .remedy("lister les structures (MSH-4) : « facilities: [CHU] »");
                None
            }
            (None, _) => None,
        };
        let names = fields
            .list("names")
            .iter()
            .filter_map(|one| jonction_settings::fields::scalar(one, "names", Pattern::parse, diagnoses));
        let names = names.collect();
        let settle = fields.or("settle", Duration::from_secs(5), parse::duration, diagnoses);
        let every = fields.or("every", Duration::from_secs(2), parse::duration, diagnoses);
        let within = |name: &str| from.clone().unwrap_or_default().join(name);
        let taken = fields
            .optional("taken", parse::text, diagnoses)
            .map_or_else(|| within("pris"), |path| base.join(path));
        let refused = fields
            .optional("refused", parse::text, diagnoses)
            .map_or_else(|| within("refuses"), |path| base.join(path));
        let size_max = fields.or("size_max", 50 << 20, parse::size, diagnoses);
        fields.finish(diagnoses);
        let from = from?;
        if taken == from || refused == from {
            diagnoses
                .error("folder.same-folder", &node.span, "ce qui est pris serait repris sans fin")
                .remedy("donner à « taken » et « refused » d'autres dossiers que « from »");
        }
        if every.is_zero() {
            diagnoses
                .error("settings.wrong-value", &node.span, "« every » : un temps de plus de zéro est attendu")
                .remedy("par exemple every: 2s");
        }
        Some(Self { from, content: content?, names, settle, every, taken, refused, size_max })
    }
}

impl Deliver {
    fn read(node: &Node, base: &Path, diagnoses: &mut Diagnoses) -> Option<Self> {
        let mut fields = Fields::of(node, "deliver", diagnoses)?;
        let into = fields.required("into", parse::text, diagnoses).map(|into| base.join(into));
        fields.finish(diagnoses);
        Some(Self { into: into? })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jonction_settings::SourceFile;

    use super::*;

    fn read(text: &str) -> (Option<Settings>, Vec<String>) {
        let file = Arc::new(SourceFile { path: "essai.yaml".into(), text: text.to_owned() });
        let mut diagnoses = Diagnoses::default();
        let node = jonction_settings::read(file, &mut diagnoses).unwrap();
        let mut fields = Fields::of(&node, "le partenaire", &mut diagnoses).unwrap();
        let settings = Settings::read(&mut fields, Path::new("/base"), &mut diagnoses);
        fields.finish(&mut diagnoses);
        (settings, diagnoses.list().iter().map(|diagnosis| diagnosis.code.clone()).collect())
    }

    #[test]
    fn a_whole_block_is_read_and_its_folders_are_those_of_the_project() {
        let (settings, codes) = read(
            "collect: { from: entrees, content: csv, facility: '990000018', names: ['*.csv'], settle: 1s }\ndeliver: { into: sorties }\n",
        );
        assert!(codes.is_empty(), "{codes:?}");
        let settings = settings.unwrap();
        let collect = settings.collect.unwrap();
        assert_eq!(collect.content, Content::Other { kind: "CSV", facility: "990000018".to_owned() });
        assert_eq!(
            (collect.taken, collect.refused),
            ("/base/entrees/pris".into(), "/base/entrees/refuses".into())
        );
        assert_eq!(settings.deliver.unwrap().into, PathBuf::from("/base/sorties"));
    }

    #[test]
    fn what_would_turn_in_circles_or_come_from_nobody_is_refused() {
        for (text, expected) in [
            ("{}", "folder.neither-way"),
            ("collect: { from: a, content: csv }", "folder.no-facility"),
            ("collect: { from: a, content: hl7v2 }", "folder.no-senders"),
            ("collect: { from: a, content: csv, facility: x, taken: a }", "folder.same-folder"),
            ("collect: { from: a, content: csv, facility: x }\ndeliver: { into: a }", "folder.same-folder"),
            ("collect: { from: a, content: pdf, facility: x }", "settings.wrong-value"),
            ("collect: { from: a, content: csv, facility: x, every: 0s }", "settings.wrong-value"),
        ] {
            assert_eq!(read(text).1, [expected], "{text}");
        }
    }

    #[test]
    fn a_star_is_any_text() {
        for (pattern, name, takes) in [
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.tmp", false),
            ("export-*-*.csv", "export-a-b-c.csv", true),
            ("export-*-*.csv", "export-.csv", false),
            ("jour.csv", "jour.csv", true),
            ("jour.csv", "jours.csv", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().takes(name), takes, "{pattern} {name}");
        }
        assert!(Pattern::parse("../x").is_err());
    }
}
