//! Texts of the mails.
//! In: CORPSMAIL_PS, CORPSMAIL_PATIENT, OBR-4.2. Out: `MailTexts`; what can be decoded is kept. Source: hl7v2.md §2.8, §2.10.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD_NO_PAD},
};
use jonction_hl7v2::{
    Message,
    volet::{self, Flag},
};
use jonction_model::{MailTexts, Masked};

use crate::settings::VoletSettings;

use super::Report;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn read(message: &Message, report: &mut Report, settings: &VoletSettings) -> MailTexts {
    let label = message.segment("OBR").and_then(|obr| obr.field(4).component(2).code());
    MailTexts {
        professional: text(message, Flag::CorpsmailPs, report, settings),
        patient: text(message, Flag::CorpsmailPatient, report, settings),
        label: label.map(|label| label.into_owned()),
    }
}

fn text(
    message: &Message,
    flag: Flag,
    report: &mut Report,
    settings: &VoletSettings,
) -> Option<Masked<String>> {
    let raw = volet::flag(message, flag)?.field(5).component(5).raw();
    let limit = settings.mail_text_bytes_max.saturating_mul(4) / 3 + 4;
    let cut = raw.len() > limit;
    let (text, whole) = decode(&raw[..raw.len().min(limit)]);
    if !whole || cut {
        report.warn(
            "hl7v2/H093",
            format!("OBX[3.1='{}']-5.5", flag.code()),
            "le texte du mail n'est pas entièrement lisible : la partie lisible est gardée",
            "encoder le texte en base64 d'UTF-8, et le transmettre entier",
        );
    }
    Some(text).filter(|text| !text.trim().is_empty()).map(Masked::new)
}

/// The readable part of a base64 text, and whether that is all of it.
/// One lost character (13 official messages) costs its quantum only.
fn decode(raw: &[u8]) -> (String, bool) {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let packed: Vec<u8> = raw.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let padding = packed.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &packed[..packed.len() - padding];
    let mut sound = body.iter().take_while(|byte| digit(byte)).count();
    let mut whole = sound == body.len();
    if sound % 4 == 1 {
        sound -= 1;
        whole = false;
    }
    let bytes = LENIENT.decode(&body[..sound]).unwrap_or_default();
    // Bits left over in the last digit belong to a character that did not come.
    whole &= STANDARD_NO_PAD.decode(&body[..sound]).is_ok();
    match String::from_utf8(bytes) {
        Ok(text) => (text, whole),
        Err(error) => {
            let (valid, cut) = (error.utf8_error().valid_up_to(), error.utf8_error().error_len().is_none());
            let bytes = error.into_bytes();
            if cut {
                return (String::from_utf8(bytes[..valid].to_vec()).unwrap_or_default(), false);
            }
            // Not UTF-8 at all: the other charset of the field.
            (encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes).0.into_owned(), false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readable_part_of_a_mail_text_is_kept() {
        assert_eq!(decode(b"Q2hlciBjb25mcsOocmU="), ("Cher confrère".to_owned(), true));
        assert_eq!(decode(b"Q2hlciBj\r\nb25mcsOocmU"), ("Cher confrère".to_owned(), true));
        assert_eq!(decode(b"Q2hlciBjb25mcsOocmUuL"), ("Cher confrère.".to_owned(), false));
        assert_eq!(decode(b"Q2hlciBjb25mcs"), ("Cher confr".to_owned(), false));
        assert_eq!(decode(b"Q2hlciBjb25mcuhyZQ=="), ("Cher confrère".to_owned(), false));
        assert_eq!(decode(b"Q2hl*XX"), ("Che".to_owned(), false));
        assert_eq!(decode(b""), (String::new(), true));
    }
}
