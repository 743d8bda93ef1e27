//! Making keys and certificates.
//! In: the time and the structure. Out: names and contents of the files. IO: none.
//! Sources: mssante.md §2.4 (DN and leaf profile), dmp-xds.md §4. The CN say DEV: nobody can take them for the IGC-Santé.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RevocationReason, RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;

use crate::{
    Error, Leaf, Structure,
    leaf::{PROFILES, Period, Profile, Usage},
    store,
};

const DAY: i64 = 86_400;
/// Life of an IGC-Santé leaf.
pub(crate) const LEAF_DAYS: i64 = 3 * 365;
const CA_DAYS: i64 = 10 * 365;

/// A file to write.
pub(crate) struct NewFile {
    pub(crate) name: String,
    pub(crate) content: String,
    pub(crate) secret: bool,
}

/// Refuses what a certificate cannot carry.
pub(crate) fn check(structure: &Structure) -> Result<(), Error> {
    // X.520 limits O to 64 characters.
    if structure.name.trim().is_empty() || structure.name.chars().count() > 64 {
        return Err(Error::Structure("its name has 1 to 64 characters"));
    }
    if structure.name.chars().any(char::is_control) {
        return Err(Error::Structure("its name has no control character"));
    }
    if structure.finess.len() != 9 || !structure.finess.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(Error::Structure("its FINESS has 9 letters and digits"));
    }
    Ok(())
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Everything but the manifest.
pub(crate) fn make(now: Timestamp, structure: &Structure) -> Result<Vec<NewFile>, Error> {
    let now = now.as_second();
    let keys = leaf_keys()?;
    let root = authority("AC RACINE JONCTION DEV", now, None)?;
    let intermediate = authority("AC JONCTION DEV ELEMENTAIRE ORGANISATIONS", now, Some(&root))?;
    let unknown_root = authority("AC RACINE INCONNUE DEV", now, None)?;
    let unknown = authority("AC INCONNUE DEV ORGANISATIONS", now, Some(&unknown_root))?;

    let mut files = vec![
        public(store::ROOT.to_owned(), root.pem()),
        public(store::UNKNOWN_ROOT.to_owned(), unknown_root.pem()),
    ];
    let mut revoked = Vec::new();
    for (rank, profile) in PROFILES.iter().enumerate() {
        let key = &keys[&profile.key];
        let issuer = if profile.known_authority { &intermediate } else { &unknown };
        let serial = serial_number(now, rank);
        let certificate = leaf(profile, key, issuer, now, structure, serial.clone())?;
        if profile.revoked {
            revoked.push(serial);
        }
        let chain = format!("{}{}", certificate.pem(), issuer.pem());
        files.push(public(store::chain_name(profile.leaf), chain));
        files.push(NewFile {
            name: store::key_name(profile.leaf),
            content: key.serialize_pem(),
            secret: true,
        });
    }
    files.push(public(store::CRL.to_owned(), revocation_list(&intermediate, now, LEAF_DAYS - 2, &revoked)?));
    files.push(public(store::CRL_EXPIRED.to_owned(), revocation_list(&intermediate, now, -1, &revoked)?));
    Ok(files)
}

/// RSA 2048, as the IGC-Santé: the DMP offers ECDHE-RSA suites only, and signs with RSA.
/// One thread per key: making them is nearly all the cost of a first start.
fn leaf_keys() -> Result<HashMap<Leaf, KeyPair>, Error> {
    let owners = [Leaf::Server, Leaf::AuthCli, Leaf::Sign];
    let made: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> =
            owners.map(|leaf| (leaf, scope.spawn(|| KeyPair::generate_for(&PKCS_RSA_SHA256)))).into();
        running
            .into_iter()
            .map(|(leaf, thread)| {
                (leaf, thread.join().unwrap_or(Err(rcgen::Error::KeyGenerationUnavailable)))
            })
            .collect()
    });
    made.into_iter().map(|(leaf, key)| Ok((leaf, key?))).collect()
}

fn authority(name: &str, now: i64, issuer: Option<&Authority>) -> Result<Authority, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "FR");
    params.distinguished_name.push(DnType::OrganizationName, "JONCTION DEV");
    params.distinguished_name.push(DnType::OrganizationalUnitName, "0002 000000000");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(u8::from(issuer.is_none())));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.key_identifier_method = KeyIdMethod::Sha256;
    params.use_authority_key_identifier_extension = issuer.is_some();
    validity(&mut params, now - DAY, now + CA_DAYS * DAY);
    // The keys of the authorities are EC, quick to make, and are never written: nobody can issue more.
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    Ok(match issuer {
        Some(issuer) => CertifiedIssuer::signed_by(params, key, issuer)?,
        None => CertifiedIssuer::self_signed(params, key)?,
    })
}

fn leaf(
    profile: &Profile,
    key: &KeyPair,
    issuer: &Authority,
    now: i64,
    structure: &Structure,
    serial: SerialNumber,
) -> Result<Certificate, Error> {
    let names: Vec<String> = profile.names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = subject(profile, structure);
    params.serial_number = Some(serial);
    params.use_authority_key_identifier_extension = true;
    let (usages, extended): (&[KeyUsagePurpose], _) = match profile.usage {
        Usage::ServerAuth => (
            &[KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment],
            ExtendedKeyUsagePurpose::ServerAuth,
        ),
        Usage::ClientAuth => (&[KeyUsagePurpose::DigitalSignature], ExtendedKeyUsagePurpose::ClientAuth),
        Usage::Cachet => (
            &[KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment],
            ExtendedKeyUsagePurpose::EmailProtection,
        ),
    };
    params.key_usages = usages.to_vec();
    params.extended_key_usages = vec![extended];
    let life = LEAF_DAYS * DAY;
    let (from, to) = match profile.period {
        Period::Current => (now - DAY, now - DAY + life),
        Period::Past => (now - DAY - life, now - DAY),
        Period::Future => (now + DAY, now + DAY + life),
    };
    validity(&mut params, from, to);
    Ok(params.signed_by(key, issuer)?)
}

/// `C=FR, ST=Département (NN), O=…, OU=1+FINESS, CN=…`.
fn subject(profile: &Profile, structure: &Structure) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CountryName, "FR");
    subject.push(DnType::StateOrProvinceName, format!("Département ({})", &structure.finess[..2]));
    subject.push(DnType::OrganizationName, structure.name.as_str());
    subject.push(DnType::OrganizationalUnitName, structure.identifier());
    subject.push(DnType::CommonName, profile.common_name);
    subject
}

fn revocation_list(
    issuer: &Authority,
    now: i64,
    days: i64,
    revoked: &[SerialNumber],
) -> Result<String, Error> {
    let since = time(now - 2 * DAY);
    let list = CertificateRevocationListParams {
        this_update: since,
        next_update: time(now + days * DAY),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: revoked
            .iter()
            .map(|serial| RevokedCertParams {
                serial_number: serial.clone(),
                revocation_time: since,
                reason_code: Some(RevocationReason::KeyCompromise),
                invalidity_date: None,
            })
            .collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(list.signed_by(issuer)?.pem()?)
}

/// Different for every leaf of every authority ever made: caches of certificates stay right after a renewal.
fn serial_number(now: i64, rank: usize) -> SerialNumber {
    let rank = u64::try_from(rank).unwrap_or(0) + 1;
    SerialNumber::from(now.unsigned_abs() << 8 | rank)
}

fn validity(params: &mut CertificateParams, from: i64, to: i64) {
    params.not_before = time(from);
    params.not_after = time(to);
}

/// Seconds since 1970, as the date type of `rcgen`.
fn time(seconds: i64) -> OffsetDateTime {
    rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds.max(0).unsigned_abs())
}

fn public(name: String, content: String) -> NewFile {
    NewFile { name, content, secret: false }
}
