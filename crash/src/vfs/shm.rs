//! The memory that users of one log share, in regions that never move.
//! In: the number and size of a region. Out: its address, valid as long as the [`Shm`] is. SQLite alone reads and writes it.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc},
    ffi::c_void,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::disk::ShmLocks;

/// A region of zeros, aligned for any of SQLite's words.
#[derive(Debug)]
struct Region(*mut u8, Layout);

// SAFETY: the address is only handed to SQLite, which orders its own accesses (locks, barriers, atomics).
unsafe impl Send for Region {}

impl Region {
    fn new(size: usize) -> Option<Self> {
        let layout = Layout::from_size_align(size, 64).ok().filter(|layout| layout.size() > 0)?;
        // SAFETY: the layout is not empty.
        let place = unsafe { alloc_zeroed(layout) };
        (!place.is_null()).then_some(Self(place, layout))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: made by `new` with this layout, and freed once.
        unsafe { dealloc(self.0, self.1) };
    }
}

/// The shared memory of one file.
#[derive(Debug, Default)]
pub(crate) struct Shm {
    regions: Mutex<Vec<Region>>,
    locks: Mutex<ShmLocks>,
}

impl Shm {
    /// Address of a region; `extend`: makes it, and those before it, when it is not there. Null: not there.
    pub(super) fn region(&self, number: usize, size: usize, extend: bool) -> Option<*mut c_void> {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        while extend && regions.len() <= number {
            regions.push(Region::new(size)?);
        }
        Some(regions.get(number).map_or(std::ptr::null_mut(), |region| region.0.cast()))
    }

    pub(super) fn locks(&self) -> MutexGuard<'_, ShmLocks> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
