-- The journal, the state rows and the owners of shards.
--
-- Moments are microseconds since 1970 in UTC, as in the events; amounts are minor units.

CREATE TABLE meta (
    name  text PRIMARY KEY,
    value text NOT NULL
);

-- A program that does not know this step must not use the database: see docs/postgresql.md.
INSERT INTO meta (name, value) VALUES ('schema_required', '1');

-- Who may append to a shard. `epoch` only ever grows. Half of each page stays free, so that a claim
-- finds room for the new row beside the old one.
CREATE TABLE shard (
    shard smallint PRIMARY KEY,
    owner uuid,
    epoch bigint NOT NULL
) WITH (fillfactor = 50);

-- Every event that ever happened. Rows are only ever added. In parts by shard from the first day, so that
-- its indexes can grow beyond one machine's comfort; every unique key holds the shard for that reason.
CREATE TABLE journal (
    shard       smallint NOT NULL,
    position    bigint   NOT NULL,
    entity_id   uuid     NOT NULL,
    version     bigint   NOT NULL,
    event_id    uuid     NOT NULL,
    event_type  text     NOT NULL,
    payload     json     NOT NULL,
    command_id  uuid     NOT NULL,
    fingerprint bytea,
    CONSTRAINT journal_position PRIMARY KEY (shard, position)
) PARTITION BY HASH (shard);

CREATE TABLE journal_0 PARTITION OF journal FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE journal_1 PARTITION OF journal FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE journal_2 PARTITION OF journal FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE journal_3 PARTITION OF journal FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE journal_4 PARTITION OF journal FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE journal_5 PARTITION OF journal FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE journal_6 PARTITION OF journal FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE journal_7 PARTITION OF journal FOR VALUES WITH (MODULUS 8, REMAINDER 7);

CREATE UNIQUE INDEX journal_version ON journal (shard, entity_id, version);
-- Only commands with an idempotency key are ever looked up; the others need not be indexed.
CREATE INDEX journal_command ON journal (shard, command_id) WHERE fingerprint IS NOT NULL;

-- State rows: the fold of each entity's events, written in their commit. Pages keep room for the next
-- version of a row beside it.

CREATE TABLE account (
    id         uuid    PRIMARY KEY,
    version    bigint  NOT NULL,
    created_at bigint  NOT NULL,
    name       text    NOT NULL,
    closed     boolean NOT NULL DEFAULT false
) WITH (fillfactor = 90);

CREATE INDEX account_by_age ON account (created_at, id);

CREATE TABLE product (
    id          uuid    PRIMARY KEY,
    version     bigint  NOT NULL,
    created_at  bigint  NOT NULL,
    name        text    NOT NULL,
    description text    NOT NULL,
    price_minor bigint  NOT NULL,
    currency    text    NOT NULL,
    withdrawn   boolean NOT NULL DEFAULT false
) WITH (fillfactor = 90);

-- Lists show no withdrawn products.
CREATE INDEX product_by_age ON product (created_at, id) WHERE NOT withdrawn;

CREATE TABLE customer_order (
    id            uuid   PRIMARY KEY,
    version       bigint NOT NULL,
    created_at    bigint NOT NULL,
    account_id    uuid   NOT NULL,
    status        text   NOT NULL,
    total_minor   bigint NOT NULL,
    currency      text   NOT NULL,
    lines         json   NOT NULL,
    cancel_reason text,
    -- The command of a creation with an idempotency key. An order's id depends on its account, so
    -- only this keeps one key from making orders for two accounts.
    creation_key  uuid
) WITH (fillfactor = 90);

CREATE INDEX customer_order_by_account ON customer_order (account_id, created_at, id);
CREATE UNIQUE INDEX customer_order_by_key ON customer_order (creation_key)
    WHERE creation_key IS NOT NULL;
