-- OCI images as first stored: image, its indexes, manifests, configs and layers.
-- m20260410_000001 replaces all of them.

CREATE TABLE IF NOT EXISTS "image" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "reference" text NOT NULL UNIQUE,
    "size_bytes" bigint,
    "last_used_at" datetime_text,
    "created_at" datetime_text
);

CREATE TABLE IF NOT EXISTS "index" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "image_id" integer NOT NULL,
    "schema_version" integer,
    "media_type" text,
    "platform_os" text,
    "platform_arch" text,
    "platform_variant" text,
    "annotations" text,
    "created_at" datetime_text,
    FOREIGN KEY ("image_id") REFERENCES "image" ("id") ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS "manifest" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "image_id" integer NOT NULL,
    "index_id" integer,
    "digest" text NOT NULL UNIQUE,
    "schema_version" integer,
    "media_type" text,
    "annotations" text,
    "created_at" datetime_text,
    FOREIGN KEY ("image_id") REFERENCES "image" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("index_id") REFERENCES "index" ("id") ON DELETE SET NULL
);

CREATE TABLE IF NOT EXISTS "config" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "manifest_id" integer NOT NULL UNIQUE,
    "digest" text NOT NULL,
    "architecture" text,
    "os" text,
    "os_variant" text,
    "env" text,
    "cmd" text,
    "entrypoint" text,
    "working_dir" text,
    "volumes" text,
    "exposed_ports" text,
    "user" text,
    "rootfs_type" text,
    "rootfs_diff_ids" text,
    "history" text,
    "created_at" datetime_text,
    FOREIGN KEY ("manifest_id") REFERENCES "manifest" ("id") ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS "layer" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "digest" text NOT NULL UNIQUE,
    "diff_id" text NOT NULL,
    "media_type" text,
    "size_bytes" bigint,
    "created_at" datetime_text
);

CREATE TABLE IF NOT EXISTS "manifest_layer" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "manifest_id" integer NOT NULL,
    "layer_id" integer NOT NULL,
    "position" integer NOT NULL,
    FOREIGN KEY ("manifest_id") REFERENCES "manifest" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("layer_id") REFERENCES "layer" ("id") ON DELETE CASCADE
);

CREATE UNIQUE INDEX IF NOT EXISTS "idx_manifest_layers_unique" ON "manifest_layer" ("manifest_id", "layer_id");
