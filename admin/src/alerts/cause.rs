//! What an alert may be about, one row each: its code, the page that says what to do, the words of its end.
//! A new cause is a row here, a page in docs/operate/, and whoever sees it in `watch`.

use serde::{Deserialize, Serialize};

macro_rules! causes {
    ($($(#[$doc:meta])* $cause:ident $code:literal $page:literal $name:literal;)*) => {
        /// Why a human is called.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Cause { $($(#[$doc])* #[serde(rename = $code)] $cause,)* }

        impl Cause {
            /// Every cause.
            pub const ALL: &'static [Cause] = &[$(Self::$cause,)*];

            /// Stable name: log field, metric label.
            pub fn code(self) -> &'static str {
                match self { $(Self::$cause => $code,)* }
            }

            /// Page of docs/operate/.
            pub fn page(self) -> &'static str {
                match self { $(Self::$cause => $page,)* }
            }

            /// In a list, in French.
            pub fn name(self) -> &'static str {
                match self { $(Self::$cause => $name,)* }
            }
        }
    };
}

causes! {
    /// The journal cannot be written: nothing is acknowledged any more.
    JournalFailed "alert.journal-failed" "journal-en-panne.md" "journal en panne";
    /// Little room left on the disk.
    DiskLow "alert.disk-low" "disque-plein.md" "disque presque plein";
    /// A source stopped listening.
    NotListening "alert.not-listening" "ecoute-arretee.md" "plus d'écoute";
    /// Only failures come back from a partner.
    PartnerDown "alert.partner-down" "partenaire-injoignable.md" "partenaire injoignable";
    /// Something waits in a lane for too long.
    LaneLate "alert.lane-late" "file-en-retard.md" "file en retard";
    /// Messages or deliveries wait for a human.
    Parked "alert.parked" "mis-de-cote.md" "mis de côté";
    /// Commits are slow.
    CommitSlow "alert.commit-slow" "journal-lent.md" "journal lent";
    /// A certificate ends soon, or ended.
    CertificateExpiry "alert.certificate-expiry" "certificat-expire.md" "fin de certificat";
    /// The clock of the machine was set.
    ClockJump "alert.clock-jump" "horloge.md" "saut d'horloge";
    /// Notices that mails asked for do not come.
    Unanswered "alert.unanswered" "avis-en-retard.md" "avis en retard";
    /// A changed certificate or configuration was refused; the old one serves on.
    ReloadRefused "alert.reload-refused" "rechargement-refuse.md" "rechargement refusé";
}
