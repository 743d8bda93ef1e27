//! Every metric, one row each: its name, what it counts, its labels, its help. The reference page is written from here.
//! A new metric is a row; whoever knows the fact counts it.

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only up, from 0 at each start.
    Counter,
    /// Up and down: what was seen last.
    Gauge,
    /// How often a value was at most each bound.
    Histogram(&'static [f64]),
}

impl Kind {
    /// Its word in the text format.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// What a metric is.
#[derive(Debug)]
pub struct Definition {
    /// Which.
    pub metric: Metric,
    /// `gateway_<what>_<unit>[_total]`.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// Names of its labels, in order.
    pub labels: &'static [&'static str],
    /// What it says, in French.
    pub help: &'static str,
}

/// From a fast fsync to a disk that must be looked at.
const SHORT: &[f64] = &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// An exchange with a partner.
const EXCHANGE: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// From a message to the end of what it owes: an instant, or days.
const LIFE: &[f64] =
    &[0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 21_600.0, 86_400.0, 259_200.0];
/// Requests of one commit.
const BATCH: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

macro_rules! metrics {
    ($($metric:ident $kind:expr, $name:literal [$($label:literal),*] $help:literal;)*) => {
        /// Every metric.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric { $(#[doc = $help] $metric,)* }

        /// The table, in the order of [`Metric`].
        pub const METRICS: &[Definition] = &[$(Definition {
            metric: Metric::$metric, name: $name, kind: $kind, labels: &[$($label),*], help: $help,
        },)*];
    };
}

use Kind::{Counter, Gauge, Histogram};

metrics! {
    BuildInfo Gauge, "gateway_build_info" ["version"]
        "Toujours 1 ; la version est dans l'étiquette.";
    StartTime Gauge, "gateway_start_time_seconds" []
        "Heure du démarrage, en secondes depuis 1970.";
    MessagesReceived Counter, "gateway_messages_received_total" ["partner", "verdict"]
        "Messages jugés à l'entrée : accepted (acquitté), refused (refusé), repeated (déjà connu).";
    MessagesReceivedBytes Counter, "gateway_messages_received_bytes_total" ["partner"]
        "Octets des messages jugés à l'entrée.";
    MessagesRefused Counter, "gateway_messages_refused_total" ["partner", "error_code"]
        "Messages refusés à l'entrée, par code du premier constat.";
    Receipt Histogram(SHORT), "gateway_receipt_seconds" ["partner"]
        "De la remise d'un message jugé à son acquittement durable.";
    MessagesRouted Counter, "gateway_messages_routed_total" ["route"]
        "Messages routés.";
    MessagesFiltered Counter, "gateway_messages_filtered_total" []
        "Messages dont aucune route ne veut.";
    MessagesParked Counter, "gateway_messages_parked_total" ["route", "error_code"]
        "Messages mis de côté au routage (route vide : avant toute route).";
    MessagesWaiting Gauge, "gateway_messages_waiting" []
        "Messages acquittés, pas encore routés.";
    MessagesAside Gauge, "gateway_messages_parked" []
        "Messages mis de côté au routage, qui attendent un humain.";
    MessagesHeld Gauge, "gateway_messages_held" []
        "Messages acquittés dont un humain retient la route.";
    DeliveriesBornClosed Counter, "gateway_deliveries_barred_total" ["lane", "state", "error_code"]
        "Envois refusés ou mis de côté par une règle, avant toute tentative.";
    Attempts Counter, "gateway_attempts_total" ["lane", "outcome", "error_code"]
        "Tentatives finies, par issue : done, retry, parked, refused, unknown ; error_code vide quand tout va bien.";
    Attempt Histogram(EXCHANGE), "gateway_attempt_seconds" ["lane"]
        "Durée d'une tentative, de son début à son résultat durable.";
    DeliveriesEnded Counter, "gateway_deliveries_ended_total" ["route", "lane", "state"]
        "Envois finis par une tentative : delivered (remis) ou refused (refusé).";
    Delivery Histogram(LIFE), "gateway_delivery_seconds" ["route"]
        "De la réception du message à la remise de l'envoi.";
    LaneDeliveries Gauge, "gateway_lane_deliveries" ["lane", "state"]
        "Envois non finis d'une file, par état : waiting, retrying, sending, parked, held.";
    LaneOldest Gauge, "gateway_lane_oldest_waiting_seconds" ["lane"]
        "Âge du plus ancien envoi non fini d'une file, hors mis de côté ; 0 quand rien n'attend.";
    LaneFailing Gauge, "gateway_lane_failing_seconds" ["lane"]
        "Depuis combien de temps un partenaire ne répond plus que par des échecs ; 0 quand il répond.";
    Commit Histogram(SHORT), "gateway_commit_seconds" []
        "Durée d'une validation du journal, écriture et fsync.";
    CommitRequests Histogram(BATCH), "gateway_commit_requests" []
        "Demandes réunies dans une validation du journal.";
    JournalWritable Gauge, "gateway_journal_writable" []
        "1 quand la dernière écriture d'essai du journal a réussi, 0 sinon.";
    DiskFree Gauge, "gateway_disk_free_bytes" []
        "Place libre sur le disque du dossier des données.";
    DiskSize Gauge, "gateway_disk_size_bytes" []
        "Taille du disque du dossier des données.";
    CertificateExpiry Gauge, "gateway_certificate_expiry_seconds" ["name"]
        "Temps restant avant la fin de validité d'un certificat de la configuration ; négatif quand il est expiré.";
    ClockJumps Counter, "gateway_clock_jumps_total" []
        "Fois où l'heure de la machine a sauté.";
    ClockJumped Gauge, "gateway_clock_jumped_seconds" []
        "Somme des sauts de l'heure depuis le démarrage ; négative quand elle a surtout reculé.";
    Orders Counter, "gateway_orders_total" ["act"]
        "Ordres d'un humain exécutés, par acte.";
    IncidentsOpen Gauge, "gateway_incidents_open" ["cause"]
        "Incidents ouverts, par cause.";
    AlertsSent Counter, "gateway_alerts_sent_total" ["channel", "outcome"]
        "Essais d'envoi d'une alerte, par canal (screen, mail, webhook) et issue (sent, failed).";
    SeriesDropped Counter, "gateway_metric_series_dropped_total" []
        "Séries refusées parce qu'une métrique en avait trop.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_their_metric_and_names_follow_the_rule() {
        for (at, row) in METRICS.iter().enumerate() {
            assert_eq!(row.metric as usize, at, "{}", row.name);
            assert!(row.name.starts_with("gateway_") && row.help.ends_with('.'), "{}", row.name);
            assert_eq!(row.name.ends_with("_total"), row.kind == Kind::Counter, "{}", row.name);
            for id in ["message", "delivery", "patient", "control_id", "document"] {
                assert!(!row.labels.contains(&id), "{}", row.name);
            }
        }
        let mut names: Vec<_> = METRICS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
    }
}
