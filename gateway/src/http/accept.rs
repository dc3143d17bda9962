//! Content negotiation of GraphQL responses, by the GraphQL over HTTP specification.

use warp::http::{HeaderMap, header};

use super::weights::{Weighted, weighted};

/// The two media types of a GraphQL response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status reports whether the request was valid
    /// GraphQL.
    GraphqlResponse,
    /// `application/json`: the status is 200 for every well-formed request, as legacy clients
    /// expect.
    Json,
}

/// How an entry of `Accept` matches one of the types.
#[derive(Clone, Copy, PartialEq)]
struct Match {
    weight: f32,
    /// An entry for the type itself goes before `application/*`, and that before `*/*`.
    specificity: u8,
    /// Its place in the header.
    at: usize,
}

impl MediaType {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    /// The type with the highest weight, of two equal ones that which is named first; `None` when
    /// the client accepts neither. Without an `Accept` header, and for wildcards, JSON.
    pub(super) fn negotiate(headers: &HeaderMap) -> Option<Self> {
        let mut matches = [None; 2];
        let mut has_entries = false;
        for (at, entry) in weighted(headers, &header::ACCEPT).enumerate() {
            has_entries = true;
            for (media_type, found) in [Self::Json, Self::GraphqlResponse].iter().zip(&mut matches)
            {
                let Some(specificity) = media_type.specificity(&entry) else {
                    continue;
                };
                if found.is_none_or(|known: Match| specificity > known.specificity) {
                    let weight = entry.weight;
                    *found = Some(Match {
                        weight,
                        specificity,
                        at,
                    });
                }
            }
        }
        if !has_entries {
            let is_blank =
                |value: &warp::http::HeaderValue| value.as_bytes().trim_ascii().is_empty();
            let accepts_all = headers.get_all(header::ACCEPT).iter().all(is_blank);
            return accepts_all.then_some(Self::Json);
        }
        let accepted = matches.map(|found| found.filter(|found| found.weight > 0.0));
        match accepted {
            [Some(json), Some(graphql)] if graphql.goes_before(json) => Some(Self::GraphqlResponse),
            [Some(_), _] => Some(Self::Json),
            [None, Some(_)] => Some(Self::GraphqlResponse),
            [None, None] => None,
        }
    }

    /// How exactly an entry names this type; `None` where it does not.
    fn specificity(self, entry: &Weighted<'_>) -> Option<u8> {
        let is = |name: &str| entry.name.eq_ignore_ascii_case(name);
        let is_utf8 = entry.parameters().all(|(name, value)| {
            !name.eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
        });
        let own = match self {
            Self::GraphqlResponse => "application/graphql-response+json",
            Self::Json => "application/json",
        };
        match () {
            () if !is_utf8 => None,
            () if is(own) => Some(2),
            () if is("application/*") => Some(1),
            () if is("*/*") => Some(0),
            () => None,
        }
    }
}

impl Match {
    fn goes_before(self, other: Self) -> bool {
        self.weight > other.weight
            || self.weight == other.weight
                && self.specificity >= other.specificity
                && self.at < other.at
    }
}

/// Whether the client asks for a page: browsers do, and no client of the API.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    weighted(headers, &header::ACCEPT)
        .any(|entry| entry.name.eq_ignore_ascii_case("text/html") && entry.weight > 0.0)
}

#[cfg(test)]
mod tests {
    use warp::http::HeaderValue;

    use super::*;

    fn negotiate(accept: &str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::ACCEPT,
            HeaderValue::from_str(accept).expect("a value"),
        );
        MediaType::negotiate(&headers)
    }

    #[test]
    fn media_type_of_highest_weight_wins_json_by_default() {
        use MediaType::{GraphqlResponse, Json};
        assert_eq!(MediaType::negotiate(&HeaderMap::new()), Some(Json));
        for (accept, expected) in [
            ("", Some(Json)),
            ("*/*", Some(Json)),
            ("application/json", Some(Json)),
            ("application/json; charset=UTF-8", Some(Json)),
            ("application/graphql-response+json", Some(GraphqlResponse)),
            (
                "application/graphql-response+json, application/json",
                Some(GraphqlResponse),
            ),
            (
                "application/json, application/graphql-response+json",
                Some(Json),
            ),
            (
                "application/json;q=0.5, application/graphql-response+json",
                Some(GraphqlResponse),
            ),
            (
                "application/json; Q=0.5, Application/GraphQL-Response+JSON;q=0.6",
                Some(GraphqlResponse),
            ),
            (
                "application/graphql-response+json;q=0.1, */*;q=0.9",
                Some(Json),
            ),
            (
                "application/graphql-response+json, */*",
                Some(GraphqlResponse),
            ),
            ("*/*, application/graphql-response+json", Some(Json)),
            ("text/html, application/xhtml+xml, */*;q=0.8", Some(Json)),
            ("text/html", None),
            ("application/json; charset=iso-8859-1", None),
            ("application/json;q=0", None),
            ("application/json;q=0, */*", Some(GraphqlResponse)),
            ("*/*, application/json;q=0.0", Some(GraphqlResponse)),
            (
                "application/graphql-response+json;q=0, */*;q=0.1",
                Some(Json),
            ),
            ("application/*;q=0, */*", None),
            ("*/*;q=0", None),
            ("application/json;q=2", None),
            ("application/json;q=nan, */*;q=0", None),
        ] {
            assert_eq!(negotiate(accept), expected, "{accept}");
        }
    }
}
