//! What the simulated registry decides: patients, rights, uniqueIds, versions. The wire is elsewhere.
//! In: requests already read and judged. Out: what is stored or found, or a refusal. Source: dmp-xds.md §1.1, §2.4 to §2.7.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use jonction_soap::{
    envelope::{Fault, FaultCode},
    vihf::Mode,
};
use jonction_xds::{
    Association, AssociationKind, AvailabilityStatus, DocumentEntry, Submission,
    ebrim::{AdhocQuery, QueryResponse, RegistryError, RegistryResponse, ReturnType, stored_query},
    metadata::Cx,
};

use super::{
    patients::{DmpState, Patients},
    store::{NewDocument, Store, StoredDocument, status_of},
};

/// Who asks: what the VIHF says, once believed.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Authentification_mode.
    pub(crate) mode: Mode,
    /// Identifiant_Structure.
    pub(crate) structure: String,
    /// The patient of resource-id.
    pub(crate) patient: Option<Cx>,
}

/// A refusal, as it goes on the wire.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// `rs:RegistryError`s.
    Registry(Vec<RegistryError>),
    /// A SOAP fault.
    Fault(Fault),
}

impl Refusal {
    fn error(code: &str, context: &str) -> Self {
        Self::Registry(vec![RegistryError::new(code, context)])
    }

    /// The matrix of rights says no. Source: dmp-xds.md §1.1, §9.1.
    pub(crate) fn no_right(reason: &str) -> Self {
        Self::Fault(Fault::new(FaultCode::Sender, "DMPAccessDeniedByRightsService", reason))
    }

    /// Its code, for the record.
    pub(crate) fn code(&self) -> String {
        match self {
            Self::Registry(errors) => errors.first().map_or_else(|| "Failure".to_owned(), |e| e.code.clone()),
            Self::Fault(fault) => fault.specific_code().to_owned(),
        }
    }
}

/// The state of the simulated DMP.
pub(crate) struct Registry {
    /// What it holds.
    pub(crate) store: Store,
    /// Whom it knows.
    pub(crate) patients: Patients,
}

impl Registry {
    /// TD2.1. Nothing is stored unless everything is.
    pub(crate) fn provide(
        &mut self,
        caller: &Caller,
        submission: &Submission,
        contents: &BTreeMap<String, Bytes>,
        at: Timestamp,
        uuid: impl FnMut() -> String,
    ) -> Result<RegistryResponse, Refusal> {
        if caller.mode == Mode::IndirecteRenforcee {
            return Err(Refusal::no_right("l'alimentation n'est pas ouverte en mode AIR"));
        }
        let patient = submission.set.patient_id.as_ref().or(caller.patient.as_ref());
        let patient =
            patient.cloned().ok_or_else(|| Refusal::error("XDSUnknownPatientId", "patient absent"))?;
        self.admit(&patient, true)?;
        self.refuse_known_ids(submission)?;
        let mut lot = Vec::with_capacity(submission.entries.len());
        for entry in &submission.entries {
            let content = contents.get(&entry.id).cloned().ok_or_else(|| {
                Refusal::error("XDSMissingDocument", &format!("{} sans document", entry.id))
            })?;
            let replaces = self.replaced_by(submission, entry, caller, &patient)?;
            lot.push(NewDocument {
                unique_id: entry.unique_id.clone(),
                patient: patient.clone(),
                structure: caller.structure.clone(),
                replaces,
                signature: entry.is_signature(),
                type_code: entry.type_code.as_ref().map_or_else(String::new, |code| code.code.clone()),
                entry: entry.clone(),
                content,
            });
        }
        if let Some(symbol) = contents.keys().find(|symbol| submission.entry(symbol).is_none()) {
            return Err(Refusal::error("XDSMissingDocumentMetadata", &format!("{symbol} sans métadonnées")));
        }
        self.store
            .commit(&submission.set.unique_id, lot, at, uuid)
            .map_err(|_| Refusal::error("XDSRepositoryOutOfResources", "écriture impossible"))?;
        Ok(RegistryResponse::success())
    }

    /// TD3.1b and the only other form of GetDocuments.
    pub(crate) fn find(&self, caller: &Caller, query: &AdhocQuery) -> Result<QueryResponse, Refusal> {
        if query.return_type == ReturnType::LeafClass && caller.mode == Mode::Indirecte {
            return Err(Refusal::no_right("recherche avec métadonnées fermée au mode INDIRECTE"));
        }
        if let Some(patient) = &caller.patient {
            self.admit(patient, false)?;
        }
        if query.id != stored_query::GET_DOCUMENTS {
            return Err(Refusal::error("XDSUnknownStoredQuery", "requête non simulée"));
        }
        let by_unique_id: Vec<_> = query.texts("$XDSDocumentEntryUniqueId").collect();
        let by_entry_uuid: Vec<_> = query.texts("$XDSDocumentEntryEntryUUID").collect();
        let found: Vec<&StoredDocument> = match (by_unique_id.is_empty(), by_entry_uuid.is_empty()) {
            (true, true) => return Err(Refusal::error("XDSStoredQueryMissingParam", "aucun identifiant")),
            (false, false) => {
                return Err(Refusal::error("XDSStoredQueryParamNumber", "deux sortes d'identifiants"));
            }
            (false, true) => by_unique_id.iter().filter_map(|id| self.store.by_unique_id(id)).collect(),
            (true, false) => by_entry_uuid.iter().filter_map(|id| self.store.by_entry_uuid(id)).collect(),
        };
        let visible = found
            .into_iter()
            .filter(|document| caller.patient.as_ref().is_none_or(|patient| same_patient(document, patient)));
        Ok(match query.return_type {
            ReturnType::ObjectRef => {
                QueryResponse::object_refs(visible.map(|document| document.entry_uuid.clone()).collect())
            }
            ReturnType::LeafClass => QueryResponse {
                entries: visible.filter_map(|document| self.store.entry(document)).collect(),
                ..QueryResponse::object_refs(Vec::new())
            },
        })
    }

    /// TD3.3c, and what else changes a status.
    pub(crate) fn update(
        &mut self,
        caller: &Caller,
        submission: &Submission,
    ) -> Result<RegistryResponse, Refusal> {
        if let Some(patient) = submission.set.patient_id.as_ref() {
            self.admit(patient, false)?;
        }
        let changes: Vec<_> = submission
            .associations
            .iter()
            .filter(|association| association.kind == AssociationKind::UpdatesStatus)
            .collect();
        if changes.is_empty() || changes.len() != submission.associations.len() {
            return Err(Refusal::error(
                "XDSMetadataUpdateOperationError",
                "seul le changement de statut est simulé",
            ));
        }
        let mut decided = Vec::with_capacity(changes.len());
        for change in changes {
            decided.push((change.target.clone(), self.status_change(caller, submission, change)?));
        }
        for (target, status) in decided {
            self.store
                .change_status(&target, &status)
                .map_err(|_| Refusal::error("XDSRegistryOutOfResources", "écriture impossible"))?;
        }
        Ok(RegistryResponse::success())
    }

    fn status_change(
        &self,
        caller: &Caller,
        submission: &Submission,
        change: &Association,
    ) -> Result<AvailabilityStatus, Refusal> {
        let document = self
            .store
            .by_entry_uuid(&change.target)
            .ok_or_else(|| Refusal::error("UnresolvedReferenceException", "document inconnu ou supprimé"))?;
        self.own(caller, document)?;
        if submission.set.patient_id.as_ref().is_none_or(|patient| !same_patient(document, patient)) {
            return Err(Refusal::error("XDSPatientIdDoesNotMatch", "document d'un autre patient"));
        }
        let current = status_of(&document.status);
        if change.slot("OriginalStatus") != Some(current.uri()) {
            let context = format!("OriginalStatus différent du statut courant {}", document.status);
            return Err(Refusal::error("XDSMetadataUpdateError", &context));
        }
        match AvailabilityStatus::of(change.slot("NewStatus").unwrap_or_default()) {
            AvailabilityStatus::Deleted => Ok(AvailabilityStatus::Deleted),
            _ if caller.mode == Mode::Indirecte => {
                Err(Refusal::no_right("seule la suppression est ouverte au mode INDIRECTE"))
            }
            status @ (AvailabilityStatus::Archived | AvailabilityStatus::Approved) => Ok(status),
            _ => Err(Refusal::error("XDSMetadataUpdateError", "NewStatus non admis")),
        }
    }

    /// Whether this person has a DMP that takes this.
    fn admit(&self, patient: &Cx, feeding: bool) -> Result<(), Refusal> {
        match self.patients.state(&patient.id()) {
            DmpState::Active => Ok(()),
            DmpState::Closed => Err(Refusal::error("DMPClosed", "le DMP est fermé")),
            DmpState::None => Err(Refusal::error("XDSUnknownPatientId", "pas de DMP pour cet INS")),
            DmpState::Opposed if feeding => {
                Err(Refusal::no_right("le patient s'oppose à l'alimentation de son DMP"))
            }
            DmpState::Opposed => Ok(()),
        }
    }

    fn refuse_known_ids(&self, submission: &Submission) -> Result<(), Refusal> {
        let ids: Vec<_> = submission
            .entries
            .iter()
            .map(|entry| &entry.unique_id)
            .chain([&submission.set.unique_id])
            .collect();
        for (at, id) in ids.iter().enumerate() {
            if ids[..at].contains(id) {
                return Err(Refusal::error(
                    "XDSRegistryDuplicateUniqueIdInMessage",
                    &format!("uniqueId {id}"),
                ));
            }
            if self.store.knows(id) {
                return Err(Refusal::error("XDSDuplicateUniqueIdInRegistry", &format!("uniqueId {id}")));
            }
        }
        Ok(())
    }

    /// The version an entry replaces, once it may.
    fn replaced_by(
        &self,
        submission: &Submission,
        entry: &DocumentEntry,
        caller: &Caller,
        patient: &Cx,
    ) -> Result<Option<String>, Refusal> {
        let link = submission
            .associations
            .iter()
            .find(|link| link.kind == AssociationKind::Replaces && link.source == entry.id);
        let Some(link) = link else { return Ok(None) };
        let old = self
            .store
            .by_entry_uuid(&link.target)
            .ok_or_else(|| Refusal::error("UnresolvedReferenceException", "version à remplacer inconnue"))?;
        self.own(caller, old)?;
        if !same_patient(old, patient) {
            return Err(Refusal::error("XDSPatientIdDoesNotMatch", "version à remplacer d'un autre patient"));
        }
        if status_of(&old.status) != AvailabilityStatus::Approved {
            return Err(Refusal::error(
                "XDSRegistryDeprecatedDocumentError",
                "version à remplacer déjà remplacée",
            ));
        }
        Ok(Some(link.target.clone()))
    }

    /// Only the structure that fed a document replaces or deletes it (§1.1).
    fn own(&self, caller: &Caller, document: &StoredDocument) -> Result<(), Refusal> {
        if document.structure == caller.structure {
            return Ok(());
        }
        Err(Refusal::no_right("document d'une autre structure"))
    }
}

fn same_patient(document: &StoredDocument, patient: &Cx) -> bool {
    Cx::from_text(document.patient.expose().as_str()).same_patient(patient)
}

#[cfg(test)]
mod tests;
