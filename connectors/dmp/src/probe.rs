//! Trying the DMP without any request of it: mutual TLS, then `HEAD` on the address of each service.
//! In: settings, TLS material. Out: steps. No SOAP, no VIHF, no patient: nothing that the rules count or forbid.
//! Source: dmp-xds.md §2 (services), decision 0007 (searches are never automatic); HTTP: RFC 9110 §9.3.2, HEAD is safe.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{Builder, Connection, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use jonction_model::{Clock, Finding};
use jonction_net::{
    DialError,
    probe::{Line, Mutual, ProbeTls, Reach, clock_step, http_date},
};
use jonction_ports::{BoxFuture, Probe, ProbeStep, StepKind, Steps};

use crate::{
    config::Settings,
    endpoint::{BaseUrl, Service},
};

/// A deposit may take longer; an answer to `HEAD` that does is worth telling.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Tries the services of one partner.
#[derive(Debug)]
pub struct DmpProbe {
    url: BaseUrl,
    tls: ProbeTls,
    connect: Duration,
    answer: Duration,
    head_bytes_max: usize,
}

impl DmpProbe {
    /// As the sink of these settings would call.
    pub fn new(settings: &Settings, tls: ProbeTls) -> Self {
        Self {
            url: settings.url.clone(),
            tls,
            connect: settings.timeouts.connect,
            answer: settings.timeouts.exchange.min(ANSWER_MAX),
            head_bytes_max: settings.limits.head_bytes_max,
        }
    }

    async fn try_it(&self, clock: &dyn Clock, steps: &mut Steps) -> Option<()> {
        let reach =
            Reach { endpoint: self.url.endpoint().clone(), step_timeout: self.connect, now: clock.now() };
        let line = reach.connect(steps).await?;
        let mut line = reach.secure(line, &self.tls, Mutual::Expected, steps).await?;
        let mut date = None;
        let talk = self.talk(&mut line, clock, steps, &mut date);
        match tokio::time::timeout(self.answer, talk).await {
            Ok(Ok(())) => {}
            Ok(Err(Some(fault))) => {
                steps.failed(StepKind::Exchange, line.explain(&fault));
                return None;
            }
            Ok(Err(None)) => {
                steps.failed(StepKind::Exchange, line.unexpected("une réponse HTTP"));
                return None;
            }
            Err(_) => {
                let sentence = format!("{} lit la requête et ne répond pas", line.peer());
                let silent = Finding::error("net.silent", sentence).remedy(
                    "prévenir l'exploitant : la liaison est bonne, le service derrière ne répond pas",
                );
                // A peer that wants to renegotiate waits for us, too.
                let explained = line.explain(&DialError::Timeout);
                let told = if explained.check == "net.renegotiation" { explained } else { silent };
                steps.failed(StepKind::Exchange, told);
                return None;
            }
        }
        let (theirs, ours) = date.unwrap_or((None, clock.now()));
        clock_step(steps, theirs, ours);
        line.close().await;
        Some(())
    }

    /// `HEAD` on each service. `Err(None)`: what came is not HTTP.
    async fn talk(
        &self,
        line: &mut Line,
        clock: &dyn Clock,
        steps: &mut Steps,
        date: &mut Option<(Option<Timestamp>, Timestamp)>,
    ) -> Result<(), Option<DialError>> {
        let (mut sender, mut connection) = Builder::new()
            .max_buf_size(self.head_bytes_max)
            .handshake(TokioIo::new(line))
            .await
            .map_err(|error| cause(&error))?;
        for service in [Service::Registry, Service::Repository] {
            let answer = self.head(&mut sender, &mut connection, service).await?;
            let said = answer.headers().get(header::DATE).and_then(|date| http_date(date.to_str().ok()?));
            *date = Some((said, clock.now()));
            let status = answer.status().as_u16();
            let seen = format!("HEAD {} : HTTP {status}", self.url.path(service));
            steps.noted(StepKind::Exchange, seen, judge(status));
        }
        Ok(())
    }

    async fn head(
        &self,
        sender: &mut SendRequest<Empty<Bytes>>,
        connection: &mut Connection<TokioIo<&mut Line>, Empty<Bytes>>,
        service: Service,
    ) -> Result<Response<Incoming>, Option<DialError>> {
        let request = Request::head(self.url.path(service))
            .header(header::HOST, self.url.host_header())
            .body(Empty::new())
            .map_err(|_| None)?;
        let answer = async {
            sender.ready().await?;
            sender.send_request(request).await
        };
        tokio::pin!(answer);
        let mut over = false;
        loop {
            tokio::select! {
                biased;
                answered = &mut answer => return answered.map_err(|error| cause(&error)),
                ended = &mut *connection, if !over => {
                    if let Err(error) = ended {
                        return Err(cause(&error));
                    }
                    over = true;
                }
            }
        }
    }
}

/// The fault of the link inside an HTTP error; `None`: what came is not HTTP.
fn cause(error: &hyper::Error) -> Option<DialError> {
    if error.is_parse() {
        return None;
    }
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Some(DialError::of(io));
        }
        source = inner.source();
    }
    Some(DialError::Closed)
}

/// Any answer of the service proves the way there; some say that the next deposit will fail.
/// A SOAP service may answer anything to `HEAD`: 200, 400, 405, 500 are all signs of life.
fn judge(status: u16) -> Option<Finding> {
    let (code, sentence, remedy) = match status {
        401 | 403 => (
            "dmp.access-denied",
            "le service reconnaît la liaison, mais refuse notre certificat",
            "faire enregistrer ce certificat pour la structure (GIE SESAM-Vitale)",
        ),
        404 => (
            "dmp.no-such-service",
            "le serveur répond, mais n'a rien à cette adresse",
            "vérifier le chemin de « url » (il finit par …/services)",
        ),
        300..=399 => {
            ("dmp.redirected", "le serveur renvoie ailleurs", "donner l'adresse définitive dans « url »")
        }
        502..=504 => (
            "dmp.unavailable",
            "le service est indisponible en ce moment",
            "attendre : les dépôts sont repris tout seuls",
        ),
        _ => return None,
    };
    let finding = match status {
        401 | 403 => Finding::error(code, sentence),
        _ => Finding::warning(code, sentence),
    };
    Some(finding.remedy(remedy))
}

impl Probe for DmpProbe {
    fn target(&self) -> String {
        self.url.to_string()
    }

    fn run<'a>(&'a self, clock: &'a dyn Clock) -> BoxFuture<'a, Vec<ProbeStep>> {
        Box::pin(async move {
            let mut steps = Steps::default();
            self.try_it(clock, &mut steps).await;
            steps.into_vec()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_life_are_not_findings_and_a_refused_certificate_is_an_error() {
        let code = |status| judge(status).map(|finding| finding.check);
        assert!([200, 204, 400, 405, 415, 500, 501].into_iter().all(|status| code(status).is_none()));
        assert_eq!(code(403).as_deref(), Some("dmp.access-denied"));
        assert_eq!(code(404).as_deref(), Some("dmp.no-such-service"));
        assert_eq!(code(503).as_deref(), Some("dmp.unavailable"));
    }
}
