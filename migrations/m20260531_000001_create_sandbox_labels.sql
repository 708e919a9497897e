-- Labels in a table of their own, so that a list can filter by them.

CREATE TABLE IF NOT EXISTS "sandbox_labels" (
    "sandbox_id" integer NOT NULL,
    "key" text NOT NULL,
    "value" text NOT NULL,
    PRIMARY KEY ("sandbox_id", "key"),
    FOREIGN KEY ("sandbox_id") REFERENCES "sandbox" ("id") ON DELETE CASCADE
);

CREATE INDEX IF NOT EXISTS "idx_sandbox_labels_sandbox_id" ON "sandbox_labels" ("sandbox_id");
