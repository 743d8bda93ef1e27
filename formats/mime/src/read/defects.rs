//! What is irregular in a mail that was read all the same.
//! In: a defect and the part it is in. Out: a finding in French. Sources: RFC 2045 to 2047, 5322, mssante.md §8.

use jonction_model::{Finding, Place, Severity};

macro_rules! defects {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $severity:ident, $sentence:literal;)+) => {
        /// An irregularity. Each has a stable code and a sentence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Defect {
            $($(#[$doc])* $name,)+
        }

        impl Defect {
            /// Stable name.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            fn row(self) -> (Severity, &'static str) {
                match self { $(Self::$name => (Severity::$severity, $sentence),)+ }
            }
        }
    };
}

defects! {
    /// A multipart without `boundary`.
    NoBoundary = "mime.no-boundary", Warning,
        "la partie se dit composée mais n'annonce pas de séparateur : elle est gardée d'un bloc";
    /// The boundary never comes, or closes what holds nothing.
    BoundaryAbsent = "mime.boundary-absent", Warning,
        "la partie se dit composée mais son séparateur n'en ouvre aucune : elle est gardée d'un bloc";
    /// The closing boundary is missing.
    BoundaryNotClosed = "mime.boundary-not-closed", Warning,
        "le séparateur final manque : le courriel est peut-être incomplet";
    /// The head ends without its blank line.
    HeadNotEnded = "mime.head-not-ended", Warning,
        "la ligne vide entre les en-têtes et le corps manque";
    /// Bytes out of ASCII in the headers.
    EightBitHeader = "mime.eight-bit-header", Info,
        "des en-têtes portent des accents non codés : ils sont lus en UTF-8, sinon en Windows-1252";
    /// A Content-Transfer-Encoding that does not exist.
    UnknownEncoding = "mime.unknown-encoding", Warning,
        "le codage de transfert annoncé n'existe pas : les octets sont gardés tels quels";
    /// Base64 with bytes that do not belong there.
    Base64Damaged = "mime.base64-damaged", Warning,
        "le contenu en base64 porte des caractères étrangers : ils sont écartés";
    /// Something after the end of the base64.
    Base64Trailing = "mime.base64-trailing", Info,
        "un texte suit la fin du contenu en base64 : il est écarté";
    /// An `=` that opens nothing.
    QuotedPrintableDamaged = "mime.quoted-printable-damaged", Info,
        "le contenu en quoted-printable porte des signes « = » isolés : ils sont gardés";
    /// The text is in another charset than it says.
    CharsetMislabelled = "mime.charset-mislabelled", Info,
        "le texte n'est pas dans le jeu de caractères annoncé : il est lu dans celui qui convient";
    /// Nobody knows the charset.
    CharsetUnknown = "mime.charset-unknown", Warning,
        "le jeu de caractères annoncé est inconnu : le texte est lu en UTF-8, sinon en Windows-1252";
    /// winmail.dat was opened.
    TnefOpened = "mime.tnef-opened", Info,
        "les pièces jointes étaient dans un « winmail.dat » d'Outlook : elles en ont été sorties";
    /// winmail.dat cannot be read.
    TnefUnreadable = "mime.tnef-unreadable", Warning,
        "la pièce jointe « winmail.dat » d'Outlook n'a pas pu être ouverte en entier";
    /// S/MIME, signed: read, not verified.
    SignatureKept = "mime.signature-not-verified", Info,
        "le courriel porte une signature S/MIME : elle est gardée mais n'est pas vérifiée";
    /// S/MIME, signed, whose content cannot be reached.
    SignedUnreadable = "mime.signed-unreadable", Warning,
        "l'enveloppe S/MIME signée n'a pas pu être ouverte";
    /// S/MIME or PGP, encrypted.
    Encrypted = "mime.encrypted", Warning,
        "le contenu est chiffré de bout en bout : Jonction n'a pas la clé et ne peut pas le lire";
}

impl Defect {
    /// The finding, for the part at this path (empty: the mail).
    pub fn finding(self, path: &str) -> Finding {
        let (severity, sentence) = self.row();
        let place = match path {
            "" | "TEXT" => Place::default(),
            path => Place::path(format!("partie {path}")),
        };
        let finding = Finding::new(severity, self.code(), sentence).at(place).requirement("mssante.md §8");
        match self {
            Self::Encrypted => {
                finding.remedy("demander à l'émetteur un envoi MSSanté ordinaire, non chiffré")
            }
            Self::BoundaryNotClosed | Self::Base64Damaged | Self::TnefUnreadable | Self::SignedUnreadable => {
                finding.remedy("vérifier la pièce jointe ; au besoin, demander un nouvel envoi")
            }
            _ => finding,
        }
    }
}
