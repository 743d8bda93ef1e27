//! The administration over real sockets of the loopback: who may ask, what is answered, what is refused.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use jonction_admin::{Admin, ENDPOINTS, Health, Link, LocalAccess, Parts, Watched, alerts::Thresholds};
use jonction_engine::{Engine, EngineSettings};
use jonction_model::{Environment, SeededEntropy, SystemClock};
use serde_json::{Value, json};
use tokio::net::TcpStream;

struct Office {
    admin: Admin,
    health: Arc<Health>,
    access: LocalAccess,
    folder: tempfile::TempDir,
}

impl Office {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = EngineSettings::new(folder.path(), Environment::Test);
        let engine = Engine::open(settings, Arc::new(SystemClock), Arc::new(SeededEntropy::new(1))).unwrap();
        let health = Arc::new(Health::default());
        let parts = Parts {
            watched: Watched {
                engine: Arc::new(engine),
                clock: Arc::new(SystemClock),
                health: health.clone(),
                materials: Arc::default(),
                metrics: Arc::default(),
                thresholds: Thresholds::default(),
                gateway: "essai".to_owned(),
                channels: Vec::new(),
            },
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            reload: None,
            token: Some("du-superviseur".to_owned()),
            entropy: Arc::new(SeededEntropy::new(2)),
        };
        let admin = Admin::start(parts).await.unwrap();
        let access = LocalAccess::read(folder.path()).unwrap().unwrap();
        Self { admin, health, access, folder }
    }

    async fn ask(&self, method: &str, path: &str, body: impl ToString) -> (StatusCode, Value) {
        ask(self.admin.address, method, path, Some(&self.access.token), body.to_string()).await
    }
}

async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: String,
) -> (StatusCode, Value) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let response = sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&bytes).unwrap();
    (status, serde_json::from_str(text).unwrap_or_else(|_| text.into()))
}

#[tokio::test]
async fn nothing_that_needs_a_token_answers_without_one() {
    let office = Office::open().await;
    for endpoint in ENDPOINTS {
        for token in [None, Some("inconnu")] {
            let (status, _) =
                ask(office.admin.address, endpoint.method, endpoint.path, token, "{}".to_owned()).await;
            assert_eq!(status == StatusCode::UNAUTHORIZED, !endpoint.open, "{} {token:?}", endpoint.path);
        }
    }
}

#[tokio::test]
async fn the_local_token_and_the_declared_one_open() {
    let office = Office::open().await;
    for token in [office.access.token.as_str(), "du-superviseur"] {
        let (status, answer) =
            ask(office.access.address, "GET", "/v1/balance", Some(token), String::new()).await;
        assert_eq!((status, &answer["missing"]), (StatusCode::OK, &json!(0)), "{answer}");
    }
}

#[tokio::test]
async fn questions_are_answered_like_the_commands() {
    let office = Office::open().await;
    for (path, question) in
        [("/v1/find", json!({ "state": "parked" })), ("/v1/journey", json!({ "id": "1" }))]
    {
        assert_eq!(office.ask("POST", path, question).await, (StatusCode::OK, json!([])), "{path}");
    }
    assert_eq!(office.ask("GET", "/v1/parked", "").await, (StatusCode::OK, json!([])));
    assert_eq!(office.ask("GET", "/v1/balance?since=2026-01-31", "").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_bad_question_is_refused_with_its_place_and_never_quoted() {
    let office = Office::open().await;
    for (method, path, body, code) in [
        ("POST", "/v1/find", "{\"patient\": \"279035121518989\", \"x\": 1}", "admin.bad-question"),
        ("POST", "/v1/find", "{\"patient\": 279035121518989}", "admin.bad-question"),
        ("POST", "/v1/find", "{\"state\": \"parkd\"}", "find.unknown-state"),
        ("POST", "/v1/find", "{\"since\": \"hier\"}", "find.date"),
        ("POST", "/v1/journey", "", "admin.bad-question"),
        ("GET", "/v1/balance?depuis=2026-01-31", "", "admin.bad-question"),
    ] {
        let (status, answer) = office.ask(method, path, body).await;
        assert_eq!((status, &answer["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{answer}");
        assert!(!answer.to_string().contains("2790"), "{answer}");
    }
    assert_eq!(
        office.ask("POST", "/v1/find", "x".repeat((64 << 10) + 1)).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(office.ask("GET", "/v1/find", "").await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(office.ask("GET", "/v2", "").await.1["code"], "admin.not-found");
}

#[tokio::test]
async fn readiness_says_why_not() {
    let office = Office::open().await;
    let codes = |answer: &Value| -> Vec<String> {
        let obstacles = answer["obstacles"].as_array().unwrap();
        obstacles.iter().map(|obstacle| obstacle["code"].as_str().unwrap().to_owned()).collect()
    };
    let (status, answer) = office.ask("GET", "/health/ready", "").await;
    assert_eq!(
        (status, codes(&answer)),
        (StatusCode::SERVICE_UNAVAILABLE, vec!["admin.starting".to_owned()])
    );

    let listening = tokio::spawn(std::future::pending::<()>());
    office.health.set_links(vec![Link { name: "sil".to_owned(), task: listening.abort_handle() }]);
    let (status, answer) = office.ask("GET", "/health/ready", "").await;
    assert_eq!((status, &answer["ready"]), (StatusCode::OK, &json!(true)));

    listening.abort();
    let _ = listening.await;
    let (_, answer) = office.ask("GET", "/health/ready", "").await;
    assert_eq!(codes(&answer), ["admin.not-listening"]);
    assert!(answer["obstacles"][0]["sentence"].as_str().unwrap().contains("sil"));

    office.health.set_stopping();
    assert_eq!(codes(&office.ask("GET", "/health/ready", "").await.1)[0], "engine.stopping");
    assert_eq!(office.ask("GET", "/health/live", "").await, (StatusCode::OK, "vivante\n".into()));
}

#[tokio::test]
async fn an_order_is_carried_out_or_refused_like_on_the_command_line() {
    let office = Office::open().await;
    let order = json!({ "author": "marie", "act": { "kind": "release", "delivery": 12 } });
    let (status, answer) = office.ask("POST", "/v1/orders", order).await;
    assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("engine.not-parked")), "{answer}");
    let nobody = json!({ "author": "", "act": { "kind": "release", "delivery": 12 } });
    assert_eq!(office.ask("POST", "/v1/orders", nobody).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(office.ask("GET", "/v1/audit?limit=10", "").await, (StatusCode::OK, json!([])));
    let (status, verdict) = office.ask("GET", "/v1/audit/verify", "").await;
    assert_eq!(
        (status, &verdict["broken"], &verdict["head"]["count"]),
        (StatusCode::OK, &Value::Null, &json!(0))
    );
    assert_eq!(office.ask("GET", "/v1/audit/verify?noted=zz", "").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn once_stopped_nobody_finds_it() {
    let office = Office::open().await;
    let address = office.admin.address;
    office.admin.stop().await;
    assert_eq!(LocalAccess::read(office.folder.path()).unwrap(), None);
    assert!(TcpStream::connect(address).await.is_err());
}
