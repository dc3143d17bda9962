//! The index of a node without a search engine.

use async_trait::async_trait;
use fritzy_domain::{ProductId, ProductIndex, ProductQuery, SearchError};

/// Fails every search with [`SearchError::Unavailable`].
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEngine;

#[async_trait]
impl ProductIndex for NoEngine {
    async fn search(&self, _query: &ProductQuery) -> Result<Vec<ProductId>, SearchError> {
        Err(SearchError::Unavailable(
            "this version has no search engine".into(),
        ))
    }
}
