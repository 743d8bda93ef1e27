//! Locks of SQLite: of a whole file (five levels), and of the shared memory of its log (eight places).
//! In: what a user has and wants. Out: whether it can be had. Source: sqlite.org/lockingv3.html, sqlite.org/walformat.html.

/// How much of a file one user has. In the order of SQLite's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    #[default]
    None,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

impl Level {
    pub(crate) fn of(number: i32) -> Self {
        match number {
            1 => Self::Shared,
            2 => Self::Reserved,
            3 => Self::Pending,
            4 => Self::Exclusive,
            _ => Self::None,
        }
    }
}

/// Who has what of a file. One user at most is beyond `Shared`.
#[derive(Debug, Default)]
pub(super) struct Locks {
    users: u32,
    highest: Level,
}

impl Locks {
    pub(super) fn is_reserved(&self) -> bool {
        self.highest >= Level::Reserved
    }

    /// `from` is what the user has.
    pub(super) fn raise(&mut self, from: Level, to: Level) -> bool {
        if to <= from {
            return true;
        }
        let mine = from >= Level::Reserved;
        if from == Level::None {
            if self.highest >= Level::Pending {
                return false;
            }
            self.users += 1;
        }
        if to == Level::Shared {
            return true;
        }
        if self.highest >= Level::Reserved && !mine {
            return false;
        }
        if to == Level::Exclusive && self.users > 1 {
            return false;
        }
        self.highest = to;
        true
    }

    pub(super) fn lower(&mut self, from: Level, to: Level) {
        if from >= Level::Reserved && to < Level::Reserved {
            self.highest = Level::None;
        }
        if from > Level::None && to == Level::None {
            self.users = self.users.saturating_sub(1);
        }
    }
}

/// Places of the shared memory that can be locked.
const PLACES: usize = 8;

/// Locks of the shared memory: how many share each place, or one that has it alone.
#[derive(Debug, Default)]
pub(crate) struct ShmLocks([i32; PLACES]);

impl ShmLocks {
    /// Takes places, all or none. `alone`: nobody else may have any.
    pub(crate) fn take(&mut self, places: std::ops::Range<usize>, alone: bool) -> bool {
        let Some(wanted) = self.0.get_mut(places) else { return false };
        let free = |place: &i32| if alone { *place == 0 } else { *place >= 0 };
        if !wanted.iter().all(free) {
            return false;
        }
        wanted.iter_mut().for_each(|place| *place = if alone { -1 } else { *place + 1 });
        true
    }

    /// Gives places back.
    pub(crate) fn give(&mut self, places: std::ops::Range<usize>, alone: bool) {
        for place in self.0.get_mut(places).into_iter().flatten() {
            *place = if alone { 0 } else { (*place - 1).max(0) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writes_while_others_read_and_nobody_reads_what_is_had_alone() {
        let mut locks = Locks::default();
        assert!(locks.raise(Level::None, Level::Shared) && locks.raise(Level::None, Level::Shared));
        assert!(locks.raise(Level::Shared, Level::Reserved));
        assert!(!locks.raise(Level::Shared, Level::Reserved), "one at most");
        assert!(!locks.raise(Level::Reserved, Level::Exclusive), "somebody reads");
        locks.lower(Level::Shared, Level::None);
        assert!(locks.raise(Level::Reserved, Level::Exclusive));
        assert!(!locks.raise(Level::None, Level::Shared));
        locks.lower(Level::Exclusive, Level::None);
        assert!(locks.raise(Level::None, Level::Shared));
    }

    #[test]
    fn places_are_shared_or_had_alone() {
        let mut locks = ShmLocks::default();
        assert!(locks.take(3..4, false) && locks.take(3..4, false));
        assert!(!locks.take(0..8, true) && locks.take(0..3, true));
        locks.give(3..4, false);
        locks.give(3..4, false);
        assert!(locks.take(3..8, true) && !locks.take(3..4, false) && !locks.take(7..9, false));
    }
}
