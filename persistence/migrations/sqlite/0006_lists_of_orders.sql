-- Lists of all orders: by creation, by status, by total, by product.

-- Which products an order has. The database fills it, because the last release does not know it.
CREATE TABLE order_line (
    product_id BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    order_id   BLOB    NOT NULL,
    PRIMARY KEY (product_id, created_at, order_id)
) STRICT, WITHOUT ROWID;

-- In the order of the key, so that pages are filled one after the other.
INSERT INTO order_line (product_id, created_at, order_id)
    SELECT DISTINCT unhex(line.value ->> 'product_id', '-') AS product_id, o.created_at, o.id
    FROM customer_order AS o, json_each(o.lines) AS line ORDER BY product_id, o.created_at, o.id;

CREATE TRIGGER add_order_lines AFTER INSERT ON customer_order BEGIN
    INSERT INTO order_line (product_id, created_at, order_id)
        SELECT DISTINCT unhex(line.value ->> 'product_id', '-'), NEW.created_at, NEW.id
        FROM json_each(NEW.lines) AS line;
END;

CREATE INDEX customer_order_by_age ON customer_order (created_at, id);
CREATE INDEX customer_order_by_status ON customer_order (status, created_at, id);
CREATE INDEX customer_order_by_total ON customer_order (currency, total_minor, id);
