//! Alerts: one per incident at its start, one at its end, by log, webhook and mail.
//! In: signs seen by the watch. Out: letters, kept until they left. Source: experience §5.

pub mod cause;
pub mod incident;
pub mod letter;
pub mod outbox;
pub mod settings;
pub mod signs;
pub mod webhook;

pub use cause::Cause;
pub use incident::{Incidents, Level, Pace, Said, Sign};
pub use letter::Letter;
pub use outbox::Channel;
pub use settings::{AlertSettings, MailSecurity, MailSettings, Thresholds};
pub use webhook::Webhook;
