//! Which media type a GraphQL answer gets, by GraphQL over HTTP.

use warp::http::{HeaderMap, header};

/// The two media types of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status tells whether GraphQL accepted the request.
    GraphqlResponse,
    /// `application/json`: the status is 200 for every well-formed request, as old clients expect.
    Json,
}

impl MediaType {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    /// The type the client likes best; `None` when it accepts neither. A client that says nothing, or
    /// that anything will do, gets JSON.
    pub(super) fn negotiate(headers: &HeaderMap) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        let mut said = false;
        for value in headers.get_all(header::ACCEPT) {
            for range in value.to_str().unwrap_or_default().split(',') {
                said |= !range.trim().is_empty();
                let Some((quality, media_type)) = read_range(range) else {
                    continue;
                };
                if quality > 0.0 && best.is_none_or(|(best, _)| quality > best) {
                    best = Some((quality, media_type));
                }
            }
        }
        if said {
            best.map(|(_, media_type)| media_type)
        } else {
            Some(Self::Json)
        }
    }
}

/// One entry of an `Accept` header that names one of the types, with its weight.
fn read_range(range: &str) -> Option<(f32, MediaType)> {
    let mut parts = range.split(';').map(str::trim);
    let media_type = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/graphql-response+json" => MediaType::GraphqlResponse,
        "application/json" | "application/*" | "*/*" => MediaType::Json,
        _ => return None,
    };
    let mut quality = 1.0;
    for parameter in parts {
        let (name, value) = parameter.split_once('=')?;
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => quality = value.trim().parse().ok()?,
            "charset" if !value.trim_matches('"').eq_ignore_ascii_case("utf-8") => return None,
            _ => {}
        }
    }
    Some((quality, media_type))
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
    fn the_best_liked_type_wins_and_json_is_the_default() {
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
                "application/graphql-response+json;q=0.1, */*;q=0.9",
                Some(Json),
            ),
            ("text/html, application/xhtml+xml, */*;q=0.8", Some(Json)),
            ("text/html", None),
            ("application/json; charset=iso-8859-1", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(negotiate(accept), expected, "{accept}");
        }
    }
}
