//! What a site does, by the activities it carries on: authorised care, in the codes of the national indicator.
//! In: an `ege` of the `activites` file. Out: codes of activity, with the form of care after a slash when it is told.
//! Source: annuaires.md §4.3, §10. Other natures (equipment, social activities) are not authorisations of care: left out.

use crate::node::Node;

/// Natures that are authorisations of care: the object that tells the activity, and the name of its code.
const CARE: [(&str, &str, &str); 3] = [
    ("AASA", "typeActiviteAASA", "activiteSanitaireRegulee"),
    ("AMF", "typeActiviteAMF", "activiteAMF"),
    ("AMM", "typeActiviteAMM", "activiteAMM"),
];

/// Activities of a site that are not ended, each once, in order.
pub(crate) fn codes(site: &Node<'_>) -> Vec<String> {
    let mut codes: Vec<String> =
        site.children("activitesExercees").iter().filter_map(|activity| code(activity)).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn code(activity: &Node<'_>) -> Option<String> {
    if activity.child("caracteristiquesGeneriques")?.text("etatObjet") != "A" {
        return None;
    }
    let nature = activity.child("nature")?;
    let told = nature.text("codeNature");
    let (_, object, name) = CARE.iter().find(|(nature, _, _)| *nature == told)?;
    let kind = nature.child("caracteristiquesSpecifiques")?.child(object)?;
    let (code, form) = (kind.text(name), kind.text("formeActivite"));
    match (code.is_empty(), form.is_empty()) {
        (true, _) => None,
        (false, true) => Some(code),
        (false, false) => Some(format!("{code}/{form}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn activity(state: &str, nature: &str, kind: &str, told: &Value) -> Value {
        json!({
            "caracteristiquesGeneriques": { "etatObjet": state },
            "nature": { "codeNature": nature, "caracteristiquesSpecifiques": { kind: told } },
        })
    }

    #[test]
    fn authorised_care_that_goes_on_is_told_with_its_form_and_nothing_else_is() {
        let psychiatry =
            json!({ "activiteSanitaireRegulee": "04", "modaliteActivite": "09", "formeActivite": "01" });
        let site = json!({ "activitesExercees": [
            activity("A", "AASA", "typeActiviteAASA", &psychiatry),
            activity("A", "AASA", "typeActiviteAASA", &psychiatry),
            activity("I", "AMF", "typeActiviteAMF", &json!({ "activiteAMF": "18" })),
            activity("A", "AMM", "typeActiviteAMM", &json!({ "activiteAMM": "80", "mentionAMM": null })),
            activity("A", "ASDR", "typeActiviteASDR", &json!({ "activiteSanitaireDiverseRegulee": "824" })),
            json!({ "nature": null }),
        ]});
        assert_eq!(codes(&Node(site.as_object().unwrap())), ["04/01", "80"]);
    }
}
