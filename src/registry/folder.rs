//! Wiring of `connector: folder`.

use std::sync::Arc;

use jonction_folder::{FolderAdmission, FolderProbe, FolderSink, FolderSource, Settings, SourceTools};
use jonction_model::{Environment, PartnerName};
use jonction_ports::{Admission, Probe, Sink, Source};
use jonction_settings::{Diagnoses, Fields};

use super::{Configured, Names, Reading, Wiring};
use crate::{addresses::Addresses, certificates::CertificateError};

pub(super) fn read(
    fields: &mut Fields<'_>,
    reading: &Reading<'_>,
    diagnoses: &mut Diagnoses,
) -> Option<Box<dyn Configured>> {
    let settings = Settings::read(fields, reading.base, diagnoses)?;
    Some(Box::new(Folder(settings)))
}

struct Folder(Settings);

impl Configured for Folder {
    fn directions(&self) -> (bool, bool) {
        (self.0.collect.is_some(), self.0.deliver.is_some())
    }

    fn names(&self) -> Names<'_> {
        Names::default()
    }

    fn watches(&self) -> Option<String> {
        Some(format!("le dossier {}", self.0.collect.as_ref()?.from.display()))
    }

    fn source(
        &self,
        name: &PartnerName,
        wiring: &Wiring<'_>,
    ) -> Result<Option<Box<dyn Source>>, CertificateError> {
        let Some(collect) = self.0.collect.clone() else { return Ok(None) };
        let admission = FolderAdmission::new(&collect, wiring.environment);
        let tools = SourceTools { clock: wiring.clock.clone(), entropy: wiring.entropy.clone() };
        Ok(Some(Box::new(FolderSource::new(name.clone(), collect, admission, tools))))
    }

    fn admission(&self, environment: Environment) -> Option<Arc<dyn Admission>> {
        let collect = self.0.collect.as_ref()?;
        Some(Arc::new(FolderAdmission::new(collect, environment)))
    }

    fn sink(&self, name: &PartnerName, _: &Wiring<'_>) -> Result<Option<Arc<dyn Sink>>, CertificateError> {
        let Some(deliver) = self.0.deliver.clone() else { return Ok(None) };
        Ok(Some(Arc::new(FolderSink::new(name.clone(), deliver))))
    }

    fn probes(
        &self,
        _: &PartnerName,
        _: &Wiring<'_>,
        _: &Addresses,
    ) -> Result<Vec<Box<dyn Probe>>, CertificateError> {
        let collecting =
            self.0.collect.iter().map(|collect| Box::new(FolderProbe::collecting(collect)) as Box<dyn Probe>);
        let delivering =
            self.0.deliver.iter().map(|deliver| Box::new(FolderProbe::delivering(deliver)) as Box<dyn Probe>);
        Ok(collecting.chain(delivering).collect())
    }
}
