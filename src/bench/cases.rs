//! 1,000 cases of the example's routes, as `jonction test` plays them: read, admitted, routed, prepared, compared.
//! In: a project with cases. Out: how long.

use std::time::Instant;

use jonction_settings::Diagnoses;

use super::{
    measure::{Goal, Measure, median},
    program::{Workplace, broken},
};
use crate::{
    cases::{Bench, Suite, case::read_all},
    demo::scenes::discharge_letter,
    failure::{Failure, io},
    gateway,
};

const CASES: u32 = 1000;
const TURNS: usize = 3;

/// Each case has its own message; what is sent is looked into, so that nothing can be left undone.
pub(super) fn cases() -> Result<Vec<Measure>, Failure> {
    let workplace = Workplace::new("cases")?;
    let folder = workplace.project.join("routes/cases");
    let refused = |error: std::io::Error| io("dossier de mesure", &folder, &error);
    std::fs::create_dir_all(&folder).map_err(refused)?;
    for number in 0..CASES {
        let control_id = format!("CAS-{number}");
        let (message, _) = discharge_letter(&control_id, number, 1, 0);
        let case = format!(
            "at: 2026-11-21T08:00\nexpect:\n  ack: {{ MSA-1: AA, MSA-2: {control_id} }}\n  verdict: routed\n  deliveries:\n    \
             - {{ to: dmp-national, state: owed, sent: {{ contains: SubmissionSet }} }}\n    \
             - {{ to: operateur-regional, state: owed, sent: {{ contains: IHE_XDM }} }}\n"
        );
        std::fs::write(folder.join(format!("cas-{number:04}.yaml")), case).map_err(refused)?;
        std::fs::write(folder.join(format!("cas-{number:04}.er7")), message).map_err(refused)?;
    }
    let mut times = Vec::new();
    for _ in 0..TURNS {
        let began = Instant::now();
        let mut diagnoses = Diagnoses::default();
        let checked = gateway::check(&workplace.project, None, &mut diagnoses).ok_or_else(broken)?;
        let cases = read_all(&checked.project, &checked.partners, &mut diagnoses);
        let bench = Bench::new(checked.project, checked.partners)?;
        let suite = Suite { bench: &bench, files: &bench.project.routes, steps: &[], cases: &cases };
        let played = suite.play(&())?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        let failed = played.iter().find(|played| !played.differences.is_empty());
        if let Some(failed) = failed {
            let told = failed.differences.iter().map(|one| format!("{} {}", one.path, one.found));
            return Err(Failure::new("bench.broken", told.collect::<Vec<_>>().join(" ; ")));
        }
        if played.len() != CASES as usize {
            return Err(broken());
        }
    }
    let what = "1 000 cas de routes : lus, admis, routés, préparés pour le DMP et une boîte, comparés";
    Ok(vec![Measure::new("cases-1000", what, "ms", median(&mut times), None, Goal::AtMost(2000.0))])
}
