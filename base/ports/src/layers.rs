//! Reading bytes that stand inside others: a file of an archive that is an attachment of a mail.
//! In: a reader and a layer. Out: a reader of what the layer hides. Source: architecture §10 « Bodies are handles ».
//! Every reader holds a few kilobytes, whatever passes; the caller caps what comes out (`Read::take`).

use std::io::{self, BufRead, BufReader, Read};

use flate2::read::DeflateDecoder;
use jonction_model::{Layer, layer::undo_quoted_printable};

use crate::body::Base64Reader;

/// Undoes one layer.
pub(crate) fn undo(inner: Box<dyn Read + Send>, layer: &Layer) -> Box<dyn Read + Send> {
    match *layer {
        Layer::Slice(start, end) => {
            Box::new(SliceReader { before: start, inner: inner.take(end.max(start)) })
        }
        Layer::Base64 => Box::new(Base64Reader::new(inner)),
        Layer::QuotedPrintable => Box::new(QuotedPrintableReader::new(inner)),
        Layer::Inflate => Box::new(DeflateDecoder::new(inner)),
    }
}

/// Steps over what comes before the slice, at the first read.
struct SliceReader<R> {
    before: u64,
    inner: io::Take<R>,
}

impl<R: Read> Read for SliceReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.before > 0 {
            io::copy(&mut self.inner.by_ref().take(self.before), &mut io::sink())?;
            self.before = 0;
        }
        self.inner.read(buffer)
    }
}

/// Quoted-printable as the mail reader undoes it: what opens nothing stays, blanks at the end of a line go.
struct QuotedPrintableReader<R> {
    inner: BufReader<R>,
    output: Vec<u8>,
    at: usize,
}

/// A line longer than this is undone in pieces.
const LINE_MAX: u64 = 64 << 10;

impl<R: Read> QuotedPrintableReader<R> {
    fn new(inner: R) -> Self {
        Self { inner: BufReader::new(inner), output: Vec::new(), at: 0 }
    }

    /// Undoes the next line. `false` at the end.
    fn refill(&mut self) -> io::Result<bool> {
        let mut line = Vec::new();
        self.inner.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)?;
        self.output.clear();
        self.at = 0;
        let ended = line.ends_with(b"\n");
        // A piece of an endless line is never cut inside an escape.
        while !ended && line.iter().rev().take(2).any(|byte| *byte == b'=') {
            if self.inner.by_ref().take(1).read_until(b'\n', &mut line)? == 0 {
                break;
            }
        }
        undo_quoted_printable(&line, &mut self.output);
        Ok(!line.is_empty())
    }
}

impl<R: Read> Read for QuotedPrintableReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.output.len() {
            if !self.refill()? {
                return Ok(0);
            }
        }
        let n = buffer.len().min(self.output.len() - self.at);
        buffer[..n].copy_from_slice(&self.output[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::Engine as _;
    use jonction_model::ContentRef;

    use super::*;
    use crate::body::{Bodies as _, BodyError, MemoryBodies};

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_file_of_an_archive_in_a_mail_is_read_where_it_stands() {
        let document = b"<ClinicalDocument/>".repeat(50_000);
        let packed = deflated(&document);
        let archive = [b"PK..", packed.as_slice(), b"..end"].concat();
        let text = base64::engine::general_purpose::STANDARD.encode(&archive);
        let lines: Vec<_> = text.as_bytes().chunks(76).collect();
        let mail = [b"Subject: x\r\n\r\n", lines.join(b"\r\n".as_slice()).as_slice(), b"\r\n--"].concat();
        let bodies = MemoryBodies::default();
        let whole = bodies.put(mail.clone());
        let inside = [Layer::Slice(4, 4 + packed.len() as u64), Layer::Inflate];
        let layers = [[Layer::Slice(14, mail.len() as u64 - 2), Layer::Base64], inside].concat();
        let content = ContentRef::through(whole.body, &layers).unwrap();

        assert_eq!(bodies.read(&content, document.len() as u64).unwrap(), document);
        let short = bodies.read(&content, document.len() as u64 - 1);
        assert!(matches!(short, Err(BodyError::TooLong { .. })));
    }

    fn undone(text: &[u8]) -> Vec<u8> {
        let bodies = MemoryBodies::default();
        let content = bodies.put(text.to_vec()).then([Layer::QuotedPrintable]);
        bodies.read(&content, 1 << 20).unwrap().to_vec()
    }

    #[test]
    fn quoted_printable_is_undone_on_the_way() {
        assert_eq!(undone(b"=C3=A9 =3d=\r\n fin \r\n=ZZ"), "é = fin\r\n=ZZ".as_bytes());
        assert_eq!(undone(b""), b"");
    }

    #[test]
    fn an_endless_line_is_never_cut_inside_an_escape() {
        for shift in 0..3 {
            let text = ["a".repeat(shift), "=41".repeat(60_000)].concat();
            assert_eq!(undone(text.as_bytes()).len(), shift + 60_000, "shift {shift}");
        }
    }
}
