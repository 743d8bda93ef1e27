//! The command line: what the user may type, in the user's language.
//! In: arguments. Out: one [`Command`], or a usage error with its remedy.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, error::ContextKind, error::ErrorKind};

use crate::project::Folder;

mod directory;
mod gateway;
mod orders;
mod questions;
mod routes;
mod values;

pub(crate) use {directory::*, gateway::*, orders::*, questions::*, routes::*};

const TEMPLATE: &str = "{about-with-newline}\nUsage : {usage}\n\n{all-args}{after-help}";

/// Everything that can be typed.
#[derive(Debug, Parser)]
#[command(
    name = "jonction",
    version,
    about = "Jonction : plateforme d'intermédiation ouverte du programme e-parcours.\n\
             Reçoit les documents d'un établissement (HL7 v2), les dépose au DMP, les envoie par MSSanté,\n\
             et rend compte à l'émetteur. Simulateurs de chaque partenaire compris.",
    help_template = TEMPLATE,
    subcommand_help_heading = "Commandes",
    subcommand_value_name = "COMMANDE",
    disable_help_subcommand = true,
    disable_help_flag = true,
    disable_version_flag = true,
    after_help = "Codes de sortie : 0 fait, 1 constats ou différences, 2 usage ou configuration, 3 impossible.\n\
                  Pour commencer : jonction demo"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// Sortie pour un programme : JSON, une valeur par ligne
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Dossier des données : journal, corps, certificats d'essai, addresses.json
    #[arg(long, global = true, value_name = "DOSSIER")]
    pub(crate) data: Option<PathBuf>,
    /// Fichier des partenaires d'un dossier de configuration, au lieu de son partners.yaml : essai, production…
    #[arg(long, global = true, value_name = "FICHIER")]
    pub(crate) partners: Option<PathBuf>,
    /// Clé des corps chiffrés : @file:chemin ou @env:NOM ; plusieurs fois s'il y en a d'anciennes
    #[arg(long = "body-key", global = true, value_name = "CLÉ")]
    pub(crate) body_keys: Vec<String>,
    /// Affiche cette aide
    #[arg(short = 'h', long, global = true, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Affiche la version
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

impl Common {
    /// A configuration folder as named on the command line.
    pub(crate) fn folder<'f>(&'f self, dir: &'f Path) -> Folder<'f> {
        Folder { dir, partners: self.partners.as_deref() }
    }
}

/// Where listening ports come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ports {
    /// Ceux de la configuration
    #[default]
    Fixed,
    /// Des ports libres, écrits dans addresses.json du dossier des données
    Auto,
}

/// One command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tout en un seul processus : simulateurs, passerelle, une matinée de trafic ; échoue si un parcours finit mal
    #[command(help_template = TEMPLATE)]
    Demo(DemoArgs),
    /// Fait tourner les routes d'un dossier
    #[command(help_template = TEMPLATE)]
    Run(RunArgs),
    /// Contrôle la configuration d'un dossier, sans rien ouvrir ; toutes les erreurs de tous les fichiers
    #[command(help_template = TEMPLATE)]
    Check(DirArgs),
    /// Dessine les routes d'un dossier : partenaires, étapes, conditions, envois, réponses ; en texte ou en SVG
    #[command(help_template = TEMPLATE)]
    Graph(GraphArgs),
    /// Les jeux de routes mis en service : lesquels, quand, ce qui diffère
    #[command(help_template = TEMPLATE, subcommand_help_heading = "Actions", subcommand_value_name = "ACTION")]
    Versions(VersionsArgs),
    /// Demande à la passerelle qui tourne de relire ses certificats et ses routes
    #[command(help_template = TEMPLATE)]
    Reload(DirArgs),
    /// Remet dans un dossier les routes d'une version d'avant, et les met en service si la passerelle tourne
    #[command(help_template = TEMPLATE)]
    Rollback(RollbackArgs),
    /// Fait passer d'anciens messages par d'autres routes, sans rien envoyer, et dit ce qui changerait, groupé par cause
    #[command(help_template = TEMPLATE)]
    Replay(ReplayArgs),
    /// Donne le schéma JSON des fichiers de configuration, pour les éditeurs qui complètent et contrôlent
    #[command(help_template = TEMPLATE)]
    Schema(SchemaArgs),
    /// Essaie les cas des routes et des traductions d'un dossier ; dit ce qu'aucun n'exerce, ou en fait un d'un ancien message
    #[command(help_template = TEMPLATE)]
    Test(TestArgs),
    /// Les paquets que des régions partagent : routes, traductions, tables, cas, modèle de partenaires, en une archive signée
    #[command(help_template = TEMPLATE, subcommand_help_heading = "Actions", subcommand_value_name = "ACTION")]
    Package(PackageArgs),
    /// Montre d'où vient chaque valeur qu'une traduction tire d'un message, et ce qu'elle laisse
    #[command(help_template = TEMPLATE)]
    Explain(ExplainArgs),
    /// Lance les simulateurs de simulators.yaml : DMP, MSSanté, logiciel émetteur
    #[command(help_template = TEMPLATE)]
    Simulate(RunArgs),
    /// Envoie des messages HL7 en MLLP, ou des courriels à un opérateur simulé, et montre ce qui est répondu à chacun
    #[command(help_template = TEMPLATE)]
    Send(SendArgs),
    /// Cherche des messages et des envois dans le journal
    #[command(help_template = TEMPLATE)]
    Find(FindArgs),
    /// Raconte tout ce qui est arrivé à un message ou à un document
    #[command(help_template = TEMPLATE)]
    Journey(JourneyArgs),
    /// Montre que rien n'a disparu : messages reçus et envois dus, par route et par jour
    #[command(help_template = TEMPLATE)]
    Balance(BalanceArgs),
    /// Liste, libère, refuse ou corrige ce qui attend un humain
    #[command(help_template = TEMPLATE, subcommand_help_heading = "Actions", subcommand_value_name = "ACTION")]
    Parked(ParkedArgs),
    /// Ce qui a été décidé par des humains : qui, quand, pourquoi ; une chaîne dont chaque ligne scelle les précédentes
    #[command(help_template = TEMPLATE, subcommand_help_heading = "Actions", subcommand_value_name = "ACTION")]
    Audit(AuditArgs),
    /// L'état en un écran : files, envois mis de côté, erreurs, disque, certificats ; ou une ligne pour Nagios et Centreon
    #[command(help_template = TEMPLATE)]
    Status(StatusArgs),
    /// Ce qui n'a pas été remis un jour donné, pourquoi et que faire, par structure émettrice ; sans nom de patient
    #[command(help_template = TEMPLATE)]
    Report(ReportArgs),
    /// Essaie un partenaire sans rien lui envoyer : nom, TLS, certificats, accueil, horloge ; dit ce qui ne va pas
    #[command(help_template = TEMPLATE)]
    Probe(ProbeArgs),
    /// Détruit ce dont la durée de conservation est passée : les corps, puis les métadonnées ; rend un certificat
    #[command(help_template = TEMPLATE)]
    Purge(PurgeArgs),
    /// Copie le journal et ses corps dans un dossier vide, sans arrêter la passerelle
    #[command(help_template = TEMPLATE)]
    Backup(BackupArgs),
    /// Remet une sauvegarde dans un dossier de données vide
    #[command(help_template = TEMPLATE)]
    Restore(RestoreArgs),
    /// Gèle un patient, un document ou un message : aucune purge ne le détruit
    #[command(help_template = TEMPLATE, subcommand_help_heading = "Actions", subcommand_value_name = "ACTION")]
    Legal(LegalArgs),
    /// Retient à la main, tout de suite : une route, un partenaire, une boîte, un patient ; rien n'est perdu
    #[command(help_template = TEMPLATE, subcommand_help_heading = "Quoi", subcommand_value_name = "QUOI")]
    Hold(HoldArgs),
    /// Laisse partir ce qui était retenu
    #[command(help_template = TEMPLATE, subcommand_help_heading = "Quoi", subcommand_value_name = "QUOI")]
    Lift(LiftArgs),
    /// Rappelle un document parti au mauvais patient : supprimé là où il est parti, annulé là où il attend, compte rendu
    #[command(help_template = TEMPLATE)]
    Recall(RecallArgs),
    /// Arrête la file d'un partenaire : comme jonction hold partner
    #[command(help_template = TEMPLATE)]
    Pause(NamedArgs),
    /// Reprend la file d'un partenaire : comme jonction lift partner
    #[command(help_template = TEMPLATE)]
    Resume(NamedArgs),
    /// Annuaires nationaux : les met à jour, les consulte, dit ce qui a changé
    #[command(help_template = TEMPLATE, subcommand_help_heading = "Actions", subcommand_value_name = "ACTION")]
    Directory(DirectoryArgs),
    /// Fait une clé de chiffrement des corps, ou dit le nom d'une clé
    #[command(help_template = TEMPLATE)]
    Key(KeyArgs),
    /// Mesure cette machine, chaque chiffre rapporté à une référence prise en même temps
    #[command(help_template = TEMPLATE)]
    Bench(BenchArgs),
    /// Prouve que rien ne se perd : arrêts brutaux d'une vraie passerelle, coupures de courant sur un disque simulé
    #[command(help_template = TEMPLATE)]
    Prove(ProveArgs),
}

/// Reads the arguments. An error is a text for the user and the exit code: 0 for help and version, 2 for a mistake.
pub(crate) fn read(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Cli, (String, u8)> {
    Cli::try_parse_from(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => (error.to_string(), 0),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => (error.to_string(), 2),
        _ => (in_french(&error), 2),
    })
}

/// clap speaks English; its facts are kept, its sentences are ours.
fn in_french(error: &clap::Error) -> String {
    let context = |kind| error.get(kind).map(|value| value.to_string());
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    let value = context(ContextKind::InvalidValue).unwrap_or_default();
    let sentence = match error.kind() {
        ErrorKind::UnknownArgument => format!("argument inconnu : {argument}"),
        ErrorKind::InvalidSubcommand => {
            format!("commande inconnue : {}", context(ContextKind::InvalidSubcommand).unwrap_or_default())
        }
        ErrorKind::MissingRequiredArgument => format!("il manque : {}", argument.replace('\n', " ")),
        ErrorKind::MissingSubcommand => "il manque une commande".to_owned(),
        ErrorKind::InvalidValue if value.is_empty() => format!("il manque une valeur après {argument}"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let known = context(ContextKind::ValidValue).filter(|known| !known.is_empty());
            let cause = std::error::Error::source(error).map(ToString::to_string).or(known);
            let cause = cause.map(|cause| format!(" ; attendu : {cause}"));
            format!("valeur refusée pour {argument} : « {value} »{}", cause.unwrap_or_default())
        }
        ErrorKind::ArgumentConflict => format!("{argument} ne va pas avec le reste"),
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues | ErrorKind::TooFewValues => {
            format!("mauvais nombre de valeurs pour {argument}")
        }
        _ => error.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    let suggested =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let remedy = match suggested.into_iter().find_map(context) {
        Some(near) => format!("vouliez-vous {near} ?"),
        None => "jonction --help, ou jonction COMMANDE --help".to_owned(),
    };
    format!("erreur  cli.usage\n        {sentence}\nremède  {remedy}\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn usage(line: &str) -> (String, u8) {
        read(line.split(' ').map(Into::into)).unwrap_err()
    }

    #[test]
    fn the_command_line_is_coherent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn mistakes_are_told_in_french_with_a_remedy() {
        let (text, code) = usage("jonction chek dossier");
        assert_eq!(code, 2);
        assert!(text.contains("commande inconnue : chek") && text.contains("check"), "{text}");
        assert!(usage("jonction run").0.contains("il manque"), "{}", usage("jonction run").0);
        assert!(usage("jonction find --etat x").0.contains("argument inconnu"));
        assert!(usage("jonction send a --to mllp://x --timeout 3").0.contains("une durée avec son unité"));
        let (text, _) = usage("jonction find --unanswered lu");
        assert!(text.contains("« lu » ; attendu : remise, lecture"), "{text}");
    }

    #[test]
    fn help_is_not_an_error() {
        assert_eq!(usage("jonction --help").1, 0);
        assert!(usage("jonction --help").0.contains("jonction demo"));
    }
}
