//! Alerts by an HTTP request: a POST of JSON, answered by any 2xx.
//! In: a letter. Out: delivered, or why not. Redirects are not followed: the address is the one that was written.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Full, Limited};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use jonction_net::{ClientTls, dial};
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

    async fn post(&self, letter: &Letter) -> Result<(), String> {
        let endpoint = &self.settings.endpoint;
        let stream =
            dial(endpoint, self.tls.as_ref(), EXCHANGE_MAX).await.map_err(|error| error.code().to_owned())?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| format!("http: {error}"))?;
        let driving = tokio::spawn(connection);
        let host = format!("{}:{}", endpoint.host, endpoint.port);
        let mut request = Request::post(&self.settings.path)
            .header(header::HOST, host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("jonction/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = Full::new(Bytes::from(letter.json.to_string()));
        let request = request.body(body).map_err(|error| format!("http: {error}"))?;
        let answered = sender.send_request(request).await.map_err(|error| format!("http: {error}"));
        if let Ok(response) = &answered {
            let status = response.status();
            if !status.is_success() {
                driving.abort();
                return Err(format!("http status {}", status.as_u16()));
            }
        }
        let body = Limited::new(answered?.into_body(), ANSWER_BYTES_MAX);
        // Taken: what else the server says changes nothing.
        let _ = http_body_util::BodyExt::collect(body).await;
        driving.abort();
        Ok(())
    }
}

impl Channel for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn send<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            tokio::time::timeout(EXCHANGE_MAX, self.post(letter))
                .await
                .unwrap_or(Err("no answer in time".to_owned()))
        })
    }
}
