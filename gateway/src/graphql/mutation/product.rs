//! The mutations of products.

use async_graphql::{Context, ID, MaybeUndefined, Object};
use fritzy_actors::{ProductInput as ShopProduct, Request};
use fritzy_domain::{FingerprintBuilder, ProductCommand};

use super::super::annotations::{AnnotationArguments, MetadataChangeInput, fingerprint};
use super::super::app::{App, app};
use super::super::errors::{FieldResult, rejected, shop_error};
use super::super::idempotency::command_request;
use super::super::inputs::{MoneyInput, PricedProductInput, ProductInput};
use super::super::product::ProductObject;
use super::{Change, failing_alone};

pub(super) struct ProductMutations;

#[Object]
impl ProductMutations {
    /// Creates a product, priced in the shop's currency.
    async fn create_product(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Product to create.")] product: ProductInput,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<ProductObject>> {
        failing_alone(context, async {
            let product = product.into_shop(app(context).currency);
            let key = idempotency_key.as_deref();
            let request =
                command_request(context, "createProduct", "", key, fingerprint_of(&product));
            create(context, request.map_err(rejected)?, product).await
        })
        .await
    }

    /// Creates a product, priced in any currency, with the amount as text.
    async fn create_priced_product(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Product to create.")] product: PricedProductInput,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<ProductObject>> {
        failing_alone(context, async {
            let product = product.into_shop(app(context).currency);
            let key = idempotency_key.as_deref();
            let request = command_request(
                context,
                "createPricedProduct",
                "",
                key,
                fingerprint_of(&product),
            );
            create(context, request.map_err(rejected)?, product).await
        })
        .await
    }

    /// Changes the name, the description, or both.
    async fn update_product(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the product.")] id: String,
        #[graphql(desc = "New name: one line of 1 to 200 characters.")] name: Option<String>,
        #[graphql(desc = "New description, of at most 4000 characters; may be empty.")]
        description: Option<String>,
        #[graphql(desc = "Version that the product must have; any, if none is given.")]
        expected_version: Option<i32>,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<ProductObject>> {
        failing_alone(context, async {
            let content = |print: FingerprintBuilder| {
                print
                    .optional(name.as_deref())
                    .optional(description.as_deref())
            };
            let change = Change::new(id, expected_version, idempotency_key)?;
            let request = change.request(context, "updateProduct", content)?;
            let update = ProductCommand::Update { name, description };
            let updated = app(context)
                .shop
                .command_product(&request, change.target(), update)
                .await;
            Ok(updated.map_err(shop_error)?.into())
        })
        .await
    }

    /// Changes the price, in the product's currency unless the price names one. Existing orders keep
    /// theirs.
    async fn reprice_product(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the product.")] id: String,
        #[graphql(desc = "New price of one unit.")] price: MoneyInput,
        #[graphql(desc = "Version that the product must have; any, if none is given.")]
        expected_version: Option<i32>,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<ProductObject>> {
        failing_alone(context, async {
            let App { shop, currency, .. } = app(context);
            let in_own_currency = price.currency.is_none();
            let price = price.into_shop(*currency);
            // Also without a currency, which keeps the fingerprints of earlier versions.
            let content =
                |print: FingerprintBuilder| print.text(&price.amount).text(&price.currency);
            let change = Change::new(id, expected_version, idempotency_key)?;
            let request = change.request(context, "repriceProduct", content)?;
            let target = change.target();
            let repriced = if in_own_currency {
                shop.reprice_in_own_currency(&request, target, price.amount)
                    .await
            } else {
                shop.reprice_product(&request, target, price).await
            };
            Ok(repriced.map_err(shop_error)?.into())
        })
        .await
    }

    /// Withdraws a product: it becomes read-only and cannot be ordered. Final; existing orders keep
    /// their lines.
    async fn withdraw_product(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the product.")] id: String,
        #[graphql(desc = "Version that the product must have; any, if none is given.")]
        expected_version: Option<i32>,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<ProductObject>> {
        failing_alone(context, async {
            let change = Change::new(id, expected_version, idempotency_key)?;
            let request = change.request(context, "withdrawProduct", |print| print)?;
            let withdraw = ProductCommand::Withdraw;
            let withdrawn = app(context)
                .shop
                .command_product(&request, change.target(), withdraw)
                .await;
            Ok(withdrawn.map_err(shop_error)?.into())
        })
        .await
    }

    /// Changes the external reference, the metadata, or both of a product that is not withdrawn.
    async fn annotate_product(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the product.")] id: ID,
        #[graphql(
            desc = "New reference: one line of 1 to 128 characters. Without it, the reference stays; null removes it."
        )]
        external_reference: MaybeUndefined<String>,
        #[graphql(
            desc = "Entries to set or remove; the others stay. Null removes all."
        )]
        metadata: MaybeUndefined<Vec<MetadataChangeInput>>,
        #[graphql(desc = "Version that the product must have; any, if none is given.")]
        expected_version: Option<i32>,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<ProductObject>> {
        failing_alone(context, async {
            let given = AnnotationArguments::new(external_reference, metadata);
            let change = Change::new(id.0, expected_version, idempotency_key)?;
            let content = |print| given.fingerprint(print);
            let request = change.request(context, "annotateProduct", content)?;
            let annotate = ProductCommand::Annotate(given.parse().map_err(rejected)?);
            let annotated = app(context)
                .shop
                .command_product(&request, change.target(), annotate)
                .await;
            Ok(annotated.map_err(shop_error)?.into())
        })
        .await
    }
}

fn fingerprint_of(product: &ShopProduct) -> impl FnOnce(FingerprintBuilder) -> FingerprintBuilder {
    |print| {
        let ShopProduct {
            name,
            description,
            price,
            annotations,
        } = product;
        let print = print
            .text(name)
            .text(description)
            .text(&price.amount)
            .text(&price.currency);
        fingerprint(print, annotations)
    }
}

async fn create(
    context: &Context<'_>,
    request: Request,
    product: ShopProduct,
) -> FieldResult<ProductObject> {
    let created = app(context).shop.create_product(&request, product).await;
    Ok(created
        .map_err(|error| shop_error(error).inside("product"))?
        .into())
}
