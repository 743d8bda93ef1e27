//! The mappings that come with the program: files of `mappings/catalogue`, read as those of a project are.
//! In: a name. Out: a mapping. A new one is a folder there and a row here.

use std::sync::Arc;

use jonction_ports::Step;
use jonction_rows::Mapping;
use jonction_settings::{Diagnoses, SourceFile};

use crate::RowsStep;

/// A mapping of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name, and that of its folder.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
    /// Its tables, by file name.
    pub tables: &'static [(&'static str, &'static str)],
}

macro_rules! entry {
    ($name:literal $(, $table:literal)*) => {
        Entry {
            name: $name,
            text: include_str!(concat!("../catalogue/", $name, "/mapping.yaml")),
            tables: &[$(($table, include_str!(concat!("../catalogue/", $name, "/", $table)))),*],
        }
    };
}

/// Every mapping of the catalogue.
pub const CATALOGUE: &[Entry] = &[
    entry!("pam-to-patient-event", "events.csv", "actions.csv"),
    entry!("siu-to-appointment"),
    entry!("csv-to-patient-event"),
    entry!("patient-event-to-adt", "events.csv", "cancellations.csv"),
    entry!("submission-to-mdm"),
    entry!("hl7v2-clean-up"),
];

/// The mappings of the catalogue as steps, each under its name, behind the verb `map`.
pub fn steps() -> impl Iterator<Item = Arc<dyn Step>> {
    let mappings = CATALOGUE.iter().filter_map(|entry| entry.read(&mut Diagnoses::default()));
    mappings.map(|mapping| Arc::new(RowsStep::new(Arc::new(mapping))) as Arc<dyn Step>)
}

impl Entry {
    /// Reads it. The tests of the catalogue keep it free of mistakes.
    pub fn read(&self, diagnoses: &mut Diagnoses) -> Option<Mapping> {
        let path = format!("catalogue/{}/mapping.yaml", self.name).into();
        let file = Arc::new(SourceFile { path, text: self.text.to_owned() });
        let node = jonction_settings::read(file, diagnoses)?;
        let table = |path: &str| {
            let found = self.tables.iter().find(|(name, _)| *name == path);
            found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "il n'existe pas".to_owned())
        };
        Mapping::read(&node, &table, diagnoses)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jonction_hl7v2::{Limits, Message};
    use jonction_model::Shape;

    use super::*;
    use crate::{
        native::{findings::Remarks, hl7_to_document::PatientReader},
        settings::VoletSettings,
    };

    /// Two readers of one patient must not disagree on who it is.
    #[test]
    fn rows_and_native_code_read_the_same_patient() {
        let mapping = CATALOGUE[0].read(&mut Diagnoses::default()).unwrap();
        let ins = "279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS";
        let traits = "A&de^B^B C^^^^L~D^E^^^^^D||19790328|F|||1 RUE^^PARIS^^75001^FRA^H~^^^^^^BDL^^63220";
        let status = |codes: &str| {
            format!("{ins}~7^^^CHU&1.2&ISO^PI~8^^^CHU^PI||{traits}|||||||||||||||||||||{codes}")
        };
        for pid in [
            status("VALI"),
            status("VALI~PROV"),
            status("VALI~FICT"),
            status("RECD"),
            status("VIDE"),
            status(""),
            status("VALI").replace(ins, "9^^^X^PI"),
            status("VALI").replace("^INS~", "^NH~"),
            status("VALI").replace("279035121518989", "27903"),
            status("VALI").replace("1.2.250.1.213.1.4.10", "1.2.3"),
            status("VALI").replace("^INS~", "^INS^^20101207^20201207~"),
            status("VALI").replace("1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.2"),
            status("VALI").replace("^L~", "~"),
            status("VALI").replace("19790328", "19790300"),
            status("VALI").replace("|F|", "|X|"),
            status("VALI").replace("BDL", "BR"),
        ] {
            let text = format!("MSH|^~\\&|A|B|||20260131||ADT^A01|1|P|2.5\rPID|||{pid}\r");
            let message = Message::parse(Bytes::from(text), &Limits::default()).unwrap();
            let native = PatientReader::new(&message, &VoletSettings::default(), &mut Remarks::new(10))
                .read()
                .identity;
            let mapped = mapping.run_hl7(&message).unwrap();
            let [Shape::PatientEvent(event)] = &mapped.shapes[..] else { panic!("one event is expected") };
            let json = |identity| serde_json::to_value(identity).unwrap();
            assert_eq!(json(&event.patient), json(&native), "{pid}");
        }
    }
}
