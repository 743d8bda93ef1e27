//! What a human who opens the archive sees: `INDEX.HTM` and `README.TXT`.
//! In: titles, file names, the origin. Out: two texts, with nothing of the patient but what a title says.
//! Source: IHE ITI TF-2 3.32 by mssante.md §3.4.

use super::{SUBSET, write::Origin};

/// XHTML Basic: the structure, and one link per document.
pub(super) fn index_htm<'d>(origin: &Origin, documents: impl Iterator<Item = (&'d str, &'d str)>) -> String {
    let mut html = String::from(concat!(
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML Basic 1.1//EN\" ",
        "\"http://www.w3.org/TR/xhtml-basic/xhtml-basic11.dtd\">\r\n",
        "<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"fr\">\r\n",
        "<head><title>Documents</title></head>\r\n<body>\r\n",
    ));
    html.push_str(&format!("<h1>{}</h1>\r\n<ul>\r\n", escape(&origin.structure)));
    for (file, title) in documents {
        let title = if title.is_empty() { file } else { title };
        let (path, title) = (escape(&format!("{SUBSET}/{file}")), escape(title));
        html.push_str(&format!("<li><a href=\"{path}\">{title}</a></li>\r\n"));
    }
    html.push_str("</ul>\r\n<p><a href=\"README.TXT\">README.TXT</a></p>\r\n</body>\r\n</html>\r\n");
    html
}

/// Origin, contents, software, contact; lines end with CR LF.
pub(super) fn readme_txt(origin: &Origin, documents: usize) -> String {
    format!(
        "Origine : {}\r\nApplication : {}\r\nContact : {}\r\n\r\n\
         Un lot de soumission, {documents} document(s) CDA R2, au format IHE XDM.\r\n\
         Ouvrir INDEX.HTM, ou importer l'archive dans un logiciel de professionnel de santé.\r\n",
        line(&origin.structure),
        line(&origin.software),
        line(&origin.contact),
    )
}

fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// ASCII only, so that the page reads right whatever charset a browser supposes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c if c.is_ascii() => out.push(c),
            c => out.push_str(&format!("&#{};", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_cannot_become_markup() {
        let origin =
            Origin { structure: "CHU <b>".to_owned(), software: String::new(), contact: String::new() };
        let html = index_htm(&origin, [("DOC00001.XML", "\"><script>é")].into_iter());
        assert!(
            html.contains("<a href=\"IHE_XDM/SUBSET01/DOC00001.XML\">&quot;&gt;&lt;script&gt;&#233;</a>")
        );
        assert!(html.contains("<h1>CHU &lt;b&gt;</h1>") && html.is_ascii());
    }

    #[test]
    fn a_readme_has_one_line_per_item_whatever_the_names_hold() {
        let origin = Origin {
            structure: "CHU\r\nContact : faux".to_owned(),
            software: "Jonction".to_owned(),
            contact: "dsi".to_owned(),
        };
        let text = readme_txt(&origin, 2);
        assert_eq!(text.lines().next(), Some("Origine : CHU  Contact : faux"));
        assert_eq!(text.lines().count(), 6);
    }
}
