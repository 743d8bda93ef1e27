//! The running gateway, asked over its administration: how a command reaches a journal that another process holds.
//! In: an order. Out: the gateway's own answer, its errors with their code and remedy. Source: decision 0020.

use std::{io, path::Path, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use jonction_admin::{LocalAccess, Reloaded};
use jonction_engine::{Error, Order, Ordered};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::net::TcpStream;

use crate::{failure::Failure, out};

/// Longest wait for one answer: what lasts says before that it goes on.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Longest wait for a status: a monitor gives up soon after.
const STATUS_MAX: Duration = Duration::from_secs(5);
/// Largest answer: the bytes of the largest message, in base64.
const ANSWER_BYTES_MAX: usize = 96 << 20;

/// Gives an order to the gateway that runs on a data folder. `locked`: what is said when nobody can be asked.
pub(crate) async fn order(data: &Path, order: &Order, locked: &Error) -> Result<Ordered, Failure> {
    let access = match LocalAccess::read(data) {
        Ok(Some(access)) => access,
        Ok(None) => {
            return Err(Failure::new(locked.code(), locked.sentence()).remedy(locked.remedy()));
        }
        Err(error) => return Err(crate::failure::io("admin.json ne se lit pas", data, &error)),
    };
    let body = serde_json::to_vec(order).map_err(|error| unreachable_gateway(&error))?;
    let mut question = (Method::POST, "/v1/orders".to_owned(), body);
    let mut said = false;
    loop {
        let (method, path, body) = question;
        let (status, bytes) = tokio::time::timeout(ANSWER_MAX, ask(&access, method, &path, body))
            .await
            .map_err(|_| unreachable_gateway("elle n'a pas répondu à temps"))?
            .map_err(|error| unreachable_gateway(&error))?;
        match status {
            StatusCode::ACCEPTED => {
                let ongoing: Ongoing =
                    serde_json::from_slice(&bytes).map_err(|error| unreachable_gateway(&error))?;
                if !said {
                    out::warn(
                        "l'ordre continue dans la passerelle ; arrêter cette commande ne l'arrête pas\n",
                    );
                    out::warn("sa fin se voit aussi par : jonction audit list\n");
                    said = true;
                }
                question = (Method::GET, format!("/v1/orders/{}", ongoing.order), Vec::new());
            }
            status if status.is_success() => {
                return serde_json::from_slice(&bytes).map_err(|error| unreachable_gateway(&error));
            }
            _ => return Err(refusal(&bytes)),
        }
    }
}

fn refusal(bytes: &[u8]) -> Failure {
    match serde_json::from_slice::<Refusal>(bytes) {
        Ok(refusal) => Failure::new(refusal.code, refusal.sentence).remedy(refusal.remedy),
        Err(error) => unreachable_gateway(&error),
    }
}

/// Asks the gateway that runs on a data folder to read its routes again.
pub(crate) async fn reload(data: &Path) -> Result<Reloaded, Failure> {
    let Ok(Some(access)) = LocalAccess::read(data) else {
        return Err(Failure::new(
            "admin.not-running",
            "aucune passerelle ne tourne sur ce dossier de données",
        )
        .remedy("la lancer : jonction run DOSSIER ; ou nommer ses données : --data DOSSIER"));
    };
    let asked = tokio::time::timeout(ANSWER_MAX, ask(&access, Method::POST, "/v1/reload", Vec::new())).await;
    let (status, bytes) = asked
        .map_err(|_| unreachable_gateway("elle n'a pas répondu à temps"))?
        .map_err(|error| unreachable_gateway(&error))?;
    if status.is_success() {
        return serde_json::from_slice(&bytes).map_err(|error| unreachable_gateway(&error));
    }
    Err(refusal(&bytes))
}

/// How the gateway that runs on a data folder says it stands. `None`: none answers.
pub(crate) async fn status<T: DeserializeOwned>(data: &Path) -> Option<T> {
    let access = LocalAccess::read(data).ok()??;
    let asked = tokio::time::timeout(STATUS_MAX, ask(&access, Method::GET, "/v1/status", Vec::new())).await;
    let (status, bytes) = asked.ok()?.ok()?;
    status.is_success().then(|| serde_json::from_slice(&bytes).ok())?
}

/// An order that goes on.
#[derive(Deserialize)]
struct Ongoing {
    order: u64,
}

/// What the administration says when it cannot.
#[derive(Deserialize)]
struct Refusal {
    code: String,
    sentence: String,
    #[serde(default)]
    remedy: String,
}

fn unreachable_gateway(cause: &(impl std::fmt::Display + ?Sized)) -> Failure {
    Failure::new("admin.unreachable", format!("la passerelle tourne mais ne répond pas : {cause}"))
        .remedy("voir ce qu'elle dit (journal du service) ; l'arrêter, puis recommencer cette commande")
}

/// Out: the status and the body.
async fn ask(
    access: &LocalAccess,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> io::Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(access.address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, access.address.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {}", access.token))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(io::Error::other)?;
    let response: Response<Incoming> = sender.send_request(request).await.map_err(io::Error::other)?;
    let status = response.status();
    let body =
        Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(io::Error::other)?;
    Ok((status, body.to_bytes()))
}
