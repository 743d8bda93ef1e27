//! A large store in minutes: one message that went through the engine is copied as rows, as often as wanted.
//! In: a data directory with one message, which nobody has open. Out: the same with so many more, each with its own
//! numbers, keys and (emptied) bodies. Column lists come from the schema: what the engine writes later is copied too.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, params};

use crate::{error::Error, index_key::KeyHash, journal::sqlite::database_path};

/// How a message is copied.
#[derive(Clone, Copy, Debug)]
pub struct Copies {
    /// How many.
    pub count: u32,
    /// Persons among whom they are spread.
    pub persons: u32,
    /// Each copy has bodies of its own, emptied as after a purge; `false`: all share those of the message.
    pub purged: bool,
}

/// Hash of a person of [`Copies`], as [`spread`] writes it.
pub(super) fn person_hash(person: u32, persons: u32) -> KeyHash {
    let mut hash = [0; 16];
    let prefix = u16::try_from(u64::from(person) * 65_536 / u64::from(persons)).unwrap_or(u16::MAX);
    hash[..2].copy_from_slice(&prefix.to_be_bytes());
    hash[4..8].copy_from_slice(&person.to_be_bytes());
    KeyHash(hash)
}

/// Spread evenly over the space of hashes, in the order of `n`: fast to insert, and what follows finds its place anywhere
/// among them, as it does among real ones.
fn spread(n: &str, of: u64, bytes: usize) -> String {
    let rest = "%016x".repeat(bytes / 8 - 1);
    let zeros = ", 0".repeat(bytes / 8 - 1);
    format!("unhex(printf('%04x%012x{rest}', ({n}) * 65536 / {of}, {n}{zeros}))")
}

/// Copies the one message of a store.
pub fn copy_message(directory: &Path, copies: Copies) -> Result<(), Error> {
    let connection = Connection::open(database_path(directory))?;
    connection.execute_batch(
        "PRAGMA foreign_keys = OFF; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; PRAGMA temp_store = FILE;",
    )?;
    let messages: i64 = connection.query_row("SELECT count(*) FROM message", [], |row| row.get(0))?;
    if messages != 1 {
        return Err(Error::Inconsistent(format!("{messages} messages to copy instead of one")));
    }
    let made_again = without(&connection, "index")?.into_iter().chain(without(&connection, "trigger")?);
    let made_again: Vec<String> = made_again.collect();
    fill(&connection, copies)?;
    made_again.iter().try_for_each(|sql| connection.execute_batch(sql))?;
    connection.execute_batch("DELETE FROM tally; INSERT INTO tally SELECT * FROM counted;")?;
    // The file says so for readers that come before the engine.
    connection.execute_batch("PRAGMA journal_mode = WAL;")?;
    Ok(())
}

/// Drops every index or trigger that can be made again, and says how.
fn without(connection: &Connection, kind: &str) -> Result<Vec<String>, Error> {
    let mut statement =
        connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = ?1 AND sql IS NOT NULL")?;
    let found: Vec<(String, String)> =
        statement.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (name, _) in &found {
        connection.execute_batch(&format!("DROP {kind} {name}"))?;
    }
    Ok(found.into_iter().map(|(_, sql)| sql).collect())
}

const NUMBERS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)";

fn fill(connection: &Connection, copies: Copies) -> Result<(), Error> {
    let Copies { count, persons, purged } = copies;
    let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let bodies = one("SELECT max(id) FROM body")?;
    let deliveries = one("SELECT coalesce(max(id), 0) FROM delivery")?;
    let message = one("SELECT max(id) FROM message")?;
    let each = one("SELECT count(*) FROM delivery")?;
    // Read from copies: what is being filled would be read with it.
    for table in ["message", "shape", "delivery", "attempt", "key"] {
        connection.execute_batch(&format!("CREATE TEMP TABLE one_{table} AS SELECT * FROM {table}"))?;
    }
    if purged {
        let hash = spread("n.i - 1", u64::from(count) * 2, 32);
        connection.execute(
            &format!(
                "{NUMBERS} INSERT INTO body (id, hash, length, owner, purged_at)
                 SELECT {bodies} + n.i, {hash}, 2048, {message} + (n.i + 1) / 2, 1 FROM n"
            ),
            params![i64::from(count) * 2],
        )?;
    }
    // Neighbours in time are different persons.
    let person = spread(&format!("n.i * 7919 % {persons}"), u64::from(persons), 16);
    let message_id = || "t.message + n.i".to_owned();
    // The same rank among the deliveries of its message.
    let delivery_id = |id: &str| {
        format!(
            "{deliveries} + (n.i - 1) * {each} + (SELECT count(*) FROM one_delivery d WHERE d.id <= {id})"
        )
    };
    let body_id = |which: &str, at: &str| {
        if purged { format!("{bodies} + 2 * n.i - {at}") } else { format!("t.{which}") }
    };
    let changes: [(&str, &str, BTreeMap<&str, String>); 5] = [
        (
            "message",
            "n.i",
            [
                ("id", "t.id + n.i".to_owned()),
                ("received_at", "t.received_at + n.i".to_owned()),
                ("control_id", "t.control_id || '-' || n.i".to_owned()),
                ("repeat_key", "randomblob(16)".to_owned()),
                ("patient", person.clone()),
                ("raw", body_id("raw", "1")),
                ("reply", body_id("reply", "0")),
            ]
            .into(),
        ),
        ("shape", "n.i", [("message", message_id())].into()),
        (
            "delivery",
            "n.i, t.id",
            [
                ("id", delivery_id("t.id")),
                ("message", message_id()),
                ("ordering", "iif(t.ordering IS NULL, NULL, randomblob(16))".to_owned()),
                ("cause", format!("iif(t.cause IS NULL, NULL, {})", delivery_id("t.cause"))),
            ]
            .into(),
        ),
        ("attempt", "n.i, t.delivery", [("delivery", delivery_id("t.delivery"))].into()),
        (
            "key",
            "1, 2, 3, 4",
            [
                ("hash", format!("iif(t.kind = 0, {person}, randomblob(16))")),
                ("message", message_id()),
                ("delivery", format!("iif(t.delivery = 0, 0, {})", delivery_id("t.delivery"))),
            ]
            .into(),
        ),
    ];
    changes.iter().try_for_each(|(table, order, changed)| copy(connection, table, changed, order, count))
}

/// Copies the rows of a table: columns as they are, but for those that are told otherwise.
fn copy(
    connection: &Connection,
    table: &str,
    changed: &BTreeMap<&str, String>,
    order: &str,
    count: u32,
) -> Result<(), Error> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let columns: Vec<String> = statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let value =
        |column: &String| changed.get(column.as_str()).cloned().unwrap_or_else(|| format!("t.{column}"));
    let values: Vec<String> = columns.iter().map(value).collect();
    // Two patient identifiers of one message are one here.
    let sql = format!(
        "{NUMBERS} INSERT OR IGNORE INTO {table} ({}) SELECT {} FROM n CROSS JOIN one_{table} t ORDER BY {order}",
        columns.join(", "),
        values.join(", ")
    );
    connection.execute(&sql, params![count])?;
    Ok(())
}
