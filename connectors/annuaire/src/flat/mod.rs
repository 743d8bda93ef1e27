//! Flat extractions as a snapshot: a ZIP, or plain files, read to the end or not believed.
//! In: paths. Out: records, the SHA-256 of what was read. Source: annuaires.md §1.1, §9.2 « Files ».

mod columns;
mod rows;
mod table;

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};
use jiff::{Timestamp, civil::DateTime};
use jonction_model::{
    clock::paris,
    directory::{Record, Source},
    hex,
};
use jonction_ports::{
    PullError,
    directory::Records,
    pull::{Facts, Intake, Remark, Snapshot},
};

pub(crate) use columns::{DIPLOMES, Layout, MSSANTE, PERSONNE_ACTIVITE, SAVOIR_FAIRE};
pub use table::Encoding;
use table::{Row, Taken};

/// How much an archive may unpack to, and by how much it may grow: the real one grows eightfold.
#[derive(Clone, Copy, Debug)]
pub struct ArchiveLimits {
    /// Bytes of all members together.
    pub unpacked_bytes_max: u64,
    /// Members.
    pub members_max: usize,
    /// Unpacked over packed.
    pub ratio_max: u64,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self { unpacked_bytes_max: 8 << 30, members_max: 16, ratio_max: 100 }
    }
}

/// Files on disk, one ZIP or the plain texts.
pub struct FlatSnapshot {
    source: Source,
    facts: Facts,
    files: Vec<PathBuf>,
    encoding: Encoding,
    limits: ArchiveLimits,
}

/// Which layouts a source has; the first must be there.
fn layouts(source: Source) -> &'static [&'static Layout] {
    match source {
        Source::Mssante => &[&MSSANTE],
        _ => &[&PERSONNE_ACTIVITE, &SAVOIR_FAIRE, &DIPLOMES],
    }
}

impl FlatSnapshot {
    /// Files of a source. The name and the date are those of the archive, or of the first file: `…_AAAAMMJJhhmm`.
    /// Errors: a name without date, a file that is not there.
    pub fn open(source: Source, files: Vec<PathBuf>, encoding: Encoding) -> Result<Self, PullError> {
        let first = files.first().ok_or_else(|| missing(layouts(source)[0]))?;
        let name = first.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let date = stamp(&name).ok_or_else(|| {
            PullError::new(
                "annuaire.no-date",
                format!("le nom « {name} » ne porte pas de date (AAAAMMJJhhmm)"),
                "garder le nom donné par l'Agence : c'est lui qui date l'extraction",
            )
        })?;
        let mut bytes = 0;
        for file in &files {
            bytes += fs::metadata(file).map_err(|error| on_disk(file, &error))?.len();
        }
        let facts = Facts { name, date, bytes };
        Ok(Self { source, facts, files, encoding, limits: ArchiveLimits::default() })
    }

    /// With other limits.
    #[must_use]
    pub fn limited(mut self, limits: ArchiveLimits) -> Self {
        self.limits = limits;
        self
    }
}

/// The instant in a name, Paris time: `PS_LibreAcces_202601010830.zip`.
pub fn stamp(name: &str) -> Option<Timestamp> {
    let digits = name.rsplit('_').next()?.split('.').next()?;
    if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let at = |from: usize, to: usize| digits[from..to].parse::<i8>().ok();
    let at =
        DateTime::new(digits[..4].parse().ok()?, at(4, 6)?, at(6, 8)?, at(8, 10)?, at(10, 12)?, 0, 0).ok()?;
    paris().to_timestamp(at).ok()
}

impl Snapshot for FlatSnapshot {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(
        &mut self,
        records: &mut dyn Records,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Intake, PullError> {
        let mut reading = Reading {
            encoding: self.encoding,
            records,
            progress,
            done: 0,
            hash: Context::new(&SHA256),
            intake: Intake::default(),
            bad_keys: 0,
        };
        let layouts = layouts(self.source);
        if self.files.len() == 1 && is_zip(&self.files[0])? {
            reading.archive(&self.files[0], layouts, self.limits)?;
        } else {
            reading.plain(&self.files, layouts)?;
        }
        if reading.bad_keys > 0 {
            reading.intake.remarks.push(Remark::new(
                "annuaire.bad-keys",
                format!(
                    "{} lignes portent un numéro RPPS dont la clé est fausse ; elles sont gardées",
                    reading.bad_keys
                ),
            ));
        }
        let mut intake = reading.intake;
        intake.sha256 = hex(reading.hash.finish().as_ref());
        Ok(intake)
    }
}

fn is_zip(path: &Path) -> Result<bool, PullError> {
    let mut start = [0; 4];
    let mut file = File::open(path).map_err(|error| on_disk(path, &error))?;
    match file.read_exact(&mut start) {
        Ok(()) => Ok(start == *b"PK\x03\x04" || start == *b"PK\x05\x06"),
        Err(_) => Ok(false),
    }
}

struct Reading<'r> {
    encoding: Encoding,
    records: &'r mut dyn Records,
    progress: &'r mut dyn FnMut(u64),
    done: u64,
    hash: Context,
    intake: Intake,
    bad_keys: u64,
}

impl Reading<'_> {
    fn plain(&mut self, files: &[PathBuf], layouts: &[&'static Layout]) -> Result<(), PullError> {
        let named = |path: &Path, layout: &Layout| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(layout.prefix))
        };
        for (rank, layout) in layouts.iter().enumerate() {
            match files.iter().find(|path| named(path, layout)) {
                Some(path) => {
                    let file = File::open(path).map_err(|error| on_disk(path, &error))?;
                    self.table(layout, file)?;
                }
                None => self.absent(rank, layout)?,
            }
        }
        Ok(())
    }

    fn absent(&mut self, rank: usize, layout: &'static Layout) -> Result<(), PullError> {
        if rank == 0 {
            return Err(missing(layout));
        }
        self.intake.remarks.push(Remark::new(
            "annuaire.missing-file",
            format!("{} n'est pas fourni : l'annuaire n'aura pas ce qu'il contient", layout.prefix),
        ));
        Ok(())
    }

    fn archive(
        &mut self,
        path: &Path,
        layouts: &[&'static Layout],
        limits: ArchiveLimits,
    ) -> Result<(), PullError> {
        let file = File::open(path).map_err(|error| on_disk(path, &error))?;
        let packed = file.metadata().map_err(|error| on_disk(path, &error))?.len();
        let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(|_| {
            bad_archive("elle est coupée ou abîmée : sa table des matières ne se lit pas".to_owned())
        })?;
        if zip.len() > limits.members_max {
            return Err(bad_archive(format!("elle a {} membres", zip.len())));
        }
        // Everything is judged before anything is read.
        let mut members = vec![None; layouts.len()];
        let mut unpacked = 0_u64;
        for at in 0..zip.len() {
            let member =
                zip.by_index_raw(at).map_err(|_| bad_archive("un membre ne se lit pas".to_owned()))?;
            unpacked = unpacked.saturating_add(member.size());
            let name = member.name().map_err(|_| bad_archive("un membre a un nom illisible".to_owned()))?;
            let plain_name = !name.contains(['/', '\\', ':']) && !name.contains("..");
            if !plain_name || member.is_symlink() {
                return Err(bad_archive("un membre veut sortir du dossier".to_owned()));
            }
            match layouts.iter().position(|layout| name.starts_with(layout.prefix)) {
                Some(rank) if members[rank].is_some() => {
                    return Err(bad_archive(format!("{} y est deux fois", layouts[rank].prefix)));
                }
                Some(rank) => members[rank] = Some(at),
                None => self.intake.remarks.push(Remark::new(
                    "annuaire.unknown-member",
                    format!("le membre n° {} de l'archive n'est pas connu, il est laissé de côté", at + 1),
                )),
            }
        }
        if unpacked > limits.unpacked_bytes_max || unpacked / packed.max(1) > limits.ratio_max {
            return Err(bad_archive(format!("elle annonce {} Mo une fois ouverte", unpacked >> 20)));
        }
        for (rank, layout) in layouts.iter().enumerate() {
            match members[rank] {
                None => self.absent(rank, layout)?,
                Some(at) => {
                    let member =
                        zip.by_index(at).map_err(|_| bad_archive("un membre ne se lit pas".to_owned()))?;
                    let declared = member.size();
                    // One byte more than declared is seen, so a lie is too.
                    self.table(layout, member.take(declared.saturating_add(1)))?;
                }
            }
        }
        Ok(())
    }

    fn table(&mut self, layout: &'static Layout, input: impl Read) -> Result<(), PullError> {
        let Self { encoding, records, progress, done, hash, intake, bad_keys } = self;
        let input = Counted { input, done, told: 0, hash, progress, read: &mut intake.bytes };
        let told = table::read(layout, *encoding, input, |row| {
            let Some(record) = to_record(layout, row) else { return Ok(Taken::Bad) };
            if let Record::Professional(person) = &record {
                *bad_keys += u64::from(!rows::has_good_key(&person.id));
            }
            records.put(record)?;
            Ok(Taken::Good)
        })?;
        intake.rows.insert(layout.prefix.to_owned(), told.rows);
        intake.remarks.extend(told.remarks);
        Ok(())
    }
}

fn to_record(layout: &Layout, row: &Row<'_>) -> Option<Record> {
    let person = |person| Record::Professional(Box::new(person));
    match layout.prefix {
        prefix if prefix == PERSONNE_ACTIVITE.prefix => rows::practice(row).map(person),
        prefix if prefix == SAVOIR_FAIRE.prefix => rows::skill(row).map(person),
        prefix if prefix == DIPLOMES.prefix => rows::diploma(row).map(person),
        _ => rows::mailbox(row).map(|mailbox| Record::Mailbox(Box::new(mailbox))),
    }
}

/// Counts and hashes what passes.
struct Counted<'c, R> {
    input: R,
    done: &'c mut u64,
    told: u64,
    hash: &'c mut Context,
    progress: &'c mut dyn FnMut(u64),
    read: &'c mut u64,
}

/// Bytes between two tellings of progress.
const TELL_EVERY: u64 = 4 << 20;

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.hash.update(&buffer[..count]);
        *self.done += count as u64;
        *self.read += count as u64;
        if *self.done - self.told >= TELL_EVERY {
            self.told = *self.done;
            (self.progress)(*self.done);
        }
        Ok(count)
    }
}

fn missing(layout: &Layout) -> PullError {
    PullError::new(
        "annuaire.missing-file",
        format!("{} n'est pas là", layout.prefix),
        "l'annuaire en service reste ; donner l'archive entière, ou ce fichier",
    )
}

fn bad_archive(why: String) -> PullError {
    PullError::new(
        "annuaire.bad-archive",
        format!("l'archive n'est pas acceptée : {why}"),
        "l'annuaire en service reste ; l'archive sera reprise au prochain passage",
    )
}

fn on_disk(path: &Path, error: &io::Error) -> PullError {
    PullError::new(
        "annuaire.file",
        format!("{} ne se lit pas ({})", path.display(), error.kind()),
        "vérifier que le fichier existe et ses droits",
    )
}

#[cfg(test)]
mod tests;
