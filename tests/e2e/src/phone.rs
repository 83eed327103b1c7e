//! A phone: registered over REST, then talking to its webhook through one of the two doors.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::{Http, Hub, Key, Reply, Ws};

/// What a webhook answered, in the words that both doors share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; empty for none.
    pub body: String,
    /// The content type without parameters; over HTTP, none is `application/octet-stream` too.
    pub content_type: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// Asserts the status and the body's text.
    #[track_caller]
    pub fn is(&self, status: u16, body: &str) {
        assert_eq!(
            (self.status, self.body.as_str()),
            (status, body),
            "{self:?}"
        );
    }

    /// Asserts the status and the body as JSON, whatever the order of keys.
    #[track_caller]
    pub fn is_json(&self, status: u16, body: &Value) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(&self.json(), body, "{self:?}");
        assert_eq!(self.content_type, "application/json", "{self:?}");
    }

    /// Asserts the error envelope with this code and message.
    #[track_caller]
    pub fn is_refused(&self, code: &str, message: &str) {
        let body = json!({"success": false, "error": {"code": code, "message": message}});
        self.is_json(400, &body);
    }

    /// The JSON within an encrypted reply.
    #[track_caller]
    pub fn open(&self, key: &Key) -> Value {
        let envelope = self.json();
        assert_eq!(envelope["encrypted"], true, "{self:?}");
        assert_eq!(
            envelope.as_object().map(serde_json::Map::len),
            Some(2),
            "only `encrypted` and `encrypted_data`: {self:?}"
        );
        let frame = envelope["encrypted_data"].as_str().expect("a text");
        let plain = key
            .open(frame)
            .unwrap_or_else(|| panic!("the reply was not sealed with this key: {self:?}"));
        serde_json::from_str(&plain).expect("JSON within the frame")
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        let content_type = reply.content_type().unwrap_or("application/octet-stream");
        Self {
            status: reply.status,
            body: reply.text().to_owned(),
            content_type: content_type.to_owned(),
        }
    }
}

/// A way to a webhook.
pub enum Door {
    /// `POST /api/webhook/<id>`, without a token.
    Http(Box<Http>),
    /// `webhook/handle` on an authenticated socket.
    Ws(Box<Ws>),
}

impl Door {
    /// The HTTP door of a hub.
    pub fn http(addr: SocketAddr) -> Self {
        Self::Http(Box::new(Http::new(addr)))
    }

    /// The WebSocket door of a hub.
    pub async fn ws(hub: &Hub) -> Self {
        Self::Ws(Box::new(hub.ws().await))
    }

    /// Posts a text to a webhook.
    pub async fn post(&mut self, webhook_id: &str, body: &str) -> Answer {
        self.send("POST", webhook_id, body).await
    }

    /// Sends a text to a webhook with any of GET, HEAD, POST, PUT.
    pub async fn send(&mut self, method: &str, webhook_id: &str, body: &str) -> Answer {
        match self {
            Self::Http(http) => {
                let path = format!("/api/webhook/{webhook_id}");
                let headers = [("Content-Type", "application/json")];
                http.request(method, &path, &headers, body.as_bytes())
                    .await
                    .into()
            }
            Self::Ws(ws) => {
                let result = ws
                    .result(
                        "webhook/handle",
                        json!({
                            "webhook_id": webhook_id,
                            "method": method,
                            "body": body,
                            "headers": {"Content-Type": "application/json"},
                        }),
                    )
                    .await;
                Answer {
                    status: result["status"].as_u64().expect("a status") as u16,
                    body: match &result["body"] {
                        Value::Null => String::new(),
                        Value::String(text) => text.clone(),
                        other => panic!("body is text or null, not {other}"),
                    },
                    content_type: result["headers"]["Content-Type"]
                        .as_str()
                        .expect("a content type")
                        .to_owned(),
                }
            }
        }
    }
}

/// The registration body of a phone with this name, with every required field.
pub fn registration(name: &str, supports_encryption: bool) -> Value {
    json!({
        "app_id": "org.example.phone",
        "app_name": "Example phone",
        "app_version": "2025.4.1",
        "device_name": name,
        "device_id": format!("device-{name}"),
        "manufacturer": "Example",
        "model": "One",
        "os_name": "Linux",
        "os_version": "6.1",
        "supports_encryption": supports_encryption,
    })
}

/// A registered phone.
pub struct Phone {
    /// The name it was registered with.
    pub name: String,
    /// Its webhook.
    pub webhook_id: String,
    /// Its secret, when registered with encryption.
    pub secret: Option<String>,
    /// The way it talks.
    pub door: Door,
}

impl Phone {
    /// Registers a phone that sends in clear over HTTP.
    pub async fn register(hub: &Hub, name: &str) -> Self {
        let door = Door::http(hub.addr());
        Self::register_with(hub, door, &registration(name, false)).await
    }

    /// Registers a phone with encryption that talks over HTTP.
    pub async fn register_encrypted(hub: &Hub, name: &str) -> Self {
        let door = Door::http(hub.addr());
        Self::register_with(hub, door, &registration(name, true)).await
    }

    /// Registers a phone with this body; it talks through `door`.
    pub async fn register_with(hub: &Hub, door: Door, body: &Value) -> Self {
        let reply = hub.http().post("/api/mobile_app/registrations", body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let json = reply.json();
        Self {
            name: body["device_name"].as_str().unwrap_or_default().to_owned(),
            webhook_id: json["webhook_id"].as_str().expect("a text").to_owned(),
            secret: json["secret"].as_str().map(str::to_owned),
            door,
        }
    }

    /// The current key of the registration's secret.
    pub fn current(&self) -> Key {
        Key::current(self.secret.as_deref().expect("registered with encryption"))
    }

    /// The legacy key of the registration's secret.
    pub fn legacy(&self) -> Key {
        Key::legacy(self.secret.as_deref().expect("registered with encryption"))
    }

    /// Posts a text as it is.
    pub async fn post(&mut self, body: &str) -> Answer {
        self.door.post(&self.webhook_id, body).await
    }

    /// Sends a command in clear.
    pub async fn send(&mut self, kind: &str, data: Value) -> Answer {
        self.post(&json!({"type": kind, "data": data}).to_string())
            .await
    }

    /// Sends a command sealed with `key`.
    pub async fn send_sealed(&mut self, key: &Key, kind: &str, data: &Value) -> Answer {
        self.send_frame(kind, &key.seal(&data.to_string())).await
    }

    /// Sends a command whose `encrypted_data` is this text.
    pub async fn send_frame(&mut self, kind: &str, frame: &str) -> Answer {
        let body = json!({"type": kind, "encrypted": true, "encrypted_data": frame});
        self.post(&body.to_string()).await
    }
}
