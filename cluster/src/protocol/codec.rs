//! The encoding of all messages between nodes: bincode, in this one place. It is never used for
//! stored data.

use bincode::config::{Configuration, standard};
use bincode::error::DecodeError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most bytes that one message may claim to hold: a larger length is a defect or an attack, and
/// no memory is reserved for it.
pub const MESSAGE_BYTES_MAX: usize = 8 << 20;

type Limited = Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<MESSAGE_BYTES_MAX>,
>;

const fn config() -> Limited {
    standard().with_limit::<MESSAGE_BYTES_MAX>()
}

/// Bytes that cannot be decoded, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot be decoded: {0}")]
pub struct Unreadable(pub String);

impl From<DecodeError> for Unreadable {
    fn from(error: DecodeError) -> Self {
        Self(error.to_string())
    }
}

/// Encodes `value`; [`from_bytes`] is the inverse.
pub fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, config()).expect("these types can be encoded")
}

/// Decodes a value that takes all of `bytes`.
///
/// # Errors
/// [`Unreadable`] when `bytes` are no such value, are cut off, or are followed by more.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    let (value, read) = bincode::serde::decode_from_slice(bytes, config())?;
    whole(value, read, bytes)
}

/// Encodes by bincode's own derivation, which copies bytes as they are.
pub(crate) fn pack(value: &impl bincode::Encode) -> Vec<u8> {
    bincode::encode_to_vec(value, config()).expect("these types can be encoded")
}

/// Decodes what [`pack`] has encoded.
pub(crate) fn unpack<T: bincode::Decode<()>>(bytes: &[u8]) -> Result<T, Unreadable> {
    let (value, read) = bincode::decode_from_slice(bytes, config())?;
    whole(value, read, bytes)
}

/// Decodes a value that borrows from `bytes`, at their beginning. Returns how many were read.
pub(crate) fn unpack_first<'b, T: bincode::BorrowDecode<'b, ()>>(
    bytes: &'b [u8],
) -> Result<(T, usize), Unreadable> {
    Ok(bincode::borrow_decode_from_slice(bytes, config())?)
}

fn whole<T>(value: T, read: usize, bytes: &[u8]) -> Result<T, Unreadable> {
    if read == bytes.len() {
        Ok(value)
    } else {
        let over = bytes.len() - read;
        Err(Unreadable(format!("{over} bytes follow the value")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_trailing_and_oversized_input_is_rejected() {
        let bytes = pack(&vec![7_u8; 100]);
        assert_eq!(unpack::<Vec<u8>>(&bytes), Ok(vec![7; 100]));
        assert!(unpack::<Vec<u8>>(&bytes[..50]).is_err());
        let longer = [&bytes[..], &[0]].concat();
        assert!(unpack::<Vec<u8>>(&longer).is_err());
        // A length of 2^62 bytes, of which none follow.
        let claim = [&[253_u8][..], &(1_u64 << 62).to_le_bytes()].concat();
        assert!(unpack::<Vec<u8>>(&claim).is_err());
        let text = to_bytes(&("a", 5_u32));
        assert_eq!(from_bytes::<(String, u32)>(&text), Ok(("a".into(), 5)));
        assert!(from_bytes::<(String, u32, u8)>(&text).is_err());
    }
}
