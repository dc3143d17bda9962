//! Reads request bodies, within the limit of each and the budget of all.

use std::io::Read as _;

use bytes::Buf;
use flate2::bufread::MultiGzDecoder;
use futures_util::{Stream, StreamExt, pin_mut};
use warp::http::{HeaderMap, header};

use super::admission::{BodyBudget, Reservation};
use super::rejection::HttpRejection;

/// Bytes decompressed at once; then the limits are checked, and other tasks may run.
const STEP_BYTES: usize = 64 * 1_024;

/// A body, with its reservation for as long as its content is in use.
pub(super) struct Body<'b> {
    pub(super) bytes: Vec<u8>,
    pub(super) reservation: Reservation<'b>,
}

/// Reads a body to its end, and decompresses it. A declared length is checked before anything is
/// read; the limits apply to what was sent, and to what it decompresses to.
///
/// # Errors
/// `UNSUPPORTED_MEDIA_TYPE` for other encodings than gzip, `PAYLOAD_TOO_LARGE` beyond the limit of
/// one body, `OVERLOADED` when the budget of all is used up, `BAD_REQUEST` when the body ends early
/// or is not gzip.
pub(super) async fn read_body<'b, B: Buf>(
    budget: &'b BodyBudget,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<Body<'b>, HttpRejection> {
    let is_compressed = is_gzip(headers)?;
    let sent = read_sent(budget, headers, body).await?;
    if is_compressed {
        decompress(budget, &sent.bytes).await
    } else {
        Ok(sent)
    }
}

async fn read_sent<'b, B: Buf>(
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

/// Decompresses step by step, so that a bomb is cut off at the limit and not after it.
async fn decompress<'b>(
    budget: &'b BodyBudget,
    compressed: &[u8],
) -> Result<Body<'b>, HttpRejection> {
    let mut decoder = MultiGzDecoder::new(compressed);
    let mut reservation = budget.reserve(compressed.len())?;
    let mut bytes = Vec::with_capacity(reservation.bytes());
    let mut step = vec![0; STEP_BYTES];
    loop {
        let read = decoder.read(&mut step).map_err(|failure| {
            HttpRejection::bad_request(format!("the body is not whole gzip: {failure}"))
        })?;
        if read == 0 {
            return Ok(Body { bytes, reservation });
        }
        let len = bytes.len() + read;
        if len > reservation.bytes() {
            reservation = budget.grow(reservation, len)?;
            bytes.reserve_exact(reservation.bytes() - bytes.len());
        }
        bytes.extend_from_slice(&step[..read]);
        tokio::task::yield_now().await;
    }
}

/// Whether a body is compressed by gzip.
///
/// # Errors
/// `UNSUPPORTED_MEDIA_TYPE` for any other encoding, and for several.
fn is_gzip(headers: &HeaderMap) -> Result<bool, HttpRejection> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(value) = values.next() else {
        return Ok(false);
    };
    let name = value
        .to_str()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match name.as_str() {
        "gzip" | "x-gzip" if values.next().is_none() => Ok(true),
        "" | "identity" if values.next().is_none() => Ok(false),
        _ => Err(HttpRejection::unsupported_encoding()),
    }
}
