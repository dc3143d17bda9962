//! Parsers of single values.

use fritzy_kafka::check_topic_prefix;
use fritzy_types::ShardCount;
use url::Url;
use warp::http::HeaderName;

/// Bytes of a `ce_source` at most: every message carries it.
const SOURCE_BYTES_MAX: usize = 256;

/// A web origin exactly as browsers send it, `*`, or nothing. Another form would never match.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text == "*" {
        return Ok(text.to_owned());
    }
    let url = Url::parse(text).ok();
    let url = url.filter(|url| ["http", "https"].contains(&url.scheme()) && !text.contains('*'));
    match url.map(|url| url.origin().ascii_serialization()) {
        Some(sent) if sent.eq_ignore_ascii_case(text) => Ok(sent),
        Some(sent) => Err(format!("browsers send this origin as {sent}")),
        None => {
            Err("not a web origin such as https://shop.example; `*` stands for any, alone".into())
        }
    }
}

/// A name of an HTTP header, in lower case; or nothing.
pub(super) fn header_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    let name = HeaderName::from_bytes(text.as_bytes()).ok();
    // A name by HTTP, but a wildcard for those who write it.
    let name = name.filter(|_| !text.contains('*'));
    name.map(|name| name.as_str().to_owned())
        .ok_or_else(|| "not a name of an HTTP header such as x-tenant".into())
}

/// A level or module=level, several separated by commas. A misspelt level alone would be read as a
/// module, and silence everything else.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    let unknown = text.split(',').map(str::trim).find(|part| {
        let level = part.rsplit_once('=').map_or(*part, |(_, level)| level);
        !levels.contains(&level.to_ascii_lowercase().as_str())
    });
    match unknown {
        Some(part) => Err(format!(
            "`{part}` has none of the levels {}",
            levels.join(", ")
        )),
        None => Ok(text.to_owned()),
    }
}

/// A number of shards.
pub(super) fn shards(text: &str) -> Result<ShardCount, String> {
    text.parse()
        .ok()
        .and_then(ShardCount::new)
        .ok_or_else(|| "not a number from 1 to 32768".into())
}

/// What the names of topics begin with.
pub(super) fn topic_prefix(text: &str) -> Result<String, String> {
    check_topic_prefix(text).map(|()| text.to_owned())
}

/// A CloudEvents source: a URI reference.
pub(super) fn event_source(text: &str) -> Result<String, String> {
    let is_printable = |byte: u8| byte.is_ascii_graphic();
    if text.is_empty() || !text.bytes().all(is_printable) {
        Err("not a URI reference such as /fritzy or https://shop.example/orders".into())
    } else if text.len() > SOURCE_BYTES_MAX {
        Err(format!("longer than {SOURCE_BYTES_MAX} bytes"))
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_that_no_browser_sends_is_refused() {
        for (text, taken) in [
            ("", ""),
            ("*", "*"),
            (" https://Shop.example ", "https://shop.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(taken), "{text}");
        }
        for (text, sent) in [
            ("https://shop.example/", "https://shop.example"),
            ("https://shop.example:443", "https://shop.example"),
            ("https://shop.example/path", "https://shop.example"),
            (
                "https://b\u{fc}cher.example",
                "https://xn--bcher-kva.example",
            ),
        ] {
            assert_eq!(
                origin(text),
                Err(format!("browsers send this origin as {sent}"))
            );
        }
        for text in [
            "https://*.example",
            "shop.example",
            "ftp://shop.example",
            "null",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn header_that_no_page_sends_is_refused() {
        assert_eq!(header_name(" X-Tenant").as_deref(), Ok("x-tenant"));
        for text in ["*", "x-*", "x tenant", "x:y"] {
            assert!(header_name(text).is_err(), "{text}");
        }
    }
}
