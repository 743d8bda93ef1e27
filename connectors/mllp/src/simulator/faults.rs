//! What a simulated LPS can do wrong, by name.
//! In: nothing. Out: a table for `jonction-simkit`. Source: hl7v2.md §6.6, §9; each row is a product somebody met.

use jonction_simkit::{FaultRow, FaultTable};

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refuses for good.
    AckAe,
    /// Refuses with this functional code (table 0533).
    Application(&'static str),
    /// Refuses for now.
    AckAr,
    /// Acknowledges another message.
    ForeignAck,
    /// Answers too late.
    LateAck,
    /// Never answers.
    NoAck,
    /// Hangs up instead of answering.
    Drop,
    /// Hangs up after each answer.
    CloseEach,
    /// Sends a commit block of MLLP release 2 first.
    Commit,
    /// Answers in small pieces.
    SplitAck,
    /// Answers without start and end of block.
    UnframedAck,
    /// Answers twice.
    DoubleAck,
    /// Answers with a message that acknowledges nothing.
    BusinessAnswer,
}

/// Every fault with its name in plans.
#[rustfmt::skip]
pub const FAULTS: FaultTable<Fault> = &[
    row("ack-ae", "refuse le message (AE)", Fault::AckAe),
    row("refuse-900", "refuse le document : version incorrecte (AE, 207, 900)", Fault::Application("900")),
    row("refuse-901", "refuse le document : auteur non autorisé (AE, 207, 901)", Fault::Application("901")),
    row("refuse-902", "refuse le document : patient inconnu (AE, 207, 902)", Fault::Application("902")),
    row("refuse-903", "refuse le document : pas d'INS (AE, 207, 903)", Fault::Application("903")),
    row("refuse-904", "refuse le document : autre INS (AE, 207, 904)", Fault::Application("904")),
    row("refuse-905", "refuse le document : INS incomplet (AE, 207, 905)", Fault::Application("905")),
    row("refuse-906", "refuse le document : autre cause (AE, 207, 906)", Fault::Application("906")),
    row("ack-ar", "demande de renvoyer plus tard (AR)", Fault::AckAr),
    row("foreign-ack", "acquitte un autre numéro de message", Fault::ForeignAck),
    row("late-ack", "acquitte trop tard", Fault::LateAck),
    row("no-ack", "garde la connexion ouverte sans acquitter", Fault::NoAck),
    row("drop", "coupe la connexion après réception, sans acquitter", Fault::Drop),
    row("close-each", "ferme la connexion après chaque acquittement", Fault::CloseEach),
    row("commit", "envoie d'abord un bloc d'accord MLLP version 2", Fault::Commit),
    row("split-ack", "envoie l'acquittement par petits morceaux", Fault::SplitAck),
    row("unframed-ack", "acquitte sans encadrement MLLP", Fault::UnframedAck),
    row("double-ack", "acquitte deux fois", Fault::DoubleAck),
    row("business-answer", "répond par un message métier sans MSA", Fault::BusinessAnswer),
];

const fn row(name: &'static str, summary: &'static str, fault: Fault) -> FaultRow<Fault> {
    FaultRow { name, summary, fault }
}
