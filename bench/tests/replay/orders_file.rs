//! The file of orders: the real one to the cent, and every kind of invalid file.

use std::path::Path;

use fritzy_bench::replay::{FieldProblem, OrderBook, OrdersFileError, Totals};
use fritzy_bench::{Cents, MoneyError};

const HEADER: &str =
    "order_ref,account_ref,placed_on,product_ref,product_name,quantity,unit_price\n";

fn sample() -> OrderBook {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/orders_sample.csv");
    OrderBook::open(&path).expect("the sample is valid")
}

fn read(lines: &str) -> Result<OrderBook, OrdersFileError> {
    OrderBook::read(format!("{HEADER}{lines}").as_bytes())
}

/// Line, column and problem of the rejected field.
fn field_error(lines: &str) -> (u64, &'static str, FieldProblem) {
    match read(lines) {
        Err(OrdersFileError::Field {
            line,
            column,
            problem,
        }) => (line, column, problem),
        other => panic!("not a rejected field: {other:?}"),
    }
}

#[test]
fn sample_has_the_known_totals() {
    let book = sample();
    assert_eq!(
        book.totals(),
        Totals {
            accounts: 2357,
            products: 1456,
            orders: 6919,
            units: 16_479,
            total: Cents::new(24_409_194),
        }
    );
    let first = &book.orders[0];
    assert_eq!(first.reference, "o000000");
    assert_eq!(book.accounts[first.account], "c00004");
    assert_eq!(first.placed_on, "1997-01-01");
    assert_eq!(first.total, Cents::new(1466 + 1467));
    assert_eq!(book.products[first.lines[1].product].price_text, "14.67");
    let lines: usize = book.orders.iter().map(|order| order.lines.len()).sum();
    assert_eq!(lines, 8727);
}

#[test]
fn first_orders_keep_only_their_accounts_and_products() {
    let book = sample();
    let part = book.first_orders(3);
    assert_eq!(part.orders.len(), 3);
    for (whole, part_order) in book.orders.iter().zip(&part.orders) {
        assert_eq!(whole.reference, part_order.reference);
        assert_eq!(whole.total, part_order.total);
        let account = &part.accounts[part_order.account];
        assert_eq!(*account, book.accounts[whole.account]);
        for (line, part_line) in whole.lines.iter().zip(&part_order.lines) {
            let (product, part_product) = (
                &book.products[line.product],
                &part.products[part_line.product],
            );
            assert_eq!(product.reference, part_product.reference);
        }
    }
    let lines: usize = part.orders.iter().map(|order| order.lines.len()).sum();
    assert!(part.products.len() <= lines);
    assert!(part.accounts.len() <= 3);
    assert_eq!(book.first_orders(usize::MAX).totals(), book.totals());
}

#[test]
fn columns_and_lines_may_be_in_any_order() {
    let text = "unit_price,note,order_ref,account_ref,placed_on,product_ref,product_name,quantity\r\n\
                1.5,x,o1,c1,2000-02-29,p1,\"Pen, red\",2\r\n\
                2,x,o2,c1,2000-03-01,p2,Ink,1\r\n\
                2.00,x,o1,c1,2000-02-29,p2,Ink,3\r\n";
    let book = OrderBook::read(text.as_bytes()).expect("valid");
    assert_eq!(book.products[0].name, "Pen, red");
    assert_eq!(book.orders[0].lines.len(), 2);
    assert_eq!(book.orders[0].total, Cents::new(300 + 600));
    assert_eq!(book.products[1].price_text, "2", "the first text is kept");
    assert_eq!(book.accounts, ["c1"]);
}

#[test]
fn header_without_each_column_once_is_rejected() {
    let without = HEADER.replace("quantity", "qty");
    let error = OrderBook::read(without.as_bytes()).expect_err("no quantity");
    assert_eq!(
        error.to_string(),
        "line 1: column quantity is missing from the header"
    );
    let twice = HEADER.replace("unit_price", "unit_price,quantity");
    let error = OrderBook::read(twice.as_bytes()).expect_err("two quantities");
    assert!(matches!(
        error,
        OrdersFileError::RepeatedColumn { column: "quantity" }
    ));
    let nothing = OrderBook::read(&b""[..]).expect_err("no header");
    assert!(matches!(
        nothing,
        OrdersFileError::MissingColumn {
            column: "order_ref"
        }
    ));
    assert!(matches!(read(""), Err(OrdersFileError::Empty)));
    let absent = OrderBook::open(Path::new("/nowhere/orders.csv")).expect_err("no file");
    assert!(matches!(absent, OrdersFileError::Open(_)), "{absent}");
}

#[test]
fn invalid_field_is_rejected_with_line_and_column() {
    let cases: [(&str, &str, FieldProblem); 11] = [
        (
            ",c1,2000-01-01,p1,Pen,1,1.00",
            "order_ref",
            FieldProblem::Missing,
        ),
        (
            "o1,,2000-01-01,p1,Pen,1,1.00",
            "account_ref",
            FieldProblem::Missing,
        ),
        (
            "o1,c1,2000-02-30,p1,Pen,1,1.00",
            "placed_on",
            FieldProblem::NotADay("2000-02-30".into()),
        ),
        (
            "o1,c1,1900-02-29,p1,Pen,1,1.00",
            "placed_on",
            FieldProblem::NotADay("1900-02-29".into()),
        ),
        (
            "o1,c1,2000-01-01,,Pen,1,1.00",
            "product_ref",
            FieldProblem::Missing,
        ),
        (
            "o1,c1,2000-01-01,p1,,1,1.00",
            "product_name",
            FieldProblem::Missing,
        ),
        (
            "o1,c1,2000-01-01,p1,Pen,one,1.00",
            "quantity",
            FieldProblem::NotAQuantity("one".into()),
        ),
        (
            "o1,c1,2000-01-01,p1,Pen,1.5,1.00",
            "quantity",
            FieldProblem::NotAQuantity("1.5".into()),
        ),
        (
            "o1,c1,2000-01-01,p1,Pen,0,1.00",
            "quantity",
            FieldProblem::QuantityBelowOne(0),
        ),
        (
            "o1,c1,2000-01-01,p1,Pen,-2,1.00",
            "quantity",
            FieldProblem::QuantityBelowOne(-2),
        ),
        (
            "o1,c1,2000-01-01,p1,Pen,1,1.005",
            "unit_price",
            MoneyError::FractionOfACent("1.005".into()).into(),
        ),
    ];
    for (text, column, problem) in cases {
        let lines = format!("o0,c0,2000-01-01,p0,Pad,1,0.00\n{text}\n");
        assert_eq!(field_error(&lines), (3, column, problem), "{text}");
    }
}

#[test]
fn contradicting_lines_are_rejected() {
    let contradiction = |entry: &str, before: &str, found: &str| FieldProblem::Contradiction {
        entry: entry.into(),
        before: before.into(),
        found: found.into(),
    };
    let repeated = FieldProblem::RepeatedProduct {
        order: "o1".into(),
        product: "p1".into(),
    };
    let day = contradiction("o1", "2000-01-01", "2000-01-02");
    for (text, column, problem) in [
        (
            "o1,c2,2000-01-01,p2,Ink,1,1.00",
            "account_ref",
            contradiction("o1", "c1", "c2"),
        ),
        ("o1,c1,2000-01-02,p2,Ink,1,1.00", "placed_on", day),
        (
            "o2,c1,2000-01-01,p1,Pencil,1,1.00",
            "product_name",
            contradiction("p1", "Pen", "Pencil"),
        ),
        (
            "o2,c1,2000-01-01,p1,Pen,1,1.01",
            "unit_price",
            contradiction("p1", "1.00", "1.01"),
        ),
        ("o1,c1,2000-01-01,p1,Pen,1,1.00", "product_ref", repeated),
    ] {
        let lines = format!("o1,c1,2000-01-01,p1,Pen,1,1.00\r\n{text}\r\n");
        assert_eq!(field_error(&lines), (3, column, problem), "{text}");
    }
}

#[test]
fn order_total_above_the_api_limit_is_rejected() {
    let lines = "o1,c1,2000-01-01,p1,Mine,1,99999999999.99\no1,c1,2000-01-01,p2,Pen,1,0.01\n";
    let too_large = FieldProblem::TotalTooLarge { order: "o1".into() };
    assert_eq!(field_error(lines), (3, "unit_price", too_large));
    let other_orders = lines.replace("\no1", "\no2");
    let book = read(&other_orders).expect("each order is within the limit");
    assert_eq!(book.totals().total, Cents::new(10_000_000_000_000));
}

#[test]
fn invalid_csv_is_rejected_with_its_line() {
    let error = read("o1,c1,2000-01-01,p1,Pen,1,1.00\no2,c1,2000-01-01\n").expect_err("short");
    assert!(
        matches!(error, OrdersFileError::Malformed { line: 3, .. }),
        "{error}"
    );
    let bytes = [HEADER.as_bytes(), b"o1,c1,2000-01-01,p1,P\xffn,1,1.00\n"].concat();
    let error = OrderBook::read(&bytes[..]).expect_err("not UTF-8");
    assert!(
        matches!(error, OrdersFileError::Malformed { line: 2, .. }),
        "{error}"
    );
    let empty_lines = "\r\n\r\no1,c1,2000-01-01,p1,Pen,1,1.00\r\n\r\n\r\no2,c1,2000-01-01\r\n";
    let error = read(empty_lines).expect_err("short");
    assert_eq!(error.to_string(), "line 7: 3 fields, but the header has 7");
    let quoted = "o1,c1,2000-01-01,p1,\"Pen\nand ink\",1,1.00\no2,c1,2000-01-01,p2,Ink,0,1.00\n";
    assert_eq!(field_error(quoted).0, 4);
}
