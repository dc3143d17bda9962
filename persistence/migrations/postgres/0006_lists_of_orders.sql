-- Lists of all orders: by creation, by status, by total, by product. Writes of orders wait while the indexes are built;
-- docs/operations/upgrades.md says for how long, and how to build them beforehand.

-- Which products an order has. The database fills it, because nodes of the last release do not know it.
CREATE TABLE order_line (
    product_id uuid   NOT NULL,
    created_at bigint NOT NULL,
    order_id   uuid   NOT NULL
);

-- Most of the work is done before writes have to wait.
INSERT INTO order_line (product_id, created_at, order_id)
    SELECT line.product_id, o.created_at, o.id FROM customer_order AS o CROSS JOIN LATERAL
        (SELECT DISTINCT (value ->> 'product_id')::uuid AS product_id FROM json_array_elements(o.lines)) AS line;
ALTER TABLE order_line ADD PRIMARY KEY (product_id, created_at, order_id);

-- Once for each statement that adds orders: a batch of a committer is one.
CREATE FUNCTION add_order_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_line (product_id, created_at, order_id)
        SELECT line.product_id, o.created_at, o.id FROM added AS o CROSS JOIN LATERAL
            (SELECT DISTINCT (value ->> 'product_id')::uuid AS product_id FROM json_array_elements(o.lines)) AS line;
    RETURN NULL;
END
$$;
-- Waits for the writes under way; later ones wait for the end of this migration.
CREATE TRIGGER add_order_lines AFTER INSERT ON customer_order REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION add_order_lines();

-- The orders that were added meanwhile.
INSERT INTO order_line (product_id, created_at, order_id)
    SELECT line.product_id, o.created_at, o.id FROM customer_order AS o CROSS JOIN LATERAL
        (SELECT DISTINCT (value ->> 'product_id')::uuid AS product_id FROM json_array_elements(o.lines)) AS line
    WHERE NOT EXISTS (SELECT FROM order_line WHERE order_id = o.id);

CREATE INDEX IF NOT EXISTS customer_order_by_age ON customer_order (created_at, id);
CREATE INDEX IF NOT EXISTS customer_order_by_status ON customer_order (status, created_at, id);
CREATE INDEX IF NOT EXISTS customer_order_by_total ON customer_order (currency, total_minor, id);
