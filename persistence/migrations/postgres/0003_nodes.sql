-- The nodes of a cluster. `beat` is how often a node has renewed its membership; one that stops is fenced at the beat it
-- stopped at, and comes back under another id: ids are never used twice.
-- Rows change once a second: pages keep room beside them, and no index has `beat` in it.

CREATE TABLE node (
    id          uuid     PRIMARY KEY,
    name        text     NOT NULL,
    address     text,
    gateway     boolean  NOT NULL,
    entities    boolean  NOT NULL,
    projections boolean  NOT NULL,
    program     text     NOT NULL,
    wire_min    smallint NOT NULL,
    wire_max    smallint NOT NULL,
    beat        bigint   NOT NULL DEFAULT 0,
    fenced      boolean  NOT NULL DEFAULT false,
    draining    boolean  NOT NULL DEFAULT false,
    joined_at   timestamptz NOT NULL DEFAULT now(),
    fenced_at   timestamptz
) WITH (fillfactor = 20);

CREATE UNIQUE INDEX node_by_name ON node (name) WHERE NOT fenced;

-- How often nodes and owners have changed. Every change adds one in its own statement, after it has locked what it
-- changes: so whoever reads a version and then the tables sees all that the version counts.
CREATE TABLE cluster_version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint  NOT NULL
) WITH (fillfactor = 20);

INSERT INTO cluster_version (version) VALUES (0);
