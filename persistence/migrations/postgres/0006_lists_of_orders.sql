-- Lists of all orders: by creation, by status, by total, by product. Writes of orders wait while the indexes are built;
-- docs/operations/upgrades.md says for how long, and how to build them beforehand.

-- Which products an order has. Committers of this release add its rows; the database adds those of orders that others
-- write, because nodes of the last release do not know the table.
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

CREATE FUNCTION add_order_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_line (product_id, created_at, order_id)
        SELECT DISTINCT (value ->> 'product_id')::uuid, NEW.created_at, NEW.id FROM json_array_elements(NEW.lines)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
-- Waits for the writes under way; later ones wait for the end of this migration.
CREATE TRIGGER add_order_lines AFTER INSERT ON customer_order FOR EACH ROW
    WHEN (current_setting('fritzy.writes_order_lines', true) IS DISTINCT FROM 'yes') EXECUTE FUNCTION add_order_lines();

-- The orders that were added meanwhile.
INSERT INTO order_line (product_id, created_at, order_id)
    SELECT line.product_id, o.created_at, o.id FROM customer_order AS o CROSS JOIN LATERAL
        (SELECT DISTINCT (value ->> 'product_id')::uuid AS product_id FROM json_array_elements(o.lines)) AS line
    WHERE NOT EXISTS (SELECT FROM order_line WHERE order_id = o.id);

CREATE INDEX IF NOT EXISTS customer_order_by_age ON customer_order (created_at, id);
CREATE INDEX IF NOT EXISTS customer_order_by_status ON customer_order (status, created_at, id);
CREATE INDEX IF NOT EXISTS customer_order_by_total ON customer_order (currency, total_minor, id);
