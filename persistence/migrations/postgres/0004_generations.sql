-- The lines of the journal's history. A database that lost acknowledged events (a standby promoted without the last
-- writes, a backup restored under running nodes) continues as a new generation. Whoever begins one locks the row of
-- the one before.

CREATE TABLE generation (
    number bigint PRIMARY KEY,
    id     uuid   NOT NULL,
    began  timestamptz NOT NULL DEFAULT now()
);

INSERT INTO generation (number, id) SELECT 1, value::uuid FROM meta WHERE name = 'generation';

-- Where a generation began: `kept` is the last position that the earlier ones share with it, `lost` the last one of
-- them that a node knows to have been acknowledged.
CREATE TABLE generation_shard (
    generation bigint   NOT NULL,
    shard      smallint NOT NULL,
    kept       bigint   NOT NULL,
    lost       bigint   NOT NULL DEFAULT 0,
    PRIMARY KEY (generation, shard)
);

-- The event at `event_position`. A program that does not know these columns leaves them behind `position`.
ALTER TABLE projection_cursor ADD COLUMN event_id uuid;
ALTER TABLE projection_cursor ADD COLUMN event_position bigint NOT NULL DEFAULT 0;
