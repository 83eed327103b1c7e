//! `multipart/form-data`: fields as texts, files as objects.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use multer::{Field, Multipart};
use std::convert::Infallible;

use super::json::{Members, text};

/// As a JSON object; none where it is not what it says.
pub(crate) async fn to_json(content_type: &str, body: Bytes) -> Option<String> {
    let boundary = multer::parse_boundary(content_type).ok()?;
    let whole = futures_util::stream::once(async move { Ok::<_, Infallible>(body) });
    let mut parts = Multipart::new(whole, boundary);
    let mut members = Members::default();
    while let Some(part) = parts.next_field().await.ok()? {
        let name = part.name().unwrap_or_default().to_owned();
        let value = match part.file_name().map(str::to_owned) {
            Some(filename) => file(part, &filename).await?,
            None => text(&String::from_utf8_lossy(&part.bytes().await.ok()?)),
        };
        members.add_json(name, value);
    }
    Some(members.to_json())
}

async fn file(part: Field<'_>, filename: &str) -> Option<String> {
    let content_type = part.content_type().map(|kind| text(kind.as_ref()));
    let bytes = part.bytes().await.ok()?;
    Some(format!(
        r#"{{"filename":{},"content_type":{},"size":{},"base64":"{}"}}"#,
        text(filename),
        content_type.as_deref().unwrap_or("null"),
        bytes.len(),
        STANDARD.encode(&bytes)
    ))
}
