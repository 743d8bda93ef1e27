//! Arguments of questions: find, journey, balance, audit, status, report.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jonction_engine::AuditHash;

use super::{
    TEMPLATE,
    values::{audit_hash, counted, lines, message},
};

/// A notice that was asked for.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Awaited {
    Remise,
    Lecture,
}

#[derive(Debug, Args)]
pub(crate) struct FindArgs {
    /// Demande un identifiant de patient sur l'entrée standard (jamais sur la ligne de commande)
    #[arg(long)]
    pub(crate) patient: bool,
    /// Identifiant unique d'un document
    #[arg(long, value_name = "OID")]
    pub(crate) document: Option<String>,
    /// Numéro de l'émetteur (MSH-10)
    #[arg(long, value_name = "NUMÉRO")]
    pub(crate) control_id: Option<String>,
    /// Message-ID d'un courriel
    #[arg(long, value_name = "ID")]
    pub(crate) mail_id: Option<String>,
    /// État : received, routed, filtered, refused, parked, refused-by-hand, held, waiting, retrying, sending, delivered
    #[arg(long, value_name = "ÉTAT")]
    pub(crate) state: Option<String>,
    /// Lettres dont l'avis demandé n'est pas venu : remise ou lecture
    #[arg(long, value_enum, value_name = "AVIS", hide_possible_values = true)]
    pub(crate) unanswered: Option<Awaited>,
    /// Route
    #[arg(long, value_name = "ROUTE")]
    pub(crate) route: Option<String>,
    /// Partenaire : émetteur ou destinataire
    #[arg(long, value_name = "PARTENAIRE")]
    pub(crate) partner: Option<String>,
    /// Code d'erreur
    #[arg(long, value_name = "CODE")]
    pub(crate) error: Option<String>,
    /// Reçus depuis : 2026-01-31 ou 2026-01-31T08:00
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
    /// Reçus avant
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
    /// Au plus tant de lignes (par défaut 50)
    #[arg(long, value_name = "NOMBRE", default_value_t = 50, hide_default_value = true, value_parser = lines)]
    pub(crate) limit: u32,
    /// Avant ce message (pour lire la suite)
    #[arg(long, value_name = "MESSAGE", value_parser = message)]
    pub(crate) before: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct JourneyArgs {
    /// Numéro de message, identifiant de document, numéro de l'émetteur (MSH-10) ou Message-ID
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Montre aussi chaque constat des contrôles
    #[arg(long)]
    pub(crate) findings: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BalanceArgs {
    /// Depuis : 2026-01-31
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
    /// Avant
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) action: AuditAction,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum AuditAction {
    /// Liste ce qui a été décidé, par qui et pourquoi, le plus récent d'abord
    #[command(help_template = TEMPLATE)]
    List {
        /// Sur ce message seulement
        #[arg(long, value_name = "NUMÉRO", value_parser = message)]
        message: Option<u64>,
        /// Cet acte seulement : release, refuse, start…
        #[arg(long, value_name = "ACTE")]
        act: Option<String>,
        /// Avant cette ligne (pour lire la suite)
        #[arg(long, value_name = "LIGNE", value_parser = message)]
        before: Option<u64>,
        /// Au plus tant de lignes (par défaut 50)
        #[arg(long, value_name = "NOMBRE", default_value_t = 50, hide_default_value = true, value_parser = lines)]
        limit: u32,
    },
    /// Recalcule toute la chaîne et nomme la première ligne qui n'est plus celle qui a été écrite
    #[command(help_template = TEMPLATE)]
    Verify {
        /// Empreinte notée ailleurs : elle doit encore être dans la chaîne
        #[arg(long, value_name = "EMPREINTE", value_parser = audit_hash)]
        noted: Option<AuditHash>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Dossier de la configuration : donne aussi le dossier des données et les certificats
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: Option<PathBuf>,
    /// Une ligne, des mesures, et les codes de Nagios : 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
    #[arg(long)]
    pub(crate) nagios: bool,
    /// Attente la plus longue d'un envoi (par défaut 15min)
    #[arg(long, value_name = "DURÉE", default_value = "15min", hide_default_value = true, value_parser = jonction_settings::parse::duration)]
    pub(crate) warning_age: std::time::Duration,
    /// La même, pour CRITICAL (par défaut 1h)
    #[arg(long, value_name = "DURÉE", default_value = "1h", hide_default_value = true, value_parser = jonction_settings::parse::duration)]
    pub(crate) critical_age: std::time::Duration,
    /// Messages et envois mis de côté (par défaut 1)
    #[arg(long, value_name = "NOMBRE", default_value_t = 1, hide_default_value = true, value_parser = counted)]
    pub(crate) warning_parked: u64,
    /// Les mêmes, pour CRITICAL (par défaut 100)
    #[arg(long, value_name = "NOMBRE", default_value_t = 100, hide_default_value = true, value_parser = counted)]
    pub(crate) critical_parked: u64,
    /// Place libre sur le disque (par défaut 5GB)
    #[arg(long, value_name = "TAILLE", default_value = "5GB", hide_default_value = true, value_parser = jonction_settings::parse::size)]
    pub(crate) warning_disk: u64,
    /// La même, pour CRITICAL (par défaut 1GB)
    #[arg(long, value_name = "TAILLE", default_value = "1GB", hide_default_value = true, value_parser = jonction_settings::parse::size)]
    pub(crate) critical_disk: u64,
    /// Vie qui reste à un certificat (par défaut 30j)
    #[arg(long, value_name = "DURÉE", default_value = "30j", hide_default_value = true, value_parser = jonction_settings::parse::duration)]
    pub(crate) warning_certificate: std::time::Duration,
    /// La même, pour CRITICAL (par défaut 7j)
    #[arg(long, value_name = "DURÉE", default_value = "7j", hide_default_value = true, value_parser = jonction_settings::parse::duration)]
    pub(crate) critical_certificate: std::time::Duration,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Jour, heure de Paris : 2026-01-31 (par défaut : hier)
    #[arg(long, value_name = "DATE")]
    pub(crate) day: Option<String>,
    /// Une structure émettrice : MSH-4 tel qu'elle l'écrit (par défaut : toutes)
    #[arg(long, value_name = "FINESS")]
    pub(crate) structure: Option<String>,
    /// Page HTML au lieu de texte
    #[arg(long, conflicts_with = "json")]
    pub(crate) html: bool,
}
