//! Mailboxes as a client of IMAP sees them: folders, UIDs, flags, over the mails that SMTP delivered.
//! In: deliveries, changes. Out: what a session shows, and a sign when something changed. In memory.
//! Source: mssante.md §6.1, §2.8.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;

/// Mails one folder keeps.
const MAILS_MAX: usize = 20_000;
/// Folders of one mailbox.
const FOLDERS_MAX: usize = 200;

/// A mail in a folder.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) uid: u32,
    pub(crate) raw: Bytes,
    pub(crate) flags: BTreeSet<String>,
    pub(crate) at: Timestamp,
}

/// A folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) uid_validity: u32,
    pub(crate) uid_next: u32,
    pub(crate) mails: Vec<Entry>,
}

impl Folder {
    fn new(uid_validity: u32) -> Self {
        Self { uid_validity, uid_next: 1, mails: Vec::new() }
    }

    /// Puts a mail at the end, under a UID of its own.
    pub(crate) fn add(&mut self, raw: Bytes, flags: BTreeSet<String>, at: Timestamp) -> u32 {
        let uid = self.uid_next;
        self.uid_next += 1;
        self.mails.push(Entry { uid, raw, flags, at });
        if self.mails.len() > MAILS_MAX {
            self.mails.remove(0);
        }
        uid
    }
}

/// The folders of one mailbox.
#[derive(Debug)]
pub(crate) struct PostBox {
    pub(crate) folders: BTreeMap<String, Folder>,
    next_validity: u32,
    changed: watch::Sender<u64>,
}

impl PostBox {
    fn new() -> Self {
        let folders = BTreeMap::from([("INBOX".to_owned(), Folder::new(1))]);
        Self { folders, next_validity: 2, changed: watch::Sender::new(0) }
    }

    /// `false`: it is there already, or there are too many.
    pub(crate) fn create(&mut self, name: &str) -> bool {
        let may = !self.folders.contains_key(name) && self.folders.len() < FOLDERS_MAX;
        if may {
            let validity = self.validity();
            self.folders.insert(name.to_owned(), Folder::new(validity));
        }
        may
    }

    /// The same mails under other numbers, as after a migration of the operator.
    pub(crate) fn renew(&mut self, name: &str) {
        let validity = self.validity();
        if let Some(folder) = self.folders.get_mut(name) {
            let mails = std::mem::replace(folder, Folder::new(validity)).mails;
            for mail in mails {
                folder.add(mail.raw, mail.flags, mail.at);
            }
        }
    }

    fn validity(&mut self) -> u32 {
        self.next_validity += 1;
        self.next_validity - 1
    }
}

/// Every mailbox.
#[derive(Debug, Default)]
pub(crate) struct Post(Mutex<HashMap<String, PostBox>>);

impl Post {
    /// A mail arrives in a mailbox.
    pub(crate) fn deliver(&self, mailbox: &str, raw: Bytes, at: Timestamp) {
        self.with(mailbox, |found| {
            if let Some(inbox) = found.folders.get_mut("INBOX") {
                inbox.add(raw, BTreeSet::new(), at);
            }
        });
        self.tell(mailbox);
    }

    /// Works on one mailbox; it is made when it is not there.
    pub(crate) fn with<T>(&self, mailbox: &str, work: impl FnOnce(&mut PostBox) -> T) -> T {
        let mut boxes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(boxes.entry(mailbox.to_ascii_lowercase()).or_insert_with(PostBox::new))
    }

    /// Says that something changed.
    pub(crate) fn tell(&self, mailbox: &str) {
        self.with(mailbox, |found| found.changed.send_modify(|n| *n += 1));
    }

    /// Tells when something changes.
    pub(crate) fn news(&self, mailbox: &str) -> watch::Receiver<u64> {
        self.with(mailbox, |found| found.changed.subscribe())
    }
}
