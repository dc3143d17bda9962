//! A mock node in memory that serves GraphQL correctly, except for injected faults.
//!
//! It supports only the documents of the replay, by their operation names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The fault of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Closes the connection without execution.
    DropBefore,
    /// Closes the connection after execution.
    DropAfter,
    /// Closes the connection after execution, in the middle of the response.
    DropWithin,
    /// As `DropAfter`, and forgets the idempotency key.
    DropAndForgetKey,
    /// Keeps the connection open and never responds.
    Hang,
    /// An HTTP status without execution.
    Status(u16),
    /// A GraphQL error with this code, without execution.
    Code(&'static str),
    /// Acknowledged but not stored.
    Lose,
    /// Stored twice, under two ids.
    Double,
    /// Stored correctly; the response has a cent too much.
    CentInResponse,
    /// Stored with a cent too much.
    CentKept,
    /// Stored with one more unit of the first line and the right total.
    OneUnitMore,
    /// Stored without its last line and with the right total.
    LineLost,
    /// Stored with its first line twice and the right total.
    LineTwice,
    /// Stored under the account that was created first.
    OtherAccount,
    /// Stored under a name with a suffix.
    OtherName,
    /// Returns the id of the entry that was created first.
    FirstId,
    /// Ignores the requested page and returns the first.
    FirstPage,
    /// Returns `null` without an error.
    Null,
}

/// One request, as the choice of faults sees it.
pub(crate) struct Seen<'a> {
    /// The operation's name: `CreateOrder`.
    pub(crate) operation: &'a str,
    /// The idempotency key of a creation, the id of a read.
    pub(crate) key: &'a str,
    /// How often this operation was received with this key before.
    pub(crate) earlier: usize,
    /// How many requests were received before.
    pub(crate) serial: usize,
}

type Choice = Box<dyn Fn(&Seen<'_>) -> Option<Fault> + Send + Sync>;

/// A running mock node; stopped when dropped.
pub(crate) struct MockNode {
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    kept: Mutex<Kept>,
    choice: Choice,
}

#[derive(Default)]
struct Kept {
    accounts: Vec<Value>,
    products: Vec<Value>,
    orders: Vec<Value>,
    responses: HashMap<String, Value>,
    received_before: HashMap<(String, String), usize>,
    requests: usize,
    bodies: Vec<String>,
}

impl MockNode {
    pub(crate) async fn start(
        choice: impl Fn(&Seen<'_>) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/graphql", listener.local_addr().expect("bound"));
        let shared = Arc::new(Shared {
            kept: Mutex::default(),
            choice: Box::new(choice),
        });
        let for_connections = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, Arc::clone(&for_connections)));
            }
        });
        Self { url, shared, task }
    }

    /// The number of stored accounts, products and orders.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let kept = self.shared.kept.lock().expect("no panic");
        (kept.accounts.len(), kept.products.len(), kept.orders.len())
    }

    /// Whether the body of a request contained this text.
    pub(crate) fn received(&self, text: &str) -> bool {
        let kept = self.shared.kept.lock().expect("no panic");
        kept.bodies.iter().any(|body| body.contains(text))
    }
}

impl Drop for MockNode {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufStream::new(stream);
    while let Some(body) = request_body(&mut stream).await {
        let (fault, status, response) = shared.execute(&body);
        match fault {
            Some(Fault::DropBefore | Fault::DropAfter | Fault::DropAndForgetKey) => return,
            Some(Fault::Hang) => return std::future::pending().await,
            _ => {}
        }
        let head = format!(
            "HTTP/1.1 {status} Mock\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            response.len()
        );
        let whole = format!("{head}{response}");
        let within = head.len() + response.len() / 2;
        let sent = if fault == Some(Fault::DropWithin) {
            within
        } else {
            whole.len()
        };
        let written = stream.write_all(&whole.as_bytes()[..sent]).await;
        if written.is_err() || stream.flush().await.is_err() || sent < whole.len() {
            return;
        }
    }
}

/// The body of the next request of a connection; `None` at its end.
async fn request_body(stream: &mut BufStream<TcpStream>) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(String::from_utf8(body).expect("JSON is UTF-8"))
}

impl Shared {
    /// Executes one request. Returns the fault that the connection must cause, the status, and the
    /// body of the response.
    fn execute(&self, body: &str) -> (Option<Fault>, u16, String) {
        let mut kept = self.kept.lock().expect("no panic");
        kept.bodies.push(body.to_owned());
        let request: Value = serde_json::from_str(body).expect("a JSON body");
        let document = request["query"].as_str().expect("a document");
        let operation = document
            .split([' ', '('])
            .nth(1)
            .expect("an operation's name");
        let variables = &request["variables"];
        let key = if document.starts_with("mutation") {
            "idempotencyKey"
        } else {
            "id"
        };
        let key = variables[key].as_str().expect("a key or an id");

        let received_before = kept
            .received_before
            .entry((operation.to_owned(), key.to_owned()))
            .or_default();
        let earlier = *received_before;
        *received_before += 1;
        let serial = kept.requests;
        kept.requests += 1;
        let fault = (self.choice)(&Seen {
            operation,
            key,
            earlier,
            serial,
        });

        let error = |code: &str| json!({"data": null, "errors": [{"message": "injected", "path": [operation], "extensions": {"code": code}}]});
        match fault {
            Some(Fault::DropBefore | Fault::Hang) => (fault, 0, String::new()),
            Some(Fault::Status(status)) => (fault, status, "injected".to_owned()),
            Some(Fault::Code(code)) => (fault, 200, error(code).to_string()),
            _ => {
                let response = kept.response(operation, key, variables, fault);
                let response = response.map_or_else(error, |data| json!({ "data": data }));
                (fault, 200, response.to_string())
            }
        }
    }
}

impl Kept {
    fn response(
        &mut self,
        operation: &str,
        key: &str,
        variables: &Value,
        fault: Option<Fault>,
    ) -> Result<Value, &'static str> {
        let field = match operation {
            "ReadAccount" => return Ok(self.read_account(key, &variables["pagination"], fault)),
            "ReadProduct" => return Ok(json!({"products": with_id(&self.products, key)})),
            "CreateAccount" => "createAccount",
            "CreateProduct" => "createProduct",
            "CreateOrder" => "createOrder",
            _ => return Err("GRAPHQL_VALIDATION_FAILED"),
        };
        if let Some(response) = self.responses.get(key) {
            return Ok(json!({ field: response }));
        }
        if fault == Some(Fault::Null) {
            return Ok(json!({ field: null }));
        }
        let mut entry = match operation {
            "CreateAccount" => json!({"name": variables["account"]["name"]}),
            "CreateProduct" => product(&variables["product"]),
            _ => self.order(&variables["order"])?,
        };
        let mut response = self.keep(operation, &mut entry, fault);
        if fault == Some(Fault::CentInResponse) {
            response["totalPrice"] = json!(cents(&response["totalPrice"]) as f64 / 100.0 + 0.01);
        }
        if fault != Some(Fault::DropAndForgetKey) {
            self.responses.insert(key.to_owned(), response.clone());
        }
        Ok(json!({ field: response }))
    }

    /// Stores a new entry with the fault applied; returns the response.
    fn keep(&mut self, operation: &str, entry: &mut Value, fault: Option<Fault>) -> Value {
        let first_account = self.accounts.first().map(|account| account["id"].clone());
        let entries = match operation {
            "CreateAccount" => &mut self.accounts,
            "CreateProduct" => &mut self.products,
            _ => &mut self.orders,
        };
        let prefix = operation.trim_start_matches("Create");
        let copies = match fault {
            Some(Fault::Lose | Fault::FirstId) => 0,
            Some(Fault::Double) => 2,
            _ => 1,
        };
        entry["id"] = match fault {
            Some(Fault::FirstId) => entries[0]["id"].clone(),
            Some(Fault::Lose) => json!(format!("{prefix}-lost")),
            _ => json!(format!("{prefix}-{}", entries.len())),
        };
        let response = entry.clone();
        apply_fault(entry, fault, first_account);
        for copy in 0..copies {
            if copy > 0 {
                entry["id"] = json!(format!("{prefix}-{}", entries.len()));
            }
            entries.push(entry.clone());
        }
        response
    }

    fn order(&self, input: &Value) -> Result<Value, &'static str> {
        let lines = input["products"].as_array().ok_or("BAD_USER_INPUT")?;
        let mut total = 0;
        let mut products = Vec::new();
        for line in lines {
            let id = line["productId"].as_str().ok_or("BAD_USER_INPUT")?;
            let quantity = line["quantity"].as_i64().ok_or("BAD_USER_INPUT")?;
            let mut product = with_id(&self.products, id)
                .pop()
                .ok_or("PRODUCT_NOT_FOUND")?;
            total += cents(&product["price"]) * quantity;
            product["quantity"] = json!(quantity);
            products.push(product);
        }
        let account = input["accountId"].as_str().ok_or("BAD_USER_INPUT")?;
        if with_id(&self.accounts, account).is_empty() {
            return Err("ACCOUNT_NOT_FOUND");
        }
        Ok(json!({
            "accountId": account,
            "totalPrice": total as f64 / 100.0,
            "totalMoney": money(total),
            "products": products,
        }))
    }

    fn read_account(&self, id: &str, pagination: &Value, fault: Option<Fault>) -> Value {
        let number = |name: &str| usize::try_from(pagination[name].as_u64().expect("a number"));
        let (skip, take) = (number("skip").expect("fits"), number("take").expect("fits"));
        let skip = if fault == Some(Fault::FirstPage) {
            0
        } else {
            skip
        };
        let mut accounts = with_id(&self.accounts, id);
        for account in &mut accounts {
            let orders = self.orders.iter().filter(|order| order["accountId"] == id);
            account["orders"] = orders.skip(skip).take(take).cloned().collect();
        }
        json!({ "accounts": accounts })
    }
}

fn product(input: &Value) -> Value {
    let mut product = input.clone();
    product["priceMoney"] = money(cents(&input["price"]));
    product
}

fn apply_fault(entry: &mut Value, fault: Option<Fault>, first_account: Option<Value>) {
    match fault {
        Some(Fault::CentKept) => {
            let (price, money) = if entry["totalPrice"].is_null() {
                ("price", "priceMoney")
            } else {
                ("totalPrice", "totalMoney")
            };
            let wrong = cents(&entry[price]) + 1;
            entry[price] = json!(wrong as f64 / 100.0);
            entry[money] = self::money(wrong);
        }
        Some(Fault::OneUnitMore) => {
            let quantity = entry["products"][0]["quantity"].as_i64().expect("a line");
            entry["products"][0]["quantity"] = json!(quantity + 1);
        }
        Some(Fault::LineLost) => {
            entry["products"].as_array_mut().expect("lines").pop();
        }
        Some(Fault::LineTwice) => {
            let lines = entry["products"].as_array_mut().expect("lines");
            lines.push(lines[0].clone());
        }
        Some(Fault::OtherAccount) => entry["accountId"] = first_account.expect("an account"),
        Some(Fault::OtherName) => {
            entry["name"] = json!(format!("{} too", entry["name"].as_str().expect("a name")));
        }
        _ => {}
    }
}

fn money(cents: i64) -> Value {
    json!({"amount": format!("{}.{:02}", cents / 100, cents % 100), "currency": "USD", "minorUnits": cents})
}

/// Exact for the mock's small prices.
fn cents(price: &Value) -> i64 {
    (price.as_f64().expect("a price") * 100.0).round() as i64
}

fn with_id(entries: &[Value], id: &str) -> Vec<Value> {
    entries
        .iter()
        .filter(|entry| entry["id"] == id)
        .cloned()
        .collect()
}
