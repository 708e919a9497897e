-- Ephemeral sandboxes, indexed so that a sweep finds them without reading configs.
-- SQLite has no ADD COLUMN IF NOT EXISTS: the migrator skips a column that is already there.

ALTER TABLE "sandbox" ADD COLUMN "ephemeral" boolean NOT NULL DEFAULT FALSE;

CREATE INDEX IF NOT EXISTS "idx_sandbox_ephemeral_status" ON "sandbox" ("ephemeral", "status");
