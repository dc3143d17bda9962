//! Responses of plain text, for routes other than GraphQL.

use warp::Reply;
use warp::http::StatusCode;
use warp::reply::Response;

pub(super) fn plain_text(status: StatusCode, body: &'static str) -> Response {
    warp::reply::with_status(body, status).into_response()
}
