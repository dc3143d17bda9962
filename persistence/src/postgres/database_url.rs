//! The URL of a PostgreSQL database: checked before anything connects, and never shown with its
//! password. It names one server, or several of which one is in use at a time.

use std::fmt;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// The parameters of a query string, besides `password`. Unknown ones would be ignored silently: a
/// misspelt `sslmode` would mean no encryption.
const PARAMETERS: [&str; 11] = [
    "application_name",
    "dbname",
    "host",
    "options",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    TARGET,
    "user",
];
const PASSWORD: &str = "password";
const TARGET: &str = "target_session_attrs";
const SSL_MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];
const SCHEMES: [&str; 2] = ["postgres", "postgresql"];
/// Shown in place of a password.
const HIDDEN: &str = "***";
/// The remedy for characters that have a meaning in a URL, in its part with user and password.
const ENCODE: &str =
    "`/`, `?`, `#`, `@` and `%` in a user or password are written %2F, %3F, %23, %40 and %25";

/// The state that a server must be in, as libpq's `target_session_attrs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TargetState {
    /// Any.
    #[default]
    Any,
    /// It accepts writes: it is no standby, and transactions are not read-only by default.
    ReadWrite,
    /// It is no standby.
    Primary,
}

/// The URL of a PostgreSQL database. `Debug` hides its password.
#[derive(Clone)]
pub struct DatabaseUrl {
    text: String,
    servers: Vec<PgConnectOptions>,
    target: TargetState,
}

impl DatabaseUrl {
    /// The URL with its password.
    pub fn secret(&self) -> &str {
        &self.text
    }

    /// The servers, in the order in which they are tried; at least one.
    pub(super) fn servers(&self) -> &[PgConnectOptions] {
        &self.servers
    }

    pub(super) const fn target(&self) -> TargetState {
        self.target
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.text))
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    /// The error does not contain anything of a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = Parts::of(text).filter(|parts| SCHEMES.contains(&parts.scheme));
        let parts = parts.ok_or(
            "not a PostgreSQL URL such as postgres://user:password@host:5432/database; without one, a node uses a \
             SQLite file",
        )?;
        parts.check_cut()?;
        check_codes(text)?;
        let target = check_parameters(&parts)?;
        let single = |host: Host| parse_server(&parts, &host);
        let servers: Result<_, String> = hosts(&parts)?.into_iter().map(single).collect();
        Ok(Self {
            text: text.to_owned(),
            servers: servers?,
            target,
        })
    }
}

/// The parts of a URL, as written.
struct Parts<'u> {
    scheme: &'u str,
    user: Option<&'u str>,
    password: Option<&'u str>,
    /// One or several, with ports.
    hosts: &'u str,
    /// With the leading slash, or empty.
    path: &'u str,
    query: Option<&'u str>,
    fragment: Option<&'u str>,
}

impl<'u> Parts<'u> {
    /// `None` for a text that is no URL.
    fn of(text: &'u str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (rest, fragment) = split(rest, '#');
        let (rest, query) = split(rest, '?');
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        let (user, password) = match user.map(|user| split(user, ':')) {
            Some((user, password)) => (Some(user), password),
            None => (None, None),
        };
        Some(Self {
            scheme,
            user,
            password,
            hosts,
            path,
            query,
            fragment,
        })
    }

    /// Refuses a URL whose part with user and password seems to be ended by an unescaped `/`, `?`,
    /// `#` or `@`: the rest of a password is in what follows. PostgreSQL's programs end that part
    /// at the first `@`, others at the last.
    fn check_cut(&self) -> Result<(), String> {
        let parts = [self.user, self.password, Some(self.path), self.query];
        let is_cut = parts.into_iter().flatten().any(|part| part.contains('@'));
        if is_cut || self.fragment.is_some() {
            return Err(ENCODE.into());
        }
        Ok(())
    }

    fn parameters(&self) -> impl Iterator<Item = (&'u str, &'u str)> {
        let parameters = self.query.unwrap_or_default().split('&');
        let parameters = parameters.filter(|parameter| !parameter.is_empty());
        parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
    }

    fn parameter(&self, name: &str) -> Option<&'u str> {
        self.parameters()
            .find_map(|(known, value)| (known == name).then_some(value))
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Refuses a `%` that is not followed by two hexadecimal digits: PostgreSQL's programs do, and others
/// take it as it is.
fn check_codes(text: &str) -> Result<(), String> {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let mut codes = text.split('%').skip(1).map(str::as_bytes);
    if codes.all(|code| is_digit(code.first()) && is_digit(code.get(1))) {
        return Ok(());
    }
    Err(format!(
        "a `%` is not followed by two hexadecimal digits; {ENCODE}"
    ))
}

/// Checks the names of all parameters, and the values of some. Returns the required state.
fn check_parameters(parts: &Parts<'_>) -> Result<TargetState, String> {
    let mut target = TargetState::Any;
    let mut seen = Vec::new();
    for (name, value) in parts.parameters() {
        if name != PASSWORD && !PARAMETERS.contains(&name) {
            if seen.contains(&PASSWORD) {
                // It may be the rest of the password.
                return Err(
                    "unknown parameter after `password`; `&` in a password is written %26".into(),
                );
            }
            return Err(format!(
                "unknown parameter `{name}`; known are {PASSWORD}, {}",
                PARAMETERS.join(", ")
            ));
        }
        if seen.contains(&name) {
            return Err(format!("the parameter `{name}` is given twice"));
        }
        match name {
            "sslmode" if !SSL_MODES.contains(&value) => {
                return Err(format!("sslmode is one of {}", SSL_MODES.join(", ")));
            }
            TARGET => target = parse_target(value)?,
            _ => {}
        }
        seen.push(name);
    }
    Ok(target)
}

fn parse_target(value: &str) -> Result<TargetState, String> {
    match value {
        "any" => Ok(TargetState::Any),
        "read-write" => Ok(TargetState::ReadWrite),
        "primary" => Ok(TargetState::Primary),
        "read-only" | "standby" | "prefer-standby" => Err(format!(
            "{TARGET}={value} is not supported, because a node writes; use any, read-write or primary"
        )),
        _ => Err(format!("{TARGET} is one of any, read-write, primary")),
    }
}

/// One server of a URL.
enum Host<'u> {
    /// With its port, as in the authority.
    Authority(&'u str),
    /// By the parameters `host` and, if given, `port`.
    Parameters(&'u str, Option<&'u str>),
}

/// The servers: those of the parameter `host`, which overrides others as in libpq, or those after
/// the user.
fn hosts<'u>(parts: &Parts<'u>) -> Result<Vec<Host<'u>>, String> {
    let given = parts.parameter("host");
    let hosts: Vec<&str> = given.unwrap_or(parts.hosts).split(',').collect();
    if hosts.len() > 1 && hosts.contains(&"") {
        return Err("a host in the list of hosts is empty".into());
    }
    if given.is_none() {
        return Ok(hosts.into_iter().map(Host::Authority).collect());
    }
    let ports = parts.parameter("port").map(|ports| ports.split(','));
    let ports: Vec<&str> = ports.into_iter().flatten().collect();
    let port_of = |at: usize| match ports.as_slice() {
        [] => Ok(None),
        [port] => Ok(Some(*port)),
        ports if ports.len() == hosts.len() => Ok(Some(ports[at])),
        _ => Err("`port` has as many ports as `host` has hosts, or one".to_owned()),
    };
    let host = |(at, host): (usize, &&'u str)| Ok(Host::Parameters(host, port_of(at)?));
    hosts.iter().enumerate().map(host).collect()
}

/// The options of a connection to one server.
fn parse_server(parts: &Parts<'_>, host: &Host<'_>) -> Result<PgConnectOptions, String> {
    let authority = match host {
        Host::Authority(host) => {
            check_host(host)?;
            *host
        }
        Host::Parameters(..) => "",
    };
    let user = match (parts.user, parts.password) {
        (Some(user), Some(password)) => format!("{user}:{password}@"),
        (Some(user), None) => format!("{user}@"),
        (None, _) => String::new(),
    };
    let mut query: Vec<String> = parts
        .parameters()
        .filter(|(name, _)| !["host", "port", TARGET].contains(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    match host {
        Host::Authority(_) => {
            query.extend(parts.parameter("port").map(|port| format!("port={port}")));
        }
        Host::Parameters(host, port) => {
            query.push(format!("host={host}"));
            query.extend(port.map(|port| format!("port={port}")));
        }
    }
    let (scheme, path) = (parts.scheme, parts.path);
    // Without a user there must be a host: sqlx's default.
    let authority = match authority {
        "" if !user.is_empty() => "localhost",
        authority => authority,
    };
    let text = format!("{scheme}://{user}{authority}{path}?{}", query.join("&"));
    let parsed = text.parse::<PgConnectOptions>();
    // Its messages name parameters and quote no values.
    let options = parsed.map_err(|failure| failure.to_string())?;
    let bare = options.get_host().strip_prefix('[');
    let bare = bare.and_then(|host| host.strip_suffix(']'));
    match bare.map(str::to_owned) {
        // The resolver does not accept brackets.
        Some(bare) => Ok(options.host(&bare)),
        None => Ok(options),
    }
}

/// Checks a host with its port, without quoting it: it may be a part of a password.
fn check_host(text: &str) -> Result<(), String> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or("x"))),
        None => split(text, ':'),
    };
    let is_number = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    if port.is_some_and(|port| !is_number(port)) {
        return Err(format!(
            "the port of a host is no number from 1 to 65535. An IPv6 address is written [::1]; {ENCODE}"
        ));
    }
    if host.contains(['[', ']', ' ']) {
        return Err(format!(
            "a host contains characters that hosts cannot have; {ENCODE}"
        ));
    }
    Ok(())
}

/// A text that may be a URL, with `***` in place of its password and of every unknown parameter. Of
/// a malformed URL, only the scheme is shown.
pub fn without_password(text: &str) -> String {
    let Some(parts) = Parts::of(text) else {
        return text.to_owned();
    };
    let are_hosts = parts.hosts.split(',').all(|host| check_host(host).is_ok());
    if parts.check_cut().is_err() || !are_hosts {
        return format!("{}://{HIDDEN}", parts.scheme);
    }
    let user = match (parts.user, parts.password) {
        (Some(user), Some(_)) => format!("{user}:{HIDDEN}@"),
        (Some(user), None) => format!("{user}@"),
        (None, _) => String::new(),
    };
    let mut has_password = false;
    let shown: Vec<String> = parts
        .parameters()
        .map(|(name, value)| {
            let is_known = PARAMETERS.contains(&name);
            let is_rest = has_password && !is_known && name != PASSWORD;
            has_password |= name == PASSWORD;
            match (is_known, is_rest) {
                (true, _) => format!("{name}={value}"),
                // The rest of a password with an unescaped `&`.
                (false, true) => HIDDEN.to_owned(),
                (false, false) => format!("{name}={HIDDEN}"),
            }
        })
        .collect();
    let query = match parts.query {
        Some(_) => format!("?{}", shown.join("&")),
        None => String::new(),
    };
    format!(
        "{}://{user}{}{}{query}",
        parts.scheme, parts.hosts, parts.path
    )
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
            (
                "postgres://u:s3cret@a:1,[::1]:2/d",
                "postgres://u:***@a:1,[::1]:2/d",
            ),
            ("postgres://u:s3/cret@h/d", "postgres://***"),
            ("postgres://u:s3?cret@h:5/d", "postgres://***"),
            ("postgres://u:3/cret@h/d", "postgres://***"),
            ("postgres://u:3#cret@h/d", "postgres://***"),
            ("postgres://u:1,2/cret@h/d", "postgres://***"),
            ("postgres://h/d?password=s3#cret", "postgres://***"),
            (
                "postgres://h/d?password=s3&cret",
                "postgres://h/d?password=***&***",
            ),
            ("postgres://u:s3@cret@h/d", "postgres://***"),
            ("postgres://s3@cret@h/d", "postgres://***"),
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
    fn invalid_part_of_a_url_is_refused_without_the_password() {
        for (text, named) in [
            ("mysql://h/d", "not a PostgreSQL URL"),
            (" postgres://h/d", "not a PostgreSQL URL"),
            ("postgres://h:70000/d", "port"),
            ("postgres://a:1,b:x/d", "port"),
            ("postgres://::1/d", "[::1]"),
            ("postgres://a,,b/d", "empty"),
            ("postgres://h/d?sslmod=verify-full", "`sslmod`"),
            ("postgres://h/d?sslmode=verify", "verify-full"),
            ("postgres://h/d?sslmode=require&sslmode=disable", "twice"),
            ("postgres://h/d?sslpassword=s3cret", "`sslpassword`"),
            ("postgres://u:s3/cret@h/d", "%2F"),
            ("postgres://u:s3?cret@h/d", "%40"),
            ("postgres://u:3#cret@h/d", "%23"),
            ("postgres://u:s3#cret", "%23"),
            ("postgres://u:s3@cret@h/d", "%40"),
            ("postgres://s3@cret@h/d", "%40"),
            ("postgres://u:s3%zzcret@h/d", "%25"),
            ("postgres://u:s3cret%@h/d", "%25"),
            ("postgres://h/d?password=s3%cret", "%25"),
            ("postgres://u:s3/cret", "%2F"),
            ("postgres://h/d?password=s3#cret", "%23"),
            ("postgres://h/d?password=s3&cret", "%26"),
            ("postgres://h/d?host=a,b&port=1,2,3", "`port`"),
            ("postgres://h/d?target_session_attrs=writable", "read-write"),
            (
                "postgres://h/d?target_session_attrs=standby",
                "standby is not",
            ),
        ] {
            let refused = text.parse::<DatabaseUrl>().expect_err(text);
            assert!(refused.contains(named), "{text}: {refused}");
            let is_quoted = ["s3", "cret"].iter().any(|part| refused.contains(part));
            assert!(!is_quoted || !text.contains("cret"), "{refused}");
        }
        for text in [
            "postgres://h",
            "postgresql://u:p%40ss@h:5432/d?sslmode=verify-full&sslrootcert=/ca.pem&application_name=x",
            "postgres:///d?host=/run/postgresql&user=u&password=p",
            "postgres://u:p@/d?host=/run/postgresql",
        ] {
            assert!(text.parse::<DatabaseUrl>().is_ok(), "{text}");
        }
    }

    #[test]
    fn hosts_are_tried_in_the_order_of_the_url() {
        for (text, expected) in [
            ("postgres://u:p@[::1]:5433/d", &[("::1", 5433)][..]),
            (
                "postgres://u:p@a:1,b,[::1]/d?target_session_attrs=read-write",
                &[("a", 1), ("b", 5432), ("::1", 5432)],
            ),
            ("postgres://u@h/d?host=a,b&port=1,2", &[("a", 1), ("b", 2)]),
            ("postgres:///d?host=a,::1&port=7", &[("a", 7), ("::1", 7)]),
        ] {
            let url: DatabaseUrl = text.parse().expect(text);
            let servers = url.servers().iter();
            let found: Vec<_> = servers.map(|at| (at.get_host(), at.get_port())).collect();
            assert_eq!(found, expected, "{text}");
            let databases = url.servers().iter().map(PgConnectOptions::get_database);
            assert!(
                databases.flatten().all(|database| database == "d"),
                "{text}"
            );
        }
        let url: DatabaseUrl = "postgres://a,b/d?target_session_attrs=primary"
            .parse()
            .expect("known");
        assert_eq!(url.target(), TargetState::Primary);
    }
}
