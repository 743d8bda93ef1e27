//! Downloads over real sockets: cut, resumed, changed in between, redirected.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test program: failing is its way of speaking")]

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use jonction_web::{
    Client, Request, Server, Url, WebError,
    client::Timeouts,
    download,
    pace::at_once,
    server::{Arrived, Reply},
};

const FILE: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn start(handler: impl Fn(usize, &Arrived) -> Reply + Send + Sync + 'static) -> Server {
    let count = AtomicUsize::new(0);
    let handler = move |arrived: Arrived| handler(count.fetch_add(1, Ordering::SeqCst), &arrived);
    Server::start(loopback(), None, Arc::new(handler)).unwrap()
}

fn file(tag: &str) -> Reply {
    Reply::new(200, "application/zip", FILE)
        .header("etag", tag)
        .header("content-disposition", "attachment; filename=F_1.zip")
}

/// A server that knows ranges: what is asked for, when the file is still the one asked about.
fn ranged(arrived: &Arrived, tag: &str) -> Reply {
    let from = arrived
        .header("range")
        .strip_prefix("bytes=")
        .and_then(|text| text.trim_end_matches('-').parse::<usize>().ok());
    match from {
        Some(from) if arrived.header("if-range") == tag => Reply::new(206, "application/zip", &FILE[from..])
            .header("etag", tag)
            .header("content-range", format!("bytes {from}-{}/{}", FILE.len() - 1, FILE.len())),
        _ => file(tag),
    }
}

async fn fetch(
    server: &Server,
    folder: &std::path::Path,
    attempts: u32,
) -> Result<(Vec<u8>, bool), WebError> {
    let client = Client::new(None, Timeouts::default()).waiting(at_once());
    let url = Url::parse(&format!("{}/F", server.origin())).unwrap();
    let got = download(&client, &Request::get(url), folder, attempts, &mut |_, _| {}).await?;
    assert_eq!(got.name, "F_1.zip");
    Ok((fs::read(got.path).unwrap(), got.resumed))
}

#[tokio::test]
async fn a_download_cut_in_the_middle_is_taken_up_where_it_stopped() {
    let server =
        start(|n, arrived| if n == 0 { file("\"a\"").cut_after(10) } else { ranged(arrived, "\"a\"") });
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&server, folder.path(), 2).await.unwrap(), (FILE.to_vec(), true));
}

#[tokio::test]
async fn a_later_run_of_the_program_takes_it_up_too() {
    let server =
        start(|n, arrived| if n == 0 { file("\"a\"").cut_after(10) } else { ranged(arrived, "\"a\"") });
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(fetch(&server, folder.path(), 1).await, Err(WebError::Cut)));
    assert_eq!(fetch(&server, folder.path(), 1).await.unwrap(), (FILE.to_vec(), true));
}

#[tokio::test]
async fn a_file_that_changed_in_between_is_downloaded_from_its_start() {
    let server =
        start(|n, arrived| if n == 0 { file("\"a\"").cut_after(10) } else { ranged(arrived, "\"b\"") });
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&server, folder.path(), 2).await.unwrap(), (FILE.to_vec(), false));
}

#[tokio::test]
async fn a_service_that_ignores_ranges_or_has_no_validator_is_read_from_the_start() {
    let server = start(|n, _| if n == 0 { file("\"a\"").cut_after(10) } else { file("\"a\"") });
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&server, folder.path(), 2).await.unwrap(), (FILE.to_vec(), false));
    let bare = || {
        Reply::new(200, "text/plain", FILE).header("content-disposition", "attachment; filename=\"F_1.zip\"")
    };
    let server = start(move |n, arrived| {
        assert_eq!(arrived.header("range"), "");
        if n == 0 { bare().cut_after(10) } else { bare() }
    });
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&server, folder.path(), 2).await.unwrap(), (FILE.to_vec(), false));
}

#[tokio::test]
async fn another_range_than_asked_is_never_glued_on() {
    let wrong = || Reply::new(206, "application/zip", &FILE[5..]).header("content-range", "bytes 5-35/36");
    let server = start(move |n, _| match n {
        0 => file("\"a\"").cut_after(10),
        1 => wrong(),
        _ => file("\"a\""),
    });
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&server, folder.path(), 3).await.unwrap(), (FILE.to_vec(), false));
}

#[tokio::test]
async fn secrets_stay_with_their_host_across_redirections() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = {
        let seen = seen.clone();
        move |_: usize, arrived: &Arrived| {
            seen.lock().unwrap().push(arrived.header("esante-api-key").to_owned());
            file("\"a\"")
        }
    };
    let elsewhere = start(note);
    let target = format!("{}/F", elsewhere.origin());
    let first = start(move |n, arrived| {
        assert_eq!(arrived.header("esante-api-key"), "cle");
        Reply::status(302).header("location", if n == 0 { "/again".to_owned() } else { target.clone() })
    });
    let client = Client::new(None, Timeouts::default()).waiting(at_once());
    let url = Url::parse(&format!("{}/F", first.origin())).unwrap();
    let answer = client.follow(&Request::get(url).secret("ESANTE-API-KEY", "cle")).await.unwrap();
    assert_eq!((answer.status, answer.url.origin()), (200, elsewhere.origin()));
    assert_eq!(*seen.lock().unwrap(), [""]);
}

#[tokio::test]
async fn a_loop_of_redirections_ends() {
    let server = start(|_, _| Reply::status(302).header("location", "/again"));
    let client = Client::new(None, Timeouts::default()).waiting(at_once());
    let url = Url::parse(&server.origin()).unwrap();
    assert!(matches!(client.follow(&Request::get(url)).await, Err(WebError::Redirect)));
}

#[tokio::test]
async fn an_answer_over_its_bound_is_not_read() {
    let server = start(|_, _| file("\"a\""));
    let client = Client::new(None, Timeouts::default()).waiting(at_once());
    let url = Url::parse(&server.origin()).unwrap();
    let request = Request::get(url);
    assert_eq!(client.send(&request).await.unwrap().bytes(FILE.len() as u64).await.unwrap(), FILE);
    let long = client.send(&request).await.unwrap().bytes(FILE.len() as u64 - 1).await;
    assert!(matches!(long, Err(WebError::TooLong { .. })));
}
