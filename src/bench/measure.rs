//! A figure and the reference it is told in: measured in the same run, turn by turn, so that a busy machine slows both.
//! In: two closures. Out: medians and their ratio. Source: style, « speed and memory are claims to be measured ».

use std::{
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

use serde::Serialize;

/// One measure, as `jonction bench --json` prints it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measure {
    /// Stable name, for `--only`.
    pub(crate) name: &'static str,
    /// The figure.
    pub(crate) value: f64,
    /// Its unit: `us`, `ms`, `s`, `MB`, `per_s`.
    pub(crate) unit: &'static str,
    /// The reference, in the same unit; `None` when the figure is only reported.
    pub(crate) reference: Option<f64>,
    /// `value / reference`.
    pub(crate) ratio: Option<f64>,
    /// What is aimed at, as text: `ratio <= 2`.
    pub(crate) goal: Option<String>,
    /// Whether it is met.
    pub(crate) met: Option<bool>,
    /// What was measured, in French.
    pub(crate) what: &'static str,
}

/// What a figure is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// `value / reference` at most this.
    RatioAtMost(f64),
    /// `value / reference` at least this.
    RatioAtLeast(f64),
    /// `value` at most this.
    AtMost(f64),
    /// Nothing: reported.
    None,
}

impl Measure {
    /// Judges a figure.
    pub(crate) fn new(
        name: &'static str,
        what: &'static str,
        unit: &'static str,
        value: f64,
        reference: Option<f64>,
        goal: Goal,
    ) -> Self {
        let ratio = reference.map(|reference| value / reference);
        let (text, met) = match goal {
            Goal::RatioAtMost(most) => (Some(format!("ratio <= {most}")), ratio.map(|ratio| ratio <= most)),
            Goal::RatioAtLeast(least) => {
                (Some(format!("ratio >= {least}")), ratio.map(|ratio| ratio >= least))
            }
            Goal::AtMost(most) => (Some(format!("<= {most} {unit}")), Some(value <= most)),
            Goal::None => (None, None),
        };
        Self { name, value, unit, reference, ratio, goal: text, met, what }
    }
}

/// Runs both closures turn by turn and gives the median time of one call of each, in microseconds.
/// Each turn repeats the call until it lasts long enough to be read on the clock; results are never optimised away.
pub(crate) fn paired<A, B>(
    turns: usize,
    mut ours: impl FnMut() -> A,
    mut reference: impl FnMut() -> B,
) -> (f64, f64) {
    let (ours_calls, reference_calls) = (calls_for(&mut ours), calls_for(&mut reference));
    let (mut a, mut b) = (Vec::with_capacity(turns), Vec::with_capacity(turns));
    for _ in 0..turns {
        a.push(time_of(ours_calls, &mut ours));
        b.push(time_of(reference_calls, &mut reference));
    }
    (median(&mut a), median(&mut b))
}

const TURN: Duration = Duration::from_millis(10);

fn calls_for<T>(call: &mut impl FnMut() -> T) -> u32 {
    let mut calls = 1;
    loop {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(call());
        }
        if start.elapsed() >= TURN || calls >= 1 << 20 {
            return calls;
        }
        calls *= 2;
    }
}

fn time_of<T>(calls: u32, call: &mut impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

/// Middle value; 0 of nothing.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Time a process has spent on processors, all its threads together, ended ones included; 10 ms steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessorTime {
    /// In the program and in the kernel for it.
    pub(crate) whole: Duration,
    /// In the kernel alone: files, sockets, memory.
    pub(crate) kernel: Duration,
}

/// `None` where the system does not tell. `process`: a number, or `self`.
pub(crate) fn processor_time(process: &str) -> Option<ProcessorTime> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in parentheses, may hold blanks; utime and stime are the 12th and 13th after it.
    let mut ticks = stat.rsplit(") ").next()?.split(' ').skip(11).map(|field| field.parse::<u64>().ok());
    let (user, kernel) = (ticks.next()??, ticks.next()??);
    let time = |ticks: u64| Duration::from_millis(ticks * 10);
    Some(ProcessorTime { whole: time(user + kernel), kernel: time(kernel) })
}

/// Time this thread has spent on processors: waiting for one is not counted.
pub(crate) fn own_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// A line of `/proc/PID/status` in megabytes: `VmHWM` (peak), `VmRSS` (now).
pub(crate) fn memory_mb(process: &str, line: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let text = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':'))?;
    text.split_whitespace().next()?.parse::<f64>().ok().map(|kilobytes| kilobytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_judged_on_the_ratio_or_on_the_value() {
        let judged = |value, reference, goal| Measure::new("m", "", "us", value, reference, goal).met;
        assert_eq!(judged(3.0, Some(2.0), Goal::RatioAtMost(2.0)), Some(true));
        assert_eq!(judged(5.0, Some(2.0), Goal::RatioAtMost(2.0)), Some(false));
        assert_eq!(judged(1.0, Some(2.0), Goal::RatioAtLeast(0.5)), Some(true));
        assert_eq!(judged(300.0, None, Goal::AtMost(256.0)), Some(false));
        assert_eq!(judged(1.0, None, Goal::None), None);
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        if cfg!(target_os = "linux") {
            assert!(processor_time("self").is_some());
            assert!(memory_mb("self", "VmHWM").unwrap() > 1.0);
        }
    }

    #[test]
    fn the_median_ignores_a_slow_turn() {
        assert_eq!(median(&mut [1.0, 900.0, 2.0]), 2.0);
    }
}
