//! The numbers themselves: atomics, found by their labels.
//! In: increments from any thread; a read lock nobody holds while writing but for a new series. Out: cells to read.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::table::{Kind, METRICS, Metric};

/// Series of one metric: 10,000 lanes in four states, and some more.
const SERIES_MAX: usize = 50_000;
/// Between labels in a key: no name and no code holds it.
const SEPARATOR: char = '\u{1f}';

/// Sum of a histogram in millionths, so that it is an integer.
const SUM_SCALE: f64 = 1e6;

/// One series.
#[derive(Debug)]
pub(crate) enum Cell {
    /// Counters count in integers, gauges keep the bits of a float.
    Counter(AtomicU64),
    Gauge(AtomicU64),
    Histogram {
        bounds: &'static [f64],
        buckets: Box<[AtomicU64]>,
        sum: AtomicU64,
    },
}

impl Cell {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter(AtomicU64::new(0)),
            Kind::Gauge => Self::Gauge(AtomicU64::new(0.0_f64.to_bits())),
            Kind::Histogram(bounds) => Self::Histogram {
                bounds,
                // One more, for what is above every bound.
                buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
                sum: AtomicU64::new(0),
            },
        }
    }
}

type Series = RwLock<HashMap<String, Arc<Cell>>>;

/// Every metric's series.
#[derive(Debug)]
pub struct Metrics(Box<[Series]>);

impl Default for Metrics {
    fn default() -> Self {
        Self(METRICS.iter().map(|_| RwLock::default()).collect())
    }
}

impl Metrics {
    /// Adds to a counter.
    pub fn add(&self, metric: Metric, labels: &[&str], more: u64) {
        if let Some(Cell::Counter(cell)) = self.cell(metric, labels).as_deref() {
            cell.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Sets a gauge.
    pub fn set(&self, metric: Metric, labels: &[&str], value: f64) {
        if let Some(Cell::Gauge(cell)) = self.cell(metric, labels).as_deref() {
            cell.store(value.to_bits(), Ordering::Relaxed);
        }
    }

    /// A gauge without labels; 0 when it was never set.
    pub fn gauge(&self, metric: Metric) -> f64 {
        match self.cell(metric, &[]).as_deref() {
            Some(Cell::Gauge(cell)) => f64::from_bits(cell.load(Ordering::Relaxed)),
            _ => 0.0,
        }
    }

    /// Replaces every series of a gauge: what is not named any more is gone.
    pub fn set_all<'l>(&self, metric: Metric, values: impl IntoIterator<Item = (&'l [&'l str], f64)>) {
        let series = values.into_iter().take(SERIES_MAX).map(|(labels, value)| {
            let cell = Cell::Gauge(AtomicU64::new(value.to_bits()));
            (key(labels), Arc::new(cell))
        });
        let series = series.collect();
        *self.0[metric as usize].write().unwrap_or_else(PoisonError::into_inner) = series;
    }

    /// Adds a value to a histogram. Negative values count as 0.
    pub fn observe(&self, metric: Metric, labels: &[&str], value: f64) {
        if let Some(Cell::Histogram { bounds, buckets, sum }) = self.cell(metric, labels).as_deref() {
            let value = value.max(0.0);
            let at = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
            buckets[at].fetch_add(1, Ordering::Relaxed);
            sum.fetch_add((value * SUM_SCALE).round() as u64, Ordering::Relaxed);
        }
    }

    fn cell(&self, metric: Metric, labels: &[&str]) -> Option<Arc<Cell>> {
        let row = &METRICS[metric as usize];
        debug_assert_eq!(labels.len(), row.labels.len(), "{}", row.name);
        let series = &self.0[metric as usize];
        let key = key(labels);
        if let Some(cell) = series.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Some(cell.clone());
        }
        let mut series = series.write().unwrap_or_else(PoisonError::into_inner);
        if series.len() >= SERIES_MAX && !series.contains_key(&key) {
            drop(series);
            self.add(Metric::SeriesDropped, &[], 1);
            return None;
        }
        Some(series.entry(key).or_insert_with(|| Arc::new(Cell::new(row.kind))).clone())
    }

    /// Every series of a metric, by its labels.
    pub(super) fn series(&self, metric: Metric) -> BTreeMap<Vec<String>, Arc<Cell>> {
        let series = self.0[metric as usize].read().unwrap_or_else(PoisonError::into_inner);
        series
            .iter()
            .map(|(key, cell)| (key.split(SEPARATOR).map(str::to_owned).collect(), cell.clone()))
            .collect()
    }

    /// First labels of the series whose second label is one of these.
    pub fn first_labels(&self, metric: Metric, second: &[&str]) -> Vec<String> {
        let series = self.series(metric).into_keys();
        let wanted =
            |labels: &Vec<String>| labels.get(1).is_some_and(|label| second.contains(&label.as_str()));
        series.filter(wanted).filter_map(|labels| labels.into_iter().next()).collect()
    }

    /// How many values a histogram without labels took, and their sum.
    pub fn totals(&self, metric: Metric) -> (u64, f64) {
        match self.cell(metric, &[]).as_deref() {
            Some(Cell::Histogram { buckets, sum, .. }) => {
                let count = buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum();
                (count, sum.load(Ordering::Relaxed) as f64 / SUM_SCALE)
            }
            _ => (0, 0.0),
        }
    }
}

/// Sum of a histogram, as written.
pub(super) fn sum_of(sum: &AtomicU64) -> f64 {
    sum.load(Ordering::Relaxed) as f64 / SUM_SCALE
}

fn key(labels: &[&str]) -> String {
    let mut key = String::new();
    for (at, label) in labels.iter().enumerate() {
        if at > 0 {
            key.push(SEPARATOR);
        }
        key.push_str(label);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_a_bound_counts_below_it() {
        let metrics = Metrics::default();
        for value in [0.0005, 0.00051, 99.0] {
            metrics.observe(Metric::Commit, &[], value);
        }
        let series = metrics.series(Metric::Commit);
        let Cell::Histogram { buckets, .. } = &*series[&vec![String::new()]] else { panic!() };
        let counts: Vec<_> = buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        assert_eq!((counts[0], counts[1], counts[12]), (1, 1, 1));
        assert_eq!(metrics.totals(Metric::Commit).0, 3);
    }

    #[test]
    fn what_is_not_sampled_any_more_is_gone() {
        let metrics = Metrics::default();
        metrics.set_all(Metric::LaneOldest, [(["a"].as_slice(), 1.0), (["b"].as_slice(), 2.0)]);
        metrics.set_all(Metric::LaneOldest, [(["b"].as_slice(), 3.0)]);
        assert_eq!(metrics.series(Metric::LaneOldest).keys().collect::<Vec<_>>(), [&["b".to_owned()]]);
    }

    #[test]
    fn series_without_end_are_dropped_and_counted() {
        let metrics = Metrics::default();
        for n in 0..=SERIES_MAX {
            metrics.add(Metric::MessagesRouted, &[&n.to_string()], 1);
        }
        assert_eq!(metrics.series(Metric::MessagesRouted).len(), SERIES_MAX);
        let dropped = metrics.series(Metric::SeriesDropped);
        assert!(
            matches!(&*dropped[&vec![String::new()]], Cell::Counter(n) if n.load(Ordering::Relaxed) == 1)
        );
    }
}
