//! The pure core of the shop: ids, money, the rules of accounts, products and orders, and the ports
//! that the outer crates implement.
//!
//! No code of this crate reads a clock, draws a random number, waits, or accesses files or sockets:
//! time and ids are arguments. So every rule is tested by calling it, and the same events always
//! fold to the same state. The crate's `clippy.toml` enforces this.

mod account;
mod annotations;
mod arguments;
mod code;
mod currency;
mod decider;
mod entity;
mod flaw;
mod history;
mod id;
mod idempotency;
mod kind;
mod money;
mod order;
mod ports;
mod position;
mod product;
mod rejection;
mod text;

pub use account::{
    Account, AccountAnnotated, AccountClosed, AccountCommand, AccountCreated, AccountEvent,
    AccountPersonal, AccountRenamed,
};
pub use annotations::{
    Annotations, AnnotationsChange, AnnotationsInput, EXTERNAL_REFERENCE_CHARS_MAX,
    ExternalReference, METADATA_BYTES_MAX, METADATA_ENTRIES_MAX, METADATA_KEY_CHARS_MAX,
    METADATA_VALUE_CHARS_MAX, Metadata, MetadataChange, ReferenceChange,
};
pub use arguments::Argument;
pub use code::Code;
pub use currency::Currency;
pub use decider::{DecisionContext, Entity};
pub use entity::{Command, Event, EventDecodeError, State, check_version, fold};
pub use flaw::Flaw;
pub use id::{AccountId, CommandId, EntityId, EventId, OrderId, ProductId};
pub use idempotency::{
    Fingerprint, FingerprintBuilder, IDEMPOTENCY_KEY_BYTES_MAX, KeyScope, check_key,
};
pub use kind::Kind;
pub use money::{MINOR_UNITS_END, Money};
pub use order::{
    LINES_MAX, Order, OrderAnnotated, OrderCancelled, OrderCommand, OrderCompleted, OrderConfirmed,
    OrderCreated, OrderEvent, OrderLine, OrderStatus, PlaceOrder, QUANTITY_MAX, QuotedLine,
    RequestedLine, check_lines,
};
pub use ports::{
    Append, AppendError, AppendOutcome, Appending, COUNTED_MAX, CommandRecord, CommitFeed,
    Committed, Consistency, ConsistencyToken, Cursor, CursorMove, Cursors, FeedItem, Generation,
    GenerationStart, Generations, HeapSize, InvalidToken, Journal, JournalReader, JournalWriter,
    KeysetPage, LOOKED_AT_MAX, ListCounts, MemoryBudget, OrderFilter, OrderInterval, OrderKey,
    OrderListPage, OrderLists, OrderSlice, OrderSort, OrderTimes, Page, PrimaryOnly, ProductIndex,
    ProductQuery, ReadModel, ReadReplicas, RecordedEvent, RowCount, SearchError, SortKey, Stored,
    TopicBinding, TopicBindings, TotalKey, TotalRange, UnlimitedBudget,
};
pub use position::{Position, Version};
pub use product::{
    Product, ProductAnnotated, ProductCommand, ProductCreated, ProductEvent, ProductRepriced,
    ProductUpdated, ProductWithdrawn, Quote,
};
pub use rejection::Rejection;
pub use text::{DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, REASON_CHARS_MAX};
