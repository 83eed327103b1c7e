//! Compresses large JSON replies for clients that ask for it.

use actix_http::encoding::Encoder;
use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, ContentEncoding};
use actix_web::middleware::Next;

/// Smaller bodies are sent as they are: compressing them costs more than it saves.
const WORTHWHILE_BYTES: u64 = 1024;

/// A layer around the REST endpoints; webhooks do without.
pub(crate) async fn compress(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let wanted = accepted(&request);
    let response = next.call(request).await?;
    let json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes() == b"application/json");
    let worthwhile = matches!(response.response().body().size(), BodySize::Sized(size) if size > WORTHWHILE_BYTES);
    match wanted {
        Some(coding) if json && worthwhile => {
            Ok(response.map_body(|head, body| Encoder::response(coding, head, body).boxed()))
        }
        _ => Ok(response),
    }
}

/// The coding that the reply gets: deflate before gzip, as the protocol's own hub prefers (spec
/// rest-api §0); none that the request does not list, or lists with a weight of zero.
fn accepted(request: &ServiceRequest) -> Option<ContentEncoding> {
    let lines = request.headers().get_all(ACCEPT_ENCODING);
    let listed: Vec<&str> = lines
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(wanted)
        .collect();
    [ContentEncoding::Deflate, ContentEncoding::Gzip]
        .into_iter()
        .find(|coding| {
            let lists = |name: &&str| name.eq_ignore_ascii_case(coding.as_str());
            listed.iter().any(lists)
        })
}

/// The name of a coding in `Accept-Encoding`, where its weight is not zero.
fn wanted(coding: &str) -> Option<&str> {
    let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
    let weight = weight.trim().strip_prefix("q=");
    let weight = weight.and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
    (weight > 0.0).then(|| name.trim())
}
