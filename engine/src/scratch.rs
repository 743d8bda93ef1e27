//! A body that comes in pieces waits here until it is whole and its hash is known: a nameless file, which a crash empties.
//! In: pieces. Out: hash, length, and a reader of the whole. Holds one piece in memory.
//! When bodies are sealed, so is this file, under a key that lives as long as it (decision 0038).

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest, rand,
};
use jonction_model::BodyId;

/// Clear bytes in one piece of the file.
const PIECE: usize = 64 << 10;
/// Bytes that sealing adds to a piece.
const TAG: usize = 16;

/// A body on its way in.
pub struct Scratch {
    file: File,
    /// `None`: bodies are kept in clear.
    cipher: Option<LessSafeKey>,
    hash: digest::Context,
    length: u64,
    pieces: u64,
    /// Not written yet: less than a piece.
    tail: Vec<u8>,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Scratch {
    /// An empty one, on the disk of `folder`.
    pub(crate) fn begin(folder: &Path, sealed: bool) -> io::Result<Self> {
        let cipher = match sealed {
            true => {
                let mut key = [0; 32];
                let failed = |_| io::Error::other("a key cannot be made");
                rand::fill(&mut key).map_err(failed)?;
                Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).map_err(failed)?))
            }
            false => None,
        };
        Ok(Self {
            file: tempfile::tempfile_in(folder)?,
            cipher,
            hash: digest::Context::new(&digest::SHA256),
            length: 0,
            pieces: 0,
            tail: Vec::new(),
        })
    }

    /// Takes the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        let mut rest = bytes;
        while self.tail.len() + rest.len() >= PIECE {
            let (now, later) = rest.split_at(PIECE - self.tail.len());
            self.tail.extend_from_slice(now);
            rest = later;
            self.write_piece()?;
        }
        self.tail.extend_from_slice(rest);
        Ok(())
    }

    fn write_piece(&mut self) -> io::Result<()> {
        if let Some(cipher) = &self.cipher {
            cipher
                .seal_in_place_append_tag(nonce(self.pieces), Aad::empty(), &mut self.tail)
                .map_err(|_| io::Error::other("a piece cannot be sealed"))?;
        }
        self.file.write_all(&self.tail)?;
        self.pieces += 1;
        self.tail.clear();
        Ok(())
    }

    /// Its hash, its length, its bytes.
    pub(crate) fn read(mut self) -> io::Result<(BodyId, u64, impl Read)> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut hash = [0; 32];
        hash.copy_from_slice(self.hash.finish().as_ref());
        let reader = ScratchReader {
            file: self.file,
            cipher: self.cipher,
            left: self.pieces,
            next: 0,
            tail: self.tail,
            clear: Vec::new(),
            at: 0,
        };
        Ok((BodyId::from_bytes(hash), self.length, reader))
    }
}

/// Each piece has its number; the key seals nothing else.
fn nonce(piece: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&piece.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

struct ScratchReader {
    file: File,
    cipher: Option<LessSafeKey>,
    left: u64,
    next: u64,
    tail: Vec<u8>,
    clear: Vec<u8>,
    at: usize,
}

impl ScratchReader {
    /// The next piece; the last one never was in the file.
    fn refill(&mut self) -> io::Result<()> {
        self.at = 0;
        if self.left == 0 {
            self.clear = std::mem::take(&mut self.tail);
            return Ok(());
        }
        let length = PIECE + if self.cipher.is_some() { TAG } else { 0 };
        self.clear.resize(length, 0);
        self.file.read_exact(&mut self.clear)?;
        if let Some(cipher) = &self.cipher {
            let opened = cipher.open_in_place(nonce(self.next), Aad::empty(), &mut self.clear);
            let length = opened.map(|clear| clear.len()).map_err(|_| io::ErrorKind::InvalidData)?;
            self.clear.truncate(length);
        }
        (self.left, self.next) = (self.left - 1, self.next + 1);
        Ok(())
    }
}

impl Read for ScratchReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.clear.len() {
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
    use super::*;

    fn through(sealed: bool, length: usize, cut: usize) -> (BodyId, u64, Vec<u8>, Vec<u8>) {
        let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        let mut scratch = Scratch::begin(&std::env::temp_dir(), sealed).unwrap();
        bytes.chunks(cut).for_each(|piece| scratch.write(piece).unwrap());
        let mut raw = scratch.file.try_clone().unwrap();
        let (id, length, mut reader) = scratch.read().unwrap();
        let mut back = Vec::new();
        reader.read_to_end(&mut back).unwrap();
        assert_eq!(back, bytes);
        let mut stored = Vec::new();
        raw.seek(SeekFrom::Start(0)).unwrap();
        raw.read_to_end(&mut stored).unwrap();
        (id, length, bytes, stored)
    }

    #[test]
    fn what_came_in_pieces_is_read_back_whole_with_its_hash() {
        for sealed in [false, true] {
            for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7] {
                let (id, told, bytes, _) = through(sealed, length, 1000);
                assert_eq!((id, told), (BodyId::of(&bytes), length as u64), "{length}");
            }
        }
    }

    #[test]
    fn a_sealed_one_never_shows_its_bytes_on_the_disk() {
        let (_, _, bytes, stored) = through(true, 2 * PIECE, PIECE);
        assert_eq!(stored.len(), 2 * (PIECE + TAG));
        assert!(!stored.windows(32).any(|window| window == &bytes[..32]));
        let (_, _, bytes, stored) = through(false, 2 * PIECE, 7);
        assert_eq!(stored, bytes);
    }
}
