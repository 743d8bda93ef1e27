//! VIHF-01 to VIHF-23.
//! In: a view of the assertion with its context. Out: findings; codes and forms only, never who it names.
//! Source: dmp-xds.md §5, §10.

use jonction_model::{Check, Place, Severity, Verdicts};

use crate::{
    certificate::{CertificateFault, DistinguishedName},
    vihf::{
        AUTOMATE, AttributeView, Mode, PURPOSE_SYSTEM, Purpose, SECTOR_SYSTEM, UNSPECIFIED, VihfView,
        attribute, codes,
    },
};

const fn check(
    id: &'static str,
    severity: Severity,
    rule: &'static str,
    run: fn(&VihfView, &mut Verdicts<'_>),
) -> Check<VihfView> {
    Check {
        id,
        requirement: "dmp-xds.md §5, §10",
        rule,
        strict: severity,
        tolerant: severity,
        wire_code: None,
        run,
    }
}

/// Fault subcode of a wrong signature certificate (dmp-xds.md §4).
const INVALID_CERTIFICATE: &str = "DMPInvalidCertificate";

use Severity::{Error, Warning};

/// Every rule of a VIHF.
pub const VIHF_CHECKS: &[Check<VihfView>] = &[
    check("dmp/VIHF-01", Error, "une assertion SAML 2.0, une seule, dont l'ID est un xs:ID", vihf_01),
    check("dmp/VIHF-02", Error, "IssueInstant est en UTC et proche de l'heure du serveur", vihf_02),
    check("dmp/VIHF-03", Error, "la signature est valide et couvre l'assertion", vihf_03),
    Check {
        wire_code: Some(INVALID_CERTIFICATE),
        ..check(
            "dmp/VIHF-04",
            Error,
            "le certificat est un certificat de signature valide et reconnu",
            vihf_04,
        )
    },
    check("dmp/VIHF-05", Error, "Issuer est le sujet du certificat de signature", vihf_05),
    check("dmp/VIHF-06", Warning, "la signature est de la famille SHA-256", vihf_06),
    check("dmp/VIHF-07", Error, "Identifiant_Structure est présent une fois et bien formé", vihf_07),
    check("dmp/VIHF-07", Warning, "Identifiant_Structure porte un préfixe de 0 à 4", vihf_07_prefix),
    check("dmp/VIHF-08", Error, "Secteur_Activite est un secteur connu", vihf_08),
    check("dmp/VIHF-09", Error, "un ou deux rôles, dont le premier est une profession connue", vihf_09),
    check(
        "dmp/VIHF-10",
        Error,
        "médecins, pharmaciens et acteurs caractérisés par leur rôle ont un second rôle",
        vihf_10,
    ),
    check("dmp/VIHF-11", Error, "VIHF_Version est une version acceptée", vihf_11),
    check("dmp/VIHF-12", Error, "le mode d'authentification est connu", vihf_12),
    check("dmp/VIHF-13", Warning, "l'attribut s'écrit Authentification_mode", vihf_13),
    check("dmp/VIHF-14", Error, "subject-id est renseigné en mode indirect", vihf_14),
    check("dmp/VIHF-15", Error, "AuthnContextDecl est présent en AIR", vihf_15),
    check("dmp/VIHF-16", Error, "AIR n'alimente pas le DMP", vihf_16),
    check("dmp/VIHF-17", Error, "le patient est un INS, et la cible urn:dmp", vihf_17),
    check("dmp/VIHF-18", Error, "purposeofuse est un mode d'accès connu", vihf_18),
    check("dmp/VIHF-19", Error, "LPS_Nom, LPS_Version et LPS_ID_HOMOLOGATION_DMP sont renseignés", vihf_19),
    check("dmp/VIHF-20", Error, "Identifiant_Structure est celui du certificat ou un de ses sites", vihf_20),
    check("dmp/VIHF-21", Error, "NameID est un identifiant national en mode direct", vihf_21),
    check("dmp/VIHF-22", Error, "l'assertion n'a jamais servi", vihf_22),
    check("dmp/VIHF-23", Error, "un automate a un contexte non spécifié et nomme un responsable", vihf_23),
];

fn at(path: &str) -> Place {
    Place::path(format!("/saml2:Assertion{path}"))
}

fn attribute_place(name: &str) -> Place {
    at(&format!("/saml2:AttributeStatement/saml2:Attribute[@Name='{name}']"))
}

/// The attribute of this name when there is exactly one, with exactly one value; says what is wrong otherwise.
fn single<'v>(
    view: &'v VihfView,
    name: &'static str,
    verdicts: &mut Verdicts<'_>,
) -> Option<&'v AttributeView> {
    let mut all = view.all(name);
    match (all.next(), all.next()) {
        (Some(attribute), None) if attribute.values.len() == 1 => Some(attribute),
        (None, _) => {
            verdicts.add(attribute_place(name), "l'attribut manque");
            None
        }
        _ => {
            verdicts.add(attribute_place(name), "l'attribut n'a pas exactement une valeur");
            None
        }
    }
}

fn vihf_01(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if view.context.assertions != 1 {
        let sentence = "l'en-tête Security ne contient pas exactement une assertion";
        verdicts.differs(at(""), sentence, "1", view.context.assertions.to_string());
    }
    if !view.is_assertion || view.version != "2.0" {
        verdicts.differs(
            at("/@Version"),
            "ce n'est pas une assertion SAML 2.0",
            "2.0",
            view.version.as_str(),
        );
    }
    if !view.id.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        verdicts.add(at("/@ID"), "l'identifiant ne commence pas par une lettre ou un souligné");
    }
}

fn vihf_02(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    let Some(issued) = view.issue_instant else {
        let sentence = "IssueInstant n'est pas une heure en UTC";
        verdicts.differs(
            at("/@IssueInstant"),
            sentence,
            "AAAA-MM-JJThh:mm:ss.sssZ",
            view.issue_instant_text.as_str(),
        );
        return;
    };
    let now = view.context.now;
    let distance = issued.as_second().abs_diff(now.as_second());
    if distance > view.context.skew_seconds_max.unsigned_abs() {
        let sentence = "l'assertion est trop ancienne ou trop en avance";
        let allowed = format!("au plus {} s d'écart", view.context.skew_seconds_max);
        verdicts.differs(at("/@IssueInstant"), sentence, allowed, format!("{distance} s"));
    }
    let (from, to) = view.conditions;
    if from.is_some_and(|from| now < from) || to.is_some_and(|to| now >= to) {
        verdicts.add(at("/saml2:Conditions"), "l'assertion n'est pas dans sa période de validité");
    }
}

fn vihf_03(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if let Err(error) = &view.signature {
        let finding = verdicts.add(at("/ds:Signature"), "la signature de l'assertion ne se vérifie pas");
        finding.found = Some(error.to_string());
        finding.remedy =
            Some("signer l'assertion telle qu'elle est insérée dans le message, sans la réécrire".to_owned());
    }
}

fn vihf_04(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    let place = at("/ds:Signature/ds:KeyInfo");
    match view.certificate {
        Some(Ok(())) => {}
        None => {
            verdicts.add(place, "la signature ne montre pas de certificat");
        }
        Some(Err(fault)) => {
            let finding = verdicts.add(place, fault.sentence());
            if fault == CertificateFault::NotForSignature {
                finding.remedy = Some("signer avec le certificat ORG SIGN, pas avec celui du TLS".to_owned());
            }
        }
    }
}

fn vihf_05(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    let Some(subject) = &view.subject else { return };
    let issuer = DistinguishedName::parse(&view.issuer);
    if !issuer.is_some_and(|issuer| issuer.same_as(subject)) {
        let finding =
            verdicts.add(at("/saml2:Issuer"), "Issuer n'est pas le sujet du certificat de signature");
        finding.remedy = Some("recopier le DN du certificat qui signe".to_owned());
    }
}

fn vihf_06(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if view.signature.as_ref().is_ok_and(|node| node.uses_sha1) {
        let place = at("/ds:Signature/ds:SignedInfo");
        verdicts.differs(place, "la signature emploie SHA-1", "rsa-sha256 et sha256", "sha1");
    }
}

/// Prefix and number of a Struct_IdNat (dmp-xds.md §7.3).
fn structure_is_well_formed(id: &str) -> bool {
    let (Some(prefix), Some(number)) = (id.get(..1), id.get(1..)) else { return false };
    let digits = |count: usize| number.len() == count && number.bytes().all(|b| b.is_ascii_digit());
    match prefix {
        "0" => !number.is_empty() && number.len() <= 9 && number.bytes().all(|b| b.is_ascii_alphanumeric()),
        // A FINESS has letters in Corsica and in test structures.
        "1" => number.len() == 9 && number.bytes().all(|b| b.is_ascii_alphanumeric()),
        "2" => digits(9),
        "3" => digits(14),
        // RPPS and rank of the cabinet.
        "4" => number.len() >= 11 && number.bytes().all(|b| b.is_ascii_digit() || b == b'-'),
        _ => false,
    }
}

/// Technical numbers have no prefix, and cannot be told from a mistake: a remark only.
fn looks_technical(id: &str) -> bool {
    !id.is_empty()
        && !id.starts_with(['0', '1', '2', '3', '4'])
        && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn vihf_07(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if single(view, attribute::STRUCTURE, verdicts).is_none() {
        return;
    }
    let id = view.value(attribute::STRUCTURE);
    if !structure_is_well_formed(id) && !looks_technical(id) {
        let expected = "1 + FINESS, 2 + SIREN, 3 + SIRET, 4 + RPPS et rang, 0 + ADELI";
        verdicts.differs(
            attribute_place(attribute::STRUCTURE),
            "l'identifiant de structure est mal formé",
            expected,
            id,
        );
    }
}

fn vihf_07_prefix(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    let id = view.value(attribute::STRUCTURE);
    if looks_technical(id) {
        verdicts.add(attribute_place(attribute::STRUCTURE), "l'identifiant de structure n'a pas de préfixe");
    }
}

fn vihf_08(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if single(view, attribute::SECTOR, verdicts).is_none() {
        return;
    }
    let value = view.value(attribute::SECTOR);
    let (code, system) = value.split_once('^').unwrap_or((value, ""));
    if !codes::is_sector(code) || system != SECTOR_SYSTEM {
        let expected = format!("SAxx^{SECTOR_SYSTEM}");
        verdicts.differs(
            attribute_place(attribute::SECTOR),
            "le secteur d'activité est inconnu",
            expected,
            value,
        );
    }
}

fn vihf_09(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    let roles: Vec<_> = view.roles().collect();
    let place = attribute_place(attribute::ROLE);
    if !(1..=2).contains(&roles.len()) {
        verdicts.differs(place, "il n'y a pas un ou deux rôles", "1 ou 2", roles.len().to_string());
        return;
    }
    if !codes::is_first_role(&roles[0].code, &roles[0].system) {
        let found = format!("{} ({})", roles[0].code, roles[0].system);
        verdicts.differs(place, "le premier rôle n'est pas dans le jeu de valeurs", "JDV_J65", found);
    }
}

fn vihf_10(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    let roles: Vec<_> = view.roles().collect();
    let Some(first) = roles.first() else { return };
    let place = attribute_place(attribute::ROLE);
    let expected = codes::second_role_system(&first.code, &first.system);
    match (expected, roles.get(1).map(|role| role.system.as_str())) {
        (Some(expected), None) => {
            // The DMP's own words for it: "Aucune spécialité dans le vihf".
            let sentence = "le second rôle manque : spécialité, section ou rôle";
            verdicts.differs(place, sentence, format!("un code de {expected}"), "aucun");
        }
        (Some(expected), Some(found)) if found != expected => {
            verdicts.differs(place, "le second rôle n'est pas de la bonne nomenclature", expected, found);
        }
        (None, Some(found)) => {
            verdicts.differs(place, "ce rôle n'a pas de second rôle", "aucun", found);
        }
        _ => {}
    }
}

fn vihf_11(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if single(view, attribute::VERSION, verdicts).is_none() {
        return;
    }
    let version = view.value(attribute::VERSION);
    if !view.context.versions.iter().any(|known| known == version) {
        let expected = view.context.versions.join(" ou ");
        verdicts.differs(
            attribute_place(attribute::VERSION),
            "la version du VIHF n'est pas acceptée",
            expected,
            version,
        );
    }
}

fn vihf_12(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    let count = view.all(attribute::MODE).chain(view.all(attribute::MODE_UPPER)).count();
    let place = attribute_place(attribute::MODE);
    if count != 1 {
        verdicts.differs(
            place,
            "le mode d'authentification n'est pas donné une fois",
            "1",
            count.to_string(),
        );
    } else if view.mode().is_none() {
        let expected = "DIRECTE, INDIRECTE ou INDIRECTE_RENFORCEE";
        verdicts.add(place, "le mode d'authentification est inconnu").expected = Some(expected.to_owned());
    }
}

fn vihf_13(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if view.all(attribute::MODE_UPPER).next().is_some() {
        let place = attribute_place(attribute::MODE_UPPER);
        let sentence = "le nom de l'attribut prend une minuscule";
        verdicts.differs(place, sentence, attribute::MODE, attribute::MODE_UPPER);
    }
}

fn vihf_14(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if view.mode() == Some(Mode::Directe) {
        return;
    }
    if view.value(attribute::SUBJECT_ID).is_empty() {
        verdicts.add(attribute_place(attribute::SUBJECT_ID), "subject-id manque ou est vide");
    }
}

fn vihf_15(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    let empty = view.authn_context_decl.as_deref().is_none_or(str::is_empty);
    if view.mode() == Some(Mode::IndirecteRenforcee) && empty {
        verdicts.add(at("/saml2:AuthnStatement/saml2:AuthnContext"), "AuthnContextDecl manque en mode AIR");
    }
}

fn vihf_16(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if view.mode() == Some(Mode::IndirecteRenforcee) && view.context.feeding {
        verdicts
            .add(attribute_place(attribute::MODE), "l'alimentation n'est pas ouverte au mode AIR")
            .remedy = Some("alimenter en mode INDIRECTE ou DIRECTE".to_owned());
    }
}

fn vihf_17(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    let urn = view.value(attribute::RESOURCE_URN);
    if urn != "urn:dmp" {
        let place = attribute_place(attribute::RESOURCE_URN);
        verdicts.differs(place, "la cible n'est pas le DMP", "urn:dmp", urn);
    }
    if !view.context.concerns_patient {
        return;
    }
    // The value names a person: only the form is said.
    let place = attribute_place(attribute::RESOURCE_ID);
    let expected = "INS^^^&OID&ISO^NH, OID de l'INS";
    let Some((_, number)) = view.patient() else {
        verdicts.add(place, "le patient n'est pas désigné par un INS").expected = Some(expected.to_owned());
        return;
    };
    if jonction_model::Ins::parse(number.expose()).is_err() {
        verdicts.add(place, "le matricule n'a pas la forme d'un INS").expected = Some(expected.to_owned());
    }
}

fn vihf_18(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    let codes: Vec<_> = view.all(attribute::PURPOSE).flat_map(|attribute| &attribute.codes).collect();
    let place = attribute_place(attribute::PURPOSE);
    match codes.as_slice() {
        [code] if Purpose::parse(&code.code).is_some() && code.system == PURPOSE_SYSTEM => {}
        [code] => {
            let expected = format!("normal, bris_de_glace ou centre_15 ({PURPOSE_SYSTEM})");
            let found = format!("{} ({})", code.code, code.system);
            verdicts.differs(place, "le mode d'accès est inconnu", expected, found);
        }
        codes => {
            verdicts.differs(place, "le mode d'accès n'est pas donné une fois", "1", codes.len().to_string())
        }
    }
}

fn vihf_19(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    for name in [attribute::LPS_NAME, attribute::LPS_VERSION, attribute::LPS_HOMOLOGATION] {
        if view.value(name).is_empty() {
            verdicts.add(attribute_place(name), "l'attribut du logiciel manque ou est vide");
        }
    }
}

fn vihf_20(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if view.mode() == Some(Mode::Directe) || view.subject.is_none() {
        return;
    }
    let id = view.value(attribute::STRUCTURE);
    let sites = &view.context.declared_sites;
    let own = view.certificate_structures().any(|structure| {
        structure == id || sites.iter().any(|(entity, site)| entity == structure && site == id)
    });
    if !own {
        let expected = view.certificate_structures().collect::<Vec<_>>().join(", ");
        let sentence = "la structure n'est pas celle du certificat, ni un de ses sites déclarés";
        verdicts.differs(attribute_place(attribute::STRUCTURE), sentence, expected, id);
    }
}

/// PS_IdNat: `8` and RPPS, or another national form (dmp-xds.md §7.3).
fn is_ps_id_nat(id: &str) -> bool {
    let (Some(prefix), Some(number)) = (id.get(..1), id.get(1..)) else { return false };
    match prefix {
        "8" => number.len() == 11 && number.bytes().all(|b| b.is_ascii_digit()),
        "0" => number.len() == 9 && number.bytes().all(|b| b.is_ascii_alphanumeric()),
        "1" | "3" | "4" | "5" | "6" => {
            number.split_once('/').is_some_and(|(of, id)| !of.is_empty() && !id.is_empty())
        }
        _ => false,
    }
}

fn vihf_21(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if view.mode() == Some(Mode::Directe) && !is_ps_id_nat(view.name_id.expose()) {
        let place = at("/saml2:Subject/saml2:NameID");
        verdicts.add(place, "NameID n'est pas un identifiant national de professionnel").expected =
            Some("8 suivi des 11 chiffres du RPPS".to_owned());
    }
}

fn vihf_22(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if view.context.replayed {
        verdicts.add(at("/@ID"), "cette assertion a déjà servi").remedy =
            Some("faire une assertion neuve pour chaque requête".to_owned());
    }
}

fn vihf_23(view: &VihfView, verdicts: &mut Verdicts<'_>) {
    if !view.roles().any(|role| role.code == AUTOMATE) {
        return;
    }
    if view.authn_context != UNSPECIFIED {
        let place = at("/saml2:AuthnStatement/saml2:AuthnContext/saml2:AuthnContextClassRef");
        let sentence = "le contexte d'authentification d'un automate n'est pas « unspecified »";
        verdicts.differs(place, sentence, UNSPECIFIED, view.authn_context.as_str());
    }
    if view.name_id.expose().is_empty() {
        verdicts.add(at("/saml2:Subject/saml2:NameID"), "NameID ne nomme pas le responsable du traitement");
    }
    // "software, model, service".
    let names = view.value(attribute::SUBJECT_ID).split(',').filter(|name| !name.trim().is_empty()).count();
    if names < 3 {
        let place = attribute_place(attribute::SUBJECT_ID);
        verdicts.differs(
            place,
            "subject-id ne nomme pas logiciel, modèle et service",
            "3 noms",
            names.to_string(),
        );
    }
}
