//! Lists of findings that a hostile message cannot make long, and the way they join a flow.
//! In: findings, one by one. Out: the first ones, and one that says that there were more. Source: architecture §4.8.

use jonction_model::Finding;

/// Address of the finding that says that there were more.
const MORE: &str = "mapping.too-many-findings";

/// Findings of one step, a named number of them at most.
#[derive(Debug)]
pub(crate) struct Remarks {
    told: Vec<Finding>,
    max: usize,
    more: bool,
}

impl Remarks {
    pub(crate) fn new(max: usize) -> Self {
        Self { told: Vec::new(), max, more: false }
    }

    /// Over the limit, only the fact that there are more is kept.
    pub(crate) fn push(&mut self, finding: Finding) {
        if finding.check != MORE && self.told.len() < self.max {
            self.told.push(finding);
        } else {
            self.more = true;
        }
    }

    /// The same, unless exactly this was told already.
    pub(crate) fn push_once(&mut self, finding: Finding) {
        if !self.told.contains(&finding) {
            self.push(finding);
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Finding> {
        let mut told = self.told;
        if self.more {
            told.push(
                Finding::warning(MORE, "le message appelle plus de remarques que la passerelle n'en garde")
                    .expected(format!("{} au plus", self.max), "davantage")
                    .remedy("corriger celles-ci, puis renvoyer le message pour voir les suivantes"),
            );
        }
        told
    }
}

/// Adds to a flow what a step tells. What an earlier step told of the same place under the same check is told once:
/// the later one stays, unless it is milder.
pub(crate) fn join(flow: &mut Vec<Finding>, told: Vec<Finding>) {
    let earlier = flow.len();
    for finding in told {
        let same = |known: &&mut Finding| known.check == finding.check && known.place == finding.place;
        match flow[..earlier].iter_mut().find(same) {
            Some(known) if known.severity <= finding.severity => *known = finding,
            Some(_) => {}
            None => flow.push(finding),
        }
    }
}

#[cfg(test)]
mod tests {
    use jonction_model::{Place, Severity};

    use super::*;

    fn checks(findings: &[Finding]) -> Vec<&str> {
        findings.iter().map(|finding| finding.check.as_str()).collect()
    }

    #[test]
    fn a_list_is_whole_at_its_limit_and_says_that_there_were_more_above() {
        let of = |count: usize| {
            let mut remarks = Remarks::new(2);
            (0..count).for_each(|at| remarks.push(Finding::warning(format!("a/{at}"), "une remarque")));
            remarks.into_vec()
        };
        assert_eq!(checks(&of(2)), ["a/0", "a/1"]);
        assert_eq!(checks(&of(3)), ["a/0", "a/1", MORE]);
        // A list that was cut already stays cut, once.
        let mut again = Remarks::new(3);
        of(3).into_iter().for_each(|finding| again.push(finding));
        assert_eq!(checks(&again.into_vec()), ["a/0", "a/1", MORE]);
    }

    #[test]
    fn one_place_of_one_check_is_told_once_and_by_the_graver_of_both_steps() {
        let at = |finding: Finding, path: &str| finding.at(Place::path(path));
        let mut flow = vec![
            at(Finding::warning("a", "du contrôle"), "PID"),
            at(Finding::error("b", "du contrôle"), "PID"),
            at(Finding::warning("a", "du contrôle"), "MSH"),
        ];
        let told = vec![
            at(Finding::error("a", "de la traduction"), "PID"),
            at(Finding::warning("b", "de la traduction"), "PID"),
            at(Finding::warning("c", "de la traduction"), "PID"),
            at(Finding::warning("c", "de la traduction, document 2"), "PID"),
        ];
        join(&mut flow, told);
        assert_eq!(checks(&flow), ["a", "b", "a", "c", "c"]);
        assert_eq!((flow[0].severity, flow[0].sentence.as_str()), (Severity::Error, "de la traduction"));
        assert_eq!((flow[1].severity, flow[1].sentence.as_str()), (Severity::Error, "du contrôle"));
    }
}
