//! The OpenAPI document: made from the table of endpoints, so that it says what the code does.
//!
//! A row of the table (`rest/mod.rs`) names a route and the function beside its view that
//! describes it; a route without a description does not compile. The views of integrations are
//! added as they are registered when the document is asked for. Nothing is kept: the document is
//! asked for seldom, and made then.
//!
//! [`operation`] is what a view says of itself, [`schema`] the words in which it describes JSON.

pub(crate) mod operation;
pub(crate) mod schema;

use actix_web::{HttpResponse, web};
use hearth_core::hub::PROTOCOL_VERSION;
use hearth_core::view::{View, ViewAccess};
use serde_json::{Map, Value, json};

use crate::auth_gate::SignedIn;
use crate::door::Door;
use crate::endpoint::Endpoint;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{any, components};
use crate::reply;
use crate::rest::endpoints;

/// `GET /api/openapi.json`
pub(crate) async fn document(_: SignedIn, door: web::Data<Door>) -> HttpResponse {
    let views = door.hub.views.current();
    reply::json(&describe(endpoints(door.http().page), &views))
}

/// What `document` says of itself.
pub(crate) fn describe_document() -> Operation {
    Operation::new("This document").replies(200, "The document", Content::Json(any()))
}

/// The document of these endpoints and views.
fn describe<'a>(endpoints: impl Iterator<Item = &'a Endpoint>, views: &[View]) -> Value {
    let mut paths = Map::new();
    let mut add = |path: &str, method: &str, operation: Value| {
        let item = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
        item[method.to_ascii_lowercase()] = operation;
    };
    for endpoint in endpoints {
        let operation = (endpoint.describe)().to_json(endpoint.path);
        add(endpoint.path, endpoint.method.as_str(), operation);
    }
    for view in views {
        add(
            &view.path,
            view.method.as_str(),
            of_view(view).to_json(&view.path),
        );
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hearth",
            "description": "The REST API of a Hearth hub, as Home Assistant's clients know it.",
            "version": PROTOCOL_VERSION,
        },
        "paths": paths,
        "components": {
            "schemas": components(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    })
}

/// Of an integration's view the hub knows who may open it and where, not what it answers.
fn of_view(view: &View) -> Operation {
    let operation = Operation::new("A view of an integration");
    let operation = match view.access {
        ViewAccess::Public => operation.public(),
        ViewAccess::AnyUser => operation,
        ViewAccess::Admin => operation.administrators(),
    };
    let parts = view.path.split('/');
    parts
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .fold(operation, |operation, name| {
            operation.path(name.trim_start_matches('*'), "")
        })
        .replies_anything()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_in_the_document_and_nothing_else() {
        let document = describe(endpoints(true), &[]);
        let mut described = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                described.push((path.clone(), method.to_ascii_uppercase()));
            }
        }
        let mut served: Vec<_> = endpoints(true)
            .map(|endpoint| (endpoint.path.to_owned(), endpoint.method.to_string()))
            .collect();
        served.sort();
        described.sort();
        assert_eq!(described, served);
    }

    #[test]
    fn every_part_of_a_path_is_described() {
        let document = describe(endpoints(true), &[]);
        for (path, item) in document["paths"].as_object().unwrap() {
            let parts: Vec<_> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            for (method, operation) in item.as_object().unwrap() {
                let described: Vec<_> = operation["parameters"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|parameter| parameter["in"] == "path")
                    .map(|parameter| parameter["name"].as_str().unwrap())
                    .collect();
                assert_eq!(described, parts, "{method} {path}");
            }
        }
    }

    #[test]
    fn every_reference_leads_to_a_schema() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(object) => {
                    if let Some(Value::String(reference)) = object.get("$ref") {
                        found.push(reference.clone());
                    }
                    object.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = describe(endpoints(true), &[]);
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn names_of_operations_are_unique() {
        let document = describe(endpoints(true), &[]);
        let mut names: Vec<_> = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|item| item.as_object().unwrap().values())
            .map(|operation| operation["summary"].as_str().unwrap().to_owned())
            .collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
