//! One function per endpoint. In: a question. Out: the journal's own answer.

use std::time::Duration;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use jonction_engine::{
    AuditHash, AuditLine, AuditQuery, AuditVerdict, Balance, Deployment, Filter, MessageJourney, MessageLine,
    Order, Reader, StateWord, Window,
};
use jonction_model::{ReportStage, clock::moment, nearest};
use jonction_ports::MessageId;
use serde::Deserialize;

use crate::{metrics, reload::Reloaded, status::Status};

use super::{Api, ApiError, answer::Question};

type Answer<T> = Result<Json<T>, ApiError>;

/// Lines of `parked` at most.
const PARKED_MAX: u32 = 1000;
/// Lines of `audit` when none are asked for.
const AUDIT_LINES: u32 = 50;
/// How long the end of an order is waited for before it is said that it goes on.
const ORDER_WAIT: Duration = Duration::from_secs(20);
/// Lines of `find` at most.
const FOUND_MAX: u32 = 10_000;

pub(super) async fn live() -> &'static str {
    "vivante\n"
}

pub(super) async fn ready(State(api): State<Api>) -> Response {
    let readiness = api.0.health.readiness(&api.0.engine).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

pub(super) async fn metrics(State(api): State<Api>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], api.0.metrics.text())
}

/// Body of `POST /v1/find`: the options of `jonction find`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FindQuestion {
    patient: Option<String>,
    document: Option<String>,
    control_id: Option<String>,
    mail_id: Option<String>,
    state: Option<String>,
    route: Option<String>,
    partner: Option<String>,
    error: Option<String>,
    /// `delivery` or `reading`.
    unanswered: Option<ReportStage>,
    since: Option<String>,
    until: Option<String>,
    before: Option<u64>,
    limit: u32,
}

pub(super) async fn find(
    State(api): State<Api>,
    Question(asked): Question<FindQuestion>,
) -> Answer<Vec<MessageLine>> {
    let filter = Filter {
        state: asked.state.as_deref().map(state).transpose()?,
        window: window(asked.since.as_deref(), asked.until.as_deref())?,
        patient: asked.patient,
        document: asked.document,
        control_id: asked.control_id,
        mail_id: asked.mail_id,
        route: asked.route,
        partner: asked.partner,
        error: asked.error,
        unanswered: asked.unanswered,
        before: asked.before.map(MessageId),
        limit: asked.limit.min(FOUND_MAX),
    };
    api.ask(move |reader| reader.find(&filter)).await.map(Json)
}

/// Body of `POST /v1/journey`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JourneyQuestion {
    id: String,
}

pub(super) async fn journey(
    State(api): State<Api>,
    Question(asked): Question<JourneyQuestion>,
) -> Answer<Vec<MessageJourney>> {
    api.ask(move |reader| reader.journey(&asked.id)).await.map(Json)
}

/// Query of `GET /v1/balance`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BalanceQuestion {
    since: Option<String>,
    until: Option<String>,
}

pub(super) async fn balance(
    State(api): State<Api>,
    asked: Result<Query<BalanceQuestion>, QueryRejection>,
) -> Answer<Balance> {
    let Query(asked) = asked.map_err(|_| {
        ApiError::bad("admin.bad-question", "paramètres inconnus", "paramètres : since, until")
    })?;
    let window = window(asked.since.as_deref(), asked.until.as_deref())?;
    api.ask(move |reader| reader.balance(window)).await.map(Json)
}

pub(super) async fn parked(State(api): State<Api>) -> Answer<Vec<MessageLine>> {
    let filter = Filter { state: StateWord::parse("parked"), limit: PARKED_MAX, ..Filter::default() };
    api.ask(move |reader| reader.find(&filter)).await.map(Json)
}

pub(super) async fn status(State(api): State<Api>) -> Json<Status> {
    Json(Status::of(&api).await)
}

/// Query of `GET /v1/audit`: the options of `jonction audit list`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuestion {
    before: Option<u64>,
    message: Option<u64>,
    act: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn audit(
    State(api): State<Api>,
    asked: Result<Query<AuditQuestion>, QueryRejection>,
) -> Answer<Vec<AuditLine>> {
    let Query(asked) = asked.map_err(|_| {
        ApiError::bad("admin.bad-question", "paramètres inconnus", "paramètres : before, message, act, limit")
    })?;
    let limit = asked.limit.unwrap_or(AUDIT_LINES).min(FOUND_MAX);
    let query = AuditQuery { before: asked.before, message: asked.message, act: asked.act, limit };
    api.ask(move |reader| reader.audit(&query)).await.map(Json)
}

/// Query of `GET /v1/audit/verify`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyQuestion {
    noted: Option<String>,
}

pub(super) async fn verify_audit(
    State(api): State<Api>,
    asked: Result<Query<VerifyQuestion>, QueryRejection>,
) -> Answer<AuditVerdict> {
    let refused = || {
        ApiError::bad(
            "admin.bad-question",
            "empreinte illisible",
            "noted : 64 chiffres hexadécimaux, ou rien",
        )
    };
    let Query(asked) = asked.map_err(|_| refused())?;
    let noted = asked.noted.map(|text| AuditHash::parse(&text).ok_or_else(refused)).transpose()?;
    api.ask(move |reader| reader.verify_audit(noted)).await.map(Json)
}

/// Body of `POST /v1/orders`: what a human decides. An order that was begun is carried out, whoever waits for its answer;
/// one that lasts says where its end can be asked for.
pub(super) async fn order(
    State(api): State<Api>,
    Question(order): Question<Order>,
) -> Result<Response, ApiError> {
    let engine = api.0.engine.clone();
    let number = api.0.ongoing.begin(async move { engine.order(order).await });
    end_of(&api, number).await
}

pub(super) async fn order_end(
    State(api): State<Api>,
    number: Result<Path<u64>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(number) = number.map_err(|_| ApiError::unknown_order())?;
    end_of(&api, number).await
}

async fn end_of(api: &Api, number: u64) -> Result<Response, ApiError> {
    if let Some(ordered) = api.0.ongoing.end(number, ORDER_WAIT).await? {
        return Ok(Json(ordered).into_response());
    }
    let location = [(header::LOCATION, format!("/v1/orders/{number}"))];
    Ok((StatusCode::ACCEPTED, location, Json(serde_json::json!({ "order": number }))).into_response())
}

pub(super) async fn versions(State(api): State<Api>) -> Answer<Vec<Deployment>> {
    Ok(Json(api.ask(Reader::deployments).await?))
}

/// What cannot be used is told in the answer: what ran before still runs.
pub(super) async fn reload(State(api): State<Api>) -> Answer<Reloaded> {
    let reloaded = match &api.0.reload {
        Some(reload) => reload.reload().await,
        None => None,
    };
    reloaded.map(Json).ok_or_else(ApiError::no_reload)
}

fn state(word: &str) -> Result<StateWord, ApiError> {
    StateWord::parse(word).ok_or_else(|| {
        let words = StateWord::words();
        let remedy = match nearest(word, words.iter().copied()) {
            Some(near) => format!("vouliez-vous {near} ?"),
            None => format!("états connus : {}", words.join(", ")),
        };
        ApiError::bad("find.unknown-state", "aucun état ne porte ce nom", remedy)
    })
}

fn window(since: Option<&str>, until: Option<&str>) -> Result<Window, ApiError> {
    let read = |text: Option<&str>| -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = text else { return Ok(None) };
        let refused =
            || ApiError::bad("find.date", "date illisible", "écrire 2026-01-31 ou 2026-01-31T08:00");
        moment(text).map(Some).ok_or_else(refused)
    };
    Ok(Window { since: read(since)?, until: read(until)? })
}
