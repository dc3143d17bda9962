//! Parsers of single values.

use fritzy_kafka::check_topic_prefix;
use fritzy_types::ShardCount;
use warp::http::HeaderName;

/// Bytes of a `ce_source` at most: every message carries it.
const SOURCE_BYTES_MAX: usize = 256;

/// A web origin as browsers send it, without a path.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_origin = || {
        let (scheme, host) = text.split_once("://")?;
        Some(["http", "https"].contains(&scheme) && !host.is_empty() && !host.contains(['/', ' ']))
    };
    if text.is_empty() || text == "*" || is_origin() == Some(true) {
        Ok(text.to_owned())
    } else {
        Err("not a web origin such as https://shop.example".into())
    }
}

/// A name of an HTTP header, in lower case; or nothing.
pub(super) fn header_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    let name = HeaderName::from_bytes(text.as_bytes());
    name.map(|name| name.as_str().to_owned())
        .map_err(|_| "not a name of an HTTP header such as x-tenant".into())
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
