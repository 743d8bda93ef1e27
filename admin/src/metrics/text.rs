//! The metrics as a monitor reads them (Prometheus text format 0.0.4), and as the reference page shows them.
//! In: the registry, the table. Out: text; every metric has its help and its type, even before its first series.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    registry::{Cell, Metrics, sum_of},
    table::METRICS,
};

/// What the text is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Metrics {
    /// Everything, as text.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(16 << 10);
        for row in METRICS {
            // Writing to a string never fails.
            let _ = writeln!(text, "# HELP {} {}", row.name, escape_help(row.help));
            let _ = writeln!(text, "# TYPE {} {}", row.name, row.kind.word());
            for (values, cell) in self.series(row.metric) {
                let labels: Vec<_> =
                    row.labels.iter().copied().zip(values.iter().map(String::as_str)).collect();
                match &*cell {
                    Cell::Counter(count) => line(&mut text, row.name, "", &labels, &load(count).to_string()),
                    Cell::Gauge(bits) => {
                        line(&mut text, row.name, "", &labels, &float(f64::from_bits(load(bits))))
                    }
                    Cell::Histogram { bounds, buckets, sum } => {
                        let mut below = 0;
                        let bounds = bounds.iter().map(|bound| float(*bound)).chain(["+Inf".to_owned()]);
                        for (bucket, bound) in buckets.iter().zip(bounds) {
                            below += load(bucket);
                            let mut labels = labels.clone();
                            labels.push(("le", &bound));
                            line(&mut text, row.name, "_bucket", &labels, &below.to_string());
                        }
                        line(&mut text, row.name, "_sum", &labels, &float(sum_of(sum)));
                        line(&mut text, row.name, "_count", &labels, &below.to_string());
                    }
                }
            }
        }
        text
    }
}

fn load(cell: &AtomicU64) -> u64 {
    cell.load(Ordering::Relaxed)
}

fn float(value: f64) -> String {
    format!("{value}")
}

fn line(text: &mut String, name: &str, suffix: &str, labels: &[(&str, &str)], value: &str) {
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape_label(value))).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(text, "{name}{suffix}{labels} {value}");
}

fn escape_help(text: &str) -> String {
    text.replace('\\', r"\\").replace('\n', r"\n")
}

fn escape_label(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

/// The reference page, `docs/operate/metriques.md`.
pub fn reference() -> String {
    let mut page = String::from(
        "# Métriques\n\n\
         `GET /metrics` de l'administration, au format texte de Prometheus, sans jeton. Les étiquettes sont des noms de la \
         configuration ou des codes, jamais un identifiant de personne ni de document. Les compteurs repartent de 0 à chaque \
         démarrage ; le journal (`jonction balance`) est la seule comptabilité.\n\n\
         Cette page est écrite par un test, d'après la table du programme.\n\n\
         | métrique | genre | étiquettes | ce qu'elle dit |\n|---|---|---|---|\n",
    );
    for row in METRICS {
        let labels: Vec<String> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ =
            writeln!(page, "| `{}` | {} | {} | {} |", row.name, row.kind.word(), labels.join(" "), row.help);
    }
    page.push_str(
        "\nPour commencer :\n\n\
         ```yaml\n\
         # prometheus.yml\n\
         scrape_configs:\n\
         \x20 - job_name: jonction\n\
         \x20   static_configs: [{ targets: [\"127.0.0.1:9464\"] }]   # admin: { listen: 127.0.0.1:9464 } dans jonction.yaml\n\
         ```\n\n\
         Les alertes de la passerelle elle-même sont décrites dans [l'index](README.md) : elles n'ont besoin d'aucun superviseur.\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use super::super::Metric;
    use super::*;

    #[test]
    fn labels_and_values_are_written_as_the_format_asks() {
        let metrics = Metrics::default();
        metrics.add(Metric::MessagesRouted, &["a\"b\\c"], 2);
        metrics.set(Metric::DiskFree, &[], 1.5e12);
        metrics.observe(Metric::CommitRequests, &[], 3.0);
        let text = metrics.text();
        for line in [
            "# TYPE gateway_messages_routed_total counter",
            r#"gateway_messages_routed_total{route="a\"b\\c"} 2"#,
            "gateway_disk_free_bytes 1500000000000",
            "gateway_commit_requests_bucket{le=\"2\"} 0",
            "gateway_commit_requests_bucket{le=\"4\"} 1",
            "gateway_commit_requests_bucket{le=\"+Inf\"} 1",
            "gateway_commit_requests_sum 3",
            "gateway_commit_requests_count 1",
        ] {
            assert!(text.lines().any(|said| said == line), "{line}\n{text}");
        }
    }
}
