-- The lines of the journal's history. A database that lost acknowledged events (a backup restored under a running
-- node) continues as a new generation.

CREATE TABLE generation (
    number INTEGER PRIMARY KEY,
    id     BLOB    NOT NULL,
    -- Microseconds since 1970 in UTC.
    began  INTEGER NOT NULL
) STRICT;

-- Where a generation began: `kept` is the last position that the earlier ones share with it, `lost` the last one of
-- them that the node knows to have been acknowledged.
CREATE TABLE generation_shard (
    generation INTEGER NOT NULL,
    shard      INTEGER NOT NULL,
    kept       INTEGER NOT NULL,
    lost       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (generation, shard)
) STRICT, WITHOUT ROWID;

-- The event at `event_position`. A program that does not know these columns leaves them behind `position`.
ALTER TABLE projection_cursor ADD COLUMN event_id BLOB;
ALTER TABLE projection_cursor ADD COLUMN event_position INTEGER NOT NULL DEFAULT 0;
