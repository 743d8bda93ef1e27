//! Trying an MLLP link without saying a word: connect, TLS, silence. Never a clinical message.
//! In: settings of a partner, TLS material. Out: steps. Two ways: where we send, and where we listen.
//! Source: hl7v2.md §6.6: MLLP has no greeting and no ping; a receiver that talks first is something else.

use std::{net::SocketAddr, time::Duration};

use jonction_model::{Clock, Finding};
use jonction_net::{
    Endpoint,
    probe::{Mutual, ProbeTls, Reach},
};
use jonction_ports::{BoxFuture, Probe, ProbeStep, StepKind, Steps};

use crate::config::{Settings, Target};

/// How long a receiver is listened to: one that closes or talks does it at once.
const SILENCE: Duration = Duration::from_secs(1);

/// Tries the receiver of a partner, or our own listener as a sender would.
#[derive(Debug)]
pub struct MllpProbe {
    target: Target,
    tls: Option<ProbeTls>,
    step_timeout: Duration,
    ours: bool,
    mutual: Mutual,
}

impl MllpProbe {
    /// Of the receiver the settings name. `None`: they name none, or it is in TLS and there is no material.
    pub fn receiver(settings: &Settings, tls: Option<ProbeTls>) -> Option<Self> {
        let target = settings.send_to.clone()?;
        let tls = if target.tls { Some(tls?) } else { None };
        let step_timeout = settings.limits.connect_timeout;
        Some(Self { target, tls, step_timeout, ours: false, mutual: Mutual::Optional })
    }

    /// Of our own listener at `address`. `tls`: as a sender sees it, without a certificate of its own.
    pub fn listener(settings: &Settings, address: SocketAddr, tls: Option<ProbeTls>) -> Self {
        // Listening everywhere, we answer at home.
        let mut address = address;
        if address.ip().is_unspecified() {
            let home: std::net::IpAddr = match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            };
            address.set_ip(home);
        }
        let endpoint = Endpoint { host: address.ip().to_string(), port: address.port() };
        let mutual = if settings.client_certificate { Mutual::Demanded } else { Mutual::Optional };
        Self {
            target: Target { endpoint, tls: tls.is_some() },
            tls,
            step_timeout: settings.limits.connect_timeout,
            ours: true,
            mutual,
        }
    }

    async fn try_it(&self, clock: &dyn Clock, steps: &mut Steps) -> Option<()> {
        let reach = Reach {
            endpoint: self.target.endpoint.clone(),
            step_timeout: self.step_timeout,
            now: clock.now(),
        };
        let mut line = reach.connect(steps).await?;
        if let Some(tls) = &self.tls {
            line = reach.secure(line, tls, self.mutual, steps).await?;
        }
        match line.stays_silent(SILENCE.min(self.step_timeout)).await {
            Ok(()) => {
                steps.done(
                    StepKind::Exchange,
                    "écoute en silence, comme un récepteur MLLP ; rien ne lui est envoyé",
                );
                line.close().await;
            }
            Err(finding) => steps.failed(StepKind::Exchange, finding),
        }
        Some(())
    }
}

impl Probe for MllpProbe {
    fn target(&self) -> String {
        let scheme = if self.target.tls { "mllps" } else { "mllp" };
        let way = if self.ours { " (notre écoute)" } else { "" };
        format!("{scheme}://{}{way}", self.target.endpoint)
    }

    fn run<'a>(&'a self, clock: &'a dyn Clock) -> BoxFuture<'a, Vec<ProbeStep>> {
        Box::pin(async move {
            let mut steps = Steps::default();
            self.try_it(clock, &mut steps).await;
            let mut steps = steps.into_vec();
            if self.ours {
                steps.iter_mut().filter_map(|step| step.finding.as_mut()).for_each(at_home);
            }
            steps
        })
    }
}

/// A refused connection to ourselves has one cause.
fn at_home(finding: &mut Finding) {
    if finding.check == "net.refused" {
        finding.sentence =
            "la passerelle n'écoute pas à cette adresse : elle ne tourne pas, ou écoute ailleurs".to_owned();
        finding.remedy =
            Some("lancer jonction run, ou donner --ports auto si elle a été lancée ainsi".to_owned());
    }
}
