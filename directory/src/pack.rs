//! How records are written in the store: one description per record, walked to write, to read, and to fingerprint.
//! In: a record, or bytes. Out: bytes, or a record, or a hash. Repeated texts are numbered; sites are stored apart.
//! A description that only adds fields at the end of a record still needs a new store format: see `generation.rs`.

use jiff::civil::Date;
use jonction_model::{
    PersonId, StructureId,
    directory::{
        Capacity, Coded, Contact, Diploma, Domain, Holder, Mailbox, MailboxKind, Offer, Position,
        PostalAddress, Practice, Professional, Structure, Zone, ZoneKind,
    },
};

/// A walk over the fields of a record.
pub(crate) trait Pack: Sized {
    /// A text of its own.
    fn text(&mut self, text: &mut String);
    /// A text that many records share.
    fn word(&mut self, text: &mut String);
    /// A text that is kept, and is no change by itself.
    fn aside(&mut self, text: &mut String) {
        self.text(text);
    }
    /// A number, small ones shorter.
    fn number(&mut self, number: &mut u64);
    /// A code with its label.
    fn coded(&mut self, coded: &mut Coded);
    /// A structure told inside another record.
    fn site(&mut self, site: &mut Option<Box<Structure>>);

    /// A list. `one` walks an item.
    fn list<T: Default>(&mut self, items: &mut Vec<T>, mut one: impl FnMut(&mut Self, &mut T)) {
        /// Items made room for at once.
        const USUAL: usize = 8;
        let mut count = items.len() as u64;
        self.number(&mut count);
        // Grows item by item beyond what is usual: a damaged count cannot allocate more than the bytes there are.
        let usual = usize::try_from(count).map_or(USUAL, |count| count.min(USUAL));
        items.reserve_exact(usual.saturating_sub(items.len()));
        let mut at = 0;
        while at < count && !self.failed() {
            let index = usize::try_from(at).unwrap_or(usize::MAX);
            if index >= items.len() {
                items.push(T::default());
            }
            one(self, &mut items[index]);
            at += 1;
        }
    }

    /// Whether reading met damaged bytes.
    fn failed(&self) -> bool {
        false
    }

    /// A day: 0 when absent.
    fn date(&mut self, date: &mut Option<Date>) {
        let mut number = date.map_or(0, |day| {
            u64::try_from(i64::from(day.year()) * 512 + i64::from(day.month()) * 32 + i64::from(day.day()))
                .unwrap_or(0)
        });
        self.number(&mut number);
        let part = |value: u64| i8::try_from(value).unwrap_or(0);
        *date = i16::try_from(number / 512)
            .ok()
            .filter(|_| number != 0)
            .and_then(|year| Date::new(year, part(number / 32 % 16), part(number % 32)).ok());
    }

    /// A flag.
    fn flag(&mut self, flag: &mut bool) {
        let mut number = u64::from(*flag);
        self.number(&mut number);
        *flag = number != 0;
    }

    /// A number that may be absent.
    fn maybe(&mut self, value: &mut Option<u32>) {
        let mut number = value.map_or(0, |value| u64::from(value) + 1);
        self.number(&mut number);
        *value = number.checked_sub(1).and_then(|value| u32::try_from(value).ok());
    }

    /// A flag that may be absent.
    fn maybe_flag(&mut self, flag: &mut Option<bool>) {
        let mut value = flag.map(u32::from);
        self.maybe(&mut value);
        *flag = value.map(|value| value != 0);
    }

    /// A person's identifier.
    fn person(&mut self, id: &mut Option<PersonId>) {
        let mut text = id.as_ref().map_or_else(String::new, |id| id.as_str().to_owned());
        self.text(&mut text);
        *id = (!text.is_empty()).then(|| PersonId::prefixed(&text));
    }

    /// A structure's identifier.
    fn structure_id(&mut self, id: &mut Option<StructureId>) {
        let mut text = id.as_ref().map_or_else(String::new, |id| id.as_str().to_owned());
        self.text(&mut text);
        *id = (!text.is_empty()).then(|| StructureId::prefixed(&text));
    }

    /// A point, to a tenth of a metre or so.
    fn position(&mut self, position: &mut Option<Position>) {
        const MICRO: f64 = 1e6;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 360 million"
        )]
        let scaled = |degrees: f64| ((degrees.clamp(-180.0, 180.0) + 180.0) * MICRO).round() as u64;
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let degrees = |number: u64| number as f64 / MICRO - 180.0;
        let mut kind = position.map_or(0, |point| if point.commune_only { 2 } else { 1 });
        self.number(&mut kind);
        if kind == 0 {
            *position = None;
            return;
        }
        let (mut north, mut east) =
            position.map_or((0, 0), |point| (scaled(point.latitude), scaled(point.longitude)));
        self.number(&mut north);
        self.number(&mut east);
        *position =
            Some(Position { latitude: degrees(north), longitude: degrees(east), commune_only: kind == 2 });
    }
}

/// A professional, whole or in part.
pub(crate) fn professional(p: &mut impl Pack, record: &mut Professional) {
    let mut id = Some(std::mem::take(&mut record.id));
    p.person(&mut id);
    record.id = id.unwrap_or_default();
    p.coded(&mut record.civility);
    p.coded(&mut record.title);
    p.text(&mut record.family);
    p.text(&mut record.given);
    p.list(&mut record.practices, practice);
    p.list(&mut record.diplomas, diploma);
    p.date(&mut record.ended);
}

fn practice(p: &mut impl Pack, record: &mut Practice) {
    p.coded(&mut record.profession);
    p.coded(&mut record.category);
    p.coded(&mut record.skill_type);
    p.coded(&mut record.skill);
    p.coded(&mut record.mode);
    p.coded(&mut record.sector);
    p.coded(&mut record.section);
    p.coded(&mut record.role);
    p.coded(&mut record.genre);
    p.word(&mut record.authority);
    p.text(&mut record.situation);
    p.site(&mut record.site);
}

fn diploma(p: &mut impl Pack, record: &mut Diploma) {
    p.coded(&mut record.kind);
    p.coded(&mut record.diploma);
    p.coded(&mut record.authorisation);
    p.coded(&mut record.discipline);
}

/// A structure.
pub(crate) fn structure(p: &mut impl Pack, record: &mut Structure) {
    p.text(&mut record.finess);
    p.text(&mut record.finess_legal);
    p.text(&mut record.siret);
    p.text(&mut record.siren);
    p.text(&mut record.technical_id);
    p.flag(&mut record.legal);
    p.text(&mut record.name);
    p.text(&mut record.brand);
    p.coded(&mut record.category);
    address(p, &mut record.address);
    p.list(&mut record.phones, |p, phone| p.text(phone));
    p.text(&mut record.fax);
    p.text(&mut record.email);
    p.list(&mut record.activities, |p, activity| p.word(activity));
    p.date(&mut record.opened);
    p.date(&mut record.closed);
    p.flag(&mut record.inactive);
    p.position(&mut record.position);
}

fn address(p: &mut impl Pack, record: &mut PostalAddress) {
    p.text(&mut record.recipient);
    p.text(&mut record.point);
    p.text(&mut record.number);
    p.word(&mut record.street_type);
    p.text(&mut record.street);
    p.text(&mut record.place);
    p.word(&mut record.routing);
    p.word(&mut record.postcode);
    p.word(&mut record.commune);
    p.word(&mut record.commune_name);
    p.word(&mut record.country);
}

/// A mailbox, whole or in part.
pub(crate) fn mailbox(p: &mut impl Pack, record: &mut Mailbox) {
    p.text(&mut record.address);
    let mut kind = record.kind as u64;
    p.number(&mut kind);
    record.kind =
        usize::try_from(kind).ok().and_then(|at| MailboxKind::ALL.get(at)).map_or(MailboxKind::Per, |k| k.0);
    p.list(&mut record.holders, holder);
    p.maybe_flag(&mut record.paperless);
    p.date(&mut record.ended);
}

fn holder(p: &mut impl Pack, record: &mut Holder) {
    p.person(&mut record.person);
    p.structure_id(&mut record.structure);
    p.text(&mut record.service);
    p.text(&mut record.family);
    p.text(&mut record.given);
    p.coded(&mut record.profession);
    p.coded(&mut record.skill);
    p.site(&mut record.site);
}

/// A domain.
pub(crate) fn domain(p: &mut impl Pack, record: &mut Domain) {
    p.text(&mut record.name);
    p.list(&mut record.operators, |p, operator| p.word(operator));
}

/// An offer.
pub(crate) fn offer(p: &mut impl Pack, record: &mut Offer) {
    p.text(&mut record.id);
    p.text(&mut record.name);
    p.coded(&mut record.category);
    p.coded(&mut record.field);
    p.list(&mut record.activities, Pack::coded);
    p.coded(&mut record.care_mode);
    p.maybe(&mut record.age_min);
    p.maybe(&mut record.age_max);
    p.structure_id(&mut record.structure);
    p.structure_id(&mut record.legal);
    p.text(&mut record.unit);
    address(p, &mut record.address);
    p.position(&mut record.position);
    p.list(&mut record.zone, zone);
    p.list(&mut record.contacts, contact);
    p.list(&mut record.capacities, |p, capacity: &mut Capacity| {
        p.coded(&mut capacity.kind);
        let mut count = Some(capacity.count);
        p.maybe(&mut count);
        capacity.count = count.unwrap_or_default();
    });
    p.list(&mut record.equipment, Pack::coded);
    p.list(&mut record.acts, Pack::coded);
    p.list(&mut record.professionals, |p, id: &mut PersonId| {
        let mut some = Some(std::mem::take(id));
        p.person(&mut some);
        *id = some.unwrap_or_default();
    });
    p.flag(&mut record.sensitive);
    p.coded(&mut record.structure_category);
    p.word(&mut record.region);
    p.date(&mut record.closed);
    p.date(&mut record.reopens);
    p.aside(&mut record.updated);
}

fn zone(p: &mut impl Pack, record: &mut Zone) {
    let mut kind = record.kind as u64;
    p.number(&mut kind);
    record.kind = usize::try_from(kind)
        .ok()
        .and_then(|at| ZoneKind::ALL.get(at))
        .map_or(ZoneKind::Territory, |row| row.0);
    p.word(&mut record.code);
}

fn contact(p: &mut impl Pack, record: &mut Contact) {
    p.coded(&mut record.function);
    p.coded(&mut record.channel);
    p.text(&mut record.value);
    p.coded(&mut record.confidentiality);
    p.flag(&mut record.mss);
}
