CREATE TABLE record (kind TEXT NOT NULL, id TEXT NOT NULL, parent TEXT NOT NULL, sort INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY (kind, id));
CREATE INDEX record_sort ON record (kind, sort, id);
CREATE INDEX record_parent ON record (kind, parent, sort, id);
