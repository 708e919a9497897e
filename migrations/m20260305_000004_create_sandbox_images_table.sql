-- Which images a sandbox pins (replaced by sandbox_rootfs in m20260410_000001).

CREATE TABLE IF NOT EXISTS "sandbox_image" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "sandbox_id" integer NOT NULL,
    "image_id" integer NOT NULL,
    "manifest_digest" text NOT NULL,
    "created_at" datetime_text,
    FOREIGN KEY ("sandbox_id") REFERENCES "sandbox" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("image_id") REFERENCES "image" ("id") ON DELETE CASCADE
);

CREATE UNIQUE INDEX IF NOT EXISTS "idx_sandbox_images_unique" ON "sandbox_image" ("sandbox_id", "image_id");
