//! Kinds of values, told from what a parser takes and refuses of a list of trials.
//! In: a parser. Out: a [`Kind`] with a text that it takes. Deliberately absent: what the parser says, but for what it expects.

/// A kind of value: what it looks like, and a text of that kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) look: Look,
    sample: Option<&'static str>,
    /// What its parser expects, in French.
    pub(crate) expected: String,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// `true`, `non`.
    Boolean,
    /// Digits.
    Number,
    /// `30s`.
    Duration,
    /// `50MB`.
    Size,
    /// Anything else.
    Text,
}

/// What is tried: the first that a parser takes is its sample.
const TRIALS: [&str; 26] = [
    "x",
    "true",
    "30s",
    "50MB",
    "5",
    "400",
    "127.0.0.1:2575",
    "adresse@exemple.mssante.fr",
    "@file:secret",
    "1.2.250.1",
    "2.25.1",
    "https://localhost:8443/si-dmp-server/v2/services",
    "https://localhost:8443",
    "mllp://localhost:2576",
    "localhost:2587",
    "990000018",
    "1990000018",
    "10/s",
    "lun-ven 08:00-19:00",
    "2026-12-24",
    "06:00",
    "5%",
    "10.0.0.0/8",
    "documents",
    "content",
    "SA01",
];

/// The first line that fits tells the look: one of these is taken, none of those.
const LOOKS: [(Look, &[&str], &[&str]); 4] = [
    (Look::Boolean, &["true"], &["x", "5"]),
    (Look::Duration, &["30s"], &["x", "5"]),
    (Look::Size, &["50MB"], &["x", "5"]),
    (Look::Number, &["1", "5", "400"], &["x", "5x", "1.2.250.1"]),
];

impl Kind {
    /// Watches a parser.
    pub(crate) fn of<T>(parse: impl Fn(&str) -> Result<T, String>) -> Self {
        let takes = |text: &&str| parse(text).is_ok();
        let fits = |(_, yes, no): &&(Look, &[&str], &[&str])| yes.iter().any(takes) && !no.iter().any(takes);
        Self {
            look: LOOKS.iter().find(fits).map_or(Look::Text, |(look, ..)| *look),
            sample: TRIALS.into_iter().find(|trial| takes(trial)),
            expected: parse("\u{1}").err().unwrap_or_default(),
        }
    }

    /// A text of this kind, as far as one is known.
    pub(crate) fn sample(&self) -> &'static str {
        self.sample.unwrap_or("x")
    }
}
