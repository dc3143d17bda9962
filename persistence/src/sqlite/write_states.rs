//! Writing the state rows of one batch.

use fritzy_domain::{Account, Order, Product, State};
use sqlx::SqliteConnection;

use super::error::WriteError;
use super::many_rows::ManyRows;
use crate::committer::{Sequenced, creation_key};
use crate::rows::{lines_json, metadata_json, micros, reference_text, signed, version};

/// New entities in multi-row statements by kind; changed ones one by one, each checked to be at the
/// version its command was decided on.
pub(super) async fn write_states(
    (accounts, products, orders): (&ManyRows, &ManyRows, &ManyRows),
    connection: &mut SqliteConnection,
    batch: &[Sequenced<'_>],
) -> Result<(), WriteError> {
    let mut new_accounts: Vec<(&Sequenced<'_>, &Account)> = Vec::new();
    let mut new_products: Vec<(&Sequenced<'_>, &Product)> = Vec::new();
    let mut new_orders: Vec<(&Sequenced<'_>, &Order)> = Vec::new();
    for (index, sequenced) in batch.iter().enumerate() {
        if sequenced.append.expected_version > 0 {
            if !update_state(connection, sequenced).await? {
                return Err(WriteError::Conflicts(vec![index]));
            }
            write_annotations(connection, sequenced).await?;
            continue;
        }
        match &sequenced.append.state {
            State::Account(account) => new_accounts.push((sequenced, account)),
            State::Product(product) => new_products.push((sequenced, product)),
            State::Order(order) => new_orders.push((sequenced, order)),
        }
    }
    for (statement, run) in accounts.cut(&new_accounts) {
        let mut query = sqlx::query(statement);
        for (sequenced, account) in run {
            query = query
                .bind(*account.id.as_uuid())
                .bind(version(sequenced))
                .bind(micros(account.created_at))
                .bind(account.personal.name.as_str());
        }
        query.execute(&mut *connection).await?;
    }
    for (statement, run) in products.cut(&new_products) {
        let mut query = sqlx::query(statement);
        for (sequenced, product) in run {
            query = query
                .bind(*product.id.as_uuid())
                .bind(version(sequenced))
                .bind(micros(product.created_at))
                .bind(product.name.as_str())
                .bind(product.description.as_str())
                .bind(product.price.minor_units())
                .bind(product.price.currency().code());
        }
        query.execute(&mut *connection).await?;
    }
    for (statement, run) in orders.cut(&new_orders) {
        let mut query = sqlx::query(statement);
        for (sequenced, order) in run {
            query = query
                .bind(*order.id.as_uuid())
                .bind(version(sequenced))
                .bind(micros(order.created_at))
                .bind(*order.account_id.as_uuid())
                .bind(order.status.as_str())
                .bind(order.total.minor_units())
                .bind(order.total.currency().code())
                .bind(lines_json(order))
                .bind(order.cancel_reason.as_deref())
                .bind(creation_key(sequenced.append));
        }
        query.execute(&mut *connection).await?;
    }
    // A new entity has some rarely, so that these are not columns of the statements above.
    let is_new = |sequenced: &&Sequenced<'_>| sequenced.append.expected_version == 0;
    for sequenced in batch.iter().filter(is_new) {
        write_annotations(connection, sequenced).await?;
    }
    Ok(())
}

/// Writes a changed state. Returns `false` when its row is not at the version before.
async fn update_state(
    connection: &mut SqliteConnection,
    sequenced: &Sequenced<'_>,
) -> Result<bool, sqlx::Error> {
    let query = match &sequenced.append.state {
        State::Account(account) => sqlx::query(
            "UPDATE account SET name = ?, closed = ?, version = ? WHERE id = ? AND version = ?",
        )
        .bind(account.personal.name.as_str())
        .bind(account.closed),
        State::Product(product) => sqlx::query(
            "UPDATE product SET name = ?, description = ?, price_minor = ?, currency = ?,
                withdrawn = ?, version = ? WHERE id = ? AND version = ?",
        )
        .bind(product.name.as_str())
        .bind(product.description.as_str())
        .bind(product.price.minor_units())
        .bind(product.price.currency().code())
        .bind(product.withdrawn),
        State::Order(order) => sqlx::query(
            "UPDATE customer_order SET status = ?, cancel_reason = ?, version = ?
             WHERE id = ? AND version = ?",
        )
        .bind(order.status.as_str())
        .bind(order.cancel_reason.as_deref()),
    };
    let done = query
        .bind(version(sequenced))
        .bind(*sequenced.append.entity.as_uuid())
        .bind(signed(sequenced.append.expected_version))
        .execute(&mut *connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes the external reference and the metadata, if the append changes them.
async fn write_annotations(
    connection: &mut SqliteConnection,
    sequenced: &Sequenced<'_>,
) -> Result<(), sqlx::Error> {
    let append = sequenced.append;
    if !append.annotates() {
        return Ok(());
    }
    let statement = match &append.state {
        State::Account(_) => "UPDATE account SET external_reference = ?, metadata = ? WHERE id = ?",
        State::Product(_) => "UPDATE product SET external_reference = ?, metadata = ? WHERE id = ?",
        State::Order(_) => {
            "UPDATE customer_order SET external_reference = ?, metadata = ? WHERE id = ?"
        }
    };
    let annotations = append.state.annotations();
    sqlx::query(statement)
        .bind(reference_text(annotations))
        .bind(metadata_json(annotations))
        .bind(*append.entity.as_uuid())
        .execute(&mut *connection)
        .await?;
    Ok(())
}
