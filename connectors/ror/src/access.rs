//! Questions to the ROR: a token that is renewed in time, the four headers, no secret to another host.
//! In: an address. Out: the head of the answer, or why there is none. Source: annuaires.md §3.2.

use std::{fmt, path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp};
use jonction_fhir::Outcome;
use jonction_model::Clock;
use jonction_ports::PullError;
use jonction_web::{Answer, Client, Downloaded, Request, Url, WebError, download};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::config::RorSettings;

/// An answer of the token endpoint, or the body of a refusal.
const SMALL_BYTES_MAX: u64 = 256 << 10;
/// A token is renewed so long before its end, as the sample of the ANS does.
const EARLY: SignedDuration = SignedDuration::from_secs(10);
/// Where the answer does not say how long a token lives.
const LIFE_DEFAULT: u64 = 60;
/// Times a broken transfer is taken up.
const ATTEMPTS: u32 = 5;

/// How the service is reached.
pub(crate) struct Access {
    settings: RorSettings,
    /// Of the token endpoint: shows the certificate.
    door: Client,
    /// Of the FHIR service: the token is enough.
    pub(crate) client: Client,
    /// Of profile 0.
    secret: Option<String>,
    clock: std::sync::Arc<dyn Clock>,
    token: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    text: String,
    until: Timestamp,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(***, until {})", self.until)
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Access {
    pub(crate) fn new(
        settings: RorSettings,
        door: Client,
        client: Client,
        secret: Option<String>,
        clock: std::sync::Arc<dyn Clock>,
    ) -> Self {
        Self { settings, door, client, secret, clock, token: Mutex::default() }
    }

    /// An address of the service: `/HealthcareService?…`.
    pub(crate) fn at(&self, more: &str) -> Result<Url, PullError> {
        self.settings.fhir.at(more).map_err(|_| damaged("une adresse ne peut pas être écrite"))
    }

    /// An address the service gave. On another host it is refused: our token must not go there.
    pub(crate) fn given(&self, text: &str) -> Result<Url, PullError> {
        let url = self.settings.fhir.join(text).map_err(|_| damaged("une adresse donnée est illisible"))?;
        if url.same_origin(&self.settings.fhir) {
            return Ok(url);
        }
        Err(PullError::new(
            "ror.other-host",
            format!("le ROR renvoie vers un autre serveur ({})", url.endpoint),
            "le jeton n'y a pas été envoyé et l'annuaire en service reste ; demander au support du ROR, puis corriger fhir si l'adresse a changé",
        ))
    }

    /// Asks. A token refused in between is renewed once; other statuses are the caller's to judge.
    pub(crate) async fn get(&self, url: &Url) -> Result<Answer, PullError> {
        let mut renewed = false;
        loop {
            let token = self.token(renewed).await?;
            let answer =
                self.client.send(&self.request(url, &token)).await.map_err(|error| error.to_pull())?;
            if answer.status != 401 || renewed {
                return Ok(answer);
            }
            renewed = true;
        }
    }

    /// Brings a file, taken up where it stopped. A token that dies in between is renewed, and the file taken up.
    pub(crate) async fn file(
        &self,
        url: &Url,
        folder: &Path,
        progress: &mut (dyn FnMut(u64, Option<u64>) + Send),
    ) -> Result<Downloaded, WebError> {
        let mut renewed = false;
        loop {
            let token = self.token(renewed).await.map_err(|_| WebError::Status(401))?;
            let request = self.request(url, &token);
            match download(&self.client, &request, folder, ATTEMPTS, progress).await {
                Err(WebError::Status(401)) if !renewed => renewed = true,
                done => return done,
            }
        }
    }

    fn request(&self, url: &Url, token: &str) -> Request {
        let mut request = Request::get(url.clone())
            .header("accept", "application/fhir+json, application/json")
            .secret("authorization", format!("Bearer {token}"));
        for (name, value) in &self.settings.headers {
            request = request.secret(*name, value.clone());
        }
        request
    }

    /// A token that will live long enough for one question; a new one when the last one was refused.
    async fn token(&self, refused: bool) -> Result<String, PullError> {
        let mut known = self.token.lock().await;
        let now = self.clock.now();
        if let Some(token) = known.as_ref().filter(|token| !refused && token.until > now + EARLY) {
            return Ok(token.text.clone());
        }
        let token = self.ask(now).await?;
        let text = token.text.clone();
        *known = Some(token);
        Ok(text)
    }

    async fn ask(&self, now: Timestamp) -> Result<Token, PullError> {
        let mut form =
            vec![("grant_type", "client_credentials"), ("client_id", self.settings.client_id.as_str())];
        if let Some(secret) = &self.secret {
            form.push(("client_secret", secret));
        }
        let request = Request::form(self.settings.token.clone(), &form);
        let answer = self.door.send(&request).await.map_err(|error| error.to_pull())?;
        let status = answer.status;
        let body = answer.bytes(SMALL_BYTES_MAX).await.map_err(|error| error.to_pull())?;
        if status != 200 {
            return Err(PullError::new(
                "ror.token-refused",
                format!("le ROR n'a pas donné de jeton (réponse {status})"),
                "vérifier client_id, et le certificat ORG AUTH_CLI (identity) ou le secret que l'ANS connaît : l'annuaire en service reste",
            ));
        }
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| damaged("la réponse du service de jetons n'est pas lisible"))?;
        if !granted.access_token.bytes().all(|byte| byte.is_ascii_graphic())
            || granted.access_token.is_empty()
        {
            return Err(damaged("le jeton donné n'en est pas un"));
        }
        let life = SignedDuration::try_from(Duration::from_secs(granted.expires_in.unwrap_or(LIFE_DEFAULT)))
            .unwrap_or_default();
        Ok(Token { text: granted.access_token, until: now.checked_add(life).unwrap_or(now) })
    }
}

/// What the service says of a refusal, for the operator.
pub(crate) async fn refused(answer: Answer) -> PullError {
    let status = answer.status;
    let body = answer.bytes(SMALL_BYTES_MAX).await.unwrap_or_default();
    if matches!(status, 401 | 403) {
        return PullError::new(
            "ror.forbidden",
            format!("le ROR refuse l'accès (réponse {status})"),
            "vérifier les quatre en-têtes (user_profile, role) et le profil d'accès donnés par l'ANS : l'annuaire en service reste",
        );
    }
    let said = Outcome::of(&body).map(|outcome| format!(" : {}", outcome.diagnostics)).unwrap_or_default();
    let error = WebError::Status(status).to_pull();
    PullError::new(error.code, format!("{}{said}", error.sentence), error.remedy)
}

/// What the service sent cannot be used.
pub(crate) fn damaged(why: &str) -> PullError {
    PullError::new(
        "ror.damaged",
        format!("la réponse du ROR n'est pas acceptée : {why}"),
        "l'annuaire en service reste ; le prochain passage redemandera",
    )
}
