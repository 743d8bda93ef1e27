//! `jonction backup` and `jonction restore`: a copy taken while the gateway runs, and put back with what it cannot know.

use jonction_engine::{
    Act,
    backup::{self, Manifest},
};
use jonction_model::{Clock as _, SystemClock};

use super::{
    orders::{self, Holder},
    questions, runtime,
};
use crate::{
    cli::{BackupArgs, Common, RestoreArgs},
    failure::{Failure, exit},
    out, show,
};

pub(super) fn backup(args: &BackupArgs, common: &Common) -> Result<u8, Failure> {
    let data = questions::data(common);
    let manifest = backup::backup(&data, &args.target, SystemClock.now())?;
    if common.json {
        out::json(&manifest);
        return Ok(exit::DONE);
    }
    out::write(&summary("sauvegarde", &manifest));
    out::say(format!(
        "  dossier    {}, chaque fichier avec son empreinte dans manifest.json",
        args.target.display()
    ));
    out::say(format!(
        "  à part     {} : la clé d'index n'est pas dans la sauvegarde ; la garder ailleurs, sans elle rien ne se restaure",
        data.join("keys/index.key").display()
    ));
    Ok(exit::DONE)
}

pub(super) fn restore(args: &RestoreArgs, common: &Common) -> Result<u8, Failure> {
    let data = questions::data(common);
    // Who and why, before anything is written.
    let who = orders::order(&args.order, Act::Restored { made_at: SystemClock.now() })?;
    let manifest = backup::restore(&args.source, &data, &args.index_key)?;
    let order = jonction_engine::Order { act: Act::Restored { made_at: manifest.made_at }, ..who };
    let holder = Holder::of(&data, questions::seals(common)?)?;
    let ordered = runtime()?.block_on(holder.order(order))?;
    if common.json {
        out::json(&serde_json::json!({ "restored": manifest, "audit": ordered.audit }));
        return Ok(exit::DONE);
    }
    out::write(&summary("restauré", &manifest));
    out::say(format!(
        "  attention  ce qui est arrivé après le {} {} n'est pas là ; ce qui est parti après a pu être reçu :\n\
         \x20            un envoi préparé sera vérifié ou renvoyé sous le même identifiant, un autre attend un humain",
        show::day(manifest.made_at),
        show::time(manifest.made_at)
    ));
    out::say("  ensuite    jonction parked list, puis jonction run");
    Ok(exit::DONE)
}

fn summary(title: &str, manifest: &Manifest) -> String {
    let bytes = manifest.files.iter().map(|file| file.bytes).sum();
    format!(
        "{title}  {} messages, {} envois non finis, {} fichiers, {}, état du {} {}\n  audit      ligne {}, empreinte {}\n",
        show::number(manifest.messages),
        show::number(manifest.open),
        show::number(manifest.files.len() as u64),
        show::size(bytes),
        show::day(manifest.made_at),
        show::time(manifest.made_at),
        manifest.audit.count,
        manifest.audit.hash
    )
}
