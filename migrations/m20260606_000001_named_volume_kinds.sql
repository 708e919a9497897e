-- Volumes may be directories or disk images; who has one attached is recorded.
-- SQLite has no ADD COLUMN IF NOT EXISTS: the migrator skips a column that is already there.

ALTER TABLE "volume" ADD COLUMN "kind" text NOT NULL DEFAULT 'dir';
ALTER TABLE "volume" ADD COLUMN "capacity_bytes" bigint;
ALTER TABLE "volume" ADD COLUMN "disk_format" text;
ALTER TABLE "volume" ADD COLUMN "disk_fstype" text;

CREATE TABLE IF NOT EXISTS "volume_attach" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "volume_id" integer NOT NULL,
    "sandbox_id" integer,
    "pid" integer NOT NULL,
    "mode" text NOT NULL,
    "created_at" datetime_text NOT NULL,
    FOREIGN KEY ("volume_id") REFERENCES "volume" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("sandbox_id") REFERENCES "sandbox" ("id") ON DELETE SET NULL
);

CREATE INDEX IF NOT EXISTS "idx_volume_attach_volume_id" ON "volume_attach" ("volume_id");
