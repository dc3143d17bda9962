//! A shard host that replies at once, with as many bytes as a read of an account.

use fritzy_cluster::codec::Unreadable;
use fritzy_cluster::{HostError, ShardHost};
use fritzy_types::{Deadline, ShardId};

/// Bytes of a request: slightly more than a read of an account, which has its kind and its id.
pub(super) const REQUEST_LEN: usize = 30;
/// Bytes of a reply: slightly more than an account with a name of usual length.
pub(super) const REPLY_LEN: usize = 100;

pub(super) struct EchoHost;

impl ShardHost for EchoHost {
    type Request = Vec<u8>;
    type Reply = Vec<u8>;

    async fn ask(
        &self,
        _shard: ShardId,
        _deadline: Deadline,
        _request: Vec<u8>,
    ) -> Result<Vec<u8>, HostError<Vec<u8>>> {
        Ok(vec![0; REPLY_LEN])
    }

    fn is_idempotent(_request: &Vec<u8>) -> bool {
        true
    }

    fn encode_request(request: &Vec<u8>, _: u16) -> Vec<u8> {
        request.clone()
    }

    fn decode_request(bytes: &[u8], _deadline: Deadline, _: u16) -> Result<Vec<u8>, Unreadable> {
        Ok(bytes.to_vec())
    }

    fn encode_reply(reply: &Vec<u8>, _: u16) -> Vec<u8> {
        reply.clone()
    }

    fn decode_reply(bytes: &[u8], _: u16) -> Result<Vec<u8>, Unreadable> {
        Ok(bytes.to_vec())
    }
}
