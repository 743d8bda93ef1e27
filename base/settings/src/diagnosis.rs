//! What is wrong in the configuration: data first, rendered to terminal or JSON afterwards.
//! Source: style part 2 « What the user reads », experience §3.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{learn::Asked, node::Span};

/// Whether the gateway may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It may not.
    Error,
    /// It may.
    Warning,
}

/// One thing wrong, in French, with its place and its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Error or warning.
    pub level: Level,
    /// Stable name: `route.unknown-partner`.
    pub code: String,
    /// Where; `None` when it is about a whole folder or a missing file.
    pub span: Option<Span>,
    /// What is wrong.
    pub sentence: String,
    /// What to do.
    pub remedy: Option<String>,
}

impl Diagnosis {
    /// Says what to do.
    pub fn remedy(&mut self, remedy: impl Into<String>) -> &mut Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Text for a terminal: place, two lines of the file, the sentence under the fault, the remedy.
    pub fn render(&self) -> String {
        let word = match self.level {
            Level::Error => "erreur",
            Level::Warning => "avertissement",
        };
        let mut text = format!("{word}  {}", self.code);
        match &self.span {
            Some(span) => {
                let place = format!("{}:{}:{}", span.file.path.display(), span.line, span.column);
                let gap = 44_usize.saturating_sub(text.chars().count()).max(3);
                let _ = writeln!(text, "{:gap$}{place}", "");
                let lines: Vec<&str> = span.file.text.lines().collect();
                for number in span.line.saturating_sub(1).max(1)..=span.line {
                    if let Some(line) = lines.get(number - 1) {
                        let _ = writeln!(text, "{number:>5} | {line}");
                    }
                }
                let carets = "^".repeat(span.length.clamp(1, 60));
                let indent = " ".repeat(span.column - 1);
                let _ = writeln!(text, "      | {indent}{carets} {}", self.sentence);
            }
            None => {
                let _ = writeln!(text, "\n        {}", self.sentence);
            }
        }
        if let Some(remedy) = &self.remedy {
            let _ = writeln!(text, "remède  {remedy}");
        }
        text
    }

    /// The same for programs.
    pub fn to_json(&self) -> DiagnosisJson<'_> {
        DiagnosisJson {
            level: self.level,
            code: &self.code,
            file: self.span.as_ref().map(|span| span.file.path.display().to_string()),
            line: self.span.as_ref().map(|span| span.line),
            column: self.span.as_ref().map(|span| span.column),
            sentence: &self.sentence,
            remedy: self.remedy.as_deref(),
        }
    }
}

/// JSON form of a diagnosis.
#[derive(Clone, Debug, Serialize)]
pub struct DiagnosisJson<'a> {
    level: Level,
    code: &'a str,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    sentence: &'a str,
    remedy: Option<&'a str>,
}

/// Everything wrong, in the order it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnoses {
    list: Vec<Diagnosis>,
    /// What readers ask, when somebody watches them ([`crate::learn()`]).
    asked: Option<Vec<Asked>>,
}

impl Diagnoses {
    /// Notes what readers ask.
    pub(crate) fn watching() -> Self {
        Self { list: Vec::new(), asked: Some(Vec::new()) }
    }

    pub(crate) fn into_asked(self) -> Vec<Asked> {
        self.asked.unwrap_or_default()
    }

    /// Notes what is asked, when somebody watches.
    pub(crate) fn ask(&mut self, asked: impl FnOnce() -> Asked) {
        if let Some(noted) = &mut self.asked {
            noted.push(asked());
        }
    }

    /// Adds an error at a place.
    pub fn error(
        &mut self,
        code: impl Into<String>,
        span: &Span,
        sentence: impl Into<String>,
    ) -> &mut Diagnosis {
        self.add(Level::Error, code, Some(span.clone()), sentence)
    }

    /// Adds a warning at a place.
    pub fn warning(
        &mut self,
        code: impl Into<String>,
        span: &Span,
        sentence: impl Into<String>,
    ) -> &mut Diagnosis {
        self.add(Level::Warning, code, Some(span.clone()), sentence)
    }

    /// Adds an error or a warning.
    pub fn add(
        &mut self,
        level: Level,
        code: impl Into<String>,
        span: Option<Span>,
        sentence: impl Into<String>,
    ) -> &mut Diagnosis {
        self.list.push(Diagnosis { level, code: code.into(), span, sentence: sentence.into(), remedy: None });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// All of them.
    pub fn list(&self) -> &[Diagnosis] {
        &self.list
    }

    /// Whether anything forbids to start.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnosis| diagnosis.level == Level::Error)
    }

    /// How many errors and warnings.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.list.iter().filter(|diagnosis| diagnosis.level == Level::Error).count();
        (errors, self.list.len() - errors)
    }

    /// Takes over those of another reading.
    pub fn extend(&mut self, other: Diagnoses) {
        self.list.extend(other.list);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::node::SourceFile;

    #[test]
    fn a_diagnosis_shows_the_line_the_fault_and_the_remedy() {
        let file = Arc::new(SourceFile {
            path: "routes/lettres.yaml".into(),
            text: "to:\n  - dmp: dmp-nationale\n".to_owned(),
        });
        let span = Span { file, line: 2, column: 10, length: 13 };
        let mut diagnoses = Diagnoses::default();
        diagnoses
            .error("route.unknown-partner", &span, "aucun partenaire ne porte ce nom")
            .remedy("partenaires connus : dmp-national");
        assert_eq!(
            diagnoses.list()[0].render(),
            "erreur  route.unknown-partner               routes/lettres.yaml:2:10\n\
             \x20   1 | to:\n\
             \x20   2 |   - dmp: dmp-nationale\n\
             \x20     |          ^^^^^^^^^^^^^ aucun partenaire ne porte ce nom\n\
             remède  partenaires connus : dmp-national\n"
        );
        assert_eq!(diagnoses.counts(), (1, 0));
    }
}
