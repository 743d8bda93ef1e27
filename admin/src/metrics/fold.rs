//! From what the engine says to numbers: exact, whatever happens to slower listeners.
//! In: events and commits, as they happen. Out: counters and histograms.

use std::time::Duration;

use jonction_engine::{AttemptState, DeliveryState, Event, Observer, Verdict};
use jonction_model::Finding;

use super::{Metric, Metrics};

impl Observer for Metrics {
    fn event(&self, event: &Event) {
        match event {
            Event::Message { partner, bytes, elapsed, verdict, findings, .. } => {
                let partner = partner.as_str();
                let word = match verdict {
                    Verdict::Accepted => "accepted",
                    Verdict::Refused => "refused",
                    Verdict::Repeated => "repeated",
                };
                self.add(Metric::MessagesReceived, &[partner, word], 1);
                self.add(Metric::MessagesReceivedBytes, &[partner], *bytes);
                self.observe(Metric::Receipt, &[partner], elapsed.as_secs_f64());
                if *verdict == Verdict::Refused {
                    self.add(Metric::MessagesRefused, &[partner, code(findings.first())], 1);
                }
            }
            Event::Routed { route, .. } => self.add(Metric::MessagesRouted, &[route.as_str()], 1),
            Event::Filtered { .. } => self.add(Metric::MessagesFiltered, &[], 1),
            Event::MessageParked { route, finding, .. } => {
                let route = route.as_ref().map_or("", |route| route.as_str());
                self.add(Metric::MessagesParked, &[route, code(Some(finding))], 1);
            }
            Event::Born { sink, state, finding, .. } => {
                let labels = [sink.as_str(), state.word(), code(Some(finding))];
                self.add(Metric::DeliveriesBornClosed, &labels, 1);
            }
            Event::Attempt { sink, route, age, outcome, finding, state, elapsed, .. } => {
                let (lane, route) = (sink.as_str(), route.as_str());
                let error = if *outcome == AttemptState::Done { "" } else { code(finding.as_ref()) };
                self.add(Metric::Attempts, &[lane, outcome.word(), error], 1);
                self.observe(Metric::Attempt, &[lane], elapsed.as_secs_f64());
                if state.is_final() {
                    self.add(Metric::DeliveriesEnded, &[route, lane, state.word()], 1);
                }
                if *state == DeliveryState::Delivered {
                    self.observe(Metric::Delivery, &[route], age.as_secs_f64());
                }
            }
            Event::Ordered { act, .. } => self.add(Metric::Orders, &[act], 1),
            Event::ClockJumped { by_ms } => {
                self.add(Metric::ClockJumps, &[], 1);
                let before = self.gauge(Metric::ClockJumped);
                self.set(Metric::ClockJumped, &[], before + *by_ms as f64 / 1e3);
            }
            Event::MessageHeld { .. } | Event::Answered { .. } | Event::Idle => {}
        }
    }

    fn commit(&self, requests: usize, took: Duration) {
        self.observe(Metric::Commit, &[], took.as_secs_f64());
        self.observe(Metric::CommitRequests, &[], requests as f64);
    }
}

fn code(finding: Option<&Finding>) -> &str {
    finding.map_or("", |finding| finding.check.as_str())
}
