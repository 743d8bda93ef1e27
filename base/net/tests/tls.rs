//! Real sockets, real TLS: who gets in, who does not, and by which name the refusal goes.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jonction_net::{
    Anchors, ClientAuth, ClientTls, DialError, Endpoint, Identity, Limits, Listener, MaterialError,
    Reloadable, Stream, TlsFault, client_config, dial, server_config, upgrade_client, upgrade_server,
};
use jonction_ports::{Peer, StopHandle};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const LONG: Duration = Duration::from_secs(20);

/// A root of its own, made for one test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Autorité d'essai");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn identity(&self, name: &str) -> Identity {
        self.identity_with(name, |_| ())
    }

    fn identity_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let (chain, key) = self.pems(name, change);
        Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
    }

    fn pems(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationalUnitName, "1120456789");
        params.distinguished_name.push(DnType::CountryName, "FR");
        params.serial_number = Some(SerialNumber::from(vec![7]));
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn anchors(&self) -> Anchors {
        Anchors::from_pem(self.pem.as_bytes()).unwrap()
    }

    /// Its root and a list that revokes serial number 7.
    fn anchors_that_revoke(&self) -> Anchors {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2090, 1, 1),
            crl_number: SerialNumber::from(vec![1]),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(vec![7]),
                revocation_time: date_time_ymd(2020, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).unwrap().pem().unwrap();
        Anchors::from_pem(format!("{}{list}", self.pem).as_bytes()).unwrap()
    }
}

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn limits() -> Limits {
    Limits { connections_max: 4, handshake_timeout: LONG }
}

fn tls_listener(identity: &Identity, auth: ClientAuth<'_>, limits: Limits) -> (Listener, Endpoint) {
    let config = server_config(identity, auth).unwrap();
    listener(Some(Reloadable::new(config)), limits)
}

fn listener(tls: Option<jonction_net::ServerTls>, limits: Limits) -> (Listener, Endpoint) {
    let listener = Listener::bind(loopback(), tls, limits).unwrap();
    // By name, so that the name of the certificate is judged as a partner's would be.
    let endpoint = Endpoint { host: "localhost".to_owned(), port: listener.local_addr().port() };
    (listener, endpoint)
}

fn client(anchors: &Anchors, identity: Option<&Identity>) -> ClientTls {
    ClientTls::new(client_config(anchors, identity).unwrap())
}

async fn exchange(client: &mut Stream, server: &mut Stream, text: &str) {
    client.write_all(text.as_bytes()).await.unwrap();
    client.flush().await.unwrap();
    let mut got = vec![0; text.len()];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(got, text.as_bytes());
}

async fn dial_refused(server: &Identity, tls: &ClientTls) -> DialError {
    let (_listener, endpoint) = tls_listener(server, ClientAuth::None, limits());
    dial(&endpoint, Some(tls), LONG).await.unwrap_err()
}

#[tokio::test]
async fn with_both_certificates_good_bytes_pass_and_the_peer_is_named() {
    let authority = Authority::new();
    let (mut listener, endpoint) =
        tls_listener(&authority.identity("localhost"), ClientAuth::Required(&authority.anchors()), limits());
    let tls = client(&authority.anchors(), Some(&authority.identity("sil.chu.example")));

    let (dialled, (mut server, peer)) = tokio::join!(dial(&endpoint, Some(&tls), LONG), listener.accept());
    let mut dialled = dialled.unwrap();
    exchange(&mut dialled, &mut server, "bonjour").await;

    assert_eq!(peer.certificate.as_deref(), Some("C=FR,OU=1120456789,CN=sil.chu.example"));
    assert_eq!(server.peer_subject().unwrap().ou(), ["1120456789"]);
    assert_eq!(dialled.peer_subject().unwrap().cn(), Some("localhost"));
    assert!(dialled.tls_description().unwrap().starts_with("TLSv1_3 "));
}

/// In TLS 1.3 the refusal arrives after the client believes to be connected.
#[tokio::test]
async fn a_client_without_certificate_learns_it_at_its_first_read() {
    let authority = Authority::new();
    let (_listener, endpoint) =
        tls_listener(&authority.identity("localhost"), ClientAuth::Required(&authority.anchors()), limits());

    let mut dialled = dial(&endpoint, Some(&client(&authority.anchors(), None)), LONG).await.unwrap();
    let error = dialled.read_u8().await.unwrap_err();

    let fault = DialError::of(&error);
    assert_eq!(fault, DialError::Tls(TlsFault::OursRefused("CertificateRequired".to_owned())));
    assert_eq!(fault.code(), "net.our-certificate-refused");
}

#[tokio::test]
async fn a_client_of_an_unknown_authority_is_refused_and_never_handed_out() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (mut listener, endpoint) =
        tls_listener(&authority.identity("localhost"), ClientAuth::Required(&authority.anchors()), limits());

    let mut refused =
        dial(&endpoint, Some(&client(&authority.anchors(), Some(&stranger.identity("x.example")))), LONG)
            .await
            .unwrap();
    assert!(matches!(
        DialError::of(&refused.read_u8().await.unwrap_err()),
        DialError::Tls(TlsFault::OursRefused(_))
    ));
    let good = client(&authority.anchors(), Some(&authority.identity("sil.example")));
    let (_good, (_, peer)) = tokio::join!(dial(&endpoint, Some(&good), LONG), listener.accept());

    assert!(peer.certificate.unwrap().ends_with("CN=sil.example"));
}

#[tokio::test]
async fn an_expired_and_a_revoked_client_certificate_are_refused_by_name() {
    let authority = Authority::new();
    let server = authority
        .identity_with("localhost", |params| params.serial_number = Some(SerialNumber::from(vec![8])));
    let expired = authority.identity_with("sil", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let revoked = authority.identity("sil");
    let (_listener, endpoint) =
        tls_listener(&server, ClientAuth::Required(&authority.anchors_that_revoke()), limits());
    for (identity, alert) in [(expired, "CertificateExpired"), (revoked, "CertificateRevoked")] {
        let mut dialled =
            dial(&endpoint, Some(&client(&authority.anchors(), Some(&identity))), LONG).await.unwrap();
        let fault = DialError::of(&dialled.read_u8().await.unwrap_err());
        assert_eq!(fault, TlsFault::OursRefused(alert.to_owned()).into());
    }
}

#[tokio::test]
async fn each_defect_of_a_server_certificate_has_its_name() {
    let authority = Authority::new();
    let tls = client(&authority.anchors(), None);
    let expired = authority.identity_with("localhost", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let future = authority.identity_with("localhost", |params| params.not_before = date_time_ymd(2090, 1, 1));

    assert_eq!(dial_refused(&expired, &tls).await, TlsFault::Expired.into());
    assert_eq!(dial_refused(&future, &tls).await, TlsFault::NotYetValid.into());
    assert_eq!(dial_refused(&authority.identity("autre.example"), &tls).await, TlsFault::WrongName.into());
    assert_eq!(
        dial_refused(&Authority::new().identity("localhost"), &tls).await,
        TlsFault::UnknownAuthority.into()
    );
    let revoking = client(&authority.anchors_that_revoke(), None);
    assert_eq!(dial_refused(&authority.identity("localhost"), &revoking).await, TlsFault::Revoked.into());
    let other_serial = authority
        .identity_with("localhost", |params| params.serial_number = Some(SerialNumber::from(vec![8])));
    let (_listener, endpoint) = tls_listener(&other_serial, ClientAuth::None, limits());
    assert!(dial(&endpoint, Some(&revoking), LONG).await.is_ok());
}

#[tokio::test]
async fn another_name_may_be_expected_than_the_host_that_is_called() {
    let authority = Authority::new();
    let (mut listener, endpoint) =
        tls_listener(&authority.identity("autre.example"), ClientAuth::None, limits());
    let tls =
        ClientTls { server_name: Some("autre.example".to_owned()), ..client(&authority.anchors(), None) };
    let (dialled, _) = tokio::join!(dial(&endpoint, Some(&tls), LONG), listener.accept());
    assert!(dialled.is_ok());
}

#[tokio::test]
async fn plain_bytes_on_a_tls_port_are_cut_and_the_next_caller_is_served() {
    let authority = Authority::new();
    let (mut listener, endpoint) = tls_listener(&authority.identity("localhost"), ClientAuth::None, limits());

    let mut plain = dial(&endpoint, None, LONG).await.unwrap();
    plain.write_all(b"\x0bMSH|^~\\&|SIL|CHU\x1c\r").await.unwrap();
    let mut rest = Vec::new();
    // An alert, or a reset: in any case the end.
    let _ = plain.read_to_end(&mut rest).await;
    let tls = client(&authority.anchors(), None);
    let (dialled, _) = tokio::join!(dial(&endpoint, Some(&tls), LONG), listener.accept());

    assert!(dialled.is_ok());
}

#[tokio::test]
async fn a_tls_client_on_a_plain_port_is_told_so() {
    let plain = TcpListener::bind(loopback()).await.unwrap();
    let endpoint = Endpoint { host: "localhost".to_owned(), port: plain.local_addr().unwrap().port() };
    let authority = Authority::new();
    let server = async {
        let (mut tcp, _) = plain.accept().await.unwrap();
        tcp.write_all(b"220 smtp.example ESMTP\r\n").await.unwrap();
        let mut sink = Vec::new();
        let _ = tcp.read_to_end(&mut sink).await;
    };
    let tls = client(&authority.anchors(), None);
    let (dialled, ()) = tokio::join!(dial(&endpoint, Some(&tls), LONG), server);
    assert_eq!(dialled.unwrap_err(), TlsFault::NotTls.into());
}

/// Two callers who send one byte of a handshake and nothing more: the third is served meanwhile, and they are cut.
#[tokio::test]
async fn a_slow_handshake_delays_nobody_and_is_cut() {
    let authority = Authority::new();
    let short = Limits { handshake_timeout: Duration::from_millis(300), ..limits() };
    let (mut listener, endpoint) = tls_listener(&authority.identity("localhost"), ClientAuth::None, short);

    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut stream = dial(&endpoint, None, LONG).await.unwrap();
        stream.write_all(&[0x16]).await.unwrap();
        slow.push(stream);
    }
    let tls = client(&authority.anchors(), None);
    let (dialled, _) = tokio::join!(dial(&endpoint, Some(&tls), LONG), listener.accept());

    assert!(dialled.is_ok());
    for mut stream in slow {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut rest)).await.expect("cut by the server");
    }
}

#[tokio::test]
async fn the_connection_over_the_limit_is_closed_and_a_freed_place_is_given_again() {
    let (mut listener, endpoint) = listener(None, Limits { connections_max: 2, ..limits() });
    let mut held = Vec::new();
    for _ in 0..2 {
        let (dialled, accepted) = tokio::join!(dial(&endpoint, None, LONG), listener.accept());
        held.push((dialled.unwrap(), accepted));
    }

    let mut third = dial(&endpoint, None, LONG).await.unwrap();
    assert!(third.read_u8().await.is_err(), "the third is closed");

    held.pop();
    let (dialled, (mut server, _)) = tokio::join!(dial(&endpoint, None, LONG), listener.accept());
    exchange(&mut dialled.unwrap(), &mut server, "place libre").await;
}

#[tokio::test]
async fn a_reload_keeps_old_connections_and_serves_the_new_certificate_to_new_ones() {
    let authority = Authority::new();
    let config = |name: &str| {
        let identity = authority.identity_with("localhost", |params| {
            params.distinguished_name.push(DnType::OrganizationName, name);
        });
        server_config(&identity, ClientAuth::None).unwrap()
    };
    let handle = Reloadable::new(config("ancien"));
    let (mut listener, endpoint) = listener(Some(handle.clone()), limits());
    let tls = client(&authority.anchors(), None);

    let (old, (mut old_server, _)) = tokio::join!(dial(&endpoint, Some(&tls), LONG), listener.accept());
    handle.replace(config("nouveau"));
    let (new, _) = tokio::join!(dial(&endpoint, Some(&tls), LONG), listener.accept());

    let (mut old, new) = (old.unwrap(), new.unwrap());
    exchange(&mut old, &mut old_server, "toujours là").await;
    assert_eq!(old.peer_subject().unwrap().organization(), Some("ancien"));
    assert_eq!(new.peer_subject().unwrap().organization(), Some("nouveau"));
}

#[tokio::test]
async fn an_open_connection_goes_over_to_tls_on_both_sides() {
    let authority = Authority::new();
    let (mut listener, endpoint) = listener(None, limits());
    let server_tls =
        Reloadable::new(server_config(&authority.identity("localhost"), ClientAuth::None).unwrap());
    let client_tls = client(&authority.anchors(), None);

    let (plain, (mut server, _)) = tokio::join!(dial(&endpoint, None, LONG), listener.accept());
    let mut plain = plain.unwrap();
    exchange(&mut plain, &mut server, "STARTTLS\r\n").await;
    let (upgraded, server) = tokio::join!(
        upgrade_client(plain, &client_tls, "localhost", LONG),
        upgrade_server(server, &server_tls, LONG)
    );

    let (mut upgraded, mut server) = (upgraded.unwrap(), server.unwrap());
    assert!(upgraded.is_tls() && server.is_tls());
    exchange(&mut upgraded, &mut server, "EHLO\r\n").await;
    assert!(upgrade_client(upgraded, &client_tls, "localhost", LONG).await.is_err(), "twice is an error");
}

#[tokio::test]
async fn nobody_there_and_no_such_name_are_told_apart() {
    let free = TcpListener::bind(loopback()).await.unwrap().local_addr().unwrap().port();
    let refused = Endpoint { host: "127.0.0.1".to_owned(), port: free };
    let unknown = Endpoint { host: "nulle-part.invalid".to_owned(), port: 2575 };
    assert_eq!(dial(&refused, None, LONG).await.unwrap_err(), DialError::Refused);
    assert_eq!(dial(&unknown, None, LONG).await.unwrap_err(), DialError::NameNotFound);
}

#[tokio::test]
async fn a_server_that_never_answers_the_handshake_is_a_timeout() {
    let silent = TcpListener::bind(loopback()).await.unwrap();
    let endpoint = Endpoint { host: "localhost".to_owned(), port: silent.local_addr().unwrap().port() };
    let tls = client(&Authority::new().anchors(), None);
    let error = dial(&endpoint, Some(&tls), Duration::from_millis(200)).await.unwrap_err();
    assert_eq!((error.code(), error), ("net.timeout", DialError::Timeout));
}

#[tokio::test]
async fn serve_lets_begun_work_finish_and_cuts_what_does_not() {
    let (listener, endpoint) = listener(None, limits());
    let address = listener.local_addr();
    let (handle, stop) = StopHandle::new();
    let (begun, mut begins) = tokio::sync::mpsc::channel(2);
    let handler = move |mut stream: Stream, _: Peer, mut stop: jonction_ports::Stop| {
        let begun = begun.clone();
        async move {
            let word = stream.read_u8().await.unwrap();
            begun.send(()).await.unwrap();
            stop.stopped().await;
            if word == b'f' {
                stream.write_all(b"fini").await.unwrap();
            } else {
                std::future::pending::<()>().await;
            }
        }
    };
    let served = tokio::spawn(jonction_net::serve(listener, stop, Duration::from_millis(300), handler));
    let (mut good, mut stuck) =
        (dial(&endpoint, None, LONG).await.unwrap(), dial(&endpoint, None, LONG).await.unwrap());
    good.write_all(b"f").await.unwrap();
    stuck.write_all(b"x").await.unwrap();

    for _ in 0..2 {
        begins.recv().await.unwrap();
    }
    handle.stop();
    let mut told = String::new();
    good.read_to_string(&mut told).await.unwrap();
    let mut rest = Vec::new();
    let _ = stuck.read_to_end(&mut rest).await;
    served.await.unwrap();

    assert_eq!((told.as_str(), rest.len()), ("fini", 0));
    assert!(TcpStream::connect(address).await.is_err(), "no longer listening");
}

#[test]
fn material_that_does_not_belong_together_is_refused_by_name() {
    let authority = Authority::new();
    let ((chain, key), (_, other_key)) = (authority.pems("a", |_| ()), authority.pems("b", |_| ()));
    let code = |chain: &str, key: &str| {
        Identity::from_pem(chain.as_bytes(), key.as_bytes()).map(|_| ()).map_err(|error| error.code())
    };

    assert_eq!(code(&chain, &key), Ok(()));
    assert_eq!(code(&chain, &other_key), Err("net.key-mismatch"));
    assert_eq!(code(&key, &key), Err("net.no-certificate"));
    assert_eq!(code(&chain, &chain), Err("net.no-key"));
    assert!(matches!(Anchors::from_pem(b""), Err(MaterialError::NoCertificate)));
    assert_eq!(Identity::from_files("/nowhere", "/nowhere").unwrap_err().code(), "net.file-unreadable");
}

#[test]
fn an_identity_never_prints_its_key_and_knows_when_it_ends() {
    let identity = Authority::new().identity_with("a", |params| params.not_after = date_time_ymd(2031, 1, 1));
    assert_eq!(format!("{:?}", Arc::new(identity.clone())), "Identity { chain: 1, .. }");
    assert_eq!(identity.not_after().unwrap(), 1_924_992_000);
}
