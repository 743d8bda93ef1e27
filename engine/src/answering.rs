//! What a message says of deliveries of other messages: which ones, and what the first sender learns of it.
//! In: the answers a message carries, the journal, the plan. Out: rows to write, findings, events. Nothing is written here.
//! One that comes late, twice, or from a stranger closes nothing. Source: architecture §4.4, decision 0045.

use jonction_model::{Answer, Finding, Severity, Standing};
use jonction_ports::{DeliveryId, Ending, MessageId};

use crate::{
    error::Error,
    event::Event,
    journal::{Journal, NewAnswer},
    lane::{Loaded, load_any},
    plan::{Plan, Reported},
    routing::Context,
};

/// What the answers of a message come to.
#[derive(Default)]
pub(crate) struct Answering {
    pub(crate) answers: Vec<NewAnswer>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) events: Vec<Event>,
    pub(crate) wake: Vec<jonction_model::PartnerName>,
    /// A failure that nobody would learn of: a human does.
    pub(crate) untold: Option<Finding>,
}

impl Answering {
    /// Decides. Errors: the journal or the disk failed.
    pub(crate) fn of<'s>(
        context: &Context<'_>,
        plan: &Plan,
        message: MessageId,
        answers: impl Iterator<Item = &'s Answer>,
    ) -> Result<Self, Error> {
        let mut answering = Self::default();
        for answer in answers {
            match delivery_of(context, answer)? {
                Found::Nothing => answering.findings.push(to_nothing()),
                Found::Foreign => answering.findings.push(foreign()),
                Found::Delivery(loaded) => answering.add(context, plan, message, answer, &loaded)?,
            }
        }
        Ok(answering)
    }

    fn add(
        &mut self,
        context: &Context<'_>,
        plan: &Plan,
        message: MessageId,
        answer: &Answer,
        loaded: &Loaded,
    ) -> Result<(), Error> {
        let stored = &loaded.stored;
        let known = context.journal.answered(stored.id)?;
        let same = |known: &&crate::journal::KnownAnswer| known.stage == answer.stage;
        let weight = answer.standing.weight();
        let said =
            known.iter().any(|known| known.message == message && same(&known) && known.weight == weight);
        let news = known.iter().filter(same).all(|known| known.weight < weight);
        let mut new = NewAnswer {
            delivery: stored.id,
            stage: answer.stage,
            standing: answer.standing.clone(),
            detail: answer.detail.clone(),
            shapes: Vec::new(),
            replies: Vec::new(),
        };
        match (said, news) {
            (true, _) => {}
            (false, false) => self.findings.push(repeated()),
            (false, true) => {
                let reported = self.tell(context, plan, answer, loaded)?;
                let carried = reported.as_ref().is_some_and(Reported::carried);
                if let Some(reported) = reported {
                    let (shape, replies) = reported.rows(0, None, context.hasher, context.journal)?;
                    self.wake.extend(replies.iter().map(|reply| reply.sink.clone()));
                    (new.shapes, new.replies) = (vec![shape], replies);
                }
                if let (Standing::Negative(code), false) = (&answer.standing, carried) {
                    let sentence = format!(
                        "envoi {} du message #{} : {} ({} {}), et personne n'en est prévenu",
                        stored.id, stored.message, answer.detail, code.code, code.label
                    );
                    let finding = Finding::error("engine.answer-untold", sentence)
                        .remedy("prévenir l'émetteur, puis dire que c'est vu : jonction parked release");
                    self.untold.get_or_insert(finding);
                }
                self.events.push(Event::Answered {
                    message: stored.message,
                    delivery: stored.id,
                    by: message,
                    sink: stored.sink.clone(),
                    label: loaded.part.label.clone(),
                    stage: answer.stage,
                    standing: answer.standing.clone(),
                    detail: answer.detail.clone(),
                });
            }
        }
        self.answers.push(new);
        Ok(())
    }

    /// What the first sender learns. What was destroyed by its age tells nothing any more.
    fn tell(
        &mut self,
        context: &Context<'_>,
        plan: &Plan,
        answer: &Answer,
        loaded: &Loaded,
    ) -> Result<Option<Reported>, Error> {
        let stored = &loaded.stored;
        let Some(shape) = loaded.shape() else {
            self.findings.push(too_late());
            return Ok(None);
        };
        let ending = Ending::Answered(answer);
        Ok(plan.report(&stored.route, &stored.sink, shape, &loaded.part, &ending, context.at))
    }
}

enum Found {
    Nothing,
    Foreign,
    Delivery(Box<Loaded>),
}

/// The delivery that left with one of these identifiers, to the mailbox that the answer speaks of.
fn delivery_of(context: &Context<'_>, answer: &Answer) -> Result<Found, Error> {
    let mut found = Found::Nothing;
    for key in &answer.to {
        let key = (key.kind, context.hasher.key(key.kind, &key.value));
        for id in context.journal.left_with(&key)? {
            let Some(loaded) = load(context.journal, id, context.given_up)? else { continue };
            let mailbox = loaded.part.mailbox.as_deref();
            let other = |asked: &jonction_model::MssAddress| {
                mailbox.is_some_and(|mailbox| !mailbox.trim().eq_ignore_ascii_case(asked.expose()))
            };
            if !answer.asked.as_ref().is_some_and(other) {
                return Ok(Found::Delivery(Box::new(loaded)));
            }
            found = Found::Foreign;
        }
    }
    Ok(found)
}

/// Reports are answered by nobody.
fn load(journal: &dyn Journal, id: DeliveryId, given_up: bool) -> Result<Option<Loaded>, Error> {
    let loaded = load_any(journal, id, given_up)?;
    Ok(loaded.map(|(loaded, _)| loaded).filter(|loaded| !loaded.stored.is_report))
}

fn to_nothing() -> Finding {
    Finding::warning("engine.answer-to-nothing", "cet avis ne répond à aucun de nos envois : il ne clôt rien")
}

fn foreign() -> Finding {
    Finding::warning(
        "engine.answer-foreign",
        "cet avis porte l'identifiant d'un de nos envois et parle d'une autre boîte : il ne clôt rien",
    )
}

fn repeated() -> Finding {
    Finding::new(
        Severity::Info,
        "engine.answer-repeated",
        "on le savait déjà : l'émetteur n'est pas prévenu une seconde fois",
    )
}

fn too_late() -> Finding {
    Finding::warning(
        "engine.answer-too-late",
        "l'envoi dont parle cet avis n'a plus de corps (durée de conservation passée) : l'émetteur n'est pas prévenu",
    )
}
