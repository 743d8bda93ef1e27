//! Rows of the four files into records.
//! In: a row. Out: a part of a professional, or of a mailbox; put together by the store. Source: annuaires.md §1.2 to §1.5.

use jonction_model::{
    MssAddress, PersonId, StructureId,
    directory::{
        Coded, Diploma, Holder, Mailbox, MailboxKind, PostalAddress, Practice, Professional, Structure,
    },
};

use super::table::Row;

/// Code and label in two neighbouring columns.
fn coded(row: &Row<'_>, column: usize) -> Coded {
    Coded::new(row.get(column), row.get(column + 1))
}

fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

/// `Identification nationale PP`, else type and identifier. `None`: the row is about nobody.
fn person(row: &Row<'_>, kind: usize, number: usize, national: usize) -> Option<PersonId> {
    let national = row.get(national);
    if !national.is_empty() {
        return Some(PersonId::prefixed(national));
    }
    let number = row.get(number);
    (!number.is_empty()).then(|| PersonId::prefixed(&format!("{}{number}", row.get(kind))))
}

/// Whether the last digit of an RPPS is its Luhn key. Test identifiers break it: a remark, never a refusal.
pub(crate) fn has_good_key(id: &PersonId) -> bool {
    let Some(digits) = id.as_str().strip_prefix('8').filter(|digits| digits.len() == 11) else { return true };
    let mut sum = 0;
    for (at, byte) in digits.bytes().rev().enumerate() {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return false;
        }
        sum += match at % 2 {
            0 => digit,
            _ if digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        };
    }
    sum % 10 == 0
}

/// A line of Personne_activite. `None`: without identifier.
pub(crate) fn practice(row: &Row<'_>) -> Option<Professional> {
    Some(Professional {
        id: person(row, 0, 1, 2)?,
        civility: coded(row, 5),
        title: coded(row, 3),
        family: row.get(7).to_owned(),
        given: row.get(8).to_owned(),
        practices: vec![Practice {
            profession: coded(row, 9),
            category: coded(row, 11),
            skill_type: coded(row, 13),
            skill: coded(row, 15),
            mode: coded(row, 17),
            sector: coded(row, 48),
            section: coded(row, 50),
            role: coded(row, 52),
            genre: coded(row, 54),
            authority: row.get(47).to_owned(),
            situation: String::new(),
            site: site(row),
        }],
        ..Professional::default()
    })
}

fn site(row: &Row<'_>) -> Option<Box<Structure>> {
    let structure = Structure {
        siret: row.get(19).to_owned(),
        siren: row.get(20).to_owned(),
        finess: row.get(21).to_owned(),
        finess_legal: row.get(22).to_owned(),
        technical_id: row.get(23).to_owned(),
        name: row.get(24).to_owned(),
        brand: row.get(25).to_owned(),
        address: PostalAddress {
            recipient: row.get(26).to_owned(),
            point: row.get(27).to_owned(),
            number: joined(&[row.get(28), row.get(29)]),
            street_type: if row.get(31).is_empty() { row.get(30) } else { row.get(31) }.to_owned(),
            street: row.get(32).to_owned(),
            place: row.get(33).to_owned(),
            routing: row.get(34).to_owned(),
            postcode: row.get(35).to_owned(),
            commune: row.get(36).to_owned(),
            commune_name: row.get(37).to_owned(),
            country: row.get(39).to_owned(),
        },
        phones: [row.get(40), row.get(41)]
            .iter()
            .filter(|phone| !phone.is_empty())
            .map(|&phone| phone.to_owned())
            .collect(),
        fax: row.get(42).to_owned(),
        email: row.get(43).to_owned(),
        ..Structure::default()
    };
    (!structure.is_empty()).then(|| Box::new(structure))
}

/// A line of SavoirFaire: a practice without place, which the store gives to those of its profession.
pub(crate) fn skill(row: &Row<'_>) -> Option<Professional> {
    Some(Professional {
        id: person(row, 0, 1, 2)?,
        family: row.get(3).to_owned(),
        given: row.get(4).to_owned(),
        practices: vec![Practice {
            profession: coded(row, 5),
            category: coded(row, 7),
            skill_type: coded(row, 9),
            skill: coded(row, 11),
            ..Practice::default()
        }],
        ..Professional::default()
    })
}

/// A line of Dipl_AutExerc.
pub(crate) fn diploma(row: &Row<'_>) -> Option<Professional> {
    Some(Professional {
        id: person(row, 0, 1, 2)?,
        family: row.get(3).to_owned(),
        given: row.get(4).to_owned(),
        diplomas: vec![Diploma {
            kind: coded(row, 5),
            diploma: coded(row, 7),
            authorisation: coded(row, 9),
            discipline: coded(row, 11),
        }],
        ..Professional::default()
    })
}

/// A line of the MSSanté extraction. `None`: without a usable address, or of an unknown kind.
pub(crate) fn mailbox(row: &Row<'_>) -> Option<Mailbox> {
    let kind = MailboxKind::of(row.get(0))?;
    MssAddress::parse(row.get(1)).ok()?;
    let structure = match (row.get(5), row.get(6)) {
        (_, "") => None,
        (kind, id) => Some(StructureId::prefixed(&format!("{kind}{id}"))),
    };
    let (finess, siret) = match (row.get(5), row.get(6)) {
        ("1", id) => (id, ""),
        ("3", id) => ("", id),
        _ => ("", ""),
    };
    let site = Structure {
        finess: finess.to_owned(),
        siret: siret.to_owned(),
        name: row.get(18).to_owned(),
        brand: row.get(19).to_owned(),
        address: PostalAddress {
            recipient: row.get(20).to_owned(),
            point: row.get(21).to_owned(),
            number: joined(&[row.get(22), row.get(23)]),
            street_type: row.get(24).to_owned(),
            street: row.get(25).to_owned(),
            place: row.get(26).to_owned(),
            routing: row.get(27).to_owned(),
            postcode: row.get(28).to_owned(),
            country: row.get(30).to_owned(),
            ..PostalAddress::default()
        },
        ..Structure::default()
    };
    Some(Mailbox {
        address: row.get(1).to_owned(),
        kind,
        holders: vec![Holder {
            person: person(row, 2, 3, 4),
            structure,
            service: row.get(7).to_owned(),
            family: row.get(9).to_owned(),
            given: row.get(10).to_owned(),
            profession: coded(row, 13),
            skill: coded(row, 15),
            site: (!site.is_empty()).then(|| Box::new(site)),
        }],
        paperless: match row.get(17) {
            "O" => Some(true),
            "N" => Some(false),
            _ => None,
        },
        ended: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_luhn_key_of_an_rpps_is_checked_and_other_ids_have_none() {
        assert!(has_good_key(&PersonId::prefixed("810900010009")));
        assert!(!has_good_key(&PersonId::prefixed("810900010008")));
        assert!(has_good_key(&PersonId::prefixed("0591234567")));
    }
}
