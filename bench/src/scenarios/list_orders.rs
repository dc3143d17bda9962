//! `list-orders`: pages of `orders(filter: {status})` over HTTP, in a database with many orders.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::allowed_settings::Setting;
use super::http_system::HttpSystem;
use super::node_process::NodeProcess;
use super::prepared::{Prepared, random_ones};
use super::shop_data::{json, send};
use super::{Reach, Scenario, SetUp, SystemUnderTest};
use crate::http::GraphqlRequest;
use crate::{BenchError, CallError, GraphqlClient};

/// What a page of administration shows.
const DOCUMENT: &str = "query List($status: [OrderStatus!], $sort: OrderSort, $after: String) { \
    orders(filter: { status: $status }, sort: $sort, first: 100, after: $after) { \
    nodes { id createdAt status totalMoney { amount currency } } pageInfo { hasNextPage endCursor } } }";
/// Pages in each direction from an end of the list.
const PAGES: usize = 50;
/// Orders on a page.
const PAGE_LEN: usize = 100;
/// Both ends of the list, and a list that is merged from two statuses.
const LISTS: [(&[&str], &str); 3] = [
    (&["CREATED"], "CREATED_ASC"),
    (&["CREATED"], "CREATED_DESC"),
    (&["CREATED", "CONFIRMED"], "CREATED_DESC"),
];

pub(super) struct ListOrders;

#[async_trait]
impl Scenario for ListOrders {
    fn name(&self) -> &'static str {
        "list-orders"
    }

    fn about(&self) -> &'static str {
        "orders(filter: {status}) over HTTP, pages of 100"
    }

    fn reach(&self) -> Reach {
        Reach::Http
    }

    fn takes(&self) -> &'static [Setting] {
        &[
            Setting::InFlight,
            Setting::Rate,
            Setting::Connections,
            Setting::Accounts,
            Setting::Products,
            Setting::Postgres,
            Setting::Committers,
            Setting::Fill,
            Setting::CopyOf,
            Setting::Node,
            Setting::NodeArg,
        ]
    }

    fn default_fill(&self) -> u32 {
        100_000
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        let node = NodeProcess::start(set_up).await?;
        let endpoint = &node.endpoint;
        let request = GraphqlRequest::new(&endpoint.authority, &endpoint.path, DOCUMENT);
        let mut pages = Vec::new();
        for (statuses, sort) in LISTS {
            let walked = walk(&node.client, &request, statuses, sort).await;
            pages.extend(walked.map_err(BenchError::preparing("reading the lists"))?);
        }
        Ok(Box::new(HttpSystem {
            server: node.server,
            database: node.database,
            topics: node.topics,
            address: node.endpoint.address,
            connections: set_up.settings.connections_count.unwrap_or(1),
            conditions: node.conditions,
            requests: random_ones(pages.into()),
        }))
    }
}

#[derive(Deserialize)]
struct Response {
    orders: Page,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    nodes: Vec<Order>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
struct Order {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

/// Reads the first pages of a list; returns a request for each.
///
/// # Errors
/// [`CallError`] when a request fails, or a page is not full: the database has too few orders.
async fn walk(
    client: &GraphqlClient,
    request: &GraphqlRequest,
    statuses: &[&str],
    sort: &str,
) -> Result<Vec<Prepared>, CallError> {
    let mut after = None;
    let mut prepared = Vec::new();
    while prepared.len() < PAGES {
        let variables = json(&json!({ "status": statuses, "sort": sort, "after": after }));
        let response: Response = send(client, DOCUMENT, &variables).await?;
        let page = response.orders;
        let (Some(first), PAGE_LEN, true) = (
            page.nodes.first(),
            page.nodes.len(),
            page.page_info.has_next_page,
        ) else {
            return Err(CallError::Protocol(format!(
                "{} orders on page {} of {sort}: the database has too few",
                page.nodes.len(),
                prepared.len() + 1
            )));
        };
        let response_start = format!(
            "{{\"data\":{{\"orders\":{{\"nodes\":[{{\"id\":\"{}\"",
            first.id
        );
        prepared.push(Prepared::new(
            request,
            variables.get().as_bytes(),
            response_start,
        ));
        after = page.page_info.end_cursor;
    }
    Ok(prepared)
}
