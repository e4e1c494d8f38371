CREATE TABLE job (id TEXT COLLATE "C" PRIMARY KEY, name TEXT COLLATE "C" NOT NULL, live BIGINT NOT NULL, submitted BIGINT NOT NULL, record BYTEA NOT NULL);
CREATE INDEX job_live ON job (live, submitted);
CREATE INDEX job_name ON job (name);

CREATE TABLE operation (id TEXT COLLATE "C" PRIMARY KEY, job TEXT COLLATE "C" NOT NULL, open BIGINT NOT NULL, started BIGINT NOT NULL, record BYTEA NOT NULL);
CREATE INDEX operation_open ON operation (open, started);
CREATE INDEX operation_job ON operation (job, started);

CREATE TABLE image (id TEXT COLLATE "C" PRIMARY KEY, job TEXT COLLATE "C" NOT NULL, sequence BIGINT NOT NULL, record BYTEA NOT NULL);
CREATE INDEX image_job ON image (job, sequence);

CREATE TABLE node (name TEXT COLLATE "C" PRIMARY KEY, record BYTEA NOT NULL);

CREATE TABLE record (kind TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, parent TEXT COLLATE "C" NOT NULL, sort BIGINT NOT NULL, record BYTEA NOT NULL, PRIMARY KEY (kind, id));
CREATE INDEX record_sort ON record (kind, sort, id);
CREATE INDEX record_parent ON record (kind, parent, sort, id);

-- Who leads. One row: its epoch is raised by each that takes over, and every write of a coordinator shows that it still holds the epoch it was given.
CREATE TABLE leader (one INTEGER PRIMARY KEY CHECK (one = 1), epoch BIGINT NOT NULL, holder TEXT NOT NULL, address TEXT NOT NULL, until TIMESTAMPTZ NOT NULL);
INSERT INTO leader VALUES (1, 0, '', '', '-infinity');
