//! What an endpoint says of itself: who may ask, with what, and what comes back.

use serde_json::{Map, Value, json};

use super::schema;

const FORM: &str = "application/x-www-form-urlencoded";

/// The description of one method on one path. Made by the function beside the view.
pub(crate) struct Operation {
    summary: &'static str,
    access: Access,
    parameters: Vec<Parameter>,
    body: Option<Body>,
    replies: Vec<Reply>,
    /// What it answers is not known here.
    anything: bool,
}

enum Access {
    Public,
    AnyUser,
    Administrators,
}

struct Parameter {
    place: &'static str,
    name: String,
    description: &'static str,
    schema: Value,
}

struct Body {
    required: bool,
    content_type: &'static str,
    schema: Value,
}

struct Reply {
    status: u16,
    description: &'static str,
    content: Content,
}

/// What a reply carries.
pub(crate) enum Content {
    /// JSON of this schema.
    Json(Value),
    /// Plain text.
    Text,
    /// `{"message": …}`, or the words of the router as plain text.
    Refusal,
    /// Something of this type.
    Other(&'static str),
    /// Nothing.
    Empty,
}

impl Operation {
    /// For every signed-in user, until it is said otherwise.
    pub(crate) fn new(summary: &'static str) -> Self {
        Self {
            summary,
            access: Access::AnyUser,
            parameters: Vec::new(),
            body: None,
            replies: Vec::new(),
            anything: false,
        }
    }

    /// For everyone, without a token.
    pub(crate) fn public(self) -> Self {
        Self {
            access: Access::Public,
            ..self
        }
    }

    /// For administrators.
    pub(crate) fn administrators(self) -> Self {
        Self {
            access: Access::Administrators,
            ..self
        }
    }

    /// A part of the path; in the order in which they stand there.
    pub(crate) fn path(self, name: &str, description: &'static str) -> Self {
        let schema = json!({"type": "string", "minLength": 1});
        self.parameter("path", name, description, schema)
    }

    /// A part of the path, and one that every demo home has.
    pub(crate) fn path_like(
        self,
        name: &str,
        description: &'static str,
        example: &'static str,
    ) -> Self {
        let schema = json!({"type": "string", "minLength": 1, "examples": [example]});
        self.parameter("path", name, description, schema)
    }

    /// A key of the query, which may be left out.
    pub(crate) fn query(self, name: &str, description: &'static str, schema: Value) -> Self {
        self.parameter("query", name, description, schema)
    }

    fn parameter(
        mut self,
        place: &'static str,
        name: &str,
        description: &'static str,
        schema: Value,
    ) -> Self {
        self.parameters.push(Parameter {
            place,
            name: name.to_owned(),
            description,
            schema,
        });
        self
    }

    /// A JSON body that must be there.
    pub(crate) fn body(self, schema: Value) -> Self {
        self.with_body(true, "application/json", schema)
    }

    /// A JSON body that may be left out.
    pub(crate) fn optional_body(self, schema: Value) -> Self {
        self.with_body(false, "application/json", schema)
    }

    /// The fields of a form, URL-encoded.
    pub(crate) fn form(self, schema: Value) -> Self {
        self.with_body(true, FORM, schema)
    }

    /// The fields of a form, which may be left out.
    pub(crate) fn optional_form(self, schema: Value) -> Self {
        self.with_body(false, FORM, schema)
    }

    fn with_body(self, required: bool, content_type: &'static str, schema: Value) -> Self {
        let body = Some(Body {
            required,
            content_type,
            schema,
        });
        Self { body, ..self }
    }

    /// One of its replies. What the hub answers to everybody (a bad token, a body too large,
    /// a stop) needs no mention.
    pub(crate) fn replies(
        mut self,
        status: u16,
        description: &'static str,
        content: Content,
    ) -> Self {
        self.replies.push(Reply {
            status,
            description,
            content,
        });
        self
    }

    /// A body of any kind, and replies of any kind.
    pub(super) fn replies_anything(self) -> Self {
        Self {
            anything: true,
            ..self
        }
    }

    /// As the document has it.
    pub(super) fn to_json(&self, path: &str) -> Value {
        let parameters: Value = self
            .parameters
            .iter()
            .map(|parameter| {
                json!({
                    "in": parameter.place,
                    "name": parameter.name,
                    "description": parameter.description,
                    "required": parameter.place == "path",
                    "schema": parameter.schema,
                })
            })
            .collect();
        let mut operation = json!({
            "summary": self.summary,
            "tags": [tag(path)],
            "parameters": parameters,
            "responses": self.responses(),
        });
        match self.access {
            Access::Public => operation["security"] = json!([]),
            Access::AnyUser => operation["security"] = json!([{"bearer": []}]),
            Access::Administrators => {
                operation["security"] = json!([{"bearer": []}]);
                operation["description"] = json!("For administrators.");
            }
        }
        if let Some(body) = &self.body {
            operation["requestBody"] = json!({
                "required": body.required,
                "content": {body.content_type: {"schema": body.schema}},
            });
        }
        operation
    }

    fn responses(&self) -> Value {
        let mut responses = Map::new();
        let mut add = |status: &str, description: &str, content: &Content| {
            let reply = json!({"description": description, "content": content.to_json()});
            responses.entry(status.to_owned()).or_insert(reply);
        };
        for reply in &self.replies {
            add(&reply.status.to_string(), reply.description, &reply.content);
        }
        if self.anything {
            add(
                "default",
                "What the integration answers",
                &Content::Other("*/*"),
            );
        }
        // What every request may meet, whatever it asks for.
        add("400", "Refused", &Content::Refusal);
        if !matches!(self.access, Access::Public) {
            add(
                "401",
                "Without a good token, or not permitted",
                &Content::Text,
            );
        }
        add("403", "The address is banned", &Content::Text);
        if self.parameters.iter().any(|part| part.place == "path") {
            add("404", "Not found", &Content::Refusal);
        }
        if self.body.is_some() {
            add("408", "The body took too long", &Content::Text);
            add("413", "The body is too large", &Content::Text);
        }
        add("431", "The header fields are too large", &Content::Text);
        add("503", "The hub stops or is busy", &Content::Empty);
        Value::Object(responses)
    }
}

impl Content {
    fn to_json(&self) -> Value {
        match self {
            Self::Json(schema) => json!({"application/json": {"schema": schema}}),
            Self::Text => json!({"text/plain": {"schema": schema::text()}}),
            Self::Refusal => json!({
                "application/json": {"schema": schema::message()},
                "text/plain": {"schema": schema::text()},
            }),
            Self::Other(content_type) => json!({*content_type: {}}),
            Self::Empty => json!({}),
        }
    }
}

/// The heading that an endpoint stands under: the first part of its path below `/api`.
fn tag(path: &str) -> &str {
    let parts = path.trim_start_matches("/api/").split('/');
    match parts.clone().find(|part| !part.is_empty()) {
        Some(part) => part,
        None => "api",
    }
}
