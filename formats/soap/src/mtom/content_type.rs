//! Content-Type values: media type and parameters, quoted or not.
//! In: a header value. Out: names in lower case, values unquoted. Source: RFC 2045 §5.1, RFC 2387; dmp-xds.md §3.

/// A parsed Content-Type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    media_type: String,
    parameters: Vec<(String, String)>,
}

impl ContentType {
    /// Reads a header value. `None` when it is none. A parameter given twice counts once, by its first value.
    /// Unquoted values may hold characters that RFC 2045 wants quoted (`uuid:…`): the field writes them so.
    pub fn parse(text: &str) -> Option<Self> {
        let (media_type, mut rest) = match text.split_once(';') {
            Some((media_type, rest)) => (media_type, rest),
            None => (text, ""),
        };
        let media_type = media_type.trim().to_ascii_lowercase();
        let (kind, subtype) = media_type.split_once('/')?;
        if kind.is_empty() || subtype.is_empty() || media_type.contains([' ', '"']) {
            return None;
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ';']);
            if rest.is_empty() {
                return Some(Self { media_type, parameters });
            }
            let (name, after) = rest.split_once('=')?;
            let (value, after) = value(after.trim_start())?;
            let name = name.trim().to_ascii_lowercase();
            if !parameters.iter().any(|(known, _)| *known == name) {
                parameters.push((name, value));
            }
            rest = after;
        }
    }

    /// Type and subtype, lower case, without parameters.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// A parameter by its name in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One value and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((value, &quoted[at + 1..])),
            _ => value.push(c),
        }
    }
    None
}
