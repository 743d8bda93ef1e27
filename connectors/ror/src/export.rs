//! The national export: a job is asked for, waited for, and its files brought, whatever stops in between.
//! In: settings, a folder. Out: files on disk, each read to its end once. A job that fails or vanishes is asked for again.
//! Source: annuaires.md §3.3, §9.3 n° 36 and 38.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{Timestamp, ToSpan as _};
use jonction_fhir::{Limits, Node, ReadError, read};
use jonction_ports::{PullError, pull::Progress};
use jonction_web::{Answer, Url, WebError, url::encode};
use serde::{Deserialize, Serialize};

use crate::{
    access::{Access, damaged, refused},
    config::{ExportLimits, RorSettings},
    index::Index,
};

/// A list of files.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;
/// Files of one export.
const FILES_MAX: usize = 100_000;
/// Times one file is asked for again when what came is cut.
const FILE_TRIES: u32 = 3;

/// What is known of a job, beside its files: a later pull takes it up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Job {
    /// The question, so that another region is another job.
    asked: String,
    /// When it was asked, by our clock.
    since: Option<Timestamp>,
    /// Where its state is asked for.
    status: String,
    /// Its end.
    manifest: Option<Manifest>,
    /// Names of files that came, by their place in the manifest.
    came: Vec<String>,
}

/// What the service says of a job that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    /// When the data was as it is in the files.
    transaction_time: String,
    output: Vec<Output>,
    #[serde(default)]
    error: Vec<Output>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Output {
    url: String,
}

/// An export that came whole.
pub(crate) struct Exported {
    pub(crate) at: Timestamp,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) index: Index,
}

/// What became of one job.
enum Ended {
    Files(Manifest),
    /// It failed, or nobody knows it any longer.
    Lost(String),
}

/// Brings an export.
pub(crate) struct Export<'e> {
    pub(crate) access: &'e Access,
    pub(crate) settings: &'e RorSettings,
    pub(crate) folder: &'e Path,
    pub(crate) progress: &'e dyn Progress,
    pub(crate) now: Timestamp,
}

impl Export<'_> {
    pub(crate) async fn bring(&self) -> Result<Exported, PullError> {
        let asked = self.question()?;
        let mut last = String::new();
        for _ in 0..self.settings.export.jobs {
            let mut job = match self.known(&asked) {
                Some(job) => job,
                None => self.ask(&asked).await?,
            };
            let manifest = match job.manifest.clone() {
                Some(manifest) => manifest,
                None => match self.wait(&job).await? {
                    Ended::Files(manifest) => manifest,
                    Ended::Lost(why) => {
                        self.forget();
                        last = why;
                        continue;
                    }
                },
            };
            job.manifest = Some(manifest.clone());
            self.keep(&job)?;
            match self.files(&mut job, &manifest).await? {
                Some(exported) => return Ok(exported),
                None => {
                    self.forget();
                    last = "ses fichiers ont disparu".to_owned();
                }
            }
        }
        Err(PullError::new(
            "ror.export-failed",
            format!("l'export du ROR n'a pas abouti, demandé {} fois : {last}", self.settings.export.jobs),
            "l'annuaire en service reste ; si cela dure, prévenir le support du ROR",
        ))
    }

    fn question(&self) -> Result<Url, PullError> {
        // Not `application/fhir+json`: its plus sign is read as a blank by some.
        let mut query =
            "_outputFormat=application/json&_type=HealthcareService&includeAssociatedData=_myCompleteExtract"
                .to_owned();
        if let Some(region) = &self.settings.region {
            query +=
                &format!("&_typeFilter={}", encode(&format!("HealthcareService?_tag={REGIONS}|{region}")));
        }
        self.access.at(&format!("/$export?{query}"))
    }

    async fn ask(&self, asked: &Url) -> Result<Job, PullError> {
        self.progress.stage("demande d'export", None);
        self.clear().map_err(|error| WebError::File(error).to_pull())?;
        let answer = self.access.get(asked).await?;
        if !matches!(answer.status, 200 | 202) {
            return Err(refused(answer).await);
        }
        let told = answer.header("content-location").map(str::to_owned);
        let told =
            told.ok_or_else(|| damaged("la demande d'export ne dit pas où la suivre (Content-Location)"))?;
        let status = self.access.given(&told)?.to_string();
        let job = Job { asked: asked.to_string(), since: Some(self.now), status, ..Job::default() };
        self.keep(&job)?;
        Ok(job)
    }

    /// Asks for the state of the job until it ends. Waits are counted, not read from a clock.
    async fn wait(&self, job: &Job) -> Result<Ended, PullError> {
        let limits = self.settings.export;
        let url = self.access.given(&job.status)?;
        let mut waited = Duration::ZERO;
        for turn in 0.. {
            let answer = self.access.get(&url).await?;
            match answer.status {
                202 => {
                    let pause = pause(&answer, turn, limits);
                    waited = waited.saturating_add(pause);
                    if waited >= limits.job_longest {
                        return Ok(Ended::Lost(format!("pas fini après {} min", waited.as_secs() / 60)));
                    }
                    self.progress.stage(&stage(&answer), None);
                    // Read to its end, the connection serves again.
                    let _ = answer.bytes(MANIFEST_BYTES_MAX).await;
                    self.access.client.pause(pause).await;
                }
                200 => return self.ended(answer).await,
                404 | 410 => return Ok(Ended::Lost("le service ne le connaît plus".to_owned())),
                401 | 403 => return Err(refused(answer).await),
                status => {
                    let why = refused(answer).await.sentence;
                    return Ok(Ended::Lost(format!("réponse {status} ({why})")));
                }
            }
        }
        Ok(Ended::Lost("pas fini".to_owned()))
    }

    async fn ended(&self, answer: Answer) -> Result<Ended, PullError> {
        let body = answer.bytes(MANIFEST_BYTES_MAX).await.map_err(|error| error.to_pull())?;
        let manifest: Manifest = serde_json::from_slice(&body)
            .map_err(|_| damaged("la liste des fichiers d'export n'est pas lisible"))?;
        if manifest.output.len() > FILES_MAX {
            return Err(damaged("la liste des fichiers d'export est démesurée"));
        }
        let Ok(at) = manifest.transaction_time.parse::<Timestamp>() else {
            return Err(damaged("la liste des fichiers d'export ne dit pas sa date (transactionTime)"));
        };
        if at > self.now.checked_add(24.hours()).unwrap_or(self.now) {
            return Err(damaged(&format!("l'export est daté du {at}, à venir")));
        }
        // Judged before it is noted: a list that cannot be followed is not taken up by the next pull.
        for output in &manifest.output {
            self.access.given(&output.url)?;
        }
        if !manifest.error.is_empty() {
            return Ok(Ended::Lost(format!("{} fichiers d'erreurs", manifest.error.len())));
        }
        Ok(Ended::Files(manifest))
    }

    /// Brings what has not come yet. `None`: a file is no longer there, the job is over.
    async fn files(&self, job: &mut Job, manifest: &Manifest) -> Result<Option<Exported>, PullError> {
        let mut index = Index::default();
        let mut files = Vec::with_capacity(manifest.output.len());
        let total = manifest.output.len();
        for (at, output) in manifest.output.iter().enumerate() {
            self.progress.stage(&format!("fichier {} sur {total}", at + 1), None);
            let folder = self.folder.join(format!("{at:05}"));
            if let Some(path) = job.came.get(at).map(|name| folder.join(name)).filter(|path| path.is_file()) {
                let (path, taken) = look(path, index, self.settings.mss_channels.clone()).await?;
                index = taken.map_err(|error| cut(&error))?;
                files.push(path);
                continue;
            }
            let url = self.access.given(&output.url)?;
            let Some((path, taken)) = self.one(&url, &folder, index).await? else { return Ok(None) };
            index = taken;
            job.came.truncate(at);
            job.came.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
            self.keep(job)?;
            files.push(path);
        }
        let at = manifest.transaction_time.parse().map_err(|_| damaged("date illisible"))?;
        Ok(Some(Exported { at, files, index }))
    }

    /// One file, read to its end: what is cut is asked for again.
    async fn one(
        &self,
        url: &Url,
        folder: &Path,
        mut index: Index,
    ) -> Result<Option<(PathBuf, Index)>, PullError> {
        let mut tries = 1;
        loop {
            let got = self.access.file(url, folder, &mut |done, _| self.progress.at(done)).await;
            let path = match got {
                Ok(got) => got.path,
                Err(WebError::Status(404 | 410)) => return Ok(None),
                Err(WebError::Status(401 | 403)) => {
                    return Err(PullError::new(
                        "ror.file-forbidden",
                        "le ROR refuse un fichier de son export, même avec un jeton neuf",
                        "l'annuaire en service reste ; vérifier le profil d'accès auprès de l'ANS",
                    ));
                }
                Err(error) => return Err(error.to_pull()),
            };
            let (path, taken) = look(path, index, self.settings.mss_channels.clone()).await?;
            match taken {
                Ok(taken) => return Ok(Some((path, taken))),
                Err(error) if tries < FILE_TRIES => {
                    // What a cut file told is told again by the whole one: the index starts again from what it had.
                    index = error.index;
                    remove(&path).map_err(|error| WebError::File(error).to_pull())?;
                    self.access.client.failed(url, tries);
                    tries += 1;
                }
                Err(error) => {
                    remove(&path).map_err(|error| WebError::File(error).to_pull())?;
                    return Err(cut(&error));
                }
            }
        }
    }

    /// A job of before that may still be taken up.
    fn known(&self, asked: &Url) -> Option<Job> {
        let job: Job = serde_json::from_slice(&fs::read(self.place()).ok()?).ok()?;
        let age = self.now.duration_since(job.since?);
        let young = !age.is_negative() && age.unsigned_abs() < self.settings.export.job_longest;
        (job.asked == asked.to_string() && young).then_some(job)
    }

    fn place(&self) -> PathBuf {
        place(self.folder)
    }

    fn keep(&self, job: &Job) -> Result<(), PullError> {
        let aside = self.place().with_extension("new");
        let kept = serde_json::to_vec(job).map_err(io::Error::from).and_then(|bytes| {
            fs::create_dir_all(self.folder)?;
            fs::write(&aside, bytes)?;
            fs::rename(&aside, self.place())
        });
        kept.map_err(|error| WebError::File(error).to_pull())
    }

    fn forget(&self) {
        // A job that stays known is only asked about once more.
        let _ = fs::remove_file(self.place());
    }

    /// Files of a job that is over.
    fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::create_dir_all(self.folder),
        }
    }
}

/// System of the source regions.
pub(crate) const REGIONS: &str = "https://mos.esante.gouv.fr/NOS/TRE_R30-RegionOM/FHIR/TRE-R30-RegionOM";

/// Where a job is noted.
pub(crate) fn place(folder: &Path) -> PathBuf {
    folder.join("job.json")
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What the service says, else a wait that doubles.
fn pause(answer: &Answer, turn: u32, limits: ExportLimits) -> Duration {
    let doubled = limits.poll_first.saturating_mul(1 << turn.min(16)).min(limits.poll_longest);
    // At least a second: a service that says « at once » for ever must not be asked for ever.
    answer.retry_after().unwrap_or(doubled).clamp(Duration::from_secs(1), limits.job_longest)
}

fn stage(answer: &Answer) -> String {
    let told: String = answer
        .header("x-progress")
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(20)
        .collect();
    if told.is_empty() { "préparation de l'export".to_owned() } else { format!("préparation ({told})") }
}

/// A file that does not read to its end; the index as it was, for another try.
struct Unreadable {
    index: Index,
    why: ReadError<std::convert::Infallible>,
}

fn cut(error: &Unreadable) -> PullError {
    damaged(&match &error.why {
        ReadError::Cut { line, column } => {
            format!("un fichier d'export est coupé (ligne {line}, colonne {column})")
        }
        ReadError::NotJson { line, column } => {
            format!("un fichier d'export n'est pas du JSON (ligne {line}, colonne {column})")
        }
        ReadError::NotFhir(_) => "un fichier d'export n'est pas du FHIR".to_owned(),
        ReadError::TooLong(limit) => format!("un fichier d'export dépasse {} Mo", limit >> 20),
        _ => "un fichier d'export ne se lit pas".to_owned(),
    })
}

/// Reads a file to its end on a blocking thread: what is not an offer goes into the index.
async fn look(
    path: PathBuf,
    mut index: Index,
    mss_channels: Vec<String>,
) -> Result<(PathBuf, Result<Index, Unreadable>), PullError> {
    let work = move || {
        let input = File::open(&path).map_err(ReadError::Input);
        let read = input.and_then(|file| {
            read(file, Limits::default(), |entry| {
                index.take(Node::of(&entry.resource), &mss_channels);
                Ok(())
            })
        });
        let taken = match read {
            Ok(_) => Ok(index),
            Err(why) => Err(Unreadable { index, why }),
        };
        (path, taken)
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| damaged("la lecture s'est interrompue"))
}
