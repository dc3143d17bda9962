-- References of other systems, and metadata as JSON; NULL where there is none. Programs that do not know these columns
-- leave them as they are.

ALTER TABLE account ADD COLUMN external_reference TEXT;
ALTER TABLE account ADD COLUMN metadata TEXT;
ALTER TABLE product ADD COLUMN external_reference TEXT;
ALTER TABLE product ADD COLUMN metadata TEXT;
ALTER TABLE customer_order ADD COLUMN external_reference TEXT;
ALTER TABLE customer_order ADD COLUMN metadata TEXT;

-- Closed accounts and withdrawn products free their references, whichever program closes them.
CREATE UNIQUE INDEX account_by_reference ON account (external_reference)
    WHERE external_reference IS NOT NULL AND NOT closed;
CREATE UNIQUE INDEX product_by_reference ON product (external_reference)
    WHERE external_reference IS NOT NULL AND NOT withdrawn;
CREATE UNIQUE INDEX customer_order_by_reference ON customer_order (external_reference)
    WHERE external_reference IS NOT NULL;
