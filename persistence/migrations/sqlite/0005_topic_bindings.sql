-- Whether the node began a generation because the database went backwards under it.
ALTER TABLE generation ADD COLUMN in_place INTEGER NOT NULL DEFAULT 0;

-- The topics that this database has filled. Those with the greatest `number` are the ones that it fills now. `tokens`
-- has the newest first, separated by commas; the topics have one of them.
CREATE TABLE topic_binding (
    topics  BLOB    PRIMARY KEY,
    tokens  TEXT    NOT NULL,
    -- Microseconds since 1970 in UTC.
    changed INTEGER NOT NULL,
    number  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
