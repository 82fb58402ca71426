//! What goes wrong, as a program and a person can read it.

use std::fmt::Display;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use kessai_engine::{AdminError, RegisterError};
use serde::Serialize;

/// A problem detail.
///
/// # Source
/// RFC 9457, section 3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
}

impl Problem {
    fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Display,
    ) -> Self {
        Self { kind, title, status: status.as_u16(), detail: detail.to_string() }
    }

    pub(crate) fn unauthorised() -> Self {
        let detail = "send the administration token as a bearer token";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorised", "The token is missing or wrong", detail)
    }

    pub(crate) fn not_found(detail: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    pub(crate) fn malformed(detail: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request makes no sense", detail)
    }

    pub(crate) fn conflict(detail: impl Display) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "The books say otherwise", detail)
    }

    pub(crate) fn import_under_way() -> Self {
        let detail = "another import is under way: wait for its end";
        Self::new(StatusCode::CONFLICT, "import-under-way", "One import at a time", detail)
    }

    pub(crate) fn too_large(detail: impl Display) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail)
    }

    pub(crate) fn unsupported(detail: impl Display) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", "Not a format of ours", detail)
    }

    pub(crate) fn busy() -> Self {
        let detail = "the journal's queue is full: try again in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too much at once", detail)
    }

    pub(crate) fn stopped() -> Self {
        let detail = "records are lost, and nobody has accepted that: see GET /v1/health";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopped", "The service is stopped", detail)
    }

    pub(crate) fn storage_low() -> Self {
        let detail = "the journal's disk is nearly full: what room is left is for payments";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage-low", "No room to import", detail)
    }

    pub(crate) fn no_archive(detail: impl Display) -> Self {
        let title = "The archive cannot be read";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-archive", title, detail)
    }

    pub(crate) fn internal(detail: impl Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "This is our fault", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers
            .insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, axum::http::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        Self::conflict(error)
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::malformed(rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::malformed(rejection.body_text())
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match &error {
            AdminError::CustomerMissing(_) | AdminError::DeviceMissing(..) => {
                Self::not_found(error)
            }
            _ => Self::conflict(error),
        }
    }
}
