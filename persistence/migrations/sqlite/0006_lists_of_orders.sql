-- Lists of all orders: by creation, by status, by total, by product.

-- Orders by product and by total. Their keys are in random order, and to write each one in its place
-- would cost more than the rest of a creation. The node adds them later, many at once in the order
-- of the key. Until then lists read these orders from the journal, which also has those of the last
-- release, which does not know the tables.
CREATE TABLE order_line (
    product_id BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    order_id   BLOB    NOT NULL,
    PRIMARY KEY (product_id, created_at, order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE order_total (
    currency    TEXT    NOT NULL,
    total_minor INTEGER NOT NULL,
    order_id    BLOB    NOT NULL,
    PRIMARY KEY (currency, total_minor, order_id)
) STRICT, WITHOUT ROWID;

-- One row: both tables have the orders that were created by the journal's rows up to this rowid.
-- The journal's rows are only ever added, so its rowids are 1..n; VACUUM and dumps keep them.
CREATE TABLE order_listing (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    listed_to INTEGER NOT NULL
) STRICT;

-- In the order of the keys, so that pages are filled one after the other.
INSERT INTO order_line (product_id, created_at, order_id)
    SELECT DISTINCT unhex(line.value ->> 'product_id', '-') AS product_id, o.created_at, o.id
    FROM customer_order AS o, json_each(o.lines) AS line ORDER BY product_id, o.created_at, o.id;
INSERT INTO order_total (currency, total_minor, order_id)
    SELECT currency, total_minor, id FROM customer_order ORDER BY currency, total_minor, id;
INSERT INTO order_listing (id, listed_to) SELECT 1, coalesce(max(rowid), 0) FROM journal;

CREATE INDEX customer_order_by_age ON customer_order (created_at, id);
CREATE INDEX customer_order_by_status ON customer_order (status, created_at, id);
