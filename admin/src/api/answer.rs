//! What the API answers when it cannot answer: a code, a sentence, a remedy, as the commands show them.
//! In: errors of the engine, bad requests. Out: a status and JSON. A question of a client never shows bytes of another.

use axum::{
    Json,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use jonction_engine::Error;
use serde::{Serialize, de::DeserializeOwned};

/// Why there is no answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ApiError {
    #[serde(skip)]
    status: StatusCode,
    code: String,
    sentence: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    remedy: String,
}

impl ApiError {
    fn new(status: StatusCode, code: &str, sentence: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), sentence: sentence.into(), remedy: String::new() }
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "admin.unauthorized", "il faut un jeton connu").remedy(
            "en-tête « Authorization: Bearer … » ; le jeton est dans admin.json du dossier des données",
        )
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "admin.not-found", "rien ne répond à cette adresse")
            .remedy("les adresses sont dans docs/openapi.yaml")
    }

    pub(crate) fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "admin.wrong-method", "cette adresse se demande autrement")
            .remedy("les méthodes sont dans docs/openapi.yaml")
    }

    pub(crate) fn too_long() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "admin.too-long", "la réponse n'est pas venue à temps")
            .remedy("restreindre la question : une route, une fenêtre de temps, moins de lignes")
    }

    pub(crate) fn unknown_order() -> Self {
        Self::new(StatusCode::NOT_FOUND, "admin.unknown-order", "cet ordre n'est plus connu ici")
            .remedy("voir s'il a été exécuté : jonction audit list")
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn panicked() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "engine.panic",
            "la passerelle a échoué de façon imprévue",
        )
    }

    pub(crate) fn no_reload() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "admin.no-reload",
            "cette passerelle ne relit pas ses routes",
        )
        .remedy("elle s'arrête, ou c'est une démonstration : la relancer")
    }

    /// The request cannot be understood.
    pub(crate) fn bad(code: &str, sentence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, sentence).remedy(remedy)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let status = match error.code() {
            "engine.not-parked"
            | "engine.message-not-parked"
            | "engine.not-releasable"
            | "engine.held-already"
            | "engine.not-held"
            | "engine.recalled-already"
            | "engine.nothing-to-recall"
            | "engine.nothing-parked"
            | "engine.outcome-unknown"
            | "engine.no-admission" => StatusCode::CONFLICT,
            "engine.no-message" | "engine.no-legal-hold" | "engine.unknown-target" => StatusCode::NOT_FOUND,
            "engine.unreadable" => StatusCode::GONE,
            "engine.reason-missing"
            | "engine.unchanged"
            | "engine.other-message"
            | "engine.edition-refused" => StatusCode::BAD_REQUEST,
            "engine.stopping" | "engine.not-running" | "journal.closed" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.code(), error.sentence()).remedy(error.remedy())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let challenge =
            (self.status == StatusCode::UNAUTHORIZED).then_some((header::WWW_AUTHENTICATE, "Bearer"));
        (self.status, axum::response::AppendHeaders(challenge), Json(self)).into_response()
    }
}

/// The body of a question, read whole within its limit.
pub(crate) struct Question<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Question<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            ApiError::new(
                rejection.status(),
                "admin.body",
                "le corps de la demande est trop grand ou incomplet",
            )
        })?;
        let refused = |error: serde_json::Error| {
            // serde's own text may quote what was sent: the place is enough.
            let sentence = format!("demande illisible, ligne {}, colonne {}", error.line(), error.column());
            ApiError::bad("admin.bad-question", sentence, "les champs sont dans docs/openapi.yaml")
        };
        serde_json::from_slice(&bytes).map(Self).map_err(refused)
    }
}
