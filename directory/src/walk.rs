//! Every record, one after the other: for exports and reports, which want them all.
//! In: a kind. Out: records in the order of their keys, source after source, each person, site and box told once.

use std::collections::HashSet;

use jonction_model::directory::{Mailbox, Offer, Professional, Sourced, Structure};

use crate::{Store, error::Error, lookups, tables::Stored};

impl Store {
    /// Every professional, sites included, as the most believed source tells each.
    pub fn each_professional(
        &self,
        mut tell: impl FnMut(Sourced<Professional>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.each(|reading, mut found: Sourced<Professional>| {
            lookups::sites_of_practices(reading, &mut found.record)?;
            tell(found)
        })
    }

    /// Every structure, legal entities and closed ones included.
    pub fn each_structure(
        &self,
        mut tell: impl FnMut(Sourced<Structure>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.each(|_, found| tell(found))
    }

    /// Every mailbox.
    pub fn each_mailbox(
        &self,
        mut tell: impl FnMut(Sourced<Mailbox>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.each(|reading, mut found: Sourced<Mailbox>| {
            lookups::sites_of_holders(reading, &mut found.record)?;
            tell(found)
        })
    }

    /// Every offer, sensitive ones included: what is shown of them is the caller's to decide.
    pub fn each_offer(&self, mut tell: impl FnMut(Sourced<Offer>) -> Result<(), Error>) -> Result<(), Error> {
        self.each(|_, found| tell(found))
    }

    fn each<T: Stored>(
        &self,
        mut tell: impl FnMut(&crate::generation::Reading<'_>, Sourced<T>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let view = self.view()?;
        let holding = view.ranked(T::KIND);
        let mut told = HashSet::new();
        for (at, generation) in holding.iter().enumerate() {
            let last = at + 1 == holding.len();
            generation.read(|reading| {
                reading.every::<T>(|found| {
                    let key = found.record.key();
                    if told.contains(&key) {
                        return Ok(());
                    }
                    // Nobody comes after the last source: nothing to remember.
                    if !last {
                        told.insert(key);
                    }
                    tell(reading, found)
                })
            })?;
        }
        Ok(())
    }
}
