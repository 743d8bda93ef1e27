//! Bodies sealed at rest: AES-256-GCM under a key of their own, in pieces, so that a range is read without the rest.
//! In: a body and its hash, the keys. Out: a header and sealed pieces; readers of them. Deterministic, nothing is drawn:
//! one key per body (HKDF of the store's key and the hash) never seals two contents, so its counters may start at 0.
//! Source: architecture §4.10, decision 0029.

use std::{
    fmt,
    io::{self, Read, Seek, SeekFrom, Write},
    sync::Arc,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest::{SHA256, digest},
    hkdf,
};
use jonction_model::BodyId;
use jonction_ports::BodyError;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Clear bytes in one sealed piece.
const PIECE: u64 = 64 << 10;
/// Bytes that sealing adds to a piece.
const TAG: u64 = 16;
/// First bytes of a sealed body.
const MAGIC: &[u8; 4] = b"JBS1";
/// Magic, name of the key, clear length.
const HEADER: usize = 4 + 8 + 8;

/// Name of a key: eight bytes of a hash of it. Tells keys apart, tells nothing of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyName(pub(crate) [u8; 8]);

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key bodies are sealed with.
#[derive(Clone)]
pub struct BodyKey {
    name: KeyName,
    derive: Arc<hkdf::Prk>,
}

impl BodyKey {
    /// Reads a key: 64 hexadecimal digits. Error: what is expected, in French.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str =
            "une clé de 32 octets : 64 chiffres hexadécimaux (jonction key FICHIER en fait une)";
        let text = text.trim().as_bytes();
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digits: Option<Vec<u8>> = text.iter().map(digit).collect();
        let digits = digits.filter(|digits| digits.len() == 2 * KEY_BYTES).ok_or(EXPECTED)?;
        let mut key = [0; KEY_BYTES];
        key.iter_mut().zip(digits.chunks(2)).for_each(|(byte, pair)| *byte = pair[0] << 4 | pair[1]);
        Ok(Self::new(&key))
    }

    fn new(key: &[u8; KEY_BYTES]) -> Self {
        let mut name = [0; 8];
        let digest = digest(&SHA256, &[b"jonction body key ".as_slice(), key].concat());
        name.copy_from_slice(&digest.as_ref()[..8]);
        let derive = hkdf::Salt::new(hkdf::HKDF_SHA256, b"jonction bodies").extract(key);
        Self { name: KeyName(name), derive: Arc::new(derive) }
    }

    /// Its name.
    pub fn name(&self) -> KeyName {
        self.name
    }

    fn of_body(&self, id: BodyId) -> io::Result<LessSafeKey> {
        let info = [id.as_bytes().as_slice()];
        let key = self.derive.expand(&info, &AES_256_GCM).map(UnboundKey::from);
        key.map(LessSafeKey::new).map_err(|_| io::Error::other("a key cannot be derived"))
    }
}

impl fmt::Debug for BodyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyKey({})", self.name)
    }
}

/// The keys of a store.
#[derive(Clone, Debug, Default)]
pub struct Seals {
    /// What new bodies are sealed with; `None`: they are kept in clear.
    pub current: Option<BodyKey>,
    /// What older bodies may still be sealed with.
    pub old: Vec<BodyKey>,
}

impl Seals {
    /// Name of the key new bodies are sealed with.
    pub(crate) fn current_name(&self) -> Option<KeyName> {
        self.current.as_ref().map(BodyKey::name)
    }

    pub(crate) fn knows(&self, name: KeyName) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: KeyName) -> Option<&BodyKey> {
        self.current.iter().chain(&self.old).find(|key| key.name == name)
    }

    /// Seals a body with the current key; `None`: there is none.
    pub(crate) fn seal(&self, id: BodyId, clear: &[u8]) -> io::Result<Option<Vec<u8>>> {
        if self.current.is_none() {
            return Ok(None);
        }
        let length = clear.len() as u64;
        let mut out = Vec::with_capacity(HEADER + clear.len() + (length / PIECE + 1) as usize * TAG as usize);
        self.store(Clear { id, length, bytes: &mut &*clear }, &mut out)?;
        Ok(Some(out))
    }

    /// Writes a body as it is stored: sealed with the current key when there is one. Holds one piece of it.
    pub(crate) fn store(&self, clear: Clear<'_>, out: &mut dyn Write) -> io::Result<()> {
        let header = Header { key: self.current_name().unwrap_or(KeyName([0; 8])), length: clear.length };
        let cipher = self.current.as_ref().map(|key| key.of_body(clear.id)).transpose()?;
        if cipher.is_some() {
            out.write_all(&header.bytes())?;
        }
        let mut piece = Vec::with_capacity(PIECE as usize + TAG as usize);
        // An empty body has one piece too: its seal.
        for number in 0..=header.last() {
            let expected = header.piece_length(number);
            piece.clear();
            (&mut *clear.bytes).take(expected).read_to_end(&mut piece)?;
            if piece.len() as u64 != expected {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(cipher) = &cipher {
                cipher
                    .seal_in_place_append_tag(header.nonce(number), header.bound(), &mut piece)
                    .map_err(|_| io::Error::other("a body cannot be sealed"))?;
            }
            out.write_all(&piece)?;
        }
        Ok(())
    }

    /// What the first bytes of a stored body say: sealed, and with which key. Leaves the reader after them.
    pub(crate) fn look(reader: &mut impl Read) -> io::Result<Option<Header>> {
        let mut bytes = Vec::with_capacity(HEADER);
        reader.take(HEADER as u64).read_to_end(&mut bytes)?;
        Ok(Header::parse(&bytes))
    }

    /// Reads a sealed body from `start` on; `stored` stands at its beginning.
    pub(crate) fn open<R: Read + Seek>(
        &self,
        id: BodyId,
        mut stored: R,
        start: u64,
    ) -> Result<SealedReader<R>, BodyError> {
        stored.seek(SeekFrom::Start(0))?;
        let header = Self::look(&mut stored)?.ok_or(BodyError::Damaged(id))?;
        let key = self.find(header.key).ok_or(BodyError::Sealed(id))?;
        let piece = (start / PIECE).min(header.last());
        stored.seek(SeekFrom::Start((HEADER as u64).saturating_add(piece.saturating_mul(PIECE + TAG))))?;
        let mut reader = SealedReader {
            stored,
            id,
            cipher: key.of_body(id)?,
            header,
            next: piece,
            clear: Vec::new(),
            at: 0,
        };
        // The rest of the first piece.
        let skipped = start.min(header.length) - piece * PIECE;
        io::copy(&mut reader.by_ref().take(skipped), &mut io::sink())?;
        Ok(reader)
    }
}

/// A body to be stored.
pub(crate) struct Clear<'b> {
    /// Its hash.
    pub(crate) id: BodyId,
    /// How long it is.
    pub(crate) length: u64,
    /// Its bytes.
    pub(crate) bytes: &'b mut dyn Read,
}

/// What stands before the pieces, and is bound to each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) key: KeyName,
    length: u64,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (key, rest) = rest.split_first_chunk::<8>()?;
        let length = rest.first_chunk::<8>()?;
        (magic == MAGIC).then_some(Self { key: KeyName(*key), length: u64::from_be_bytes(*length) })
    }

    fn bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..12].copy_from_slice(&self.key.0);
        bytes[12..].copy_from_slice(&self.length.to_be_bytes());
        bytes
    }

    fn bound(self) -> Aad<[u8; HEADER]> {
        Aad::from(self.bytes())
    }

    /// Number of the last piece.
    fn last(self) -> u64 {
        self.length.saturating_sub(1) / PIECE
    }

    /// A piece is bound to its place, and the last one says that it is.
    fn nonce(self, piece: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&piece.to_be_bytes());
        nonce[8] = u8::from(piece == self.last());
        Nonce::assume_unique_for_key(nonce)
    }

    /// Clear bytes of a piece, [`PIECE`] at most whatever the header claims.
    fn piece_length(self, piece: u64) -> u64 {
        (self.length - piece * PIECE).min(PIECE)
    }
}

/// Clear bytes of a sealed body. A piece that was changed, moved or cut is never given.
pub(crate) struct SealedReader<R> {
    stored: R,
    id: BodyId,
    cipher: LessSafeKey,
    header: Header,
    next: u64,
    clear: Vec<u8>,
    at: usize,
}

impl<R: Read> SealedReader<R> {
    fn refill(&mut self) -> io::Result<()> {
        let expected = self.header.piece_length(self.next) + TAG;
        self.clear.clear();
        self.at = 0;
        (&mut self.stored).take(expected).read_to_end(&mut self.clear)?;
        let nonce = self.header.nonce(self.next);
        let opened = match self.clear.len() as u64 == expected {
            true => self.cipher.open_in_place(nonce, self.header.bound(), &mut self.clear).ok(),
            false => None,
        };
        let Some(length) = opened.map(|clear| clear.len()) else {
            self.clear.clear();
            return Err(io::Error::new(io::ErrorKind::InvalidData, BodyError::Damaged(self.id)));
        };
        self.clear.truncate(length);
        self.next += 1;
        Ok(())
    }
}

impl<R: Read> Read for SealedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.clear.len() && self.next <= self.header.last() {
            self.refill()?;
        }
        let n = buffer.len().min(self.clear.len() - self.at);
        buffer[..n].copy_from_slice(&self.clear[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn seals(current: u8, old: &[u8]) -> Seals {
        let key = |byte: &u8| BodyKey::new(&[*byte; KEY_BYTES]);
        Seals { current: Some(key(&current)), old: old.iter().map(key).collect() }
    }

    fn body(length: usize) -> (BodyId, Vec<u8>) {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        (BodyId::of(&bytes), bytes)
    }

    fn read(seals: &Seals, id: BodyId, sealed: &[u8], start: u64) -> Option<Vec<u8>> {
        let mut clear = Vec::new();
        seals.open(id, Cursor::new(sealed), start).ok()?.read_to_end(&mut clear).ok()?;
        Some(clear)
    }

    #[test]
    fn a_body_of_any_number_of_pieces_is_read_back_from_anywhere() {
        let seals = seals(1, &[]);
        for length in [0, 1, 65_535, 65_536, 65_537, 200_000] {
            let (id, bytes) = body(length);
            let sealed = seals.seal(id, &bytes).unwrap().unwrap();
            for start in [0, 1, 65_535, 65_536, 199_999, 1 << 40] {
                let rest = &bytes[start.min(length)..];
                assert_eq!(read(&seals, id, &sealed, start as u64).unwrap(), rest, "{length} from {start}");
            }
        }
    }

    #[test]
    fn nothing_of_the_body_shows_and_equal_bodies_are_sealed_equal() {
        let (seals, id, bytes) = (seals(1, &[]), BodyId::of(b"DUPONT"), b"DUPONT".repeat(20));
        let sealed = seals.seal(id, &bytes).unwrap().unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"DUPONT"));
        assert_eq!(seals.seal(id, &bytes).unwrap().unwrap(), sealed);
    }

    #[test]
    fn a_body_cut_anywhere_or_put_in_the_place_of_another_is_never_given() {
        let (seals, (id, bytes)) = (seals(1, &[]), body(70_000));
        let sealed = seals.seal(id, &bytes).unwrap().unwrap();
        for cut in [0, 10, HEADER, HEADER + 65_552, sealed.len() - 1] {
            assert_eq!(read(&seals, id, &sealed[..cut], 0), None, "cut at {cut}");
        }
        assert_eq!(read(&seals, BodyId::of(b"another"), &sealed, 0), None);
    }

    #[test]
    fn an_old_key_still_opens_and_an_unknown_one_is_told_apart_from_damage() {
        let (id, bytes) = body(100);
        let sealed = seals(1, &[]).seal(id, &bytes).unwrap().unwrap();
        assert_eq!(read(&seals(2, &[1]), id, &sealed, 0), Some(bytes));
        let refused = seals(2, &[3]).open(id, Cursor::new(&sealed[..]), 0).err();
        assert!(matches!(refused, Some(BodyError::Sealed(_))));
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits_and_is_never_shown() {
        let key = BodyKey::parse(&format!("{}\n", "0f".repeat(32))).unwrap();
        assert_eq!(key.name(), BodyKey::new(&[15; 32]).name());
        assert!(!format!("{key:?}").contains("0f0f0f"));
        for wrong in ["", "0f", &"0g".repeat(32), &"0f".repeat(33)] {
            assert!(BodyKey::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_flipped_bit_anywhere_is_noticed(at in 0..(70_000 + HEADER + 32), bit in 0..8_u8) {
            let (seals, (id, bytes)) = (seals(1, &[]), body(70_000));
            let mut sealed = seals.seal(id, &bytes).unwrap().unwrap();
            prop_assert_eq!(sealed.len(), 70_000 + HEADER + 32);
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(read(&seals, id, &sealed, 0), None);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, length: u64, start: u64) {
            let seals = seals(1, &[]);
            let mut hostile = Header { key: seals.current_name().unwrap(), length }.bytes().to_vec();
            hostile.extend_from_slice(&bytes);
            prop_assert!(read(&seals, BodyId::of(b""), &hostile, start).is_none());
            let _ = read(&seals, BodyId::of(b""), &bytes, start);
        }
    }
}
