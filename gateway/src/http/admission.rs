//! Admission of request bodies: all those in flight share a budget of bytes, reserved before they
//! are read.

use tokio::sync::{Semaphore, SemaphorePermit};
use warp::http::StatusCode;

use super::rejection::HttpRejection;

/// Most requests stay below it: the largest order is some 10 KB.
const SMALL_BYTES_MAX: usize = 16 * 1_024;
/// A quarter of the budget is only for small bodies, so that slow large ones cannot starve them.
const SMALL_SHARE: usize = 4;
/// Least growth of the reservation for a body of unknown length, because each reservation takes a
/// lock.
const STEP_BYTES: usize = 4 * 1_024;

/// The bytes that all request bodies in flight share.
pub(super) struct BodyBudget {
    bytes_max: usize,
    small: Semaphore,
    large: Semaphore,
}

/// Bytes reserved for one body until this is dropped.
#[derive(Default)]
pub(super) struct Reservation<'b> {
    bytes: usize,
    permit: Option<SemaphorePermit<'b>>,
}

impl Reservation<'_> {
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl BodyBudget {
    /// Each body up to `bytes_max`, all together up to `total_max`, but at least one of the
    /// largest.
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

    /// Reserves `bytes` for a body.
    ///
    /// # Errors
    /// `PAYLOAD_TOO_LARGE` beyond the limit of one body, `OVERLOADED` when the shared budget is
    /// used up.
    pub(super) fn reserve(&self, bytes: usize) -> Result<Reservation<'_>, HttpRejection> {
        if bytes > self.bytes_max {
            return Err(HttpRejection::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "PAYLOAD_TOO_LARGE",
                format!("a body has at most {} bytes", self.bytes_max),
            ));
        }
        if bytes == 0 {
            return Ok(Reservation::default());
        }
        let share = if bytes <= SMALL_BYTES_MAX {
            &self.small
        } else {
            &self.large
        };
        let permits = u32::try_from(bytes).map_err(|_| HttpRejection::overloaded())?;
        let permit = share
            .try_acquire_many(permits)
            .map_err(|_| HttpRejection::overloaded())?;
        let permit = Some(permit);
        Ok(Reservation { bytes, permit })
    }

    /// Grows a reservation to at least `bytes`.
    ///
    /// # Errors
    /// As [`Self::reserve`].
    pub(super) fn grow<'b>(
        &'b self,
        mut reservation: Reservation<'b>,
        bytes: usize,
    ) -> Result<Reservation<'b>, HttpRejection> {
        // Doubled, as the buffer is.
        let wanted = bytes
            .max(reservation.bytes * 2)
            .next_multiple_of(STEP_BYTES);
        // A body may have exactly the limit, so a step beyond it is not reserved.
        let wanted = wanted.min(self.bytes_max).max(bytes);
        let same_share = reservation.bytes > SMALL_BYTES_MAX;
        let Some(held) = reservation.permit.as_mut().filter(|_| same_share) else {
            // The permit of the small share is returned.
            return self.reserve(wanted);
        };
        if wanted > self.bytes_max {
            return self.reserve(wanted);
        }
        let missing = u32::try_from(wanted - reservation.bytes);
        let missing = missing.map_err(|_| HttpRejection::overloaded())?;
        let more = self.large.try_acquire_many(missing);
        held.merge(more.map_err(|_| HttpRejection::overloaded())?);
        reservation.bytes = wanted;
        Ok(reservation)
    }
}
