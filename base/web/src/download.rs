//! A file, downloaded whole or taken up where it stopped.
//! In: an address, a place for the file. Out: the file, whole and on disk, or an error that keeps what came.
//! A part is taken up only when the service proves that it is still the same file (ETag or Last-Modified with If-Range).
//! Source: annuaires.md §1.1, §9.3 n° 18 to 21.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use jonction_ports::{PullError, pull::Progress};
use serde::{Deserialize, Serialize};

use crate::{
    client::{Answer, Client, Request, WebError},
    url::Url,
};

/// How often [`fetch`] takes a broken transfer up within one call.
const ATTEMPTS: u32 = 5;

/// A file that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// Where it is.
    pub path: PathBuf,
    /// Name the service gave it, or the last segment of its address.
    pub name: String,
    /// What identifies this version of it.
    pub validator: Option<String>,
    /// Bytes.
    pub bytes: u64,
    /// Whether it was taken up where an earlier attempt stopped.
    pub resumed: bool,
}

/// What is known of a part, beside it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Part {
    validator: Option<String>,
    name: String,
    total: Option<u64>,
}

/// Downloads into `folder`, as `name.part` until whole. `attempts`: how many times a broken transfer is taken up, each a
/// little later than the one before.
/// Errors: of the last attempt; what came stays for the next call.
pub async fn download(
    client: &Client,
    request: &Request,
    folder: &Path,
    attempts: u32,
    progress: &mut (dyn FnMut(u64, Option<u64>) + Send),
) -> Result<Downloaded, WebError> {
    fs::create_dir_all(folder).map_err(WebError::File)?;
    let place = Place { part: folder.join("download.part"), told: folder.join("download.json") };
    let mut last = WebError::Lost;
    for number in 1..=attempts.max(1) {
        match attempt(client, request, folder, &place, progress).await {
            Ok(downloaded) => return Ok(downloaded),
            Err(error) if error.is_passing() => {
                client.failed(&request.url, number);
                last = error;
            }
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Brings the one file of a puller, broken transfers taken up; `progress`: a stage of its own, `size` when it is known.
/// Errors: as the schedule tells them.
pub async fn fetch(
    client: &Client,
    url: Url,
    folder: &Path,
    size: Option<u64>,
    progress: &dyn Progress,
) -> Result<Downloaded, PullError> {
    progress.stage("téléchargement", size);
    let got = download(client, &Request::get(url), folder, ATTEMPTS, &mut |done, _| progress.at(done)).await;
    got.map_err(|error| error.to_pull())
}

struct Place {
    part: PathBuf,
    told: PathBuf,
}

impl Place {
    fn known(&self) -> Option<(Part, u64)> {
        let part: Part = serde_json::from_slice(&fs::read(&self.told).ok()?).ok()?;
        let length = fs::metadata(&self.part).ok()?.len();
        (length > 0 && part.validator.is_some()).then_some((part, length))
    }

    fn forget(&self) -> io::Result<()> {
        for path in [&self.part, &self.told] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

async fn attempt(
    client: &Client,
    request: &Request,
    folder: &Path,
    place: &Place,
    progress: &mut (dyn FnMut(u64, Option<u64>) + Send),
) -> Result<Downloaded, WebError> {
    let known = place.known();
    let mut asked = request.clone();
    if let Some((part, length)) = &known {
        asked = asked.header("range", format!("bytes={length}-"));
        asked = asked.header("if-range", part.validator.clone().unwrap_or_default());
    }
    let answer = client.follow(&asked).await?;
    let (mut file, mut done, part) = match (answer.status, known) {
        (206, Some((part, length))) if resumes_at(&answer, length) => {
            let file = OpenOptions::new().append(true).open(&place.part).map_err(WebError::File)?;
            (file, length, part)
        }
        (200, _) => {
            let part = Part { validator: validator(&answer), name: name(&answer), total: length(&answer) };
            place.forget().map_err(WebError::File)?;
            fs::write(&place.told, serde_json::to_vec(&part).map_err(|_| WebError::Request)?)
                .map_err(WebError::File)?;
            (File::create(&place.part).map_err(WebError::File)?, 0, part)
        }
        // A range that cannot be had, or another one than asked: what is here is worth nothing.
        (206 | 416, _) => {
            place.forget().map_err(WebError::File)?;
            return Err(WebError::Cut);
        }
        (status, _) => return Err(WebError::Status(status)),
    };
    let resumed = done > 0;
    let mut answer = answer;
    loop {
        match answer.piece().await {
            Ok(Some(piece)) => {
                file.write_all(&piece).map_err(WebError::File)?;
                done += piece.len() as u64;
                progress(done, part.total);
            }
            Ok(None) => break,
            Err(error) => {
                file.sync_all().map_err(WebError::File)?;
                return Err(error);
            }
        }
    }
    file.sync_all().map_err(WebError::File)?;
    match part.total {
        Some(total) if done < total => return Err(WebError::Cut),
        Some(total) if done > total => {
            place.forget().map_err(WebError::File)?;
            return Err(WebError::Cut);
        }
        _ => {}
    }
    let path = folder.join(&part.name);
    fs::rename(&place.part, &path).map_err(WebError::File)?;
    place.forget().map_err(WebError::File)?;
    Ok(Downloaded { path, name: part.name, validator: part.validator, bytes: done, resumed })
}

fn length(answer: &Answer) -> Option<u64> {
    answer.header("content-length")?.parse().ok()
}

/// A strong ETag, else the date: what `If-Range` takes.
fn validator(answer: &Answer) -> Option<String> {
    let strong = answer.header("etag").filter(|tag| !tag.starts_with("W/"));
    strong.or_else(|| answer.header("last-modified")).map(str::to_owned)
}

fn resumes_at(answer: &Answer, length: u64) -> bool {
    let range = answer.header("content-range").and_then(|text| text.strip_prefix("bytes "));
    let start = range.and_then(|text| text.split('-').next()).and_then(|text| text.parse::<u64>().ok());
    start == Some(length)
}

/// The name of `Content-Disposition`, else of the address; only its safe characters.
fn name(answer: &Answer) -> String {
    let told = answer.header("content-disposition").and_then(|text| {
        let value = text.split(';').find_map(|part| part.trim().strip_prefix("filename="))?;
        Some(value.trim_matches('"').to_owned())
    });
    safe_name(&told.unwrap_or_else(|| last_segment(&answer.url)))
}

fn last_segment(url: &Url) -> String {
    url.path.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned()
}

/// A name that stays in its folder.
fn safe_name(text: &str) -> String {
    let kept: String = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        .take(120)
        .collect();
    let kept = kept.trim_matches('.').to_owned();
    if kept.is_empty() { "fichier".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leaves_its_folder() {
        for (told, kept) in [
            ("PS_LibreAcces_202601010830.zip", "PS_LibreAcces_202601010830.zip"),
            ("../../etc/passwd", "etcpasswd"),
            ("..", "fichier"),
            ("a b\u{0}c", "abc"),
            ("", "fichier"),
        ] {
            assert_eq!(safe_name(told), kept);
        }
    }
}
