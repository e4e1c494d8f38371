CREATE TABLE job (id TEXT PRIMARY KEY, name TEXT NOT NULL, live INTEGER NOT NULL, submitted INTEGER NOT NULL, record BLOB NOT NULL);
CREATE INDEX job_live ON job (live, submitted);
CREATE INDEX job_name ON job (name);

CREATE TABLE operation (id TEXT PRIMARY KEY, job TEXT NOT NULL, open INTEGER NOT NULL, started INTEGER NOT NULL, record BLOB NOT NULL);
CREATE INDEX operation_open ON operation (open, started);
CREATE INDEX operation_job ON operation (job, started);

CREATE TABLE image (id TEXT PRIMARY KEY, job TEXT NOT NULL, sequence INTEGER NOT NULL, record BLOB NOT NULL);
CREATE INDEX image_job ON image (job, sequence);

CREATE TABLE node (name TEXT PRIMARY KEY, record BLOB NOT NULL);
