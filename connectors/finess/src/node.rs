//! One object of FINESS+, looked at the way it was published over time: keys in several spellings, codes as texts or objects.
//! In: a JSON object. Out: texts, dates, children; empty when absent, never an error. Source: annuaires.md §4.3, §4.4.

use jiff::civil::Date;
use serde_json::{Map, Value};

/// An object whose keys are looked up without case, accents or underscores.
pub(crate) struct Node<'n>(pub(crate) &'n Map<String, Value>);

impl<'n> Node<'n> {
    pub(crate) fn get(&self, key: &str) -> Option<&'n Value> {
        // The usual spelling first; the others were published for a while.
        self.0.get(key).or_else(|| {
            let plain = |key: &str| key.replace('_', "").to_ascii_lowercase();
            let wanted = plain(key);
            self.0.iter().find(|(own, _)| plain(own) == wanted).map(|(_, value)| value)
        })
    }

    /// A text, or the code of a coded value; trimmed, empty when absent.
    pub(crate) fn text(&self, key: &str) -> String {
        match self.get(key) {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Object(coded)) => Node(coded).text("code"),
            Some(Value::Array(list)) => match list.first() {
                Some(Value::String(text)) => text.trim().to_owned(),
                _ => String::new(),
            },
            _ => String::new(),
        }
    }

    pub(crate) fn child(&self, key: &str) -> Option<Node<'n>> {
        self.get(key)?.as_object().map(Node)
    }

    pub(crate) fn children(&self, key: &str) -> Vec<Node<'n>> {
        match self.get(key) {
            Some(Value::Array(list)) => list.iter().filter_map(|value| value.as_object().map(Node)).collect(),
            Some(Value::Object(one)) => vec![Node(one)],
            _ => Vec::new(),
        }
    }

    /// `2021-10-18`, `2021-10-18 00:00:00`, `2021-10-18T…`.
    pub(crate) fn date(&self, key: &str) -> Option<Date> {
        self.text(key).get(..10)?.parse().ok()
    }
}
