//! Changing routes: 300 of them read again while messages come, and past messages through two versions.
//! In: a project of 300 routes, a gateway as a process; a store of copies. Out: times, refusals, messages per second.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use jonction_engine::{
    Seals, Window,
    bench_support::{Copies, Load, copy_message, passage, trial},
    replay::Past,
};
use jonction_mllp::{Limits, Sender, Target};
use jonction_ports::MessageId;

use super::{
    measure::{Goal, Measure, median},
    program::{GatewayProcess, Workplace, broken},
};
use crate::{
    admin_client,
    demo::scenes::discharge_letter,
    failure::{Failure, io},
    replaying::compare,
};

const ROUTES: usize = 300;
const TURNS: usize = 7;
const SENDERS: u32 = 4;

/// 300 routes read again, all of them changed, while four senders wait for each acknowledgement.
pub(super) fn reload() -> Result<Vec<Measure>, Failure> {
    let workplace = Workplace::new("reload")?;
    write_routes(&workplace.project, 0)?;
    let gateway = GatewayProcess::launch(&workplace)?;
    let runtime =
        tokio::runtime::Runtime::new().map_err(|error| Failure::new("bench.broken", error.to_string()))?;
    runtime.block_on(async {
        let (going, sent, refused) =
            (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut senders = Vec::new();
        for connection in 0..SENDERS {
            let target = Target::parse(&format!("mllp://{}", gateway.address)).map_err(|_| broken())?;
            let (going, sent, refused) = (going.clone(), sent.clone(), refused.clone());
            senders.push(tokio::spawn(async move {
                let sender = Sender::new(target, None, &Limits::default());
                let mut number = 0;
                while going.load(Ordering::Relaxed) {
                    number += 1;
                    let name = format!("BENCH-{connection}-{number}");
                    let (message, _) = discharge_letter(&name, 100_000 * connection + number, 1, 0);
                    let answer = sender.send(&Bytes::from(message)).await;
                    let taken = answer.reply.is_ok_and(|reply| reply.ack.code.is_positive());
                    if taken { &sent } else { &refused }.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        let mut times = Vec::new();
        for turn in 1..=TURNS {
            tokio::time::sleep(Duration::from_millis(300)).await;
            write_routes(&workplace.project, turn)?;
            let began = Instant::now();
            let reloaded = admin_client::reload(&workplace.data).await?;
            times.push(began.elapsed().as_secs_f64() * 1000.0);
            if reloaded.routes != Some(ROUTES) {
                return Err(broken());
            }
        }
        going.store(false, Ordering::Relaxed);
        for sender in senders {
            sender.await.map_err(|_| broken())?;
        }
        let (sent, refused) = (sent.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
        if sent == 0 {
            return Err(broken());
        }
        Ok(vec![
            Measure::new(
                "reload-300",
                "300 routes relues et mises en service pendant que des messages arrivent",
                "ms",
                median(&mut times),
                None,
                Goal::AtMost(1000.0),
            ),
            Measure::new(
                "reload-refused",
                "messages refusés pendant ces relectures",
                "",
                refused as f64,
                None,
                Goal::AtMost(0.0),
            ),
        ])
    })
}

/// The route of the example, 300 times; the last one takes what comes.
fn write_routes(project: &Path, turn: usize) -> Result<(), Failure> {
    let folder = project.join("routes");
    let refused = |error: std::io::Error| io("dossier de mesure", &folder, &error);
    let text = include_str!("../../examples/etablissement/routes/documents.yaml");
    for n in 0..ROUTES {
        let mut route = text.replacen("route: documents", &format!("route: documents-{n}"), 1);
        if n + 1 < ROUTES {
            route = route.replacen("accept: ", &format!("accept: sender.facility == \"F{n}\" and "), 1);
        }
        let path = if n == 0 { "documents.yaml".to_owned() } else { format!("documents-{n:03}.yaml") };
        std::fs::write(folder.join(path), format!("{route}# {turn}\n")).map_err(refused)?;
    }
    Ok(())
}

/// Messages of 2 KB, each through two versions, against reading the same messages alone.
pub(super) fn replay() -> Result<Vec<Measure>, Failure> {
    const COPIES: Copies = Copies { count: 40_000, persons: 1000, purged: false };
    let folder = std::env::temp_dir().join(format!("jonction-bench-replay-{}", std::process::id()));
    let measured = (|| {
        passage(&folder, Load { connections: 1, messages: 1, message_bytes: 2048 }, 1, 0)?;
        copy_message(&folder, COPIES)?;
        let past = Past::open(&folder, Seals::default())?;
        let (before, after) = (trial()?, trial()?);
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let began = Instant::now();
            let compared = compare(&past, &before, &after, Window::default())?;
            if compared.messages < u64::from(COPIES.count) || compared.different > 0 {
                return Err(broken());
            }
            ours.push(compared.messages as f64 / began.elapsed().as_secs_f64());
            bare.push(read_alone(&past)?);
        }
        let what =
            "messages de 2 Ko par seconde, chacun par deux versions, contre leur seule lecture au journal";
        let (ours, bare) = (median(&mut ours), median(&mut bare));
        Ok(vec![Measure::new("replay", what, "per_s", ours, Some(bare), Goal::None)])
    })();
    // What stays behind is in the system's temporary folder.
    let _ = std::fs::remove_dir_all(&folder);
    measured
}

fn read_alone(past: &Past) -> Result<f64, Failure> {
    let (began, mut after, mut count) = (Instant::now(), MessageId(0), 0_usize);
    loop {
        let batch = past.messages(Window::default(), after, 256)?;
        let Some(last) = batch.last() else { break };
        after = last.id();
        count += batch.len();
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}
