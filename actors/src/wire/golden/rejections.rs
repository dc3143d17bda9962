//! Every rejection and every flaw.

use fritzy_domain::{Currency, EntityId, Flaw, Kind, OrderStatus, Rejection};
use fritzy_testbed::{require_all, variants};

use super::{ACCOUNT, PRODUCT, Samples, inside, samples, statuses, values};

fn flaws() -> Samples<Flaw> {
    let flaws = samples([
        ("Empty", Flaw::Empty),
        ("TooLong", Flaw::TooLong { max: 300 }),
        ("TooManyBytes", Flaw::TooManyBytes { max: 255 }),
        (
            "NothingToChange",
            Flaw::NothingToChange { or: "name".into() },
        ),
        ("ControlCharacter", Flaw::ControlCharacter),
        ("NotAnId", Flaw::NotAnId),
        ("NotANumber", Flaw::NotANumber),
        ("Negative", Flaw::Negative),
        (
            "TooManyDecimals",
            Flaw::TooManyDecimals {
                max: 2,
                currency: Currency::USD,
            },
        ),
        ("AmountTooLarge", Flaw::AmountTooLarge),
        ("UnknownCurrency", Flaw::UnknownCurrency),
        ("OutOfRange", Flaw::OutOfRange { min: -1, max: 500 }),
        ("Repeated", Flaw::Repeated),
        ("NotACursor", Flaw::NotACursor),
        (
            "NotWith",
            Flaw::NotWith {
                other: "last".into(),
            },
        ),
        ("TooMany", Flaw::TooMany { max: 100 }),
        ("NotAnEntity", Flaw::NotAnEntity),
        ("NotAKey", Flaw::NotAKey),
        ("RepeatedKey", Flaw::RepeatedKey),
    ]);
    let all = variants!(Flaw: Empty, TooLong, TooManyBytes, NothingToChange, ControlCharacter,
        NotAnId, NotANumber, Negative, TooManyDecimals, AmountTooLarge, UnknownCurrency, OutOfRange,
        Repeated, NotACursor, NotWith, TooMany, NotAnEntity, NotAKey, RepeatedKey);
    require_all(all, values(&flaws));
    flaws
}

fn kinds() -> Samples<Kind> {
    let kinds = samples([
        ("Account", Kind::Account),
        ("Product", Kind::Product),
        ("Order", Kind::Order),
    ]);
    require_all(variants!(Kind: Account, Product, Order), values(&kinds));
    kinds
}

pub(super) fn rejections() -> Samples<Rejection> {
    let field = || "field".to_owned();
    let mut rejections = inside("Invalid", flaws(), |flaw| Rejection::invalid("field", flaw));
    rejections.extend(inside("NotFound", kinds(), |kind| Rejection::NotFound {
        field: field(),
        kind,
        id: "id".into(),
    }));
    rejections.extend(inside("IllegalTransition", statuses(), |to| {
        Rejection::IllegalTransition {
            from: OrderStatus::Completed,
            to,
        }
    }));
    let nothing = Rejection::NothingFound {
        field: field(),
        id: "id".into(),
    };
    let mismatch = Rejection::CurrencyMismatch {
        field: field(),
        expected: Currency::USD,
        found: "JPY".parse().expect("a currency"),
    };
    let closed = Rejection::AccountClosed {
        field: field(),
        id: ACCOUNT,
    };
    let withdrawn = Rejection::ProductWithdrawn {
        field: field(),
        id: PRODUCT,
    };
    let other_version = Rejection::VersionMismatch {
        expected: 1,
        found: 300,
    };
    let taken = Rejection::AlreadyTaken {
        field: field(),
        holder: EntityId::Account(ACCOUNT),
    };
    rejections.extend(samples([
        ("NothingFound", nothing),
        ("CurrencyMismatch", mismatch),
        ("AccountClosed", closed),
        ("ProductWithdrawn", withdrawn),
        ("VersionMismatch", other_version),
        ("KeyReused", Rejection::KeyReused),
        (
            "AnswerTooLarge",
            Rejection::AnswerTooLarge { bytes_max: 1 << 20 },
        ),
        ("AlreadyTaken", taken),
    ]));
    let all = variants!(Rejection: Invalid, NotFound, NothingFound, IllegalTransition,
        CurrencyMismatch, AccountClosed, ProductWithdrawn, VersionMismatch, KeyReused,
        AnswerTooLarge, AlreadyTaken);
    require_all(all, values(&rejections));
    rejections
}
