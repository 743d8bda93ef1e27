//! Cases of routes: a message, a moment, what the directories say; and what must come of it.
//! In: `routes/cases/*.yaml` with their messages. Out: differences, what no case exercises, changes no case notices.
//! A case goes through the very same admission, routing and preparation as a message that comes in; nothing is opened.

pub(crate) mod case;
pub(crate) mod coverage;
pub(crate) mod expected;
pub(crate) mod mutation;
pub(crate) mod outcome;
pub(crate) mod stage;
pub(crate) mod suite;

pub(crate) use case::RouteCase;
pub(crate) use stage::{Bench, Stage};
pub(crate) use suite::Suite;
