//! The MSSanté management matrix of the volet, in its two editions.
//! In: the flags of a request. Out: whether the combination is listed. Source: hl7v2.md §2.9.

use crate::volet::Flag;

/// Which text of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// Published with 2.1.2.
    Published212,
    /// The unpublished text of April 2026.
    Head,
}

/// One answer of a row: `None` is free.
type Cell = Option<bool>;

/// Answers in the order of [`COLUMNS`].
type Row = [Cell; 7];

const COLUMNS: [Flag; 7] = [
    Flag::MasquePs,
    Flag::InvisiblePatient,
    Flag::InvisibleRepLegaux,
    Flag::ConnexionSecrete,
    Flag::Destdmp,
    Flag::Destmssanteps,
    Flag::Destmssantepat,
];

const Y: Cell = Some(true);
const N: Cell = Some(false);
const ANY: Cell = None;

/// The published text of row 2 is garbled (`Y ou N<`): read as free.
const EDITION_2_1_2: [Row; 3] =
    [[N, N, N, N, ANY, Y, Y], [ANY, Y, N, N, ANY, Y, N], [ANY, N, ANY, N, N, N, Y]];
const HEAD: [Row; 3] = [[N, N, N, ANY, ANY, Y, Y], [N, Y, N, ANY, ANY, Y, N], [ANY, N, ANY, N, N, N, Y]];

impl Matrix {
    /// Whether this text lists what the flags ask. Requests without any mail are not concerned.
    pub fn lists(self, yes: impl Fn(Flag) -> bool) -> bool {
        let rows = match self {
            Self::Published212 => EDITION_2_1_2,
            Self::Head => HEAD,
        };
        let asked = COLUMNS.map(yes);
        let mails = asked[5] || asked[6];
        !mails
            || rows.iter().any(|row| row.iter().zip(asked).all(|(cell, yes)| cell.is_none_or(|c| c == yes)))
    }
}
