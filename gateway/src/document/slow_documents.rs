//! Documents built to be slow, of up to 64 KB. Release builds take under 50 ms for each of them;
//! `cargo test --release -p fritzy-gateway slow -- --nocapture` prints the times.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use async_graphql::Variables;
use serde_json::json;

use super::documents::Documents;
use super::lexical_limits::{TOKENS_MAX, count_tokens};
use crate::graphql::schema_text;

const BYTES_MAX: usize = 64 << 10;
/// Unoptimized code on a busy machine. What grows faster than the text takes minutes.
const TIME_MAX: Duration = Duration::from_secs(5);

/// As many pieces as a document with this start and end may have: more would be refused at once.
fn fill(start: &str, piece: impl Fn(usize) -> String, end: &str) -> String {
    fill_up_to(usize::MAX, start, piece, end)
}

/// The same with at most so many pieces.
fn fill_up_to(pieces: usize, start: &str, piece: impl Fn(usize) -> String, end: &str) -> String {
    let tokens = |text: &str| count_tokens(text).unwrap_or(1);
    let mut text = start.to_owned();
    let mut left = TOKENS_MAX - tokens(start) - tokens(end);
    for number in 0..pieces {
        let piece = piece(number);
        let needed = tokens(&piece);
        if text.len() + piece.len() + end.len() > BYTES_MAX || needed > left {
            break;
        }
        left -= needed;
        text += &piece;
    }
    text + end
}

/// A chain of fields of types that nest without end.
fn chain(levels: usize, leaf: &str) -> String {
    let (open, close) = ("fields { type { ".repeat(levels), "} } ".repeat(levels));
    format!("{{ __schema {{ types {{ {open} {leaf} {close} }} }} }}")
}

fn documents() -> Vec<(&'static str, String)> {
    let operations = |count: usize, start: &str| {
        let mut text = start.to_owned();
        for number in 0..count {
            let _ = write!(text, " query Q{number}{{...F}}");
        }
        text
    };
    let tree = |depth: usize| {
        fn level(depth: usize) -> String {
            match depth {
                0 => "name".to_owned(),
                _ => {
                    let inner = level(depth - 1);
                    format!("ofType{{{inner}}} ofType{{{inner}}}")
                }
            }
        }
        format!("{{__schema{{types{{{}}}}}}}", level(depth))
    };
    let doubled = |levels: usize, last: &str| {
        let mut text = String::from("{ ...F0 }");
        for level in 0..levels {
            let next = level + 1;
            let _ = write!(
                text,
                " fragment F{level} on Query {{ ...F{next} ...F{next} }}"
            );
        }
        format!("{text} fragment F{levels} on Query {{ {last} }}")
    };
    let account_fields = |pieces: usize, piece: &dyn Fn(usize) -> String| {
        fill_up_to(pieces, "{accounts{", piece, "}}")
    };
    vec![
        ("aliases", account_fields(3_900, &|n| format!("a{n}:id "))),
        ("equal fields", account_fields(3_900, &|_| "id ".into())),
        (
            "conflicting fields",
            account_fields(3_900, &|n| ["a:id ", "a:name "][n % 2].into()),
        ),
        (
            "equal lists",
            account_fields(1_900, &|_| "orders{id}".into()),
        ),
        (
            "lists with other arguments",
            account_fields(1_900, &|n| format!("orders(pagination:{{take:{n}}}){{id}}")),
        ),
        (
            "fields that do not exist",
            account_fields(3_900, &|n| format!("accountz{n} ")),
        ),
        (
            "equal inline fragments",
            account_fields(1_900, &|_| "...{id}".into()),
        ),
        (
            "skipped fields",
            account_fields(3_900, &|_| "id@skip(if:$v)".into()),
        ),
        (
            "spreads of one fragment",
            account_fields(1_900, &|_| "...F ".into()) + " fragment F on Account{id}",
        ),
        ("inline fragments in each other", {
            format!("{{{}accounts{{id}}{}}}", "...{".repeat(60), "}".repeat(60))
        }),
        ("chains of equal fields", {
            let one = chain(13, "name");
            let one = one.trim_start_matches('{').trim_end_matches('}').to_owned() + "}";
            fill_up_to(120, "{", |_| one.clone(), "}")
        }),
        ("operations with one large fragment", {
            let fields: String = (0..90).map(|n| format!("a{n}:id ")).collect();
            operations(400, &format!("fragment F on Query{{accounts{{{fields}}}}}"))
        }),
        ("operations with one fragment of undefined variables", {
            let variables: String = (0..1_200).map(|n| format!("take:$v{n} ")).collect();
            let fragment =
                format!("fragment F on Query{{accounts(pagination:{{{variables}}}){{id}}}}");
            operations(2_800, &fragment)
        }),
        ("defined variables in one fragment of many operations", {
            let variables: String = (0..200).map(|n| format!("take:$v{n} ")).collect();
            let defined: String = (0..200).map(|n| format!("$v{n}:Int ")).collect();
            let mut text =
                format!("fragment F on Query{{accounts(pagination:{{{variables}}}){{id}}}}");
            for number in 0..26 {
                let _ = write!(text, " query Q{number}({defined}){{...F}}");
            }
            text
        }),
        ("fields", fill("{", |n| format!("a{n}:accounts{{id}}"), "}")),
        ("same fields", fill("{accounts{", |_| "id ".into(), "}}")),
        (
            "same fields with fields",
            fill("{", |_| "accounts{id}".into(), "}"),
        ),
        (
            "unknown long names",
            fill("{", |n| format!("{}{n} ", "z".repeat(200)), "}"),
        ),
        ("a tree of same fields", tree(10)),
        ("a deeper tree", tree(11)),
        ("a chain", chain(14, "name")),
        ("doubled fragments", doubled(11, "accounts { id }")),
        ("more doubled fragments", doubled(25, "accounts { id }")),
        ("doubled fragments without fields", doubled(25, "...F26")),
        ("doubled fragments in a circle", doubled(25, "...F0")),
        (
            "a long chain of fragments",
            fill(
                "{...F0}",
                |n| format!("fragment F{n} on Query{{...F{}}}", n + 1),
                "",
            ),
        ),
        ("fragments that each spread many", {
            let spreads: String = (1..60).map(|n| format!("...F{n} ")).collect();
            let mut text = format!("{{...F0}} fragment F0 on Query{{{spreads}}}");
            for n in 1..60 {
                let later: String = (n + 1..60).map(|n| format!("...F{n} ")).take(12).collect();
                let _ = write!(text, "fragment F{n} on Query{{accounts{{id}} {later}}}");
            }
            text
        }),
        (
            "inline fragments",
            fill("{", |_| "...{accounts{id}}".into(), "}"),
        ),
        (
            "unused fragments",
            fill(
                "{accounts{id}}",
                |n| format!("fragment F{n} on Query{{accounts{{id}}}}"),
                "",
            ),
        ),
        ("unknown fragments", fill("{", |n| format!("...F{n} "), "}")),
        (
            "arguments",
            fill("{accounts(", |n| format!("a{n}:1 "), "){id}}"),
        ),
        (
            "same arguments",
            fill("{accounts(", |_| "id:1 ".into(), "){id}}"),
        ),
        ("fields with many arguments", {
            let arguments: String = (0..2_000).map(|n| format!("a{n}:1 ")).collect();
            format!("{{accounts({arguments}){{id}} accounts({arguments}){{id}}}}")
        }),
        (
            "same fields with arguments",
            fill(
                "{",
                |_| "accounts(id:\"a\",pagination:{take:1}){id}".into(),
                "}",
            ),
        ),
        ("variables", {
            let used: String = (0..2_500).map(|n| format!("v{n}:$v{n} ")).collect();
            fill("query(", |n| format!("$v{n}:Int "), ")")
                + &format!("{{accounts(pagination:{{{used}}}){{id}}}}")
        }),
        (
            "unused variables",
            fill("query(", |n| format!("$v{n}:Int "), "){accounts{id}}"),
        ),
        (
            "undefined variables",
            fill(
                "{accounts(pagination:{",
                |n| format!("take:$v{n} "),
                "}){id}}",
            ),
        ),
        (
            "same variables",
            fill("query(", |_| "$v:Int ".into(), "){accounts{id}}"),
        ),
        (
            "operations",
            fill("", |n| format!("query Q{n}{{accounts{{id}}}}"), ""),
        ),
        (
            "operations of one name",
            fill("", |_| "query Q{accounts{id}}".into(), ""),
        ),
        (
            "anonymous operations",
            fill("", |_| "{accounts{id}}".into(), ""),
        ),
        ("operations that share undefined variables", {
            let variables: String = (0..1_500).map(|n| format!("take:$v{n} ")).collect();
            let fragment =
                format!("fragment F on Query{{accounts(pagination:{{{variables}}}){{id}}}}");
            operations(2_500, &fragment)
        }),
        ("operations that share many fragments", {
            let fragments: String = (0..400)
                .map(|n| format!("fragment F{n} on Query{{...F}}"))
                .collect();
            let spreads: String = (0..400).map(|n| format!("...F{n} ")).collect();
            fill(
                &format!(
                    "fragment F on Query{{accounts{{id}}}} {fragments} fragment G on Query{{{spreads}}}"
                ),
                |n| format!("query Q{n}{{...G}}"),
                "",
            )
        }),
        (
            "lists in lists",
            format!(
                "{{accounts(id:{}{}){{id}}}}",
                "[".repeat(60),
                "]".repeat(60)
            ),
        ),
        (
            "a long list",
            fill("{accounts(id:[", |_| "1 ".into(), "]){id}}"),
        ),
        (
            "input fields",
            fill("{accounts(pagination:{", |n| format!("f{n}:1 "), "}){id}}"),
        ),
        ("same fields with large objects", {
            let object: String = (0..400).map(|n| format!("f{n}:{n} ")).collect();
            fill(
                "{",
                |_| format!("accounts(pagination:{{{object}}}){{id}}"),
                "}",
            )
        }),
        (
            "directives",
            fill("{accounts{id ", |_| "@skip(if:true)".into(), "}}"),
        ),
        (
            "unknown directives",
            fill("{accounts{id ", |n| format!("@d{n} "), "}}"),
        ),
        (
            "a long string",
            format!("{{accounts(id:\"{}\"){{id}}}}", "\\u0041".repeat(10_000)),
        ),
        (
            "a block string of many lines",
            format!(
                "{{accounts(id:\"\"\"{}\"\"\"){{id}}}}",
                "\n  a".repeat(16_000)
            ),
        ),
        (
            "a line of wide characters",
            fill("{#", |_| "ä".into(), "\n accounts{id}}"),
        ),
        ("a comment", fill("{#", |_| "a".into(), "\n accounts{id}}")),
        ("spaces", fill("{", |_| " ".into(), "accounts{id}}")),
        (
            "byte order marks",
            fill("{", |_| "\u{feff}".into(), "accounts{id}}"),
        ),
        (
            "errors behind wide characters",
            fill("{", |n| format!("a{n}(id:\"ä\")"), "}"),
        ),
        ("wrong tokens", fill("{", |_| "?".into(), "}")),
        ("dollars", fill("{accounts(id:", |_| "$ ".into(), "a){id}}")),
        ("comments", fill("{", |_| "#\n".into(), "accounts{id}}")),
    ]
}

#[test]
fn slow_documents_take_little_time() {
    let documents = Documents::new(&schema_text());
    let mut slowest = (Duration::ZERO, "");
    for (name, text) in self::documents() {
        assert!(text.len() <= 2 * BYTES_MAX, "{name}: {} bytes", text.len());
        let started = Instant::now();
        let document = documents.document(&text);
        if let Ok(document) = &document
            && let Ok(operation) = document.operation(None)
        {
            let _ = documents.merged(document, operation, &Variables::default());
        }
        let took = started.elapsed();
        println!(
            "{took:>12.3?} {name} ({} bytes, {})",
            text.len(),
            if document.is_ok() { "valid" } else { "refused" }
        );
        slowest = slowest.max((took, name));
    }
    assert!(slowest.0 < TIME_MAX, "{slowest:?}");
}

/// Release builds take under 100 µs.
#[test]
fn document_of_1_kb_takes_little_time() {
    const TIMES: usize = 301;
    let documents = Documents::new(&schema_text());
    let text =
        "query Page($page: PaginationInput = { take: 10 }, $full: Boolean = false, $id: String!) {
        accounts(pagination: $page) {
            ...Name
            closed
            version
            orders(pagination: { take: 5 }) @include(if: $full) {
                ...Lines
                createdAt
                totalMoney { amount currency minorUnits }
            }
            ordersConnection(first: 20) {
                pageInfo { hasNextPage endCursor }
                edges { cursor node { id status ...Lines } }
            }
        }
        history(id: $id, pagination: { take: 100 }) { id version type commandId at data }
    }
    fragment Name on Account { id name createdAt }
    fragment Lines on Order { id status totalPrice products { id name price quantity } }";
    let mut times: Vec<Duration> = (0..TIMES)
        .map(|number| {
            // Another text each time: none is kept.
            let text = format!("{text} # {number:04}");
            let mut variables = Variables::from_json(json!({ "id": "a" }));
            let started = Instant::now();
            let document = documents.document(&text).expect("valid");
            let operation = document.operation(None).expect("one");
            documents
                .coerce(operation, &mut variables)
                .expect("values of their types");
            let merged = documents.merged(&document, operation, &variables);
            let took = started.elapsed();
            merged.expect("small");
            took
        })
        .collect();
    times.sort_unstable();
    let median = times[TIMES / 2];
    println!("{median:?} for {} bytes, the median of {TIMES}", text.len());
    assert!(median < Duration::from_millis(50), "{times:?}");
}
