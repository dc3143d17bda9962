//! Idempotency keys: how a client's key becomes a command id, and how a repeat is told from a reuse.

use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};
use uuid::Builder;

use crate::{CommandId, Flaw, Rejection};

/// Bytes of a key. Keys are made by programs; 255 holds any id with a prefix.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Refuses a key that cannot be meant.
///
/// # Errors
/// [`Rejection::Invalid`] naming `idempotencyKey`: empty, over [`IDEMPOTENCY_KEY_BYTES_MAX`], or with
/// control characters.
pub fn check_key(key: &str) -> Result<(), Rejection> {
    let flaw = if key.is_empty() {
        Flaw::Empty
    } else if key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        Flaw::TooManyBytes {
            max: IDEMPOTENCY_KEY_BYTES_MAX,
        }
    } else if key.chars().any(char::is_control) {
        Flaw::ControlCharacter
    } else {
        return Ok(());
    };
    Err(Rejection::invalid("idempotencyKey", flaw))
}

/// All that makes two uses of a key the same use.
#[derive(Clone, Copy, Debug)]
pub struct KeyScope<'a> {
    /// Whose shop; empty while there is one.
    pub tenant: &'a str,
    /// Who asks; empty for anonymous callers.
    pub caller: &'a str,
    /// The mutation's name in the schema, never its alias.
    pub mutation: &'a str,
    /// The id of what is changed; empty for creations. So a key counts for each thing by itself, and
    /// only its owner needs to remember it.
    pub target: &'a str,
    /// The client's key.
    pub key: &'a str,
    /// For a key of the whole request (header): the response path of the mutation, which keeps two
    /// mutations of one document apart. Empty for a key given as an argument.
    pub path: &'a str,
}

impl KeyScope<'_> {
    /// The command that this key stands for (invariant I8). Each part is hashed behind its length,
    /// so that no two scopes run into each other.
    pub fn command_id(&self) -> CommandId {
        let mut hash = LengthPrefixed::default();
        let parts = [
            self.tenant,
            self.caller,
            self.mutation,
            self.target,
            self.key,
            self.path,
        ];
        for part in parts {
            hash.add(part.as_bytes());
        }
        // Version 8 of RFC 9562: bytes of our own making.
        CommandId::from_uuid(Builder::from_custom_bytes(hash.first_16_bytes()).into_uuid())
    }
}

/// What a client sent under a key, hashed: the same key with another fingerprint is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 16]);

/// Hashes a client's input, field by field, before anything of it is interpreted.
#[derive(Default)]
pub struct FingerprintBuilder(LengthPrefixed);

impl FingerprintBuilder {
    /// Adds one field's text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.0.add(text.as_bytes());
        self
    }

    /// Adds a field that may be missing; missing and empty differ.
    #[must_use]
    pub fn optional(mut self, text: Option<&str>) -> Self {
        match text {
            None => self.0.add(&[0]),
            Some(text) => {
                self.0.add(&[1]);
                self.0.add(text.as_bytes());
            }
        }
        self
    }

    /// Adds a whole number.
    #[must_use]
    pub fn number(mut self, number: i64) -> Self {
        self.0.add(&number.to_be_bytes());
        self
    }

    /// The fingerprint of all that was added.
    pub fn finish(self) -> Fingerprint {
        Fingerprint(self.0.first_16_bytes())
    }
}

#[derive(Default)]
struct LengthPrefixed(Sha256);

impl LengthPrefixed {
    fn add(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    fn first_16_bytes(self) -> [u8; 16] {
        let digest: [u8; 32] = self.0.finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: KeyScope<'_> = KeyScope {
        tenant: "",
        caller: "",
        mutation: "createOrder",
        target: "",
        key: "k1",
        path: "",
    };

    #[test]
    fn the_same_scope_is_the_same_command_and_any_other_part_another() {
        assert_eq!(SCOPE.command_id(), SCOPE.command_id());
        for other in [
            KeyScope {
                tenant: "t",
                ..SCOPE
            },
            KeyScope {
                caller: "c",
                ..SCOPE
            },
            KeyScope {
                mutation: "createAccount",
                ..SCOPE
            },
            KeyScope {
                target: "o1",
                ..SCOPE
            },
            KeyScope { key: "k2", ..SCOPE },
            KeyScope { path: "a", ..SCOPE },
            // The same letters cut elsewhere.
            KeyScope {
                mutation: "createOrderk",
                key: "1",
                ..SCOPE
            },
            KeyScope {
                key: "k",
                path: "1",
                ..SCOPE
            },
        ] {
            assert_ne!(SCOPE.command_id(), other.command_id(), "{other:?}");
        }
    }

    #[test]
    fn a_fingerprint_keeps_fields_apart() {
        let of = |a: &str, b: &str| FingerprintBuilder::default().text(a).text(b).finish();
        assert_eq!(of("ab", "c"), of("ab", "c"));
        assert_ne!(of("ab", "c"), of("a", "bc"));
        let missing = FingerprintBuilder::default().optional(None).finish();
        assert_ne!(
            missing,
            FingerprintBuilder::default().optional(Some("")).finish()
        );
    }

    #[test]
    fn keys_are_bounded_text() {
        assert_eq!(check_key("order 17 of cart é"), Ok(()));
        for (key, flaw) in [
            (String::new(), Flaw::Empty),
            ("k".repeat(256), Flaw::TooManyBytes { max: 255 }),
            ("a\u{0}b".into(), Flaw::ControlCharacter),
        ] {
            assert_eq!(
                check_key(&key),
                Err(Rejection::invalid("idempotencyKey", flaw))
            );
        }
    }
}
