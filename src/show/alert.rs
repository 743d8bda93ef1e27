//! Alerts where `jonction run` is read: the letter as it would be mailed, or an event for a program.

use jonction_admin::alerts::{Channel, Letter};
use jonction_model::Finding;
use jonction_ports::BoxFuture;

use crate::out;

/// Standard output.
pub(crate) struct Screen {
    /// One line of JSON instead of a text.
    pub(crate) json: bool,
}

impl Channel for Screen {
    fn name(&self) -> &'static str {
        "screen"
    }

    fn target(&self) -> String {
        "stdout".to_owned()
    }

    fn send<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Finding>> {
        Box::pin(async move {
            if self.json {
                out::json(&serde_json::json!({"event": "alert", "notices": letter.json["notices"]}));
            } else {
                let text = letter.text.trim_end().replace('\n', "\n  ");
                out::say(format!("\n  alerte  {text}\n"));
            }
            Ok(())
        })
    }
}
