-- How far each projection has got in each shard: every event up to `position` has had its effect. `resets` counts how
-- often it was set by hand. One that is stopped cannot go beyond, for the reason that is told.
-- Rows change once a second: pages keep room beside them.

CREATE TABLE projection_cursor (
    projection text     NOT NULL,
    shard      smallint NOT NULL,
    position   bigint   NOT NULL,
    resets     bigint   NOT NULL DEFAULT 0,
    stopped    text,
    PRIMARY KEY (projection, shard)
) WITH (fillfactor = 50);
