//! Errors of the API as programs read them.

use serde_json::Value;

use crate::api_client::Response;

/// The `extensions` of an error.
#[derive(Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The `code`, such as `INVALID_ARGUMENT`; every error has one.
    pub code: String,
    /// The argument that is wrong.
    pub field: Option<String>,
    /// Why it is wrong.
    pub reason: Option<String>,
}

impl ApiError {
    /// With code, field and reason; an empty field or reason stands for an absent one.
    #[must_use]
    pub fn of(code: &str, field: &str, reason: &str) -> Self {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            code: code.to_owned(),
            field: given(field),
            reason: given(reason),
        }
    }

    /// The error of a wrong argument: code `INVALID_ARGUMENT`, its field and reason.
    #[must_use]
    pub fn argument(field: &str, reason: &str) -> Self {
        Self::of("INVALID_ARGUMENT", field, reason)
    }
}

impl Response {
    /// The only error of the response.
    ///
    /// # Panics
    /// When there is none, or more than one, or it has no message.
    #[must_use]
    pub fn error(&self) -> Value {
        let json = self.json();
        let errors = json["errors"].as_array();
        let errors = errors.unwrap_or_else(|| panic!("an error was expected: {self:?}"));
        assert_eq!(errors.len(), 1, "one error was expected: {self:?}");
        let error = errors[0].clone();
        let message = error["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "an error without a message: {self:?}");
        error
    }

    /// The extensions of the only error of the response.
    ///
    /// # Panics
    /// As [`Self::error`], and when it has no code.
    #[must_use]
    pub fn api_error(&self) -> ApiError {
        let error = self.error();
        let text = |name: &str| error["extensions"][name].as_str().map(ToOwned::to_owned);
        ApiError {
            code: text("code").unwrap_or_else(|| panic!("an error without a code: {self:?}")),
            field: text("field"),
            reason: text("reason"),
        }
    }

    /// The code of the only error of the response.
    ///
    /// # Panics
    /// As [`Self::api_error`].
    #[must_use]
    pub fn code(&self) -> String {
        self.api_error().code
    }
}
