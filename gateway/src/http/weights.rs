//! Weighted lists in headers, such as `gzip, br;q=0.5` (RFC 9110, section 12.4).

use warp::http::{HeaderMap, HeaderName};

/// An entry of a weighted list.
pub(super) struct Weighted<'h> {
    /// What it names; compare it without regard to case.
    pub(super) name: &'h str,
    /// From 0 (refused) to 1.
    pub(super) weight: f32,
    parameters: &'h str,
}

impl<'h> Weighted<'h> {
    fn read(entry: &'h str) -> Option<Self> {
        let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let mut weighted = Self {
            name: name.trim(),
            weight: 1.0,
            parameters,
        };
        let weight = weighted
            .parameters()
            .find(|(name, _)| name.eq_ignore_ascii_case("q"));
        if let Some((_, weight)) = weight {
            // An entry without a readable weight is none.
            weighted.weight = weight.parse().ok().filter(|q| (0.0..=1.0).contains(q))?;
        }
        (!weighted.name.is_empty()).then_some(weighted)
    }

    /// Its parameters, `q` among them.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&'h str, &'h str)> + use<'h> {
        let parameters = self.parameters.split(';');
        parameters
            .filter_map(|parameter| parameter.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
    }
}

/// All entries of a header, in the order in which they were sent.
pub(super) fn weighted<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Weighted<'h>> {
    let values = headers.get_all(name).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .filter_map(Weighted::read)
}
