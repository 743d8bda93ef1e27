//! A message whose people are replaced by others who do not exist, the same ones everywhere in it.
//! In: an HL7 v2 message, randomness. Out: a message that takes the same way, or a refusal when somebody is still named.
//! Kept: codes, structures, senders, the qualification of the identity. Replaced: names, births, identifiers, addresses,
//! telephones, mailboxes. Moved, all by the same number of weeks: the other dates. Taken out: free texts, what documents
//! say, segments that no text defines. Source: architecture §4.10.

mod cast;
mod cda;
mod hl7;

use bytes::Bytes;
use jonction_model::Entropy;

use cast::Cast;

/// A message without anybody in it.
pub(crate) struct Fiction {
    pub(crate) message: Bytes,
    /// By how many days dates were moved.
    pub(crate) days: i64,
    /// Segments that were taken out.
    pub(crate) left_out: Vec<String>,
}

/// Why a message could not be made into a fiction. Never says what is in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FictionError {
    #[error("ce n'est pas un message HL7 v2")]
    NotHl7,
    #[error("un document joint ne se lit pas : rien ne garantit qu'il ne désigne plus personne")]
    Document,
    #[error("{0} du message d'origine se retrouve dans ce qui serait écrit")]
    StillNamed(&'static str),
}

/// Replaces everybody.
pub(crate) fn fiction(message: &Bytes, entropy: &dyn Entropy) -> Result<Fiction, FictionError> {
    let mut cast = Cast::new(entropy);
    let (message, documents, left_out) = hl7::rewrite(message, &mut cast)?;
    // Whatever the rules above forgot is found here.
    for text in documents.iter().map(String::as_str).chain([hl7::readable(&message).as_str()]) {
        if let Some(what) = cast.still_named(text) {
            return Err(FictionError::StillNamed(what));
        }
    }
    Ok(Fiction { message, days: cast.days(), left_out })
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use jonction_model::{Ins, SeededEntropy};

    use super::*;

    const CDA: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.250.1.999.7.42"/><title>Compte rendu de Mme DURAND</title>
<effectiveTime value="20261119103000+0100"/>
<recordTarget><patientRole><id root="1.2.250.1.213.1.4.8" extension="277076322082910"/>
<id root="1.2.250.1.999.1" extension="IPP4711"/><telecom value="tel:0612345678"/>
<patient><name><family qualifier="BR">DURAND</family><given>MARIE</given><given qualifier="CL">MARIE JEANNE</given></name>
<birthTime value="19770714"/></patient></patientRole></recordTarget>
<author><assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="810001234564"/>
<assignedPerson><name><family>LEGRAND</family><given>Paul</given></name></assignedPerson>
<representedOrganization><id root="1.2.250.1.71.4.2.2" extension="1990000018"/><name>Clinique</name></representedOrganization>
</assignedAuthor></author>
<component><structuredBody><component><section><text>Mme DURAND est sortie &amp; va bien</text></section></component></structuredBody></component>
</ClinicalDocument>"#;

    fn message() -> Bytes {
        let document = STANDARD.encode(CDA);
        format!(
            "MSH|^~\\&|SIL|HOP|PFI|R|20261119103100||MDM^T02^MDM_T02|ID4711|P|2.6||||||UNICODE UTF-8\r\
             PID|||277076322082910^^^ASIP&1.2.250.1.213.1.4.8&ISO^INS~IPP4711^^^HOP&1.2.250.1.999.1&ISO^PI||DURAND^MARIE^MARIE JEANNE^^^^L||19770714|F|||3 RUE DES LILAS^^LYON^^69003^FRA^H~^^^^^^BDL^^69123||^PRN^PH^^^^^^^^^0612345678|||||||277076322082910\r\
             PV1|1|I|CARDIO||||10001234564^LEGRAND^PAUL^^^^^^RPPS&1.2.250.1.71.4.2.1&ISO^D^^^RPPS\r\
             PRT||UC||RCT^Result Copies To^participation|10001234564^LEGRAND^PAUL^^^^^^RPPS&1.2.250.1.71.4.2.1&ISO^D^^^RPPS||||||||||^^X.400^paul.legrand@hop.mssante.fr\r\
             NTE|1||Appeler Mme DURAND\r\
             ZXX|1|DURAND\r\
             TXA|1|18748-4|TEXT|||||||||1.2.250.1.999.7.42\r\
             OBX|1|ED|18748-4^CR^LN||^text^XML^Base64^{document}||||||F\r"
        )
        .into()
    }

    fn fields(message: &Bytes, id: &str) -> Vec<String> {
        let text = String::from_utf8(message.to_vec()).unwrap();
        let line = text.split('\r').find(|line| line.starts_with(id)).unwrap().to_owned();
        line.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn nobody_is_named_any_more_and_everybody_is_the_same_everywhere() {
        let made = fiction(&message(), &SeededEntropy::new(3)).unwrap();
        let pid = fields(&made.message, "PID");
        let document = fields(&made.message, "OBX")[5].rsplit('^').next().unwrap().to_owned();
        let document = String::from_utf8(STANDARD.decode(document).unwrap()).unwrap();
        let text = format!("{}{document}", String::from_utf8(made.message.to_vec()).unwrap());
        for gone in [
            "DURAND",
            "MARIE",
            "19770714",
            "277076322082910",
            "4711",
            "LILAS",
            "612345678",
            "LEGRAND",
            "10001234564",
            "sortie",
        ] {
            assert!(!text.contains(gone), "{gone} is still in\n{text}");
        }
        let ins = pid[3].split('^').next().unwrap();
        let parsed = Ins::parse(ins).unwrap();
        assert!(parsed.key_is_valid() && ins.starts_with('2'), "{ins}");
        let name: Vec<_> = pid[5].split('^').collect();
        for same in [ins, name[0], pid[7].as_str(), pid[3].split(['~', '^']).nth(6).unwrap()] {
            assert!(
                document.contains(&format!("\"{same}\"")) || document.contains(&format!(">{same}<")),
                "{same}"
            );
        }
        assert!(name[2].starts_with(name[1]), "the first of the given names is the usual one: {name:?}");
        let rpps = fields(&made.message, "PV1")[7].split('^').next().unwrap().to_owned();
        assert!(
            document.contains(&format!("\"8{rpps}\"")),
            "the same professional, written with a prefix there"
        );
        assert!(text.contains("1990000018") && text.contains("Clinique"), "structures are nobody");
        assert_eq!(made.left_out, ["ZXX"]);
        assert!(made.days < 0 && made.days % 7 == 0);
    }

    #[test]
    fn what_the_rules_forget_is_found_before_anything_is_written() {
        // An unusual place for a name: the label of a code.
        let text =
            String::from_utf8(message().to_vec()).unwrap().replace("18748-4^CR^LN", "18748-4^CR DURAND^LN");
        let refused = fiction(&text.into(), &SeededEntropy::new(3)).err().unwrap();
        assert!(matches!(refused, FictionError::StillNamed("un nom")), "{refused}");
    }
}
