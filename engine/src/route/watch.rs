//! Who looks on while routes decide: each condition that is asked, and its answer.
//! In: answers, as they are given. Out: nothing. Tests of routes learn here which conditions no case ever exercised;
//! a gateway that runs has nobody look on.

use jonction_model::RouteName;

/// A condition of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked<'r> {
    /// Its `accept`.
    Accept,
    /// The `drop` of the filter of this name.
    Drop(&'r str),
    /// The `when` of its sink at this place, links apart.
    To(usize),
    /// The `when` of its link at this place, sinks apart.
    Link(usize),
}

/// Looks on. Called on blocking threads, possibly several at once.
pub trait Watch: Sync {
    /// A condition was asked. A closed gate counts as not held.
    fn asked(&self, route: &RouteName, what: Asked<'_>, held: bool);
}

/// Nobody.
impl Watch for () {
    fn asked(&self, _: &RouteName, _: Asked<'_>, _: bool) {}
}
