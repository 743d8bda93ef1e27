//! A probe on a terminal: one line a step, what is wrong under it.

use jonction_model::{Finding, Severity};

use super::{duration, padded};
use crate::commands::probe::Tried;

/// One way that was tried.
pub(crate) fn tried(tried: &Tried) -> String {
    let mut text = format!("{}   {}   {}\n", tried.partner, tried.connector, tried.target);
    for step in &tried.steps {
        let word = match step.finding.as_ref().map(|finding| finding.severity) {
            None | Some(Severity::Info) => "fait",
            Some(Severity::Warning) => "remarque",
            Some(Severity::Error) => "échec",
        };
        let failed = step.finding.as_ref().filter(|_| step.failed());
        let seen = failed.map_or(step.seen.as_str(), |finding| finding.sentence.as_str());
        text += &format!(
            "  {}  {}  {:>7}  {seen}\n",
            padded(word, 8),
            padded(step.kind.label(), 10),
            duration(step.elapsed)
        );
        if let Some(finding) = &step.finding {
            under(&mut text, finding, step.failed());
        }
    }
    text += match tried.reachable {
        true => "  joignable\n",
        false => "  NON JOIGNABLE\n",
    };
    text
}

fn under(text: &mut String, finding: &Finding, failed: bool) {
    let mut line = |word: &str, what: &str| {
        *text += &format!("{}{}  {what}\n", " ".repeat(33), padded(word, 7));
    };
    if !failed {
        line("", &finding.sentence);
    }
    if let (Some(expected), Some(found)) = (&finding.expected, &finding.found) {
        line("attendu", expected);
        line("trouvé", found);
    } else if let Some(found) = &finding.found {
        line("trouvé", found);
    }
    if let Some(remedy) = &finding.remedy {
        line("remède", remedy);
    }
    line("code", &finding.check);
}
