//! The mutations of accounts.

use async_graphql::{Context, ID, MaybeUndefined, Object};
use fritzy_domain::{AccountCommand, FingerprintBuilder};

use super::super::annotations::{AnnotationArguments, MetadataChangeInput, fingerprint};
use super::super::app::app;
use super::super::errors::{FieldResult, rejected, shop_error};
use super::super::idempotency::command_request;
use super::super::inputs::AccountInput;
use super::super::objects::AccountObject;
use super::{Change, failing_alone};

pub(super) struct AccountMutations;

#[Object]
impl AccountMutations {
    /// Creates an account, which can order at once.
    async fn create_account(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Account to create.")] account: AccountInput,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<AccountObject>> {
        failing_alone(context, async {
            let key = idempotency_key.as_deref();
            let account = account.into_shop();
            let content = |print: FingerprintBuilder| {
                fingerprint(print.text(&account.name), &account.annotations)
            };
            let request =
                command_request(context, "createAccount", "", key, content).map_err(rejected)?;
            let created = app(context).shop.create_account(&request, account).await;
            Ok(created
                .map_err(|error| shop_error(error).inside("account"))?
                .into())
        })
        .await
    }

    /// Renames an account; the name is one line of 1 to 200 characters.
    async fn rename_account(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the account.")] id: String,
        #[graphql(desc = "Name: one line of 1 to 200 characters.")] name: String,
        #[graphql(desc = "Version that the account must have; any, if none is given.")]
        expected_version: Option<i32>,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<AccountObject>> {
        failing_alone(context, async {
            let change = Change::new(id, expected_version, idempotency_key)?;
            let request = change.request(context, "renameAccount", |print| print.text(&name))?;
            let rename = AccountCommand::Rename { name };
            let renamed = app(context)
                .shop
                .command_account(&request, change.target(), rename)
                .await;
            Ok(renamed.map_err(shop_error)?.into())
        })
        .await
    }

    /// Closes an account: it becomes read-only and cannot order. Final; its orders remain.
    async fn close_account(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the account.")] id: String,
        #[graphql(desc = "Version that the account must have; any, if none is given.")]
        expected_version: Option<i32>,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<AccountObject>> {
        failing_alone(context, async {
            let change = Change::new(id, expected_version, idempotency_key)?;
            let request = change.request(context, "closeAccount", |print| print)?;
            let close = AccountCommand::Close;
            let closed = app(context)
                .shop
                .command_account(&request, change.target(), close)
                .await;
            Ok(closed.map_err(shop_error)?.into())
        })
        .await
    }

    /// Changes the external reference, the metadata, or both of an open account.
    async fn annotate_account(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the account.")] id: ID,
        #[graphql(
            desc = "New reference: one line of 1 to 128 characters. Without it, the reference stays; null removes it."
        )]
        external_reference: MaybeUndefined<String>,
        #[graphql(
            desc = "Entries to set or remove; the others stay. Null removes all."
        )]
        metadata: MaybeUndefined<Vec<MetadataChangeInput>>,
        #[graphql(desc = "Version that the account must have; any, if none is given.")]
        expected_version: Option<i32>,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<AccountObject>> {
        failing_alone(context, async {
            let given = AnnotationArguments::new(external_reference, metadata);
            let change = Change::new(id.0, expected_version, idempotency_key)?;
            let content = |print| given.fingerprint(print);
            let request = change.request(context, "annotateAccount", content)?;
            let annotate = AccountCommand::Annotate(given.parse().map_err(rejected)?);
            let annotated = app(context)
                .shop
                .command_account(&request, change.target(), annotate)
                .await;
            Ok(annotated.map_err(shop_error)?.into())
        })
        .await
    }
}
