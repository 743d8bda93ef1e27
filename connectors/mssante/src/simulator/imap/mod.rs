//! The IMAP service of a simulated operator, over the mailboxes that its SMTP service fills.
//! In: connections. Out: what the dialogue says, and news while a client waits for them. Source: mssante.md §6.1, §6.2.

mod dialogue;
mod folder;

use std::{future::pending, io, sync::Arc, time::Duration};

use jonction_net::{Stream, upgrade_server};
use jonction_ports::Stop;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::watch,
    time::timeout,
};
use tracing::debug;

use super::{HANDSHAKE_MAX, Shared};
use dialogue::{Dialogue, Step};

/// RFC 3501 §5.4: at least 30 minutes.
const IDLE_MAX: Duration = Duration::from_secs(1800);

impl Shared {
    pub(super) async fn converse_imap(self: Arc<Self>, stream: Stream, mut stop: Stop) {
        let certificate = stream.peer_certificate().is_some();
        let (dialogue, greeting) = Dialogue::open(self.world.clone(), &self.faults, certificate);
        tokio::select! {
            () = stop.stopped() => {}
            ended = self.imap(stream, dialogue, greeting) => {
                if let Err(error) = ended {
                    debug!(cause = %error.kind(), "connection ended");
                }
            }
        }
    }

    async fn imap(&self, stream: Stream, mut dialogue: Dialogue, greeting: Vec<Step>) -> io::Result<()> {
        let Some(mut stream) = self.play_imap(stream, &mut dialogue, greeting).await? else { return Ok(()) };
        let mut news: Option<watch::Receiver<u64>> = None;
        loop {
            match dialogue.idles_on() {
                None => news = None,
                Some(mailbox) if news.is_none() => news = Some(self.world.post.news(mailbox)),
                Some(_) => {}
            }
            // An idle link costs little: five hundred of them wait beside their clients in one process.
            let mut buffer = vec![0; if news.is_some() { 512 } else { 8 << 10 }];
            let steps = tokio::select! {
                read = timeout(IDLE_MAX, stream.read(&mut buffer)) => match read.map_err(io::Error::from)?? {
                    0 => return Ok(()),
                    n => dialogue.ingest(&buffer[..n]),
                },
                () = changed(&mut news) => dialogue.news(),
            };
            match self.play_imap(stream, &mut dialogue, steps).await? {
                Some(open) => stream = open,
                None => return Ok(()),
            }
        }
    }

    /// Plays steps in order. `None`: the connection is over.
    async fn play_imap(
        &self,
        stream: Stream,
        dialogue: &mut Dialogue,
        steps: Vec<Step>,
    ) -> io::Result<Option<Stream>> {
        let mut stream = stream;
        let mut out = Vec::new();
        for step in steps {
            if let Step::Write(bytes) = step {
                out.extend(bytes);
                continue;
            }
            stream.write_all(&std::mem::take(&mut out)).await?;
            stream.flush().await?;
            match step {
                Step::StartTls => {
                    stream =
                        upgrade_server(stream, &self.tls, HANDSHAKE_MAX).await.map_err(io::Error::other)?;
                    dialogue.secured(stream.peer_certificate().is_some());
                }
                Step::Stall => {
                    let mut rest = [0; 1024];
                    while timeout(IDLE_MAX, stream.read(&mut rest)).await.map_err(io::Error::from)?? > 0 {}
                    return Ok(None);
                }
                Step::Close | Step::Write(_) => {
                    let _ = stream.shutdown().await;
                    return Ok(None);
                }
            }
        }
        stream.write_all(&out).await?;
        stream.flush().await?;
        Ok(Some(stream))
    }
}

async fn changed(news: &mut Option<watch::Receiver<u64>>) {
    match news {
        // The sender lives as long as the simulator.
        Some(news) => drop(news.changed().await),
        None => pending().await,
    }
}
