//! What a partner asks of its lane, typed in its file, is what the program does.
//! In: the example with blocks `lane`. Out: the times of its attempts, and what the status says.

use std::fs;

use jiff::{Timestamp, ToSpan as _};
use jonction_model::{Clock as _, SystemClock, clock::paris};
use serde_json::Value;

use crate::{
    desk::{Desk, stops},
    program::{example_messages, jonction},
    restarts::copy,
};

/// Adds a block to a partner.
fn lane(text: &str, partner: &str, block: &str) -> String {
    let head = format!("  {partner}:");
    let at = text.find(&head).unwrap() + text[text.find(&head).unwrap()..].find('\n').unwrap();
    format!("{}\n    lane: {block}{}", &text[..at], &text[at..])
}

/// `lun`, two days from now in France: closed today, whatever the hour.
fn day_after_tomorrow() -> &'static str {
    let day = (SystemClock.now().to_zoned_datetime(paris()) + 2.days()).weekday().to_monday_zero_offset();
    ["lun", "mar", "mer", "jeu", "ven", "sam", "dim"][usize::try_from(day).unwrap()]
}

/// When every delivery to a partner was first attempted, and when it ended.
fn attempts(desk: &Desk, partner: &str) -> Vec<(Timestamp, Timestamp)> {
    let found = desk.ask_json(["find"]).exits(0).json();
    let mut times = Vec::new();
    for message in found {
        let journey = desk.ask_json(["journey", &message["id"].to_string()]).exits(0).json()[0].clone();
        let deliveries = journey["deliveries"].as_array().unwrap().clone();
        for delivery in deliveries.iter().filter(|delivery| delivery["sink"] == partner) {
            let at = |value: &Value| -> Option<Timestamp> { Some(value.as_str()?.parse().unwrap()) };
            times.extend(at(&delivery["attempts"][0]["started_at"]).zip(at(&delivery["ended_at"])));
        }
    }
    times.sort_unstable();
    times
}

#[test]
fn rate_concurrency_and_hours_typed_in_a_file_are_obeyed() {
    let desk = Desk::new();
    let project = copy(&desk);
    let file = project.join("jonction.yaml");
    let mut text = fs::read_to_string(&file).unwrap();
    text = lane(&text, "dmp-national", "{ rate: 2/s }");
    text = lane(&text, "operateur-regional", "{ concurrency: 1 }");
    text = lane(&text, "sil", &format!("{{ hours: ['{} 03:00-03:30'] }}", day_after_tomorrow()));
    fs::write(&file, text).unwrap();
    jonction(["check", project.to_str().unwrap()]).exits(0);
    let simulators = desk.simulate(&project);
    let mut gateway = desk.run(&project);
    let messages = example_messages();
    desk.send(&[&messages[0], &messages[1], &messages[8], &messages[9]], false).exits(0);
    let mut left = 4 + 5;
    gateway.wait_for("deposits and mails", |line| {
        let event: Value = serde_json::from_str(line).ok()?;
        left -= i32::from(event["event"] == "attempt" && event["state"] == "delivered");
        (left == 0).then_some(())
    });

    let deposits = attempts(&desk, "dmp-national");
    assert!(deposits.len() >= 4, "{deposits:?}");
    let took = deposits[deposits.len() - 1].0.as_millisecond() - deposits[0].0.as_millisecond();
    let least = 500 * (i64::try_from(deposits.len()).unwrap() - 1);
    // What is prepared before an attempt begins takes its time, the first one's most of all.
    assert!(took >= least - 300, "two in a second: {deposits:?}");
    let mails = attempts(&desk, "operateur-regional");
    assert!(mails.len() >= 5, "{mails:?}");
    for pair in mails.windows(2) {
        assert!(pair[1].0 >= pair[0].1, "one at a time: {mails:?}");
    }
    // Acknowledgements wait for the door to open, and nobody calls the partner.
    assert!(attempts(&desk, "sil").is_empty());
    let status = desk.ask(["status"]);
    status.says(["sil", "fermée"]);
    stops(gateway);
    stops(simulators);
}
