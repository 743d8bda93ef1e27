//! Settings of a partner with `connector: dmp`, checked before anything opens.
//! In: the block of the partner, read field by field. Out: [`Settings`], or diagnoses with their place.
//! Source: dmp-xds.md §2, §4, §5, architecture §4.12.

mod values;

use std::{fs, path::Path, time::Duration};

use jonction_model::{Environment, Oid, PersonId, StructureId};
use jonction_settings::{Diagnoses, Fields, Span, parse};

use crate::{codes::CodeTable, endpoint::BaseUrl};
use values::{automaton_of, header_text, oid, oid_root, person_id, sector, structure_id, vihf_version, wait};

/// Homologation number of a gateway that has none: allowed in test, refused in production.
pub const TEST_HOMOLOGATION: &str = "NON-HOMOLOGUE-TEST";
/// Product name shown to the DMP by default, in test.
pub const TEST_LPS_NAME: &str = "Jonction";
/// Largest list of structures a partner may speak for.
const STRUCTURES_MAX: usize = 1000;

/// What a partner of this connector says in the configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where the services are.
    pub url: BaseUrl,
    /// Name of the TLS identity (ORG AUTH_CLI).
    pub identity: String,
    /// Name of the signature identity (ORG SIGN, « cachet »). Never the TLS one: the DMP refuses it (§4).
    pub seal: String,
    /// Name of the trust anchors; `None`: those of the gateway.
    pub trust: Option<String>,
    /// The structure whose certificates these are.
    pub structure: Structure,
    /// Which other structures may feed through this partner.
    pub speaks_for: SpeaksFor,
    /// Secteur d'activité (JDV_J61), `SA01`.
    pub sector: String,
    /// Who answers for automatic feeding: NameID of the VIHF when no person sends (§5.1).
    pub responsible: PersonId,
    /// Service named in the subject-id of an automaton.
    pub service: String,
    /// PS_IdNat of the gateway itself, as an automaton of the structure (§7.3).
    pub automaton: PersonId,
    /// The software, as homologated.
    pub lps: Lps,
    /// VIHF dialect.
    pub vihf: VihfSettings,
    /// sourceId of every SubmissionSet.
    pub source_id: Oid,
    /// Root of the uniqueIds we make; `None`: `2.25.` and a UUID.
    pub oid_root: Option<Oid>,
    /// Waits.
    pub timeouts: Timeouts,
    /// Bounds.
    pub limits: Limits,
    /// Codes reported to senders.
    pub codes: CodeTable,
    /// Whether deliveries of one patient keep their order.
    pub order_by_patient: bool,
}

/// A structure with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Struct_IdNat, type digit included.
    pub id: StructureId,
    /// Raison sociale.
    pub name: String,
}

/// For which structures, beside its own, a partner may feed. Source: dmp-xds.md §4 (EJ/EG), §12 n° 6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpeaksFor {
    /// Establishments of the same legal entity, listed.
    Listed(Vec<StructureId>),
    /// Any structure: only on a test gateway.
    Any,
}

/// Attributes LPS_* of the VIHF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lps {
    /// LPS_Nom.
    pub name: String,
    /// LPS_Version.
    pub version: String,
    /// LPS_ID_HOMOLOGATION_DMP.
    pub homologation: String,
    /// LPS_ID: the instance.
    pub instance: Option<String>,
}

/// Dialect of the VIHF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VihfSettings {
    /// VIHF_Version. 3.0 in every example; one table of the S12 guide says 4.0: unconfirmed, hence a setting.
    pub version: String,
    /// `true`: attribute spelled `Authentification_Mode` (S10, S12); `false`: `Authentification_mode` (S4, S14).
    pub capital_mode: bool,
    /// Value of the confidentiality-code attribute of a « connexion secrète ». Unconfirmed (§12 n° 4).
    pub secret_connection: String,
}

/// Longest waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP and TLS together.
    pub connect: Duration,
    /// From the first byte sent to the last byte of the answer.
    pub exchange: Duration,
    /// How long an idle connection is kept.
    pub idle: Duration,
}

/// Bounds on what is sent and received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest sum of the documents of a lot, decoded. The DMP's own limit is not published (§12 n° 3).
    pub lot_bytes_max: u64,
    /// Largest answer read.
    pub response_bytes_max: u64,
    /// Largest head of an answer.
    pub head_bytes_max: usize,
    /// Headers of an answer at most.
    pub headers_max: usize,
    /// Idle connections kept.
    pub idle_connections_max: usize,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            exchange: Duration::from_secs(60),
            idle: Duration::from_secs(30),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lot_bytes_max: 50 << 20,
            response_bytes_max: 4 << 20,
            head_bytes_max: 64 << 10,
            headers_max: 64,
            idle_connections_max: 4,
        }
    }
}

impl Settings {
    /// Reads the block of a partner. `fields` has had its common keys (`connector`) asked for by the caller, who also
    /// calls `finish`. `base` is the folder relative paths start from. `None`: something compulsory is missing.
    pub fn read(
        fields: &mut Fields<'_>,
        environment: Environment,
        base: &Path,
        diagnoses: &mut Diagnoses,
    ) -> Option<Self> {
        let span = fields.span();
        let url = fields.required("url", BaseUrl::parse, diagnoses);
        let identity = fields.required("identity", parse::text, diagnoses);
        let seal = fields.required("seal", parse::text, diagnoses);
        if let (Some(identity), Some(seal)) = (&identity, &seal)
            && identity == seal
        {
            diagnoses
                .error(
                    "dmp.one-identity-for-two-uses",
                    span,
                    "« identity » et « seal » nomment le même certificat",
                )
                .remedy("« identity » : certificat ORG AUTH_CLI ; « seal » : certificat ORG SIGN (cachet)");
        }
        let trust = fields.optional("trust", parse::text, diagnoses);
        let structure = read_structure(fields, diagnoses);
        let speaks_for = read_speaks_for(fields, environment, diagnoses);
        let sector = fields.required("sector", sector, diagnoses);
        let responsible = fields.required("responsible", person_id, diagnoses);
        let service = fields.or("service", "passerelle".to_owned(), header_text, diagnoses);
        let automaton = fields.optional("automaton", person_id, diagnoses);
        let lps = read_lps(fields, environment, span, diagnoses);
        let vihf = VihfSettings {
            version: fields.or("vihf_version", "3.0".to_owned(), vihf_version, diagnoses),
            capital_mode: fields.choice(
                "vihf_mode_attribute",
                false,
                &[("Authentification_mode", false), ("Authentification_Mode", true)],
                diagnoses,
            ),
            secret_connection: fields.or(
                "vihf_secret_connection",
                "CONNEXION_SECRETE".to_owned(),
                header_text,
                diagnoses,
            ),
        };
        let source_id = fields.required("source_id", oid, diagnoses);
        let oid_root = fields.optional("oid_root", oid_root, diagnoses);
        let timeouts = Timeouts::default();
        let timeouts = Timeouts {
            connect: fields.or("timeout_connect", timeouts.connect, wait, diagnoses),
            exchange: fields.or("timeout_exchange", timeouts.exchange, wait, diagnoses),
            idle: fields.or("keep_alive", timeouts.idle, wait, diagnoses),
        };
        let limits = Limits::default();
        let limits = Limits {
            lot_bytes_max: fields.or("size_max", limits.lot_bytes_max, parse::size, diagnoses),
            ..limits
        };
        let order_by_patient =
            fields.choice("order_by", true, &[("patient", true), ("none", false)], diagnoses);
        let codes = read_codes(fields, base, diagnoses);
        let (structure, responsible) = (structure?, responsible?);
        let automaton =
            automaton.or_else(|| automaton_of(&structure.id)).unwrap_or_else(|| responsible.clone());
        Some(Self {
            url: url?,
            identity: identity?,
            seal: seal?,
            trust,
            structure,
            speaks_for,
            sector: sector?,
            responsible,
            service,
            automaton,
            lps: lps?,
            vihf,
            source_id: source_id?,
            oid_root,
            timeouts,
            limits,
            codes,
            order_by_patient,
        })
    }
}

fn read_structure(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Option<Structure> {
    let node = fields.required_node("structure", diagnoses)?;
    let mut block = Fields::of(node, "la structure", diagnoses)?;
    let id = block.required("id", structure_id, diagnoses);
    let name = block.required("name", header_text, diagnoses);
    block.finish(diagnoses);
    Some(Structure { id: id?, name: name? })
}

fn read_speaks_for(
    fields: &mut Fields<'_>,
    environment: Environment,
    diagnoses: &mut Diagnoses,
) -> SpeaksFor {
    let nodes = fields.list("speaks_for");
    if let [only] = nodes
        && only.as_text() == Some("any")
    {
        if environment == Environment::Production {
            diagnoses
                .error(
                    "dmp.speaks-for-any-in-production",
                    &only.span,
                    "« any » laisserait la passerelle signer au nom de n'importe quelle structure",
                )
                .remedy("lister les Struct_IdNat des établissements de l'entité juridique");
        }
        return SpeaksFor::Any;
    }
    let nodes = &nodes[..nodes.len().min(STRUCTURES_MAX)];
    let listed = nodes
        .iter()
        .filter_map(|node| jonction_settings::fields::scalar(node, "speaks_for", structure_id, diagnoses));
    SpeaksFor::Listed(listed.collect())
}

fn read_lps(
    fields: &mut Fields<'_>,
    environment: Environment,
    span: &Span,
    diagnoses: &mut Diagnoses,
) -> Option<Lps> {
    let of_test = || Lps {
        name: TEST_LPS_NAME.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        homologation: TEST_HOMOLOGATION.to_owned(),
        instance: None,
    };
    let lps = match fields.node("lps") {
        Some(node) => {
            let mut block = Fields::of(node, "les attributs LPS", diagnoses)?;
            let default = of_test();
            let lps = Lps {
                name: block.or("name", default.name, header_text, diagnoses),
                version: block.or("version", default.version, header_text, diagnoses),
                homologation: block.or("homologation", default.homologation, header_text, diagnoses),
                instance: block.optional("instance", header_text, diagnoses),
            };
            block.finish(diagnoses);
            lps
        }
        None => of_test(),
    };
    // Refused crosswise: a number that means nothing must not reach the national DMP (architecture §4.12).
    if environment == Environment::Production && lps.homologation == TEST_HOMOLOGATION {
        diagnoses
            .error(
                "dmp.test-lps-in-production",
                span,
                "les attributs LPS de test ne passent pas en production : le numéro d'homologation manque",
            )
            .remedy("ajouter « lps: { name: …, version: …, homologation: … } » avec les valeurs de l'homologation");
        return None;
    }
    Some(lps)
}

fn read_codes(fields: &mut Fields<'_>, base: &Path, diagnoses: &mut Diagnoses) -> CodeTable {
    let Some(node) = fields.node("codes") else { return CodeTable::default() };
    let Some(path) = node.as_text() else {
        diagnoses.error("settings.wrong-value", &node.span, "« codes » : un nom de fichier est attendu");
        return CodeTable::default();
    };
    let Ok(text) = fs::read_to_string(base.join(path)) else {
        diagnoses
            .error("dmp.no-code-table", &node.span, "la table des codes ne peut pas être lue")
            .remedy("vérifier le chemin, relatif au dossier de la configuration, et l'encodage UTF-8");
        return CodeTable::default();
    };
    CodeTable::over_default(&text).unwrap_or_else(|errors| {
        for error in errors {
            let sentence = format!("table des codes, ligne {} : {}", error.line, error.sentence);
            diagnoses.error("dmp.code-table", &node.span, sentence);
        }
        CodeTable::default()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jonction_settings::{SourceFile, read};

    use super::*;

    const GOOD: &str = "connector: dmp\nurl: https://dmp.example/si-dmp-server/v2/services\nidentity: auth\n\
        seal: sign\nstructure: { id: 1120456789, name: CH des Tilleuls }\nsector: SA01\n\
        responsible: 3120456789/12\nsource_id: 1.2.250.1.999.3\n";

    fn settings(text: &str, environment: Environment) -> (Option<Settings>, Vec<String>) {
        let file = Arc::new(SourceFile { path: "jonction.yaml".into(), text: text.to_owned() });
        let mut diagnoses = Diagnoses::default();
        let node = read(file, &mut diagnoses).unwrap();
        let mut fields = Fields::of(&node, "le partenaire dmp", &mut diagnoses).unwrap();
        fields.node("connector");
        let settings = Settings::read(&mut fields, environment, Path::new("."), &mut diagnoses);
        fields.finish(&mut diagnoses);
        (settings, diagnoses.list().iter().map(|d| d.code.clone()).collect())
    }

    #[test]
    fn the_smallest_block_is_whole_in_test_and_lacks_its_homologation_in_production() {
        let (in_test, none) = settings(GOOD, Environment::Test);
        let (in_production, codes) = settings(GOOD, Environment::Production);

        assert_eq!(none, Vec::<String>::new());
        assert_eq!(in_test.unwrap().vihf.version, "3.0");
        assert_eq!((in_production, codes), (None, vec!["dmp.test-lps-in-production".to_owned()]));
    }

    #[test]
    fn a_homologated_product_passes_in_production() {
        let text = format!("{GOOD}lps: {{ name: PFI, version: '2.1', homologation: ABC-123 }}\n");
        let (read, codes) = settings(&text, Environment::Production);
        assert_eq!((read.unwrap().lps.homologation.as_str(), codes), ("ABC-123", vec![]));
    }

    #[test]
    fn every_fault_of_the_block_is_told() {
        let text = "url: http://x\nidentity: a\nseal: a\nstructure: { id: 9, nam: x }\nsector: 41\nresponsible: x\n\
            source_id: 1.02\nvihf_version: three\ncodes: absent.csv\ntimeout_connect: 0s\nsurl: 1\nconnector: dmp\n";
        let (read, codes) = settings(text, Environment::Test);
        assert!(read.is_none());
        assert_eq!(codes.iter().filter(|code| *code == "settings.wrong-value").count(), 7);
        for code in [
            "dmp.one-identity-for-two-uses",
            "dmp.no-code-table",
            "settings.missing-key",
            "settings.unknown-key",
        ] {
            assert!(codes.iter().any(|known| known == code), "{code} not in {codes:?}");
        }
    }

    #[test]
    fn speaking_for_anybody_is_for_tests_only() {
        let text = format!("{GOOD}speaks_for: any\nlps: {{ homologation: ABC }}\n");
        assert_eq!(settings(&text, Environment::Test).0.unwrap().speaks_for, SpeaksFor::Any);
        assert_eq!(settings(&text, Environment::Production).1, ["dmp.speaks-for-any-in-production"]);
    }
}
