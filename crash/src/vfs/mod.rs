//! SQLite's file layer over the disks of this crate: the one module with pointers.
//! In: calls of SQLite, through the table it wants. Out: operations of [`Disk`]s, found by the first part of the path.
//! Source: sqlite.org/c3ref/vfs.html, io_methods.html. Deliberately absent: memory-mapped reading, extensions.

#![allow(unsafe_code)]

mod file;
mod shm;

use std::{
    collections::BTreeMap,
    ffi::{CStr, c_char, c_int, c_void},
    path::{Path, PathBuf},
    ptr,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::ffi;

use crate::disk::{Disk, Handle};
pub(crate) use shm::Shm;

/// Name under which SQLite knows the layer.
pub const NAME: &str = "jonction-crash";
/// The same, as SQLite reads it.
const C_NAME: &CStr = c"jonction-crash";
/// Longest path.
const PATH_MAX: c_int = 512;

static DISKS: Mutex<BTreeMap<PathBuf, WeakDisk>> = Mutex::new(BTreeMap::new());

type WeakDisk = Box<dyn Fn() -> Option<Disk> + Send>;

/// A root folder that no other disk has.
pub(crate) fn new_root() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    PathBuf::from(format!("/disk-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// Makes a disk known to SQLite, as long as somebody else holds it.
pub(crate) fn register(disk: &Disk) {
    register_layer();
    let weak = disk.downgrade();
    let mut disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
    disks.retain(|_, disk| disk().is_some());
    disks.insert(disk.root().to_owned(), Box::new(weak));
}

fn disk_of(path: &Path) -> Option<Disk> {
    let root: PathBuf = path.components().take(2).collect();
    let disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
    disks.get(&root)?()
}

/// The table, which SQLite keeps for ever.
struct Layer(ffi::sqlite3_vfs);

// SAFETY: SQLite never writes to the table of a layer but for `pNext`, under its own lock, and reads it from any thread.
unsafe impl Sync for Layer {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for Layer {}

fn register_layer() {
    static LAYER: OnceLock<usize> = OnceLock::new();
    LAYER.get_or_init(|| {
        let layer: &'static mut Layer = Box::leak(Box::new(Layer(ffi::sqlite3_vfs {
            iVersion: 1,
            szOsFile: size_of::<file::CrashFile>() as c_int,
            mxPathname: PATH_MAX,
            pNext: ptr::null_mut(),
            zName: C_NAME.as_ptr(),
            pAppData: ptr::null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_path),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: None,
            xCurrentTimeInt64: None,
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        })));
        // SAFETY: the table lives for ever, and its functions keep the contracts of SQLite's manual.
        let code = unsafe { ffi::sqlite3_vfs_register(&raw mut layer.0, 0) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite refuses a file layer");
        0
    });
}

/// A path that SQLite gives. `None`: it is not of one of our disks.
///
/// # Safety
/// `name` is null or a string that ends with a zero.
unsafe fn path_of(name: *const c_char) -> Option<(Disk, PathBuf)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller's promise.
    let path = PathBuf::from(unsafe { CStr::from_ptr(name) }.to_str().ok()?);
    Some((disk_of(&path)?, path))
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    into: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let into = into.cast::<file::CrashFile>();
    // SAFETY: SQLite gives room for `szOsFile` bytes; without methods, it does not close what did not open.
    unsafe { (*into).base.pMethods = ptr::null() };
    // SAFETY: SQLite's names end with a zero; null is a temporary file, which we have not.
    let Some((disk, path)) = (unsafe { path_of(name) }) else { return ffi::SQLITE_CANTOPEN };
    let create = flags & ffi::SQLITE_OPEN_CREATE != 0;
    let handle = match disk.open_file(&path, create) {
        Ok((handle, made)) => {
            let is_log = flags & (ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL) != 0;
            file::Open::new(handle, made && is_log)
        }
        Err(_) => return ffi::SQLITE_CANTOPEN,
    };
    // SAFETY: `into` has room for a `CrashFile` (see above); `out_flags` is null or a place to write.
    unsafe {
        ptr::write(into, file::CrashFile::new(handle));
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: SQLite's names end with a zero.
    let Some((disk, path)) = (unsafe { path_of(name) }) else { return ffi::SQLITE_IOERR_DELETE };
    match disk.remove(&path) {
        Ok(()) if sync == 0 => ffi::SQLITE_OK,
        Ok(()) => match disk.sync_dir(path.parent().unwrap_or(&path)) {
            Ok(()) => ffi::SQLITE_OK,
            Err(_) => ffi::SQLITE_IOERR_DIR_FSYNC,
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => ffi::SQLITE_IOERR_DELETE_NOENT,
        Err(_) => ffi::SQLITE_IOERR_DELETE,
    }
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite's names end with a zero.
    let found = unsafe { path_of(name) }.and_then(|(disk, path)| {
        let handle: Handle = disk.open_file(&path, false).ok()?.0;
        // As SQLite's own layer: an empty file is not there.
        Some(flags != ffi::SQLITE_ACCESS_EXISTS || handle.length().ok()? > 0)
    });
    // SAFETY: SQLite gives a place to write.
    unsafe { *out = c_int::from(found.unwrap_or(false)) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_path(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite's names end with a zero.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if name.len() > usize::try_from(room).unwrap_or(0) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: `out` has `room` bytes, which is enough, and is not the name.
    unsafe { ptr::copy_nonoverlapping(name.as_ptr().cast(), out, name.len()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, room: c_int, out: *mut c_char) -> c_int {
    // SAFETY: SQLite gives `room` bytes. Nothing of ours needs them to be random.
    unsafe { ptr::write_bytes(out, 0x5A, usize::try_from(room).unwrap_or(0)) };
    room
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    // Somebody else has a lock: on one thread nobody will give it back, on several he needs a turn.
    std::thread::yield_now();
    microseconds
}

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    // 2026-11-21, as a Julian day: the journal asks SQLite for no time.
    // SAFETY: SQLite gives a place to write.
    unsafe { *out = 2_461_365.5 };
    ffi::SQLITE_OK
}

/// Something SQLite gives as a pointer to bytes.
///
/// # Safety
/// `from` is a place of `count` bytes that nobody writes meanwhile.
unsafe fn bytes<'a>(from: *const c_void, count: c_int) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(from.cast(), usize::try_from(count).unwrap_or(0)) }
}
