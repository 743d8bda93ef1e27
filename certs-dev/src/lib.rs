//! A test authority in the image of the IGC-Santé: a root, an intermediate, good leaves and bad ones.
//! In: a folder, the time, a structure. Out: PEM files, made once and then only read.
//! Sources: mssante.md §2.4, dmp-xds.md §4. No production key, no name of a real authority.

mod leaf;
mod recipe;
mod store;

use std::{
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

pub use leaf::Leaf;

/// The structure that the organisation certificates name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Raison sociale: the O of the subject. A fictitious one.
    pub name: String,
    /// FINESS, 9 alphanumeric characters, without its prefix: the OU is `1` followed by it.
    pub finess: String,
}

impl Structure {
    /// What stands in the OU of the certificates, and in `Identifiant_Structure` of a VIHF.
    pub fn identifier(&self) -> String {
        format!("1{}", self.finess)
    }
}

/// Why the test authority could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk failed.
    #[error("test certificates: {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds something else: nothing in it is touched.
    #[error("{path} exists and holds no test authority: choose another folder")]
    NotOurs {
        /// The folder.
        path: PathBuf,
    },
    /// The structure cannot be named in a certificate.
    #[error("structure of the test authority: {0}")]
    Structure(&'static str),
    /// The cryptography refused.
    #[error("test certificates could not be made")]
    Make(#[from] rcgen::Error),
}

impl Error {
    /// Stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "certs-dev.io",
            Self::NotOurs { .. } => "certs-dev.not-ours",
            Self::Structure(_) => "certs-dev.structure",
            Self::Make(_) => "certs-dev.make",
        }
    }
}

/// Where the files of the test authority are. Every path exists once [`DevAuthority::ensure`] returned.
#[derive(Clone, Debug)]
pub struct DevAuthority {
    dir: PathBuf,
    root: PathBuf,
    unknown_root: PathBuf,
    crl: PathBuf,
    crl_expired: PathBuf,
}

impl DevAuthority {
    /// Gives the authority of a folder, making it when there is none.
    ///
    /// It is made again only when it cannot serve: of another format version, a file missing or empty, one day
    /// or less before the first good leaf expires, not valid yet (the clock went back), or of another structure.
    /// Several threads or programs may call at once: one makes it in a neighbour folder and renames it, under a
    /// lock on `<dir>.lock`; the others wait and use the same files.
    ///
    /// Errors: the disk; a folder that holds something else; an empty or too long name, a FINESS that is not 9
    /// letters and digits.
    pub fn ensure(dir: &Path, now: Timestamp, structure: &Structure) -> Result<Self, Error> {
        recipe::check(structure)?;
        store::ensure(dir, now, structure)?;
        Ok(Self::at(dir))
    }

    fn at(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            root: dir.join(store::ROOT),
            unknown_root: dir.join(store::UNKNOWN_ROOT),
            crl: dir.join(store::CRL),
            crl_expired: dir.join(store::CRL_EXPIRED),
        }
    }

    /// Folder of the files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The root alone, PEM: the trust anchor of every partner of the demonstration.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The root of the authority nobody trusts, PEM.
    pub fn unknown_root(&self) -> &Path {
        &self.unknown_root
    }

    /// The current revocation list of the intermediate, PEM. Lists the `…Revoked` leaves. Valid as long as they are:
    /// the key of the intermediate is not kept, so it cannot be issued again.
    pub fn crl(&self) -> &Path {
        &self.crl
    }

    /// A revocation list whose next update is past, PEM.
    pub fn crl_expired(&self) -> &Path {
        &self.crl_expired
    }

    /// The certificate of a leaf followed by its intermediate, PEM.
    pub fn chain_of(&self, leaf: Leaf) -> PathBuf {
        self.dir.join(store::chain_name(leaf))
    }

    /// The private key of a leaf, PKCS#8 PEM, readable by its owner only.
    pub fn key_of(&self, leaf: Leaf) -> PathBuf {
        self.dir.join(store::key_name(leaf))
    }
}
