//! The one place where errors from inside become HTTP (spec rest-api §4, §9).

use actix_web::http::StatusCode;
use hearth_core::command::CommandError;
use hearth_core::service::ServiceError;

use crate::reply::Refusal;

/// A failed service call.
pub(super) fn refuse_service(error: ServiceError) -> Refusal {
    match error {
        ServiceError::NotFound(..) | ServiceError::Invalid(_) => {
            Refusal::Status(StatusCode::BAD_REQUEST)
        }
        ServiceError::NoResponse => Refusal::bad_request(
            "Service does not support responses. Remove return_response from request.",
        ),
        ServiceError::ResponseRequired => Refusal::bad_request(
            "Service call requires responses but caller did not ask for responses. \
             Add ?return_response to query parameters.",
        ),
        ServiceError::Unauthorized => Refusal::UNAUTHORIZED,
        ServiceError::Busy => Refusal::Busy,
        ServiceError::Validation(text, _) | ServiceError::Failed(text) => {
            Refusal::Message(StatusCode::INTERNAL_SERVER_ERROR, text.into())
        }
        ServiceError::Unknown => Refusal::Status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A failed command.
pub(super) fn refuse_command(error: CommandError) -> Refusal {
    let status = match error.code.as_str() {
        // Nothing answers it: to a client the path does not exist.
        "unknown_command" => return Refusal::Status(StatusCode::NOT_FOUND),
        "unauthorized" => return Refusal::UNAUTHORIZED,
        "busy" => return Refusal::Busy,
        "not_found" => StatusCode::NOT_FOUND,
        "invalid_format"
        | "not_allowed"
        | "not_supported"
        | "service_validation_error"
        | "template_error" => StatusCode::BAD_REQUEST,
        "timeout" => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Refusal::Message(status, error.message.into())
}
