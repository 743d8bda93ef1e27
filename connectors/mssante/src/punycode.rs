//! Domain names in the form the DNS and SMTP carry.
//! In: a name, accents allowed. Out: lower case, each label that is not ASCII as an A-label. IO: none.
//! Source: RFC 3492, mssante.md §1.3. Only composition and lower case are applied, not the whole of UTS 46.

/// A name in lower case and A-labels. A label that cannot be encoded is kept in lower case: it matches nothing.
pub(crate) fn to_ascii(name: &str) -> String {
    let label = |label: &str| {
        let label = jonction_mime::normalise_text(label).to_lowercase();
        match label.is_ascii() {
            true => label,
            false => encode(&label).map_or(label, |encoded| format!("xn--{encoded}")),
        }
    };
    name.split(['.', '\u{3002}']).map(label).collect::<Vec<_>>().join(".")
}

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;

/// Punycode of one label. `None`: it would overflow (labels have 63 characters at most, so none does).
fn encode(label: &str) -> Option<String> {
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    if basic > 0 {
        out.push('-');
    }
    let total = u32::try_from(label.chars().count()).ok().filter(|n| *n <= 255)?;
    let (mut n, mut delta, mut bias, mut handled) = (128_u32, 0_u32, 72_u32, basic);
    while handled < total {
        let next = label.chars().map(u32::from).filter(|c| *c >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for c in label.chars().map(u32::from) {
            if c < n {
                delta = delta.checked_add(1)?;
            }
            if c == n {
                write_number(&mut out, delta, bias);
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n += 1;
    }
    Some(out)
}

fn write_number(out: &mut String, mut value: u32, bias: u32) {
    let mut k = BASE;
    loop {
        let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if value < threshold {
            return out.push(digit(value));
        }
        out.push(digit(threshold + (value - threshold) % (BASE - threshold)));
        value = (value - threshold) / (BASE - threshold);
        k += BASE;
    }
}

fn digit(value: u32) -> char {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    char::from(DIGITS[value as usize % DIGITS.len()])
}

fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_get_their_known_a_labels() {
        for (name, expected) in [
            ("Bücher.example", "xn--bcher-kva.example"),
            ("hôpital.mssante.example", "xn--hpital-ixa.mssante.example"),
            ("e\u{301}te\u{301}.fr", "xn--t-9fab.fr"),
            ("UC-CMP.mssante.example", "uc-cmp.mssante.example"),
            ("münchen.de", "xn--mnchen-3ya.de"),
        ] {
            assert_eq!(to_ascii(name), expected);
        }
    }
}
