//! `jonction key`: a new key for sealed bodies, or the name of one. The key itself is never shown.

use std::{fs, io::Write as _, path::Path};

use jonction_engine::BodyKey;
use jonction_model::{Entropy as _, OsEntropy};

use crate::{
    cli::{Common, KeyArgs},
    failure::{Failure, exit, io},
    out,
};

pub(super) fn run(args: &KeyArgs, common: &Common) -> Result<u8, Failure> {
    if !args.name {
        make(&args.file).map_err(|error| io("la clé ne s'écrit pas", &args.file, &error))?;
    }
    let text =
        fs::read_to_string(&args.file).map_err(|error| io("la clé ne se lit pas", &args.file, &error))?;
    let key = BodyKey::parse(&text).map_err(|expected| {
        Failure::usage("encryption.key", format!("{} n'est pas une clé", args.file.display()))
            .remedy(expected)
    })?;
    if common.json {
        out::json(&serde_json::json!({ "file": args.file, "name": key.name().to_string() }));
    } else if args.name {
        out::say(key.name().to_string());
    } else {
        out::say(format!("clé {} écrite dans {}, lisible par vous seul", key.name(), args.file.display()));
        out::say("  la garder aussi hors de cette machine : sans elle, les corps chiffrés sont perdus");
        out::say(format!("  dans jonction.yaml :  encryption: {{ key: \"@file:{}\" }}", args.file.display()));
    }
    Ok(exit::DONE)
}

/// A file that is there is never replaced.
fn make(path: &Path) -> std::io::Result<()> {
    let mut key = [0_u8; 32];
    OsEntropy.fill(&mut key);
    let digits = jonction_model::hex(&key);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{digits}").and_then(|()| file.sync_all())
}
