//! OperationOutcome: what a server has to say when it refuses.
//! In: the body of an answer. Out: its first issue, short enough for a screen. Source: annuaires.md §2.3.

use serde_json::Value;

use crate::node::Node;

/// Characters of a diagnosis that are shown: a server may echo the question.
const SHOWN_MAX: usize = 160;

/// The first issue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `error`, `warning`…
    pub severity: String,
    /// `processing`, `exception`, `not-found`…
    pub code: String,
    /// What the server says, shortened, on one line.
    pub diagnostics: String,
}

impl Outcome {
    /// Reads a body, whatever its status. None when it says something else.
    pub fn of(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let node = Node::of(&value);
        if node.kind() != "OperationOutcome" {
            return None;
        }
        let issue = node.items("issue").next()?;
        let said = [issue.text("diagnostics"), issue.at("details").text("text")];
        let said = said.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let shown =
            |text: &str, max| text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(max).collect();
        Some(Self {
            severity: shown(issue.text("severity"), 20),
            code: shown(issue.text("code"), 40),
            diagnostics: shown(said, SHOWN_MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_issue_is_told_short_and_on_one_line() {
        let long = "x\\n".repeat(500);
        let body = format!(
            r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"error","code":"exception","diagnostics":"{long}"}}]}}"#
        );
        let outcome = Outcome::of(body.as_bytes()).unwrap();
        assert_eq!((outcome.severity.as_str(), outcome.code.as_str()), ("error", "exception"));
        assert_eq!(outcome.diagnostics.chars().count(), SHOWN_MAX);
        assert!(!outcome.diagnostics.contains('\n'));
        assert_eq!(Outcome::of(b"<html>"), None);
        assert_eq!(Outcome::of(br#"{"resourceType":"Bundle"}"#), None);
    }
}
