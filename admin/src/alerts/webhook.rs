//! Alerts by an HTTP request: a POST of JSON, answered by any 2xx.
//! In: a letter. Out: delivered, or why not. Redirects are not followed: the address is the one that was written.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Full, Limited};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use jonction_model::Finding;
use jonction_net::{ClientTls, Endpoint, dial};
use jonction_ports::BoxFuture;

use super::{letter::Letter, outbox::Channel, settings::WebhookSettings};

/// Longest wait for the whole exchange.
const EXCHANGE_MAX: Duration = Duration::from_secs(20);
/// Bytes read of an answer nobody looks at.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// A webhook.
pub struct Webhook {
    settings: WebhookSettings,
    tls: Option<ClientTls>,
    token: Option<String>,
}

impl Webhook {
    /// `tls`: how the server is called, when the settings say so; `token`: in clear.
    pub fn new(settings: WebhookSettings, tls: Option<ClientTls>, token: Option<String>) -> Self {
        Self { settings, tls, token }
    }

    async fn post(&self, letter: &Letter) -> Result<(), Finding> {
        let endpoint = &self.settings.endpoint;
        let host = format!("{}:{}", endpoint.host, endpoint.port);
        let stream =
            dial(endpoint, self.tls.as_ref(), EXCHANGE_MAX).await.map_err(|error| error.finding(&host))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| not_http(&error))?;
        let driving = tokio::spawn(connection);
        let mut request = Request::post(&self.settings.path)
            .header(header::HOST, host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("jonction/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = Full::new(Bytes::from(letter.json.to_string()));
        let request = request.body(body).map_err(|error| not_http(&error))?;
        let answered = sender.send_request(request).await.map_err(|error| not_http(&error));
        if let Ok(response) = &answered {
            let status = response.status();
            if !status.is_success() {
                driving.abort();
                return Err(refused(status));
            }
        }
        let body = Limited::new(answered?.into_body(), ANSWER_BYTES_MAX);
        // Taken: what else the server says changes nothing.
        let _ = http_body_util::BodyExt::collect(body).await;
        driving.abort();
        Ok(())
    }
}

fn not_http(error: &dyn std::error::Error) -> Finding {
    Finding::error("alert.webhook-failed", "le webhook ne parle pas HTTP jusqu'au bout")
        .expected("une réponse HTTP", error.to_string())
        .remedy("vérifier l'adresse : https:// si le serveur attend TLS, http:// sinon")
}

fn refused(status: StatusCode) -> Finding {
    let remedy = match status.as_u16() {
        300..=399 => "écrire l'adresse définitive : un renvoi n'est pas suivi",
        401 | 403 => "vérifier le jeton (alerts.webhook.token)",
        404 | 405 => "vérifier le chemin de l'adresse",
        _ => "voir les journaux du serveur appelé",
    };
    Finding::error("alert.webhook-refused", "le webhook n'a pas pris la lettre")
        .expected("2xx", status.as_str())
        .remedy(remedy)
}

fn silent() -> Finding {
    Finding::error("net.silent", "le webhook ne répond pas dans le délai")
        .remedy("service arrêté derrière ce port, ou surchargé")
}

impl Channel for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn target(&self) -> String {
        let Endpoint { host, port } = &self.settings.endpoint;
        format!("{}://{host}:{port}", if self.settings.tls { "https" } else { "http" })
    }

    fn send<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Finding>> {
        Box::pin(async move {
            tokio::time::timeout(EXCHANGE_MAX, self.post(letter)).await.unwrap_or_else(|_| Err(silent()))
        })
    }
}
