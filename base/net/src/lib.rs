//! Connections: TLS identities and authorities, dialling, listening, limits; nothing of any protocol above.
//! In: addresses, PEM texts, limits. Out: streams ready to talk, peers by their certificate, faults with a name.
//! Source: architecture §10 (rooms), hl7v2.md §6.6, dependencies §2.2. Deliberately absent: HTTP, SMTP, MLLP.

pub mod dial;
pub mod endpoint;
pub mod fault;
pub mod listen;
pub mod material;
pub mod probe;
pub mod reload;
pub mod stream;
pub mod subject;
pub mod tls;

pub use dial::{ClientTls, dial, upgrade_client, upgrade_server};
pub use endpoint::{Endpoint, EndpointError};
pub use fault::{DialError, TlsFault};
pub use listen::{Limits, Listener, ServerTls, serve};
pub use material::{Anchors, Identity, MaterialError};
pub use reload::Reloadable;
pub use stream::Stream;
pub use subject::{Attribute, Subject, SubjectError};
pub use tls::{ClientAuth, client_config, server_config};
