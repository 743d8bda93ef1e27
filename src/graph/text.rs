//! The picture as text: one route after the other, read from top to bottom.

use super::{Card, Picture, Target};

impl Picture {
    /// Lines for a terminal.
    pub(crate) fn to_text(&self) -> String {
        self.routes.iter().map(Card::to_text).collect::<Vec<_>>().join("\n")
    }
}

impl Card {
    fn to_text(&self) -> String {
        let from = match &self.from {
            Some(end) => format!("{} ({})", end.partner, end.connector),
            None => "d'autres routes".to_owned(),
        };
        let accept = if self.accept.is_empty() { "tout" } else { &self.accept };
        let mut lines = vec![self.name.clone(), format!("  {from} ──► {accept}")];
        let width = self.steps.iter().map(|step| step.what.chars().count()).max().unwrap_or(0);
        for step in &self.steps {
            lines.push(format!("   │  {:<7} {:<width$}  {}", step.kind, step.what, step.note));
        }
        let targets: Vec<_> = self.to.iter().map(|arrow| arrow.target.label()).collect();
        let width = targets.iter().map(|target| target.chars().count()).max().unwrap_or(0);
        let last = self.to.len() + self.reply.len();
        for (at, (arrow, target)) in self.to.iter().zip(&targets).enumerate() {
            let corner = if at + 1 == last { '└' } else { '├' };
            let when = if arrow.when.is_empty() { "toujours" } else { &arrow.when };
            let note = if arrow.note.is_empty() { String::new() } else { format!("  ({})", arrow.note) };
            lines.push(format!("   {corner}─► {target:<width$}  {when}{note}"));
        }
        for (at, end) in self.reply.iter().enumerate() {
            let corner = if self.to.len() + at + 1 == last { '└' } else { '├' };
            lines.push(format!("   {corner}◄╌ {}  comptes rendus", end.partner));
        }
        lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

impl Target {
    /// `dmp-national (dmp)`, `route copies`.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Partner(end) => format!("{} ({})", end.partner, end.connector),
            Self::Route(name) => format!("route {name}"),
        }
    }
}
