//! The handshake on a connection between nodes: both prove that they know the cookie, and check
//! that they belong to the same cluster. Nothing else is read from an unauthenticated connection.
//!
//! The accepting node sends a nonce. The dialing node sends its hello, a nonce and a proof over
//! both. Only then the accepting node sends its own hello and proof. Proofs are HMAC-SHA-256 under
//! the cookie. They do not protect the frames that follow; only TLS would.

use std::io;
use std::time::Duration;

use bincode::{Decode, Encode};
use fritzy_types::NodeId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use uuid::Uuid;

use crate::protocol::codec::{pack, unpack};
use crate::protocol::frame;
use crate::protocol::frame::negotiate_version;

/// For the whole handshake: three short messages.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);
/// For one message: names have 255 bytes at most.
const MESSAGE_BYTES_MAX: usize = 2_048;
/// Sent first, so that clients of other protocols are detected at once.
const MAGIC: [u8; 8] = *b"fritzy\0\x01";

/// How a node identifies itself to others.
#[derive(Clone)]
pub struct Identity {
    /// The id of this incarnation of the node.
    pub me: NodeId,
    /// The node's name, at most 255 bytes.
    pub name: String,
    /// The id of its database.
    pub database: String,
    /// The secret that all nodes of the cluster share.
    pub cookie: String,
}

#[derive(Clone, Debug, Encode, Decode)]
struct Hello {
    node: [u8; 16],
    name: String,
    database: String,
    /// The node that is expected to accept.
    to: Option<[u8; 16]>,
    /// Whether the dialing node only checks that it is accepted.
    is_probe: bool,
    wire_min: u16,
    wire_max: u16,
}

#[derive(Encode, Decode)]
struct SignedHello {
    hello: Hello,
    nonce: [u8; 16],
    proof: [u8; 32],
}

#[derive(Encode, Decode)]
enum HandshakeReply {
    Welcome {
        hello: Hello,
        proof: [u8; 32],
    },
    /// Another node accepts here than the one that was dialed: perhaps a later incarnation of it.
    OtherNode([u8; 16]),
    Rejected(String),
}

/// The peer of a connection, after a successful handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerInfo {
    pub(crate) node: NodeId,
    pub(crate) name: String,
    /// The version of the wire format to use.
    pub(crate) wire: u16,
    /// The number of this connection: the same on both sides, and unique.
    pub(crate) connection: u64,
    /// Whether the peer only checked that it is accepted; the connection must not be used then.
    pub(crate) is_probe: bool,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("it does not use Fritzy's protocol between nodes")]
    OtherProtocol,
    #[error("it did not complete the handshake within {} s", HANDSHAKE_TIMEOUT.as_secs())]
    Timeout,
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Rejected(String),
    #[error("it does not know the cookie")]
    NoCookie,
    #[error("node {found} accepts there, and not {wanted}")]
    OtherNode { wanted: NodeId, found: NodeId },
    #[error("it uses another database")]
    OtherDatabase,
    #[error("it supports versions {0} to {1} of the protocol between nodes, this one {min} to {max}", min = frame::WIRE_MIN, max = frame::WIRE_MAX)]
    OtherVersion(u16, u16),
}

impl Identity {
    /// The cookie of ractor's sessions. They prove it less carefully than this handshake does, so
    /// it is derived from the cookie and not the cookie itself.
    pub(crate) fn session_cookie(&self) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.cookie.as_bytes())
            .expect("keys of any length are valid");
        mac.update(b"session");
        hex::encode(mac.finalize().into_bytes())
    }

    fn hello(&self, to: Option<NodeId>, is_probe: bool) -> Hello {
        Hello {
            is_probe,
            node: *self.me.as_uuid().as_bytes(),
            name: self.name.clone(),
            database: self.database.clone(),
            to: to.map(|to| *to.as_uuid().as_bytes()),
            wire_min: frame::WIRE_MIN,
            wire_max: frame::WIRE_MAX,
        }
    }

    fn mac(&self, side: &[u8], nonces: [&[u8; 16]; 2], hello: &Hello) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.cookie.as_bytes())
            .expect("keys of any length are valid");
        mac.update(side);
        mac.update(nonces[0]);
        mac.update(nonces[1]);
        mac.update(&pack(hello));
        mac
    }

    fn check(&self, hello: &Hello, nonces: [&[u8; 16]; 2]) -> Result<PeerInfo, HandshakeError> {
        if hello.database != self.database {
            return Err(HandshakeError::OtherDatabase);
        }
        let wire = negotiate_version(hello.wire_min, hello.wire_max)
            .ok_or(HandshakeError::OtherVersion(hello.wire_min, hello.wire_max))?;
        Ok(PeerInfo {
            node: frame::node_id(hello.node),
            name: hello.name.clone(),
            wire,
            connection: connection_number(nonces),
            is_probe: hello.is_probe,
        })
    }

    /// Performs the handshake on an accepted connection.
    ///
    /// # Errors
    /// [`HandshakeError`] when the peer is not a node of this cluster, or does not complete within
    /// [`HANDSHAKE_TIMEOUT`].
    pub(crate) async fn accept<S>(&self, stream: &mut S) -> Result<PeerInfo, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        timeout(HANDSHAKE_TIMEOUT, self.accept_inner(stream))
            .await
            .unwrap_or(Err(HandshakeError::Timeout))
    }

    async fn accept_inner<S>(&self, stream: &mut S) -> Result<PeerInfo, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mine = *Uuid::new_v4().as_bytes();
        stream.write_all(&MAGIC).await?;
        stream.write_all(&mine).await?;
        let signed: SignedHello = read(stream).await?;
        let proof = self.mac(b"call", [&mine, &signed.nonce], &signed.hello);
        if proof.verify_slice(&signed.proof).is_err() {
            let reason = "its cookie differs from this one's".to_owned();
            write(stream, &HandshakeReply::Rejected(reason.clone())).await?;
            return Err(HandshakeError::Rejected(reason));
        }
        let wanted = signed.hello.to.map(frame::node_id);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != self.me) {
            let found = self.me;
            write(
                stream,
                &HandshakeReply::OtherNode(*found.as_uuid().as_bytes()),
            )
            .await?;
            return Err(HandshakeError::OtherNode { wanted, found });
        }
        match self.check(&signed.hello, [&mine, &signed.nonce]) {
            Ok(peer) => {
                let hello = self.hello(None, false);
                let proof = self.mac(b"reply", [&mine, &signed.nonce], &hello);
                let proof = proof.finalize().into_bytes().into();
                write(stream, &HandshakeReply::Welcome { hello, proof }).await?;
                Ok(peer)
            }
            Err(error) => {
                write(stream, &HandshakeReply::Rejected(error.to_string())).await?;
                Err(error)
            }
        }
    }

    /// Performs the handshake on a connection that was dialed to reach the node `to`.
    ///
    /// # Errors
    /// [`HandshakeError`] when another node accepts, it rejects this one, or it does not complete
    /// within [`HANDSHAKE_TIMEOUT`].
    pub(crate) async fn dial<S>(
        &self,
        stream: &mut S,
        to: NodeId,
    ) -> Result<PeerInfo, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let dialing = self.dial_inner(stream, to, false);
        let dialed = timeout(HANDSHAKE_TIMEOUT, dialing).await;
        dialed.unwrap_or(Err(HandshakeError::Timeout))
    }

    /// Checks whether the node `to` accepts this one; the connection must not be used afterwards.
    ///
    /// # Errors
    /// [`HandshakeError`], as with [`Self::dial`].
    pub(crate) async fn probe<S>(
        &self,
        stream: &mut S,
        to: NodeId,
    ) -> Result<PeerInfo, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let dialing = self.dial_inner(stream, to, true);
        let dialed = timeout(HANDSHAKE_TIMEOUT, dialing).await;
        dialed.unwrap_or(Err(HandshakeError::Timeout))
    }

    async fn dial_inner<S>(
        &self,
        stream: &mut S,
        to: NodeId,
        is_probe: bool,
    ) -> Result<PeerInfo, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut magic = [0; MAGIC.len()];
        stream.read_exact(&mut magic).await?;
        if magic != MAGIC {
            return Err(HandshakeError::OtherProtocol);
        }
        let mut theirs = [0; 16];
        stream.read_exact(&mut theirs).await?;
        let (hello, nonce) = (self.hello(Some(to), is_probe), *Uuid::new_v4().as_bytes());
        let proof = self.mac(b"call", [&theirs, &nonce], &hello);
        let proof = proof.finalize().into_bytes().into();
        let signed = SignedHello {
            hello,
            nonce,
            proof,
        };
        write(stream, &signed).await?;
        match read(stream).await? {
            HandshakeReply::Rejected(reason) => Err(HandshakeError::Rejected(reason)),
            HandshakeReply::OtherNode(found) => Err(HandshakeError::OtherNode {
                wanted: to,
                found: frame::node_id(found),
            }),
            HandshakeReply::Welcome { hello, proof } => {
                let expected = self.mac(b"reply", [&theirs, &nonce], &hello);
                if expected.verify_slice(&proof).is_err() {
                    return Err(HandshakeError::NoCookie);
                }
                let peer = self.check(&hello, [&theirs, &nonce])?;
                if peer.node != to {
                    return Err(HandshakeError::OtherNode {
                        wanted: to,
                        found: peer.node,
                    });
                }
                Ok(peer)
            }
        }
    }
}

/// Derived from the random nonces of both sides.
fn connection_number(nonces: [&[u8; 16]; 2]) -> u64 {
    let [accepting, dialing] = nonces.map(|nonce| Uuid::from_bytes(*nonce).as_u64_pair().1);
    accepting ^ dialing
}

async fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    message: &impl Encode,
) -> Result<(), HandshakeError> {
    let bytes = pack(message);
    let length = u16::try_from(bytes.len()).map_err(|_| HandshakeError::OtherProtocol)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(&bytes).await?;
    Ok(stream.flush().await?)
}

async fn read<S: AsyncRead + Unpin, T: Decode<()>>(stream: &mut S) -> Result<T, HandshakeError> {
    let length = usize::from(stream.read_u16().await?);
    if length > MESSAGE_BYTES_MAX {
        return Err(HandshakeError::OtherProtocol);
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    unpack(&bytes).map_err(|_| HandshakeError::OtherProtocol)
}

#[cfg(test)]
mod golden;

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    fn identity(number: u128, cookie: &str, database: &str) -> Identity {
        Identity {
            me: NodeId::from_uuid(Uuid::from_u128(number)),
            name: format!("node-{number}"),
            database: database.into(),
            cookie: cookie.into(),
        }
    }

    async fn meet(
        dialer: &Identity,
        to: NodeId,
        other: &Identity,
    ) -> (
        Result<PeerInfo, HandshakeError>,
        Result<PeerInfo, HandshakeError>,
    ) {
        let (mut here, mut there) = duplex(4_096);
        tokio::join!(dialer.dial(&mut here, to), other.accept(&mut there))
    }

    #[tokio::test]
    async fn handshake_succeeds_within_one_cluster() {
        let (a, b) = (identity(1, "secret", "db"), identity(2, "secret", "db"));
        let (dialed, accepted) = meet(&a, b.me, &b).await;
        let (dialed, accepted) = (dialed.expect("welcome"), accepted.expect("welcome"));
        assert_eq!((dialed.node, dialed.name.as_str()), (b.me, "node-2"));
        assert_eq!((accepted.node, accepted.wire), (a.me, frame::WIRE_MAX));
        assert_eq!(dialed.connection, accepted.connection);
        let again = meet(&a, b.me, &b).await.0.expect("welcome");
        assert_ne!(dialed.connection, again.connection);
        assert!(!accepted.is_probe);
        let (mut here, mut there) = duplex(4_096);
        let (probed, accepted) = tokio::join!(a.probe(&mut here, b.me), b.accept(&mut there));
        assert!(probed.is_ok());
        assert!(accepted.expect("welcome").is_probe);
    }

    #[tokio::test]
    async fn rejected_peer_receives_the_reason() {
        let a = identity(1, "secret", "db");
        let cases = [
            (identity(2, "other", "db"), 2, "cookie differs"),
            (identity(2, "secret", "other"), 2, "another database"),
            (identity(2, "secret", "db"), 3, "and not"),
        ];
        for (other, to, reason) in cases {
            let to = NodeId::from_uuid(Uuid::from_u128(to));
            let (dialed, accepted) = meet(&a, to, &other).await;
            let dialed = dialed.expect_err("refused").to_string();
            assert!(dialed.contains(reason), "{dialed}");
            assert!(accepted.is_err());
        }
    }

    /// Dials as a node that supports these versions, and returns what both nodes report.
    async fn meet_version(wire_min: u16, wire_max: u16) -> [String; 2] {
        let (a, b) = (identity(1, "secret", "db"), identity(2, "secret", "db"));
        let (mut here, mut there) = duplex(4_096);
        let dialing = async {
            let mut opening = [0; MAGIC.len() + 16];
            here.read_exact(&mut opening).await.expect("a nonce");
            let theirs: [u8; 16] = opening[MAGIC.len()..].try_into().expect("16 bytes");
            let (mut hello, nonce) = (a.hello(Some(b.me), false), [5; 16]);
            (hello.wire_min, hello.wire_max) = (wire_min, wire_max);
            let proof = a.mac(b"call", [&theirs, &nonce], &hello);
            let proof = proof.finalize().into_bytes().into();
            let signed = SignedHello {
                hello,
                nonce,
                proof,
            };
            write(&mut here, &signed).await.expect("it has capacity");
            match read(&mut here).await.expect("a reply") {
                HandshakeReply::Rejected(reason) => reason,
                HandshakeReply::Welcome { .. } => "welcome".into(),
                HandshakeReply::OtherNode(_) => "another node".into(),
            }
        };
        let (told, accepted) = tokio::join!(dialing, b.accept(&mut there));
        let noted = accepted.map(|peer| format!("version {}", peer.wire));
        [told, noted.unwrap_or_else(|error| error.to_string())]
    }

    #[tokio::test]
    async fn peer_without_common_version_gets_both_ranges() {
        let (newer, newest) = (frame::WIRE_MAX + 1, frame::WIRE_MAX + 4);
        for report in meet_version(newer, newest).await {
            let theirs = format!("versions {newer} to {newest} ");
            let ours = format!("this one {} to {}", frame::WIRE_MIN, frame::WIRE_MAX);
            assert!(
                report.contains(&theirs) && report.contains(&ours),
                "{report}"
            );
        }
        let older = frame::WIRE_MIN - 1;
        let [told, _] = meet_version(older, older).await;
        assert!(
            told.contains(&format!("versions {older} to {older} ")),
            "{told}"
        );
        // The newest common version, whichever of the two is newer.
        for (min, max, common) in [
            (frame::WIRE_MIN, newest, frame::WIRE_MAX),
            (older, frame::WIRE_MIN, frame::WIRE_MIN),
        ] {
            let expected = ["welcome".to_owned(), format!("version {common}")];
            assert_eq!(meet_version(min, max).await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn handshake_fails_on_garbage_and_silence() {
        let a = identity(1, "secret", "db");
        let (mut here, mut there) = duplex(4_096);
        let garbage = async {
            there.write_all(&[255; 600]).await.expect("it has capacity");
            there
        };
        let (accepted, there) = tokio::join!(a.accept(&mut here), garbage);
        assert!(accepted.is_err());
        drop(there);
        let (mut here, _silent) = duplex(4_096);
        assert!(matches!(
            a.accept(&mut here).await,
            Err(HandshakeError::Timeout)
        ));
        let (mut here, mut there) = duplex(4_096);
        there
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .expect("it has capacity");
        let dialed = a.dial(&mut here, a.me).await;
        assert!(matches!(dialed, Err(HandshakeError::OtherProtocol)));
    }

    #[tokio::test]
    async fn welcome_without_cookie_proof_is_rejected() {
        let (a, b) = (identity(1, "secret", "db"), identity(2, "other", "db"));
        let (mut here, mut there) = duplex(4_096);
        let impostor = async {
            there.write_all(&MAGIC).await.expect("it has capacity");
            there.write_all(&[0; 16]).await.expect("it has capacity");
            let signed: SignedHello = read(&mut there).await.expect("a hello");
            let hello = b.hello(None, false);
            let proof = b.mac(b"reply", [&[0; 16], &signed.nonce], &hello);
            let proof = proof.finalize().into_bytes().into();
            let welcome = HandshakeReply::Welcome { hello, proof };
            write(&mut there, &welcome).await.expect("it has capacity");
        };
        let (dialed, ()) = tokio::join!(a.dial(&mut here, b.me), impostor);
        assert!(
            matches!(dialed, Err(HandshakeError::NoCookie)),
            "{dialed:?}"
        );
    }
}
