//! Routes: source, condition, steps, sinks, and what is sent back.
//! In: checked route files. Out: values the router and the lanes follow. Source: architecture §3, §10.

use std::{sync::Arc, time::Duration};

use jonction_model::{PartnerName, RouteName};

pub mod condition;
pub mod config;
pub mod departure;
pub mod step;
pub(crate) mod walk;
pub mod watch;

pub use condition::{Condition, ConditionError, Stage};
pub use config::{Registry, read_routes};
pub use departure::Departure;
pub use step::{OnFailure, Once, RouteStep};
pub use watch::{Asked, Watch};

/// One route.
#[derive(Clone)]
pub struct Route {
    /// Its name.
    pub name: RouteName,
    /// Whose messages it takes. `None`: only what other routes hand over.
    pub from: Option<PartnerName>,
    /// Which of them: the first route of a partner whose condition holds takes the message.
    pub accept: Condition,
    /// What makes shapes of them, in order.
    pub steps: Vec<RouteStep>,
    /// Where shapes go.
    pub to: Vec<SinkBinding>,
    /// Routes that shapes are handed to.
    pub links: Vec<Link>,
    /// Who carries reports back. What a message owes by other routes is reported by the first one.
    pub reply: Vec<ReplyBinding>,
    /// Hash of the route file, hexadecimal: kept with every message it served.
    pub version: String,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Route").field("name", &self.name).field("from", &self.from).finish_non_exhaustive()
    }
}

impl Route {
    /// This route and those that it hands to, near ones first; one that is reached twice comes twice.
    pub fn reach(&self) -> Vec<&Route> {
        let mut reach = vec![self];
        let mut at = 0;
        while let Some(route) = reach.get(at) {
            reach.extend(route.links.iter().map(|link| &*link.to));
            at += 1;
        }
        reach
    }
}

/// A route that shapes are handed to.
#[derive(Clone)]
pub struct Link {
    /// The route.
    pub to: Arc<Route>,
    /// For which shapes. Gates refuse, selections omit.
    pub when: Condition,
}

/// A sink of a route.
#[derive(Clone, Debug)]
pub struct SinkBinding {
    /// The sink: a partner.
    pub sink: PartnerName,
    /// For which shapes. Gates refuse, selections omit (see [`condition`]).
    pub when: Condition,
    /// What keeps its order.
    pub order_by: OrderBy,
    /// When it is tried again.
    pub policy: Policy,
    /// When it may leave.
    pub departure: Departure,
}

/// A sink that carries reports.
#[derive(Clone, Debug)]
pub struct ReplyBinding {
    /// The sink: a partner.
    pub sink: PartnerName,
    /// When it is tried again.
    pub policy: Policy,
}

/// What keeps its order within a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OrderBy {
    /// What the sink says.
    #[default]
    Sink,
    /// The patient: what the sink says, else the first identifier of the patient.
    Patient,
    /// The deliveries of one message.
    Message,
    /// Everything this route sends this partner, in the order of arrival: one at a time, and one that is parked holds
    /// all that follow.
    Arrival,
    /// Nothing.
    None,
}

/// When a delivery is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Delay after the first failure.
    pub initial: Duration,
    /// What the delay is multiplied by after each further failure.
    pub factor: u32,
    /// Longest delay.
    pub max: Duration,
    /// Age after which a human must look, counted from the moment the delivery was owed.
    pub give_up: Duration,
}

impl Default for Policy {
    /// 2 s, doubled up to 60 s, for 3 days: a week-end without anybody.
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(2),
            factor: 2,
            max: Duration::from_secs(60),
            give_up: Duration::from_secs(3 * 86_400),
        }
    }
}

impl Policy {
    /// Delay before the next attempt, after so many. `chance`: any number; spreads the delay over ±20 %, so that
    /// deliveries that failed together do not come back together.
    pub fn delay(&self, attempts: u32, chance: u64) -> Duration {
        let limit = self.max.max(self.initial);
        let mut delay = self.initial;
        for _ in 1..attempts {
            if delay >= limit || self.factor < 2 {
                break;
            }
            delay = delay.saturating_mul(self.factor);
        }
        let thousandths = 800 + u32::try_from(chance % 401).unwrap_or(0);
        delay.min(limit) * thousandths / 1000
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn delays_grow_to_their_maximum() {
        let policy = Policy { max: Duration::from_secs(10), ..Policy::default() };
        let middle = 200;
        let delays: Vec<_> = (1..=5).map(|attempts| policy.delay(attempts, middle).as_secs()).collect();
        assert_eq!(delays, [2, 4, 8, 10, 10]);
    }

    proptest! {
        #[test]
        fn a_delay_stays_within_a_fifth_of_its_bounds(attempts: u32, chance: u64) {
            let policy = Policy::default();
            let delay = policy.delay(attempts, chance);
            prop_assert!(delay >= policy.initial * 8 / 10 && delay <= policy.max * 12 / 10);
        }
    }
}
