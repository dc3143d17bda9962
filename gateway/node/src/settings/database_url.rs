//! The address of a database on PostgreSQL: checked before anything connects, and never shown with its password.

use std::fmt;
use std::str::FromStr;

/// What may stand behind the question mark, besides `password`. What is not known would be left out without a word: a
/// misspelt `sslmode` would mean no encryption.
const PARAMETERS: [&str; 10] = [
    "application_name",
    "dbname",
    "host",
    "options",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];
const PASSWORD: &str = "password";
const SSL_MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

/// The address of a database on PostgreSQL. Shown without its password.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The address with everything in it.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = ["postgres://", "postgresql://"];
        let rest = known.iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.ok_or(
            "not a PostgreSQL address such as postgres://user:password@host:5432/database; without one, a node \
             uses a SQLite file",
        )?;
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        if parameters.contains('@')
            || place
                .rsplit_once('@')
                .is_some_and(|(user, _)| user.contains('/'))
        {
            return Err(
                "`/`, `?` and `@` in a user or password are written %2F, %3F and %40".into(),
            );
        }
        let mut seen = Vec::new();
        for parameter in parameters
            .split('&')
            .filter(|parameter| !parameter.is_empty())
        {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name != PASSWORD && !PARAMETERS.contains(&name) {
                return Err(format!(
                    "an address has no parameter `{name}`; known are {PASSWORD}, {}",
                    PARAMETERS.join(", ")
                ));
            }
            if seen.contains(&name) {
                return Err(format!("the parameter `{name}` is there twice"));
            }
            if name == "sslmode" && !SSL_MODES.contains(&value) {
                return Err(format!("sslmode is one of {}", SSL_MODES.join(", ")));
            }
            seen.push(name);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A text that may hold an address, with `***` in place of what may be a password: all between the user and the last
/// `@`, and every parameter that is not known to be none.
pub(crate) fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let user = match user.split_once(':') {
        Some((name, _)) => format!("{name}:***@"),
        None if user.is_empty() => String::new(),
        None => format!("{user}@"),
    };
    let (place, parameters) = match rest.split_once('?') {
        Some((place, parameters)) => (place, Some(parameters)),
        None => (rest, None),
    };
    let shown = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if !PARAMETERS.contains(&name) => format!("{name}=***"),
        _ => parameter.to_owned(),
    };
    let parameters = parameters.map(|parameters| {
        let shown: Vec<String> = parameters.split('&').map(shown).collect();
        format!("?{}", shown.join("&"))
    });
    format!("{scheme}://{user}{place}{}", parameters.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_however_they_are_written() {
        for (text, shown) in [
            ("postgres://me:s3cret@h:5/db", "postgres://me:***@h:5/db"),
            ("postgres://me@h/db", "postgres://me@h/db"),
            ("postgres://h/db", "postgres://h/db"),
            ("postgres://u:s3/cret@h/d", "postgres://u:***@h/d"),
            ("postgres://u:s3?cret@h:5/d", "postgres://u:***@h:5/d"),
            ("postgres://u:s3@cret@h/d", "postgres://u:***@h/d"),
            (
                "postgres://h/d?sslmode=require&password=s3cret&password=s3cret",
                "postgres://h/d?sslmode=require&password=***&password=***",
            ),
            (
                "postgres://h/d?pass%77ord=s3cret",
                "postgres://h/d?pass%77ord=***",
            ),
            (
                "postgres://h/d?PASSWORD=s3cret",
                "postgres://h/d?PASSWORD=***",
            ),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }

    #[test]
    fn what_would_be_left_out_without_a_word_is_refused_by_name() {
        for (text, told) in [
            ("mysql://h/d", "not a PostgreSQL address"),
            (" postgres://h/d", "not a PostgreSQL address"),
            ("postgres://h/d?sslmod=verify-full", "`sslmod`"),
            ("postgres://h/d?sslmode=verify", "verify-full"),
            ("postgres://h/d?sslmode=require&sslmode=disable", "twice"),
            ("postgres://h/d?sslpassword=s3cret", "`sslpassword`"),
            ("postgres://u:s3/cret@h/d", "%2F"),
            ("postgres://u:s3?cret@h/d", "%40"),
        ] {
            let refused = text.parse::<DatabaseUrl>().expect_err(text);
            assert!(
                refused.contains(told) && !refused.contains("s3"),
                "{refused}"
            );
        }
        for text in [
            "postgres://h",
            "postgresql://u:p%40ss@h:5432/d?sslmode=verify-full&sslrootcert=/ca.pem&application_name=x",
            "postgres:///d?host=/run/postgresql&user=u&password=p",
        ] {
            assert!(text.parse::<DatabaseUrl>().is_ok(), "{text}");
        }
    }
}
