//! What a check says about a message, and checks themselves.
//! Findings are data: rendered to terminal, JSON, HTML or JUnit elsewhere. Source: style part 2, architecture §7.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Irregular, accepted.
    Warning,
    /// Refused.
    Error,
}

impl Severity {
    /// French word shown to users.
    pub fn label(self) -> &'static str {
        match self {
            Self::Info => "information",
            Self::Warning => "remarque",
            Self::Error => "refusé",
        }
    }
}

/// Where in a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// HL7 path (`PID-3[2].4.2`) or XPath; empty when the whole message is meant.
    pub path: String,
    /// Line, from 1, in the text the path belongs to.
    pub line: Option<u32>,
    /// Column, from 1, in characters.
    pub column: Option<u32>,
}

impl Place {
    /// A path alone.
    pub fn path(path: impl Into<String>) -> Self {
        Self { path: path.into(), line: None, column: None }
    }

    /// A path with its line and column.
    pub fn at(path: impl Into<String>, line: u32, column: u32) -> Self {
        Self { path: path.into(), line: Some(line), column: Some(column) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, " ({line}:{column})")?;
        }
        Ok(())
    }
}

/// What a check says. In French, actionable, without any datum of a person: codes and forms only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Address of the check (`hl7v2/H051`), or stable code of an error (`mssante.domain-not-listed`).
    pub check: String,
    /// How grave.
    pub severity: Severity,
    /// Where.
    #[serde(default)]
    pub place: Place,
    /// What is wrong, one sentence.
    pub sentence: String,
    /// What was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Requirement and sheet: `hl7v2.md §2.5`, `ECO.2.4.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// Code to answer on the wire of that protocol: ERR-3 for HL7 v2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire_code: Option<String>,
}

impl Finding {
    /// A finding of this severity; the rest is added by the methods below.
    pub fn new(severity: Severity, check: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            severity,
            place: Place::default(),
            sentence: sentence.into(),
            expected: None,
            found: None,
            remedy: None,
            requirement: None,
            wire_code: None,
        }
    }

    /// An error.
    pub fn error(check: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self::new(Severity::Error, check, sentence)
    }

    /// A warning.
    pub fn warning(check: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self::new(Severity::Warning, check, sentence)
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Says what was expected and what was found.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>, found: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.found = Some(found.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Says which requirement.
    #[must_use]
    pub fn requirement(mut self, requirement: impl Into<String>) -> Self {
        self.requirement = Some(requirement.into());
        self
    }

    /// Says which code to answer.
    #[must_use]
    pub fn wire_code(mut self, code: impl Into<String>) -> Self {
        self.wire_code = Some(code.into());
        self
    }
}

/// What the text says, or what the field does. Source: architecture §7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// What the text says: the harness.
    Strict,
    /// What the field does: the gateway. Notes, refuses only the impossible.
    #[default]
    Tolerant,
}

/// One rule of one requirement, over a parsed value.
pub struct Check<T: ?Sized> {
    /// Address: `hl7v2/H004`. Never renumbered.
    pub id: &'static str,
    /// Requirement and sheet.
    pub requirement: &'static str,
    /// The rule, in French.
    pub rule: &'static str,
    /// Severity in strict mode.
    pub strict: Severity,
    /// Severity in tolerant mode.
    pub tolerant: Severity,
    /// Code to answer on the wire, when the protocol has one.
    pub wire_code: Option<&'static str>,
    /// Adds what is wrong; nothing added means conformant or not applicable.
    pub run: fn(&T, &mut Verdicts<'_>),
}

/// Where a check writes what it found. Fills in the address, the severity, the requirement and the code.
pub struct Verdicts<'a> {
    id: &'static str,
    requirement: &'static str,
    severity: Severity,
    wire_code: Option<&'static str>,
    findings: &'a mut Vec<Finding>,
}

impl Verdicts<'_> {
    /// Adds a finding at a place.
    pub fn add(&mut self, place: Place, sentence: impl Into<String>) -> &mut Finding {
        let mut finding =
            Finding::new(self.severity, self.id, sentence).at(place).requirement(self.requirement);
        finding.wire_code = self.wire_code.map(str::to_owned);
        self.findings.push(finding);
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    /// Adds a finding that says what was expected and what was found.
    pub fn differs(
        &mut self,
        place: Place,
        sentence: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) {
        let finding = self.add(place, sentence);
        finding.expected = Some(expected.into());
        finding.found = Some(found.into());
    }
}

/// Runs checks in order and gathers everything they say.
pub fn run_checks<'c, T: ?Sized + 'c>(
    checks: impl IntoIterator<Item = &'c Check<T>>,
    subject: &T,
    mode: Mode,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for check in checks {
        let severity = match mode {
            Mode::Strict => check.strict,
            Mode::Tolerant => check.tolerant,
        };
        (check.run)(
            subject,
            &mut Verdicts {
                id: check.id,
                requirement: check.requirement,
                severity,
                wire_code: check.wire_code,
                findings: &mut findings,
            },
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVEN: Check<u32> = Check {
        id: "demo/D01",
        requirement: "demo.md §1",
        rule: "le nombre est pair",
        strict: Severity::Error,
        tolerant: Severity::Warning,
        wire_code: Some("102"),
        run: |n, verdicts| {
            if n % 2 == 1 {
                verdicts.differs(Place::path("N-1"), "le nombre est impair", "pair", "impair");
            }
        },
    };

    #[test]
    fn a_check_says_nothing_of_what_conforms() {
        assert_eq!(run_checks([&EVEN], &2, Mode::Strict), []);
    }

    #[test]
    fn the_mode_decides_the_severity_and_the_check_gives_the_rest() {
        let strict = run_checks([&EVEN], &3, Mode::Strict);
        let tolerant = run_checks([&EVEN], &3, Mode::Tolerant);
        assert_eq!(strict[0].severity, Severity::Error);
        assert_eq!(tolerant[0].severity, Severity::Warning);
        assert_eq!((strict[0].check.as_str(), strict[0].wire_code.as_deref()), ("demo/D01", Some("102")));
    }
}
