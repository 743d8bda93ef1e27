use jiff::ToSpan as _;
use jonction_certs_dev::Leaf;

use super::*;
use crate::{
    Error,
    testing::{authority, identity, now, trust},
};

fn judged(leaf: Leaf) -> Result<(), CertificateFault> {
    trust().judge(identity(leaf).chain(), now())
}

#[test]
fn a_cachet_may_sign_and_nothing_else_may() {
    assert_eq!(judged(Leaf::Sign), Ok(()));
    assert_eq!(judged(Leaf::AuthCli), Err(CertificateFault::NotForSignature));
    assert_eq!(judged(Leaf::Server), Err(CertificateFault::NotForSignature));
}

#[test]
fn the_reason_of_a_refusal_is_told() {
    assert_eq!(judged(Leaf::SignExpired), Err(CertificateFault::Expired));
    assert_eq!(judged(Leaf::SignUnknown), Err(CertificateFault::UnknownAuthority));
    let early = trust().judge(identity(Leaf::Sign).chain(), now() - 48.hours());
    assert_eq!(early, Err(CertificateFault::NotYetValid));
    assert_eq!(trust().judge(&[], now()), Err(CertificateFault::Malformed));
    assert_eq!(trust().judge(&[b"not der".as_slice().into()], now()), Err(CertificateFault::Malformed));
}

#[test]
fn an_authority_does_not_sign_assertions() {
    let chain = identity(Leaf::Sign).chain()[1..].to_vec();
    assert_eq!(trust().judge(&chain, now()), Err(CertificateFault::NotForSignature));
}

/// The DMP gets the signer's certificate alone.
#[test]
fn the_intermediate_is_known_beside_the_root() {
    let root = std::fs::read(authority().root()).unwrap();
    let without = Trust::from_pem(&root, b"").unwrap();
    let identity = identity(Leaf::Sign);
    let signer = &identity.chain()[..1];
    assert_eq!(without.judge(signer, now()), Err(CertificateFault::UnknownAuthority));
    assert_eq!(trust().judge(signer, now()), Ok(()));
}

#[test]
fn a_key_of_another_certificate_is_refused_at_start() {
    let chain = std::fs::read(authority().chain_of(Leaf::Sign)).unwrap();
    let key = std::fs::read(authority().key_of(Leaf::Server)).unwrap();
    let refused = SigningIdentity::from_pem(&chain, &key).map(|_| ());
    assert_eq!(refused, Err(Error::Identity("the key is not that of the certificate")));
    assert!(matches!(SigningIdentity::from_pem(b"", &key).map(|_| ()), Err(Error::Identity(_))));
    assert!(matches!(SigningIdentity::from_pem(&chain, b"").map(|_| ()), Err(Error::Identity(_))));
}

#[test]
fn an_identity_tells_its_structure_and_its_end_and_never_its_key() {
    let identity = identity(Leaf::Sign);
    assert_eq!(identity.structures().collect::<Vec<_>>(), ["1690000001"]);
    assert_eq!(
        identity.subject().to_rfc2253(),
        "CN=JONCTION DEV SIGN,OU=1690000001,O=EHPAD LES TILLEULS,ST=Département (69),C=FR"
    );
    assert!(identity.not_before() < now() && identity.not_after() > now());
    let debug = format!("{identity:?}");
    assert!(debug.starts_with("SigningIdentity { serial:") && debug.len() < 80, "{debug}");
}

fn same(a: &str, b: &str) -> bool {
    DistinguishedName::parse(a).unwrap().same_as(&DistinguishedName::parse(b).unwrap())
}

#[test]
fn names_are_compared_as_sets_whatever_the_producer() {
    let rfc = "CN=DMP SIGN,OU=1690000001,O=EHPAD\\, LES TILLEULS,ST=Rhône (69),C=FR";
    assert!(same(rfc, "C=FR, ST=Rhône (69), O=\"EHPAD, LES TILLEULS\", OU=1690000001, CN=DMP SIGN"));
    assert!(same(rfc, "c=fr,st=RHÔNE  (69),o=EHPAD\\2C LES TILLEULS,ou=1690000001,2.5.4.3=DMP SIGN"));
    assert!(!same(rfc, "CN=DMP SIGN,OU=1690000002,O=EHPAD\\, LES TILLEULS,ST=Rhône (69),C=FR"));
    assert!(!same(rfc, "CN=DMP SIGN,O=EHPAD\\, LES TILLEULS,ST=Rhône (69),C=FR"));
    // Two OU are not one.
    assert!(!same("OU=a,OU=a,C=FR", "OU=a,C=FR"));
}

/// As a CPS prints it: several attributes in one RDN, surname and given name as hexadecimal DER.
#[test]
fn a_multivalued_rdn_with_hexadecimal_values_is_read() {
    let text = "CN=899700000001+2.5.4.4=#0c0444757261+2.5.4.42=#13034c6561,OU=1690000001,C=FR";
    let name = DistinguishedName::parse(text).unwrap();
    assert_eq!(name.values("2.5.4.4").collect::<Vec<_>>(), ["Dura"]);
    assert!(same(text, "C=FR, OU=1690000001, SN=Dura + GN=Lea + CN=899700000001"));
    assert!(!same(text, "C=FR, OU=1690000001, SN=Dura, GN=Lea, CN=899700000001"));
}

#[test]
fn what_is_no_name_is_refused() {
    for text in ["", "CN", "CN=a,", "X Y=a", "CN=\\", "CN=a,=b", "CN=#0c05ab", "CN=#0c0", "CN=#zz"] {
        assert!(DistinguishedName::parse(text).is_none(), "{text}");
    }
}

#[test]
fn special_characters_survive_a_round_trip() {
    for value in [" a ", "#a", "a,b+c\"d\\e<f>g;h", "é", "a  b"] {
        let name = DistinguishedName::parse(&format!(
            "CN={}",
            value.chars().fold(String::new(), |text, c| {
                if c.is_alphanumeric() { text + &c.to_string() } else { text + "\\" + &c.to_string() }
            })
        ))
        .unwrap();
        assert_eq!(name.values("2.5.4.3").collect::<Vec<_>>(), [value]);
        let again = DistinguishedName::parse(&name.to_rfc2253()).unwrap();
        assert_eq!(again.values("2.5.4.3").collect::<Vec<_>>(), [value]);
    }
}
