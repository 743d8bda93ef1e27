//! Wiring of `connector: mssante`.

use std::sync::Arc;

use jonction_model::PartnerName;
use jonction_mssante::{
    MssanteProbe,
    config::{AuthSettings, Settings},
    sink::{MssanteSink, SinkParts},
};
use jonction_ports::{Probe, Sink};
use jonction_settings::{Diagnoses, Fields};
use jonction_xds::{Defaults, xdm::Origin};

use super::{Configured, Names, Reading, Wiring};
use crate::{addresses::Addresses, certificates::CertificateError};

pub(super) fn read(
    fields: &mut Fields<'_>,
    reading: &Reading<'_>,
    diagnoses: &mut Diagnoses,
) -> Option<Box<dyn Configured>> {
    let settings = Settings::read(fields, reading.environment, reading.base, diagnoses)?;
    Some(Box::new(Mssante(settings)))
}

struct Mssante(Settings);

impl Mssante {
    fn password(&self, name: &PartnerName, wiring: &Wiring<'_>) -> Result<Option<String>, CertificateError> {
        match &self.0.auth {
            AuthSettings::Plain { password, .. } => {
                let unreadable = |error: &dyn std::fmt::Display| CertificateError {
                    code: "secret.unreadable",
                    sentence: format!("{name} : le mot de passe ne peut pas être lu ({error})"),
                };
                password.resolve(wiring.base).map(Some).map_err(|error| unreadable(&error))
            }
            AuthSettings::None | AuthSettings::External => Ok(None),
        }
    }
}

impl Configured for Mssante {
    fn names(&self) -> Names<'_> {
        Names { identities: self.0.identity.iter().collect(), trust: vec![self.0.trust.as_ref()] }
    }

    fn sink(
        &self,
        name: &PartnerName,
        wiring: &Wiring<'_>,
    ) -> Result<Option<Arc<dyn Sink>>, CertificateError> {
        let settings = &self.0;
        let tls = wiring.client_tls(settings.identity.as_ref(), settings.trust.as_ref())?;
        let password = self.password(name, wiring)?;
        let sink = MssanteSink::new(
            settings.clone(),
            SinkParts {
                tls,
                password,
                environment: wiring.environment,
                clock: wiring.clock.clone(),
                source_id: wiring.source_id.clone(),
                defaults: Defaults::default(),
                origin: Origin {
                    structure: wiring.gateway.clone(),
                    software: concat!("Jonction ", env!("CARGO_PKG_VERSION")).to_owned(),
                    contact: settings
                        .senders
                        .first()
                        .map(|rule| rule.address.expose().to_owned())
                        .unwrap_or_default(),
                },
            },
        );
        sink.reload_whitelist().map_err(|error| CertificateError {
            code: error.code(),
            sentence: format!("{name} : la liste blanche ne peut pas être mise en service ({error})"),
        })?;
        Ok(Some(Arc::new(sink)))
    }
    fn probes(
        &self,
        name: &PartnerName,
        wiring: &Wiring<'_>,
        _: &Addresses,
    ) -> Result<Vec<Box<dyn Probe>>, CertificateError> {
        let tls = wiring.probe_tls(self.0.identity.as_ref(), self.0.trust.as_ref())?;
        Ok(vec![Box::new(MssanteProbe::new(&self.0, tls, self.password(name, wiring)?))])
    }
}
