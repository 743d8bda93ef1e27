//! `jonction test DIR --record MESSAGE`: a past message becomes a case of the routes, without anybody in it.
//! In: a message of the journal. Out: `routes/cases/NOM.er7`, the case, and what the routes of now make of it.

use std::{fs, path::Path};

use jiff::ToSpan as _;
use jonction_engine::{Window, replay::Past};
use jonction_model::{OsEntropy, clock::paris};
use jonction_ports::MessageId;
use jonction_settings::Diagnoses;

use super::{check, data_folder};
use crate::{
    cases::{Bench, Stage, stage::Play},
    cli::{Common, TestArgs},
    failure::{Failure, exit, io},
    fiction::{Fiction, fiction},
    gateway::{self, Checked},
    out,
};

pub(super) fn run(args: &TestArgs, message: u64, common: &Common) -> Result<u8, Failure> {
    let mut diagnoses = Diagnoses::default();
    let checked = gateway::check(common.folder(&args.dir), None, &mut diagnoses);
    let Some(Checked { project, partners, .. }) = checked.filter(|_| !diagnoses.has_errors()) else {
        check::report(&diagnoses, 1, common.json);
        return Ok(exit::CONFIGURATION);
    };
    let data = data_folder(common.data.as_ref(), &project.gateway.data);
    let past = Past::open(&data, project.encryption.keys(&project.dir)?)?;
    let after = MessageId(message.saturating_sub(1));
    let found = past.messages(Window::default(), after, 1)?.into_iter().find(|one| one.id().0 == message);
    let Some(found) = found else {
        return Err(Failure::usage(
            "case.no-such-message",
            format!("le message {message} n'est pas au journal, ou a été refusé ou purgé"),
        )
        .remedy("jonction find montre les messages et leurs numéros"));
    };
    let Fiction { message: made, days, left_out } =
        fiction(&past.bytes(&found)?, &OsEntropy).map_err(|error| {
            Failure::new("case.not-anonymous", error.to_string())
                .remedy("écrire ce cas à la main, avec une personne fictive ; rien n'a été écrit")
        })?;
    let at = found.received_at().to_zoned_datetime(paris());
    let at = at.checked_add(days.days()).unwrap_or(at);
    let moment = at.timestamp();
    let files = project.routes.clone();
    let bench = Bench::new(project, partners)?;
    let stage = Stage::new(&bench, &files, &[], &[], moment)?;
    let outcome = stage.play(Play { from: found.partner(), at: moment, raw: &made }, &())?;
    let name = args.name.clone().unwrap_or_else(|| format!("message-{message}"));
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        || name.is_empty()
    {
        return Err(Failure::usage("case.bad-name", "ce nom de cas n'est pas accepté")
            .remedy("des lettres sans accent, des chiffres, des tirets"));
    }
    let folder = args.dir.join("routes/cases");
    fs::create_dir_all(&folder).map_err(|error| io("ce dossier ne se crée pas", &folder, &error))?;
    let case = format!(
        "about: Fait d'un ancien message, personne n'y existe ; vérifier que ce qui est attendu est juste\n\
         from: {}\nmessage: {name}.er7\nat: {}\nexpect_whole: {name}.attendu.yaml\n",
        found.partner(),
        at.strftime("%Y-%m-%dT%H:%M:%S"),
    );
    let whole = serde_json::to_string_pretty(&outcome.whole()).unwrap_or_default() + "\n";
    let written = [
        (folder.join(format!("{name}.er7")), made.to_vec()),
        (folder.join(format!("{name}.attendu.yaml")), whole.into_bytes()),
        (folder.join(format!("{name}.yaml")), case.into_bytes()),
    ];
    if let Some((path, _)) = written.iter().find(|(path, _)| path.exists()) {
        return Err(Failure::usage("case.exists", format!("{} existe déjà", path.display()))
            .remedy("donner un autre nom : --as NOM"));
    }
    for (path, bytes) in &written {
        fs::write(path, bytes).map_err(|error| io("ce fichier ne s'écrit pas", path, &error))?;
    }
    tell(&written.map(|(path, _)| path), &left_out, common.json);
    Ok(exit::DONE)
}

fn tell(paths: &[impl AsRef<Path>], left_out: &[String], json: bool) {
    let paths: Vec<String> = paths.iter().map(|path| path.as_ref().display().to_string()).collect();
    if json {
        out::json(&serde_json::json!({ "written": paths, "left_out": left_out }));
        return;
    }
    paths.iter().for_each(|path| out::say(format!("écrit  {path}")));
    if !left_out.is_empty() {
        out::say(format!("segments retirés, qu'aucun texte ne définit : {}", left_out.join(", ")));
    }
    out::say("relire le message et ce qui est attendu avant de les garder, puis jonction test");
}
