//! Text of a partner made fit to be shown: bounded, on one line, without any number that may be a matricule.
//! Source: architecture §4.10 (findings carry no datum of a person), dmp-xds.md §9.1 (codeContext is always kept).

/// Longest text shown, in characters.
const SHOWN_MAX: usize = 500;

/// The text without control characters and with matricules masked: runs of 13 or 15 characters that could be one.
/// Identifiers of documents are dotted, so their arcs stay readable.
pub(crate) fn without_person(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN_MAX).collect();
    let mut shown = String::with_capacity(line.len());
    let mut rest = line.trim();
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric() || c == '.') {
        shown.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        shown.push_str(if looks_like_matricule(word) { "***" } else { word });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

fn looks_like_matricule(word: &str) -> bool {
    let word = word.strip_suffix('.').unwrap_or(word);
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    matches!(word.len(), 13 | 15) && !word.contains('.') && digits + 1 >= word.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matricules_are_masked_and_oids_are_not() {
        assert_eq!(
            without_person(
                "INS 279035121518989 (ou 2790351215189), 160012A00412345. OID 1.2.250.123456789012345.1"
            ),
            "INS *** (ou ***), *** OID 1.2.250.123456789012345.1"
        );
    }

    #[test]
    fn a_text_is_one_bounded_line() {
        assert_eq!(without_person("a\r\nb\0"), "a  b");
        assert_eq!(without_person(&"é".repeat(5000)).chars().count(), 500);
    }
}
