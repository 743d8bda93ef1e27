//! Small conversions between rows and values.
//! In: columns. Out: names, states, findings; a column that makes no sense is [`Error::Inconsistent`].

use jiff::Timestamp;
use jonction_model::{BodyId, ContentRef, Finding, PartnerName, RouteName};
use rusqlite::{Row, types::FromSql};
use serde::{Serialize, de::DeserializeOwned};

use crate::{error::Error, journal::Millis};

pub(super) fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, Error> {
    Ok(row.get(column)?)
}

pub(super) fn number(row: &Row<'_>, column: &str) -> Result<u64, Error> {
    let number: i64 = get(row, column)?;
    u64::try_from(number).map_err(|_| inconsistent(column))
}

/// SQLite's integers are signed; our numbers start at 1 and never come near the end.
pub(super) fn row_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn small(row: &Row<'_>, column: &str) -> Result<u32, Error> {
    let number: i64 = get(row, column)?;
    u32::try_from(number).map_err(|_| inconsistent(column))
}

pub(super) fn inconsistent(column: &str) -> Error {
    Error::Inconsistent(column.to_owned())
}

pub(super) fn partner(row: &Row<'_>, column: &str) -> Result<PartnerName, Error> {
    PartnerName::parse(&get::<String>(row, column)?).map_err(|_| inconsistent(column))
}

pub(super) fn route(row: &Row<'_>, column: &str) -> Result<Option<RouteName>, Error> {
    let name: Option<String> = get(row, column)?;
    name.map(|name| RouteName::parse(&name).map_err(|_| inconsistent(column))).transpose()
}

pub(super) fn state<S>(row: &Row<'_>, column: &str, of: fn(i64) -> Option<S>) -> Result<S, Error> {
    of(get(row, column)?).ok_or_else(|| inconsistent(column))
}

pub(super) fn time(row: &Row<'_>, column: &str) -> Result<Timestamp, Error> {
    timestamp(get(row, column)?)
}

pub(super) fn optional_time(row: &Row<'_>, column: &str) -> Result<Option<Timestamp>, Error> {
    get::<Option<Millis>>(row, column)?.map(timestamp).transpose()
}

pub(super) fn timestamp(at: Millis) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(at).map_err(|_| inconsistent("time"))
}

pub(super) fn body_id(bytes: &[u8]) -> Result<BodyId, Error> {
    Ok(BodyId::from_bytes(bytes.try_into().map_err(|_| inconsistent("body.hash"))?))
}

/// A whole body, from its hash and length.
pub(super) fn whole(row: &Row<'_>, hash: &str, length: &str) -> Result<ContentRef, Error> {
    Ok(ContentRef::whole(body_id(&get::<Vec<u8>>(row, hash)?)?, number(row, length)?))
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Inconsistent(error.to_string()))
}

/// Findings as a column: nothing when there are none.
pub(super) fn findings_json(findings: &[Finding]) -> Result<Option<String>, Error> {
    if findings.is_empty() { Ok(None) } else { to_json(&findings).map(Some) }
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<Option<T>, Error> {
    let text: Option<String> = get(row, column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| inconsistent(column))).transpose()
}

pub(super) fn findings(row: &Row<'_>, column: &str) -> Result<Vec<Finding>, Error> {
    Ok(json(row, column)?.unwrap_or_default())
}
