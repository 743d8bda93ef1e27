//! Links from a prepared request to versions that exist at the DMP, written at the moment of sending.
//! In: a prepared body, entryUUIDs just learnt. Out: the body to send. Source: dmp-xds.md §2.4, §2.7.

use bytes::{Bytes, BytesMut};

/// Where links go: behind the last object of the list. In well-formed XML `<` stands in no value, so this is the tag.
const LIST_END: &[u8] = b"</rim:RegistryObjectList>";

/// Longest identifier of a registry that is written back to it.
const ENTRY_UUID_BYTES_MAX: usize = 128;

/// What becomes of the version a link points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkKind {
    /// RPLC: the new document replaces it.
    Replaces,
    /// UpdateAvailabilityStatus: it is deleted.
    Deletes,
}

/// A link to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link<'a> {
    /// Its kind.
    pub(crate) kind: LinkKind,
    /// Symbolic id of the new document, or of the set.
    pub(crate) source: &'a str,
    /// entryUUID of the version.
    pub(crate) target: &'a str,
}

/// Where links go in a prepared body. `None`: not a body of ours.
pub(crate) fn insertion_point(body: &[u8]) -> Option<usize> {
    body.windows(LIST_END.len()).position(|window| window == LIST_END)
}

/// The body with its links. `None`: the insertion point is not in the body, or a target is no entryUUID.
pub(crate) fn with_links(body: &Bytes, insert_at: usize, links: &[Link<'_>]) -> Option<Bytes> {
    if !body.get(insert_at..)?.starts_with(LIST_END) || !links.iter().all(|link| is_entry_uuid(link.target)) {
        return None;
    }
    if links.is_empty() {
        return Some(body.clone());
    }
    let mut whole = BytesMut::with_capacity(body.len() + links.len() * 768);
    whole.extend_from_slice(&body[..insert_at]);
    for (at, link) in links.iter().enumerate() {
        whole.extend_from_slice(to_xml(at + 1, link).as_bytes());
    }
    whole.extend_from_slice(&body[insert_at..]);
    Some(whole.freeze())
}

/// Printable and free of anything XML would read: what a registry calls an entry is copied into an attribute.
pub(crate) fn is_entry_uuid(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= ENTRY_UUID_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'.' | b'_'))
}

/// Symbolic ids `ln01`… are ours alone: the prepared body has `as01`…, `cl01`…, `ei01`….
fn to_xml(number: usize, link: &Link<'_>) -> String {
    let Link { kind, source, target } = link;
    let slot = |name: &str, value: &str| {
        format!(
            "<rim:Slot name=\"{name}\"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>"
        )
    };
    match kind {
        // IHE wants this slot on HasMember only; the one public client writes it here too (dmp-xds.md §2.3).
        LinkKind::Replaces => format!(
            "<rim:Association id=\"ln{number:02}\" associationType=\"urn:ihe:iti:2007:AssociationType:RPLC\" \
             sourceObject=\"{source}\" targetObject=\"{target}\">{}</rim:Association>\n",
            slot("SubmissionSetStatus", "Original")
        ),
        // The status is not known: an automaton sees references only. A document that can be deleted is Approved,
        // unless a professional archived it, which the registry then says (UPD-01).
        LinkKind::Deletes => format!(
            "<rim:Association id=\"ln{number:02}\" \
             objectType=\"urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Association\" \
             associationType=\"urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus\" \
             sourceObject=\"{source}\" targetObject=\"{target}\">{}{}</rim:Association>\n",
            slot("OriginalStatus", "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"),
            slot("NewStatus", "urn:asip:ci-sis:2010:StatusType:Deleted")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] =
        b"<l><rim:RegistryObjectList><x a=\"&lt;/rim:RegistryObjectList>\"/></rim:RegistryObjectList></l>";

    fn link(target: &str) -> Link<'_> {
        Link { kind: LinkKind::Replaces, source: "Document01", target }
    }

    #[test]
    fn links_stand_behind_the_last_object_and_nowhere_else() {
        let at = insertion_point(BODY).unwrap();
        let body = Bytes::from_static(BODY);
        let whole = with_links(&body, at, &[link("urn:uuid:1")]).unwrap();
        let text = std::str::from_utf8(&whole).unwrap();
        assert!(
            text.contains("<x a=\"&lt;/rim:RegistryObjectList>\"/><rim:Association id=\"ln01\""),
            "{text}"
        );
        assert!(text.ends_with("</rim:Association>\n</rim:RegistryObjectList></l>"), "{text}");
        assert_eq!(with_links(&body, at, &[]).unwrap(), BODY);
    }

    #[test]
    fn a_registry_cannot_write_xml_into_our_request() {
        let at = insertion_point(BODY).unwrap();
        let body = Bytes::from_static(BODY);
        for hostile in ["", "a\"/><evil", "a b", &"x".repeat(129)] {
            assert_eq!(with_links(&body, at, &[link(hostile)]), None, "{hostile:?}");
        }
        assert_eq!(with_links(&body, at + 1, &[link("urn:uuid:1")]), None);
    }
}
