-- An early release kept metric samples in a table; nothing reads it any more.

DROP TABLE IF EXISTS "sandbox_metric";
