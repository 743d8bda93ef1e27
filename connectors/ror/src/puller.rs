//! Brings the ROR: the whole of it by an export at least once a week, changes by search in between.
//! In: what is in use. Out: a snapshot whose files were read to their end, or changes. Source: annuaires.md §3.3.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use jonction_fhir::{Limits, Node, ReadError, read};
use jonction_model::{
    Clock,
    directory::{Record, Source},
};
use jonction_ports::{
    BoxFuture, DirectoryError, PullError, Puller,
    directory::Records,
    pull::{Brought, Facts, InUse, Intake, Progress, Remark, Snapshot},
};
use jonction_web::Client;

use crate::{
    access::{Access, damaged},
    changes::{Follow, Found},
    config::RorSettings,
    export::{self, Export, Exported},
    index::Index,
    offer::{Oddities, offer},
};

/// Brings the ROR.
pub struct RorPuller {
    settings: RorSettings,
    access: Access,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl RorPuller {
    /// `door`: the client that shows the certificate to the token endpoint. `secret`: of access profile 0.
    pub fn new(
        settings: RorSettings,
        door: Client,
        client: Client,
        secret: Option<String>,
        folder: PathBuf,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let access = Access::new(settings.clone(), door, client, secret, clock.clone());
        Self { settings, access, folder, clock }
    }

    async fn look(
        &self,
        in_use: Option<InUse>,
        whole: bool,
        progress: &dyn Progress,
    ) -> Result<Brought, PullError> {
        let now = self.clock.now();
        let mut remarks = Vec::new();
        if let Some(in_use) = in_use.as_ref().filter(|in_use| !whole && !self.is_whole_due(in_use, now)) {
            let follow = Follow { access: &self.access, settings: &self.settings, progress, now };
            match follow.since(in_use.date).await? {
                Found::Changes(changes) => return Ok(Brought::Changes(changes)),
                Found::TooMuch(why) => {
                    remarks.push(Remark::new("ror.whole-instead", format!("{why} ; export complet")));
                }
            }
        }
        let folder = self.folder.join("export");
        let export =
            Export { access: &self.access, settings: &self.settings, folder: &folder, progress, now };
        let exported = export.bring().await?;
        if let Some(in_use) = in_use.filter(|in_use| exported.at < in_use.date && !whole) {
            let why = format!("l'export du {} est plus ancien que {}", exported.at, in_use.name);
            return Ok(Brought::NothingNew(why));
        }
        let snapshot = RorSnapshot::new(exported, &self.settings, &folder, remarks);
        Ok(Brought::Snapshot(Box::new(snapshot)))
    }

    /// Whether changes alone will not do: the last whole export is too old, or of a clock that was set back.
    fn is_whole_due(&self, in_use: &InUse, now: Timestamp) -> bool {
        let age = now.duration_since(in_use.whole);
        age.is_negative() || age.unsigned_abs() >= self.settings.whole_every
    }
}

impl Puller for RorPuller {
    fn source(&self) -> Source {
        Source::Ror
    }

    fn bring<'p>(
        &'p self,
        in_use: Option<InUse>,
        whole: bool,
        progress: &'p dyn Progress,
    ) -> BoxFuture<'p, Result<Brought, PullError>> {
        Box::pin(self.look(in_use, whole, progress))
    }
}

/// An export on disk, its files already read once.
struct RorSnapshot {
    facts: Facts,
    files: Vec<PathBuf>,
    index: Index,
    mss_channels: Vec<String>,
    job: PathBuf,
    remarks: Vec<Remark>,
}

impl RorSnapshot {
    fn new(exported: Exported, settings: &RorSettings, folder: &Path, remarks: Vec<Remark>) -> Self {
        let territory = settings.region.as_deref().unwrap_or("france");
        let stamp = exported.at.strftime("%Y%m%dT%H%M%SZ");
        let bytes = exported.files.iter().filter_map(|path| Some(fs::metadata(path).ok()?.len())).sum();
        Self {
            facts: Facts { name: format!("export-{territory}-{stamp}"), date: exported.at, bytes },
            files: exported.files,
            index: exported.index,
            mss_channels: settings.mss_channels.clone(),
            job: export::place(folder),
            remarks,
        }
    }
}

impl Snapshot for RorSnapshot {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(
        &mut self,
        records: &mut dyn Records,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Intake, PullError> {
        let mut intake = Intake::default();
        let mut odd = Oddities::default();
        let mut hash = Context::new(&SHA256);
        let mut offers = 0_u64;
        for path in &self.files {
            let input = File::open(path).map_err(|error| jonction_web::WebError::File(error).to_pull())?;
            let hashed = Hashed { input, hash: &mut hash, bytes: &mut intake.bytes, progress };
            let rows = &mut intake.rows;
            let read = read(hashed, Limits::default(), |entry| {
                let resource = Node::of(&entry.resource);
                *rows.entry(resource.kind().to_owned()).or_default() += 1;
                if resource.kind() == "HealthcareService"
                    && let Some(offer) = offer(resource, &self.index, &self.mss_channels, &mut odd)
                {
                    offers += 1;
                    records.put(Record::Offer(Box::new(offer)))?;
                }
                Ok::<(), DirectoryError>(())
            });
            read.map_err(|error| match error {
                ReadError::Taker(error) => PullError::from(error),
                _ => damaged("un fichier d'export ne se relit pas"),
            })?;
        }
        if offers == 0 {
            // Nothing better would come of the same files.
            let _ = fs::remove_file(&self.job);
            return Err(damaged("l'export ne contient aucune offre"));
        }
        for structure in self.index.structures() {
            records.put(structure)?;
        }
        intake.sha256 = jonction_model::hex(hash.finish().as_ref());
        intake.remarks = std::mem::take(&mut self.remarks);
        intake.remarks.extend(odd.remarks());
        // The job is over: the next whole pull asks for another.
        let _ = fs::remove_file(&self.job);
        Ok(intake)
    }
}

struct Hashed<'h> {
    input: File,
    hash: &'h mut Context,
    bytes: &'h mut u64,
    progress: &'h mut dyn FnMut(u64),
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.hash.update(&buffer[..count]);
        *self.bytes += count as u64;
        (self.progress)(*self.bytes);
        Ok(count)
    }
}
