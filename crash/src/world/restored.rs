//! The disk is lost, its last backup is not: put back elsewhere, told of it, started; then it is judged.
//! In: a backup that was said to be there. Out: what was promised before it is in it, or a human is told.

use std::time::Duration;

use jonction_engine::{Act, Engine, Error, backup, index_key};

use super::{
    World,
    upkeep::{Backup, decide},
};
use crate::disk::Plan;

/// Longest a restored gateway may need to be done with everything, in virtual time.
const PATIENCE: Duration = Duration::from_secs(3600);

impl World {
    /// Judges the last backup, if there is one. Out: whether there was. The world ends with it.
    pub(crate) async fn judge_backup(&self) -> bool {
        let Some(backup) = self.backup.take() else { return false };
        self.disk.plan(Plan::default());
        // The power goes right after it was said to be there.
        self.disk.cut();
        self.disk.power_on();
        if let Err(error) = self.restore(&backup).await {
            self.oracle.borrow_mut().broken(format!("a backup that is not put back: {error}"));
        }
        true
    }

    async fn restore(&self, backup: &Backup) -> Result<(), Error> {
        let data_dir = self.disk.root().join("restored");
        let key = index_key::key_path(&self.data_dir());
        let put_back = || backup::restore_on(&self.storage(), &backup.folder, &data_dir, &key);
        // A bit of it flips: it is refused, and nothing is written.
        let copied = self.disk.files().into_iter().filter(|path| path.starts_with(&backup.folder));
        let copied: Vec<_> = copied.filter(|path| !path.ends_with("manifest.json")).collect();
        let file = copied[self.dice.borrow_mut().place(copied.len().max(1))].clone();
        let bit = self.dice.borrow_mut().below(self.disk.length(&file) * 8);
        self.disk.flip(&file, bit);
        let refused = put_back();
        if !matches!(refused, Err(Error::BackupDamaged { .. })) || self.disk.exists(&data_dir) {
            let file = file.display();
            self.oracle.borrow_mut().broken(format!("{file}: a damaged backup was not refused: {refused:?}"));
        }
        self.disk.flip(&file, bit);
        put_back()?;
        // And right after it was put back.
        self.disk.cut();
        self.disk.power_on();
        let engine = self.open_at(&data_dir)?;
        if !matches!(self.start(&engine).await, Err(Error::RestoreUnfinished { .. })) {
            self.oracle.borrow_mut().broken("a store that was put back starts before it is told".to_owned());
        }
        decide(&engine, Act::Restored { made_at: backup.made_at }).await?;
        self.works(&engine, backup).await
    }

    async fn works(&self, engine: &Engine, backup: &Backup) -> Result<(), Error> {
        let running = self.start(engine).await?;
        // What was held when it was copied is held.
        for what in &backup.held {
            if let Err(error) = decide(engine, Act::Lift { what: what.clone() }).await
                && !matches!(error, Error::NotHeld(_))
            {
                return Err(error);
            }
        }
        if tokio::time::timeout(PATIENCE, engine.wait_idle()).await.is_err() {
            self.oracle.borrow_mut().broken("a restored store comes to no rest".to_owned());
        }
        running.stop(Duration::from_secs(10)).await;
        self.oracle.borrow_mut().comes_back(engine, &self.outside, &backup.holds);
        Ok(())
    }
}
