//! Idempotency keys: how a client's key becomes a command id, and how a repeat is distinguished
//! from a reuse.

use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};
use uuid::Builder;

use crate::{CommandId, Flaw, Rejection};

/// Bytes of a key at most. Programs generate keys; 255 bytes hold any id with a prefix.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Validates a client's key.
///
/// # Errors
/// When the key is empty, longer than [`IDEMPOTENCY_KEY_BYTES_MAX`], or has control characters.
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

/// The scope of a key: two uses of a key with equal scopes are the same request.
#[derive(Clone, Copy, Debug)]
pub struct KeyScope<'a> {
    /// The shop; empty while there is only one.
    pub tenant: &'a str,
    /// The caller; empty if anonymous.
    pub caller: &'a str,
    /// The name of the mutation in the schema, never its alias.
    pub mutation: &'a str,
    /// The id of the entity to change; empty for creations. So a key is scoped to an entity, and
    /// only the owner of the entity has to remember it.
    pub target: &'a str,
    /// The key as in the request.
    pub key: &'a str,
    /// The response path of the mutation, if the key is a header and so applies to the whole
    /// request: it separates the mutations of one document. Empty for a key in an argument.
    pub path: &'a str,
}

impl KeyScope<'_> {
    /// The command id of this scope (invariant I8). Each part is hashed behind its length, so that
    /// different scopes never hash the same bytes.
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
        // Version 8 of RFC 9562: custom bytes.
        CommandId::from_uuid(Builder::from_custom_bytes(hash.first_16_bytes()).into_uuid())
    }
}

/// The hash of a request's content: the same key with another fingerprint is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 16]);

/// Hashes the input of a request field by field, before it is interpreted.
#[derive(Default)]
pub struct FingerprintBuilder(LengthPrefixed);

impl FingerprintBuilder {
    /// Adds a text field.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.0.add(text.as_bytes());
        self
    }

    /// Adds an optional text field; missing and empty differ.
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

    /// Adds an integer field.
    #[must_use]
    pub fn number(mut self, number: i64) -> Self {
        self.0.add(&number.to_be_bytes());
        self
    }

    /// The fingerprint of all fields that were added.
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
    fn i8_equal_scopes_and_only_those_share_a_command_id() {
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
            // The same letters, split differently.
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
    fn fingerprint_separates_fields() {
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
    fn key_must_be_bounded_printable_text() {
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
