//! `jonction legal`: what no purge may destroy, until it is lifted.

use jonction_engine::{Act, LegalSubject};
use jonction_model::Masked;
use jonction_ports::MessageId;

use super::{
    orders,
    questions::{ask_patient, reader},
};
use crate::{
    cli::{Common, LegalAction, LegalArgs, LegalSubjectArgs},
    failure::{Failure, exit},
    out, show,
};

pub(super) fn run(args: &LegalArgs, common: &Common) -> Result<u8, Failure> {
    match &args.action {
        LegalAction::Hold(args) => {
            let act = Act::LegalHold { subject: subject(&args.subject)? };
            orders::give(common, orders::order(&args.order, act)?, "gelé : aucune purge ne le détruira")
        }
        LegalAction::Lift { hold, order } => {
            let order = orders::order(order, Act::LegalLift { hold: *hold })?;
            orders::give(common, order, &format!("gel {hold} levé"))
        }
        LegalAction::List => {
            let holds = reader(common)?.legal_holds()?;
            if common.json {
                holds.iter().for_each(out::json);
            } else {
                out::write(&show::purge::holds(&holds));
            }
            Ok(exit::DONE)
        }
    }
}

fn subject(args: &LegalSubjectArgs) -> Result<LegalSubject, Failure> {
    Ok(match (&args.document, args.message) {
        (Some(document), _) => LegalSubject::Document(document.clone()),
        (None, Some(message)) => LegalSubject::Message(MessageId(message)),
        (None, None) => LegalSubject::Patient(Masked::new(ask_patient()?)),
    })
}
