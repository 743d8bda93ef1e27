//! `jonction recall`: a document that went to the wrong person is taken back.
//! In: the uniqueId of the document. Out: what left and what did not, then an order for each message that carried it,
//! and a text for the structure that sent it.

use jonction_engine::{Act, MessageJourney};

use super::{orders, questions::reader};
use crate::{
    cli::{Common, RecallArgs},
    failure::{Failure, exit},
    out, show,
};

pub(super) fn run(args: &RecallArgs, common: &Common) -> Result<u8, Failure> {
    let document = args.document.trim();
    let carried = |journey: &MessageJourney| {
        let carries =
            journey.documents.iter().any(|one| one.unique_id == document && one.operation != "delete");
        carries && journey.recalls.is_none()
    };
    let journeys: Vec<MessageJourney> =
        reader(common)?.journey(document)?.into_iter().filter(carried).collect();
    if journeys.is_empty() {
        return Err(Failure::new("recall.unknown-document", "aucun message ne porte ce document")
            .remedy("chercher son identifiant : jonction find --document, ou --patient"));
    }
    if args.dry_run {
        tell(common, &journeys, document, false);
        return Ok(exit::DONE);
    }
    for journey in &journeys {
        let act = Act::Recall { message: journey.id, document: document.to_owned() };
        let order = orders::order(&args.order, act)?;
        orders::give(common, order, &format!("document du message #{} rappelé", journey.id))?;
    }
    if !common.json {
        tell(common, &journeys, document, true);
    }
    Ok(exit::DONE)
}

fn tell(common: &Common, journeys: &[MessageJourney], document: &str, done: bool) {
    if common.json {
        journeys.iter().for_each(out::json);
    } else {
        out::write(&show::recall::letter(journeys, document, done));
    }
}
