//! Wiring of `connector: mssante`.

use std::sync::Arc;

use jonction_model::{PartnerName, directory};
use jonction_mssante::{
    MssanteProbe,
    config::{AuthSettings, CollectSettings, ListOrigin, LoginSettings, Settings},
    sink::{MssanteSink, SinkParts},
    source::{Access, MailboxSource, Reach, SourceTools},
};
use jonction_net::{ClientTls, Endpoint};
use jonction_ports::{Probe, Sink, Source};
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
            AuthSettings::Plain { password, .. } => wiring.secret(name, password).map(Some),
            AuthSettings::None | AuthSettings::External => Ok(None),
        }
    }
}

/// What opens each mailbox, in the order of the settings.
fn access(
    name: &PartnerName,
    settings: &CollectSettings,
    wiring: &Wiring<'_>,
) -> Result<Vec<Access>, CertificateError> {
    let one = |login: &LoginSettings| match login {
        LoginSettings::Password { password, .. } => {
            let password = Some(wiring.secret(name, password)?.into());
            Ok(Access { password, tokens: None })
        }
        // Which partner gives tokens is checked with the configuration: no connector does yet.
        LoginSettings::Certificate | LoginSettings::External | LoginSettings::Token { .. } => {
            Ok(Access::default())
        }
    };
    settings.mailboxes.iter().map(|mailbox| one(&mailbox.login)).collect()
}

impl Configured for Mssante {
    fn directions(&self) -> (bool, bool) {
        (self.0.mailboxes.is_some(), true)
    }

    fn watches(&self) -> Option<String> {
        let settings = self.0.mailboxes.as_ref()?;
        let count = crate::show::count(settings.mailboxes.len(), "boîte");
        Some(format!(
            "imap {}:{}  {count}, au plus tard toutes les {} s",
            settings.host,
            settings.port,
            settings.poll.as_secs()
        ))
    }

    fn source(
        &self,
        name: &PartnerName,
        wiring: &Wiring<'_>,
    ) -> Result<Option<Box<dyn Source>>, CertificateError> {
        let Some(settings) = self.0.mailboxes.clone() else { return Ok(None) };
        let tls = wiring.client_tls(self.0.identity.as_ref(), self.0.trust.as_ref())?;
        let reach = Reach {
            endpoint: Endpoint { host: settings.host.clone(), port: settings.port },
            tls: ClientTls { server_name: Some(settings.server_name.clone()), ..tls },
            security: settings.security,
            timeouts: self.0.timeouts,
        };
        let access = access(name, &settings, wiring)?;
        let tools = SourceTools { clock: wiring.clock.clone(), entropy: wiring.entropy.clone() };
        Ok(Some(Box::new(MailboxSource::new(name.clone(), settings, reach, access, tools))))
    }

    fn names(&self) -> Names<'_> {
        let mailboxes = self.0.mailboxes.iter().flat_map(|settings| &settings.mailboxes);
        let tokens = mailboxes.filter_map(|mailbox| match &mailbox.login {
            LoginSettings::Token { partner, .. } => Some(partner),
            _ => None,
        });
        Names {
            identities: self.0.identity.iter().collect(),
            trust: vec![self.0.trust.as_ref()],
            tokens: tokens.collect(),
            directories: match self.0.whitelist.as_ref().map(|list| &list.origin) {
                Some(ListOrigin::Directory) => vec![directory::Source::ListeBlanche],
                _ => Vec::new(),
            },
        }
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
                directory: wiring.directory.clone(),
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
