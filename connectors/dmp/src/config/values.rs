//! Single values of the settings: what is accepted, and what was expected, in French.
//! In: text. Out: values. Source: dmp-xds.md §5.3, §7.3.

use std::time::Duration;

use jonction_model::{Oid, PersonId, StructureId};
use jonction_settings::parse;

/// Struct_IdNat: type digit 0 to 4 and a number. Source: dmp-xds.md §7.3.
pub(super) fn structure_id(text: &str) -> Result<StructureId, String> {
    let shaped = text.len() >= 5
        && text.len() <= 40
        && matches!(text.as_bytes()[0], b'0'..=b'4')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-'));
    if shaped {
        Ok(StructureId::prefixed(text))
    } else {
        Err("un Struct_IdNat avec son chiffre de type, par exemple 1 + FINESS : 1120456789".to_owned())
    }
}

/// PS_IdNat: type digit and a number, internal ids after a slash. Source: dmp-xds.md §7.3.
pub(super) fn person_id(text: &str) -> Result<PersonId, String> {
    let shaped = text.len() >= 5
        && text.len() <= 80
        && matches!(text.as_bytes()[0], b'0' | b'1' | b'3'..=b'6' | b'8')
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"^&<>\"'".contains(&b));
    if shaped {
        Ok(PersonId::prefixed(text))
    } else {
        Err("un PS_IdNat avec son chiffre de type : 8 + RPPS, ou 3 + FINESS + / + identifiant interne"
            .to_owned())
    }
}

/// The gateway as an internal identifier of a structure: FINESS 1 becomes 3, SIREN 2 becomes 4, SIRET 3 becomes 5,
/// because the digits of persons and of structures differ (§7.3). Other structures have no such form.
pub(super) fn automaton_of(structure: &StructureId) -> Option<PersonId> {
    let (digit, number) = structure.as_str().split_at_checked(1)?;
    let digit = match digit {
        "1" => '3',
        "2" => '4',
        "3" => '5',
        _ => return None,
    };
    Some(PersonId::prefixed(&format!("{digit}{number}/JONCTION")))
}

pub(super) fn sector(text: &str) -> Result<String, String> {
    let shaped =
        text.len() == 4 && text.starts_with("SA") && text.bytes().skip(2).all(|b| b.is_ascii_digit());
    if shaped {
        Ok(text.to_owned())
    } else {
        Err("un secteur d'activité (JDV_J61), par exemple SA01".to_owned())
    }
}

pub(super) fn vihf_version(text: &str) -> Result<String, String> {
    let shaped = matches!(text.split_once('.'), Some((a, b)) if [a, b].iter().all(|part| {
        !part.is_empty() && part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit())
    }));
    if shaped { Ok(text.to_owned()) } else { Err("une version de VIHF, par exemple 3.0".to_owned()) }
}

pub(super) fn oid(text: &str) -> Result<Oid, String> {
    Oid::parse(text).map_err(|_| "un OID, par exemple 1.2.250.1.999.1".to_owned())
}

/// Room must stay for what is appended: two arcs of at most 20 digits.
pub(super) fn oid_root(text: &str) -> Result<Oid, String> {
    let root = oid(text)?;
    if root.as_str().len() > 22 {
        return Err(
            "un OID de 22 caractères au plus : la passerelle y ajoute deux nombres de 20 chiffres".to_owned()
        );
    }
    Ok(root)
}

pub(super) fn wait(text: &str) -> Result<Duration, String> {
    let wait = parse::duration(text)?;
    if wait.is_zero() { Err("une durée non nulle".to_owned()) } else { Ok(wait) }
}

pub(super) fn header_text(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 128 || text.chars().any(char::is_control) {
        return Err("un texte de 1 à 128 caractères, sur une ligne".to_owned());
    }
    Ok(text.to_owned())
}
