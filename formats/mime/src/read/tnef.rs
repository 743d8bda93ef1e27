//! `winmail.dat`: what Outlook makes of attachments towards those it takes for Outlook.
//! In: bytes. Out: name and range of each attachment. Source: MS-OXTNEF §2.1. Absent: MAPI properties, the RTF body.

use std::ops::Range;

use super::charset;

/// 0x223E9F78, then a key of two bytes.
pub(super) const MAGIC: [u8; 4] = [0x78, 0x9F, 0x3E, 0x22];
const HEADER: usize = 6;

const ATTACHMENT: u8 = 2;
const START: u16 = 0x9002;
const TITLE: u16 = 0x8010;
const DATA: u16 = 0x800F;

/// An attachment in the bytes given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attachment {
    pub(super) name: String,
    pub(super) content: Range<usize>,
}

/// Reads at most `max` attachments. Whether everything was read to the end comes second.
pub(super) fn read(bytes: &[u8], max: usize) -> (Vec<Attachment>, bool) {
    let mut found: Vec<Attachment> = Vec::new();
    let mut current: Option<Attachment> = None;
    let mut at = HEADER;
    let mut whole = bytes.starts_with(&MAGIC);
    while whole && at < bytes.len() {
        let Some(attribute) = Attribute::at(bytes, at) else {
            whole = false;
            break;
        };
        at = attribute.end;
        if attribute.level != ATTACHMENT {
            continue;
        }
        match attribute.id {
            START => {
                found.extend(current.take().filter(|a| !a.content.is_empty()));
                current = Some(Attachment { name: String::new(), content: 0..0 });
            }
            TITLE => {
                if let Some(current) = &mut current {
                    let title = &bytes[attribute.data];
                    let title = title.split(|byte| *byte == 0).next().unwrap_or_default();
                    current.name = charset::guess(title).into_owned();
                }
            }
            DATA => {
                if let Some(current) = &mut current {
                    current.content = attribute.data;
                }
            }
            _ => {}
        }
        if found.len() >= max {
            return (found, false);
        }
    }
    found.extend(current.filter(|a| !a.content.is_empty()));
    (found, whole)
}

struct Attribute {
    level: u8,
    id: u16,
    data: Range<usize>,
    end: usize,
}

impl Attribute {
    /// Level (1), identifier (2), type (2), length (4), data, checksum (2).
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let head = bytes.get(at..at + 9)?;
        let id = u16::from_le_bytes([head[1], head[2]]);
        let length = u32::from_le_bytes([head[5], head[6], head[7], head[8]]);
        let start = at + 9;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        let data = start..end;
        bytes.get(data.clone())?;
        Some(Self { level: head[0], id, data, end: end.checked_add(2)? })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A `winmail.dat` as Outlook lays it out: version, code page, then each attachment.
    pub(crate) fn winmail(attachments: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = [MAGIC.as_slice(), &[1, 0]].concat();
        let mut attribute = |level: u8, id: u32, data: &[u8]| {
            out.push(level);
            out.extend_from_slice(&id.to_le_bytes());
            out.extend_from_slice(&(data.len() as u32).to_le_bytes());
            out.extend_from_slice(data);
            let sum = data.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
            out.extend_from_slice(&sum.to_le_bytes());
        };
        attribute(1, 0x0008_9006, &[0, 0, 1, 0]);
        attribute(1, 0x0006_9007, &[0xE4, 4, 0, 0, 0, 0, 0, 0]);
        for (name, content) in attachments {
            attribute(2, 0x0006_9002, &[0; 14]);
            attribute(2, 0x0001_8010, format!("{name}\0").as_bytes());
            attribute(2, 0x0006_800F, content);
        }
        out
    }

    #[test]
    fn attachments_are_found_with_their_names() {
        let bytes = winmail(&[("IHE_XDM.zip", b"PK\x03\x04zip"), ("a.pdf", b"%PDF-1.4")]);
        let (found, whole) = read(&bytes, 10);
        assert!(whole);
        let seen: Vec<_> = found.iter().map(|a| (a.name.as_str(), &bytes[a.content.clone()])).collect();
        assert_eq!(seen, [("IHE_XDM.zip", b"PK\x03\x04zip".as_slice()), ("a.pdf", b"%PDF-1.4")]);
    }

    #[test]
    fn a_cut_or_lying_one_gives_what_it_holds_and_says_so() {
        let bytes = winmail(&[("a.pdf", b"%PDF-1.4"), ("b.pdf", b"%PDF-1.5")]);
        for end in 0..bytes.len() - 2 {
            let (found, whole) = read(&bytes[..end], 10);
            assert!(found.len() <= 2 && (!whole || found.len() < 2), "cut at {end}");
        }
        let mut lying = bytes.clone();
        lying[11..15].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(read(&lying, 10), (vec![], false));
        assert_eq!(read(&bytes, 1).0.len(), 1);
    }
}
