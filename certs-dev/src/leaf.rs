//! The certificates of the test authority, as a table: what each is for and what is wrong with it.
//! In → out: constants. Sources: dmp-xds.md §4, mssante.md §2.4.

/// A leaf certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// Server of `localhost`, `127.0.0.1` and `::1`.
    Server,
    /// ORG AUTH_CLI: TLS client of the structure.
    AuthCli,
    /// ORG SIGN (cachet): signs VIHF and lots.
    Sign,
    /// Server, expired yesterday.
    ServerExpired,
    /// Server, valid from tomorrow on.
    ServerNotYetValid,
    /// Server of another name.
    ServerWrongName,
    /// Server of an authority nobody trusts.
    ServerUnknown,
    /// TLS client, expired yesterday.
    AuthCliExpired,
    /// Presented as TLS client, may only be a server.
    AuthCliWrongUsage,
    /// TLS client of an authority nobody trusts.
    AuthCliUnknown,
    /// TLS client, in the revocation list.
    AuthCliRevoked,
    /// Cachet, expired yesterday.
    SignExpired,
    /// Cachet of an authority nobody trusts.
    SignUnknown,
    /// Cachet, in the revocation list.
    SignRevoked,
}

/// What a leaf may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    ServerAuth,
    ClientAuth,
    Cachet,
}

/// When a leaf is valid, around the day it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    Current,
    Past,
    Future,
}

/// What makes a leaf.
pub(crate) struct Profile {
    pub(crate) leaf: Leaf,
    pub(crate) file: &'static str,
    pub(crate) usage: Usage,
    pub(crate) period: Period,
    /// CN of the subject.
    pub(crate) common_name: &'static str,
    /// Names of the server, empty for an organisation.
    pub(crate) names: &'static [&'static str],
    pub(crate) known_authority: bool,
    pub(crate) revoked: bool,
    /// Whose key it shares. RSA keys are what costs: a bad leaf differs by its certificate, not by its key, and
    /// must keep an RSA one, or a peer restricted to ECDHE-RSA would never get as far as judging the certificate.
    pub(crate) key: Leaf,
}

const LOCAL: &[&str] = &["localhost", "127.0.0.1", "::1"];

const SERVER: Profile = Profile {
    leaf: Leaf::Server,
    file: "server",
    usage: Usage::ServerAuth,
    period: Period::Current,
    common_name: "localhost",
    names: LOCAL,
    known_authority: true,
    revoked: false,
    key: Leaf::Server,
};

const AUTH_CLI: Profile = Profile {
    leaf: Leaf::AuthCli,
    file: "auth-cli",
    usage: Usage::ClientAuth,
    common_name: "JONCTION DEV AUTH_CLI",
    names: &[],
    key: Leaf::AuthCli,
    ..SERVER
};

const SIGN: Profile = Profile {
    leaf: Leaf::Sign,
    file: "sign",
    usage: Usage::Cachet,
    common_name: "JONCTION DEV SIGN",
    key: Leaf::Sign,
    ..AUTH_CLI
};

/// Every leaf, good ones first.
pub(crate) const PROFILES: &[Profile] = &[
    SERVER,
    AUTH_CLI,
    SIGN,
    Profile { leaf: Leaf::ServerExpired, file: "server-expired", period: Period::Past, ..SERVER },
    Profile { leaf: Leaf::ServerNotYetValid, file: "server-not-yet-valid", period: Period::Future, ..SERVER },
    Profile {
        leaf: Leaf::ServerWrongName,
        file: "server-wrong-name",
        common_name: "autre.jonction.example",
        names: &["autre.jonction.example"],
        ..SERVER
    },
    Profile { leaf: Leaf::ServerUnknown, file: "server-unknown", known_authority: false, ..SERVER },
    Profile { leaf: Leaf::AuthCliExpired, file: "auth-cli-expired", period: Period::Past, ..AUTH_CLI },
    Profile {
        leaf: Leaf::AuthCliWrongUsage,
        file: "auth-cli-wrong-usage",
        usage: Usage::ServerAuth,
        ..AUTH_CLI
    },
    Profile { leaf: Leaf::AuthCliUnknown, file: "auth-cli-unknown", known_authority: false, ..AUTH_CLI },
    Profile { leaf: Leaf::AuthCliRevoked, file: "auth-cli-revoked", revoked: true, ..AUTH_CLI },
    Profile { leaf: Leaf::SignExpired, file: "sign-expired", period: Period::Past, ..SIGN },
    Profile { leaf: Leaf::SignUnknown, file: "sign-unknown", known_authority: false, ..SIGN },
    Profile { leaf: Leaf::SignRevoked, file: "sign-revoked", revoked: true, ..SIGN },
];

impl Leaf {
    /// Every leaf, good ones first.
    pub fn all() -> impl Iterator<Item = Leaf> {
        PROFILES.iter().map(|profile| profile.leaf)
    }

    /// Name of its files, without extension: `sign-expired`.
    pub fn file_name(self) -> &'static str {
        self.profile().file
    }

    pub(crate) fn profile(self) -> &'static Profile {
        // Every variant has its row (test below); the first row stands in for one that could be forgotten.
        PROFILES.iter().find(|profile| profile.leaf == self).unwrap_or(&PROFILES[0])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_leaf_has_its_row_and_its_own_files() {
        // Adding a variant without a row makes its debug name and its file disagree.
        for leaf in Leaf::all() {
            let kebab: String = format!("{leaf:?}")
                .chars()
                .flat_map(|c| if c.is_uppercase() { vec!['-', c.to_ascii_lowercase()] } else { vec![c] })
                .collect();
            assert_eq!(leaf.file_name(), kebab.trim_start_matches('-'));
        }
        assert_eq!(Leaf::SignRevoked as usize + 1, PROFILES.len());
        assert_eq!(PROFILES.iter().map(|p| p.file).collect::<HashSet<_>>().len(), PROFILES.len());
    }

    #[test]
    fn a_shared_key_belongs_to_a_good_leaf() {
        for profile in PROFILES {
            let owner = profile.key.profile();
            assert!(owner.key == owner.leaf && owner.known_authority && owner.period == Period::Current);
        }
    }
}
