//! SOAP-01 to SOAP-06, MTOM-01 to MTOM-05 over one request.
//! In: what the HTTP side saw, the multipart, the envelope. Out: findings.
//! Source: dmp-xds.md §3, §10.

use std::collections::BTreeSet;

use jonction_model::{Check, Place, Severity, Verdicts};

use crate::{
    Error, Limits,
    envelope::{Message, MustUnderstand, Version},
    mtom::{Anomaly, ContentType, Package},
    name,
    xml::{Scanner, Token},
};

/// A request as received.
#[derive(Clone, Debug)]
pub struct RequestView {
    /// HTTP Content-Type.
    pub content_type: Option<ContentType>,
    /// The multipart, when the request is one.
    pub package: Option<Package>,
    /// The envelope, or why there is none.
    pub message: Result<Message, Error>,
    /// SOAP action of the transaction that the endpoint and the body call for.
    pub expected_action: String,
    /// Whether the transaction sends documents, hence MTOM (TD2.1).
    pub sends_documents: bool,
    /// Whether a request of this MessageID was received before. The receiver remembers them.
    pub replayed: bool,
    /// Documents and entries of the body. See [`RequestView::new`].
    pub documents: Documents,
}

/// What the body says of documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// For each `xdsb:Document`: its id, the hrefs of its includes, whether it has text of its own.
    pub documents: Vec<(String, Vec<String>, bool)>,
    /// Ids of the `rim:ExtrinsicObject`.
    pub entries: Vec<String>,
}

impl RequestView {
    /// Gathers what checks look at. `content_type` is the HTTP header.
    pub fn new(
        content_type: &str,
        package: Option<Package>,
        message: Result<Message, Error>,
        limits: &Limits,
    ) -> Self {
        let documents = message.as_ref().ok().and_then(|message| documents(&message.body, limits).ok());
        Self {
            content_type: ContentType::parse(content_type),
            package,
            message,
            expected_action: String::new(),
            sends_documents: false,
            replayed: false,
            documents: documents.unwrap_or_default(),
        }
    }
}

/// Documents and entries of a body, in one pass.
fn documents(body: &[u8], limits: &Limits) -> Result<Documents, Error> {
    let mut found = Documents::default();
    if body.is_empty() {
        return Ok(found);
    }
    let text = crate::text::decode(body)?;
    let mut scanner = Scanner::new(&text, limits);
    // Depth of the document being read.
    let mut inside: Option<usize> = None;
    loop {
        match scanner.next()? {
            Token::Start { prefix, local } => {
                let attribute = |wanted: &str| {
                    let found = scanner.attributes().iter().find(|a| a.ns.is_empty() && a.local == wanted);
                    found.map(|attribute| attribute.value.clone().into_owned()).unwrap_or_default()
                };
                match (scanner.namespace(prefix), local) {
                    (name::RIM, "ExtrinsicObject") => found.entries.push(attribute("id")),
                    (name::XDSB, "Document") => {
                        found.documents.push((attribute("id"), Vec::new(), false));
                        inside = Some(scanner.depth());
                    }
                    (name::XOP, "Include") if inside.is_some() => {
                        let href = attribute("href");
                        if let Some((_, includes, _)) = found.documents.last_mut() {
                            includes.push(href);
                        }
                    }
                    _ => {}
                }
            }
            Token::End { .. } => inside = inside.filter(|depth| scanner.depth() >= *depth),
            Token::Text(text) if inside.is_some() && !text.trim().is_empty() => {
                if let Some((_, _, inline)) = found.documents.last_mut() {
                    *inline = true;
                }
            }
            Token::Eof => return Ok(found),
            _ => {}
        }
    }
}

const fn check(
    id: &'static str,
    severity: Severity,
    rule: &'static str,
    run: fn(&RequestView, &mut Verdicts<'_>),
) -> Check<RequestView> {
    let tolerant = match severity {
        Severity::Error => Severity::Warning,
        other => other,
    };
    Check { id, requirement: "dmp-xds.md §3, §10", rule, strict: severity, tolerant, wire_code: None, run }
}

/// Without which nothing can be answered: an error in tolerant mode too.
const fn vital(check: Check<RequestView>) -> Check<RequestView> {
    Check { tolerant: Severity::Error, ..check }
}

/// Envelope and addressing.
pub const SOAP_CHECKS: &[Check<RequestView>] = &[
    check(
        "dmp/SOAP-01",
        Severity::Error,
        "l'enveloppe est en SOAP 1.2, typée application/soap+xml ou XOP",
        soap_01,
    ),
    vital(check("dmp/SOAP-02", Severity::Error, "MessageID, To et Action sont présents", soap_02)),
    check("dmp/SOAP-02", Severity::Warning, "ReplyTo est présent", soap_02_reply_to),
    vital(check("dmp/SOAP-03", Severity::Error, "Action est celle de la transaction", soap_03)),
    vital(check("dmp/SOAP-04", Severity::Error, "MessageID n'a jamais servi", soap_04)),
    check("dmp/SOAP-05", Severity::Info, "ReplyTo et Action portent mustUnderstand", soap_05),
    vital(check(
        "dmp/SOAP-06",
        Severity::Error,
        "l'enveloppe est du XML en UTF-8, sans DOCTYPE ni entité",
        soap_06,
    )),
];

/// Multipart of requests that send documents. MTOM-04 concerns the client's reading of answers: the simulator provokes it.
pub const MTOM_CHECKS: &[Check<RequestView>] = &[
    check(
        "dmp/MTOM-01",
        Severity::Error,
        "la requête est multipart/related avec type, start et start-info",
        mtom_01,
    ),
    vital(check("dmp/MTOM-02", Severity::Error, "chaque document a un xop:Include vers une partie", mtom_02)),
    vital(check(
        "dmp/MTOM-03",
        Severity::Error,
        "documents et fiches portent les mêmes identifiants",
        mtom_03,
    )),
    check("dmp/MTOM-05", Severity::Warning, "aucun document n'est en base64", mtom_05),
];

fn path(path: &str) -> Place {
    Place::path(path)
}

fn soap_01(view: &RequestView, verdicts: &mut Verdicts<'_>) {
    let media = view.content_type.as_ref().map_or("", ContentType::media_type);
    let inner = view.content_type.as_ref().and_then(|content_type| content_type.parameter("type"));
    let typed = media == "application/soap+xml"
        || (media == "multipart/related"
            && inner.is_some_and(|inner| inner.eq_ignore_ascii_case(crate::mtom::XOP)));
    if !typed {
        let sentence = "le Content-Type n'annonce pas une enveloppe SOAP 1.2";
        verdicts.differs(path("HTTP Content-Type"), sentence, "application/soap+xml ou sa forme XOP", media);
    }
    if view.message.as_ref().is_ok_and(|message| message.version == Version::Soap11) {
        let sentence = "l'enveloppe est en SOAP 1.1";
        verdicts.differs(path("/soap:Envelope"), sentence, name::SOAP_12, name::SOAP_11);
    }
}

fn soap_02(view: &RequestView, verdicts: &mut Verdicts<'_>) {
    let Ok(message) = &view.message else { return };
    // An empty To is present: published messages have it so.
    let headers = [
        ("MessageID", message.message_id.as_ref().is_some_and(|header| !header.value.is_empty())),
        ("To", message.to.is_some()),
        ("Action", message.action.as_ref().is_some_and(|header| !header.value.is_empty())),
    ];
    for (header, _) in headers.iter().filter(|(_, present)| !present) {
        let place = path(&format!("/soap:Envelope/soap:Header/wsa:{header}"));
        verdicts.add(place, "un en-tête WS-Addressing obligatoire manque").remedy =
            Some(format!("ajouter wsa:{header}"));
    }
}

fn soap_02_reply_to(view: &RequestView, verdicts: &mut Verdicts<'_>) {
    if view.message.as_ref().is_ok_and(|message| message.reply_to.is_none()) {
        verdicts.add(path("/soap:Envelope/soap:Header/wsa:ReplyTo"), "l'en-tête ReplyTo manque").remedy =
            Some("ajouter wsa:ReplyTo avec l'adresse anonyme".to_owned());
    }
}

fn soap_03(view: &RequestView, verdicts: &mut Verdicts<'_>) {
    let Some(action) = view.message.as_ref().ok().and_then(|message| message.action.as_ref()) else { return };
    if !view.expected_action.is_empty() && action.value != view.expected_action {
        let sentence = "l'action SOAP n'est pas celle de la transaction";
        let place = path("/soap:Envelope/soap:Header/wsa:Action");
        verdicts.differs(place, sentence, view.expected_action.as_str(), action.value.as_str());
    }
    let http = view.content_type.as_ref().and_then(|content_type| content_type.parameter("action"));
    if let Some(http) = http.filter(|http| *http != action.value) {
        let sentence = "l'action du Content-Type n'est pas celle de l'enveloppe";
        verdicts.differs(path("HTTP Content-Type"), sentence, action.value.as_str(), http);
    }
}

fn soap_04(view: &RequestView, verdicts: &mut Verdicts<'_>) {
    if view.replayed {
        let place = path("/soap:Envelope/soap:Header/wsa:MessageID");
        verdicts.add(place, "ce MessageID a déjà servi").remedy =
            Some("donner un nouvel identifiant à chaque envoi, reprises comprises".to_owned());
    }
}

fn soap_05(view: &RequestView, verdicts: &mut Verdicts<'_>) {
    let Ok(message) = &view.message else { return };
    for (local, header) in [("ReplyTo", &message.reply_to), ("Action", &message.action)] {
        let place = path(&format!("/soap:Envelope/soap:Header/wsa:{local}"));
        match header.as_ref().map(|header| header.must_understand) {
            Some(MustUnderstand::No) => {
                verdicts.add(place, "l'en-tête ne porte pas soap:mustUnderstand=\"1\"");
            }
            Some(MustUnderstand::Unqualified) => {
                let sentence = "mustUnderstand n'est pas dans l'espace de noms SOAP : il est sans effet";
                verdicts.differs(place, sentence, "soap:mustUnderstand=\"1\"", "mustUnderstand sans préfixe");
            }
            _ => {}
        }
    }
}

fn soap_06(view: &RequestView, verdicts: &mut Verdicts<'_>) {
    if let Err(error) = &view.message {
        verdicts.add(path("/"), "l'enveloppe est illisible").found = Some(error.to_string());
    }
    let charset = view.content_type.as_ref().and_then(|content_type| content_type.parameter("charset"));
    if let Some(charset) = charset.filter(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
        verdicts.differs(path("HTTP Content-Type"), "le jeu de caractères n'est pas UTF-8", "UTF-8", charset);
    }
}

fn mtom_01(view: &RequestView, verdicts: &mut Verdicts<'_>) {
    if !view.sends_documents {
        return;
    }
    let Some(content_type) = view.content_type.as_ref().filter(|_| view.package.is_some()) else {
        verdicts.add(path("HTTP Content-Type"), "la requête n'est pas un multipart MTOM").remedy =
            Some("envoyer l'enveloppe et les documents en multipart/related".to_owned());
        return;
    };
    let expected =
        [("type", Some(crate::mtom::XOP)), ("start", None), ("start-info", Some("application/soap+xml"))];
    for (parameter, expected) in expected {
        let found = content_type.parameter(parameter);
        if found.is_none() || expected.is_some_and(|expected| found != Some(expected)) {
            let sentence = format!("le paramètre {parameter} du Content-Type manque ou diffère");
            let expected = expected.unwrap_or("l'identifiant de la partie racine");
            verdicts.differs(path("HTTP Content-Type"), sentence, expected, found.unwrap_or("absent"));
        }
    }
}

const DOCUMENTS: &str = "/soap:Envelope/soap:Body//xdsb:Document";

fn mtom_02(view: &RequestView, verdicts: &mut Verdicts<'_>) {
    for (at, (_, includes, _)) in view.documents.documents.iter().enumerate() {
        let place = path(&format!("{DOCUMENTS}[{}]", at + 1));
        match (includes.as_slice(), &view.package) {
            ([href], Some(package)) if package.resolve(href).is_some() => {}
            ([_], _) => {
                verdicts.add(place, "le xop:Include ne désigne aucune partie de la requête");
            }
            (includes, _) => {
                let sentence = "le document ne porte pas exactement un xop:Include";
                verdicts.differs(place, sentence, "1", includes.len().to_string());
            }
        }
    }
}

fn mtom_03(view: &RequestView, verdicts: &mut Verdicts<'_>) {
    let documents: BTreeSet<_> = view.documents.documents.iter().map(|(id, ..)| id.as_str()).collect();
    let entries: BTreeSet<_> = view.documents.entries.iter().map(String::as_str).collect();
    let doubled =
        documents.len() != view.documents.documents.len() || entries.len() != view.documents.entries.len();
    if doubled {
        verdicts.add(path(DOCUMENTS), "un identifiant de document ou de fiche est donné deux fois");
    }
    let join = |ids: BTreeSet<&str>| ids.into_iter().take(8).collect::<Vec<_>>().join(", ");
    let alone = join(documents.symmetric_difference(&entries).copied().collect());
    if view.sends_documents && !alone.is_empty() {
        verdicts.add(path(DOCUMENTS), "documents et fiches ne portent pas les mêmes identifiants").found =
            Some(alone);
    }
}

fn mtom_05(view: &RequestView, verdicts: &mut Verdicts<'_>) {
    for (at, (_, _, inline)) in view.documents.documents.iter().enumerate() {
        if *inline {
            verdicts.add(
                path(&format!("{DOCUMENTS}[{}]", at + 1)),
                "le document est dans l'enveloppe, en base64",
            );
        }
    }
    if view.package.as_ref().is_some_and(|package| package.anomalies.contains(&Anomaly::Base64Part)) {
        verdicts.add(path("multipart"), "une partie est transmise en base64").remedy =
            Some("transmettre les parties en binary".to_owned());
    }
}
