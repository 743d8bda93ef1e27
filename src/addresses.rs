//! Which port really listens behind each address of the configuration (`--ports auto`).
//! Programs that share a data folder meet through `addresses.json`: declared address → real address.
//! In: YAML nodes. Out: the same nodes, loopback addresses replaced. Source: architecture §8.

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use jonction_settings::{Node, Value};

const FILE: &str = "addresses.json";

/// Declared → real, for loopback addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses {
    known: BTreeMap<u16, SocketAddr>,
}

impl Addresses {
    /// Reads the file of a data folder; absent, nothing is known.
    pub(crate) fn read(data: &Path) -> io::Result<Self> {
        match fs::read(data.join(FILE)) {
            Ok(bytes) => {
                let known = serde_json::from_slice(&bytes)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                Ok(Self { known })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Says where a declared port really listens.
    pub(crate) fn insert(&mut self, declared: u16, real: SocketAddr) {
        self.known.insert(declared, real);
    }

    /// Writes the file, whole or not at all.
    pub(crate) fn write(&self, data: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(data)?;
        let path = data.join(FILE);
        let draft = data.join(format!("{FILE}.{}", std::process::id()));
        fs::write(&draft, serde_json::to_vec_pretty(&self.known).map_err(io::Error::other)?)?;
        fs::rename(&draft, &path)?;
        Ok(path)
    }

    /// Where a declared listener really is.
    pub(crate) fn of_listener(&self, declared: SocketAddr) -> SocketAddr {
        self.known.get(&declared.port()).copied().unwrap_or(declared)
    }

    /// Replaces the port of every loopback address that is known: `127.0.0.1:2575`, `https://localhost:8443/x`.
    pub(crate) fn translate_text(&self, text: &str) -> String {
        for host in ["127.0.0.1:", "localhost:"] {
            let Some(at) = text.find(host) else { continue };
            let start = at + host.len();
            let end =
                text[start..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |length| start + length);
            if let Some(real) = text[start..end].parse().ok().and_then(|port: u16| self.known.get(&port)) {
                return format!("{}{}{}", &text[..start], real.port(), &text[end..]);
            }
        }
        text.to_owned()
    }

    /// Replaces addresses in a tree. `listen` keys are left alone: they get free ports when they are opened.
    pub(crate) fn translate(&self, node: &mut Node) {
        match &mut node.value {
            Value::Scalar(text) => *text = self.translate_text(text),
            Value::List(items) => items.iter_mut().for_each(|item| self.translate(item)),
            Value::Map(entries) => {
                for entry in entries.iter_mut().filter(|entry| entry.key != "listen") {
                    self.translate(&mut entry.value);
                }
            }
            Value::Null => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_loopback_ports_are_replaced() {
        let mut addresses = Addresses::default();
        addresses.insert(8443, "127.0.0.1:41873".parse().unwrap());
        let cases = [
            ("https://localhost:8443/si-dmp-server", "https://localhost:41873/si-dmp-server"),
            ("127.0.0.1:8443", "127.0.0.1:41873"),
            ("127.0.0.1:84430", "127.0.0.1:84430"),
            ("dmp.example:8443", "dmp.example:8443"),
            ("localhost:", "localhost:"),
        ];
        for (declared, real) in cases {
            assert_eq!(addresses.translate_text(declared), real);
        }
    }

    #[test]
    fn what_one_program_writes_the_other_reads() {
        let folder = tempfile::tempdir().unwrap();
        let mut addresses = Addresses::default();
        addresses.insert(2575, "127.0.0.1:35601".parse().unwrap());
        addresses.write(folder.path()).unwrap();
        assert_eq!(
            Addresses::read(folder.path()).unwrap().translate_text("mllp://127.0.0.1:2575"),
            "mllp://127.0.0.1:35601"
        );
        assert_eq!(
            Addresses::read(&folder.path().join("none")).unwrap().translate_text("127.0.0.1:1"),
            "127.0.0.1:1"
        );
    }
}
