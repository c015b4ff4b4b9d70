//! Gives the tables of an agent's database the form that queries expect, without changing the file.
//!
//! Other versions have other columns, and keys may be bytes or missing, for example after an import. A temporary view with the
//! name of such a table then stands for it. A usual table gets none; its indices alone are looked at.

use rusqlite::Connection;

use super::sqlite::{self, DatabaseError};

/// Session of rows that name none.
const UNKNOWN_SESSION: &str = "unknown";

/// Column that queries read.
#[derive(Clone, Copy, Debug)]
pub(super) struct UsualColumn {
    name: &'static str,
    kind: ColumnKind,
    /// Expression for a missing column, or for a key without value; `stored` is the row.
    fallback: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnKind {
    /// Compared with texts, so that it must be one.
    Key,
    /// Number of the row.
    RowNumber,
    /// Read in any form.
    Value,
}

impl UsualColumn {
    /// A key, with the expression for rows that have none.
    pub(super) const fn key(name: &'static str, fallback: &'static str) -> Self {
        Self { name, kind: ColumnKind::Key, fallback }
    }

    /// The key of a row itself.
    pub(super) const fn own_key(name: &'static str) -> Self {
        Self::key(name, "'row ' || stored.rowid")
    }

    /// The key of the session, for rows of which nothing else tells it.
    pub(super) const fn session_key(name: &'static str) -> Self {
        Self::key(name, "null")
    }

    /// The number of the row, whatever the column contains.
    pub(super) const fn row_number(name: &'static str) -> Self {
        Self { name, kind: ColumnKind::RowNumber, fallback: "stored.rowid" }
    }

    /// A column by which rows are ordered; without it, in the order of their numbers.
    pub(super) const fn numbered(name: &'static str) -> Self {
        Self { name, kind: ColumnKind::Value, fallback: "stored.rowid" }
    }

    /// A column that may be missing.
    pub(super) const fn optional(name: &'static str) -> Self {
        Self { name, kind: ColumnKind::Value, fallback: "null" }
    }
}

/// Gives a table its usual form, and returns what was unusual. `required` are the columns without which it is another
/// table.
pub(super) fn complete(
    connection: &Connection,
    table: &str,
    required: &[&str],
    usual: &[UsualColumn],
) -> Result<Option<String>, DatabaseError> {
    let existing = sqlite::columns(connection, table)?;
    let exists = |name: &str| existing.iter().any(|column| column == name);
    if existing.is_empty() || !required.iter().all(|name| exists(name)) {
        return Ok(None);
    }
    let (mut missing, mut odd_keys) = (Vec::new(), Vec::<(&str, String)>::new());
    for column in usual {
        match column.kind {
            ColumnKind::RowNumber if !is_row_number(connection, table, column.name)? => missing.push(column.name),
            _ if !exists(column.name) => missing.push(column.name),
            ColumnKind::Key => {
                let rows = rows_with_odd_keys(connection, table, column.name)?;
                // A table without row numbers is read as it is.
                if connection.prepare_cached(&rows).and_then(|mut found| found.exists([])).unwrap_or(false) {
                    odd_keys.push((column.name, rows));
                }
            }
            ColumnKind::RowNumber | ColumnKind::Value => {}
        }
    }
    if missing.is_empty() && odd_keys.is_empty() {
        return Ok(None);
    }
    connection.execute_batch(&view(table, &existing, usual, &missing, &odd_keys))?;
    let keys = usual.iter().filter(|column| column.kind == ColumnKind::Key).map(|column| column.name);
    let is_odd = |name: &str| odd_keys.iter().any(|(odd, _)| *odd == name);
    let unusual: Vec<&str> = keys.filter(|name| missing.contains(name) || is_odd(name)).collect();
    let fact = || format!("repaired: rows of the table {table} whose {} is no text", unusual.join(", "));
    // Without another column nothing is lost.
    Ok((!unusual.is_empty()).then(fact))
}

/// True if a column is the number of the row by another name.
fn is_row_number(connection: &Connection, table: &str, column: &str) -> Result<bool, DatabaseError> {
    let sql = "select 1 from pragma_table_info(?1) where name = ?2 and upper(type) = 'INTEGER' and pk = 1";
    Ok(connection.prepare_cached(sql)?.exists([table, column])?)
}

/// Maximum rows that are looked at where no index helps.
const MAX_UNINDEXED: u32 = 20_000;

/// Query of the rows whose key is no text. It is three queries, because each of them only looks at an end of the index.
fn rows_with_odd_keys(connection: &Connection, table: &str, column: &str) -> Result<String, DatabaseError> {
    let sql = "select 1 from pragma_index_list(?1) as list, pragma_index_info(list.name) as key
               where key.seqno = 0 and key.name = ?2";
    let is_indexed = connection.prepare_cached(sql)?.exists([table, column])?;
    let rows = if is_indexed {
        format!("main.{table}")
    } else {
        format!("(select rowid, {column} from main.{table} limit {MAX_UNINDEXED})")
    };
    let conditions = ["is null", "< ''", ">= x''"];
    let queries = conditions.map(|condition| format!("select rowid from {rows} where {column} {condition}"));
    Ok(queries.join(" union all "))
}

/// Statement that creates the view: usual rows as they are, so that indices help, then the others.
fn view(
    table: &str,
    existing: &[String],
    usual: &[UsualColumn],
    missing: &[&str],
    odd_keys: &[(&str, String)],
) -> String {
    let stored = |column: &UsualColumn| match column.kind {
        _ if !missing.contains(&column.name) => format!("stored.{} as {0}", column.name),
        ColumnKind::Key => format!("{} as {}", key(None, column.fallback), column.name),
        ColumnKind::RowNumber | ColumnKind::Value => format!("{} as {}", column.fallback, column.name),
    };
    let repaired = |column: &UsualColumn| match column.kind {
        ColumnKind::Key if !missing.contains(&column.name) => {
            format!("{} as {}", key(Some(column.name), column.fallback), column.name)
        }
        _ => stored(column),
    };
    let others = existing.iter().filter(|name| usual.iter().all(|column| column.name != **name));
    let others: Vec<String> =
        others.map(|name| format!("stored.\"{0}\" as \"{0}\"", name.replace('"', "\"\""))).collect();
    let rows = |columns: Vec<String>, condition: String| {
        let columns = columns.into_iter().chain(others.iter().cloned()).collect::<Vec<_>>().join(", ");
        format!("select {columns}, stored.rowid as rowid from main.{table} as stored where {condition}")
    };
    let is_usual = odd_keys.iter().map(|(name, _)| format!("typeof(stored.{name}) = 'text'")).collect::<Vec<_>>();
    let is_usual = if is_usual.is_empty() { "true".to_owned() } else { is_usual.join(" and ") };
    let mut selected = rows(usual.iter().map(stored).collect(), is_usual);
    if !odd_keys.is_empty() {
        let odd = odd_keys.iter().map(|(_, rows)| rows.as_str()).collect::<Vec<_>>().join(" union all ");
        let odd = rows(usual.iter().map(repaired).collect(), format!("stored.rowid in ({odd})"));
        selected = format!("{selected} union all {odd}");
    }
    format!("create temp view {table} as {selected}")
}

/// Expression of a key as a text.
fn key(column: Option<&str>, fallback: &str) -> String {
    let own = column.map(|name| format!("nullif(cast(stored.{name} as text), ''), ")).unwrap_or_default();
    format!("coalesce({own}cast({fallback} as text), '{UNKNOWN_SESSION}')")
}
