//! Arguments of what people decide: parked, holds, recall, purge, legal holds.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jonction_engine::{Author, Reason};

use super::{
    TEMPLATE,
    values::{author, delivery, message, reason},
};

#[derive(Debug, Args)]
pub(crate) struct ParkedArgs {
    #[command(subcommand)]
    pub(crate) action: ParkedAction,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum ParkedAction {
    /// Liste ce qui attend, avec la raison
    #[command(help_template = TEMPLATE)]
    List(ParkedListArgs),
    /// Dit pourquoi cela attend, ce qui attend derrière, et ce qui peut être décidé
    #[command(help_template = TEMPLATE)]
    Show(Target),
    /// Remet un envoi dans sa file, les mêmes octets ; ou route à nouveau un message
    #[command(help_template = TEMPLATE)]
    Release(TargetArgs),
    /// Refuse un envoi ou un message pour de bon
    #[command(help_template = TEMPLATE)]
    Refuse(TargetArgs),
    /// Sort les octets d'un message dans un fichier, pour le corriger : le fichier porte un patient, et c'est audité
    #[command(help_template = TEMPLATE)]
    Export(ExportArgs),
    /// Remplace un message mis de côté par sa version corrigée : jugée, routée et envoyée comme s'il arrivait
    #[command(help_template = TEMPLATE)]
    Resend(ResendArgs),
}

/// Whose bytes are taken out, where to.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Numéro du message
    #[arg(value_name = "MESSAGE", value_parser = message)]
    pub(crate) message: u64,
    /// Fichier à écrire, qui n'existe pas encore
    #[arg(long, value_name = "FICHIER")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
}

/// What is corrected, with what.
#[derive(Debug, Args)]
pub(crate) struct ResendArgs {
    /// Numéro du message
    #[arg(value_name = "MESSAGE", value_parser = message)]
    pub(crate) message: u64,
    /// Fichier du message corrigé : mêmes MSH-3, MSH-4 et MSH-10
    #[arg(long, value_name = "FICHIER")]
    pub(crate) edited: PathBuf,
    /// Le partenaire, interrogé, n'a pas reçu l'envoi dont l'issue est inconnue
    #[arg(long)]
    pub(crate) not_received: bool,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ParkedListArgs {
    /// Route
    #[arg(long, value_name = "ROUTE")]
    pub(crate) route: Option<String>,
    /// Partenaire : émetteur ou destinataire
    #[arg(long, value_name = "PARTENAIRE")]
    pub(crate) partner: Option<String>,
    /// Code d'erreur
    #[arg(long, value_name = "CODE")]
    pub(crate) error: Option<String>,
}

/// A parked delivery, or a message parked in routing.
#[derive(Clone, Copy, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Target {
    /// Numéro de l'envoi
    #[arg(value_name = "ENVOI", value_parser = delivery)]
    pub(crate) delivery: Option<u64>,
    /// Numéro d'un message mis de côté avant tout envoi
    #[arg(long, value_name = "MESSAGE", value_parser = message)]
    pub(crate) message: Option<u64>,
}

/// What is decided on, by whom and why.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    #[command(subcommand)]
    pub(crate) action: HoldAction,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum HoldAction {
    /// Montre ce qui est retenu, par qui, pourquoi, et combien d'envois attendent
    #[command(help_template = TEMPLATE)]
    List,
    #[command(flatten)]
    What(HeldAction),
}

#[derive(Debug, Args)]
pub(crate) struct LiftArgs {
    #[command(subcommand)]
    pub(crate) what: HeldAction,
}

/// What is held, or lifted.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum HeldAction {
    /// Une route : ses messages sont pris et acquittés, pas routés ; ce qu'elle doit ne part pas
    #[command(help_template = TEMPLATE)]
    Route(NamedArgs),
    /// Un partenaire : rien ne lui est envoyé
    #[command(help_template = TEMPLATE)]
    Partner(NamedArgs),
    /// Une boîte : son adresse est demandée sur l'entrée standard
    #[command(help_template = TEMPLATE)]
    Recipient(OrderArgs),
    /// Un patient : son identifiant (INS ou IPP) est demandé sur l'entrée standard
    #[command(help_template = TEMPLATE)]
    Patient(OrderArgs),
}

/// What is taken back, by whom and why.
#[derive(Debug, Args)]
pub(crate) struct RecallArgs {
    /// Identifiant unique du document, comme le montre jonction journey
    #[arg(value_name = "OID")]
    pub(crate) document: String,
    /// Montre ce qui serait fait, sans rien faire
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
}

/// A name of the configuration, by whom and why.
#[derive(Debug, Args)]
pub(crate) struct NamedArgs {
    /// Son nom dans la configuration
    #[arg(value_name = "NOM")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
}

/// Who decides, and why: written in the audit chain with what is done.
#[derive(Clone, Debug, Args)]
pub(crate) struct OrderArgs {
    /// Pourquoi : gardé au journal d'audit, dit à l'émetteur d'un refus ; ne jamais y nommer un patient
    #[arg(long, value_name = "RAISON", value_parser = reason)]
    pub(crate) reason: Option<Reason>,
    /// Qui décide (par défaut : le nom d'utilisateur du système)
    #[arg(long, value_name = "NOM", value_parser = author)]
    pub(crate) author: Option<Author>,
}

#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    /// Dossier de la configuration, dont le bloc retention de jonction.yaml dit les durées
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: Option<PathBuf>,
    /// Conserve les corps ce temps (par défaut 90j)
    #[arg(long, value_name = "DURÉE", value_parser = jonction_settings::parse::duration)]
    pub(crate) bodies: Option<std::time::Duration>,
    /// Conserve les métadonnées ce temps (par défaut 1096j, trois ans)
    #[arg(long, value_name = "DURÉE", value_parser = jonction_settings::parse::duration)]
    pub(crate) metadata: Option<std::time::Duration>,
    /// Dit exactement ce qui serait détruit, sans rien détruire
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Réécrit ensuite toute la base : plus une page n'en garde de trace ; rien n'est acquitté pendant ce temps
    #[arg(long)]
    pub(crate) compact: bool,
    /// Écrit aussi le certificat de destruction dans ce fichier
    #[arg(long, value_name = "FICHIER")]
    pub(crate) certificate: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LegalArgs {
    #[command(subcommand)]
    pub(crate) action: LegalAction,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum LegalAction {
    /// Gèle : rien de ce qui est désigné n'est détruit
    #[command(help_template = TEMPLATE)]
    Hold(LegalHoldArgs),
    /// Lève un gel
    #[command(help_template = TEMPLATE)]
    Lift {
        /// Numéro du gel, comme le montre jonction legal list
        #[arg(value_name = "GEL", value_parser = message)]
        hold: u64,
        #[command(flatten)]
        order: OrderArgs,
    },
    /// Liste les gels
    #[command(help_template = TEMPLATE)]
    List,
}

#[derive(Debug, Args)]
pub(crate) struct LegalHoldArgs {
    #[command(flatten)]
    pub(crate) subject: LegalSubjectArgs,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
}

/// What is kept.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct LegalSubjectArgs {
    /// Demande un identifiant de patient sur l'entrée standard (jamais sur la ligne de commande)
    #[arg(long)]
    pub(crate) patient: bool,
    /// Identifiant unique d'un document
    #[arg(long, value_name = "OID")]
    pub(crate) document: Option<String>,
    /// Numéro d'un message
    #[arg(long, value_name = "MESSAGE", value_parser = message)]
    pub(crate) message: Option<u64>,
}
