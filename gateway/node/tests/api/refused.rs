//! Refusals as clients see them: what a program reads beside the message.

use serde_json::Value;

use crate::client::Answer;

/// What `extensions` says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) field: Option<String>,
    pub(crate) reason: Option<String>,
}

impl Refused {
    /// With code, field and reason; an empty field or reason is one that must not be there.
    pub(crate) fn of(code: &str, field: &str, reason: &str) -> Self {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            code: code.to_owned(),
            field: given(field),
            reason: given(reason),
        }
    }

    /// `INVALID_ARGUMENT`.
    pub(crate) fn argument(field: &str, reason: &str) -> Self {
        Self::of("INVALID_ARGUMENT", field, reason)
    }
}

impl Answer {
    /// The one error of an answer.
    pub(crate) fn error(&self) -> Value {
        let json = self.json();
        let errors = json["errors"].as_array();
        let errors = errors.unwrap_or_else(|| panic!("an error was expected: {self:?}"));
        assert_eq!(errors.len(), 1, "one error was expected: {self:?}");
        let error = errors[0].clone();
        let message = error["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "people read messages: {self:?}");
        error
    }

    /// What the one error of an answer tells programs.
    pub(crate) fn refused(&self) -> Refused {
        let error = self.error();
        let text = |name: &str| error["extensions"][name].as_str().map(ToOwned::to_owned);
        Refused {
            code: text("code").unwrap_or_else(|| panic!("every error has a code: {self:?}")),
            field: text("field"),
            reason: text("reason"),
        }
    }

    /// The code of the one error of an answer.
    pub(crate) fn code(&self) -> String {
        self.refused().code
    }
}
