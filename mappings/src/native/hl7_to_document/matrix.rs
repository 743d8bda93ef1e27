//! The MSSanté management matrix, in its two editions.
//! In: the flags. Out: whether the combination is listed. Source: hl7v2.md §2.9.

use jonction_hl7v2::volet::Flag;

use crate::settings::Matrix;

use super::flags::Flags;

/// One answer of a row: `None` is free.
type Cell = Option<bool>;

/// MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REP_LEGAUX, CONNEXION_SECRETE, DESTDMP, DESTMSSANTEPS, DESTMSSANTEPAT.
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

/// Whether the matrix lists what the flags ask. Requests without any mail are not concerned.
pub(super) fn lists(matrix: Matrix, flags: &Flags) -> bool {
    let rows = match matrix {
        Matrix::Lenient => return true,
        Matrix::Strict212 => EDITION_2_1_2,
        Matrix::StrictHead => HEAD,
    };
    let asked = COLUMNS.map(|flag| flags.yes(flag));
    let mails = asked[5] || asked[6];
    !mails || rows.iter().any(|row| row.iter().zip(asked).all(|(cell, yes)| cell.is_none_or(|c| c == yes)))
}
