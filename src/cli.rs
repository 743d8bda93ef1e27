//! The command line: what the user may type, in the user's language.
//! In: arguments. Out: one [`Command`], or a usage error with its remedy.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, error::ContextKind, error::ErrorKind};
use jonction_engine::{AuditHash, Author, Reason};

use crate::project::Folder;

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

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Reste ouvert à la fin, simulateurs et passerelle, pour essayer soi-même ; Ctrl-C pour finir
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// Dossier de la configuration
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: PathBuf,
    /// Seulement cette route, et celles à qui elle transmet
    #[arg(long, value_name = "ROUTE")]
    pub(crate) route: Option<String>,
    /// Dessine dans ce fichier SVG
    #[arg(long, value_name = "FICHIER")]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VersionsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<VersionsAction>,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum VersionsAction {
    /// Liste les versions, de la plus ancienne à celle qui sert
    #[command(help_template = TEMPLATE)]
    List,
    /// Montre les textes d'une version
    #[command(help_template = TEMPLATE)]
    Show {
        /// Début du nom de la version ; -1 : celle d'avant
        #[arg(value_name = "VERSION", allow_hyphen_values = true)]
        version: String,
    },
    /// Compare deux versions, ligne à ligne
    #[command(help_template = TEMPLATE)]
    Diff {
        /// De cette version
        #[arg(
            value_name = "VERSION",
            allow_hyphen_values = true,
            default_value = "-1",
            hide_default_value = true
        )]
        from: String,
        /// À celle-ci (par défaut celle qui sert)
        #[arg(
            value_name = "VERSION",
            allow_hyphen_values = true,
            default_value = "-0",
            hide_default_value = true
        )]
        to: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Dossier de la configuration qui sert
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: PathBuf,
    /// Dossier de la configuration à essayer
    #[arg(long, value_name = "DOSSIER")]
    pub(crate) with: PathBuf,
    /// Reçus depuis : 2026-01-31 ou 2026-01-31T08:00
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<String>,
    /// Reçus avant
    #[arg(long, value_name = "DATE")]
    pub(crate) to: Option<String>,
    /// Dans l'ombre : suit la passerelle qui tourne, chaque message à mesure qu'il arrive, jusqu'à Ctrl-C
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub(crate) follow: bool,
    /// Avec --follow : s'arrête après ce temps, par exemple 2h
    #[arg(long = "for", value_name = "DURÉE", requires = "follow", value_parser = jonction_settings::parse::duration)]
    pub(crate) during: Option<std::time::Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Début du nom de la version (jonction versions) ; -1 : celle d'avant
    #[arg(value_name = "VERSION", allow_hyphen_values = true)]
    pub(crate) version: String,
    /// Dossier de la configuration
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct SchemaArgs {
    /// Fichier : jonction, partners, route ou simulators
    #[arg(value_name = "FICHIER", value_parser = crate::commands::schema::kind)]
    pub(crate) kind: Option<String>,
    /// Écrit tous les schémas dans ce dossier
    #[arg(long, value_name = "DOSSIER")]
    pub(crate) into: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DirArgs {
    /// Dossier de la configuration (jonction.yaml, routes/)
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Dossier de la configuration (jonction.yaml, routes/, mappings/)
    #[arg(value_name = "DOSSIER")]
    pub(crate) dir: PathBuf,
    /// Dit les lignes de traduction et les conditions de routes qu'aucun cas n'exerce
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Change les routes et les traductions un endroit à la fois, et dit ce qu'aucun cas ne remarque
    #[arg(long)]
    pub(crate) mutate: bool,
    /// Écrit aussi le résultat en XML JUnit
    #[arg(long, value_name = "FICHIER")]
    pub(crate) junit: Option<PathBuf>,
    /// Fait un cas d'un ancien message, sans rien qui désigne une personne
    #[arg(long, value_name = "MESSAGE", conflicts_with_all = ["coverage", "mutate", "junit"])]
    pub(crate) record: Option<u64>,
    /// Nom du cas fait par --record
    #[arg(long = "as", value_name = "NOM", requires = "record")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PackageArgs {
    #[command(subcommand)]
    pub(crate) action: PackageAction,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum PackageAction {
    /// Fait une clé de signature : FICHIER signe, FICHIER.pub vérifie
    #[command(help_template = TEMPLATE)]
    Key {
        /// Fichier de la clé, qui ne doit pas exister
        #[arg(value_name = "FICHIER")]
        file: PathBuf,
    },
    /// Fait un paquet d'un dossier dont le contrôle et les cas passent
    #[command(help_template = TEMPLATE)]
    Build {
        /// Dossier de la configuration
        #[arg(value_name = "DOSSIER")]
        dir: PathBuf,
        /// Nom du paquet
        #[arg(long, value_name = "NOM", value_parser = crate::packages::manifest::word)]
        name: String,
        /// Sa version
        #[arg(long, value_name = "VERSION", value_parser = crate::packages::manifest::word)]
        version: String,
        /// Ce qu'il fait, en une ligne
        #[arg(long, value_name = "TEXTE")]
        about: Option<String>,
        /// Clé qui le signe (jonction package key)
        #[arg(long, value_name = "CLÉ")]
        key: Option<PathBuf>,
        /// Fichier à écrire ; par défaut NOM-VERSION.paquet.zip
        #[arg(long, value_name = "FICHIER")]
        into: Option<PathBuf>,
    },
    /// Juge un paquet sans l'installer : ce qu'il contient, ce qu'il demande, par qui il est signé
    #[command(help_template = TEMPLATE)]
    Verify {
        /// Le paquet
        #[arg(value_name = "PAQUET")]
        file: PathBuf,
        /// Clé publique de qui doit l'avoir signé
        #[arg(long, value_name = "CLÉ.pub")]
        key: Option<PathBuf>,
    },
    /// L'installe, ou le met à jour, dans un dossier : contrôlé et essayé d'abord dans une copie
    #[command(help_template = TEMPLATE)]
    Install {
        /// Le paquet
        #[arg(value_name = "PAQUET")]
        file: PathBuf,
        /// Dossier de la configuration
        #[arg(value_name = "DOSSIER")]
        dir: PathBuf,
        /// Clé publique de qui doit l'avoir signé
        #[arg(long, value_name = "CLÉ.pub")]
        key: Option<PathBuf>,
    },
    /// Liste ce qui est installé dans un dossier, et ce qui y a été changé depuis
    #[command(help_template = TEMPLATE)]
    List {
        /// Dossier de la configuration
        #[arg(value_name = "DOSSIER")]
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Message HL7 v2, ou fichier CSV
    #[arg(value_name = "MESSAGE")]
    pub(crate) message: PathBuf,
    /// Traduction : un nom du catalogue ou du dossier, ou un fichier .yaml
    #[arg(long, value_name = "TRADUCTION")]
    pub(crate) with: String,
    /// Dossier de la configuration, dont mappings/
    #[arg(long, value_name = "DOSSIER")]
    pub(crate) dir: Option<PathBuf>,
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

const PORTS_HELP: &str =
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
pub(crate) struct DirectoryArgs {
    #[command(subcommand)]
    pub(crate) action: DirectoryAction,
    /// Dossier de la configuration (par défaut, celui où l'on est)
    #[arg(long, global = true, value_name = "DOSSIER")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum DirectoryAction {
    /// Met à jour les sources nommées, ou toutes ; ce qui est en service le reste tant que le nouveau n'est pas bon
    #[command(help_template = TEMPLATE)]
    Pull(PullArgs),
    /// Ce que contient chaque source, son âge, et comment a fini sa dernière mise à jour
    #[command(help_template = TEMPLATE)]
    Status,
    /// Un professionnel (RPPS), une structure (FINESS, SIRET) ou une boîte (adresse)
    #[command(help_template = TEMPLATE)]
    Lookup {
        /// RPPS, FINESS, SIRET, identifiant national ou adresse MSSanté
        #[arg(value_name = "IDENTIFIANT")]
        id: String,
    },
    /// Cherche des professionnels, des structures (--structure, --category) ou des offres de soins (--offers, --activity, --finess)
    #[command(help_template = TEMPLATE)]
    Search(SearchArgs),
    /// Ce que la dernière mise à jour a changé ; qui n'a pas de boîte (sans-boite) ou de RPPS (sans-rpps) ; ce qui reste à décrire dans le ROR (remplissage-ror)
    #[command(help_template = TEMPLATE)]
    Report(GapsArgs),
    /// Écrit l'annuaire régional des correspondants MSSanté : CSV, FHIR, page à imprimer, différences
    #[command(help_template = TEMPLATE)]
    Export(DirectoryExportArgs),
    /// Remet en service l'annuaire d'avant la dernière mise à jour
    #[command(help_template = TEMPLATE)]
    Rollback {
        /// Source
        #[arg(value_name = "SOURCE", value_parser = source)]
        source: jonction_model::directory::Source,
    },
}

#[derive(Debug, Args)]
pub(crate) struct GapsArgs {
    /// Source (rpps, annuaire-fhir, mssante, finess, ror ; toutes par défaut), ou sans-boite, sans-rpps, remplissage-ror
    #[arg(value_name = "SUJET", value_parser = subject)]
    pub(crate) subject: Option<Subject>,
    /// Avec sans-boite, sans-rpps ou remplissage-ror : ce département seulement ; peut être répété
    #[arg(long, value_name = "CODE")]
    pub(crate) department: Vec<String>,
    /// Avec sans-boite, sans-rpps ou remplissage-ror : écrit le détail dans ce fichier (CSV), et ne montre que les totaux
    #[arg(long, value_name = "FICHIER")]
    pub(crate) csv: Option<PathBuf>,
}

/// What a report is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    /// What the last pull of a source changed.
    Source(jonction_model::directory::Source),
    /// Who lacks something.
    Missing(jonction_directory::gaps::Missing),
    /// How far the ROR is filled.
    Filling,
}

#[derive(Debug, Args)]
pub(crate) struct DirectoryExportArgs {
    /// Dossier où écrire l'édition
    #[arg(value_name = "SORTIE")]
    pub(crate) out: PathBuf,
    /// Code INSEE de la région : 32 Hauts-de-France…
    #[arg(long, value_name = "CODE", required_unless_present = "department")]
    pub(crate) region: Option<String>,
    /// Département, au lieu d'une région ; peut être répété
    #[arg(long, value_name = "CODE", conflicts_with = "region")]
    pub(crate) department: Vec<String>,
    /// Dossier de l'édition précédente, pour dire ce qui a changé
    #[arg(long, value_name = "DOSSIER")]
    pub(crate) previous: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// Sources : rpps, mssante… ; toutes celles de la configuration par défaut
    #[arg(value_name = "SOURCE", value_parser = source)]
    pub(crate) sources: Vec<jonction_model::directory::Source>,
    /// Reprend tout, même si la source dit que rien n'a changé
    #[arg(long)]
    pub(crate) whole: bool,
    /// Met en service même ce qui paraît suspect (forte baisse, tout change), après avoir lu le rapport
    #[arg(long)]
    pub(crate) accept: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Nom d'exercice, avec ou sans accents ; ce qui s'entend pareil est trouvé aussi
    #[arg(long, value_name = "NOM")]
    pub(crate) name: Option<String>,
    /// Prénom, ou son début
    #[arg(long, value_name = "PRÉNOM")]
    pub(crate) given: Option<String>,
    /// Code de la profession : 10 médecin, 60 infirmier…
    #[arg(long, value_name = "CODE")]
    pub(crate) profession: Option<String>,
    /// Code du savoir-faire : SM04…
    #[arg(long, value_name = "CODE")]
    pub(crate) skill: Option<String>,
    /// Cherche des structures dont le nom contient ces mots
    #[arg(long, value_name = "MOTS", conflicts_with_all = ["name", "given", "profession", "skill"])]
    pub(crate) structure: Option<String>,
    /// Catégorie de structure : 500 EHPAD, 620 pharmacie…
    #[arg(long, value_name = "CODE", conflicts_with_all = ["name", "given", "profession", "skill"])]
    pub(crate) category: Option<String>,
    /// Cherche des offres de soins (ROR)
    #[arg(long, conflicts_with_all = ["name", "given", "profession", "skill", "structure", "category"])]
    pub(crate) offers: bool,
    /// Offres de cette activité opérationnelle (code TRE_R211)
    #[arg(long, value_name = "CODE", conflicts_with_all = ["name", "given", "profession", "skill", "structure", "category"])]
    pub(crate) activity: Option<String>,
    /// Offres de cet établissement, ou de cette entité juridique
    #[arg(long, value_name = "FINESS", conflicts_with_all = ["name", "given", "profession", "skill", "structure", "category"])]
    pub(crate) finess: Option<String>,
    /// Offres pour une personne de cet âge
    #[arg(long, value_name = "ANS", conflicts_with_all = ["name", "given", "profession", "skill", "structure", "category"])]
    pub(crate) age: Option<u32>,
    /// Montre aussi les offres sensibles, que seul peut voir qui y a droit
    #[arg(long, conflicts_with_all = ["name", "given", "profession", "skill", "structure", "category"])]
    pub(crate) sensitive: bool,
    /// Commune (code COG, 5 caractères)
    #[arg(long, value_name = "COG")]
    pub(crate) commune: Option<String>,
    /// À moins de tant de kilomètres du milieu de cette commune
    #[arg(long, value_name = "KM", requires = "commune", value_parser = kilometres)]
    pub(crate) km: Option<f64>,
    /// Au plus tant de réponses (par défaut 20)
    #[arg(long, value_name = "NOMBRE", default_value_t = 20, hide_default_value = true, value_parser = lines)]
    pub(crate) limit: u32,
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

/// clap's own numbers complain in English.
fn lines(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|lines| *lines > 0)
        .ok_or_else(|| "un nombre de lignes, à partir de 1".to_owned())
}

fn counted(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "un nombre".to_owned())
}

fn message(text: &str) -> Result<u64, String> {
    text.trim_start_matches('#').parse().map_err(|_| "un numéro".to_owned())
}

fn audit_hash(text: &str) -> Result<AuditHash, String> {
    AuditHash::parse(text)
        .ok_or_else(|| "64 chiffres hexadécimaux, comme les montre jonction audit verify".to_owned())
}

fn author(text: &str) -> Result<Author, String> {
    Author::parse(text).map_err(|_| "un nom de 1 à 64 caractères".to_owned())
}

fn reason(text: &str) -> Result<Reason, String> {
    Reason::parse(text).map_err(|_| "une phrase de 1 à 500 caractères".to_owned())
}

fn subject(text: &str) -> Result<Subject, String> {
    use jonction_directory::gaps::Missing;
    match text {
        "sans-boite" => Ok(Subject::Missing(Missing::Mailbox)),
        "sans-rpps" => Ok(Subject::Missing(Missing::Rpps)),
        "remplissage-ror" => Ok(Subject::Filling),
        _ => source(text)
            .map(Subject::Source)
            .map_err(|error| format!("{error}, ou sans-boite, sans-rpps, remplissage-ror")),
    }
}

fn source(text: &str) -> Result<jonction_model::directory::Source, String> {
    use jonction_model::directory::Source;
    Source::of(text).ok_or_else(|| format!("une source parmi {}", Source::ALL.map(Source::name).join(", ")))
}

fn kilometres(text: &str) -> Result<f64, String> {
    let km = text.replace(',', ".").parse::<f64>().ok().filter(|km| (0.0..=500.0).contains(km));
    km.ok_or_else(|| "une distance entre 0 et 500".to_owned())
}

fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "un nombre entier".to_owned())
}

fn delivery(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "un numéro d'envoi, comme le montre jonction parked list".to_owned())
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
            let cause = std::error::Error::source(error).map(|cause| format!(" ; attendu : {cause}"));
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
    }

    #[test]
    fn help_is_not_an_error() {
        assert_eq!(usage("jonction --help").1, 0);
        assert!(usage("jonction --help").0.contains("jonction demo"));
    }
}
