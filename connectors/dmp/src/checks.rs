//! What only a session with the DMP shows: identities, targets of links, queries, resending. The rest is judged by the
//! formats (`dmp/SOAP-*`, `dmp/MTOM-*`, `dmp/VIHF-*`, `xds/SUB-*`, `xds/DE-*`).
//! In: a [`SessionView`]. Out: findings without any datum of a person. Source: dmp-xds.md §10.
//!
//! Not observable on this side of the wire: INS-03 (the status stays with the sender), INS-04, QRY-02, QRY-04 to QRY-06
//! (what the software shows, and why it asks), ERR-01, ERR-02, LOG-01.

use jonction_model::{Check, Environment, Ins, InsDomain, Place, Severity, Verdicts};
use jonction_xds::metadata::Cx;

/// Most references in one query.
const REFERENCES_MAX: usize = 20;

/// What the receiver knows of one request beside its bytes.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Test or production.
    pub environment: Environment,
    /// Patient of the VIHF (resource-id).
    pub patient: Option<Cx>,
    /// Versions the lot replaces, as the registry holds them.
    pub replaced: Vec<TargetFacts>,
    /// The query, when it is one.
    pub query: Option<QueryFacts>,
    /// Versions whose status is to change, as the registry holds them.
    pub updated: Vec<TargetFacts>,
    /// Whether this lot came before, its answer was lost, and nobody asked since what became of it.
    pub resent_unasked: bool,
}

/// A version that a link points to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetFacts {
    /// Whether the registry has it.
    pub known: bool,
    /// Whether it has the status the request supposes: Approved for a replacement, OriginalStatus for an update.
    pub status_as_said: bool,
    /// Whether the structure of the VIHF fed it.
    pub own: bool,
}

/// A query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryFacts {
    /// How many documents it names.
    pub references: usize,
    /// Whether whole metadata are asked.
    pub metadata: bool,
    /// Whether the caller is in mode INDIRECTE.
    pub indirect: bool,
}

const fn check(
    id: &'static str,
    rule: &'static str,
    strict: Severity,
    tolerant: Severity,
    run: fn(&SessionView, &mut Verdicts<'_>),
) -> Check<SessionView> {
    Check { id, requirement: "dmp-xds.md §10", rule, strict, tolerant, wire_code: None, run }
}

use Severity::{Error, Warning};

/// Every rule of a session.
pub const CHECKS: &[Check<SessionView>] = &[
    // Official test numbers have wrong keys: an error in production only, which the check itself knows (§8.2).
    check("dmp/INS-01", "le matricule INS a 15 caractères et une clé juste", Error, Warning, ins_01),
    check("dmp/INS-02", "le registre de l'INS est de cet environnement", Error, Error, ins_02),
    check("dmp/INS-05", "un numéro de sécurité sociale ne désigne pas le patient", Error, Error, ins_05),
    check("dmp/RPL-01", "un remplacement vise une version courante", Error, Warning, rpl_01),
    check("dmp/RPL-03", "seule la structure auteur remplace un document", Error, Error, rpl_03),
    check("dmp/QRY-01", "la recherche nomme au moins un document", Error, Error, qry_01),
    check("dmp/QRY-03", "une recherche nomme au plus 20 documents", Error, Warning, qry_03),
    check("dmp/QRY-07", "le mode INDIRECTE ne demande que des références", Error, Error, qry_07),
    check("dmp/UPD-01", "le changement de statut part du statut courant", Error, Error, upd_01),
    check("dmp/UPD-03", "seule la structure auteur supprime un document", Error, Error, upd_03),
    check(
        "dmp/ERR-03",
        "un lot resté sans réponse est recherché avant d'être renvoyé",
        Error,
        Warning,
        err_03,
    ),
];

const RESOURCE: &str =
    "/saml2:Assertion//saml2:Attribute[@Name='urn:oasis:names:tc:xacml:2.0:resource:resource-id']";

fn ins_01(view: &SessionView, verdicts: &mut Verdicts<'_>) {
    let Some(patient) = view.patient.as_ref().filter(|patient| patient.ins_domain().is_some()) else {
        return;
    };
    match Ins::parse(&patient.id()) {
        Err(_) => {
            verdicts.add(Place::path(RESOURCE), "le matricule INS n'a pas 15 caractères bien formés");
        }
        Ok(ins) if !ins.key_is_valid() => {
            let finding = verdicts.add(Place::path(RESOURCE), "la clé du matricule INS est fausse");
            if view.environment == Environment::Test {
                finding.severity = Warning;
            }
        }
        Ok(_) => {}
    }
}

fn ins_02(view: &SessionView, verdicts: &mut Verdicts<'_>) {
    let Some(domain) = view.patient.as_ref().and_then(Cx::ins_domain) else { return };
    let expected_test = view.environment == Environment::Test;
    if domain.is_test() != expected_test {
        let expected = if expected_test { InsDomain::TestNir } else { InsDomain::Nir };
        let sentence = "le registre de l'INS n'est pas de cet environnement";
        verdicts.differs(Place::path(RESOURCE), sentence, expected.oid(), domain.oid());
    }
}

fn ins_05(view: &SessionView, verdicts: &mut Verdicts<'_>) {
    let authority = view.patient.as_ref().map_or("", Cx::authority);
    if matches!(authority, "1.2.250.1.213.1.4.13" | "1.2.250.1.213.1.4.14") {
        verdicts.add(Place::path(RESOURCE), "un numéro de sécurité sociale désigne le patient").remedy =
            Some("employer l'INS et son registre".to_owned());
    }
}

const LINK: &str = "//Association[@associationType='urn:ihe:iti:2007:AssociationType:RPLC']/@targetObject";

fn rpl_01(view: &SessionView, verdicts: &mut Verdicts<'_>) {
    for target in &view.replaced {
        if !target.known {
            verdicts.add(Place::path(LINK), "la version à remplacer est inconnue").remedy =
                Some("demander l'entryUUID courant par TD3.1b juste avant de remplacer".to_owned());
        } else if !target.status_as_said {
            verdicts.add(Place::path(LINK), "la version à remplacer n'est plus courante");
        }
    }
}

fn rpl_03(view: &SessionView, verdicts: &mut Verdicts<'_>) {
    if view.replaced.iter().any(|target| target.known && !target.own) {
        verdicts.add(Place::path(LINK), "la version à remplacer est d'une autre structure");
    }
}

const QUERY: &str = "//AdhocQueryRequest";

fn qry_01(view: &SessionView, verdicts: &mut Verdicts<'_>) {
    if view.query.is_some_and(|query| query.references == 0) {
        verdicts.add(Place::path(QUERY), "la recherche ne nomme aucun document");
    }
}

fn qry_03(view: &SessionView, verdicts: &mut Verdicts<'_>) {
    if let Some(query) = view.query.filter(|query| query.references > REFERENCES_MAX) {
        let found = query.references.to_string();
        verdicts.differs(Place::path(QUERY), "la recherche nomme trop de documents", "20 au plus", found);
    }
}

fn qry_07(view: &SessionView, verdicts: &mut Verdicts<'_>) {
    if view.query.is_some_and(|query| query.metadata && query.indirect) {
        let place = Place::path("//ResponseOption/@returnType");
        verdicts.differs(place, "des métadonnées sont demandées en mode INDIRECTE", "ObjectRef", "LeafClass");
    }
}

const CHANGE: &str =
    "//Association[@associationType='urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus']";

fn upd_01(view: &SessionView, verdicts: &mut Verdicts<'_>) {
    if view.updated.iter().any(|target| target.known && !target.status_as_said) {
        verdicts.add(Place::path(CHANGE), "OriginalStatus n'est pas le statut courant du document");
    }
}

fn upd_03(view: &SessionView, verdicts: &mut Verdicts<'_>) {
    if view.updated.iter().any(|target| target.known && !target.own) {
        verdicts.add(Place::path(CHANGE), "le document est d'une autre structure");
    }
}

fn err_03(view: &SessionView, verdicts: &mut Verdicts<'_>) {
    if view.resent_unasked {
        verdicts
            .add(
                Place::path("//RegistryPackage"),
                "le lot est renvoyé sans avoir demandé ce qu'il est devenu",
            )
            .remedy =
            Some("rechercher le document par TD3.1b avant de renvoyer un lot resté sans réponse".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use jonction_model::{Mode, run_checks};

    use super::*;

    fn view() -> SessionView {
        SessionView {
            environment: Environment::Test,
            patient: Some(Cx::from_text("279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH")),
            replaced: vec![TargetFacts { known: true, status_as_said: true, own: true }],
            query: Some(QueryFacts { references: 20, metadata: false, indirect: true }),
            updated: vec![TargetFacts { known: true, status_as_said: true, own: true }],
            resent_unasked: false,
        }
    }

    fn found(view: &SessionView) -> Vec<(String, Severity)> {
        let findings = run_checks(CHECKS, view, Mode::Strict);
        findings.into_iter().map(|finding| (finding.check, finding.severity)).collect()
    }

    #[test]
    fn a_good_session_is_found_good() {
        assert_eq!(found(&view()), []);
    }

    #[test]
    fn each_rule_finds_its_own_fault_and_no_other() {
        let patient = |cx: &str| SessionView { patient: Some(Cx::from_text(cx)), ..view() };
        let replaced = |target| SessionView { replaced: vec![target], ..view() };
        let query = |query| SessionView { query: Some(query), ..view() };
        let updated = |target| SessionView { updated: vec![target], ..view() };
        let good = TargetFacts { known: true, status_as_said: true, own: true };
        let asked = QueryFacts { references: 1, metadata: false, indirect: true };
        for (wrong, check, severity) in [
            (patient("276037510669380^^^&1.2.250.1.213.1.4.10&ISO^NH"), "dmp/INS-01", Warning),
            (patient("27707279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH"), "dmp/INS-01", Error),
            (patient("279035121518989^^^&1.2.250.1.213.1.4.8&ISO^NH"), "dmp/INS-02", Error),
            (patient("279035121518989^^^&1.2.250.1.213.1.4.13&ISO^NH"), "dmp/INS-05", Error),
            (replaced(TargetFacts::default()), "dmp/RPL-01", Error),
            (replaced(TargetFacts { status_as_said: false, ..good }), "dmp/RPL-01", Error),
            (replaced(TargetFacts { own: false, ..good }), "dmp/RPL-03", Error),
            (query(QueryFacts { references: 0, ..asked }), "dmp/QRY-01", Error),
            (query(QueryFacts { references: 21, ..asked }), "dmp/QRY-03", Error),
            (query(QueryFacts { metadata: true, ..asked }), "dmp/QRY-07", Error),
            (updated(TargetFacts { status_as_said: false, ..good }), "dmp/UPD-01", Error),
            (updated(TargetFacts { own: false, ..good }), "dmp/UPD-03", Error),
            (SessionView { resent_unasked: true, ..view() }, "dmp/ERR-03", Error),
        ] {
            assert_eq!(found(&wrong), [(check.to_owned(), severity)]);
        }
    }
}
