-- The journal, the state rows and the owners of shards.
--
-- Ids are 16 bytes, moments are microseconds since 1970 in UTC, amounts are minor units.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who may append to a shard. `epoch` only ever grows.
CREATE TABLE shard (
    shard INTEGER PRIMARY KEY,
    owner BLOB,
    epoch INTEGER NOT NULL
) STRICT;

-- Every event that ever happened. Rows are only ever added.
CREATE TABLE journal (
    shard       INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    entity_id   BLOB    NOT NULL,
    version     INTEGER NOT NULL,
    event_id    BLOB    NOT NULL,
    event_type  TEXT    NOT NULL,
    payload     TEXT    NOT NULL,
    command_id  BLOB    NOT NULL,
    fingerprint BLOB
) STRICT;

CREATE UNIQUE INDEX journal_position ON journal (shard, position);
-- An id carries its shard, so it need not stand in the key: new ids then land side by side.
CREATE UNIQUE INDEX journal_version ON journal (entity_id, version);
CREATE INDEX journal_command ON journal (command_id);

-- State rows: the fold of each entity's events, written in their commit.

CREATE TABLE account (
    id         BLOB PRIMARY KEY,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    name       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX account_by_age ON account (created_at, id);

CREATE TABLE product (
    id          BLOB PRIMARY KEY,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    price_minor INTEGER NOT NULL,
    currency    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX product_by_age ON product (created_at, id);

CREATE TABLE customer_order (
    id            BLOB PRIMARY KEY,
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    account_id    BLOB    NOT NULL,
    status        TEXT    NOT NULL,
    total_minor   INTEGER NOT NULL,
    currency      TEXT    NOT NULL,
    lines         TEXT    NOT NULL,
    cancel_reason TEXT,
    -- The command of a creation with an idempotency key. An order's id depends on its account, so
    -- only this keeps one key from making orders for two accounts.
    creation_key  BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX customer_order_by_account ON customer_order (account_id, created_at, id);
CREATE UNIQUE INDEX customer_order_by_key ON customer_order (creation_key)
    WHERE creation_key IS NOT NULL;
