//! One open file, as SQLite calls it.
//! In: `sqlite3_io_methods`. Out: operations of a [`Handle`], their errors as SQLite's codes.

use std::{
    ffi::{c_int, c_void},
    io, ptr,
    sync::Arc,
};

use rusqlite::ffi;

use super::{Shm, bytes};
use crate::disk::{Handle, Level};

/// What SQLite keeps of a file: its table of methods, and ours.
#[repr(C)]
pub(super) struct CrashFile {
    pub(super) base: ffi::sqlite3_file,
    open: *mut Open,
}

/// Our part of a file.
pub(super) struct Open {
    handle: Handle,
    level: Level,
    /// A log that was just made: its name becomes durable with its first sync, as in SQLite's own layer.
    name_to_sync: bool,
    shm: Option<Arc<Shm>>,
    /// Places of the shared memory this user shares, or has alone, as bits.
    shared: u8,
    alone: u8,
}

impl CrashFile {
    pub(super) fn new(open: Open) -> Self {
        Self { base: ffi::sqlite3_file { pMethods: &raw const METHODS }, open: Box::into_raw(Box::new(open)) }
    }
}

impl Open {
    pub(super) fn new(handle: Handle, name_to_sync: bool) -> Self {
        Self { handle, level: Level::None, name_to_sync, shm: None, shared: 0, alone: 0 }
    }

    fn unlock_shared_memory(&mut self) {
        let Some(shm) = self.shm.take() else { return };
        let mut locks = shm.locks();
        for place in 0..8 {
            if self.shared & (1 << place) != 0 {
                locks.give(place..place + 1, false);
            }
            if self.alone & (1 << place) != 0 {
                locks.give(place..place + 1, true);
            }
        }
        (self.shared, self.alone) = (0, 0);
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Our part of a file of SQLite's.
///
/// # Safety
/// `file` was opened by this layer and is not closed; SQLite calls the methods of one file one after the other.
unsafe fn open<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Open {
    // SAFETY: `CrashFile::new` put a box there, which only `close` takes back.
    unsafe { &mut *(*file.cast::<CrashFile>()).open }
}

fn code(result: io::Result<()>, failed: c_int) -> c_int {
    match result {
        Ok(()) => ffi::SQLITE_OK,
        Err(error) if error.kind() == io::ErrorKind::StorageFull => ffi::SQLITE_FULL,
        Err(_) => failed,
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes once what it opened; the box is taken back here alone.
    let mut open = unsafe { Box::from_raw((*file.cast::<CrashFile>()).open) };
    open.unlock_shared_memory();
    open.handle.unlock(open.level, Level::None);
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, count: c_int, at: i64) -> c_int {
    // SAFETY: see `open`; SQLite gives `count` bytes to fill.
    let (open, into) = unsafe {
        let into = into.cast::<u8>();
        (open(file), std::slice::from_raw_parts_mut(into, usize::try_from(count).unwrap_or(0)))
    };
    match open.handle.read_at(into, u64::try_from(at).unwrap_or(u64::MAX)) {
        Ok(read) if read == into.len() => ffi::SQLITE_OK,
        Ok(read) => {
            into[read..].fill(0);
            ffi::SQLITE_IOERR_SHORT_READ
        }
        Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    count: c_int,
    at: i64,
) -> c_int {
    // SAFETY: see `open`; SQLite gives `count` bytes to read.
    let (open, from) = unsafe { (open(file), bytes(from, count)) };
    code(open.handle.write_at(from, u64::try_from(at).unwrap_or(u64::MAX)), ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: see `open`.
    let open = unsafe { open(file) };
    code(open.handle.truncate(u64::try_from(size).unwrap_or(0)), ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: see `open`.
    let open = unsafe { open(file) };
    let mut result = open.handle.sync();
    if result.is_ok() && std::mem::take(&mut open.name_to_sync) {
        result = open.handle.sync_name();
    }
    code(result, ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn size(file: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    // SAFETY: see `open`; SQLite gives a place to write.
    let (open, out) = unsafe { (open(file), &mut *out) };
    match open.handle.length() {
        Ok(length) => {
            *out = i64::try_from(length).unwrap_or(i64::MAX);
            ffi::SQLITE_OK
        }
        Err(_) => ffi::SQLITE_IOERR_FSTAT,
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: see `open`.
    let open = unsafe { open(file) };
    let wanted = Level::of(level);
    match open.handle.lock(open.level, wanted) {
        Ok(true) => {
            open.level = open.level.max(wanted);
            ffi::SQLITE_OK
        }
        Ok(false) => ffi::SQLITE_BUSY,
        Err(_) => ffi::SQLITE_IOERR_LOCK,
    }
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: see `open`.
    let open = unsafe { open(file) };
    let wanted = Level::of(level);
    if wanted < open.level {
        open.handle.unlock(open.level, wanted);
        open.level = wanted;
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: see `open`; SQLite gives a place to write.
    unsafe { *out = c_int::from(open(file).handle.is_reserved()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    4096
}

/// As SQLite's own layer says of a disk of today: a write never spoils its neighbours in a sector.
unsafe extern "C" fn characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    number: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: see `open`; SQLite gives a place to write.
    let (open, out) = unsafe { (open(file), &mut *out) };
    *out = ptr::null_mut();
    if open.shm.is_none() {
        match open.handle.shared() {
            Ok(shm) => open.shm = Some(shm),
            Err(_) => return ffi::SQLITE_IOERR_SHMOPEN,
        }
    }
    let (number, size) = (usize::try_from(number).unwrap_or(0), usize::try_from(size).unwrap_or(0));
    // The memory lives as long as `open.shm`: until it is unmapped, or the file closed.
    match open.shm.as_ref().and_then(|shm| shm.region(number, size, extend != 0)) {
        Some(place) => {
            *out = place;
            ffi::SQLITE_OK
        }
        None => ffi::SQLITE_NOMEM,
    }
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: see `open`.
    let open = unsafe { open(file) };
    let Some(shm) = &open.shm else { return ffi::SQLITE_IOERR_SHMLOCK };
    let (first, count) = (usize::try_from(first).unwrap_or(0), usize::try_from(count).unwrap_or(0));
    let alone = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
    let bits =
        (first..first + count).fold(0, |bits, place| bits | 1_u8.checked_shl(place as u32).unwrap_or(0));
    let mine = if alone { &mut open.alone } else { &mut open.shared };
    let mut locks = shm.locks();
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        // SQLite gives back what it may not have had.
        if *mine & bits == bits {
            locks.give(first..first + count, alone);
            *mine &= !bits;
        }
        return ffi::SQLITE_OK;
    }
    if *mine & bits == bits {
        return ffi::SQLITE_OK;
    }
    if locks.take(first..first + count, alone) {
        *mine |= bits;
        ffi::SQLITE_OK
    } else {
        ffi::SQLITE_BUSY
    }
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: see `open`.
    unsafe { open(file) }.unlock_shared_memory();
    ffi::SQLITE_OK
}
