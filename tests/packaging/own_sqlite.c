/*
 * A program's own SQLite and its own Rust runtime, as far as names go: the archive must neither clash with them nor call them.
 */
void sqlite3_open_v2(void);
void sqlite3_open_v2(void) { __builtin_trap(); }
void sqlite3_prepare_v2(void);
void sqlite3_prepare_v2(void) { __builtin_trap(); }
void sqlite3_step(void);
void sqlite3_step(void) { __builtin_trap(); }
void rust_eh_personality(void);
void rust_eh_personality(void) { __builtin_trap(); }
