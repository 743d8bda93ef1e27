//! Checks of any element of the header, of its order and of the body: H-25 to H-30, H-35.

use jonction_model::Verdicts;

use crate::{facts::ObservationKind, header::Header};

use super::{FINDINGS_MAX, absent, say, shown};

/// Media types of a level 1. Source: cda.md §3.1.
const MEDIA_TYPES: [&str; 5] = ["image/jpeg", "image/tiff", "text/rtf", "text/plain", "application/pdf"];

fn tell(header: &Header, v: &mut Verdicts<'_>, kind: &ObservationKind, sentence: &str, remedy: &str) {
    for observation in header.facts.observations.of_kind(kind).take(FINDINGS_MAX) {
        say(v, &observation.place, sentence, remedy);
    }
}

pub(super) fn h25_null_flavor(header: &Header, v: &mut Verdicts<'_>) {
    let remedy = "UNK, NASK, ASKU, NAV ou MSK";
    tell(
        header,
        v,
        &ObservationKind::NullFlavorUnknown,
        "ce nullFlavor n'est pas admis par le profil",
        remedy,
    );
    let sentence = "nullFlavor est interdit sur cet élément";
    tell(header, v, &ObservationKind::NullFlavorForbidden, sentence, "porter une valeur");
    // Of the main act, effectiveTime and performer may not be null either: H-20 says so.
}

pub(super) fn h26_forbidden(header: &Header, v: &mut Verdicts<'_>) {
    let sentence = "une donnée de religion, de race ou d'ethnie est interdite";
    tell(header, v, &ObservationKind::ForbiddenElement, sentence, "ôter l'élément");
}

pub(super) fn h27_oids(header: &Header, v: &mut Verdicts<'_>) {
    let remedy = "écrire des arcs de chiffres sans zéro de tête, 64 caractères au plus";
    tell(header, v, &ObservationKind::MalformedOid, "root ou codeSystem n'est pas un OID", remedy);
}

pub(super) fn h28_telecom(header: &Header, v: &mut Verdicts<'_>) {
    let remedy = "écrire tel:, fax:, mailto:, http:, ftp: ou mllp:, sans espace";
    tell(header, v, &ObservationKind::Telecom, "un telecom n'a pas la forme préfixe:valeur", remedy);
}

pub(super) fn h29_order(header: &Header, v: &mut Verdicts<'_>) {
    let remedy = "suivre l'ordre du schéma CDA";
    tell(header, v, &ObservationKind::OutOfOrder, "cet élément vient trop tard dans l'en-tête", remedy);
}

pub(super) fn h30_body(header: &Header, v: &mut Verdicts<'_>) {
    let Some(body) = &header.facts.body else {
        say(v, &absent("/component"), "le document n'a pas de corps", "porter nonXMLBody ou structuredBody");
        return;
    };
    if !body.unstructured {
        return;
    }
    if body.texts != 1 {
        say(v, &body.place, "le corps n'a pas un texte et un seul", "porter un seul nonXMLBody/text");
        return;
    }
    if body.representation != "B64" {
        v.differs(
            body.place.clone(),
            "le corps n'est pas annoncé en base64",
            "B64",
            shown(&body.representation),
        );
    }
    if !MEDIA_TYPES.contains(&body.media_type.as_str()) {
        v.differs(
            body.place.clone(),
            "le type du corps n'est pas admis",
            MEDIA_TYPES.join(", "),
            shown_type(&body.media_type),
        );
    }
    if !body.decodes {
        say(
            v,
            &body.place,
            "le corps est vide ou n'est pas du base64",
            "encoder le corps en base64, d'un seul tenant",
        );
    }
}

fn shown_type(media_type: &str) -> String {
    media_type.splitn(2, '/').map(shown).collect::<Vec<_>>().join("/")
}

pub(super) fn h35_instructions(header: &Header, v: &mut Verdicts<'_>) {
    let sentence = "une instruction de traitement n'est pas xml-stylesheet";
    tell(header, v, &ObservationKind::Instruction, sentence, "l'ôter : le DMP n'accepte pas d'instruction");
}
