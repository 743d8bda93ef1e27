//! Liste blanche of the espace de confiance.
//! In: bytes of the XML file, the list in force, the time. Out: domains with the DN of their operators, or why not.
//! Source: mssante.md §1.5. The signature of the list is unconfirmed there: not judged here.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use jiff::Timestamp;
use jonction_model::{Mode, directory::Source};
use jonction_ports::Directory;
use quick_xml::{Reader, escape::resolve_predefined_entity, events::Event};

use crate::punycode;

/// Namespace of the list.
pub const NAMESPACE: &str = "https://listeblanche.mssante.fr/schema";

/// How much a list may ask of us. The real one had 8 655 entries in June 2026, about 6 MB.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Whole file.
    pub bytes_max: usize,
    /// `Domaine` elements.
    pub entries_max: usize,
    /// Text of one element.
    pub text_bytes_max: usize,
    /// Levels of elements.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 64 << 20, entries_max: 100_000, text_bytes_max: 8 << 10, depth_max: 32 }
    }
}

/// Why a list is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhitelistError {
    /// Over a limit.
    #[error("whitelist is over the limit on {0}")]
    TooLarge(&'static str),
    /// Not the expected XML.
    #[error("whitelist is not readable at byte {at}: {what}")]
    NotReadable {
        /// Where.
        at: u64,
        /// What.
        what: &'static str,
    },
    /// It ends before its end, and strict reading was asked.
    #[error("whitelist is cut")]
    Cut,
    /// Older than the list in force.
    #[error("whitelist is older than the one in force")]
    Older,
    /// More than a fifth of the domains in force would vanish at once.
    #[error("whitelist would shrink from {before} to {after} domains")]
    Shrunk {
        /// Domains in force.
        before: usize,
        /// Domains offered.
        after: usize,
    },
}

impl WhitelistError {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "mssante.whitelist-too-large",
            Self::NotReadable { .. } => "mssante.whitelist-not-readable",
            Self::Cut => "mssante.whitelist-cut",
            Self::Older => "mssante.whitelist-older",
            Self::Shrunk { .. } => "mssante.whitelist-shrunk",
        }
    }
}

/// A list that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whitelist {
    /// Domain in A-labels and lower case → DN of the certificates of its operators (a domain is repeated once per
    /// certificate).
    domains: HashMap<Box<str>, BTreeSet<Box<str>>>,
    /// `DateDeGeneration`.
    pub generated_at: Timestamp,
    /// `Domaine` elements, repeats included.
    pub entries: usize,
    /// Whether it was read to its end. The copies published on a forge are cut.
    pub complete: bool,
}

/// What the list says of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// In the list.
    Yes,
    /// Not in the list, which is complete and fresh.
    No,
    /// Not in the list, which is cut.
    NotInCutList,
    /// Not in the list, which is too old to say no.
    NotInStaleList,
}

impl Listed {
    /// What a whole list of that date says of a domain it does not have.
    fn absent(generated_at: Timestamp, now: Timestamp, age_max: Duration) -> Self {
        let age = now.duration_since(generated_at).unsigned_abs();
        if now > generated_at && age > age_max { Self::NotInStaleList } else { Self::No }
    }

    /// What the list of the directories says: only a whole one is ever put in use there. `None`: no list was ever pulled,
    /// or the directories cannot be read.
    pub fn in_directory(
        directory: &dyn Directory,
        domain: &str,
        now: Timestamp,
        age_max: Duration,
    ) -> Option<Self> {
        let list = directory.states().into_iter().find(|state| state.source == Source::ListeBlanche)?;
        let found = directory.domain(&normalise(domain)).ok()?;
        Some(if found.is_some() { Self::Yes } else { Self::absent(list.date, now, age_max) })
    }
}

impl Whitelist {
    /// Reads a list. Tolerant mode takes a list without its closing tag (or cut inside an entry, which is left out)
    /// and says that it is not complete. Errors: over a limit, not XML, a DTD, cut in strict mode.
    pub fn read(bytes: &[u8], mode: Mode, limits: &Limits) -> Result<Self, WhitelistError> {
        if bytes.len() > limits.bytes_max {
            return Err(WhitelistError::TooLarge("bytes"));
        }
        ListReader { limits, stack: Vec::new(), text: String::new(), nom: None, dn: None, list: None }
            .read(bytes, mode)
    }

    /// Whether this list may take the place of the one in force.
    /// Errors: older; more than a fifth of the domains lost in one step.
    pub fn may_replace(&self, in_force: &Whitelist) -> Result<(), WhitelistError> {
        if self.generated_at < in_force.generated_at {
            return Err(WhitelistError::Older);
        }
        let (before, after) = (in_force.len(), self.len());
        if after * 5 < before * 4 {
            return Err(WhitelistError::Shrunk { before, after });
        }
        Ok(())
    }

    /// Number of distinct domains.
    pub fn len(&self) -> usize {
        self.domains.len()
    }

    /// Whether there is no domain at all.
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    /// What the list says of a domain. Exact match, never a parent: depth is free in this space.
    pub fn lookup(&self, domain: &str, now: Timestamp, age_max: Duration) -> Listed {
        match self.domains.contains_key(normalise(domain).as_str()) {
            true => Listed::Yes,
            false if !self.complete => Listed::NotInCutList,
            false => Listed::absent(self.generated_at, now, age_max),
        }
    }

    /// Each domain with the DN of its operators.
    pub fn domains(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
        self.domains.iter().map(|(name, dns)| (name.as_ref(), dns.iter().map(AsRef::as_ref)))
    }

    /// DN of the operators of a domain.
    pub fn operators(&self, domain: &str) -> Option<impl Iterator<Item = &str>> {
        self.domains.get(normalise(domain).as_str()).map(|dns| dns.iter().map(AsRef::as_ref))
    }
}

/// Lower case, A-labels, no final dot.
fn normalise(domain: &str) -> String {
    punycode::to_ascii(domain.trim().trim_end_matches('.'))
}

struct ListReader<'l> {
    limits: &'l Limits,
    stack: Vec<Box<str>>,
    text: String,
    nom: Option<String>,
    dn: Option<String>,
    list: Option<Whitelist>,
}

impl ListReader<'_> {
    fn read(mut self, bytes: &[u8], mode: Mode) -> Result<Whitelist, WhitelistError> {
        // A cut in the middle of a character is a cut like another; anything else that is not UTF-8 is refused.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(error) => {
                let at = error.valid_up_to() as u64;
                return Err(WhitelistError::NotReadable { at, what: "text is not UTF-8" });
            }
        };
        let mut reader = Reader::from_str(text);
        let mut list =
            Whitelist { domains: HashMap::new(), generated_at: Timestamp::MIN, entries: 0, complete: false };
        let mut dated = false;
        loop {
            let at = reader.buffer_position();
            let not_readable = |what| WhitelistError::NotReadable { at, what };
            match reader.read_event() {
                Ok(Event::Start(start)) => self.open(start.local_name().as_ref())?,
                Ok(Event::Text(text)) => self.add(&text)?,
                Ok(Event::GeneralRef(reference)) => {
                    let character = reference.resolve_char_ref().ok().flatten().map(String::from);
                    let named = || resolve_predefined_entity(&reference).map(str::to_owned);
                    self.add(&character.or_else(named).ok_or(not_readable("unknown entity"))?)?;
                }
                Ok(Event::CData(data)) => self.add(&data)?,
                Ok(Event::End(_)) => {
                    dated |= self.close(&mut list).ok_or(not_readable("unexpected value"))?
                }
                Ok(Event::DocType(_)) => return Err(not_readable("a DTD is not allowed")),
                Ok(Event::Eof) => break,
                // What follows a cut is not an entry.
                Err(quick_xml::Error::Syntax(_) | quick_xml::Error::IllFormed(_)) if dated => break,
                Err(_) => return Err(not_readable("not well-formed XML")),
                Ok(_) => {}
            }
            if list.entries > self.limits.entries_max {
                return Err(WhitelistError::TooLarge("entries"));
            }
        }
        list.complete = self.stack.is_empty() && self.list.is_none();
        if !dated {
            return Err(WhitelistError::NotReadable { at: 0, what: "no DateDeGeneration" });
        }
        if mode == Mode::Strict && !list.complete {
            return Err(WhitelistError::Cut);
        }
        Ok(list)
    }

    fn open(&mut self, name: &str) -> Result<(), WhitelistError> {
        if self.stack.len() == self.limits.depth_max {
            return Err(WhitelistError::TooLarge("depth"));
        }
        if self.stack.is_empty() && name != "ListeBlancheMSSante" {
            return Err(WhitelistError::NotReadable { at: 0, what: "root is not ListeBlancheMSSante" });
        }
        self.stack.push(name.into());
        self.text.clear();
        Ok(())
    }

    fn add(&mut self, text: &str) -> Result<(), WhitelistError> {
        if self.text.len() + text.len() > self.limits.text_bytes_max {
            return Err(WhitelistError::TooLarge("text"));
        }
        self.text.push_str(text);
        Ok(())
    }

    /// An element ends. `Some(true)`: it was the date. `None`: its value is impossible.
    fn close(&mut self, list: &mut Whitelist) -> Option<bool> {
        let path: Vec<&str> = self.stack.iter().map(AsRef::as_ref).collect();
        let text = self.text.trim();
        let mut dated = false;
        match path.as_slice() {
            [_, "DateDeGeneration"] => {
                list.generated_at = text.parse().ok()?;
                dated = true;
            }
            [_, "ListeDomaines", "Domaine", "Nom"] => self.nom = Some(text.to_owned()),
            [_, "ListeDomaines", "Domaine", "DNCertificatOperateur"] => self.dn = Some(text.to_owned()),
            [_, "ListeDomaines", "Domaine"] => {
                let nom = self.nom.take().filter(|nom| !nom.is_empty())?;
                list.entries += 1;
                let dns = list.domains.entry(normalise(&nom).into()).or_default();
                dns.extend(self.dn.take().map(String::into_boxed_str));
            }
            _ => {}
        }
        self.stack.pop();
        self.text.clear();
        Some(dated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(domains: &[(&str, &str)], tail: &str) -> String {
        let entry = |(nom, dn): &(&str, &str)| {
            format!(
                "<Domaine><Nom>{nom}</Nom><Description>d</Description><DNCertificatOperateur>{dn}</DNCertificatOperateur></Domaine>"
            )
        };
        let entries: String = domains.iter().map(entry).collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListeBlancheMSSante xmlns=\"{NAMESPACE}\">\n<DateDeGeneration>2026-11-21T06:00:00Z</DateDeGeneration><ListeDomaines>{entries}</ListeDomaines>{tail}"
        )
    }

    const END: &str = "</ListeBlancheMSSante>";

    fn read(text: &str, mode: Mode) -> Result<Whitelist, WhitelistError> {
        Whitelist::read(text.as_bytes(), mode, &Limits::default())
    }

    fn domains(n: usize) -> Whitelist {
        let names: Vec<String> = (0..n).map(|n| format!("d{n}.mssante.example")).collect();
        let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "CN=a")).collect();
        read(&xml(&pairs, END), Mode::Strict).unwrap()
    }

    fn now(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn a_domain_has_the_certificates_of_all_its_entries() {
        let list = read(
            &xml(
                &[
                    ("A.mssante.example", "CN=a,O=&quot;C.H. X&quot;"),
                    ("a.mssante.example", "CN=b"),
                    ("a.mssante.example", "CN=b"),
                ],
                END,
            ),
            Mode::Strict,
        )
        .unwrap();
        assert_eq!((list.len(), list.entries, list.complete), (1, 3, true));
        assert_eq!(
            list.operators("a.MSSANTE.example.").unwrap().collect::<Vec<_>>(),
            ["CN=a,O=\"C.H. X\"", "CN=b"]
        );
    }

    #[test]
    fn only_the_exact_domain_matches() {
        let list = read(&xml(&[("hopital.mssante.example", "CN=a")], END), Mode::Strict).unwrap();
        let at = now("2026-11-21T12:00:00Z");
        assert_eq!(list.lookup("Hopital.mssante.example", at, DAY), Listed::Yes);
        for other in ["mssante.example", "x.hopital.mssante.example", "hopital.mssante.example.evil.example"]
        {
            assert_eq!(list.lookup(other, at, DAY), Listed::No, "{other}");
        }
    }

    #[test]
    fn an_accented_name_is_found_under_its_a_label() {
        let list = read(&xml(&[("Hôpital.mssante.example", "CN=a")], END), Mode::Strict).unwrap();
        assert_eq!(
            list.lookup("xn--hpital-ixa.mssante.example", now("2026-11-21T12:00:00Z"), DAY),
            Listed::Yes
        );
    }

    #[test]
    fn a_cut_list_is_read_in_tolerant_mode_and_never_says_no() {
        let text = xml(&[("a.mssante.example", "CN=a"), ("b.mssante.example", "CN=b")], "");
        assert_eq!(read(&text, Mode::Strict), Err(WhitelistError::Cut));

        let list = read(&text, Mode::Tolerant).unwrap();
        assert_eq!((list.len(), list.complete), (2, false));
        assert_eq!(list.lookup("c.mssante.example", now("2026-11-21T12:00:00Z"), DAY), Listed::NotInCutList);

        let half = &text[..text.find("b.mssante").unwrap() + 4];
        assert_eq!(read(half, Mode::Tolerant).unwrap().len(), 1);
    }

    #[test]
    fn a_list_says_no_until_its_age_and_not_after() {
        let list = domains(1);
        assert_eq!(list.lookup("x.example", now("2026-11-22T06:00:00Z"), DAY), Listed::No);
        assert_eq!(list.lookup("x.example", now("2026-11-22T06:00:01Z"), DAY), Listed::NotInStaleList);
    }

    #[test]
    fn a_list_that_loses_more_than_a_fifth_or_goes_back_in_time_is_refused() {
        assert_eq!(domains(80).may_replace(&domains(100)), Ok(()));
        assert_eq!(
            domains(79).may_replace(&domains(100)),
            Err(WhitelistError::Shrunk { before: 100, after: 79 })
        );
        let older = Whitelist { generated_at: now("2026-11-20T00:00:00Z"), ..domains(100) };
        assert_eq!(older.may_replace(&domains(100)), Err(WhitelistError::Older));
    }

    #[test]
    fn hostile_lists_are_refused() {
        let bomb = format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{}", xml(&[], END));
        assert!(matches!(read(&bomb, Mode::Tolerant), Err(WhitelistError::NotReadable { .. })));
        assert!(read("<autre/>", Mode::Tolerant).is_err());
        assert!(read("", Mode::Tolerant).is_err());
        let deep = format!("<ListeBlancheMSSante>{}", "<x>".repeat(100));
        assert_eq!(read(&deep, Mode::Tolerant), Err(WhitelistError::TooLarge("depth")));
        let limits = Limits { entries_max: 1, ..Limits::default() };
        let two = xml(&[("a.b", "c"), ("d.e", "f")], END);
        assert_eq!(
            Whitelist::read(two.as_bytes(), Mode::Strict, &limits),
            Err(WhitelistError::TooLarge("entries"))
        );
    }

    #[test]
    fn a_list_cut_at_any_byte_never_panics_and_never_says_no() {
        let text = xml(&[("a.mssante.example", "CN=é"), ("b.mssante.example", "CN=b")], END);
        for end in 0..text.len() - 1 {
            if let Ok(list) = Whitelist::read(&text.as_bytes()[..end], Mode::Tolerant, &Limits::default()) {
                assert!(!list.complete, "cut at {end}");
            }
        }
    }

    /// MSS-W01, MSS-W02 on the published excerpt.
    #[test]
    fn the_published_excerpt_gives_its_domains() {
        let Some(samples) = std::env::var_os("JONCTION_SAMPLES") else {
            jonction_testkit::skipped("JONCTION_SAMPLES is not set");
            return;
        };
        let dir = std::path::Path::new(&samples).join("mssante/liste_blanche");
        let whole = std::fs::read(dir.join("listeblanche_excerpt.xml")).unwrap();
        let list = Whitelist::read(&whole, Mode::Strict, &Limits::default()).unwrap();
        let at = list.generated_at;
        assert_eq!((list.entries, list.complete), (23, true));
        assert_eq!(list.lookup("uc-cmp.mssante.fr", at, DAY), Listed::Yes);
        assert_eq!(list.lookup("mssante.apicrypt.org", at, DAY), Listed::Yes);
        assert!(list.operators("15-20.mssante.fr").unwrap().count() >= 3);

        let cut = std::fs::read(dir.join("listeblanche_excerpt_truncated.xml")).unwrap();
        assert_eq!(Whitelist::read(&cut, Mode::Strict, &Limits::default()), Err(WhitelistError::Cut));
        assert!(!Whitelist::read(&cut, Mode::Tolerant, &Limits::default()).unwrap().complete);
    }
}
