//! Steps of routes that ask the directories: find a recipient's mailbox, refuse a recipient who no longer practises.
//! In: shapes whose recipients are named by their identifier. Out: addresses, obstacles, findings.
//! The version of a step names the snapshots it saw, so the same message through the same versions gives the same result.
//! Source: annuaires.md §12; issue « enrich step », « checks ».

use std::sync::{Arc, OnceLock};

use jonction_model::{
    DocumentSubmission, Finding, Masked, MssAddress, Obstacle, ObstacleScope, PersonId, Recipient,
    RecipientKind, Shape, StructureId,
};
use jonction_ports::{
    Bodies, Directory, DirectoryError, Flow, Step,
    directory::{Candidate, Need, Nothing, Reason},
};

/// The directories, handed over when the gateway starts: a configuration is checked without any.
#[derive(Clone, Default)]
pub struct Shelf(Arc<OnceLock<Arc<dyn Directory>>>);

impl Shelf {
    /// Hands the directories over. Said twice, the first stays.
    pub fn put(&self, directory: Arc<dyn Directory>) {
        // Already there: the same gateway started twice on one configuration.
        let _ = self.0.set(directory);
    }

    fn get(&self) -> Option<&Arc<dyn Directory>> {
        self.0.get()
    }
}

/// Every step of this room, with the verb routes write before its name.
pub fn steps(shelf: &Shelf) -> Vec<(&'static str, Arc<dyn Step>)> {
    vec![
        ("enrich", Arc::new(FindMailboxes { shelf: shelf.clone(), choice: Choice::First })),
        ("enrich", Arc::new(FindMailboxes { shelf: shelf.clone(), choice: Choice::Only })),
        ("check", Arc::new(CheckRecipients { shelf: shelf.clone(), strictness: Strictness::Refuse })),
        ("check", Arc::new(CheckRecipients { shelf: shelf.clone(), strictness: Strictness::Note })),
    ]
}

/// What the snapshots in use are: part of the version of every step.
fn version(shelf: &Shelf, own: &str) -> String {
    let states = shelf.get().map(|directory| directory.states()).unwrap_or_default();
    let seen: Vec<String> =
        states.iter().map(|state| format!("{}@{}", state.source, state.published)).collect();
    format!("{own} {}", seen.join(" ")).trim_end().to_owned()
}

/// Which mailbox is taken when several have the best rank.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// The newest, then the first of the alphabet.
    First,
    /// None: a human decides.
    Only,
}

/// `enrich: directory/mailboxes`: a recipient without address gets the best one of the directories.
/// `@only`: the message waits for a human when two are as good.
struct FindMailboxes {
    shelf: Shelf,
    choice: Choice,
}

impl Step for FindMailboxes {
    fn name(&self) -> &str {
        match self.choice {
            Choice::First => "directory/mailboxes",
            Choice::Only => "directory/mailboxes@only",
        }
    }

    fn version(&self) -> String {
        version(&self.shelf, "1")
    }

    fn run(&self, flow: &mut Flow, _: &dyn Bodies) -> Result<(), Finding> {
        let directory = loaded(&self.shelf)?;
        let Flow { shapes, findings, .. } = flow;
        for submission in submissions(shapes) {
            for at in 0..submission.recipients.len() {
                let Some(need) = need(&submission.recipients[at]) else { continue };
                let resolution = directory.resolve(&need).map_err(|error| unavailable(&error))?;
                match resolution.candidates.first() {
                    Some(best)
                        if self.choice == Choice::Only && is_shared(best.reason, &resolution.candidates) =>
                    {
                        return Err(several(at, best.reason, &resolution.candidates));
                    }
                    Some(best) => give(submission, at, best, resolution.candidates.len(), findings),
                    None => findings.push(no_address(at, resolution.nothing)),
                }
            }
        }
        Ok(())
    }
}

/// Whether another candidate has the same rank.
fn is_shared(rank: Reason, candidates: &[Candidate]) -> bool {
    candidates.get(1).is_some_and(|second| second.reason == rank)
}

fn several(at: usize, rank: Reason, candidates: &[Candidate]) -> Finding {
    let count = candidates.iter().filter(|candidate| candidate.reason == rank).count();
    Finding::error(
        "directory/several-mailboxes",
        format!("le destinataire n° {} a {count} boîtes de même rang ({}) : rien ne choisit", at + 1, reason(rank)),
    )
    .remedy("mettre l'adresse dans le message et le reprendre, ou écrire directory/mailboxes dans la route : la plus récente est alors prise")
}

/// A recipient that only an identifier names.
fn need(recipient: &Recipient) -> Option<Need> {
    if recipient.address.is_some() || !recipient.given_address.expose().trim().is_empty() {
        return None;
    }
    named(recipient)
}

/// Who an identifier names: a professional by RPPS, a structure by FINESS.
fn named(recipient: &Recipient) -> Option<Need> {
    let id = recipient.id.as_ref()?.expose().trim();
    match recipient.kind {
        RecipientKind::Professional => {
            Some(Need { person: Some(PersonId::normalise(id, "RPPS")), ..Need::default() })
        }
        RecipientKind::Organization => {
            Some(Need { structure: Some(StructureId::normalise(id, "FINEG")), ..Need::default() })
        }
        RecipientKind::Patient | RecipientKind::Application => None,
    }
}

fn give(
    submission: &mut DocumentSubmission,
    at: usize,
    best: &Candidate,
    count: usize,
    findings: &mut Vec<Finding>,
) {
    let Ok(address) = MssAddress::parse(&best.address) else { return };
    let taken = |other: &Recipient| {
        other.address.as_ref().is_some_and(|known| known.expose().eq_ignore_ascii_case(address.expose()))
    };
    if submission.recipients.iter().any(taken) {
        findings.push(
            Finding::warning(
                "directory/same-mailbox",
                format!("le destinataire n° {} a la même boîte qu'un autre : un seul envoi", at + 1),
            )
            .remedy("nommer chaque destinataire une fois"),
        );
        return;
    }
    let recipient = &mut submission.recipients[at];
    recipient.given_address = Masked::from(address.expose());
    recipient.address = Some(address);
    // The missing address forbade this recipient; it is no longer missing.
    const MISSING_ADDRESS: &str = "hl7v2/H086";
    let forbids = |obstacle: &Obstacle| {
        obstacle.scope == ObstacleScope::Recipient(at) && obstacle.finding.check == MISSING_ADDRESS
    };
    let lifted: Vec<Finding> =
        submission.obstacles.iter().filter(|obstacle| forbids(obstacle)).map(|o| o.finding.clone()).collect();
    submission.obstacles.retain(|obstacle| !forbids(obstacle));
    findings.retain(|finding| !lifted.contains(finding));
    let others = match count {
        0 | 1 => String::new(),
        2 => " ; une autre boîte possible".to_owned(),
        _ => format!(" ; {} autres boîtes possibles", count - 1),
    };
    findings.push(Finding::new(
        jonction_model::Severity::Info,
        "directory/mailbox-found",
        format!(
            "la boîte du destinataire n° {} vient de l'annuaire {} du {} : {}{others}",
            at + 1,
            best.source,
            best.date.strftime("%d/%m/%Y"),
            reason(best.reason)
        ),
    ));
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::PersonAtStructure => "boîte personnelle dans cette structure",
        Reason::Person => "boîte personnelle",
        Reason::Service => "boîte du service",
        Reason::Structure => "boîte de la structure",
        Reason::LegalEntity => "boîte de l'entité juridique",
        Reason::Offer => "boîte d'une offre de soins",
    }
}

fn no_address(at: usize, nothing: Option<Nothing>) -> Finding {
    let why = match nothing {
        Some(Nothing::Closed) => "n'exerce plus, ou sa structure est fermée",
        Some(Nothing::Unknown) => "n'est pas dans les annuaires",
        _ => "n'a pas de boîte MSSanté connue",
    };
    Finding::warning("directory/no-mailbox", format!("le destinataire n° {} {why}", at + 1))
        .remedy("joindre ce destinataire autrement, ou lui demander son adresse MSSanté")
}

/// Whether a recipient who no longer practises is refused, or only noted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    Refuse,
    Note,
}

/// `check: directory/recipients`: nobody is written to who is not in the register today.
struct CheckRecipients {
    shelf: Shelf,
    strictness: Strictness,
}

impl Step for CheckRecipients {
    fn name(&self) -> &str {
        match self.strictness {
            Strictness::Refuse => "directory/recipients",
            // The register lags by a day: who arrived this morning is not in it.
            Strictness::Note => "directory/recipients@note",
        }
    }

    fn version(&self) -> String {
        version(&self.shelf, "1")
    }

    fn run(&self, flow: &mut Flow, _: &dyn Bodies) -> Result<(), Finding> {
        let directory = loaded(&self.shelf)?;
        let Flow { shapes, findings, .. } = flow;
        for submission in submissions(shapes) {
            for at in 0..submission.recipients.len() {
                let Some(need) = named(&submission.recipients[at]) else { continue };
                let Some(mut finding) =
                    judge(directory.as_ref(), &need, at).map_err(|error| unavailable(&error))?
                else {
                    continue;
                };
                if self.strictness == Strictness::Note {
                    finding.severity = jonction_model::Severity::Warning;
                } else {
                    // Before what else forbids this recipient: a missing address matters less than a missing person.
                    let scope = ObstacleScope::Recipient(at);
                    submission.obstacles.insert(0, Obstacle { scope, finding: finding.clone(), code: None });
                }
                findings.push(finding);
            }
        }
        Ok(())
    }
}

/// What is wrong with a recipient; `None` when they practise, or are open.
fn judge(directory: &dyn Directory, need: &Need, at: usize) -> Result<Option<Finding>, DirectoryError> {
    let number = at + 1;
    if let Some(id) = &need.person {
        return Ok(match directory.professional(id)? {
            None => Some(
                Finding::error(
                    "directory/unknown-professional",
                    format!("le destinataire n° {number} n'est pas au répertoire des professionnels (RPPS)"),
                )
                .remedy("vérifier son numéro RPPS dans le logiciel émetteur : il a pu cesser d'exercer"),
            ),
            Some(found) => found.record.ended.map(|ended| {
                Finding::error(
                    "directory/no-longer-practises",
                    format!(
                        "le destinataire n° {number} n'exerce plus depuis le {}",
                        ended.strftime("%d/%m/%Y")
                    ),
                )
                .remedy("adresser le document à qui lui succède")
            }),
        });
    }
    let Some(id) = &need.structure else { return Ok(None) };
    Ok(match directory.structure(id)? {
        None => Some(
            Finding::error(
                "directory/unknown-structure",
                format!("le destinataire n° {number} n'est pas au répertoire des structures"),
            )
            .remedy("vérifier son numéro FINESS dans le logiciel émetteur"),
        ),
        Some(found) => (!found.record.is_open(found.date)).then(|| {
            // A register may call a structure inactive without saying since when.
            let since = found.record.closed.map(|closed| closed.strftime(" le %d/%m/%Y").to_string());
            let since = since.unwrap_or_default();
            Finding::error(
                "directory/closed-structure",
                format!("le destinataire n° {number} est une structure fermée{since}"),
            )
            .remedy("adresser le document à la structure qui lui succède")
        }),
    })
}

fn submissions(shapes: &mut [Shape]) -> impl Iterator<Item = &mut DocumentSubmission> {
    shapes.iter_mut().filter_map(|shape| match shape {
        Shape::DocumentSubmission(submission) => Some(&mut **submission),
        _ => None,
    })
}

/// The directories, when one at least was pulled. Without any, nobody can be found nor refused: the message waits.
fn loaded(shelf: &Shelf) -> Result<&Arc<dyn Directory>, Finding> {
    let loaded = shelf.get().filter(|directory| !directory.states().is_empty());
    loaded.ok_or_else(|| {
        Finding::error(
            "directory.empty",
            "aucun annuaire n'est chargé : le destinataire ne peut pas être cherché",
        )
        .remedy("jonction directory pull, puis libérer ce message")
    })
}

fn unavailable(error: &DirectoryError) -> Finding {
    Finding::error(error.code, "l'annuaire local ne se lit pas")
        .remedy("jonction directory status, puis libérer ce message")
}

#[cfg(test)]
mod tests;
