-- An OCI image was a bare reference in the stored config; it became an object that also carries the size
-- of the writable layer (4096 MiB by default). Every other image source, and a config that is not JSON, stays.

UPDATE "sandbox"
SET "config" = json_set(
    "config",
    '$.image.Oci',
    json_object('reference', json_extract("config", '$.image.Oci'), 'upper_size_mib', 4096)
)
WHERE CASE WHEN json_valid("config") THEN json_type("config", '$.image.Oci') = 'text' ELSE FALSE END;
