//! Forms: url-encoded, as the apps and plain pages send them, or multipart, as scripts do.

use std::collections::HashMap;
use std::convert::Infallible;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, web};
use bytes::Bytes;
use multer::{Constraints, Multipart, SizeLimit};

use super::{BODY_LIMIT, limits};
use crate::body;
use crate::door::Door;
use crate::reply::Refusal;

/// Fields of a form; of two with one name the first counts.
#[derive(Default)]
pub(crate) struct Form(HashMap<String, String>);

impl Form {
    /// Reads a form; one without fields where the body is something else.
    pub(crate) async fn read(
        request: &HttpRequest,
        payload: web::Payload,
        door: &Door,
    ) -> Result<Self, Refusal> {
        let body = body::read(request, payload, &limits(door)).await?;
        let field = request.headers().get(CONTENT_TYPE);
        let content_type = field.and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let kind = content_type.split(';').next().unwrap_or("").trim();
        if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Ok(Self::url_encoded(&body));
        }
        if let Ok(boundary) = multer::parse_boundary(content_type) {
            return Ok(Self::multipart(body, boundary).await.unwrap_or_default());
        }
        Ok(Self::default())
    }

    /// From a body or a query.
    pub(crate) fn url_encoded(text: &[u8]) -> Self {
        let mut fields = HashMap::new();
        for (name, value) in form_urlencoded::parse(text) {
            fields
                .entry(name.into_owned())
                .or_insert(value.into_owned());
        }
        Self(fields)
    }

    async fn multipart(body: Bytes, boundary: String) -> Result<Self, multer::Error> {
        let whole = futures_util::stream::iter([Ok::<_, Infallible>(body)]);
        let limit = SizeLimit::new().whole_stream(BODY_LIMIT as u64);
        let mut parts =
            Multipart::with_constraints(whole, boundary, Constraints::new().size_limit(limit));
        let mut fields = HashMap::new();
        while let Some(part) = parts.next_field().await? {
            let Some(name) = part.name().map(str::to_owned) else {
                continue;
            };
            let value = part.text().await?;
            fields.entry(name).or_insert(value);
        }
        Ok(Self(fields))
    }

    /// The field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The field of this name, empty where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn both_kinds_of_form_give_the_same_fields() {
        let plain = Form::url_encoded(b"grant_type=refresh_token&client_id=http%3A%2F%2Fhub%2F&x");
        let text = "--b0\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\n\
                    refresh_token\r\n--b0\r\nContent-Disposition: form-data; name=\"client_id\"\
                    \r\n\r\nhttp://hub/\r\n--b0--\r\n";
        let multipart = Form::multipart(text.into(), "b0".into()).await.unwrap();
        for form in [plain, multipart] {
            assert_eq!(form.get("grant_type"), Some("refresh_token"));
            assert_eq!(form.get("client_id"), Some("http://hub/"));
            assert_eq!(form.get("code"), None);
        }
    }

    #[actix_web::test]
    async fn a_broken_multipart_body_is_refused_and_not_half_read() {
        for broken in [
            "",
            "--b0",
            "--b0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx",
        ] {
            let form = Form::multipart(broken.into(), "b0".into()).await;
            assert!(form.is_err(), "{broken:?}");
        }
    }

    #[test]
    fn the_first_of_two_fields_counts() {
        assert_eq!(Form::url_encoded(b"a=1&a=2").get("a"), Some("1"));
    }
}
