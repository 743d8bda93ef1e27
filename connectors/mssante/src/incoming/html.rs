//! The text of a mail that is written in HTML only.
//! In: HTML of any quality. Out: readable lines. Source: mssante.md §8 n° 24. Nothing is fetched, run or kept of the form.

/// Elements whose content is no text.
const SILENT: [&str; 4] = ["script", "style", "head", "title"];
/// Elements that begin on a new line.
const BLOCKS: [&str; 17] = [
    "br",
    "p",
    "div",
    "li",
    "ul",
    "ol",
    "tr",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "blockquote",
    "section",
];
/// Named references that French mails hold.
const NAMED: [(&str, &str); 44] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("eacute", "é"),
    ("egrave", "è"),
    ("ecirc", "ê"),
    ("euml", "ë"),
    ("agrave", "à"),
    ("acirc", "â"),
    ("auml", "ä"),
    ("ccedil", "ç"),
    ("icirc", "î"),
    ("iuml", "ï"),
    ("ocirc", "ô"),
    ("ouml", "ö"),
    ("ugrave", "ù"),
    ("ucirc", "û"),
    ("uuml", "ü"),
    ("oelig", "œ"),
    ("aelig", "æ"),
    ("Eacute", "É"),
    ("Egrave", "È"),
    ("Ecirc", "Ê"),
    ("Agrave", "À"),
    ("Acirc", "Â"),
    ("Ccedil", "Ç"),
    ("Icirc", "Î"),
    ("Ocirc", "Ô"),
    ("Ugrave", "Ù"),
    ("Ucirc", "Û"),
    ("OElig", "Œ"),
    ("deg", "°"),
    ("euro", "€"),
    ("laquo", "«"),
    ("raquo", "»"),
    ("hellip", "…"),
    ("ndash", "–"),
    ("mdash", "—"),
    ("rsquo", "’"),
    ("lsquo", "‘"),
    ("bull", "•"),
];

/// Takes the text out.
pub(super) fn text(html: &str) -> String {
    let mut out = Lines::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let name_at = rest[1..].trim_start_matches('/');
        let name: String = name_at.chars().take_while(char::is_ascii_alphanumeric).take(16).collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic())
            && !rest.starts_with("<!")
            && !rest.starts_with("<?")
        {
            out.push("<");
            rest = &rest[1..];
            continue;
        }
        let name = name.to_ascii_lowercase();
        let opens = !rest.starts_with("</");
        rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
        if BLOCKS.contains(&name.as_str()) {
            out.line();
        }
        if opens && SILENT.contains(&name.as_str()) {
            rest = after_closing(rest, &name);
        }
    }
    out.push(rest);
    out.finish()
}

/// What follows `</name>`; nothing when it never comes.
fn after_closing<'h>(html: &'h str, name: &str) -> &'h str {
    let mut from = 0;
    while let Some(at) = html[from..].find("</") {
        let start = from + at + 2;
        let closes = html.get(start..start + name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name));
        if closes {
            return html[start..].find('>').map_or("", |end| &html[start + end + 1..]);
        }
        from = start;
    }
    ""
}

#[derive(Default)]
struct Lines {
    text: String,
    blank: bool,
}

impl Lines {
    /// Adds a run of text: references read, blanks made one.
    fn push(&mut self, run: &str) {
        let mut rest = run;
        while let Some(at) = rest.find('&') {
            self.words(&rest[..at]);
            rest = &rest[at + 1..];
            let end = rest.bytes().take(12).position(|byte| byte == b';');
            match end.and_then(|end| Some((end, reference(&rest[..end])?))) {
                Some((end, read)) => {
                    self.words(&read);
                    rest = &rest[end + 1..];
                }
                None => self.words("&"),
            }
        }
        self.words(rest);
    }

    fn words(&mut self, text: &str) {
        for c in text.chars() {
            if c.is_whitespace() || c.is_control() {
                self.blank = true;
                continue;
            }
            if std::mem::take(&mut self.blank) && !self.text.is_empty() && !self.text.ends_with('\n') {
                self.text.push(' ');
            }
            self.text.push(c);
        }
    }

    /// A new line; two at most follow each other.
    fn line(&mut self) {
        self.blank = false;
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn finish(self) -> String {
        self.text.trim().to_owned()
    }
}

fn reference(name: &str) -> Option<String> {
    let number = |digits: &str, radix| char::from_u32(u32::from_str_radix(digits, radix).ok()?);
    match name.strip_prefix('#') {
        Some(digits) => match digits.strip_prefix(['x', 'X']) {
            Some(digits) => number(digits, 16),
            None => number(digits, 10),
        }
        .map(String::from),
        None => NAMED.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn the_text_is_kept_and_the_form_is_not() {
        let html = "<html><head><style>p { color: red }</style></head><body><p>Cher&nbsp;confr&#232;re,<br>voici\n le r&eacute;sultat</p>\
            <script>alert('</p>')</script><!-- rien --><div>a &lt; b &amp; c &inconnu; &</div></body></html>";
        assert_eq!(text(html), "Cher confrère,\nvoici le résultat\n\na < b & c &inconnu; &");
    }

    #[test]
    fn what_is_never_closed_ends_with_the_text() {
        for html in ["bonjour <!-- fin", "bonjour <script>x", "bonjour <p", "bonjour <style"] {
            assert_eq!(text(html), "bonjour", "{html}");
        }
        assert_eq!(text("5 < 6 et 7 <8"), "5 < 6 et 7 <8");
        assert!(text(&"<p>".repeat(200_000)).is_empty());
        assert!(text(&"<script>".repeat(50_000)).is_empty());
    }
}
