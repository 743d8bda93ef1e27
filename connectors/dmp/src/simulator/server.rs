//! HTTP shell of the simulator: connections, bounded bodies, faults of transport.
//! In: a bound listener. Out: requests handed to the desk, answers sent back or not. Source: dmp-xds.md §11.
//! Deliberately absent: any decision about a message.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use jonction_net::{Listener, ServerTls, Stream, upgrade_server};
use jonction_ports::Stop;

use super::{
    desk::{Arrived, Client, Desk, Handled},
    faults::Fault,
    replies::ReplyBody,
};

/// Longest TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the head of a request on an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Serves until told to stop.
pub(crate) async fn serve(listener: Listener, tls: ServerTls, desk: Arc<Desk>, stop: Stop, grace: Duration) {
    jonction_net::serve(listener, stop, grace, move |stream, peer, stop| {
        let (tls, desk) = (tls.clone(), desk.clone());
        async move {
            if desk.breaks_handshake() {
                return;
            }
            match upgrade_server(stream, &tls, HANDSHAKE_TIMEOUT).await {
                Ok(stream) => connection(stream, peer.address, desk, stop).await,
                Err(error) => desk.note_refused_handshake(&error),
            }
        }
    })
    .await;
}

async fn connection(stream: Stream, peer: SocketAddr, desk: Arc<Desk>, mut stop: Stop) {
    let client = Client { peer, subject: stream.peer_subject().map(|subject| subject.rfc4514()) };
    let service = service_fn(move |request| {
        let (desk, client) = (desk.clone(), client.clone());
        async move { respond(request, &desk, client).await }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let served = server.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    tokio::select! {
        // How a client hangs up is its own affair.
        _ = served.as_mut() => return,
        () = stop.stopped() => served.as_mut().graceful_shutdown(),
    }
    let _ = served.await;
}

/// An error cuts the connection without any answer: that is how a fault of transport is played.
async fn respond(
    request: Request<Incoming>,
    desk: &Desk,
    client: Client,
) -> Result<Response<ReplyBody>, io::Error> {
    let cut = || io::Error::other("simulated cut");
    let fault = desk.draw();
    if fault == Some(Fault::DropBeforeReading) {
        return Err(cut());
    }
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return Ok(page(StatusCode::METHOD_NOT_ALLOWED));
    }
    let Ok(body) = Limited::new(body, desk.request_bytes_max()).collect().await else {
        return Ok(page(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let arrived = Arrived {
        path: head.uri.path().to_owned(),
        content_type: content_type.unwrap_or_default().to_owned(),
        body: body.to_bytes(),
        client,
    };
    if fault == Some(Fault::NeverAnswer) {
        desk.note_unanswered(&arrived);
        return std::future::pending::<Result<_, Infallible>>().await.map_err(|_| cut());
    }
    let handled = desk.handle(arrived, fault);
    match fault {
        Some(Fault::DropAfterReceiving) => Err(cut()),
        Some(Fault::Slow) => {
            tokio::time::sleep(desk.delay()).await;
            response(handled, fault, desk.delay())
        }
        _ => response(handled, fault, desk.delay()),
    }
}

fn response(
    handled: Handled,
    fault: Option<Fault>,
    delay: Duration,
) -> Result<Response<ReplyBody>, io::Error> {
    let body = match fault {
        Some(Fault::Trickle) => ReplyBody::trickle(handled.body, delay),
        Some(Fault::Truncated) => ReplyBody::truncated(handled.body),
        Some(Fault::EndlessBody) => ReplyBody::Endless,
        _ => ReplyBody::Whole(handled.body),
    };
    let mut response =
        Response::builder().status(handled.status).header(header::CONTENT_TYPE, handled.content_type);
    if fault == Some(Fault::HugeHead) {
        response = response.header("x-filling", "x".repeat(1 << 20));
    }
    response.body(body).map_err(io::Error::other)
}

fn page(status: StatusCode) -> Response<ReplyBody> {
    let mut response =
        Response::new(ReplyBody::Whole(Bytes::from_static(b"<html><body>simulateur DMP</body></html>")));
    *response.status_mut() = status;
    response
}
