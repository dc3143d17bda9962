//! Generated orders keep every invariant, also after further fillings.

use std::time::{Duration, Instant};

use fritzy_actors::{PriceInput, ProductInput, Request, Shop, ShopConfig};
use fritzy_bench_support::seed_orders;
use fritzy_domain::{AnnotationsInput, CommandId};
use fritzy_persistence::{PostgresConfig, Stores, VerifyProgress, verify_postgres};
use fritzy_testbed::{shared_postgres, skip_unless};
use fritzy_types::{Deadline, NodeId};
use uuid::Uuid;

/// The number of accounts, and of products.
const ENTITIES: usize = 20;

fn request() -> Request {
    Request {
        command: CommandId::from_uuid(Uuid::new_v4()),
        fingerprint: None,
        deadline: Deadline::at(Instant::now() + Duration::from_secs(60)),
    }
}

/// Creates accounts and products through a shop.
async fn create_accounts_and_products(url: &str) {
    let stores = Stores::open_postgres(PostgresConfig::new(url)).await;
    let stores = stores.expect("it opens");
    let node = NodeId::from_uuid(Uuid::now_v7());
    let (journal, rows) = (stores.journal.clone(), stores.read_model.clone());
    let shop = Shop::start(
        ShopConfig::default(),
        node,
        journal,
        rows,
        stores.ownership.as_ref(),
    );
    let shop = shop.await.expect("starts");
    for number in 0..ENTITIES {
        let account = shop.create_account(&request(), "N".into()).await;
        account.expect("created");
        let product = ProductInput {
            name: "P\"".into(),
            description: String::new(),
            price: PriceInput {
                amount: format!("{number}.99"),
                amount_field: "price.amount",
                currency: "USD".into(),
            },
            annotations: AnnotationsInput::default(),
        };
        let product = shop.create_product(&request(), product).await;
        product.expect("created");
    }
    shop.stop().await;
    stores.close().await;
}

#[tokio::test]
async fn seeded_orders_keep_every_invariant() {
    let server = skip_unless!(shared_postgres());
    let url = server.fresh_database().expect("a database");
    create_accounts_and_products(&url).await;
    let mut events = 2 * u64::try_from(ENTITIES).expect("few");
    for keyed in [false, true, true, false] {
        let filled = seed_orders(&url, 700, keyed).await.expect("fills");
        assert!((700..800).contains(&filled), "{filled}");
        events += filled;
        let report = verify_postgres(&url, 10, &VerifyProgress::default()).await;
        let report = report.expect("checked");
        assert_eq!(report.violations, [], "{:#?}", report.counts);
        assert_eq!(report.checked.events, events);
    }
    server.drop_database(&url).expect("dropped");
}
