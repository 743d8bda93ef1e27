//! What `jonction test` found, for a human, for a program, for a continuous integration (JUnit).
//! In: cases that were tried. Out: text, JSON, XML.

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use jonction_rows::Difference;
use serde_json::{Value as Json, json};

use super::{count, duration};
use crate::{
    cases::{coverage::Never, mutation::Mutant},
    graph::svg::escaped,
};

/// What one case came to.
pub(crate) struct Tried {
    /// The mapping, or the route.
    pub(crate) of: String,
    pub(crate) case: PathBuf,
    pub(crate) differences: Vec<Difference>,
    pub(crate) elapsed: Duration,
}

/// Everything that was tried.
#[derive(Default)]
pub(crate) struct Tested {
    pub(crate) tried: Vec<Tried>,
    /// What no case exercises.
    pub(crate) never: Vec<Never>,
    /// Alterations, when they were tried.
    pub(crate) mutants: Option<Vec<Mutant>>,
    pub(crate) elapsed: Duration,
}

impl Tested {
    /// How many cases differ.
    pub(crate) fn failed(&self) -> usize {
        self.tried.iter().filter(|one| !one.differences.is_empty()).count()
    }

    fn survivors(&self) -> impl Iterator<Item = &Mutant> {
        self.mutants.iter().flatten().filter(|mutant| !mutant.noticed)
    }

    /// For a human.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for one in self.tried.iter().filter(|one| !one.differences.is_empty()) {
            let _ = writeln!(text, "différent  {}  {}", one.of, one.case.display());
            for Difference { path, expected, found } in &one.differences {
                let _ = writeln!(text, "  {path}\n    attendu {expected}\n    trouvé  {found}");
            }
        }
        if !self.never.is_empty() {
            text += "ce qu'aucun cas n'exerce\n";
            for Never { file, line, what, how } in &self.never {
                let _ = writeln!(text, "  {file}:{line}  {how}  {what}");
            }
        }
        if self.survivors().next().is_some() {
            text += "changements qu'aucun cas ne remarque\n";
            for Mutant { file, line, what, .. } in self.survivors() {
                let _ = writeln!(text, "  {file}:{line}  {what}");
            }
        }
        if let Some(mutants) = &self.mutants {
            let noticed = mutants.iter().filter(|mutant| mutant.noticed).count();
            let _ = writeln!(text, "{} essayés, {noticed} remarqués", count(mutants.len(), "changement"));
        }
        let failed = self.failed();
        let passed = count(self.tried.len() - failed, "cas conforme");
        let _ = writeln!(text, "{passed}, {}, en {}", count(failed, "différent"), duration(self.elapsed));
        text
    }

    /// For a program: a value per line.
    pub(crate) fn values(&self) -> Vec<Json> {
        let tried = self.tried.iter().map(|one| {
            json!({
                "of": one.of, "case": one.case.display().to_string(), "passed": one.differences.is_empty(),
                "differences": one.differences,
            })
        });
        let never = self.never.iter().map(|never| json!({ "never": never }));
        let mutants = self.mutants.iter().flatten().map(|mutant| json!({ "mutant": mutant }));
        tried.chain(never).chain(mutants).collect()
    }

    /// For a continuous integration.
    pub(crate) fn junit(&self) -> String {
        let (all, failed) = (self.tried.len(), self.failed());
        let seconds = |elapsed: Duration| format!("{:.6}", elapsed.as_secs_f64());
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"jonction test\" tests=\"{all}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\" time=\"{}\">\n",
            seconds(self.elapsed)
        );
        for one in &self.tried {
            let (of, case) = (escaped(&one.of), escaped(&one.case.display().to_string()));
            let _ =
                write!(xml, "<testcase classname=\"{of}\" name=\"{case}\" time=\"{}\"", seconds(one.elapsed));
            if one.differences.is_empty() {
                xml += "/>\n";
                continue;
            }
            let places: Vec<&str> =
                one.differences.iter().map(|difference| difference.path.as_str()).collect();
            let _ = write!(xml, ">\n<failure message=\"{}\">", escaped(&places.join(", ")));
            for Difference { path, expected, found } in &one.differences {
                let line = format!("{path} : attendu {expected}, trouvé {found}");
                let _ = writeln!(xml, "{}", escaped(&line));
            }
            xml += "</failure>\n</testcase>\n";
        }
        xml + "</testsuite>\n</testsuites>\n"
    }
}
