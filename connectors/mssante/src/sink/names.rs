//! Subject of a mail and names of its PDF copies.
//! In: a submission. Out: texts that hold data of a person: they leave in the mail only.
//! Source: mssante.md §3.2, §3.5; hl7v2.md §2.10.

use jonction_model::{DocumentSubmission, Masked, SubmittedDocument, Traits};

/// `XDM/1.0/DDM+<libellé> <NOM> <prénom> <JJ/MM/AAAA>`.
//= ECO.2.1.3
pub(crate) fn subject(submission: &DocumentSubmission) -> Masked<String> {
    let first = submission.documents.first();
    let traits = first.map_or(&submission.patient.traits, |document| &document.subject.traits);
    let label = first.map(|document| label(submission, document)).unwrap_or_default();
    let mut words = vec![format!("XDM/1.0/DDM+{label}"), family(traits), given(traits)];
    words.extend(traits.birth_date.as_ref().and_then(|date| french_date(date.expose())));
    words.retain(|word| !word.is_empty());
    words.join(" ").into()
}

/// `<date de l'acte>_<type>_<NOM>_<prénom>.pdf`; a name already used gets `_2`, `_3`… as fifth field.
//= ECO.2.1.6
pub(crate) fn pdf_name(
    submission: &DocumentSubmission,
    document: &SubmittedDocument,
    used: &mut Vec<String>,
) -> String {
    let traits = &document.subject.traits;
    let metadata = &document.metadata;
    let day =
        metadata.service_start.as_ref().or(metadata.creation_time.as_ref()).map(|time| time.day().to_owned());
    let fields = [day.unwrap_or_default(), label(submission, document), family(traits), given(traits)];
    let stem = fields.map(|field| clean(&field)).join("_");
    used.push(stem.clone());
    match used.iter().filter(|known| **known == stem).count() {
        1 => format!("{stem}.pdf"),
        n => format!("{stem}_{n}.pdf"),
    }
}

/// OBR-4.2 for the first document and those of its type, else the label of the document's own code, else its title.
fn label(submission: &DocumentSubmission, document: &SubmittedDocument) -> String {
    let same_type =
        |first: &SubmittedDocument| first.metadata.type_code.code == document.metadata.type_code.code;
    let asked =
        submission.mail.label.as_deref().filter(|_| submission.documents.first().is_some_and(same_type));
    let own = document.metadata.type_code.label.as_str();
    [asked.unwrap_or_default(), own, document.metadata.title.as_str()]
        .into_iter()
        .find(|text| !text.trim().is_empty())
        .unwrap_or("Document")
        .trim()
        .to_owned()
}

fn family(traits: &Traits) -> String {
    first_of([&traits.birth_name, &traits.used_name])
}

fn given(traits: &Traits) -> String {
    let all = first_of([&traits.birth_givens, &None]);
    let first = all.split(' ').next().unwrap_or_default().to_owned();
    let known = first_of([&traits.birth_given, &None]);
    match (known.is_empty(), first.is_empty()) {
        (false, _) => known,
        (true, false) => first,
        (true, true) => first_of([&traits.used_given, &None]),
    }
}

fn first_of(names: [&Option<Masked<String>>; 2]) -> String {
    names.into_iter().flatten().next().map(|name| name.expose().trim().to_owned()).unwrap_or_default()
}

/// `AAAAMMJJ` → `JJ/MM/AAAA`; a lunar date keeps its 00.
fn french_date(date: &str) -> Option<String> {
    let shaped = date.len() == 8 && date.bytes().all(|c| c.is_ascii_digit());
    shaped.then(|| format!("{}/{}/{}", &date[6..], &date[4..6], &date[..4]))
}

/// Characters that separate fields or that file systems refuse.
fn clean(field: &str) -> String {
    let kept = field.chars().map(|c| match c {
        c if c.is_control() || c.is_whitespace() => ' ',
        '_' | '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => ' ',
        c => c,
    });
    kept.collect::<String>().split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits() -> Traits {
        Traits {
            birth_name: Some("DE LA TOUR".into()),
            used_name: Some("MARTIN".into()),
            birth_givens: Some("ANNE MARIE".into()),
            used_given: Some("MARIE".into()),
            ..Traits::default()
        }
    }

    #[test]
    fn names_of_birth_come_first_and_the_first_given_name_only() {
        assert_eq!((family(&traits()), given(&traits())), ("DE LA TOUR".to_owned(), "ANNE".to_owned()));
        let used_only = Traits { birth_name: None, birth_givens: None, ..traits() };
        assert_eq!((family(&used_only), given(&used_only)), ("MARTIN".to_owned(), "MARIE".to_owned()));
        assert_eq!(family(&Traits::default()), "");
    }

    #[test]
    fn a_lunar_date_keeps_its_zeros_and_anything_else_is_left_out() {
        assert_eq!(french_date("19500031").as_deref(), Some("31/00/1950"));
        assert_eq!(french_date("1950"), None);
        assert_eq!(french_date("19é00228"), None);
    }

    #[test]
    fn a_field_loses_what_separates_fields_or_upsets_file_systems() {
        assert_eq!(clean("CR_d'été: a/b\\c*?\"<>|\u{a0} fin\r\n"), "CR d'été a b c fin");
    }
}
