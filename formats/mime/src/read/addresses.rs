//! Address headers: who.
//! In: a raw value. Out: mailboxes, groups flattened, comments dropped. Source: RFC 5322 §3.4 and its obsolete forms.

use super::{Mailbox, words};

/// Mailboxes of one header; more are left out.
const MAILBOXES_MAX: usize = 2000;

/// Reads a list. What holds no address gives nothing.
pub(super) fn parse(raw: &[u8]) -> Vec<Mailbox> {
    let line = words::unfold(raw);
    let mut reader = Reader::default();
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        at += 1;
        reader.step(byte, line.get(at).copied(), &mut at);
        if reader.found.len() >= MAILBOXES_MAX {
            return reader.found;
        }
    }
    reader.end();
    reader.found
}

#[derive(Default)]
struct Reader {
    found: Vec<Mailbox>,
    /// Words before the angle bracket, or a bare address.
    phrase: Vec<u8>,
    /// What stands between angle brackets.
    angle: Option<Vec<u8>>,
    in_angle: bool,
    quoted: bool,
    comment: u32,
}

impl Reader {
    fn step(&mut self, byte: u8, next: Option<u8>, at: &mut usize) {
        let target = match &mut self.angle {
            Some(angle) if self.in_angle => angle,
            _ => &mut self.phrase,
        };
        match byte {
            b'\\' if self.quoted || self.comment > 0 => {
                if let Some(next) = next {
                    *at += 1;
                    if self.comment == 0 {
                        target.push(next);
                    }
                }
            }
            b'"' if self.comment == 0 => self.quoted = !self.quoted,
            _ if self.quoted => target.push(byte),
            b'(' => self.comment += 1,
            b')' if self.comment > 0 => self.comment -= 1,
            _ if self.comment > 0 => {}
            b'<' => {
                self.angle = Some(Vec::new());
                self.in_angle = true;
            }
            b'>' => self.in_angle = false,
            b',' | b';' if !self.in_angle => self.end(),
            // The name of a group; a colon inside angle brackets ends an obsolete route.
            b':' => {
                let bare_scheme = !self.in_angle && target.eq_ignore_ascii_case(b"mailto");
                if !bare_scheme {
                    target.clear();
                }
            }
            byte => target.push(byte),
        }
    }

    fn end(&mut self) {
        let phrase = std::mem::take(&mut self.phrase);
        let (name, address) = match self.angle.take() {
            Some(angle) => (words::decode(&phrase), words::decode(&angle)),
            None => (String::new(), words::decode(&phrase)),
        };
        self.in_angle = false;
        let address: String = address.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        if !address.is_empty() {
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            self.found.push(Mailbox { name, address });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn read(raw: &[u8]) -> Vec<(String, String)> {
        parse(raw).into_iter().map(|mailbox| (mailbox.name, mailbox.address)).collect()
    }

    fn pair(name: &str, address: &str) -> (String, String) {
        (name.to_owned(), address.to_owned())
    }

    #[test]
    fn every_form_of_an_address_is_read() {
        let cases: [(&[u8], &str, &str); 9] = [
            (b"a@b.fr", "", "a@b.fr"),
            (b"<a@b.fr>", "", "a@b.fr"),
            (b"Anne Martin <a@b.fr>", "Anne Martin", "a@b.fr"),
            (b"\"MARTIN, Anne\" <a@b.fr>", "MARTIN, Anne", "a@b.fr"),
            (b"=?utf-8?Q?H=C3=B4pital_A?= <a@b.fr>", "Hôpital A", "a@b.fr"),
            (b"\"=?utf-8?Q?H=C3=B4pital?=\" <a@b.fr>", "Hôpital", "a@b.fr"),
            (b"a@b.fr (Anne (la vraie))", "", "a@b.fr"),
            (b"Dr_Anne_MARTIN_H\xF4pital\r\n <a@b.fr>", "Dr_Anne_MARTIN_Hôpital", "a@b.fr"),
            (b"<@relais.fr:a@b.fr>", "", "a@b.fr"),
        ];
        for (raw, name, address) in cases {
            assert_eq!(read(raw), [pair(name, address)], "{}", raw.escape_ascii());
        }
    }

    #[test]
    fn lists_and_groups_are_flattened_and_empty_ones_give_nothing() {
        assert_eq!(
            read(b"equipe: Anne <a@b.fr>, c@d.fr;, \"x, y\" <e@f.fr>"),
            [pair("Anne", "a@b.fr"), pair("", "c@d.fr"), pair("x, y", "e@f.fr")]
        );
        assert_eq!(read(b"undisclosed-recipients:;"), []);
        assert_eq!(read(b"<>"), []);
    }

    #[test]
    fn nothing_that_is_left_open_hangs_or_panics() {
        for hostile in ["\"a@b", "(a@b", "<a@b", "a@b\\", "\"\\", &"(".repeat(100_000), &",".repeat(100_000)]
        {
            let _ = parse(hostile.as_bytes());
        }
        assert_eq!(parse(&b"a@b,".repeat(10_000)).len(), super::MAILBOXES_MAX);
    }
}
