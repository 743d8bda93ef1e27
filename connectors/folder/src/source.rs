//! The way in: looks at a folder, takes each file once it stands still, moves it once it is journaled, answers beside it.
//! In: a folder. Out: arrivals; files in `taken` and `refused`, each with its answer. Source: architecture §3, §4.1.
//! A crash between the journal and the move gives the same file again: the journal knows it, and it is moved then.

use std::{
    fs::{self, File, TryLockError},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use jonction_model::{Clock, Entropy, PartnerName};
use jonction_ports::{Arrival, BoxFuture, Intake, IntakeError, LinkError, MessageId, Peer, Source, Stop};
use tokio::{task::spawn_blocking, time::Instant};
use tracing::{debug, error, warn};

use crate::{
    admission::{FolderAdmission, Judged},
    config::Collect,
    disk::{self, Print},
    watch::{Watch, look},
};

/// First bytes of a file over the limit that are kept.
const HEAD_BYTES: u64 = 64 << 10;
/// Says that a gateway takes the files of this folder.
const LOCK: &str = ".jonction-verrou";

/// What is handed in to a source.
#[derive(Clone)]
pub struct SourceTools {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for the numbers of acknowledgements.
    pub entropy: Arc<dyn Entropy>,
}

/// Source of one partner.
pub struct FolderSource {
    partner: PartnerName,
    settings: Collect,
    admission: FolderAdmission,
    tools: SourceTools,
    /// Held as long as the source lives.
    lock: Option<File>,
}

impl FolderSource {
    /// A source that will look where the settings say.
    pub fn new(
        partner: PartnerName,
        settings: Collect,
        admission: FolderAdmission,
        tools: SourceTools,
    ) -> Self {
        Self { partner, settings, admission, tools, lock: None }
    }

    fn prepare(&self) -> Result<File, LinkError> {
        let folder = &self.settings.from;
        let fault = |code, path: &Path, error: &io::Error, sentence: &str| LinkError {
            code,
            detail: error.kind().to_string(),
            sentence: format!("{} : {sentence}", path.display()),
        };
        // The partner's own folder is never made: a share that is not mounted must not look like an empty one.
        match fs::symlink_metadata(folder) {
            Ok(data) if data.is_dir() => {}
            Ok(_) => {
                let error = io::ErrorKind::NotADirectory.into();
                return Err(fault(
                    "folder.not-a-folder",
                    folder,
                    &error,
                    "ce n'est pas un dossier, ou c'est un lien",
                ));
            }
            Err(error) => {
                return Err(fault(
                    "folder.missing",
                    folder,
                    &error,
                    "ce dossier n'existe pas, ou ne se lit pas",
                ));
            }
        }
        for path in [&self.settings.taken, &self.settings.refused] {
            disk::ensure_folder(path).map_err(|error| {
                fault("folder.not-writable", path, &error, "ce dossier ne peut pas servir")
            })?;
        }
        let path = folder.join(LOCK);
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| fault("folder.not-writable", &path, &error, "ce fichier ne s'écrit pas"))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => {
                let error = io::ErrorKind::WouldBlock.into();
                Err(fault("folder.in-use", folder, &error, "une autre passerelle relève déjà ce dossier"))
            }
            // A share without locks: who shares it has been told in the guide.
            Err(TryLockError::Error(error)) => {
                warn!(partner = %self.partner, error_code = "folder.no-lock", cause = %error.kind(), "folder not locked");
                Ok(lock)
            }
        }
    }
}

impl Source for FolderSource {
    fn open(&mut self) -> BoxFuture<'_, Result<Vec<SocketAddr>, LinkError>> {
        Box::pin(async move {
            self.lock = Some(self.prepare()?);
            Ok(Vec::new())
        })
    }

    fn run(self: Box<Self>, intake: Arc<dyn Intake>, mut stop: Stop, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let every = self.settings.every;
            let mut rounds = Rounds {
                watch: Watch::new(self.settings.settle),
                refused: 0,
                lost: false,
                source: self,
                intake,
            };
            while !stop.is_stopped() {
                rounds.round(&stop).await;
                tokio::select! {
                    () = stop.stopped() => {}
                    () = tokio::time::sleep(every) => {}
                }
            }
        })
    }
}

/// A source that looks again and again.
struct Rounds {
    source: Box<FolderSource>,
    intake: Arc<dyn Intake>,
    watch: Watch,
    /// Entries that are never taken, at the last look: told when their number changes.
    refused: usize,
    /// The folder could not be read at the last look.
    lost: bool,
}

/// What becomes of a file.
struct Taken {
    accepted: bool,
    message: MessageId,
    reply: Vec<u8>,
}

impl Rounds {
    async fn round(&mut self, stop: &Stop) {
        let (folder, names) = (self.source.settings.from.clone(), self.source.settings.names.clone());
        let seen = match spawn_blocking(move || look(&folder, &names)).await {
            Ok(Ok(seen)) => seen,
            Ok(Err(cause)) => {
                if !std::mem::replace(&mut self.lost, true) {
                    error!(partner = %self.source.partner, error_code = "folder.unreadable", cause = %cause.kind(), "folder not read");
                }
                return;
            }
            Err(_) => return,
        };
        self.lost = false;
        if seen.refused != self.refused {
            self.refused = seen.refused;
            warn!(partner = %self.source.partner, error_code = "folder.never-taken", count = seen.refused, "links or hostile names in the folder");
        }
        for (name, print) in self.watch.saw(seen.files, Instant::now().into_std()) {
            if stop.is_stopped() {
                return;
            }
            if let Err(later) = self.take(&name, print).await {
                // The names of files may name people: they are told nowhere.
                warn!(partner = %self.source.partner, error_code = later.code(), cause = %later, "file left for later");
                return;
            }
        }
    }

    /// Takes one file. An error leaves it where it is, for the next look.
    async fn take(&self, name: &str, print: Print) -> Result<(), Later> {
        let settings = &self.source.settings;
        let (path, limit) = (settings.from.join(name), settings.size_max);
        let read = move || -> io::Result<Option<Vec<u8>>> {
            let Some(file) = disk::open(&path, &print)? else { return Ok(None) };
            let limit = if print.length > limit { HEAD_BYTES } else { limit };
            disk::read(file, &print, limit)
        };
        // It changed since it was seen: it is not whole yet.
        let Some(bytes) = spawn_blocking(read).await.map_err(|_| Later::Lost)?? else { return Ok(()) };
        let taken = self.submit(bytes.into(), print.length).await?;
        let (from, folder) =
            (settings.from.join(name), if taken.accepted { &settings.taken } else { &settings.refused });
        let target = folder.join(format!("{:010}-{name}", taken.message.0));
        let reply =
            folder.join(format!("{:010}-{name}{}", taken.message.0, self.source.admission.reply_ending()));
        spawn_blocking(move || put_away(&from, print, &target, &reply, &taken.reply))
            .await
            .map_err(|_| Later::Lost)??;
        Ok(())
    }

    async fn submit(&self, bytes: Bytes, length: u64) -> Result<Taken, Later> {
        let FolderSource { admission, settings, tools, partner, .. } = &*self.source;
        let judged: Vec<(Bytes, Judged)> = if length > settings.size_max {
            vec![(bytes, admission.too_large(length, settings.size_max))]
        } else {
            admission.split(&bytes).into_iter().map(|raw| (raw.clone(), admission.judge(&raw))).collect()
        };
        let mut taken = Taken { accepted: true, message: MessageId(0), reply: Vec::new() };
        for (raw, judged) in judged {
            let received_at = tools.clock.now();
            let reply = admission.reply(&judged, &*tools.entropy, received_at);
            let accepted = judged.admitted.accepted;
            debug!(
                %partner, kind = judged.admitted.facts.kind, accepted, bytes = raw.len(),
                error_code = judged.admitted.findings.first().map(|finding| finding.check.as_str()),
                "file received"
            );
            let arrival = Arrival {
                partner: partner.clone(),
                // A file has no address.
                peer: Peer { address: SocketAddr::from(([0, 0, 0, 0], 0)), certificate: None },
                received_at,
                raw: raw.into(),
                admitted: judged.admitted,
                reply,
                conflict_reply: None,
            };
            let receipt = self.intake.submit(arrival).await?;
            taken.accepted &= accepted;
            if taken.message == MessageId(0) {
                taken.message = receipt.message;
            }
            taken.reply.extend_from_slice(&receipt.reply);
        }
        Ok(taken)
    }
}

/// The answer first: a file that is gone without one would look lost.
fn put_away(from: &PathBuf, print: Print, target: &Path, reply: &Path, answer: &[u8]) -> io::Result<()> {
    if !answer.is_empty() {
        disk::replace(reply, answer)?;
    }
    // Another file took its name meanwhile: that one stays, and is taken in its turn.
    if Print::of_path(from) == Some(print) {
        fs::rename(from, target)?;
    }
    Ok(())
}

/// Why a file is left where it is.
#[derive(Debug, thiserror::Error)]
enum Later {
    #[error("the disk failed: {}", .0.kind())]
    Disk(#[from] io::Error),
    #[error("it could not be journaled: {0}")]
    Intake(#[from] IntakeError),
    #[error("the runtime is going away")]
    Lost,
}

impl Later {
    fn code(&self) -> &'static str {
        match self {
            Self::Disk(_) => "folder.disk",
            Self::Intake(_) => "folder.not-stored",
            Self::Lost => "folder.stopping",
        }
    }
}
