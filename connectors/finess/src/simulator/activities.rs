//! The activities of the made-up sites: every third hospital does several things, one in ten has an authorisation that ended.
//! In: the number of an entity. Out: its object in the `activites` file. Source: annuaires.md §4.3.

use serde_json::{Value, json};

use super::CATEGORIES;

/// An entity with what its sites do.
pub(super) fn entity(index: u64) -> Value {
    let sites: Vec<Value> = (0..3).map(|n| site(index * 3 + n)).collect();
    json!({
        "numFiness": format!("99{:07}", 9_000_000 + index), "pmSmsseId": index.to_string(),
        "activitesAutorisees": [], "ege": sites,
    })
}

fn site(index: u64) -> Value {
    let category = CATEGORIES[usize::try_from(index % 6).unwrap_or(0)];
    let hospital = matches!(category, "101" | "355");
    let activities: Vec<Value> = match (hospital, index % 18 / 6) {
        (true, 0) => vec![authorised("AASA", "typeActiviteAASA", "activiteSanitaireRegulee", "16", index)],
        (true, 1) => vec![
            authorised("AMF", "typeActiviteAMF", "activiteAMF", "50", index),
            authorised("AMF", "typeActiviteAMF", "activiteAMF", "04", index),
        ],
        (true, _) => vec![authorised("AMM", "typeActiviteAMM", "activiteAMM", "80", index)],
        (false, _) => vec![authorised("AMSR", "typeActiviteAMSR", "activiteSocialeRegulee", "924", index)],
    };
    json!({ "egeId": index.to_string(), "numFinessEge": format!("99{index:07}"), "activitesExercees": activities })
}

fn authorised(nature: &str, object: &str, name: &str, code: &str, index: u64) -> Value {
    let state = if index % 10 == 9 { "I" } else { "A" };
    let mut kind = json!({ name: code });
    if nature != "AMM" && nature != "AMSR" {
        kind["formeActivite"] = json!("01");
    }
    json!({
        "caracteristiquesGeneriques": { "activiteAeId": format!("{index}{code}"), "etatObjet": state },
        "nature": { "codeNature": nature, "caracteristiquesSpecifiques": { object: kind } },
        "capacite": [], "evenement": [], "engagement": [],
    })
}
