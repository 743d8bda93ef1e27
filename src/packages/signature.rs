//! Who made a package: an Ed25519 signature over the bytes of its manifest, which names the hash of every other file.
//! In: a key file. Out: a signature, or whether one holds.

use std::{fs, io, path::Path};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::failure::{Failure, io as of_io};

/// Largest key file, in bytes.
const KEY_BYTES_MAX: u64 = 4096;

/// Makes a key: `path` for whoever signs, `path.pub` for whoever checks. A file that is there is never replaced.
pub(crate) fn make(path: &Path) -> Result<(), Failure> {
    let broken = |_| Failure::new("package.key", "la clé ne peut pas être faite");
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(broken)?;
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref())
        .map_err(|_| Failure::new("package.key", "la clé ne peut pas être faite"))?;
    let public = public_path(path);
    write(path, &STANDARD.encode(document.as_ref()), 0o600)
        .and_then(|()| write(&public, &STANDARD.encode(pair.public_key().as_ref()), 0o644))
        .map_err(|error| of_io("la clé ne s'écrit pas", path, &error))
}

pub(crate) fn public_path(path: &Path) -> std::path::PathBuf {
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    public.into()
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    use io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let mut file = options.open(path)?;
    writeln!(file, "{text}").and_then(|()| file.sync_all())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let size = fs::metadata(path).map_err(|error| of_io("la clé ne se lit pas", path, &error))?.len();
    let text = match size <= KEY_BYTES_MAX {
        true => fs::read_to_string(path).map_err(|error| of_io("la clé ne se lit pas", path, &error))?,
        false => String::new(),
    };
    STANDARD.decode(text.trim()).map_err(|_| not_a_key(path))
}

fn not_a_key(path: &Path) -> Failure {
    Failure::usage("package.key", format!("{} n'est pas une clé de paquets", path.display()))
        .remedy("jonction package key FICHIER en fait une : FICHIER signe, FICHIER.pub vérifie")
}

/// Signs the bytes of a manifest.
pub(crate) fn sign(manifest: &[u8], key: &Path) -> Result<String, Failure> {
    let pair = Ed25519KeyPair::from_pkcs8(&read(key)?).map_err(|_| not_a_key(key))?;
    Ok(STANDARD.encode(pair.sign(manifest).as_ref()))
}

/// Whether a signature is that of the holder of this public key.
pub(crate) fn holds(manifest: &[u8], signature: &str, key: &Path) -> Result<bool, Failure> {
    let public = read(key)?;
    if public.len() != 32 {
        return Err(not_a_key(key));
    }
    let Ok(signature) = STANDARD.decode(signature.trim()) else { return Ok(false) };
    Ok(UnparsedPublicKey::new(&ED25519, public).verify(manifest, &signature).is_ok())
}
