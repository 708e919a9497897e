-- Volumes, and the first shape of snapshots (dropped by m20260501_000001).
-- A snapshot name is unique within its sandbox, and among those whose sandbox is gone.

CREATE TABLE IF NOT EXISTS "volume" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" text NOT NULL UNIQUE,
    "quota_mib" integer,
    "size_bytes" bigint,
    "labels" text,
    "created_at" datetime_text,
    "updated_at" datetime_text
);

CREATE TABLE IF NOT EXISTS "snapshot" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" text NOT NULL,
    "sandbox_id" integer,
    "size_bytes" bigint,
    "description" text,
    "created_at" datetime_text,
    FOREIGN KEY ("sandbox_id") REFERENCES "sandbox" ("id") ON DELETE SET NULL
);

CREATE UNIQUE INDEX IF NOT EXISTS "idx_snapshots_name_sandbox_unique" ON "snapshot" ("name", "sandbox_id");
CREATE UNIQUE INDEX IF NOT EXISTS idx_snapshots_name_unique_no_sandbox ON snapshot (name) WHERE sandbox_id IS NULL;
