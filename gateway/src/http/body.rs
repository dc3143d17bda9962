//! Reads request bodies, within the limit of each and the budget of all.

use bytes::Buf;
use futures_util::{Stream, StreamExt, pin_mut};
use warp::http::{HeaderMap, header};

use super::admission::{BodyBudget, Reservation};
use super::rejection::HttpRejection;

/// A body, with its reservation for as long as its content is in use.
pub(super) struct Body<'b> {
    pub(super) bytes: Vec<u8>,
    pub(super) reservation: Reservation<'b>,
}

/// Reads a body to its end. A declared length is checked before anything is read.
///
/// # Errors
/// `PAYLOAD_TOO_LARGE` beyond the limit of one body, `OVERLOADED` when the budget of all is used
/// up, `BAD_REQUEST` when the body ends early.
pub(super) async fn read_body<'b, B: Buf>(
    budget: &'b BodyBudget,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<Body<'b>, HttpRejection> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut reservation = budget.reserve(declared.unwrap_or(0))?;
    let mut bytes = Vec::with_capacity(declared.unwrap_or(0));
    pin_mut!(body);
    while let Some(chunk) = body.next().await {
        let mut chunk = chunk.map_err(|_| HttpRejection::bad_request("the body ended early"))?;
        let len = bytes.len() + chunk.remaining();
        if len > reservation.bytes() {
            // A chunked body declares no length, so the reservation grows with it.
            reservation = budget.grow(reservation, len)?;
            bytes.reserve_exact(reservation.bytes() - bytes.len());
        }
        while chunk.has_remaining() {
            let part = chunk.chunk();
            bytes.extend_from_slice(part);
            let len = part.len();
            chunk.advance(len);
        }
    }
    Ok(Body { bytes, reservation })
}
