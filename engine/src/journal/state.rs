//! States of messages, deliveries and attempts, as stored and as shown.
//! In and out: a closed list of words, each with its integer. Integers are never reused nor reordered.

use serde::Serialize;

macro_rules! state {
    ($(#[$doc:meta])* $type:ident { $($(#[$item:meta])* $name:ident = $number:literal $word:literal $french:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $type { $($(#[$item])* $name = $number,)* }

        impl $type {
            /// Every state, in the order of its integer.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Stored integer.
            pub const fn number(self) -> i64 {
                self as i64
            }

            /// From the stored integer.
            pub fn of(number: i64) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// Word of the command line and of JSON.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// French word shown to people.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $french,)* }
            }
        }
    };
}

state! {
    /// Where a message stands.
    MessageState {
        /// Accepted, durable, not routed yet.
        Received = 0 "received" "reçu",
        /// Its deliveries are journaled.
        Routed = 1 "routed" "routé",
        /// No route of its partner wants it.
        Filtered = 2 "filtered" "filtré",
        /// Refused at admission.
        Refused = 3 "refused" "refusé à l'entrée",
        /// A step could not deal with it: waits for a human.
        Parked = 4 "parked" "mis de côté",
        /// Parked, then refused for good by a human.
        RefusedByHand = 5 "refused-by-hand" "refusé à la main",
        /// Its route is held by a human: not routed.
        Held = 6 "held" "retenu",
    }
}

state! {
    /// Where a delivery stands. 0 and 1 may be claimed, what is below 4 holds its ordering key.
    DeliveryState {
        /// Held by a human: it has no time, and goes back to 0 or 1 when it is lifted.
        Held = -1 "held" "retenu",
        /// Never attempted.
        Waiting = 0 "waiting" "en attente",
        /// Attempted, will be again.
        Retrying = 1 "retrying" "en reprise",
        /// An attempt is running (or was, when the process died).
        Sending = 2 "sending" "en cours",
        /// Waits for a human.
        Parked = 3 "parked" "mis de côté",
        /// The partner took it. Final.
        Delivered = 4 "delivered" "remis",
        /// Refused for good. Final.
        Refused = 5 "refused" "refusé",
        /// It never left, and a corrected edition of its message took its place. Final.
        Replaced = 6 "replaced" "remplacé",
    }
}

state! {
    /// How an attempt ended.
    AttemptState {
        /// Bytes may have left; nothing is known yet.
        Started = 0 "started" "commencée",
        /// The partner took it.
        Done = 1 "done" "faite",
        /// Not now.
        Retry = 2 "retry" "à reprendre",
        /// A human must look.
        Parked = 3 "parked" "mise de côté",
        /// Refused for good.
        Refused = 4 "refused" "refusée",
        /// No answer, or an answer to another question.
        Unknown = 5 "unknown" "issue inconnue",
    }
}

impl DeliveryState {
    /// Whether nothing more will happen by itself or by a human.
    pub fn is_final(self) -> bool {
        self >= Self::Delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_never_change() {
        for (number, state) in (-1..).zip(DeliveryState::ALL) {
            assert_eq!(DeliveryState::of(number), Some(*state));
        }
        assert_eq!((DeliveryState::of(7), MessageState::of(7), AttemptState::of(-1)), (None, None, None));
        assert!(DeliveryState::Refused.is_final() && !DeliveryState::Parked.is_final());
    }
}
