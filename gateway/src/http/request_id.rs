//! The id that a request has in the logs, and its response in a header.

use uuid::Uuid;
use warp::http::{HeaderMap, HeaderValue};

pub(super) const HEADER: &str = "x-request-id";

/// Bytes of an id accepted from a client.
const BYTES_MAX: usize = 128;

/// The client's id where it is safe to log, else a new one.
pub(super) fn of(headers: &HeaderMap) -> HeaderValue {
    let is_loggable = |id: &&HeaderValue| {
        !id.is_empty() && id.len() <= BYTES_MAX && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    headers
        .get(HEADER)
        .filter(is_loggable)
        .cloned()
        .unwrap_or_else(|| {
            let id = Uuid::now_v7().simple().to_string();
            HeaderValue::from_str(&id).expect("hexadecimal digits are visible ASCII")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loggable_client_ids_are_kept() {
        for (given, kept) in [("abc-1", true), ("", false), ("a b", false), ("é", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(
                HEADER,
                HeaderValue::from_bytes(given.as_bytes()).expect("a value"),
            );
            assert_eq!(
                of(&headers).as_bytes() == given.as_bytes(),
                kept,
                "{given:?}"
            );
        }
        let mut headers = HeaderMap::new();
        let long = "a".repeat(BYTES_MAX + 1);
        headers.insert(HEADER, HeaderValue::from_str(&long).expect("a value"));
        assert_eq!(of(&headers).len(), 32);
    }
}
