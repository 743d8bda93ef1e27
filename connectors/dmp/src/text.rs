//! Text of a partner made fit to be shown: bounded, on one line, without any number that may be a matricule.
//! Source: architecture §4.10 (findings carry no datum of a person), dmp-xds.md §9.1 (codeContext is always kept).

/// Longest text shown, in characters.
const SHOWN_MAX: usize = 500;

/// Longest text read to make it: masking shortens a number to a quarter, so what is shown never ends in half a number.
const READ_MAX: usize = 8 * SHOWN_MAX;

/// Digits from which a run may be a matricule: 13, with or without its key.
const MATRICULE_DIGITS: usize = 13;

/// The text without control characters and with everything that may be a matricule masked.
/// Identifiers of documents (three arcs of digits or more) stay readable.
pub(crate) fn without_person(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(READ_MAX).collect();
    let mut shown = String::with_capacity(line.len());
    let mut rest = line.trim();
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric() || c == '.') {
        shown.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        push_word(&mut shown, word);
        rest = after;
    }
    shown.push_str(rest);
    shown.chars().take(SHOWN_MAX).collect()
}

fn push_word(shown: &mut String, word: &str) {
    let is_oid = word.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && word.trim_matches('.').split('.').count() >= 3;
    for (at, arc) in word.split('.').enumerate() {
        shown.push_str(if at == 0 { "" } else { "." });
        let digits = arc.bytes().filter(u8::is_ascii_digit).count();
        shown.push_str(if !is_oid && digits >= MATRICULE_DIGITS { "***" } else { arc });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_matricule_passes_whatever_stands_around_it(
            before in "[ ,;:^&'(éA-Z.]{0,5}",
            number in "[12][0-9]{5}[0-9AB][0-9]{8}",
            after in "[ ,;:^&')éA-Z.]{0,5}",
        ) {
            let shown = without_person(&format!("{before}{number}{after}"));
            prop_assert!(!shown.contains(&number), "{}", shown);
        }

        #[test]
        fn any_text_is_shown_without_panic(text in ".{0,600}") {
            prop_assert!(without_person(&text).chars().count() <= SHOWN_MAX);
        }
    }

    #[test]
    fn matricules_are_masked_and_oids_are_not() {
        assert_eq!(
            without_person(
                "INS 279035121518989 (ou 2790351215189), 160012A00412345. OID 1.2.250.123456789012345.1"
            ),
            "INS *** (ou ***), ***. OID 1.2.250.123456789012345.1"
        );
    }

    #[test]
    fn a_text_is_one_bounded_line() {
        assert_eq!(without_person("a\r\nb\0"), "a  b");
        assert_eq!(without_person(&"é".repeat(5000)).chars().count(), 500);
    }
}
