-- Accounts close, products are withdrawn. Both are final.

ALTER TABLE account ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE product ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;

-- Lists show no withdrawn products.
DROP INDEX product_by_age;
CREATE INDEX product_by_age ON product (created_at, id) WHERE withdrawn = 0;
