//! Several messages in one input: batches (FHS, BHS, BTS, FTS) and plain concatenations.
//! In: bytes. Out: one slice per message, nothing copied. Source: hl7v2.md §6.4.

use bytes::Bytes;
use memchr::memmem;

/// What an input was cut into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The messages, each from its MSH up to what closes it, in order.
    pub messages: Vec<Bytes>,
    /// Sum of BTS-1, when batches were closed by one.
    pub announced: Option<usize>,
}

/// Cuts on every line that starts with `MSH`; batch envelopes are left out.
/// At most `messages_max` messages; what follows stays in the last one, which then shows an extra header.
pub fn split(raw: &Bytes, messages_max: usize) -> Batch {
    let mut batch = Batch::default();
    let mut open: Option<usize> = None;
    for line in line_starts(raw) {
        let id = raw.get(line..line + 3).unwrap_or_default();
        // A line of base64 may start with these letters, but not with a delimiter behind them.
        let id = if raw.get(line + 3).is_some_and(u8::is_ascii_punctuation) { id } else { &[] };
        let full = batch.messages.len() + 1 >= messages_max;
        if !matches!(id, b"MSH" | b"FHS" | b"BHS" | b"BTS" | b"FTS")
            || (id == b"MSH" && open.is_some() && full)
        {
            continue;
        }
        if let Some(start) = open.take() {
            batch.messages.push(raw.slice(start..line));
        }
        match id {
            b"MSH" => open = Some(line),
            b"BTS" => batch.announced = Some(batch.announced.unwrap_or(0) + count(&raw[line..])),
            _ => {}
        }
    }
    if let Some(start) = open {
        batch.messages.push(raw.slice(start..));
    }
    batch
}

/// Offsets where `MSH` or a batch segment may start: the beginning, and behind each line end.
fn line_starts(raw: &[u8]) -> impl Iterator<Item = usize> {
    // Searched by name, so that a large document inside is passed at memory speed.
    let mut starts: Vec<usize> = [&b"MSH"[..], b"FHS", b"BHS", b"BTS", b"FTS"]
        .iter()
        .flat_map(|id| memmem::find_iter(raw, id))
        .filter(|&at| raw[..at].iter().rev().find(|b| !matches!(b, b' ' | 0 | 0x0b)).is_none_or(ends_line))
        .collect();
    starts.sort_unstable();
    starts.into_iter()
}

fn ends_line(byte: &u8) -> bool {
    // The last byte of a BOM, too.
    matches!(byte, b'\r' | b'\n' | 0x1c | 0xBF)
}

/// BTS-1.
fn count(line: &[u8]) -> usize {
    let digits = line.iter().skip(4).take(9).take_while(|b| b.is_ascii_digit());
    digits.fold(0, |n, b| n * 10 + usize::from(b - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(raw: &'static str) -> (Vec<Bytes>, Option<usize>) {
        let batch = split(&Bytes::from_static(raw.as_bytes()), 100);
        (batch.messages, batch.announced)
    }

    #[test]
    fn one_message_is_itself() {
        assert_eq!(cut("MSH|^~\\&|\rPID|MSH|\r"), (vec!["MSH|^~\\&|\rPID|MSH|\r".into()], None));
        assert_eq!(cut("MSH|^~\\&|\rOBX|1|ED|||QUJD\rMSHA\r").0.len(), 1);
        assert_eq!(cut("rubbish"), (vec![], None));
    }

    #[test]
    fn envelopes_are_left_out_and_their_count_is_kept() {
        let (messages, announced) =
            cut("FHS|^~\\&|\rBHS|^~\\&|\rMSH|^~\\&|1\rPID|\rMSH|^~\\&|2\rBTS|2\rBHS|^~\\&|\rBTS|0\rFTS|2\r");
        assert_eq!(messages, ["MSH|^~\\&|1\rPID|\r", "MSH|^~\\&|2\r"]);
        assert_eq!(announced, Some(2));
    }

    #[test]
    fn concatenated_messages_are_cut_apart() {
        assert_eq!(cut("MSH|^~\\&|1\n\n\0MSH|^~\\&|2\n").0, ["MSH|^~\\&|1\n\n\0", "MSH|^~\\&|2\n"]);
    }

    #[test]
    fn the_limit_leaves_the_rest_in_the_last_message() {
        let raw = Bytes::from_static(b"MSH|1\rMSH|2\rMSH|3\r");
        assert_eq!(split(&raw, 2).messages, [&b"MSH|1\r"[..], b"MSH|2\rMSH|3\r"]);
    }
}
