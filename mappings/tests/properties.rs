//! Whatever a sender does to a message, the steps answer, and answer the same twice.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use jonction_mappings::{VoletCheck, VoletSettings};
use jonction_model::{Mode, ObstacleScope};
use jonction_ports::{MemoryBodies, Step};
use proptest::prelude::*;

const LETTER: &[u8] = include_bytes!("../samples/mdm-t02-lettre.er7");

fn both(message: &[u8]) {
    let once = common::map(message);
    assert_eq!(once, common::map(message));
    if let Ok((submission, _)) = &once {
        for document in &submission.documents {
            assert!(
                document.content.start <= document.content.end
                    && document.content.end <= message.len() as u64
            );
        }
        for obstacle in &submission.obstacles {
            if let ObstacleScope::Recipient(at) = obstacle.scope {
                assert!(at < submission.recipients.len());
            }
        }
        // Who cannot be written to is never left without its obstacle.
        for (at, recipient) in submission.recipients.iter().enumerate() {
            let told =
                submission.obstacles.iter().any(|obstacle| obstacle.scope == ObstacleScope::Recipient(at));
            assert!(recipient.address.is_some() || told);
        }
    }
    let bodies = MemoryBodies::default();
    let mut flow = common::flow(&bodies, message);
    let _ = VoletCheck::new(VoletSettings::default(), Mode::Strict).run(&mut flow, &bodies);
}

#[test]
fn a_message_cut_anywhere_is_answered() {
    for cut in (0..LETTER.len()).step_by(7) {
        both(&LETTER[..cut]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_message_is_answered(
        at in 0..LETTER.len(),
        length in 0..60_usize,
        piece in prop_oneof!["[|^~&\\\\\r]{0,8}", ".{0,6}", Just("PRT||UC||RCT^^|\r".to_owned())],
    ) {
        let end = (at + length).min(LETTER.len());
        both(&[&LETTER[..at], piece.as_bytes(), &LETTER[end..]].concat());
    }

    #[test]
    fn segments_in_any_order_are_answered(seed in any::<u64>()) {
        let text = std::str::from_utf8(LETTER).unwrap();
        let (head, rest) = text.split_once('\r').unwrap();
        let mut lines: Vec<_> = rest.split_inclusive('\r').collect();
        let count = lines.len() as u64;
        for turn in 0..count {
            let other = (seed.rotate_left(u32::try_from(turn * 5).unwrap()) % count) as usize;
            lines.swap(turn as usize, other);
        }
        both(format!("{head}\r{}", lines.concat()).as_bytes());
    }
}
