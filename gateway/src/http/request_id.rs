//! The id by which one request is found again in the logs.

use uuid::Uuid;
use warp::http::{HeaderMap, HeaderValue};

pub(super) const HEADER: &str = "x-request-id";

/// Bytes of an id that is taken over from the client.
const BYTES_MAX: usize = 128;

/// The client's own id where it is fit to be logged, else a new one.
pub(super) fn of(headers: &HeaderMap) -> HeaderValue {
    let fit = |id: &&HeaderValue| {
        !id.is_empty() && id.len() <= BYTES_MAX && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    headers.get(HEADER).filter(fit).cloned().unwrap_or_else(|| {
        let id = Uuid::now_v7().simple().to_string();
        HeaderValue::from_str(&id).expect("hexadecimal digits are visible")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_fit_for_a_log_are_taken_over() {
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
