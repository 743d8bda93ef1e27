//! A configuration directory, read whole: `jonction.yaml`, `routes/*.yaml`, `simulators.yaml`.
//! In: a folder. Out: a [`Project`] whose declarations were checked, or every diagnosis of every file.
//! Nothing is opened and no secret is needed. Source: architecture §4.9, decision 0014.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jonction_certs_dev::Leaf;
use jonction_engine::RouteSet;
use jonction_model::{Environment, Mode, Oid, PartnerName};
use jonction_settings::{
    Diagnoses, Fields, Level, Node, SourceFile, Span, Value, fields::names, nearest, parse,
};

use crate::{
    addresses::Addresses,
    encryption::Encryption,
    mappings::{self, Mappings},
    reports,
};

/// Where a configuration is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folder<'f> {
    /// The folder.
    pub(crate) dir: &'f Path,
    /// The file of its partners (`--partners`); `None`: `partners.yaml` of the folder, when it is there.
    pub(crate) partners: Option<&'f Path>,
}

impl<'f, P: AsRef<Path> + ?Sized> From<&'f P> for Folder<'f> {
    fn from(dir: &'f P) -> Self {
        Self { dir: dir.as_ref(), partners: None }
    }
}

/// What a folder says.
#[derive(Debug)]
pub(crate) struct Project {
    /// The folder.
    pub(crate) dir: PathBuf,
    /// The gateway itself.
    pub(crate) gateway: Gateway,
    /// What bodies are sealed with.
    pub(crate) encryption: Encryption,
    /// Administration over HTTP.
    pub(crate) admin: jonction_admin::Settings,
    /// Whom to call, and from when on.
    pub(crate) alerts: jonction_admin::AlertSettings,
    /// Block `reports`.
    pub(crate) reports: Option<reports::Settings>,
    /// How long what is stored is kept.
    pub(crate) retention: Retention,
    /// Certificates with their keys, by name.
    pub(crate) identities: BTreeMap<String, Identity>,
    /// Authorities, by name.
    pub(crate) trust: BTreeMap<String, Trust>,
    /// National directories it pulls.
    pub(crate) directories: crate::directories::Settings,
    /// Partners, in the order of the file.
    pub(crate) partners: Vec<Partner>,
    /// Route files, in the order of their names.
    pub(crate) routes: Vec<Node>,
    /// `jonction.yaml` and the file of partners, as they were read.
    pub(crate) texts: Vec<Arc<SourceFile>>,
    /// The mappings of the folder.
    pub(crate) mappings: Mappings,
    /// How many files were read.
    pub(crate) files: usize,
}

/// Block `retention`: what `jonction purge` destroys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    /// Bodies: what was received, made and sent.
    pub(crate) bodies: Duration,
    /// Metadata: the story of each message.
    pub(crate) metadata: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        Self { bodies: days(90), metadata: days(1096) }
    }
}

impl Retention {
    fn read(node: &Node, diagnoses: &mut Diagnoses) -> Self {
        let default = Self::default();
        let Some(mut fields) = Fields::of(node, "retention", diagnoses) else { return default };
        let bodies = fields.or("bodies", default.bodies, parse::duration, diagnoses);
        let metadata = fields.or("metadata", default.metadata, parse::duration, diagnoses);
        fields.finish(diagnoses);
        if metadata < bodies {
            diagnoses
                .error(
                    "retention.metadata-first",
                    &node.span,
                    "les métadonnées seraient détruites avant les corps",
                )
                .remedy("donner à metadata au moins la durée de bodies");
        }
        Self { bodies, metadata }
    }
}

/// Block `gateway`.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    pub(crate) name: String,
    pub(crate) environment: Environment,
    pub(crate) mode: Mode,
    /// Folder of the data; `--data` wins.
    pub(crate) data: PathBuf,
    /// FINESS of the structure the test certificates are made for.
    pub(crate) finess: String,
    /// OID of this gateway: sourceId of what it submits.
    pub(crate) source_id: Oid,
    /// Longest wait for what is in flight when stopping.
    pub(crate) stop_grace: Duration,
    /// Routes are read again when their files change.
    pub(crate) watch_routes: bool,
}

/// Where a certificate and its key are.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// Made by the test authority.
    Dev(Leaf),
    /// In files.
    Files { certificate: PathBuf, key: PathBuf },
}

/// Where authorities are.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// The root of the test authority.
    Dev,
    /// In a PEM file.
    File(PathBuf),
}

/// One partner: its connector reads the rest of the block.
#[derive(Debug)]
pub(crate) struct Partner {
    pub(crate) name: PartnerName,
    pub(crate) connector: String,
    pub(crate) name_span: Span,
    pub(crate) node: Node,
}

/// Reads a YAML file of the folder. An absent file is `Ok(None)`.
pub(crate) fn read_yaml(
    path: &Path,
    shown: &Path,
    addresses: Option<&Addresses>,
    diagnoses: &mut Diagnoses,
) -> Option<Node> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let mut node =
                jonction_settings::read(Arc::new(SourceFile { path: shown.to_owned(), text }), diagnoses)?;
            if let Some(addresses) = addresses {
                addresses.translate(&mut node);
            }
            Some(node)
        }
        Err(error) => {
            let (code, sentence, remedy) = match error.kind() {
                io::ErrorKind::NotFound => (
                    "settings.missing-file",
                    format!("{} n'existe pas", shown.display()),
                    "donner le dossier qui contient jonction.yaml, par exemple examples/etablissement",
                ),
                io::ErrorKind::InvalidData => (
                    "settings.not-utf8",
                    format!("{} n'est pas en UTF-8", shown.display()),
                    "enregistrer ce fichier en UTF-8",
                ),
                _ => (
                    "settings.unreadable",
                    format!("{} ne se lit pas : {error}", shown.display()),
                    "vérifier les droits",
                ),
            };
            diagnoses.add(Level::Error, code, None, sentence).remedy(remedy);
            None
        }
    }
}

impl Project {
    /// Reads the folder. `addresses`: free ports instead of those of the files (`--ports auto`).
    pub(crate) fn read<'f>(
        folder: impl Into<Folder<'f>>,
        addresses: Option<&Addresses>,
        diagnoses: &mut Diagnoses,
    ) -> Option<Self> {
        let folder = folder.into();
        let (node, texts) = read_settings(folder, addresses, diagnoses)?;
        let project = Self::of(folder.dir, &node, diagnoses);
        let routes = read_routes(folder.dir, diagnoses);
        let mappings = mappings::read(folder.dir, diagnoses);
        let files = texts.len() + routes.len() + mappings.files;
        project.map(|project| Self { texts, routes, mappings, files, ..project })
    }

    /// The texts that make the version of the routes.
    pub(crate) fn route_set(&self) -> RouteSet {
        let routes = self.routes.iter().map(|node| {
            let file = &node.span.file;
            (file.path.clone(), file.text.clone())
        });
        let named = |(path, text): (PathBuf, String)| {
            let path = path.strip_prefix(&self.dir).unwrap_or(&path);
            let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
            (parts.join("/"), text)
        };
        RouteSet { files: routes.chain(texts_under(&self.dir.join("mappings"))).map(named).collect() }
    }

    /// Reads the settings, without routes.
    pub(crate) fn of(dir: &Path, node: &Node, diagnoses: &mut Diagnoses) -> Option<Self> {
        let mut fields = Fields::of(node, "jonction.yaml", diagnoses)?;
        let gateway =
            fields.required_node("gateway", diagnoses).and_then(|node| read_gateway(dir, node, diagnoses));
        let environment = gateway.as_ref().map_or(Environment::Test, |gateway| gateway.environment);
        let identities = read_named(&mut fields, "identities", diagnoses, |name, node, diagnoses| {
            read_identity(dir, environment, name, node, diagnoses)
        });
        let trust = read_named(&mut fields, "trust", diagnoses, |name, node, diagnoses| {
            read_trust(dir, environment, name, node, diagnoses)
        });
        let encryption = fields.node("encryption").and_then(|node| Encryption::read(node, diagnoses));
        let encryption = encryption.unwrap_or_default();
        let retention =
            fields.node("retention").map(|node| Retention::read(node, diagnoses)).unwrap_or_default();
        let admin = fields.node("admin").map(|node| jonction_admin::Settings::read(node, diagnoses));
        let admin = admin.unwrap_or_default();
        if let Some((name, span)) = admin.identity.as_ref().filter(|(name, _)| !identities.contains_key(name))
        {
            diagnoses
                .error("certificates.unknown-name", span, format!("aucune identité ne s'appelle « {name} »"))
                .remedy(format!(
                    "noms connus : {}",
                    identities.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                ));
        }
        let alerts = fields.node("alerts").map(|node| jonction_admin::AlertSettings::read(node, diagnoses));
        let alerts = alerts.unwrap_or_default();
        for (name, span) in alerts.trusts().flatten().filter(|(name, _)| !trust.contains_key(name)) {
            diagnoses
                .error("certificates.unknown-name", span, format!("aucune autorité ne s'appelle « {name} »"))
                .remedy(format!(
                    "noms connus : {}",
                    trust.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                ));
        }
        let reports = fields.node("reports").and_then(|node| reports::Settings::read(dir, node, diagnoses));
        let partners = match fields.required_node("partners", diagnoses) {
            Some(node) => read_partners(node, diagnoses),
            None => Vec::new(),
        };
        let directories = fields
            .node("directories")
            .map(|node| crate::directories::Settings::read(node, dir, &trust, &identities, diagnoses))
            .unwrap_or_default();
        fields.finish(diagnoses);
        Some(Self {
            dir: dir.to_owned(),
            gateway: gateway?,
            encryption,
            admin,
            retention,
            alerts,
            reports,
            identities,
            trust,
            directories,
            partners,
            routes: Vec::new(),
            mappings: Mappings::default(),
            texts: Vec::new(),
            files: 0,
        })
    }
}

/// `jonction.yaml`, each block that the file of partners gives in the place of its own. One rule, so that what runs is read
/// from two files at a glance: a block is never mixed from both. Source: decision 0039.
fn read_settings(
    folder: Folder<'_>,
    addresses: Option<&Addresses>,
    diagnoses: &mut Diagnoses,
) -> Option<(Node, Vec<Arc<SourceFile>>)> {
    let path = folder.dir.join("jonction.yaml");
    let node = read_yaml(&path, &path, addresses, diagnoses);
    let of_folder = folder.dir.join("partners.yaml");
    let partners = folder.partners.or_else(|| of_folder.exists().then_some(of_folder.as_path()));
    let Some(partners) = partners else {
        let node = node?;
        let texts = vec![node.span.file.clone()];
        return Some((node, texts));
    };
    let over = read_yaml(partners, partners, addresses, diagnoses);
    let (mut node, over) = (node?, over?);
    let texts = vec![node.span.file.clone(), over.span.file.clone()];
    // What is no block of keys is told by whoever reads it.
    let (Value::Map(entries), Value::Map(blocks)) = (&mut node.value, over.value.clone()) else {
        return Some((if over.as_map().is_none() { over } else { node }, texts));
    };
    entries.retain(|entry| !blocks.iter().any(|block| block.key == entry.key));
    entries.extend(blocks);
    Some((node, texts))
}

fn read_gateway(dir: &Path, node: &Node, diagnoses: &mut Diagnoses) -> Option<Gateway> {
    let mut fields = Fields::of(node, "gateway", diagnoses)?;
    let name = fields.required("name", parse::text, diagnoses);
    let environment = fields.required_choice(
        "environment",
        &[("test", Environment::Test), ("production", Environment::Production)],
        diagnoses,
    );
    let mode = fields.choice(
        "mode",
        Mode::Tolerant,
        &[("tolerant", Mode::Tolerant), ("strict", Mode::Strict)],
        diagnoses,
    );
    let data = fields.or("data", "data".to_owned(), parse::text, diagnoses);
    let finess = fields.or("finess", "990000018".to_owned(), finess, diagnoses);
    let source_id =
        fields.required("source_id", |text| Oid::parse(text).map_err(|_| "un OID".to_owned()), diagnoses);
    let watch_routes = fields.or("watch_routes", false, parse::boolean, diagnoses);
    let stop_grace = fields.or("stop_grace", Duration::from_secs(10), parse::duration, diagnoses);
    fields.finish(diagnoses);
    Some(Gateway {
        name: name?,
        environment: environment?,
        mode,
        data: dir.join(data),
        finess,
        source_id: source_id?,
        stop_grace,
        watch_routes,
    })
}

fn finess(text: &str) -> Result<String, String> {
    let shaped = text.len() == 9 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    shaped.then(|| text.to_owned()).ok_or_else(|| "un numéro FINESS : 9 caractères".to_owned())
}

fn read_named<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
    diagnoses: &mut Diagnoses,
    read: impl Fn(&str, &Node, &mut Diagnoses) -> Option<T>,
) -> BTreeMap<String, T> {
    let Some(node) = fields.node(key) else { return BTreeMap::new() };
    names(node, key, diagnoses)
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), read(&entry.key, &entry.value, diagnoses)?)))
        .collect()
}

fn refuse_dev_in_production(environment: Environment, name: &str, span: &Span, diagnoses: &mut Diagnoses) {
    if environment == Environment::Production {
        diagnoses
            .error("certificates.test-in-production", span, format!("« {name} » vient de l'autorité d'essai"))
            .remedy("en production, donner un certificat IGC-Santé : certificate et key");
    }
}

fn read_identity(
    dir: &Path,
    environment: Environment,
    name: &str,
    node: &Node,
    diagnoses: &mut Diagnoses,
) -> Option<Identity> {
    let mut fields = Fields::of(node, format!("l'identité {name}"), diagnoses)?;
    let identity = if let Some(leaf) = fields.node("certs_dev") {
        refuse_dev_in_production(environment, name, &leaf.span, diagnoses);
        let names = || Leaf::all().map(Leaf::file_name);
        let parse = |text: &str| {
            Leaf::all().find(|leaf| leaf.file_name() == text).ok_or_else(|| {
                nearest(text, names()).map_or_else(
                    || format!("un certificat d'essai parmi : {}", names().collect::<Vec<_>>().join(", ")),
                    |near| format!("un certificat d'essai ; vouliez-vous {near} ?"),
                )
            })
        };
        jonction_settings::fields::scalar(leaf, "certs_dev", parse, diagnoses).map(Identity::Dev)
    } else {
        let certificate = fields.required("certificate", parse::text, diagnoses);
        let key = fields.required("key", parse::text, diagnoses);
        match (certificate, key) {
            (Some(certificate), Some(key)) => {
                Some(Identity::Files { certificate: dir.join(certificate), key: dir.join(key) })
            }
            _ => None,
        }
    };
    fields.finish(diagnoses);
    identity
}

fn read_trust(
    dir: &Path,
    environment: Environment,
    name: &str,
    node: &Node,
    diagnoses: &mut Diagnoses,
) -> Option<Trust> {
    let mut fields = Fields::of(node, format!("l'autorité {name}"), diagnoses)?;
    let trust = match fields.node("certs_dev") {
        Some(root) => {
            refuse_dev_in_production(environment, name, &root.span, diagnoses);
            let parse = |text: &str| if text == "root" { Ok(Trust::Dev) } else { Err("root".to_owned()) };
            jonction_settings::fields::scalar(root, "certs_dev", parse, diagnoses)
        }
        None => {
            fields.required("certificates", parse::text, diagnoses).map(|path| Trust::File(dir.join(path)))
        }
    };
    fields.finish(diagnoses);
    trust
}

fn read_partners(node: &Node, diagnoses: &mut Diagnoses) -> Vec<Partner> {
    let mut partners = Vec::new();
    for entry in names(node, "partners", diagnoses) {
        let Ok(name) = PartnerName::parse(&entry.key) else {
            diagnoses
                .error("partner.bad-name", &entry.key_span, "ce nom de partenaire n'est pas accepté")
                .remedy("1 à 64 caractères parmi a-z, 0-9, tiret et tiret bas");
            continue;
        };
        let Some(mut fields) = Fields::of(&entry.value, format!("le partenaire {name}"), diagnoses) else {
            continue;
        };
        let Some(connector) = fields.required("connector", parse::text, diagnoses) else { continue };
        partners.push(Partner {
            name,
            connector,
            name_span: entry.key_span.clone(),
            node: entry.value.clone(),
        });
    }
    partners
}

/// Mappings and their tables: what else the version of a message depends on. A file that is no text is none of them.
fn texts_under(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut texts = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            // A link may lead round in circles.
            if path.is_symlink() {
                continue;
            }
            match path.is_dir() {
                true => folders.push(path),
                false => texts.extend(fs::read_to_string(&path).ok().map(|text| (path, text))),
            }
        }
    }
    texts
}

fn read_routes(dir: &Path, diagnoses: &mut Diagnoses) -> Vec<Node> {
    let folder = dir.join("routes");
    let mut paths: Vec<PathBuf> = match fs::read_dir(&folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(_) => {
            diagnoses
                .add(Level::Error, "route.no-folder", None, format!("le dossier {} manque", folder.display()))
                .remedy("créer ce dossier et y mettre au moins une route (.yaml)");
            return Vec::new();
        }
    };
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    paths.sort();
    if paths.is_empty() {
        diagnoses
            .add(Level::Error, "route.none", None, format!("aucune route dans {}", folder.display()))
            .remedy("y mettre au moins un fichier .yaml");
    }
    // A file that cannot be read keeps its place: routes that hand over to it are not told to name nobody.
    let unread = |path: &PathBuf| {
        let file = Arc::new(SourceFile { path: path.clone(), text: String::new() });
        Node { span: Span { file, line: 1, column: 1, length: 1 }, value: Value::Null }
    };
    paths.iter().map(|path| read_yaml(path, path, None, diagnoses).unwrap_or_else(|| unread(path))).collect()
}
