//! The people of the stories. None exists; INS are test numbers (OID .10), mailboxes are in `.example`.

use jonction_model::Ins;

/// A patient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patient {
    pub(crate) birth_name: &'static str,
    pub(crate) given: &'static str,
    pub(crate) givens: &'static str,
    pub(crate) birth_date: &'static str,
    pub(crate) sex: &'static str,
    pub(crate) birth_place: &'static str,
    /// First 13 characters of the matricule.
    pub(crate) number: &'static str,
    /// Not 0: another person of the same description, for measures (order number of the matricule).
    pub(crate) serial: u16,
    /// Local identifier in the hospital.
    pub(crate) ipp: &'static str,
}

impl Patient {
    /// The matricule with its key.
    pub(crate) fn ins(&self) -> String {
        let number = match self.serial {
            0 => self.number.to_owned(),
            serial => format!("{}{:03}", &self.number[..10], serial % 1000),
        };
        let with_key = |key: u32| format!("{number}{key:02}");
        let valid = |text: &String| Ins::parse(text).is_ok_and(|ins| ins.key_is_valid());
        (1..=97).map(with_key).find(valid).unwrap_or_else(|| with_key(0))
    }

    /// Mailbox of Mon espace santé.
    pub(crate) fn address(&self) -> String {
        format!("{}@patient.mssante.fr", self.ins())
    }
}

/// A professional.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doctor {
    pub(crate) rpps: &'static str,
    pub(crate) family: &'static str,
    pub(crate) given: &'static str,
    pub(crate) address: &'static str,
}

pub(crate) const CAMILLE: Patient = Patient {
    birth_name: "VASSEUR-DEMO",
    given: "CAMILLE",
    givens: "CAMILLE ANNE",
    birth_date: "19840312",
    sex: "F",
    birth_place: "69123",
    number: "2840369123001",
    serial: 0,
    ipp: "900001",
};
pub(crate) const ANDRE: Patient = Patient {
    birth_name: "FICTIF",
    given: "ANDRÉ",
    givens: "ANDRÉ",
    birth_date: "19570621",
    sex: "M",
    birth_place: "75056",
    number: "1570675056002",
    serial: 0,
    ipp: "900002",
};
/// Has no qualified identity.
pub(crate) const LUCIE: Patient = Patient {
    birth_name: "ESSAI",
    given: "LUCIE",
    givens: "LUCIE MARIE",
    birth_date: "19911104",
    sex: "F",
    birth_place: "2B033",
    number: "291112B033003",
    serial: 0,
    ipp: "900003",
};
/// Has closed his DMP.
pub(crate) const YVES: Patient = Patient {
    birth_name: "MODELE",
    given: "YVES",
    givens: "YVES",
    birth_date: "19450318",
    sex: "M",
    birth_place: "33063",
    number: "1450333063004",
    serial: 0,
    ipp: "900004",
};

pub(crate) const RADIOLOGIST: Doctor = Doctor {
    rpps: "10999990012",
    family: "OSTREVANT",
    given: "Jeanne",
    address: "jeanne.ostrevant@hopital.mssante.example",
};
pub(crate) const GENERALIST: Doctor = Doctor {
    rpps: "10999990020",
    family: "BRIAND-TEST",
    given: "Paul",
    address: "paul.briand-test@cabinet.mssante.example",
};
/// Her mailbox does not exist any more.
pub(crate) const RETIRED: Doctor = Doctor {
    rpps: "10999990038",
    family: "ANCIEN",
    given: "Rose",
    address: "rose.ancien@cabinet.mssante.example",
};

/// The hospital: name and FINESS, both invented.
pub(crate) const HOSPITAL: (&str, &str) = ("Hôpital de Démonstration", "990000018");
/// Sending application and facility (MSH-3, MSH-4).
pub(crate) const SENDER: (&str, &str) = ("SIL-DEMO", "HOPITAL-DEMO");
/// Root of the documents' identifiers.
pub(crate) const DOCUMENT_ROOT: &str = "2.25.198001011.8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patient_has_a_valid_key() {
        for patient in [CAMILLE, ANDRE, LUCIE, YVES] {
            assert!(Ins::parse(&patient.ins()).unwrap().key_is_valid(), "{}", patient.birth_name);
        }
    }
}
