//! The trace that a client's request is part of, by W3C's Trace Context: what other nodes do for it is logged under its id.

use fritzy_cluster::Trace;
use warp::http::HeaderMap;

const HEADER: &str = "traceparent";

/// The trace of a request; `None` where there is none, or nothing that can be read: a trace is never worth a refusal.
pub(super) fn of(headers: &HeaderMap) -> Option<Trace> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    let mut parts = text.split('-');
    let version = hex::<1>(parts.next()?)?;
    let (trace, span) = (hex::<16>(parts.next()?)?, hex::<8>(parts.next()?)?);
    let [flags] = hex::<1>(parts.next()?)?;
    // Later versions may say more behind these four; version 255 is none.
    let is_known = match version {
        [0] => parts.next().is_none(),
        [version] => version != 255,
    };
    let is_somebody = trace != [0; 16] && span != [0; 8];
    (is_known && is_somebody).then_some(Trace { trace, span, flags })
}

/// So many bytes in small hexadecimal digits, as the header has them.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
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
    fn what_the_standard_allows_is_read_and_nothing_else() {
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
