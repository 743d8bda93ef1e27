//! How a command of this machine finds the running gateway: `admin.json` of the data folder, readable by its owner only.
//! In: an address of the loopback, a token made at this start. Out: the file; read back by commands.

use std::{
    fs, io,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jonction_model::Entropy;
use serde::{Deserialize, Serialize};

const FILE: &str = "admin.json";
const TOKEN_BYTES: usize = 32;

/// Where the gateway of a data folder answers, and the token that opens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalAccess {
    /// `http://` address, always of the loopback.
    pub address: SocketAddr,
    /// Goes into `Authorization: Bearer …`. Good until the gateway stops.
    pub token: String,
}

impl std::fmt::Debug for LocalAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalAccess").field("address", &self.address).finish_non_exhaustive()
    }
}

impl LocalAccess {
    /// Where the file of a data folder is.
    pub fn path(data: &Path) -> PathBuf {
        data.join(FILE)
    }

    /// With a fresh token.
    pub fn new(address: SocketAddr, entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; TOKEN_BYTES];
        entropy.fill(&mut bytes);
        Self { address, token: URL_SAFE_NO_PAD.encode(bytes) }
    }

    /// Reads the file. `None`: there is none. It may be that of a gateway that was killed: ask the store's lock first.
    pub fn read(data: &Path) -> io::Result<Option<Self>> {
        match fs::read(Self::path(data)) {
            Ok(bytes) => {
                let access = serde_json::from_slice(&bytes)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                Ok(Some(access))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the file, whole or not at all, readable by nobody else from its first byte on.
    pub fn write(&self, data: &Path) -> io::Result<()> {
        let draft = data.join(format!("{FILE}.{}", std::process::id()));
        let _ = fs::remove_file(&draft);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&draft)?.write_all(&serde_json::to_vec_pretty(self).map_err(io::Error::other)?)?;
        fs::rename(&draft, Self::path(data))
    }

    /// Removes the file: nobody answers any more.
    pub fn remove(data: &Path) {
        // Already gone, or not removable: the store's lock tells commands the truth.
        let _ = fs::remove_file(Self::path(data));
    }
}

#[cfg(test)]
mod tests {
    use jonction_model::SeededEntropy;

    use super::*;

    #[test]
    fn what_the_gateway_writes_only_its_owner_reads() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(LocalAccess::read(folder.path()).unwrap(), None);
        let access = LocalAccess::new("127.0.0.1:9464".parse().unwrap(), &SeededEntropy::new(1));
        access.write(folder.path()).unwrap();
        assert_eq!(LocalAccess::read(folder.path()).unwrap().as_ref(), Some(&access));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(LocalAccess::path(folder.path())).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(!format!("{access:?}").contains(&access.token) && access.token.len() == 43);
        LocalAccess::remove(folder.path());
        assert_eq!(LocalAccess::read(folder.path()).unwrap(), None);
    }
}
