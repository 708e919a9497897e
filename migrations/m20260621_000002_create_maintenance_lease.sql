-- At most one process sweeps a home at a time: the holder of an unexpired lease.

CREATE TABLE IF NOT EXISTS "maintenance_lease" (
    "name" text NOT NULL PRIMARY KEY,
    "holder_pid" integer,
    "lease_expires_at" datetime_text NOT NULL,
    "last_completed_at" datetime_text
);
