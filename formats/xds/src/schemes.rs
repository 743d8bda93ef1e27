//! UUIDs and names of the ebRIM schemes, in one table each.
//! In: nothing. Out: constants. Source: dmp-xds.md §7.1, §7.2.

/// Object type of a stable document.
pub const STABLE_DOCUMENT: &str = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1";
/// Object type of an association, written in TD3.3 only.
pub const ASSOCIATION_OBJECT: &str = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Association";
/// Classification node that marks a submission set.
pub const SUBMISSION_SET_NODE: &str = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd";
/// Classification node that marks a folder.
pub const FOLDER_NODE: &str = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2";
/// Slot of the references of an entry.
pub const REFERENCE_ID_LIST: &str = "urn:ihe:iti:xds:2013:referenceIdList";

/// Classification schemes of an entry.
pub mod entry {
    /// author
    pub const AUTHOR: &str = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d";
    /// classCode
    pub const CLASS: &str = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a";
    /// typeCode
    pub const TYPE: &str = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983";
    /// formatCode. A public client has a wrong ending: DE-21.
    pub const FORMAT: &str = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d";
    /// confidentialityCode
    pub const CONFIDENTIALITY: &str = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f";
    /// eventCodeList
    pub const EVENT: &str = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4";
    /// healthcareFacilityTypeCode
    pub const FACILITY: &str = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1";
    /// practiceSettingCode
    pub const PRACTICE: &str = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead";
    /// patientId
    pub const PATIENT_ID: (&str, &str) =
        ("urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427", "XDSDocumentEntry.patientId");
    /// uniqueId
    pub const UNIQUE_ID: (&str, &str) =
        ("urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab", "XDSDocumentEntry.uniqueId");
}

/// Classification schemes of a submission set.
pub mod set {
    /// author
    pub const AUTHOR: &str = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d";
    /// contentTypeCode
    pub const CONTENT_TYPE: &str = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500";
    /// patientId
    pub const PATIENT_ID: (&str, &str) =
        ("urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446", "XDSSubmissionSet.patientId");
    /// sourceId
    pub const SOURCE_ID: (&str, &str) =
        ("urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832", "XDSSubmissionSet.sourceId");
    /// uniqueId
    pub const UNIQUE_ID: (&str, &str) =
        ("urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8", "XDSSubmissionSet.uniqueId");
}
