//! The URL of a PostgreSQL database: checked before anything connects, and never shown with its
//! password.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The parameters of a query string, besides `password`. Unknown ones would be ignored silently: a
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
/// Shown in place of a password.
const HIDDEN: &str = "***";

/// The URL of a PostgreSQL database. `Debug` hides its password.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL with its password.
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
        if !known.iter().any(|scheme| text.starts_with(scheme)) {
            return Err(
                "not a PostgreSQL URL such as postgres://user:password@host:5432/database; without one, a node \
                 uses a SQLite file"
                    .into(),
            );
        }
        let url = parse(text)?;
        let mut seen = Vec::new();
        for parameter in parameters(&url) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name != PASSWORD && !PARAMETERS.contains(&name) {
                return Err(format!(
                    "unknown parameter `{name}`; known are {PASSWORD}, {}",
                    PARAMETERS.join(", ")
                ));
            }
            if seen.contains(&name) {
                return Err(format!("the parameter `{name}` is given twice"));
            }
            if name == "sslmode" && !SSL_MODES.contains(&value) {
                return Err(format!("sslmode is one of {}", SSL_MODES.join(", ")));
            }
            seen.push(name);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Parses a URL. An unescaped `/`, `?` or `#` ends the part with user and password, so that the
/// rest of a password, with its `@`, is in what follows.
///
/// # Errors
/// A line that does not contain the URL.
fn parse(text: &str) -> Result<Url, String> {
    let is_cut = |url: &Url| {
        let after = [Some(url.path()), url.query(), url.fragment()];
        after.into_iter().flatten().any(|part| part.contains('@'))
    };
    match Url::parse(text) {
        Ok(url) if !is_cut(&url) => Ok(url),
        Err(failure) if !text.contains('@') => Err(failure.to_string()),
        _ => Err(
            "`/`, `?`, `#` and `@` in a user or password are written %2F, %3F, %23 and %40".into(),
        ),
    }
}

fn parameters(url: &Url) -> impl Iterator<Item = &str> {
    let parameters = url.query().unwrap_or_default().split('&');
    parameters.filter(|parameter| !parameter.is_empty())
}

/// A text that may be a URL, with `***` in place of its password and of every unknown parameter. Of
/// a malformed URL, only the scheme is shown.
pub(crate) fn without_password(text: &str) -> String {
    let Some((scheme, _)) = text.split_once("://") else {
        return text.to_owned();
    };
    let Ok(mut url) = parse(text) else {
        return format!("{scheme}://{HIDDEN}");
    };
    let shown = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if !PARAMETERS.contains(&name) => format!("{name}={HIDDEN}"),
        _ => parameter.to_owned(),
    };
    let shown_parameters: Vec<String> = parameters(&url).map(shown).collect();
    let has_secret_parameter = !parameters(&url).eq(shown_parameters.iter());
    if url.password().is_none() && !has_secret_parameter {
        // As it was given: the parser would normalise it.
        return text.to_owned();
    }
    if url.password().is_some() {
        // Fails only for a URL without a host, which has no password.
        let _ = url.set_password(Some(HIDDEN));
    }
    if has_secret_parameter {
        url.set_query(Some(&shown_parameters.join("&")));
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_in_every_position() {
        for (text, shown) in [
            ("postgres://me:s3cret@h:5/db", "postgres://me:***@h:5/db"),
            ("postgres://me@h/db", "postgres://me@h/db"),
            ("postgres://h/db", "postgres://h/db"),
            ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
            ("postgres://u:s3/cret@h/d", "postgres://***"),
            ("postgres://u:s3?cret@h:5/d", "postgres://***"),
            ("postgres://u:3/cret@h/d", "postgres://***"),
            ("postgres://u:3#cret@h/d", "postgres://***"),
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
    fn unknown_parts_of_a_url_are_refused_by_name() {
        for (text, named) in [
            ("mysql://h/d", "not a PostgreSQL URL"),
            (" postgres://h/d", "not a PostgreSQL URL"),
            ("postgres://h:70000/d", "port"),
            ("postgres://h/d?sslmod=verify-full", "`sslmod`"),
            ("postgres://h/d?sslmode=verify", "verify-full"),
            ("postgres://h/d?sslmode=require&sslmode=disable", "twice"),
            ("postgres://h/d?sslpassword=s3cret", "`sslpassword`"),
            ("postgres://u:s3/cret@h/d", "%2F"),
            ("postgres://u:s3?cret@h/d", "%40"),
            ("postgres://u:3#cret@h/d", "%23"),
        ] {
            let refused = text.parse::<DatabaseUrl>().expect_err(text);
            assert!(
                refused.contains(named) && !refused.contains("s3"),
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
