//! Secrets by reference: never their text in a configuration file.
//! In: `@file:chemin` or `@env:NOM`. Out: a reference, resolved only when the gateway starts.

use std::{env, fmt, fs, io, path::Path};

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// In a file; the path is relative to the configuration.
    File(String),
    /// In an environment variable.
    Env(String),
}

impl Secret {
    /// Reads a reference; a secret written in clear is refused, that is the point.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("@file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            Some(("@env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            _ => {
                Err("une référence à un secret : @file:chemin ou @env:NOM, jamais le secret lui-même"
                    .to_owned())
            }
        }
    }

    /// The secret itself. A file loses its last line end.
    pub fn resolve(&self, base: &Path) -> io::Result<String> {
        match self {
            Self::File(path) => {
                fs::read_to_string(base.join(path)).map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            }
            Self::Env(name) => env::var(name)
                .map_err(|_| io::Error::new(io::ErrorKind::NotFound, "environment variable is not set")),
        }
    }
}

impl fmt::Display for Secret {
    /// The reference, as it is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "@file:{path}"),
            Self::Env(name) => write!(f, "@env:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_clear_is_refused() {
        assert!(Secret::parse("motdepasse").is_err());
        assert_eq!(Secret::parse("@env:JETON"), Ok(Secret::Env("JETON".to_owned())));
    }

    #[test]
    fn a_file_is_read_beside_the_configuration_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("jeton"), "abc\n").unwrap();
        assert_eq!(Secret::parse("@file:jeton").unwrap().resolve(folder.path()).unwrap(), "abc");
    }
}
