//! The one pass over a message: where segments start and where fields end.
//! In: bytes and their field separator. Out: two vectors of positions, and notes. Source: hl7v2.md §10.3.

use memchr::memchr3_iter;

use crate::{
    delimiters::Delimiters,
    error::{ParseError, ParseFault},
    limits::Limits,
    note::Note,
};

/// Positions in the raw message. Nothing is copied, components are cut on demand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub(crate) segments: Vec<Entry>,
    /// Field separators of every segment in turn, each run closed by the end of its segment.
    pub(crate) cuts: Vec<u32>,
}

/// One segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// First byte of the segment id.
    pub(crate) start: u32,
    /// Index in `cuts` of its first separator, or of its end when it has no field.
    pub(crate) first: u32,
    /// Index in `cuts` of its end.
    pub(crate) last: u32,
}

/// At most so many odd segment ids are noted: a message of rubbish must not cost a note per line.
const ODD_IDS_MAX: usize = 100;

/// A blank at the border of a segment. 0x1C and 0x0B are what a sloppy un-framing leaves behind.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0 | 0x0b | 0x1c)
}

struct Scan<'a> {
    raw: &'a [u8],
    limits: &'a Limits,
    index: Index,
    notes: Vec<Note>,
    /// First byte of the line, and index in `cuts` of its first separator.
    line: usize,
    first: usize,
    lf: usize,
    crlf: usize,
    blank_lines: usize,
    trimmed: usize,
    odd_ids: usize,
}

impl Index {
    /// Indexes `raw` from `start`, where MSH stands.
    pub(crate) fn build(
        raw: &[u8],
        start: usize,
        delimiters: &Delimiters,
        limits: &Limits,
    ) -> Result<(Self, Vec<Note>), ParseError> {
        let room = raw.len() - start;
        let mut scan = Scan {
            raw,
            limits,
            index: Self {
                // Guesses that spare small messages every growth, and never reserve more than a few KiB.
                segments: Vec::with_capacity((room / 64).clamp(4, 64)),
                cuts: Vec::with_capacity((room / 4).clamp(32, 1024)),
            },
            notes: Vec::new(),
            line: start,
            first: 0,
            lf: 0,
            crlf: 0,
            blank_lines: 0,
            trimmed: 0,
            odd_ids: 0,
        };
        let field = delimiters.field;
        for at in memchr3_iter(field, b'\r', b'\n', &raw[start..]) {
            let at = start + at;
            if raw[at] == field {
                if scan.index.cuts.len() >= limits.fields_max {
                    return Err(scan.error(ParseFault::TooManyFields { limit: limits.fields_max }, at));
                }
                scan.index.cuts.push(at as u32);
            } else {
                scan.end_of_line(at)?;
            }
        }
        scan.finish()
    }
}

impl Scan<'_> {
    #[cold]
    fn error(&self, fault: ParseFault, offset: usize) -> ParseError {
        ParseError { fault, segment: self.index.segments.len() + 1, offset }
    }

    fn end_of_line(&mut self, at: usize) -> Result<(), ParseError> {
        let lone_lf = self.raw[at] == b'\n';
        if lone_lf && at == self.line && at > 0 && self.raw[at - 1] == b'\r' {
            // Second half of CR LF: the segment was closed on its CR.
            self.crlf += 1;
            self.line = at + 1;
            return Ok(());
        }
        self.lf += usize::from(lone_lf);
        self.close(at)?;
        self.line = at + 1;
        Ok(())
    }

    /// Closes the line that ends before `end`.
    fn close(&mut self, end: usize) -> Result<(), ParseError> {
        let (mut from, mut to) = (self.line, end);
        while to > from && is_blank(self.raw[to - 1]) {
            to -= 1;
        }
        while from < to && is_blank(self.raw[from]) {
            from += 1;
        }
        if from == to {
            self.blank_lines += 1;
            return Ok(());
        }
        self.trimmed += usize::from((from, to) != (self.line, end));
        if self.index.segments.len() >= self.limits.segments_max {
            return Err(self.error(ParseFault::TooManySegments { limit: self.limits.segments_max }, from));
        }
        let last = self.index.cuts.len();
        self.index.cuts.push(to as u32);
        self.index.segments.push(Entry { start: from as u32, first: self.first as u32, last: last as u32 });
        self.note_id(&self.raw[from..self.index.cuts[self.first] as usize]);
        self.first = last + 1;
        Ok(())
    }

    fn note_id(&mut self, id: &[u8]) {
        let segment = self.index.segments.len();
        match id {
            b"MSH" if segment > 1 => self.notes.push(Note::ExtraHeader { segment }),
            [a, b, c] if a.is_ascii_uppercase() && is_id_tail(*b) && is_id_tail(*c) => {}
            _ if self.odd_ids < ODD_IDS_MAX => {
                self.odd_ids += 1;
                self.notes.push(Note::OddSegmentId { segment });
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Result<(Index, Vec<Note>), ParseError> {
        let unterminated = self.line < self.raw.len();
        if unterminated {
            let before = self.index.segments.len();
            self.close(self.raw.len())?;
            if self.index.segments.len() > before {
                self.notes.push(Note::LastSegmentUnterminated);
            } else {
                // Blanks after the last terminator are no line.
                self.blank_lines -= 1;
            }
        }
        let counted = [
            (self.lf + self.crlf, Note::LineEnds { lf: self.lf, crlf: self.crlf }),
            (self.blank_lines, Note::BlankLines { count: self.blank_lines }),
            (self.trimmed, Note::BlanksAroundSegments { count: self.trimmed }),
        ];
        self.notes.extend(counted.into_iter().filter(|(count, _)| *count > 0).map(|(_, note)| note));
        Ok((self.index, self.notes))
    }
}

fn is_id_tail(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}
