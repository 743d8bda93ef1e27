//! Arguments of the gateway itself: demo, run, send, probe, copies, keys, figures, proof.

use std::path::PathBuf;

use clap::Args;

use super::{Ports, orders::OrderArgs, values::count};

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Reste ouvert à la fin, simulateurs et passerelle, pour essayer soi-même ; Ctrl-C pour finir
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Dossier de la configuration (jonction.yaml, routes/, simulators.yaml)
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: PathBuf,
    /// Ports d'écoute
    #[arg(long, value_enum, default_value_t, value_name = "PORTS", hide_possible_values = true,
          hide_default_value = true, help = PORTS_HELP)]
    pub(crate) ports: Ports,
}

pub(super) const PORTS_HELP: &str =
    "fixed : ceux de la configuration (par défaut) ; auto : des ports libres, écrits dans addresses.json";

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// Fichiers à envoyer, dans l'ordre
    #[arg(required = true, value_name = "FICHIER")]
    pub(crate) files: Vec<PathBuf>,
    /// Destinataire : mllp://hôte:port, ou mssante://hôte:port pour des courriels (.eml) à un opérateur simulé
    #[arg(long, value_name = "ADRESSE")]
    pub(crate) to: String,
    /// Attend l'acquittement au plus ce temps (par défaut 30s)
    #[arg(long, value_name = "DURÉE", default_value = "30s", hide_default_value = true, value_parser = jonction_settings::parse::duration)]
    pub(crate) timeout: std::time::Duration,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Dossier de la sauvegarde : vide, ou qui n'existe pas encore
    #[arg(value_name = "DOSSIER")]
    pub(crate) target: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Dossier de la sauvegarde
    #[arg(value_name = "SAUVEGARDE")]
    pub(crate) source: PathBuf,
    /// Clé d'index gardée à part (keys/index.key du dossier des données d'origine)
    #[arg(long, value_name = "FICHIER")]
    pub(crate) index_key: PathBuf,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "jonction probe PARTENAIRE [DOSSIER]\n        jonction probe --all [DOSSIER]\n        jonction probe --alerts [DOSSIER]"
)]
pub(crate) struct ProbeArgs {
    /// Partenaire de jonction.yaml
    #[arg(value_name = "PARTENAIRE", required_unless_present_any = ["all", "alerts"])]
    pub(crate) partner: Option<String>,
    /// Dossier de la configuration (par défaut : le dossier courant)
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: Option<PathBuf>,
    /// Tous les partenaires
    #[arg(long)]
    pub(crate) all: bool,
    /// Une lettre d'essai part par chaque voie d'alerte réglée (courriel, webhook)
    #[arg(long, conflicts_with = "all")]
    pub(crate) alerts: bool,
    /// Ports d'écoute
    #[arg(long, value_enum, default_value_t, value_name = "PORTS", hide_possible_values = true,
          hide_default_value = true, help = PORTS_HELP)]
    pub(crate) ports: Ports,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Fichier de la clé
    #[arg(value_name = "FICHIER")]
    pub(crate) file: PathBuf,
    /// Ne fait pas de clé : dit le nom de celle de ce fichier
    #[arg(long)]
    pub(crate) name: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Cette mesure seulement : jonction bench disk --data DOSSIER
    #[arg(value_name = "MESURE", conflicts_with = "only")]
    pub(crate) measure: Option<String>,
    /// Cette mesure seulement (jonction bench --list les nomme)
    #[arg(long, value_name = "MESURE")]
    pub(crate) only: Option<String>,
    /// Fait aussi les mesures longues : des minutes, et jusqu'à 12 Go dans le dossier temporaire
    #[arg(long)]
    pub(crate) long: bool,
    /// Nomme les mesures sans les faire
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// Arrêts brutaux (SIGKILL) pendant le trafic (par défaut 100)
    #[arg(long, value_name = "NOMBRE", default_value_t = 100, hide_default_value = true, value_parser = count)]
    pub(crate) kills: u64,
    /// Coupures de courant sur un disque simulé, à chaque écriture, fsync et renommage (par défaut aucune)
    #[arg(long, value_name = "NOMBRE", default_value_t = 0, hide_default_value = true, value_parser = count)]
    pub(crate) cuts: u64,
    /// Graine : la même refait les mêmes choix (par défaut tirée au sort, et affichée)
    #[arg(long, value_name = "NOMBRE", value_parser = count)]
    pub(crate) seed: Option<u64>,
    /// Refait un seul monde de la campagne de coupures, celui d'un écart (world N), avec sa graine
    #[arg(long, value_name = "NOMBRE", value_parser = count, requires = "seed", conflicts_with_all = ["kills", "cuts"])]
    pub(crate) world: Option<u64>,
}
