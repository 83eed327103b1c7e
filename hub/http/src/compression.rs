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
    let wanted = accepts_gzip(&request);
    let response = next.call(request).await?;
    let json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes() == b"application/json");
    let worthwhile = matches!(response.response().body().size(), BodySize::Sized(size) if size > WORTHWHILE_BYTES);
    if !(wanted && json && worthwhile) {
        return Ok(response);
    }
    Ok(
        response
            .map_body(|head, body| Encoder::response(ContentEncoding::Gzip, head, body).boxed()),
    )
}

/// Whether the request lists gzip, and not with a weight of zero.
fn accepts_gzip(request: &ServiceRequest) -> bool {
    request
        .headers()
        .get_all(ACCEPT_ENCODING)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
            let weight = weight
                .trim()
                .strip_prefix("q=")
                .and_then(|q| q.parse::<f32>().ok());
            name.trim().eq_ignore_ascii_case("gzip") && weight.unwrap_or(1.0) > 0.0
        })
}
