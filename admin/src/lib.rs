//! The running gateway seen from outside: an HTTP API for the operator's commands and programs, health, metrics, alerts.
//! In: an open engine, settings. Out: answers over HTTP, one alert per incident.
//! Source: architecture §3 to §5, style « Logs and metrics », decision 0018. Deliberately absent: any protocol of a partner.

pub mod alerts;
pub mod api;
pub mod health;
pub mod local;
pub mod materials;
pub mod metrics;
pub mod reload;
pub mod server;
pub mod settings;
pub mod status;
pub mod watch;

pub use alerts::{AlertSettings, Cause};
pub use api::{ENDPOINTS, Endpoint};
pub use health::{Health, Link};
pub use local::LocalAccess;
pub use materials::Materials;
pub use metrics::Metrics;
pub use reload::{Reload, Reloaded};
pub use server::{Admin, AdminError, Parts};
pub use settings::Settings;
pub use status::Status;
pub use watch::{Disk, Watched, disk};
