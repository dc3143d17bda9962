//! Accounts, products and orders that exist before the load starts: created by the shop, or sampled
//! from a filled database.

use fritzy_actors::{PriceInput, ProductInput, Shop, ShopConfig, ShopError};
use fritzy_bench_support::{Sampled, sample_ids, seed_orders};
use fritzy_domain::AnnotationsInput;
use fritzy_persistence::{PostgresConfig, Stores};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::VariantSettings;
use super::shop::{start_shop, unkeyed};
use super::shop_data::{account_name, price_text, product_name};
use crate::BenchError;

/// Concurrent requests during creation.
const CREATING_MAX: usize = 64;

/// Ids in the text form that clients send.
pub(super) struct Dataset {
    pub(super) accounts: Vec<String>,
    pub(super) products: Vec<String>,
    pub(super) orders: Vec<String>,
}

/// How many entities of each kind.
#[derive(Clone, Copy)]
pub(super) struct DatasetSize {
    pub(super) accounts: usize,
    pub(super) products: usize,
    /// Only from a filled database.
    pub(super) orders: usize,
}

impl DatasetSize {
    /// Accounts and products from the settings; no orders.
    pub(super) fn from_settings(settings: &VariantSettings) -> Self {
        Self {
            accounts: settings.accounts_count,
            products: settings.products_count,
            orders: 0,
        }
    }
}

impl Dataset {
    /// Creates them in an empty shop.
    pub(super) async fn create(shop: &Shop, size: DatasetSize) -> Result<Self, BenchError> {
        let accounts = create_each(size.accounts, |number| async move {
            let name = account_name(number);
            let created = shop.create_account(&unkeyed(), name.into()).await?;
            Ok(created.state.id.to_string())
        });
        let products = create_each(size.products, |number| async move {
            let created = shop.create_product(&unkeyed(), product(number)).await?;
            Ok(created.state.id.to_string())
        });
        Ok(Self {
            accounts: accounts.await.map_err(|error| preparing(&error))?,
            products: products.await.map_err(|error| preparing(&error))?,
            orders: Vec::new(),
        })
    }

    /// Samples them from a database that [`fill`] has filled.
    pub(super) async fn sample(url: &str, size: DatasetSize) -> Result<Self, BenchError> {
        Ok(Self {
            accounts: ids(url, Sampled::Accounts, size.accounts).await?,
            products: ids(url, Sampled::Products, size.products).await?,
            orders: ids(url, Sampled::Orders, size.orders).await?,
        })
    }
}

/// Fills an empty database: a temporary shop creates accounts and products, the server generates
/// the orders.
pub(super) async fn fill(url: &str, settings: &VariantSettings) -> Result<(), BenchError> {
    let stores = Stores::open_postgres(PostgresConfig::new(url)).await;
    let stores = stores.map_err(|failure| preparing(&failure))?;
    let shop = start_shop(ShopConfig::default(), &stores).await?;
    let created = Dataset::create(&shop, DatasetSize::from_settings(settings)).await;
    shop.stop().await;
    stores.close().await;
    created?;
    let filled = seed_orders(url, settings.fill_count, settings.keyed).await;
    filled.map_err(|failure| preparing(&failure))?;
    Ok(())
}

async fn ids(url: &str, of: Sampled, count: usize) -> Result<Vec<String>, BenchError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let count = u32::try_from(count).expect("sizes are below 2^32");
    let ids = sample_ids(url, of, count).await;
    let ids = ids.map_err(|failure| preparing(&failure))?;
    Ok(ids.iter().map(ToString::to_string).collect())
}

async fn create_each<Task: Future<Output = Result<String, ShopError>>>(
    count: usize,
    create_one: impl Fn(usize) -> Task,
) -> Result<Vec<String>, ShopError> {
    stream::iter((0..count).map(create_one))
        .buffered(CREATING_MAX)
        .try_collect()
        .await
}

fn product(number: usize) -> ProductInput {
    ProductInput {
        name: product_name(number),
        description: String::new(),
        price: PriceInput {
            amount: price_text(number),
            amount_field: "price",
            currency: "USD".to_owned(),
        },
        annotations: AnnotationsInput::default(),
    }
}

fn preparing(failure: &dyn std::error::Error) -> BenchError {
    BenchError::Preparing {
        what: "accounts, products and orders",
        reason: failure.to_string(),
    }
}
