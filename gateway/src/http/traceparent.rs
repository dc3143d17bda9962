//! The trace of a client's request, by W3C Trace Context. Other nodes log their part of it under
//! its id.

use fritzy_cluster::Trace;
use warp::http::HeaderMap;

const HEADER: &str = "traceparent";

/// The trace of a request; `None` where the header is missing or malformed: tracing never fails a
/// request.
pub(super) fn of(headers: &HeaderMap) -> Option<Trace> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    let mut parts = text.split('-');
    let version = lower_hex::<1>(parts.next()?)?;
    let (trace, span) = (
        lower_hex::<16>(parts.next()?)?,
        lower_hex::<8>(parts.next()?)?,
    );
    let [flags] = lower_hex::<1>(parts.next()?)?;
    // Later versions may append fields; version 255 is invalid.
    let is_supported = match version {
        [0] => parts.next().is_none(),
        [version] => version != 255,
    };
    let has_ids = trace != [0; 16] && span != [0; 8];
    (is_supported && has_ids).then_some(Trace { trace, span, flags })
}

/// `N` bytes in lowercase hexadecimal digits, which the header requires.
fn lower_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use warp::http::HeaderValue;

    use super::*;

    fn read(text: &str) -> Option<Trace> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_str(text).expect("a value"));
        of(&headers)
    }

    #[test]
    fn only_valid_traceparent_headers_are_accepted() {
        let trace = read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let trace = trace.expect("the standard's example");
        assert_eq!(trace.trace[..2], [0x4b, 0xf9]);
        assert_eq!(trace.span, [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        assert_eq!(trace.flags, 1);
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert_eq!(read(later), Some(trace));
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(of(&HeaderMap::new()), None);
    }
}
