//! TLS material renewed while the gateway runs: a changed file is read again, a bad one leaves the old material in service.
//! In: what was made with certificates, and how to make it again. Out: replaced values; ends and refusals for the watch.
//! New connections get the new material; established ones live on. Source: dependencies §2.2 « Reload without restart ».

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use jonction_admin::Materials;
use jonction_net::Reloadable;
use jonction_ports::Stop;

use crate::certificates::{CertificateError, Certificates};

/// Between two looks at the files. A change is taken once it stood still for one of these: a certificate and its key
/// are rarely replaced at the same instant.
const EVERY: Duration = Duration::from_secs(2);

type Renew = Box<dyn Fn(&Certificates) -> Result<(), CertificateError> + Send + Sync>;

/// Everything that was made with certificates.
#[derive(Default)]
pub(crate) struct Renewals(Mutex<Vec<Renew>>);

impl Renewals {
    /// Makes a value, now and at every change of a file.
    pub(crate) fn renewable<T: Send + Sync + 'static>(
        &self,
        certificates: &Certificates,
        make: impl Fn(&Certificates) -> Result<Arc<T>, CertificateError> + Send + Sync + 'static,
    ) -> Result<Reloadable<T>, CertificateError> {
        let value = Reloadable::new(make(certificates)?);
        let held = value.clone();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(move |certificates| {
            held.replace(make(certificates)?);
            Ok(())
        }));
        Ok(value)
    }

    /// Watches the files of these certificates.
    pub(crate) fn watch(self, certificates: Certificates, materials: Arc<Materials>) -> Renewal {
        let renewal = Renewal {
            renews: self.0.into_inner().unwrap_or_else(PoisonError::into_inner),
            certificates,
            materials,
        };
        renewal.tell_ends();
        renewal
    }
}

/// How the material of a running gateway is renewed.
pub(crate) struct Renewal {
    renews: Vec<Renew>,
    certificates: Certificates,
    materials: Arc<Materials>,
}

/// What tells one state of the files from another.
type Stamps = Vec<Option<(SystemTime, u64)>>;

impl Renewal {
    /// Reads every file again. What cannot be used leaves what served before. Whether all of it was taken.
    pub(crate) fn renew(&self) -> bool {
        let mut whole = true;
        // Every identity and every authority first, so that each bad file is told by its own name.
        for (name, checked) in self.certificates.check_all() {
            match checked {
                Ok(()) => self.materials.accepted(&name),
                Err(error) => {
                    whole = false;
                    self.materials.refused(&name, &error.sentence);
                }
            }
        }
        for renew in &self.renews {
            if let Err(error) = renew(&self.certificates) {
                whole = false;
                tracing::error!(error_code = error.code, "TLS material was not renewed");
            }
        }
        self.tell_ends();
        if whole {
            tracing::info!("TLS material was renewed");
        }
        whole
    }

    fn tell_ends(&self) {
        for (name, until) in self.certificates.ends() {
            self.materials.serves(&name, until);
        }
    }

    /// Until told to stop.
    pub(crate) async fn run(self: Arc<Self>, mut stop: Stop) {
        let files = self.certificates.files();
        let mut taken = stamps(&files);
        let mut seen = taken.clone();
        while !stop.is_stopped() {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.stopped() => return,
            }
            let now = stamps(&files);
            if now != taken && now == seen {
                let renewal = self.clone();
                // Files may be on a slow disk.
                let _ = tokio::task::spawn_blocking(move || renewal.renew()).await;
                taken.clone_from(&now);
            }
            seen = now;
        }
    }
}

fn stamps(files: &[PathBuf]) -> Stamps {
    let stamp = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.iter().map(stamp).collect()
}
