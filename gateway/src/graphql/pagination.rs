//! Offset pagination, as in the seed: skip and take.

use async_graphql::InputObject;
use fritzy_domain::{Flaw, Page, Rejection};

/// Rows of a page by default.
pub(super) const TAKE_DEFAULT: u32 = 100;
/// Rows of a page at most: anything larger is an export.
pub(super) const TAKE_MAX: u32 = 1_000;

/// Page of a list: `skip` rows are left out, then at most `take` rows follow. Lists are sorted by
/// creation time, oldest first.
#[derive(InputObject, Clone, Copy, Debug, Default)]
pub struct PaginationInput {
    /// Rows to skip; default 0.
    skip: Option<i32>,
    /// Rows to return at most; default 100, maximum 1000.
    take: Option<i32>,
}

/// The requested page.
///
/// # Errors
/// [`Rejection::Invalid`] naming `pagination.skip` or `pagination.take` when it is out of range.
pub(crate) fn page(input: Option<PaginationInput>) -> Result<Page, Rejection> {
    let PaginationInput { skip, take } = input.unwrap_or_default();
    let skip = u64::try_from(skip.unwrap_or(0)).map_err(|_| {
        let flaw = Flaw::OutOfRange {
            min: 0,
            max: i64::from(i32::MAX),
        };
        Rejection::invalid("pagination.skip", flaw)
    })?;
    let take = take
        .map_or(Ok(TAKE_DEFAULT), u32::try_from)
        .ok()
        .filter(|take| *take <= TAKE_MAX);
    let take = take.ok_or_else(|| {
        let flaw = Flaw::OutOfRange {
            min: 0,
            max: i64::from(TAKE_MAX),
        };
        Rejection::invalid("pagination.take", flaw)
    })?;
    Ok(Page { skip, take })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_arguments_have_defaults_and_bounds() {
        let of = |skip, take| page(Some(PaginationInput { skip, take }));
        assert_eq!(page(None), Ok(Page { skip: 0, take: 100 }));
        assert_eq!(
            of(Some(5), Some(1_000)),
            Ok(Page {
                skip: 5,
                take: 1_000
            })
        );
        assert_eq!(of(None, Some(0)), Ok(Page { skip: 0, take: 0 }));
        for (skip, take, field) in [
            (Some(-1), None, "pagination.skip"),
            (None, Some(-1), "pagination.take"),
            (None, Some(1_001), "pagination.take"),
        ] {
            assert_eq!(of(skip, take).expect_err("refused").field(), Some(field));
        }
    }
}
