//! Block `encryption`: the keys that bodies are sealed with, always by reference.
//! In: references of the configuration or of the command line. Out: keys, read only when something is opened.

use std::path::Path;

use jonction_engine::{BodyKey, Seals};
use jonction_settings::{Diagnoses, Fields, Node, Secret, fields::scalar};

use crate::failure::Failure;

/// What bodies are sealed with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Encryption {
    /// The key of new bodies; `None`: they are kept in clear.
    pub(crate) key: Option<Secret>,
    /// Keys that served before: what they sealed is sealed anew, then they are of no use.
    pub(crate) old: Vec<Secret>,
}

impl Encryption {
    pub(crate) fn read(node: &Node, diagnoses: &mut Diagnoses) -> Option<Self> {
        let mut fields = Fields::of(node, "encryption", diagnoses)?;
        let key = fields.optional("key", Secret::parse, diagnoses);
        let old = fields.list("old").iter();
        let old = old.filter_map(|node| scalar(node, "old", Secret::parse, diagnoses)).collect();
        fields.finish(diagnoses);
        Some(Self { key, old })
    }

    /// The keys given on the command line: the first is the current one.
    pub(crate) fn typed(references: &[String]) -> Result<Self, Failure> {
        let mut keys = Vec::new();
        for text in references {
            keys.push(Secret::parse(text).map_err(|expected| {
                Failure::usage("encryption.key", format!("--body-key : attendu : {expected}"))
            })?);
        }
        let key = (!keys.is_empty()).then(|| keys.remove(0));
        Ok(Self { key, old: keys })
    }

    /// Reads the keys. `base`: the folder paths are relative to.
    pub(crate) fn keys(&self, base: &Path) -> Result<Seals, Failure> {
        let read = |secret: &Secret| {
            let failed = |why: String| Failure::usage("encryption.key", why);
            let text = secret.resolve(base).map_err(|error| {
                failed(format!("la clé {secret} ne se lit pas : {error}"))
                    .remedy("vérifier son chemin et ses droits, ou la faire : jonction key FICHIER")
            })?;
            BodyKey::parse(&text)
                .map_err(|expected| failed(format!("{secret} n'est pas une clé")).remedy(expected))
        };
        let old = self.old.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Seals { current: self.key.as_ref().map(read).transpose()?, old })
    }
}
