//! Whether an answer is what was asked for, told as cheaply as it can be told.

use crate::graphql_client::first_error;
use crate::load::{Outcome, Refusal};

/// Judges an answer to a GraphQL request. What begins as expected and holds no `"errors"` is accepted without being
/// parsed: inside a JSON string the quotes would be escaped, so these bytes can only be a key, or a whole string that
/// says just this. Only then the answer is parsed.
pub(crate) fn judge_graphql(expected_start: &[u8], status: u16, body: &[u8]) -> Outcome {
    let as_expected = status == 200 && body.starts_with(expected_start);
    if as_expected && !mentions_errors(body) {
        return Outcome::Accepted;
    }
    match first_error(body) {
        Some(error) => {
            let code = error.code.unwrap_or_else(|| "(no code)".to_owned());
            Outcome::Refused(Refusal::Code(code))
        }
        None if as_expected => Outcome::Accepted,
        None if status == 200 => Outcome::Refused(Refusal::WrongAnswer),
        None => Outcome::Refused(Refusal::HttpStatus(status)),
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

    fn judged(status: u16, body: &str) -> Outcome {
        judge_graphql(START, status, body.as_bytes())
    }

    fn code(code: &str) -> Outcome {
        Outcome::Refused(Refusal::Code(code.to_owned()))
    }

    #[test]
    fn the_expected_answer_is_accepted_whatever_names_it_holds() {
        for body in [
            r#"{"data":{"accounts":[{"id":"a1","name":"x"}]}}"#,
            r#"{"data":{"accounts":[{"id":"a1","name":"\"errors\""}]}}"#,
            r#"{"data":{"accounts":[{"id":"a1","name":"errors"}]}}"#,
            r#"{"data":{"accounts":[{"id":"a1","name":"x"}]},"errors":[]}"#,
        ] {
            assert_eq!(judged(200, body), Outcome::Accepted, "{body}");
        }
    }

    #[test]
    fn errors_are_told_by_their_code_wherever_they_stand() {
        let overloaded = r#"[{"message":"m","extensions":{"code":"OVERLOADED"}}]"#;
        for (status, body) in [
            (200, format!(r#"{{"errors":{overloaded},"data":null}}"#)),
            (503, format!(r#"{{"errors":{overloaded}}}"#)),
            (
                200,
                format!(r#"{{"data":{{"accounts":[{{"id":"a1"}}]}},"errors":{overloaded}}}"#),
            ),
        ] {
            assert_eq!(judged(status, &body), code("OVERLOADED"), "{body}");
        }
        let uncoded = r#"{"errors":[{"message":"m"}],"data":null}"#;
        assert_eq!(judged(200, uncoded), code("(no code)"));
    }

    #[test]
    fn what_is_neither_is_told_by_its_status_or_as_wrong() {
        let status = |status| Outcome::Refused(Refusal::HttpStatus(status));
        assert_eq!(judged(502, "<html>"), status(502));
        assert_eq!(judged(413, ""), status(413));
        let wrong = Outcome::Refused(Refusal::WrongAnswer);
        for body in ["", "[]", "live\n", r#"{"data":{"accounts":[]}}"#] {
            assert_eq!(judged(200, body), wrong, "{body}");
        }
        let anothers = r#"{"data":{"accounts":[{"id":"a2","name":"x"}]}}"#;
        assert_eq!(judged(200, anothers), wrong, "another's answer");
    }
}
