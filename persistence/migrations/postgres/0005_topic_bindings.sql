-- Whether nodes began a generation because the database went backwards under them. A program that does not know this
-- column leaves it false: then topics have to be adopted by an operator.
ALTER TABLE generation ADD COLUMN in_place boolean NOT NULL DEFAULT false;

-- The topics that this database has filled. Those with the greatest `number` are the ones that it fills now. `tokens`
-- has the newest first, separated by commas; the topics have one of them.
CREATE TABLE topic_binding (
    topics  uuid PRIMARY KEY,
    tokens  text NOT NULL,
    changed timestamptz NOT NULL DEFAULT clock_timestamp(),
    number  bigint NOT NULL
);
