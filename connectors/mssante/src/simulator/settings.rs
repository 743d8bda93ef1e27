//! The simulator's block of `simulators.yaml`.
//! In: the block, read field by field. Out: an address, [`SimulatorSettings`] and fault rules, or diagnoses.
//! Source: mssante.md §6.1, §6.4.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use jonction_model::Environment;
use jonction_settings::{Diagnoses, Fields, Node, fields::scalar, parse};

use super::{
    faults::Faults,
    world::{Domain, Mailboxes, Operator, ServerAuth, SimulatorSettings},
};
use crate::session::Security;

/// A simulator as a file describes it.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Where it listens; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// What it is.
    pub settings: SimulatorSettings,
    /// Rules of faults, already read once.
    pub faults: Vec<String>,
}

impl Declared {
    /// Reads the block. `fields` has had its common keys asked for by the caller, who also calls `finish`.
    /// `base` is the folder relative paths start from. `None`: something compulsory is missing.
    pub fn read(
        fields: &mut Fields<'_>,
        environment: Environment,
        base: &Path,
        diagnoses: &mut Diagnoses,
    ) -> Option<Self> {
        let usual = SimulatorSettings::with_domains([]);
        let listen =
            fields.or("listen", (Ipv4Addr::LOCALHOST, 2587).into(), parse::socket_address, diagnoses);
        let security = fields.choice(
            "security",
            Security::StartTls,
            &[("starttls", Security::StartTls), ("tls", Security::Implicit)],
            diagnoses,
        );
        let auth = fields.choice("auth", true, &[("certificate", true), ("open", false)], diagnoses);
        let has_operators = fields.required_node("operators", diagnoses).is_some();
        let operators =
            fields.list("operators").iter().filter_map(|node| read_operator(node, diagnoses)).collect();
        let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        let settings = SimulatorSettings {
            host: fields.or("host", usual.host.clone(), parse::text, diagnoses),
            security,
            auth: if auth { ServerAuth::Certificate } else { ServerAuth::Open },
            operators,
            size_max: bytes(fields.or("size_max", usual.size_max as u64, parse::size, diagnoses)),
            patient_size_max: bytes(fields.or(
                "patient_size_max",
                usual.patient_size_max as u64,
                parse::size,
                diagnoses,
            )),
            folder: fields.optional("folder", parse::text, diagnoses).map(|folder| base.join(folder)),
            environment,
            seed: fields.or("seed", usual.seed, parse::number(0, u64::MAX), diagnoses),
        };
        let faults = read_faults(fields.list("faults"), diagnoses);
        has_operators.then_some(Self { listen, settings, faults })
    }
}

fn read_faults(nodes: &[Node], diagnoses: &mut Diagnoses) -> Vec<String> {
    let mut rules = Vec::new();
    for node in nodes {
        let Some(rule) = scalar(node, "faults", parse::text, diagnoses) else { continue };
        match Faults::none(0).replace([rule.as_str()]) {
            Ok(()) => rules.push(rule),
            Err(error) => {
                diagnoses.error("mssante.unknown-fault", &node.span, error.sentence).remedy(error.remedy);
            }
        }
    }
    rules
}

fn read_operator(node: &Node, diagnoses: &mut Diagnoses) -> Option<Operator> {
    let mut block = Fields::of(node, "un opérateur", diagnoses)?;
    let dn = block.required("dn", parse::text, diagnoses);
    block.required_node("domains", diagnoses);
    let domains = block.list("domains").iter().filter_map(|node| read_domain(node, diagnoses)).collect();
    block.finish(diagnoses);
    Some(Operator { dn: dn?, domains })
}

/// A name alone (any mailbox exists), or a name with its mailboxes.
fn read_domain(node: &Node, diagnoses: &mut Diagnoses) -> Option<Domain> {
    if node.as_text().is_some() {
        let name = scalar(node, "domains", parse::text, diagnoses)?;
        return Some(Domain { name, mailboxes: Mailboxes::Any });
    }
    let mut block = Fields::of(node, "un domaine", diagnoses)?;
    let name = block.required("name", parse::text, diagnoses);
    let listed = block.list("mailboxes");
    let names: Vec<_> =
        listed.iter().filter_map(|node| scalar(node, "mailboxes", parse::text, diagnoses)).collect();
    block.finish(diagnoses);
    let mailboxes = if listed.is_empty() { Mailboxes::Any } else { Mailboxes::Listed(names) };
    Some(Domain { name: name?, mailboxes })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jonction_settings::{SourceFile, node};

    use super::*;

    fn read(text: &str) -> (Option<Declared>, Vec<String>) {
        let file = Arc::new(SourceFile { path: "simulators.yaml".into(), text: text.to_owned() });
        let mut diagnoses = Diagnoses::default();
        let tree = node::read(file, &mut diagnoses).unwrap();
        let mut fields = Fields::of(&tree, "le simulateur", &mut diagnoses).unwrap();
        let declared = Declared::read(&mut fields, Environment::Test, Path::new("/d"), &mut diagnoses);
        fields.finish(&mut diagnoses);
        (declared, diagnoses.list().iter().map(|d| d.code.clone()).collect())
    }

    #[test]
    fn operators_domains_and_faults_are_read() {
        let (declared, codes) = read(
            "listen: 127.0.0.1:0\nfolder: boites\nfaults: [grey first 2, strip nth 3]\noperators:\n  - dn: CN=a\n    domains:\n      - ville.mssante.example\n      - {name: hopital.mssante.example, mailboxes: [dr.a, dr.b]}\n  - {dn: CN=mes, domains: patient.mssante.fr}\n",
        );
        let declared = declared.unwrap();
        assert_eq!((codes.len(), declared.faults.len(), declared.settings.operators.len()), (0, 2, 2));
        assert_eq!(declared.settings.folder.as_deref(), Some(Path::new("/d/boites")));
        let domains = &declared.settings.operators[0].domains;
        assert!(matches!(&domains[1].mailboxes, Mailboxes::Listed(list) if list.len() == 2));
        assert!(matches!(domains[0].mailboxes, Mailboxes::Any));
    }

    #[test]
    fn a_fault_that_does_not_exist_is_told_at_its_place() {
        let (_, codes) = read("operators: []\nfaults: [gray]\n");
        assert_eq!(codes, ["mssante.unknown-fault"]);
        assert_eq!(read("faults: []\n").1, ["settings.missing-key"]);
    }
}
