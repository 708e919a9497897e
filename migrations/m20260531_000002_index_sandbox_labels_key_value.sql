-- Finds the sandboxes that carry a label.

CREATE INDEX IF NOT EXISTS "idx_sandbox_labels_key_value" ON "sandbox_labels" ("key", "value");
