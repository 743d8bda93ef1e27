//! Commands on folders and mails.
//! In: a command of a client that logged in. Out: its answers. What a client sees of a folder changes only when it is told.
//! Source: RFC 3501 §6.3, §6.4; RFC 4315, 6851, 9208. Faults: mssante.md §6.4.

use std::collections::BTreeSet;

use imap_types::{
    command::CommandBody,
    extensions::binary::LiteralOrLiteral8,
    fetch::{MacroOrMessageDataItemNames, MessageDataItemName, Section},
    flag::{Flag, StoreResponse, StoreType},
    mailbox::ListMailbox,
    search::SearchKey,
    sequence::{SeqOrUid, Sequence, SequenceSet},
    status::StatusDataItemName,
};

use super::super::{
    faults::ImapFault,
    post::{Entry, Folder, Post},
};
use super::dialogue::{Dialogue, Step, folder_name, line, text};

/// Bytes a mailbox may hold, as its quota tells, in KB.
const QUOTA_KB: u64 = 100 << 10;

/// The folder a client works in, as it was told of it.
#[derive(Debug)]
pub(crate) struct Selected {
    name: String,
    read_only: bool,
    /// UIDs in order: the place of one, from 1, is its number.
    uids: Vec<u32>,
}

impl Selected {
    /// Tells what left, then what came.
    pub(super) fn refresh(&mut self, post: &Post, mailbox: &str) -> Vec<Step> {
        let there: Vec<u32> = post.with(mailbox, |found| {
            found
                .folders
                .get(&self.name)
                .map(|f| f.mails.iter().map(|mail| mail.uid).collect())
                .unwrap_or_default()
        });
        let mut steps = Vec::new();
        for at in (0..self.uids.len()).rev() {
            if there.binary_search(&self.uids[at]).is_err() {
                self.uids.remove(at);
                steps.push(line(format!("* {} EXPUNGE", at + 1)));
            }
        }
        if there.len() > self.uids.len() {
            steps.push(line(format!("* {} EXISTS", there.len())));
        }
        self.uids = there;
        steps
    }

    /// The UIDs of a set, ascending, each once.
    fn chosen(&self, set: &SequenceSet, uid: bool) -> Vec<u32> {
        let largest = if uid { self.uids.last().copied().unwrap_or(0) } else { self.uids.len() as u32 };
        let bound = |bound: &SeqOrUid| match bound {
            SeqOrUid::Value(value) => value.get(),
            SeqOrUid::Asterisk => largest,
        };
        let ranges: Vec<(u32, u32)> = (set.0.as_ref().iter())
            .map(|sequence| match sequence {
                Sequence::Single(one) => (bound(one), bound(one)),
                Sequence::Range(a, b) => (bound(a).min(bound(b)), bound(a).max(bound(b))),
            })
            .collect();
        let numbers = self.uids.iter().zip(1_u32..);
        let wanted = |n: u32| ranges.iter().any(|(low, high)| (*low..=*high).contains(&n));
        numbers
            .filter(|(one, number)| wanted(if uid { **one } else { *number }))
            .map(|(one, _)| *one)
            .collect()
    }

    fn number(&self, uid: u32) -> usize {
        self.uids.iter().position(|known| *known == uid).map_or(0, |at| at + 1)
    }
}

pub(super) fn obey(dialogue: &mut Dialogue, tag: &str, body: CommandBody<'_>, steps: &mut Vec<Step>) {
    let world = dialogue.world.clone();
    let Some(mailbox) = dialogue.mailbox.clone() else { return };
    let post = &world.post;
    let mut say = |said: &str| steps.push(line(format!("{tag} {said}")));
    match body {
        CommandBody::Select { mailbox: name, .. } => select(dialogue, tag, &folder_name(&name), false, steps),
        CommandBody::Examine { mailbox: name, .. } => select(dialogue, tag, &folder_name(&name), true, steps),
        CommandBody::Unselect | CommandBody::Close => {
            dialogue.selected = None;
            say("OK fait");
        }
        CommandBody::Create { mailbox: name } => {
            let made = post.with(&mailbox, |found| found.create(&folder_name(&name)));
            say(if made { "OK fait" } else { "NO [ALREADYEXISTS] non" });
        }
        CommandBody::Delete { mailbox: name } => {
            let name = folder_name(&name);
            let gone = name != "INBOX" && post.with(&mailbox, |found| found.folders.remove(&name).is_some());
            say(if gone { "OK fait" } else { "NO [NONEXISTENT] non" });
        }
        CommandBody::Subscribe { .. } | CommandBody::Unsubscribe { .. } => say("OK fait"),
        CommandBody::List { mailbox_wildcard: pattern, .. }
        | CommandBody::Lsub { mailbox_wildcard: pattern, .. } => {
            let pattern = match &pattern {
                ListMailbox::Token(token) => text(token.as_ref()),
                ListMailbox::String(string) => text(string.as_ref()),
            };
            let names: Vec<String> = post.with(&mailbox, |found| found.folders.keys().cloned().collect());
            for name in names.iter().filter(|name| pattern.contains(['*', '%']) || **name == pattern) {
                steps.push(line(format!("* LIST (\\HasNoChildren) \"/\" \"{name}\"")));
            }
            steps.push(line(format!("{tag} OK fait")));
        }
        CommandBody::Status { mailbox: name, item_names } => {
            let name = folder_name(&name);
            let told = post
                .with(&mailbox, |found| found.folders.get(&name).map(|folder| status(folder, &item_names)));
            match told {
                Some(told) => steps
                    .extend([line(format!("* STATUS \"{name}\" ({told})")), line(format!("{tag} OK fait"))]),
                None => say("NO [NONEXISTENT] non"),
            }
        }
        CommandBody::Append { mailbox: name, flags, message, .. } => {
            let bytes = match &message {
                LiteralOrLiteral8::Literal(literal) => literal.as_ref(),
                LiteralOrLiteral8::Literal8(literal) => &*literal.data,
            };
            let raw = bytes::Bytes::copy_from_slice(bytes);
            let at = world.clock.now();
            let added = post.with(&mailbox, |found| {
                let folder = found.folders.get_mut(&folder_name(&name))?;
                Some((folder.uid_validity, folder.add(raw, flags.iter().map(flag_name).collect(), at)))
            });
            match added {
                Some((validity, uid)) => {
                    say(&format!("OK [APPENDUID {validity} {uid}] fait"));
                    post.tell(&mailbox);
                }
                None => say("NO [TRYCREATE] non"),
            }
        }
        CommandBody::GetQuotaRoot { .. } => {
            let bytes: usize = post.with(&mailbox, |found| {
                found.folders.values().flat_map(|folder| &folder.mails).map(|mail| mail.raw.len()).sum()
            });
            let used = match dialogue.fault {
                Some(ImapFault::QuotaFull) => QUOTA_KB,
                _ => bytes as u64 >> 10,
            };
            steps.push(line("* QUOTAROOT \"INBOX\" \"\""));
            steps.push(line(format!("* QUOTA \"\" (STORAGE {used} {QUOTA_KB})")));
            steps.push(line(format!("{tag} OK fait")));
        }
        other => in_folder(dialogue, tag, other, steps),
    }
}

fn status(folder: &Folder, items: &[StatusDataItemName]) -> String {
    let unseen = folder.mails.iter().filter(|mail| !mail.flags.contains("\\Seen")).count();
    let one = |item: &StatusDataItemName| match item {
        StatusDataItemName::Messages => format!("MESSAGES {}", folder.mails.len()),
        StatusDataItemName::UidNext => format!("UIDNEXT {}", folder.uid_next),
        StatusDataItemName::UidValidity => format!("UIDVALIDITY {}", folder.uid_validity),
        StatusDataItemName::Unseen => format!("UNSEEN {unseen}"),
        _ => "RECENT 0".to_owned(),
    };
    items.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn select(dialogue: &mut Dialogue, tag: &str, name: &str, examine: bool, steps: &mut Vec<Step>) {
    let Some(mailbox) = dialogue.mailbox.clone() else { return };
    let fault = dialogue.fault;
    let world = dialogue.world.clone();
    let found = world.post.with(&mailbox, |found| {
        if fault == Some(ImapFault::UidValidity) {
            found.renew(name);
        }
        let folder = found.folders.get(name)?;
        Some((
            folder.uid_validity,
            folder.uid_next,
            folder.mails.iter().map(|mail| mail.uid).collect::<Vec<_>>(),
        ))
    });
    let Some((validity, next, uids)) = found else {
        dialogue.selected = None;
        return steps.push(line(format!("{tag} NO [NONEXISTENT] dossier inconnu")));
    };
    let read_only = examine || fault == Some(ImapFault::ReadOnly);
    steps.push(line("* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)"));
    steps.push(line(format!("* {} EXISTS", uids.len())));
    steps.push(line("* 0 RECENT"));
    steps.push(line(format!("* OK [UIDVALIDITY {validity}] ok")));
    steps.push(line(format!("* OK [UIDNEXT {next}] ok")));
    steps.push(line("* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] ok"));
    steps.push(line(format!("{tag} OK [{}] fait", if read_only { "READ-ONLY" } else { "READ-WRITE" })));
    dialogue.selected = Some(Selected { name: name.to_owned(), read_only, uids });
}

/// Commands that need a selected folder.
fn in_folder(dialogue: &mut Dialogue, tag: &str, body: CommandBody<'_>, steps: &mut Vec<Step>) {
    let world = dialogue.world.clone();
    let post = &world.post;
    let (fault, mailbox) = (dialogue.fault, dialogue.mailbox.clone().unwrap_or_default());
    let Some(selected) = &mut dialogue.selected else {
        return steps.push(line(format!("{tag} BAD aucun dossier ouvert, ou commande inconnue")));
    };
    let refused = selected.read_only
        && matches!(
            body,
            CommandBody::Store { .. }
                | CommandBody::Move { .. }
                | CommandBody::Expunge
                | CommandBody::ExpungeUid { .. }
        );
    if refused {
        return steps.push(line(format!("{tag} NO [READ-ONLY] non")));
    }
    match body {
        CommandBody::Search { criteria, uid, .. } => {
            let found: Vec<u32> = post.with(&mailbox, |found| {
                let mails = found
                    .folders
                    .get(&selected.name)
                    .map(|folder| folder.mails.as_slice())
                    .unwrap_or_default();
                let known = mails.iter().filter(|mail| selected.uids.binary_search(&mail.uid).is_ok());
                known
                    .filter(|mail| criteria.as_ref().iter().all(|key| matches(key, mail, selected)))
                    .map(|mail| mail.uid)
                    .collect()
            });
            let mut words: Vec<String> = found
                .iter()
                .map(|one| if uid { *one as usize } else { selected.number(*one) }.to_string())
                .collect();
            if fault == Some(ImapFault::Duplicates) {
                // The same twice, in disorder, with one that is not there.
                words.reverse();
                words.extend(words.clone());
                words.push("4000000000".to_owned());
            }
            steps.push(line(format!("* SEARCH {}", words.join(" ")).trim_end()));
            steps.push(line(format!("{tag} OK fait")));
            if fault == Some(ImapFault::ExpungeRace) {
                // Somebody else takes the first one away before it is fetched.
                post.with(&mailbox, |inside| {
                    if let (Some(folder), Some(first)) =
                        (inside.folders.get_mut(&selected.name), found.first())
                    {
                        folder.mails.retain(|mail| mail.uid != *first);
                    }
                });
                dialogue.fault = None;
            }
        }
        CommandBody::Fetch { sequence_set, macro_or_item_names, uid, .. } => {
            let mut items = items_of(macro_or_item_names);
            if uid && !items.contains(&MessageDataItemName::Uid) {
                items.push(MessageDataItemName::Uid);
            }
            if !fetch(
                &world,
                fault,
                &mailbox,
                selected,
                (&selected.chosen(&sequence_set, uid), &items),
                steps,
            ) {
                return;
            }
            steps.push(line(format!("{tag} OK fait")));
        }
        CommandBody::Store { sequence_set, kind, response, flags, uid, .. } => {
            let flags: BTreeSet<String> = flags.iter().map(flag_name).collect();
            for one in selected.chosen(&sequence_set, uid) {
                let now = post.with(&mailbox, |found| {
                    let mail = found
                        .folders
                        .get_mut(&selected.name)?
                        .mails
                        .iter_mut()
                        .find(|mail| mail.uid == one)?;
                    match kind {
                        StoreType::Add => mail.flags.extend(flags.iter().cloned()),
                        StoreType::Remove => mail.flags.retain(|flag| !flags.contains(flag)),
                        StoreType::Replace => mail.flags.clone_from(&flags),
                    }
                    Some(flags_text(mail))
                });
                if let (Some(now), StoreResponse::Answer) = (now, response) {
                    let number = selected.number(one);
                    steps.push(line(format!("* {number} FETCH (UID {one} FLAGS {now})")));
                }
            }
            steps.push(line(format!("{tag} OK fait")));
        }
        CommandBody::Copy { sequence_set, mailbox: to, uid } => {
            let chosen = selected.chosen(&sequence_set, uid);
            let said = transfer(&world, fault, &mailbox, (&selected.name, &folder_name(&to)), &chosen, false);
            steps.push(line(format!("{tag} {said}")));
        }
        CommandBody::Move { sequence_set, mailbox: to, uid } => {
            let chosen = selected.chosen(&sequence_set, uid);
            let said = transfer(&world, fault, &mailbox, (&selected.name, &folder_name(&to)), &chosen, true);
            steps.extend(selected.refresh(post, &mailbox));
            steps.push(line(format!("{tag} {said}")));
        }
        CommandBody::Expunge | CommandBody::ExpungeUid { .. } => {
            let only = match &body {
                CommandBody::ExpungeUid { sequence_set } => Some(selected.chosen(sequence_set, true)),
                _ => None,
            };
            post.with(&mailbox, |found| {
                if let Some(folder) = found.folders.get_mut(&selected.name) {
                    let chosen = |uid: u32| only.as_ref().is_none_or(|only| only.contains(&uid));
                    folder.mails.retain(|mail| !(mail.flags.contains("\\Deleted") && chosen(mail.uid)));
                }
            });
            steps.extend(selected.refresh(post, &mailbox));
            steps.push(line(format!("{tag} OK fait")));
        }
        _ => steps.push(line(format!("{tag} BAD commande inconnue ici"))),
    }
}

fn transfer(
    world: &super::super::world::World,
    fault: Option<ImapFault>,
    mailbox: &str,
    (from, to): (&str, &str),
    uids: &[u32],
    remove: bool,
) -> &'static str {
    if fault == Some(ImapFault::QuotaFull) {
        return "NO [OVERQUOTA] boite pleine";
    }
    let said = world.post.with(mailbox, |found| {
        if !found.folders.contains_key(to) {
            return "NO [TRYCREATE] dossier absent";
        }
        let Some(source) = found.folders.get_mut(from) else { return "NO [NONEXISTENT] non" };
        let taken: Vec<Entry> =
            source.mails.iter().filter(|mail| uids.contains(&mail.uid)).cloned().collect();
        if remove {
            source.mails.retain(|mail| !uids.contains(&mail.uid));
        }
        if let Some(target) = found.folders.get_mut(to) {
            for mail in taken {
                target.add(mail.raw, mail.flags, mail.at);
            }
        }
        "OK fait"
    });
    world.post.tell(mailbox);
    said
}

fn items_of(names: MacroOrMessageDataItemNames<'_>) -> Vec<MessageDataItemName<'_>> {
    match names {
        MacroOrMessageDataItemNames::MessageDataItemNames(items) => items,
        MacroOrMessageDataItemNames::Macro(_) => {
            vec![
                MessageDataItemName::Flags,
                MessageDataItemName::InternalDate,
                MessageDataItemName::Rfc822Size,
            ]
        }
    }
}

/// `false`: the link ends here.
fn fetch(
    world: &super::super::world::World,
    fault: Option<ImapFault>,
    mailbox: &str,
    selected: &Selected,
    (uids, items): (&[u32], &[MessageDataItemName<'_>]),
    steps: &mut Vec<Step>,
) -> bool {
    for uid in uids {
        let entry = world.post.with(mailbox, |found| {
            found.folders.get(&selected.name)?.mails.iter().find(|mail| mail.uid == *uid).cloned()
        });
        let Some(entry) = entry else { continue };
        let number = selected.number(*uid);
        let mut out = format!("* {number} FETCH (").into_bytes();
        let mut seen = false;
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            match item {
                MessageDataItemName::Uid => out.extend(format!("UID {uid}").bytes()),
                MessageDataItemName::Flags => out.extend(format!("FLAGS {}", flags_text(&entry)).bytes()),
                MessageDataItemName::InternalDate => {
                    out.extend(
                        format!("INTERNALDATE \"{}\"", entry.at.strftime("%d-%b-%Y %H:%M:%S +0000")).bytes(),
                    );
                }
                MessageDataItemName::Rfc822Size => {
                    let size = if fault == Some(ImapFault::Huge) { 10 } else { entry.raw.len() };
                    out.extend(format!("RFC822.SIZE {size}").bytes());
                }
                MessageDataItemName::BodyExt { section, partial, peek } => {
                    seen |= !peek;
                    let (name, bytes) = section_of(&entry.raw, section.as_ref());
                    if !piece(fault, &name, bytes, *partial, &mut out) {
                        steps.extend([Step::Write(out), Step::Close]);
                        return false;
                    }
                }
                MessageDataItemName::Rfc822 => literal("RFC822", &entry.raw, &mut out),
                MessageDataItemName::Rfc822Header => literal("RFC822.HEADER", header(&entry.raw), &mut out),
                MessageDataItemName::Rfc822Text => {
                    literal("RFC822.TEXT", &entry.raw[header(&entry.raw).len()..], &mut out);
                }
                _ => out.extend(b"ENVELOPE NIL"),
            }
        }
        out.extend(b")\r\n");
        steps.push(Step::Write(out));
        if seen {
            world.post.with(mailbox, |found| {
                let folder = found.folders.get_mut(&selected.name);
                if let Some(mail) = folder.and_then(|f| f.mails.iter_mut().find(|mail| mail.uid == *uid)) {
                    mail.flags.insert("\\Seen".to_owned());
                }
            });
        }
    }
    true
}

/// A piece of a mail, good or broken. `false`: the link ends in the middle of it.
fn piece(
    fault: Option<ImapFault>,
    name: &str,
    bytes: &[u8],
    partial: Option<(u32, std::num::NonZeroU32)>,
    out: &mut Vec<u8>,
) -> bool {
    let (from, length) =
        partial.map_or((0, usize::MAX), |(from, length)| (from as usize, length.get() as usize));
    let bytes = &bytes[from.min(bytes.len())..];
    let bytes = &bytes[..length.min(bytes.len())];
    let origin = if partial.is_some() { format!("<{from}>") } else { String::new() };
    let name = format!("BODY[{name}]{origin}");
    match fault {
        Some(ImapFault::FetchNil) => out.extend(format!("{name} NIL").bytes()),
        Some(ImapFault::Huge) => {
            out.extend(format!("{name} {{4294967295}}\r\n").bytes());
            return false;
        }
        Some(ImapFault::HalfLiteral) => {
            out.extend(format!("{name} {{{}}}\r\n", bytes.len()).bytes());
            out.extend(&bytes[..bytes.len() / 2]);
            return false;
        }
        Some(ImapFault::Forged) => {
            // Bytes of a mail that was not asked for.
            out.extend(b"UID 4000000000 ");
            literal(&name, bytes, out);
        }
        _ => literal(&name, bytes, out),
    }
    true
}

fn literal(name: &str, bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("{name} {{{}}}\r\n", bytes.len()).bytes());
    out.extend_from_slice(bytes);
}

/// Up to the blank line, included.
fn header(raw: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(raw, b"\r\n\r\n").map_or(raw.len(), |at| at + 4);
    &raw[..end]
}

/// What stands in the brackets, and its bytes.
fn section_of<'r>(raw: &'r [u8], section: Option<&Section<'_>>) -> (String, &'r [u8]) {
    match section {
        None => (String::new(), raw),
        Some(Section::Header(None)) => ("HEADER".to_owned(), header(raw)),
        // All fields rather than some: a client looks for its own.
        Some(Section::HeaderFields(None, names)) => {
            let names: Vec<String> = names.as_ref().iter().map(|name| text(name.as_ref())).collect();
            (format!("HEADER.FIELDS ({})", names.join(" ")), header(raw))
        }
        Some(Section::Text(None)) => ("TEXT".to_owned(), &raw[header(raw).len()..]),
        Some(_) => ("1".to_owned(), &raw[header(raw).len()..]),
    }
}

fn flag_name(flag: &Flag<'_>) -> String {
    flag.to_string()
}

fn flags_text(mail: &Entry) -> String {
    format!("({})", mail.flags.iter().map(String::as_str).collect::<Vec<_>>().join(" "))
}

/// The criteria that clients of a simulator use; any other one holds.
fn matches(key: &SearchKey<'_>, mail: &Entry, selected: &Selected) -> bool {
    let flagged = |flag: &str| mail.flags.iter().any(|found| found.eq_ignore_ascii_case(flag));
    match key {
        SearchKey::And(keys) => keys.as_ref().iter().all(|key| matches(key, mail, selected)),
        SearchKey::Not(key) => !matches(key, mail, selected),
        SearchKey::Or(one, other) => matches(one, mail, selected) || matches(other, mail, selected),
        SearchKey::Deleted => flagged("\\Deleted"),
        SearchKey::Undeleted => !flagged("\\Deleted"),
        SearchKey::Seen => flagged("\\Seen"),
        SearchKey::Unseen => !flagged("\\Seen"),
        SearchKey::Keyword(word) => flagged(word.as_ref()),
        SearchKey::Unkeyword(word) => !flagged(word.as_ref()),
        SearchKey::Uid(set) => selected.chosen(set, true).contains(&mail.uid),
        SearchKey::SequenceSet(set) => selected.chosen(set, false).contains(&mail.uid),
        SearchKey::Larger(size) => mail.raw.len() > *size as usize,
        SearchKey::Smaller(size) => mail.raw.len() < *size as usize,
        SearchKey::Text(word) => memchr::memmem::find(&mail.raw, word.as_ref()).is_some(),
        _ => true,
    }
}
