//! Wiring of `connector: dmp`.

use std::sync::Arc;

use jonction_dmp::{DmpProbe, DmpSink, Settings};
use jonction_model::PartnerName;
use jonction_ports::{Probe, Sink};
use jonction_settings::{Diagnoses, Fields};

use super::{Configured, Names, Reading, Wiring};
use crate::{addresses::Addresses, certificates::CertificateError};

pub(super) fn read(
    fields: &mut Fields<'_>,
    reading: &Reading<'_>,
    diagnoses: &mut Diagnoses,
) -> Option<Box<dyn Configured>> {
    let settings = Settings::read(fields, reading.environment, reading.base, diagnoses)?;
    Some(Box::new(Dmp(settings)))
}

struct Dmp(Settings);

impl Configured for Dmp {
    fn names(&self) -> Names<'_> {
        Names {
            identities: vec![&self.0.identity, &self.0.seal],
            trust: vec![self.0.trust.as_ref()],
            ..Names::default()
        }
    }

    fn sink(
        &self,
        name: &PartnerName,
        wiring: &Wiring<'_>,
    ) -> Result<Option<Arc<dyn Sink>>, CertificateError> {
        let settings = &self.0;
        let tls = wiring.client_tls(Some(&settings.identity), settings.trust.as_ref())?;
        let name_of_seal = settings.seal.clone();
        let seal = wiring.renewals.renewable(wiring.certificates, move |certificates| {
            certificates.seal(&name_of_seal).map(Arc::new)
        })?;
        Ok(Some(Arc::new(DmpSink::over_tls(name.clone(), settings.clone(), wiring.environment, seal, tls))))
    }
    fn probes(
        &self,
        _: &PartnerName,
        wiring: &Wiring<'_>,
        _: &Addresses,
    ) -> Result<Vec<Box<dyn Probe>>, CertificateError> {
        let tls = wiring.probe_tls(Some(&self.0.identity), self.0.trust.as_ref())?;
        Ok(vec![Box::new(DmpProbe::new(&self.0, tls))])
    }
}
