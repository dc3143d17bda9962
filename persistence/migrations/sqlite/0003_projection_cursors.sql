-- How far each projection has got in each shard: every event up to `position` has had its effect. `resets` counts how
-- often it was set by hand. One that is stopped cannot go beyond, for the reason that is told.

CREATE TABLE projection_cursor (
    projection TEXT    NOT NULL,
    shard      INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    resets     INTEGER NOT NULL DEFAULT 0,
    stopped    TEXT,
    PRIMARY KEY (projection, shard)
) STRICT, WITHOUT ROWID;
