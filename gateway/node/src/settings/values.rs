//! Parsers of single values.

use fritzy_types::ShardCount;

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
