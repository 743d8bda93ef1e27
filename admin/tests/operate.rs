//! docs/operate/ against the program: every alert and every state has its page, every page is found from the index.
//! `UPDATE=1 cargo test -p jonction-admin --test operate` writes the page of metrics again.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, path::PathBuf};

use jonction_admin::{Cause, metrics::reference};
use jonction_engine::{DeliveryState, MessageState};

const INDEX: &str = "README.md";
const SECTIONS: [&str; 4] =
    ["## Ce que cela veut dire", "## Quoi regarder", "## Quoi taper", "## À ne jamais faire"];

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operate"))
}

#[track_caller]
fn read(page: &str) -> String {
    fs::read_to_string(folder().join(page)).unwrap_or_else(|error| panic!("docs/operate/{page}: {error}"))
}

/// `refusé à l'entrée` → `refuse-a-l-entree`.
fn slug(label: &str) -> String {
    let plain = |c: char| match c {
        'é' | 'è' | 'ê' => 'e',
        'à' | 'â' => 'a',
        'ô' => 'o',
        'ç' => 'c',
        ' ' | '\'' | '’' => '-',
        c => c,
    };
    label.chars().map(plain).collect()
}

/// Pages that say what to do, with the code or the word each must hold.
fn pages() -> Vec<(String, String)> {
    let causes = Cause::ALL.iter().map(|cause| (cause.page().to_owned(), cause.code().to_owned()));
    let messages = MessageState::ALL
        .iter()
        .map(|state| (format!("message-{}.md", slug(state.label())), state.word().to_owned()));
    let deliveries = DeliveryState::ALL
        .iter()
        .map(|state| (format!("envoi-{}.md", slug(state.label())), state.word().to_owned()));
    causes.chain(messages).chain(deliveries).collect()
}

#[test]
fn every_alert_and_every_state_has_a_page_that_says_what_to_do() {
    for (page, word) in pages() {
        let text = read(&page);
        assert!(text.contains(&format!("`{word}`")), "{page} does not name {word}");
        let places: Vec<_> = SECTIONS.iter().map(|section| text.find(section)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{page}: sections {places:?}");
    }
}

#[test]
fn every_page_is_found_from_the_index_and_every_link_leads_somewhere() {
    let index = read(INDEX);
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == INDEX || index.contains(&format!("]({name})")), "{name} is not in the index");
        for link in read(&name).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            let outside = link.starts_with("http") || target.is_empty();
            assert!(outside || folder().join(target).exists(), "{name} links to {link}");
        }
    }
}

#[test]
fn the_page_of_metrics_is_that_of_the_table() {
    let page = folder().join("metriques.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&page, reference()).unwrap();
    }
    assert_eq!(read("metriques.md"), reference(), "run UPDATE=1 cargo test -p jonction-admin --test operate");
}
