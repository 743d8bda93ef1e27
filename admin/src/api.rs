//! The endpoints, one row each: what may be asked of a running gateway, and ordered.
//! In: HTTP requests, their body capped. Out: the same JSON as `--json` of the commands; identifiers of persons travel in
//! bodies only, never in an address. Described by docs/openapi.yaml, compared with this table by a test.

mod answer;
mod bearer;
mod handlers;
mod ongoing;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::MethodRouter,
};
use jonction_engine::{Engine, Reader};
use tokio::sync::Semaphore;

pub(crate) use answer::ApiError;
pub use bearer::Tokens;
pub(crate) use ongoing::Ongoing;

use crate::{health::Health, metrics::Metrics, reload::Reload, status::Identity, watch::Watch};

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Questions put to the journal at once: a monitor never starves the lanes of readers.
pub(crate) const QUESTIONS_AT_ONCE: usize = 4;
/// Largest question.
const QUESTION_BYTES_MAX: usize = 64 << 10;
/// Largest order: the edited bytes of the largest message, in base64.
const ORDER_BYTES_MAX: usize = 96 << 20;

/// One thing that may be asked.
pub struct Endpoint {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path.
    pub path: &'static str,
    /// Answers without a token: nothing in it is worth a secret.
    pub open: bool,
    /// Largest request body, in bytes.
    pub body_bytes_max: usize,
    handler: fn() -> MethodRouter<Api>,
}

const fn question(method: &'static str, path: &'static str, handler: fn() -> MethodRouter<Api>) -> Endpoint {
    Endpoint { method, path, open: false, body_bytes_max: QUESTION_BYTES_MAX, handler }
}

const fn open(path: &'static str, handler: fn() -> MethodRouter<Api>) -> Endpoint {
    Endpoint { method: "GET", path, open: true, body_bytes_max: 0, handler }
}

/// Every endpoint.
pub const ENDPOINTS: &[Endpoint] = &[
    open("/health/live", || axum::routing::get(handlers::live)),
    open("/health/ready", || axum::routing::get(handlers::ready)),
    open("/metrics", || axum::routing::get(handlers::metrics)),
    question("POST", "/v1/find", || axum::routing::post(handlers::find)),
    question("POST", "/v1/journey", || axum::routing::post(handlers::journey)),
    question("GET", "/v1/balance", || axum::routing::get(handlers::balance)),
    question("GET", "/v1/parked", || axum::routing::get(handlers::parked)),
    question("GET", "/v1/status", || axum::routing::get(handlers::status)),
    question("GET", "/v1/audit", || axum::routing::get(handlers::audit)),
    question("GET", "/v1/audit/verify", || axum::routing::get(handlers::verify_audit)),
    question("GET", "/v1/versions", || axum::routing::get(handlers::versions)),
    question("POST", "/v1/reload", || axum::routing::post(handlers::reload)),
    Endpoint {
        method: "POST",
        path: "/v1/orders",
        open: false,
        body_bytes_max: ORDER_BYTES_MAX,
        handler: || axum::routing::post(handlers::order),
    },
    question("GET", "/v1/orders/{order}", || axum::routing::get(handlers::order_end)),
];

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Api(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) gateway: Identity,
    pub(crate) tokens: Tokens,
    pub(crate) reload: Option<Arc<dyn Reload>>,
    pub(crate) ongoing: Ongoing,
    pub(crate) questions: Semaphore,
}

impl Api {
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Asks the journal off the runtime's threads, a few at a time.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, jonction_engine::Error> + Send + 'static,
    ) -> Result<T, ApiError> {
        // The semaphore is never closed.
        let _place = self.0.questions.acquire().await;
        let reader = self.0.engine.reader();
        let answered = tokio::task::spawn_blocking(move || question(&reader)).await;
        Ok(answered.map_err(|_| ApiError::panicked())??)
    }

    /// The whole HTTP application.
    pub(crate) fn router(self) -> Router {
        let mut router = Router::new();
        for endpoint in ENDPOINTS {
            let mut handler = (endpoint.handler)().layer(DefaultBodyLimit::max(endpoint.body_bytes_max));
            if !endpoint.open {
                handler = handler.route_layer(middleware::from_fn_with_state(self.clone(), guard));
            }
            router = router.route(endpoint.path, handler);
        }
        router
            .fallback(|| async { ApiError::not_found() })
            .method_not_allowed_fallback(|| async { ApiError::wrong_method() })
            .layer(middleware::from_fn(bounded))
            .with_state(self)
    }
}

/// Lets through whoever has a token.
async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    if api.0.tokens.open(request.headers()) {
        return next.run(request).await;
    }
    tracing::warn!(error_code = "admin.unauthorized", path = request.uri().path(), "request refused");
    ApiError::unauthorized().into_response()
}

async fn bounded(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::too_long().into_response(),
    }
}
