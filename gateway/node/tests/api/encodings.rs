//! Compressed responses and requests.

use std::io::{Read as _, Write as _};

use fritzy_node::Switch;
use fritzy_testbed_shop::RESPONSE_TIME_MAX;
use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::node::TestNode;
use crate::wire::RawResponse;

/// Many fields that are alike: some 100 bytes each.
fn fields(count: usize) -> String {
    let fields: String = (0..count)
        .map(|n| format!("field_with_a_long_name_{n}: __typename "))
        .collect();
    json!({ "query": format!("{{ {fields} }}") }).to_string()
}

async fn post(node: &TestNode, headers: &str, body: &[u8]) -> RawResponse {
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n{headers}\r\n",
        body.len()
    );
    RawResponse::of(node.address(), &[head.as_bytes(), body].concat()).await
}

fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    decoder.read_to_string(&mut text).expect("gzip");
    text
}

fn unbrotli(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut decoder = brotli::Decompressor::new(bytes, 4_096);
    decoder.read_to_string(&mut text).expect("br");
    text
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).expect("in memory");
    encoder.finish().expect("in memory")
}

#[tokio::test(flavor = "multi_thread")]
async fn large_responses_are_compressed_as_accepted() {
    let node = TestNode::start().await;
    let plain = post(&node, "", fields(190).as_bytes()).await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept, accept-encoding"));
    let text = String::from_utf8(plain.body).expect("UTF-8");
    for (accept, encoding) in [
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip;q=0.5, br;q=0.1", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("identity;q=0, gzip", "gzip"),
    ] {
        let headers = format!("accept-encoding: {accept}\r\n");
        let response = post(&node, &headers, fields(190).as_bytes()).await;
        assert_eq!(response.header("content-encoding"), Some(encoding));
        assert_eq!(response.header("vary"), Some("accept, accept-encoding"));
        let length = response.body.len().to_string();
        assert_eq!(response.header("content-length"), Some(&*length));
        assert!(response.body.len() < text.len() / 3, "{length} bytes");
        let restored = match encoding {
            "br" => unbrotli(&response.body),
            _ => gunzip(&response.body),
        };
        assert_eq!(restored, text, "{accept}");
    }
    for accept in ["", "deflate", "gzip;q=0, br;q=0", "identity, gzip;q=0.5"] {
        let headers = format!("accept-encoding: {accept}\r\n");
        let response = post(&node, &headers, fields(190).as_bytes()).await;
        assert_eq!(response.header("content-encoding"), None, "{accept}");
        assert_eq!(response.body, text.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_responses_are_compressed_only_when_required() {
    let node = TestNode::start().await;
    let body = fields(1);
    let headers = "accept-encoding: gzip, br\r\n";
    let small = post(&node, headers, body.as_bytes()).await;
    assert_eq!(small.header("content-encoding"), None);
    let headers = "accept-encoding: gzip, identity;q=0\r\n";
    let required = post(&node, headers, body.as_bytes()).await;
    assert_eq!(required.header("content-encoding"), Some("gzip"));
    assert_eq!(gunzip(&required.body).as_bytes(), small.body);
    // An error as well.
    let refused = post(&node, headers, b"{}").await;
    assert_eq!(refused.status, 400);
    assert!(gunzip(&refused.body).contains("BAD_REQUEST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn request_without_any_acceptable_encoding_is_not_executed() {
    let node = TestNode::start().await;
    let body = json!({ "query": r#"mutation { createAccount(account: { name: "Ada" }) { id } }"# });
    for accept in ["identity;q=0", "*;q=0", "identity;q=0, deflate"] {
        let headers = format!("accept-encoding: {accept}\r\n");
        let response = post(&node, &headers, body.to_string().as_bytes()).await;
        assert_eq!(response.status, 406, "{accept}");
        assert!(response.text().contains("NOT_ACCEPTABLE"));
    }
    let accounts = node.api.run("{ accounts { id } }").await;
    assert_eq!(accounts.data("/accounts"), json!([]));
}

/// It is compressed while it is sent, in parts.
#[tokio::test(flavor = "multi_thread")]
async fn response_of_megabytes_is_compressed() {
    let node = TestNode::start().await;
    let schema = "__schema { types { name description fields { name description } } }";
    let query: String = (0..100).map(|n| format!("a{n}: {schema} ")).collect();
    let body = json!({ "query": format!("{{ {query} }}") }).to_string();
    let plain = post(&node, "", body.as_bytes()).await;
    let text = plain.text();
    assert!(text.len() > 1_000_000, "{} bytes", text.len());
    for encoding in ["gzip", "br"] {
        let headers = format!("accept-encoding: {encoding}\r\n");
        let response = post(&node, &headers, body.as_bytes()).await;
        assert_eq!(response.header("content-encoding"), Some(encoding));
        assert!(response.body.len() < text.len() / 5);
        let restored = match encoding {
            "br" => unbrotli(&response.body),
            _ => gunzip(&response.body),
        };
        assert!(restored == text, "{encoding}: {} bytes", restored.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compression_is_switched_off_by_a_setting() {
    let node = TestNode::start_with(|settings| settings.front.compression = Switch::Off).await;
    let headers = "accept-encoding: gzip\r\n";
    let response = post(&node, headers, fields(190).as_bytes()).await;
    assert_eq!(response.header("content-encoding"), None);
    // Requests are another matter.
    let body = gzip(fields(1).as_bytes());
    let response = post(&node, "content-encoding: gzip\r\n", &body).await;
    assert_eq!(response.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn gzipped_request_is_executed() {
    let node = TestNode::start().await;
    let body = gzip(fields(150).as_bytes());
    for name in ["gzip", "GZIP", "x-gzip"] {
        let headers = format!("content-encoding: {name}\r\n");
        let response = post(&node, &headers, &body).await;
        assert_eq!(response.status, 200, "{name}");
        let json: Value = serde_json::from_slice(&response.body).expect("JSON");
        assert_eq!(json["data"]["field_with_a_long_name_149"], "Query");
    }
    let identity = "content-encoding: identity\r\n";
    let response = post(&node, identity, fields(1).as_bytes()).await;
    assert_eq!(response.status, 200);
    // Two members are one text (RFC 1952).
    let text = fields(2);
    let (head, tail) = text.as_bytes().split_at(20);
    let members = [gzip(head), gzip(tail)].concat();
    let response = post(&node, "content-encoding: gzip\r\n", &members).await;
    assert_eq!(response.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_request_encodings_are_refused() {
    let node = TestNode::start().await;
    for headers in [
        "content-encoding: br\r\n",
        "content-encoding: deflate\r\n",
        "content-encoding: gzip, gzip\r\n",
        "content-encoding: gzip\r\ncontent-encoding: gzip\r\n",
        "content-encoding: nope\r\n",
    ] {
        let response = post(&node, headers, &gzip(fields(1).as_bytes())).await;
        assert_eq!(response.status, 415, "{headers}");
        assert!(response.text().contains("UNSUPPORTED_MEDIA_TYPE"));
        assert_eq!(response.header("accept-encoding"), Some("gzip"));
    }
    let whole = gzip(fields(100).as_bytes());
    let cut = &whole[..whole.len() - 9];
    let spoiled = [&whole[..], b"garbage"].concat();
    for body in [b"{}".as_slice(), b"", cut, &spoiled] {
        let response = post(&node, "content-encoding: gzip\r\n", body).await;
        assert_eq!(response.status, 400, "{body:?}");
        assert!(response.text().contains("BAD_REQUEST"));
    }
}

/// The limit counts what a body becomes. A bomb of half a gigabyte is cut off after a megabyte.
#[tokio::test(flavor = "multi_thread")]
async fn gzip_bomb_is_cut_off_at_the_limit() {
    const LIMIT: usize = 1_048_576;
    let node = TestNode::start().await;
    let padded = |bytes: usize| {
        let text = fields(1);
        let spaces = " ".repeat(bytes - text.len());
        text + &spaces
    };
    let fits = gzip(padded(LIMIT).as_bytes());
    let response = post(&node, "content-encoding: gzip\r\n", &fits).await;
    assert_eq!(response.status, 200);
    let over = gzip(padded(LIMIT + 1).as_bytes());
    // Half a gigabyte, as members of a megabyte each: what was sent exceeds no limit.
    let bomb = gzip(&vec![b' '; LIMIT]).repeat(500);
    assert!(bomb.len() < LIMIT, "{} bytes", bomb.len());
    for body in [over, bomb] {
        let began = Instant::now();
        let response = post(&node, "content-encoding: gzip\r\n", &body).await;
        assert_eq!(StatusCode::PAYLOAD_TOO_LARGE, response.status);
        assert!(response.text().contains("PAYLOAD_TOO_LARGE"));
        assert!(
            began.elapsed() < RESPONSE_TIME_MAX / 4,
            "{:?}",
            began.elapsed()
        );
    }
}
