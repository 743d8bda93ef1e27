//! Settings of a simulated DMP, as `simulators.yaml` writes them.
//! In: a block, read field by field. Out: [`SimulatorSettings`], or diagnoses with their place. Source: dmp-xds.md §11.
//! Deliberately absent: certificates, which are named here and loaded by the caller.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use jonction_model::Ins;
use jonction_settings::{
    Diagnoses, Fields, Node,
    fields::{names, scalar},
    parse,
};
use jonction_simkit::FaultPlan;

use super::{DmpState, FAULTS, Patients, Severeness, SimulatorConfig};

/// Most patients listed.
const PATIENTS_MAX: usize = 10_000;

/// What a simulator says of itself in the configuration, checked.
#[derive(Clone, Debug)]
pub struct SimulatorSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whom it knows.
    pub patients: Patients,
    /// Fault plan.
    pub faults: Vec<String>,
    /// How severe it is.
    pub severeness: Severeness,
    /// Distance it accepts between its clock and IssueInstant.
    pub skew: Duration,
    /// Delay of the faults `slow` and `trickle`.
    pub delay: Duration,
    /// Seed of its identifiers and of faults drawn at a rate.
    pub seed: u64,
    /// Folder where it keeps what it stores.
    pub folder: Option<PathBuf>,
    /// Takes any structure for a site of the certificate's.
    pub any_site: bool,
}

impl SimulatorSettings {
    /// Reads the block of a simulator. The caller has asked for the keys of its own (names of certificates) and calls
    /// `finish`. `base` is the folder relative paths start from. `None`: something compulsory is missing.
    pub fn read(fields: &mut Fields<'_>, base: &Path, diagnoses: &mut Diagnoses) -> Option<Self> {
        let listen = fields.required("listen", parse::socket_address, diagnoses);
        let mut patients = Patients::default();
        patients.default = fields.or("patients_default", DmpState::Active, DmpState::parse, diagnoses);
        if let Some(node) = fields.node("patients") {
            read_patients(node, &mut patients, diagnoses);
        }
        let faults = read_faults(fields.list("faults"), diagnoses);
        let severeness = fields.choice(
            "severeness",
            Severeness::Strict,
            &[
                ("strict", Severeness::Strict),
                ("lenient", Severeness::Lenient),
                ("record", Severeness::Record),
            ],
            diagnoses,
        );
        let folder = fields.optional("folder", parse::text, diagnoses).map(|folder| base.join(folder));
        Some(Self {
            listen: listen?,
            patients,
            faults,
            severeness,
            skew: fields.or("skew", Duration::from_secs(300), parse::duration, diagnoses),
            delay: fields.or("delay", Duration::from_secs(1), parse::duration, diagnoses),
            seed: fields.or("seed", 0, parse::number(0, u64::MAX), diagnoses),
            folder,
            any_site: fields.or("any_site", false, parse::boolean, diagnoses),
        })
    }

    /// These settings laid over a configuration that has its certificates and its clock.
    pub fn over(self, config: SimulatorConfig) -> SimulatorConfig {
        SimulatorConfig {
            listen: self.listen,
            patients: self.patients,
            faults: self.faults,
            severeness: self.severeness,
            skew: self.skew,
            delay: self.delay,
            seed: self.seed,
            folder: self.folder,
            any_site: self.any_site,
            ..config
        }
    }
}

/// `patients: { 190037512345677: closed }`. Diagnoses never repeat a number.
fn read_patients(node: &Node, patients: &mut Patients, diagnoses: &mut Diagnoses) {
    let entries = names(node, "patients", diagnoses);
    if entries.len() > PATIENTS_MAX {
        let sentence = format!("« patients » : {PATIENTS_MAX} au plus");
        diagnoses.error("dmp.too-many-patients", &node.span, sentence);
    }
    for entry in entries.iter().take(PATIENTS_MAX) {
        let Ok(ins) = Ins::parse(&entry.key) else {
            diagnoses
                .error(
                    "settings.wrong-value",
                    &entry.key_span,
                    "ce n'est pas un matricule INS de 15 caractères",
                )
                .remedy("écrire les 13 caractères du matricule puis sa clé, entre apostrophes");
            continue;
        };
        if let Some(state) = scalar(&entry.value, "patients", DmpState::parse, diagnoses) {
            patients.set(ins, state);
        }
    }
}

fn read_faults(nodes: &[Node], diagnoses: &mut Diagnoses) -> Vec<String> {
    let mut rules = Vec::new();
    for node in nodes {
        let Some(rule) = node.as_text() else {
            diagnoses.error("settings.wrong-value", &node.span, "« faults » : un texte est attendu");
            continue;
        };
        match FaultPlan::parse(FAULTS, [rule], 0) {
            Ok(_) => rules.push(rule.to_owned()),
            Err(error) => {
                diagnoses.error("dmp.fault-plan", &node.span, error.sentence).remedy(error.remedy);
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jonction_settings::{SourceFile, read};

    use super::*;

    fn settings(text: &str) -> (Option<SimulatorSettings>, Vec<String>) {
        let file = Arc::new(SourceFile { path: "simulators.yaml".into(), text: text.to_owned() });
        let mut diagnoses = Diagnoses::default();
        let node = read(file, &mut diagnoses).unwrap();
        let mut fields = Fields::of(&node, "le simulateur dmp", &mut diagnoses).unwrap();
        let settings = SimulatorSettings::read(&mut fields, Path::new("/base"), &mut diagnoses);
        fields.finish(&mut diagnoses);
        (settings, diagnoses.list().iter().map(|d| format!("{} {}", d.code, d.sentence)).collect())
    }

    #[test]
    fn a_block_says_whom_it_knows_and_how_it_misbehaves() {
        let (settings, diagnoses) = settings(
            "listen: 127.0.0.1:0\npatients: { '279035121518989': closed }\npatients_default: none\n\
             faults: [busy first 2, slow rate 0.1]\nseverity: x\nfolder: dmp\n",
        );
        let settings = settings.unwrap();
        assert_eq!(settings.patients.state("279035121518989"), DmpState::Closed);
        assert_eq!(settings.patients.state("160012A00412345"), DmpState::None);
        assert_eq!(settings.faults, ["busy first 2", "slow rate 0.1"]);
        assert_eq!(settings.folder.as_deref(), Some(Path::new("/base/dmp")));
        assert_eq!(diagnoses, ["settings.unknown-key le simulateur dmp : clé inconnue"]);
    }

    #[test]
    fn every_fault_of_the_block_is_told_and_no_number_is_repeated() {
        let (settings, diagnoses) = settings(
            "patients: { 2790351215189: closed, '279035121518989': clsed }\nfaults: [bussy]\nskew: 5\n",
        );
        assert!(settings.is_none());
        assert_eq!(diagnoses.len(), 5, "{diagnoses:?}");
        assert!(diagnoses.iter().all(|diagnosis| !diagnosis.contains("27903")), "{diagnoses:?}");
    }
}
