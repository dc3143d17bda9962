//! Checks at minimal cost whether a response is the expected one.

use crate::graphql_client::first_error;
use crate::load::{Outcome, Rejection};

/// Checks the response to a GraphQL request. One that begins as expected and does not contain
/// `"errors"` is accepted without being parsed: inside a JSON string the quotes would be escaped,
/// so these bytes are a key, or a whole string of just this word. Only then the response is parsed.
pub(crate) fn check_graphql_response(expected_start: &[u8], status: u16, body: &[u8]) -> Outcome {
    let as_expected = status == 200 && body.starts_with(expected_start);
    if as_expected && !mentions_errors(body) {
        return Outcome::Accepted;
    }
    match first_error(body) {
        Some(error) => {
            let code = error.code.unwrap_or_else(|| "(no code)".to_owned());
            Outcome::Rejected(Rejection::Code(code))
        }
        None if as_expected => Outcome::Accepted,
        None if status == 200 => Outcome::Rejected(Rejection::WrongResponse),
        None => Outcome::Rejected(Rejection::HttpStatus(status)),
    }
}

fn mentions_errors(body: &[u8]) -> bool {
    const KEY: &[u8] = b"\"errors\"";
    body.windows(KEY.len()).any(|window| window == KEY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &[u8] = br#"{"data":{"accounts":[{"id":"a1""#;

    fn checked(status: u16, body: &str) -> Outcome {
        check_graphql_response(START, status, body.as_bytes())
    }

    fn code(code: &str) -> Outcome {
        Outcome::Rejected(Rejection::Code(code.to_owned()))
    }

    #[test]
    fn expected_response_is_accepted_whatever_it_contains() {
        for body in [
            r#"{"data":{"accounts":[{"id":"a1","name":"x"}]}}"#,
            r#"{"data":{"accounts":[{"id":"a1","name":"\"errors\""}]}}"#,
            r#"{"data":{"accounts":[{"id":"a1","name":"errors"}]}}"#,
            r#"{"data":{"accounts":[{"id":"a1","name":"x"}]},"errors":[]}"#,
        ] {
            assert_eq!(checked(200, body), Outcome::Accepted, "{body}");
        }
    }

    #[test]
    fn errors_anywhere_are_rejections_by_code() {
        let overloaded = r#"[{"message":"m","extensions":{"code":"OVERLOADED"}}]"#;
        for (status, body) in [
            (200, format!(r#"{{"errors":{overloaded},"data":null}}"#)),
            (503, format!(r#"{{"errors":{overloaded}}}"#)),
            (
                200,
                format!(r#"{{"data":{{"accounts":[{{"id":"a1"}}]}},"errors":{overloaded}}}"#),
            ),
        ] {
            assert_eq!(checked(status, &body), code("OVERLOADED"), "{body}");
        }
        let uncoded = r#"{"errors":[{"message":"m"}],"data":null}"#;
        assert_eq!(checked(200, uncoded), code("(no code)"));
    }

    #[test]
    fn other_responses_are_rejected_by_status_or_as_wrong() {
        let status = |status| Outcome::Rejected(Rejection::HttpStatus(status));
        assert_eq!(checked(502, "<html>"), status(502));
        assert_eq!(checked(413, ""), status(413));
        let wrong = Outcome::Rejected(Rejection::WrongResponse);
        for body in ["", "[]", "live\n", r#"{"data":{"accounts":[]}}"#] {
            assert_eq!(checked(200, body), wrong, "{body}");
        }
        let other_account = r#"{"data":{"accounts":[{"id":"a2","name":"x"}]}}"#;
        assert_eq!(
            checked(200, other_account),
            wrong,
            "the response for another account"
        );
    }
}
