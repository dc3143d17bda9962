//! Bodies of requests: read within a limit for each, and within one for all that are under way together.

use bytes::Buf;
use futures_util::{Stream, StreamExt, pin_mut};
use tokio::sync::{Semaphore, SemaphorePermit};
use warp::http::{HeaderMap, StatusCode, header};

use super::response::Refused;

/// What most requests stay below: the largest order is some 10 KB.
const SMALL_BYTES_MAX: usize = 16 * 1_024;
/// One part in so many of the whole is kept for small bodies, so that slow large ones cannot shut them out.
const SMALL_SHARE: usize = 4;
/// A body without a declared length reserves so much at least, for each reservation costs a lock.
const STEP_BYTES: usize = 4 * 1_024;

/// Bytes that all bodies under way may have.
pub(super) struct Bodies {
    bytes_max: usize,
    small: Semaphore,
    large: Semaphore,
}

/// A body, and the reservation that goes with it for as long as its content is in use.
pub(super) struct Body<'b> {
    pub(super) bytes: Vec<u8>,
    pub(super) reserved: Reserved<'b>,
}

/// Bytes that nobody else can have meanwhile.
#[derive(Default)]
pub(super) struct Reserved<'b>(Option<SemaphorePermit<'b>>);

impl Bodies {
    /// Each up to `bytes_max`, all together up to `total_max`, but at least one of the largest.
    pub(super) fn new(bytes_max: usize, total_max: usize) -> Self {
        let small = total_max / SMALL_SHARE;
        let large = (total_max - small).max(bytes_max);
        let semaphore = |bytes: usize| Semaphore::new(bytes.min(Semaphore::MAX_PERMITS));
        Self {
            bytes_max,
            small: semaphore(small),
            large: semaphore(large),
        }
    }

    /// Reads a body to its end.
    ///
    /// # Errors
    /// When it is too large, there is no room for it, or it breaks off. A declared length is judged
    /// before anything is read.
    pub(super) async fn read<B: Buf>(
        &self,
        headers: &HeaderMap,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Result<Body<'_>, Refused> {
        let declared = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let mut room = self.reserve(declared.unwrap_or(0))?;
        let mut bytes = Vec::with_capacity(declared.unwrap_or(0));
        pin_mut!(body);
        while let Some(chunk) = body.next().await {
            let mut chunk = chunk.map_err(|_| Refused::bad_request("the body broke off"))?;
            let len = bytes.len() + chunk.remaining();
            if len > room.bytes {
                // A chunked body: it has no length to be judged by, so it is counted as it comes.
                room = self.more(room, len)?;
                bytes.reserve_exact(room.bytes - bytes.len());
            }
            while chunk.has_remaining() {
                let part = chunk.chunk();
                bytes.extend_from_slice(part);
                let len = part.len();
                chunk.advance(len);
            }
        }
        let reserved = room.reserved;
        Ok(Body { bytes, reserved })
    }

    /// Room for a body of so many bytes.
    fn reserve(&self, bytes: usize) -> Result<Room<'_>, Refused> {
        if bytes > self.bytes_max {
            return Err(Refused::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "PAYLOAD_TOO_LARGE",
                format!("a body has at most {} bytes", self.bytes_max),
            ));
        }
        if bytes == 0 {
            let reserved = Reserved::default();
            return Ok(Room { bytes, reserved });
        }
        let share = if bytes <= SMALL_BYTES_MAX {
            &self.small
        } else {
            &self.large
        };
        let permits = u32::try_from(bytes).map_err(|_| Refused::overloaded())?;
        let permit = share
            .try_acquire_many(permits)
            .map_err(|_| Refused::overloaded())?;
        let reserved = Reserved(Some(permit));
        Ok(Room { bytes, reserved })
    }

    /// Room for a body that turned out to have at least so many bytes.
    fn more<'b>(&'b self, mut room: Room<'b>, bytes: usize) -> Result<Room<'b>, Refused> {
        // Doubled, as the memory behind it is.
        let wanted = bytes.max(room.bytes * 2).next_multiple_of(STEP_BYTES);
        // A body of exactly the limit is one; a step beyond it is not reserved.
        let wanted = wanted.min(self.bytes_max).max(bytes);
        let same_share = room.bytes > SMALL_BYTES_MAX;
        let Some(held) = room.reserved.0.as_mut().filter(|_| same_share) else {
            // What was held of the small bodies' share goes back.
            return self.reserve(wanted);
        };
        if wanted > self.bytes_max {
            return self.reserve(wanted);
        }
        let permits = u32::try_from(wanted - room.bytes).map_err(|_| Refused::overloaded())?;
        let more = self.large.try_acquire_many(permits);
        held.merge(more.map_err(|_| Refused::overloaded())?);
        room.bytes = wanted;
        Ok(room)
    }
}

/// How many bytes are reserved.
struct Room<'b> {
    bytes: usize,
    reserved: Reserved<'b>,
}
