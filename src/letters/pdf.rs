//! A small PDF 1.4: one page of text, and perhaps a grey image, so that a letter weighs what real ones weigh.
//! It claims no PDF/A conformance: its fonts are those of the reader.

use std::io::Write as _;

use jonction_model::{Entropy as _, SeededEntropy};

/// A page with a title and lines. `image_side`: side in pixels of the image, 0 for none.
pub(crate) fn pdf(title: &str, lines: &[&str], image_side: usize) -> Vec<u8> {
    let mut text = format!("BT /F1 16 Tf 60 780 Td ({}) Tj ET\n", winansi(title));
    for (at, line) in lines.iter().enumerate() {
        text += &format!("BT /F1 11 Tf 60 {} Td ({}) Tj ET\n", 750 - 16 * at, winansi(line));
    }
    let mut resources = "/Font << /F1 5 0 R >>".to_owned();
    let mut objects: Vec<Vec<u8>> = Vec::new();
    if image_side > 0 {
        text += "q 380 0 0 380 60 200 cm /Im1 Do Q\n";
        resources += " /XObject << /Im1 6 0 R >>";
    }
    objects.push(b"<< /Type /Catalog /Pages 2 0 R >>".to_vec());
    objects.push(b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec());
    objects.push(
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << {resources} >> >>"
        )
        .into_bytes(),
    );
    objects.push(stream("", &latin1(&text)));
    objects
        .push(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec());
    if image_side > 0 {
        let header = format!(
            "/Type /XObject /Subtype /Image /Width {image_side} /Height {image_side} /ColorSpace /DeviceGray /BitsPerComponent 8 "
        );
        objects.push(stream(&header, &picture(image_side)));
    }
    assemble(&objects)
}

/// A disc on a dark ground, with the grain that makes real images hard to compress.
fn picture(side: usize) -> Vec<u8> {
    let mut grain = vec![0; side * side];
    SeededEntropy::new(side as u64).fill(&mut grain);
    let radius = (side / 3) as i64;
    let centre = (side / 2) as i64;
    grain
        .iter()
        .enumerate()
        .map(|(at, noise)| {
            let (x, y) = ((at % side) as i64 - centre, (at / side) as i64 - centre);
            let base: u8 = if x * x + y * y < radius * radius { 150 } else { 20 };
            base.saturating_add(noise >> 2)
        })
        .collect()
}

fn stream(header: &str, bytes: &[u8]) -> Vec<u8> {
    let mut object = format!("<< {header}/Length {} >>\nstream\n", bytes.len()).into_bytes();
    object.extend_from_slice(bytes);
    object.extend_from_slice(b"\nendstream");
    object
}

fn assemble(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut offsets = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n", at + 1).as_bytes());
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let start = file.len();
    // Writing to a Vec cannot fail.
    let _ = write!(file, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for offset in offsets {
        let _ = writeln!(file, "{offset:010} 00000 n ");
    }
    let _ =
        write!(file, "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1);
    file
}

fn winansi(text: &str) -> String {
    text.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)")
}

/// Accents of our letters are all in Latin-1.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cross_reference_table_points_at_the_objects() {
        let file = pdf("Titre (essai)", &["é"], 8);
        let ascii: String = file.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '?' }).collect();
        let start: usize =
            ascii.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        assert!(ascii[start..].starts_with("xref\n0 7\n"));
        for (at, entry) in ascii[start..].lines().skip(3).take(6).enumerate() {
            let offset: usize = entry[..10].parse().unwrap();
            assert!(ascii[offset..].starts_with(&format!("{} 0 obj", at + 1)), "{entry}");
        }
    }

    #[test]
    fn the_same_letter_has_the_same_bytes() {
        assert_eq!(pdf("a", &["b"], 64), pdf("a", &["b"], 64));
    }
}
