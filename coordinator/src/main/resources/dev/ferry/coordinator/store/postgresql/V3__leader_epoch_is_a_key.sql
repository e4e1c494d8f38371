-- Taking over changes a key and so waits for all that share the row's keys (FOR KEY SHARE); lengthening a term changes none and waits for nobody.
ALTER TABLE leader ADD CONSTRAINT leader_epoch UNIQUE (epoch);
