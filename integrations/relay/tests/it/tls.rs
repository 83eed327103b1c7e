//! A relay that is spoken to in TLS.

use std::sync::Arc;

use futures_util::StreamExt;
use hearth_core::settings::Settings;
use hearth_relay_protocol::{Frame, FromHub};
use hearth_testing::run;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::home::{HUB_ID, home, settings, until_cloud_is};
use crate::relay::{Relay, within};

/// A certificate for `localhost`, as PEM, and a server that has it.
fn certified() -> (String, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (made.cert.pem(), TlsAcceptor::from(Arc::new(config)))
}

async fn linked_to(listener: &TcpListener, authority: Option<String>) -> Settings {
    let mut settings = settings(&Relay::start().await);
    let port = listener.local_addr().unwrap().port();
    settings.relay_link.url = Some(format!("https://localhost:{port}"));
    settings.relay_link.certificate_authority = authority;
    settings
}

#[test]
fn a_relay_of_ones_own_is_trusted_by_the_certificate_in_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let (pem, acceptor) = certified();
        let file = folder.path().join("authority.pem");
        std::fs::write(&file, pem).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = Some(file.to_str().unwrap().to_owned());
        let _home = home(linked_to(&listener, authority).await).await;
        let (stream, _) = within(listener.accept()).await.unwrap();
        let stream = within(acceptor.accept(stream)).await.unwrap();
        let answer = |_: &Request, mut response: Response| {
            let protocol = HeaderValue::from_static("hearth-relay.v1");
            response
                .headers_mut()
                .insert("sec-websocket-protocol", protocol);
            Ok(response)
        };
        let socket = tokio_tungstenite::accept_hdr_async(stream, answer);
        let mut socket = within(socket).await.unwrap();
        let text = within(socket.next()).await.unwrap().unwrap().into_text();
        match FromHub::read(&text.unwrap()).unwrap() {
            Some(FromHub::Hello(hello)) => assert_eq!(hello.hub_id, HUB_ID),
            other => panic!("expected a hello, got {other:?}"),
        }
    });
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    run(async {
        let (_, acceptor) = certified();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let home = home(linked_to(&listener, None).await).await;
        let (stream, _) = within(listener.accept()).await.unwrap();
        assert!(within(acceptor.accept(stream)).await.is_err());
        until_cloud_is(&home, "disconnected").await;
    });
}
