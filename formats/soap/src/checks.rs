//! Checks of requests to the DMP: envelope, multipart, VIHF.
//! In: a [`RequestView`] or a [`crate::vihf::VihfView`]. Out: findings in French, without any datum of a person.
//! Source: dmp-xds.md §10. `SOAP_CHECKS`, `MTOM_CHECKS` and `VIHF_CHECKS` are run with `jonction_model::run_checks`.

mod request;
mod vihf;

pub use request::{Documents, MTOM_CHECKS, RequestView, SOAP_CHECKS};
pub use vihf::VIHF_CHECKS;

#[cfg(test)]
mod tests;
