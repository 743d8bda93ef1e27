//! The checks of cda.md §9 that the header alone decides.
//! In: a header that was read. Out: findings with XPath, line and column.

use jonction_model::Check;

use crate::header::Header;

/// Profile `cda/header`.
pub const CHECKS: &[Check<Header>] = &[];
