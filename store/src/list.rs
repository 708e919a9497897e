//! Listing sandboxes: filters, pages in name order, and the rows a sweep looks at.
//!
//! Invariant: every query here enters the table through an index, whatever the filter.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::error::{Failure, StoreError};
use crate::sandbox::{COLUMNS, SandboxRow};
use crate::status::SandboxStatus;
use crate::store::Store;

/// Which sandboxes to list; the default is all.
#[derive(Clone, Debug, Default)]
pub struct SandboxFilter {
    /// Any of these statuses; empty means every one.
    pub statuses: Vec<SandboxStatus>,
    /// All of these labels.
    pub labels: Vec<(String, String)>,
    /// How the name begins.
    pub name_prefix: Option<String>,
}

/// A page of sandboxes in name order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most as many rows as were asked for.
    pub rows: Vec<SandboxRow>,
    /// What to pass as `after` for the next page; nothing after the last.
    pub next: Option<String>,
}

/// A statement and its values.
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
}

impl Store {
    /// Lists sandboxes in name order, from the first name after `after`. A limit of 0 counts as 1. Rows that cannot be
    /// understood count for the limit and are left out; [`Store::unreadable_rows`] tells of them.
    pub fn list_sandboxes(
        &self,
        filter: &SandboxFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let limit = limit.max(1);
        let query = list_query(filter, after, limit);
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        self.read(|conn| {
            let mut statement = conn.prepare_cached(&query.sql)?;
            let mut found = statement.query(params_from_iter(&query.values))?;
            let mut rows = Vec::new();
            let (mut seen, mut last) = (0, None);
            while let Some(row) = found.next()? {
                // The row beyond the page only tells that there is another page.
                if seen == wanted {
                    return Ok(Page { rows, next: last });
                }
                seen += 1;
                if seen == wanted {
                    last = row.get(1).ok();
                }
                rows.extend(readable(row)?);
            }
            Ok(Page { rows, next: None })
        })
    }

    /// Sandboxes whose status claims a live process, by id, from the first after `after`: what a sweep
    /// compares with the liveness locks.
    pub fn stale_active_rows(&self, after: Option<i64>, limit: u32) -> Result<Vec<SandboxRow>, StoreError> {
        let query = sweep_query("0, 1", &SandboxStatus::ACTIVE, after.unwrap_or(0), limit);
        self.read(|conn| fetch(conn, &query))
    }

    /// Ephemeral sandboxes that have ended, by id: what a sweep removes.
    pub fn ephemeral_terminal_rows(&self, limit: u32) -> Result<Vec<SandboxRow>, StoreError> {
        let query = sweep_query("1", &SandboxStatus::TERMINAL, 0, limit);
        self.read(|conn| fetch(conn, &query))
    }
}

fn fetch(conn: &Connection, query: &Query) -> Result<Vec<SandboxRow>, Failure> {
    let mut statement = conn.prepare_cached(&query.sql)?;
    let mut rows = statement.query(params_from_iter(&query.values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(readable(row)?);
    }
    Ok(found)
}

/// The row, unless a value in it cannot be understood.
fn readable(row: &Row<'_>) -> Result<Option<SandboxRow>, Failure> {
    match SandboxRow::read(row) {
        Err(failure) if failure.is_of_one_row() => Ok(None),
        row => row.map(Some),
    }
}

fn list_query(filter: &SandboxFilter, after: Option<&str>, limit: u32) -> Query {
    let mut terms = Vec::new();
    let mut values = Vec::new();
    prefix_terms(filter.name_prefix.as_deref(), after, &mut terms, &mut values);
    for (key, value) in &filter.labels {
        terms.push("id IN (SELECT sandbox_id FROM sandbox_labels WHERE key = ? AND value = ?)".to_owned());
        values.extend([Value::from(key.clone()), Value::from(value.clone())]);
    }
    // By status alone the few matching rows are found and sorted; any other filter is narrower than that.
    let by_status = !filter.statuses.is_empty() && terms.is_empty();
    if !filter.statuses.is_empty() {
        if by_status {
            terms.push("ephemeral IN (0, 1)".to_owned());
        }
        terms.push(format!(
            "status IN ({})",
            vec!["?"; filter.statuses.len()].join(", ")
        ));
        values.extend(
            filter
                .statuses
                .iter()
                .map(|status| Value::from(status.as_str().to_owned())),
        );
    }
    values.push(Value::from(i64::from(limit) + 1));
    let index = if by_status {
        " INDEXED BY idx_sandbox_ephemeral_status"
    } else {
        ""
    };
    let condition = if terms.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", terms.join(" AND "))
    };
    Query {
        sql: format!("SELECT {COLUMNS} FROM sandbox{index}{condition} ORDER BY name LIMIT ?"),
        values,
    }
}

fn sweep_query(ephemeral: &str, statuses: &[SandboxStatus], after: i64, limit: u32) -> Query {
    let names: Vec<String> = statuses.iter().map(|status| format!("'{status}'")).collect();
    // The keys come from the index alone: of ten thousand rows that match, only those of this sweep are read.
    let sql = format!(
        "SELECT {COLUMNS} FROM sandbox WHERE id IN (
             SELECT id FROM sandbox INDEXED BY idx_sandbox_ephemeral_status
             WHERE ephemeral IN ({ephemeral}) AND status IN ({}) AND id > ? ORDER BY id LIMIT ?
         ) ORDER BY id",
        names.join(", ")
    );
    Query {
        sql,
        values: vec![Value::from(after), Value::from(i64::from(limit))],
    }
}

/// Adds what bounds the column `name`, which an index orders.
pub(crate) fn prefix_terms(
    prefix: Option<&str>,
    after: Option<&str>,
    terms: &mut Vec<String>,
    values: &mut Vec<Value>,
) {
    if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
        terms.push("name >= ?".to_owned());
        values.push(Value::from(prefix.to_owned()));
        if let Some(end) = prefix_end(prefix) {
            terms.push("name < ?".to_owned());
            values.push(Value::from(end));
        }
    }
    if let Some(after) = after {
        terms.push("name > ?".to_owned());
        values.push(Value::from(after.to_owned()));
    }
}

/// The first text, in byte order, after everything that begins with `prefix`; nothing if there is none.
fn prefix_end(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // A range of chars steps over the surrogates.
        if let Some(following) = (last..=char::MAX).nth(1) {
            characters.push(following);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// How SQLite would answer a query, for tests.
#[cfg(test)]
pub(crate) fn plan_of(store: &Store, query: &Query) -> String {
    store
        .read(|conn| {
            let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", query.sql))?;
            let rows = statement
                .query_map(params_from_iter(&query.values), |row| row.get::<_, String>(3))?
                .collect::<Result<Vec<_>, _>>()?;
            Ok(rows.join("\n"))
        })
        .unwrap()
}

/// Fails unless a listing with these values enters through the index and needs no sorting.
#[cfg(test)]
pub(crate) fn assert_plan(sql: &str, values: Vec<Value>, expected: &str) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join("msb.db"), crate::StoreOptions::default()).unwrap();
    let query = Query {
        sql: sql.to_owned(),
        values,
    };
    let plan = plan_of(&store, &query);
    assert!(plan.contains(expected), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}

#[cfg(test)]
mod tests {
    use super::plan_of as plan;
    use super::*;
    use crate::StoreOptions;

    #[test]
    fn every_filter_enters_through_an_index() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("msb.db"), StoreOptions::default()).unwrap();
        let statuses = vec![SandboxStatus::Running, SandboxStatus::Draining];
        let labels = vec![("a".to_owned(), "b".to_owned()), ("c".to_owned(), "d".to_owned())];
        let prefix = Some("web-".to_owned());
        let cases = [
            (
                SandboxFilter::default(),
                "SCAN sandbox USING INDEX sqlite_autoindex_sandbox_1",
            ),
            (
                SandboxFilter {
                    statuses: statuses.clone(),
                    ..Default::default()
                },
                "SEARCH sandbox USING INDEX idx_sandbox_ephemeral_status",
            ),
            (
                SandboxFilter {
                    name_prefix: prefix.clone(),
                    ..Default::default()
                },
                "SEARCH sandbox USING INDEX sqlite_autoindex_sandbox_1 (name>? AND name<?)",
            ),
            (
                SandboxFilter {
                    labels: labels.clone(),
                    ..Default::default()
                },
                "SEARCH sandbox USING INTEGER PRIMARY KEY (rowid=?)",
            ),
            (
                SandboxFilter {
                    labels,
                    statuses,
                    name_prefix: prefix,
                },
                "SEARCH sandbox USING",
            ),
        ];
        for (filter, expected) in cases {
            for after in [None, Some("m")] {
                let plan = plan(&store, &list_query(&filter, after, 10));
                let expected = if after.is_some() {
                    "sandbox USING"
                } else {
                    expected
                };
                assert!(plan.contains(expected), "{filter:?} {after:?}:\n{plan}");
                assert!(!plan.lines().any(|line| line == "SCAN sandbox"), "{plan}");
                if !filter.labels.is_empty() {
                    assert!(plan.contains("sandbox_labels USING"), "{plan}");
                    assert!(!plan.contains("SCAN sandbox_labels"), "{plan}");
                }
            }
        }
        for query in [
            sweep_query("0, 1", &SandboxStatus::ACTIVE, 0, 5),
            sweep_query("1", &SandboxStatus::TERMINAL, 0, 5),
        ] {
            let plan = plan(&store, &query);
            assert!(
                plan.contains("SEARCH sandbox USING COVERING INDEX idx_sandbox_ephemeral_status"),
                "{plan}"
            );
            assert!(
                plan.contains("SEARCH sandbox USING INTEGER PRIMARY KEY"),
                "{plan}"
            );
        }
    }

    #[test]
    fn a_prefix_ends_where_its_last_character_steps_on() {
        assert_eq!(prefix_end("web").as_deref(), Some("wec"));
        assert_eq!(prefix_end("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(prefix_end("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(prefix_end("\u{10FFFF}"), None);
    }
}
