//! What was set up, removing it, and setting up by hand.

use serde_json::json;

use crate::home::with_home;

#[test]
fn a_config_entry_is_listed_and_removed_by_its_owner() {
    with_home(async |home| {
        let list = home
            .admin("GET", "/api/config/config_entries/entry?domain=lab", "")
            .await
            .json();
        assert_eq!(list.as_array().unwrap().len(), 1);
        assert_eq!(list[0]["title"], "The lab");
        let other = home
            .admin("GET", "/api/config/config_entries/entry?domain=other", "")
            .await;
        assert_eq!(other.json(), json!([]));
        let path = format!(
            "/api/config/config_entries/entry/{}",
            list[0]["entry_id"].as_str().unwrap()
        );
        let removed = home.admin("DELETE", &path, "").await;
        assert_eq!(removed.json(), json!({"require_restart": false}));
        let unknown = home
            .admin("DELETE", "/api/config/config_entries/entry/x", "")
            .await;
        assert_eq!(
            unknown.message(),
            (404, "Invalid entry specified".to_owned())
        );
    });
}

#[test]
fn something_is_set_up_by_hand_where_its_integration_says_how() {
    with_home(async |home| {
        let base = "/api/config/config_entries";
        let handlers = home
            .admin("GET", &format!("{base}/flow_handlers?type=integration"), "")
            .await;
        assert_eq!(handlers.json(), json!(["lab"]));
        let start = async |body: &str| home.admin("POST", &format!("{base}/flow"), body).await;
        let step = start(r#"{"handler": "lab", "show_advanced_options": false}"#).await;
        assert_eq!(step.status, 200);
        let step = step.json();
        assert_eq!(
            (&step["type"], &step["reason"], &step["handler"]),
            (&json!("abort"), &json!("lab"), &json!("lab"))
        );
        let unknown = (404, "Invalid handler specified".to_owned());
        assert_eq!(start(r#"{"handler": "nobody"}"#).await.message(), unknown);
        assert_eq!(start("{}").await.status, 400);
        assert_eq!(start("[").await.status, 400);
        let flow = format!("{base}/flow/{}", step["flow_id"].as_str().unwrap());
        for (method, body) in [("GET", ""), ("POST", "{}"), ("DELETE", "")] {
            let over = (404, "Invalid flow specified".to_owned());
            assert_eq!(
                home.admin(method, &flow, body).await.message(),
                over,
                "{method}"
            );
        }
        let options = format!("{base}/options/flow");
        let of_no_entry = home
            .admin("POST", &options, r#"{"handler": "01ABC"}"#)
            .await;
        assert_eq!(of_no_entry.message(), unknown);
        let subentries = format!("{base}/subentries/flow");
        let of_no_entry = home
            .admin("POST", &subentries, r#"{"handler": ["01ABC", "x"]}"#)
            .await;
        assert_eq!(of_no_entry.message(), unknown);
    });
}

#[test]
fn an_entry_that_cannot_be_reloaded_says_so() {
    with_home(async |home| {
        let base = "/api/config/config_entries/entry";
        let entries = home.admin("GET", base, "").await.json();
        let id = entries[0]["entry_id"].as_str().unwrap();
        let known = home.admin("POST", &format!("{base}/{id}/reload"), "").await;
        assert_eq!(
            known.message(),
            (403, "Entry cannot be reloaded".to_owned())
        );
        let unknown = home.admin("POST", &format!("{base}/none/reload"), "").await;
        assert_eq!(
            unknown.message(),
            (404, "Invalid entry specified".to_owned())
        );
    });
}
