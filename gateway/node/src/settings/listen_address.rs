//! The value of settings that name an address to listen on.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// An IP address or a host name, with a port. A host name is resolved when the node listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A host name, as it was given, and a port.
    Host(String, u16),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        let host_and_port = text.rsplit_once(':').and_then(|(host, port)| {
            let is_number = port.bytes().all(|digit| digit.is_ascii_digit());
            let port = port.parse().ok().filter(|_| is_number)?;
            is_host_name(host).then(|| Self::Host(host.to_owned(), port))
        });
        host_and_port.ok_or_else(|| {
            "not an address and port such as 127.0.0.1:8000, [::1]:8000 or localhost:8000".into()
        })
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

/// Whether a text can be a host name. Digits and dots alone are a misspelt IP address.
fn is_host_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    text.chars().all(is_plain) && text.chars().any(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_host_names_with_a_port_are_accepted() {
        for text in [
            "127.0.0.1:8000",
            "[::1]:0",
            "localhost:8000",
            "node-1.fritzy:7000",
            "my_host:1",
        ] {
            let address: ListenAddress = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn texts_without_a_host_or_a_port_are_refused() {
        for text in [
            "",
            "localhost",
            ":8000",
            "localhost:",
            "localhost:+80",
            "localhost:70000",
            "::1:80",
            "127.0.0:80",
            "http://localhost:80",
            "local host:80",
        ] {
            let refused = text.parse::<ListenAddress>().expect_err(text);
            assert!(refused.contains("localhost:8000"), "{refused}");
        }
    }
}
