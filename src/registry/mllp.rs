//! Wiring of `connector: mllp`.

use std::sync::Arc;

use jonction_mllp::{MllpAdmission, MllpProbe, MllpSink, MllpSource, Settings, SourceTools};
use jonction_model::{Environment, PartnerName};
use jonction_net::{ClientTls, ServerTls, probe::ProbeTls};
use jonction_ports::{Admission, Probe, Sink, Source};
use jonction_settings::{Diagnoses, Fields};

use super::{Configured, Names, Reading, Wiring};
use crate::{
    addresses::Addresses,
    certificates::{CertificateError, material},
};

pub(super) fn read(
    fields: &mut Fields<'_>,
    reading: &Reading<'_>,
    diagnoses: &mut Diagnoses,
) -> Option<Box<dyn Configured>> {
    let settings = Settings::read(fields, reading.environment, reading.mode, diagnoses)?;
    Some(Box::new(Mllp(settings)))
}

struct Mllp(Settings);

impl Mllp {
    fn server_tls(&self, wiring: &Wiring<'_>) -> Result<Option<ServerTls>, CertificateError> {
        let (Some(name), settings) = (self.0.identity.clone(), self.0.clone()) else { return Ok(None) };
        let tls = wiring.renewals.renewable(wiring.certificates, move |certificates| {
            let identity = certificates.identity(&name)?;
            let anchors = certificates.anchors_of(settings.trust.as_ref())?;
            let tls = settings.server_tls(&identity, &anchors);
            tls.map(|tls| tls.current()).map_err(|error| material(&name, &error))
        })?;
        Ok(Some(tls))
    }

    fn client_tls(&self, wiring: &Wiring<'_>) -> Result<Option<ClientTls>, CertificateError> {
        if !self.0.send_to.as_ref().is_some_and(|target| target.tls) {
            return Ok(None);
        }
        wiring.client_tls(self.0.identity.as_ref(), self.0.trust.as_ref()).map(Some)
    }
}

impl Configured for Mllp {
    fn directions(&self) -> (bool, bool) {
        (self.0.listen.is_some(), self.0.send_to.is_some())
    }

    fn names(&self) -> Names<'_> {
        let tls = self.0.identity.is_some() || self.0.send_to.as_ref().is_some_and(|target| target.tls);
        let trust = if tls { vec![self.0.trust.as_ref()] } else { Vec::new() };
        Names { identities: self.0.identity.iter().collect(), trust, ..Names::default() }
    }

    fn listens_on(&self) -> Option<u16> {
        self.0.listen.map(|address| address.port())
    }

    fn source(
        &self,
        name: &PartnerName,
        wiring: &Wiring<'_>,
    ) -> Result<Option<Box<dyn Source>>, CertificateError> {
        let mut settings = self.0.clone();
        if let (true, Some(listen)) = (wiring.free_ports, &mut settings.listen) {
            listen.set_port(0);
        }
        let admission = MllpAdmission::new(&settings, wiring.environment);
        let tools = SourceTools { clock: wiring.clock.clone(), entropy: wiring.entropy.clone() };
        let source = MllpSource::new(name.clone(), &settings, admission, self.server_tls(wiring)?, tools);
        Ok(source.map(|source| Box::new(source) as Box<dyn Source>))
    }

    fn admission(&self, environment: Environment) -> Option<Arc<dyn Admission>> {
        let admission = MllpAdmission::new(&self.0, environment);
        self.0.listen.map(|_| Arc::new(admission) as Arc<dyn Admission>)
    }

    fn sink(
        &self,
        name: &PartnerName,
        wiring: &Wiring<'_>,
    ) -> Result<Option<Arc<dyn Sink>>, CertificateError> {
        let sink = MllpSink::new(name.clone(), &self.0, wiring.environment, self.client_tls(wiring)?);
        Ok(sink.map(|sink| Arc::new(sink) as Arc<dyn Sink>))
    }
    fn probes(
        &self,
        _: &PartnerName,
        wiring: &Wiring<'_>,
        addresses: &Addresses,
    ) -> Result<Vec<Box<dyn Probe>>, CertificateError> {
        let settings = &self.0;
        let mut probes: Vec<Box<dyn Probe>> = Vec::new();
        if let Some(listen) = settings.listen {
            let tls = match &settings.identity {
                Some(name) => {
                    let anchors = wiring.certificates.anchors_of(settings.trust.as_ref())?;
                    Some(ProbeTls::of_listener(anchors, &wiring.certificates.identity(name)?))
                }
                None => None,
            };
            probes.push(Box::new(MllpProbe::listener(settings, addresses.of_listener(listen), tls)));
        }
        let tls = match &settings.send_to {
            Some(target) if target.tls => {
                Some(wiring.probe_tls(settings.identity.as_ref(), settings.trust.as_ref())?)
            }
            _ => None,
        };
        if let Some(probe) = MllpProbe::receiver(settings, tls) {
            probes.push(Box::new(probe));
        }
        Ok(probes)
    }
}
