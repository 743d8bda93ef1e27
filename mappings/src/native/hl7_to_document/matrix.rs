//! Whether the MSSanté management matrix allows what the flags ask, as the settings read it.
//! Source: hl7v2.md §2.9; the rows are those of `jonction_hl7v2::matrix`.

use jonction_hl7v2::matrix;

use crate::settings::Matrix;

use super::flags::Flags;

/// Whether the matrix lists what the flags ask. Lenient: everything is listed.
pub(super) fn lists(matrix: Matrix, flags: &Flags) -> bool {
    let text = match matrix {
        Matrix::Lenient => return true,
        Matrix::Strict212 => matrix::Matrix::Published212,
        Matrix::StrictHead => matrix::Matrix::Head,
    };
    text.lists(|flag| flags.yes(flag))
}
