//! Public addresses of the hub's own webhooks.

use hearth_core::prelude::*;
use hearth_relay_protocol::{Cancel, FromHub, FromRelay, Req, Res, ResErr, Result as Outcome};
use hearth_testing::{Home, run};

use crate::home::{home, kept_in, settings, until_cloud_is};
use crate::relay::{Relay, Session};

fn req(rid: u64, cloudhook_id: &str, method: &str) -> Req {
    Req {
        rid,
        cloudhook_id: cloudhook_id.to_owned(),
        method: method.to_owned(),
        query: "a=1&a=2".to_owned(),
        headers: vec![("User-Agent".to_owned(), "phone".to_owned())],
        body: None,
        body_b64: None,
        deadline_ms: 10_000,
    }
}

async fn answered(session: &mut Session, req: Req) -> Res {
    session.say(FromRelay::Req(req)).await;
    match session.hears().await {
        FromHub::Res(res) => res,
        other => panic!("expected an answer, got {other:?}"),
    }
}

fn json_of(res: &Res) -> Value {
    serde_json::from_str(res.body.as_deref().unwrap()).unwrap()
}

/// Makes the cloudhook of a webhook, under an id of the relay's choice.
async fn make(home: &Home, session: &mut Session, webhook_id: &str, id: &str) -> Value {
    let command = home.command("cloud/cloudhook/create", json!({"webhook_id": webhook_id}));
    let (made, ()) = tokio::join!(command, async {
        let number = match session.hears().await {
            FromHub::CloudhookCreate(create) => create.id,
            other => panic!("{other:?}"),
        };
        session
            .answer(Outcome {
                id: number,
                ok: true,
                cloudhook_id: Some(id.to_owned()),
                ..Outcome::default()
            })
            .await;
        let (number, ids) = session.published().await;
        assert!(ids.contains(&id.to_owned()));
        session.confirm(number).await;
    });
    made.unwrap()
}

async fn linked(relay: &Relay) -> (Home, Session) {
    let home = home(settings(relay)).await;
    let session = relay.welcomed().await;
    until_cloud_is(&home, "connected").await;
    (home, session)
}

#[test]
fn a_cloudhook_is_made_once_and_its_requests_are_answered_by_the_webhook() {
    run(async {
        let relay = Relay::start().await;
        let (home, mut session) = linked(&relay).await;
        let made = make(&home, &mut session, "echo", "abc-_9").await;
        let expected = json!({
            "webhook_id": "echo",
            "cloudhook_id": "abc-_9",
            "cloudhook_url": "https://relay.example/c/abc-_9",
            "managed": false,
        });
        assert_eq!(made, expected);
        let again = home.command("cloud/cloudhook/create", json!({"webhook_id": "echo"}));
        assert_eq!(again.await.unwrap(), expected);

        let mut post = req(1, "abc-_9", "POST");
        post.body = Some("hello".to_owned());
        let res = answered(&mut session, post).await;
        assert_eq!((res.rid, res.status), (1, 200));
        let content_type = ("content-type".to_owned(), "application/json".to_owned());
        assert_eq!(res.headers, [content_type]);
        assert_eq!(
            json_of(&res),
            json!({"call": 1, "method": "POST", "query": "a=1&a=2", "agent": "phone", "body": "hello"})
        );

        let mut binary = req(2, "abc-_9", "PUT");
        binary.body_b64 = Some("/wD+".to_owned());
        let res = answered(&mut session, binary).await;
        assert_eq!(
            (res.status, res.body, res.body_b64),
            (201, None, Some("/wD+".to_owned()))
        );
    });
}

#[test]
fn what_runs_no_webhook_is_answered_as_the_field_does() {
    run(async {
        let relay = Relay::start().await;
        let (home, mut session) = linked(&relay).await;
        make(&home, &mut session, "echo", "e").await;
        make(&home, &mut session, "near", "n").await;
        make(&home, &mut session, "nobody", "x").await;
        for (rid, (id, method, status)) in [
            ("unknown", "POST", 200),
            ("x", "POST", 200),
            ("n", "POST", 200),
            ("e", "HEAD", 200),
            ("e", "DELETE", 405),
        ]
        .into_iter()
        .enumerate()
        {
            let res = answered(&mut session, req(rid as u64, id, method)).await;
            assert_eq!((res.status, res.body), (status, None), "{method} {id}");
        }
        let mut bad = req(9, "e", "POST");
        bad.body_b64 = Some("!".to_owned());
        session.say(FromRelay::Req(bad)).await;
        let expected = ResErr {
            rid: 9,
            code: "bad_request".to_owned(),
        };
        assert_eq!(session.hears().await, FromHub::ResErr(expected));

        let status = home.command("cloud/status", json!({})).await.unwrap();
        let cloudhooks = &status["prefs"]["cloudhooks"];
        assert_eq!(cloudhooks["near"]["blocked_local_only"], 1);
        assert_eq!(cloudhooks["echo"]["blocked_local_only"], 0);
        let call = json_of(&answered(&mut session, req(10, "e", "GET")).await);
        assert_eq!(call["call"], 1, "none of these was run");
    });
}

#[test]
fn a_request_that_comes_again_gets_the_answer_of_the_first() {
    run(async {
        let relay = Relay::start().await;
        let (home, mut session) = linked(&relay).await;
        make(&home, &mut session, "echo", "e").await;
        let keyed = |rid, key: &str| {
            let mut keyed = req(rid, "e", "POST");
            keyed
                .headers
                .push(("Idempotency-Key".to_owned(), key.to_owned()));
            keyed
        };
        let first = answered(&mut session, keyed(1, "k1")).await;
        let second = answered(&mut session, keyed(2, "k1")).await;
        let other = answered(&mut session, keyed(3, "k2")).await;
        assert_eq!(first.body, second.body);
        assert_eq!(json_of(&other)["call"], 2);
    });
}

#[test]
fn requests_end_by_their_deadline_by_their_callers_going_and_are_bounded() {
    run(async {
        let relay = Relay::start().await;
        let mut settings = settings(&relay);
        settings.relay_link.calls = 1;
        let home = home(settings).await;
        let mut session = relay.welcomed().await;
        until_cloud_is(&home, "connected").await;
        make(&home, &mut session, "silent", "s").await;

        let mut short = req(1, "s", "POST");
        short.deadline_ms = 50;
        session.say(FromRelay::Req(short)).await;
        let error = |rid, code: &str| {
            let code = code.to_owned();
            FromHub::ResErr(ResErr { rid, code })
        };
        assert_eq!(session.hears().await, error(1, "timeout"));

        session.say(FromRelay::Req(req(2, "s", "POST"))).await;
        session.say(FromRelay::Req(req(3, "s", "POST"))).await;
        assert_eq!(session.hears().await, error(3, "busy"));
        session.say(FromRelay::Cancel(Cancel { rid: 2 })).await;
        let res = answered(&mut session, req(4, "unknown", "POST")).await;
        assert_eq!((res.rid, res.status), (4, 200), "there is room again");
    });
}

#[test]
fn a_cloudhook_outlives_a_restart_and_its_deletion_is_told_when_the_relay_is_there() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let relay = Relay::start().await;
        let home = kept_in(folder.path(), settings(&relay)).await;
        let mut session = relay.welcomed().await;
        until_cloud_is(&home, "connected").await;
        make(&home, &mut session, "echo", "e").await;
        make(&home, &mut session, "near", "n").await;
        home.hub.stop().await;

        let home = kept_in(folder.path(), settings(&relay)).await;
        let mut session = relay.greeted().await;
        let delete = json!({"webhook_id": "near"});
        let deleted = home.command("cloud/cloudhook/delete", delete.clone()).await;
        assert_eq!(deleted.unwrap(), Value::Null);
        let error = home
            .command("cloud/cloudhook/delete", delete)
            .await
            .unwrap_err();
        assert_eq!(error.code.as_str(), "not_found");
        let away = home.command("cloud/cloudhook/create", json!({"webhook_id": "other"}));
        assert_eq!(away.await.unwrap_err().code.as_str(), "not_connected");

        session
            .say(FromRelay::Welcome(crate::relay::welcome()))
            .await;
        match session.hears().await {
            FromHub::CloudhookDelete(delete) => {
                assert_eq!(delete.cloudhook_id.as_deref(), Some("n"));
                session.confirm(delete.id).await;
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(session.published().await.1, ["e"]);
        let res = answered(&mut session, req(1, "e", "POST")).await;
        assert_eq!(json_of(&res)["call"], 1);
    });
}

#[test]
fn a_relay_that_moves_gives_its_cloudhooks_new_addresses() {
    run(async {
        let relay = Relay::start().await;
        let (home, mut session) = linked(&relay).await;
        make(&home, &mut session, "echo", "e").await;
        session.close(1000).await;
        let mut session = relay.greeted().await;
        let mut moved = crate::relay::welcome();
        moved.cloudhook_base = "https://new.example/c/".to_owned();
        session.say(FromRelay::Welcome(moved)).await;
        assert_eq!(session.published().await.1, ["e"]);
        let again = home.command("cloud/cloudhook/create", json!({"webhook_id": "echo"}));
        assert_eq!(
            again.await.unwrap()["cloudhook_url"],
            "https://new.example/c/e"
        );
    });
}
