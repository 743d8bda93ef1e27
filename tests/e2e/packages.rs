//! `jonction package`: built, checked, installed, changed, upgraded; and what is refused with nothing written.
//! In: examples, other folders. Out: facts about files, texts, exit codes.

use std::{fs, path::Path};

use crate::program::{copy_folder, jonction, project};

struct Region {
    folder: tempfile::TempDir,
}

impl Region {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(&project().join("examples/mouvements"), &folder.path().join("source"));
        let _ = fs::remove_dir_all(folder.path().join("source/data"));
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// A folder that has the partners of the package, and no route of it.
    fn taker(&self) -> String {
        let (dir, source) = (self.path("preneur"), self.path("source"));
        fs::create_dir_all(Path::new(&dir).join("routes")).unwrap();
        fs::copy(format!("{source}/jonction.yaml"), format!("{dir}/jonction.yaml")).unwrap();
        let other = "route: sorties\nfrom: gam\naccept: message.type == \"ADT^A47\"\nsteps: [map: pam-to-patient-event]\nto: [folder: coordination]\n";
        fs::write(format!("{dir}/routes/sorties.yaml"), other).unwrap();
        dir
    }

    fn build(&self, version: &str) -> String {
        let file = self.path(&format!("{version}.zip"));
        let (source, key) = (self.path("source"), self.path("cle"));
        if !Path::new(&key).exists() {
            jonction(["package", "key", &key]).exits(0);
        }
        jonction([
            "package",
            "build",
            &source,
            "--name",
            "mouvements",
            "--version",
            version,
            "--key",
            &key,
            "--into",
            &file,
        ])
        .exits(0);
        file
    }
}

#[test]
fn a_package_is_built_signed_verified_installed_and_upgraded() {
    let region = Region::new();
    let (package, taker, public) = (region.build("1.0"), region.taker(), region.path("cle.pub"));
    jonction(["package", "verify", &package, "--key", &public]).exits(0).says([
        "mouvements 1.0",
        "signature vérifiée",
        "gam (mllp)",
        "4 cas conformes",
    ]);
    jonction(["package", "install", &package, &taker, "--key", &public]).exits(0).says([
        "installé dans",
        "écrit   routes/mouvements.yaml",
        "jonction reload",
    ]);
    jonction(["test", &taker]).exits(0).says(["4 cas conformes"]);
    jonction(["package", "list", &taker]).exits(0).says(["mouvements 1.0", "tel quel"]);
    // Again: nothing to write.
    assert!(!jonction(["package", "install", &package, &taker]).exits(0).out.contains("écrit"));

    // The next version has one case less and another route text: what is gone is taken away.
    let source = region.path("source");
    fs::remove_file(format!("{source}/routes/cases/sortie.yaml")).unwrap();
    let route = format!("{source}/routes/mouvements.yaml");
    fs::write(&route, fs::read_to_string(&route).unwrap() + "# v2\n").unwrap();
    let package = region.build("1.1");
    jonction(["package", "install", &package, &taker]).exits(0).says([
        "(avant : 1.0)",
        "écrit   routes/mouvements.yaml",
        "retiré  routes/cases/sortie.yaml",
    ]);

    // Changed by hand: told, and never overwritten.
    let here = format!("{taker}/routes/mouvements.yaml");
    fs::write(&here, fs::read_to_string(&here).unwrap() + "# ici\n").unwrap();
    jonction(["package", "list", &taker]).exits(0).says(["changé ici : routes/mouvements.yaml"]);
    fs::write(&route, fs::read_to_string(&route).unwrap() + "# v3\n").unwrap();
    let package = region.build("1.2");
    jonction(["package", "install", &package, &taker])
        .exits(2)
        .warns(["package.conflict", "routes/mouvements.yaml"]);
    assert!(fs::read_to_string(&here).unwrap().ends_with("# ici\n"));
}

#[test]
fn what_does_not_hold_is_refused_and_nothing_is_written() {
    let region = Region::new();
    let (package, taker) = (region.build("1.0"), region.taker());
    let before = listing(Path::new(&taker));
    // Somebody else's key, an altered archive, a folder without the partners, a case that fails here.
    let stranger = region.path("autre");
    jonction(["package", "key", &stranger]).exits(0);
    jonction(["package", "install", &package, &taker, "--key", &format!("{stranger}.pub")])
        .exits(2)
        .warns(["package.not-signed"]);
    let mut bytes = fs::read(&package).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let altered = region.path("altere.zip");
    fs::write(&altered, bytes).unwrap();
    assert_eq!(jonction(["package", "install", &altered, &taker]).code, 2);

    let settings = format!("{taker}/jonction.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("  coordination:", "  outil:")).unwrap();
    fs::write(
        format!("{taker}/routes/sorties.yaml"),
        "route: s\nfrom: gam\nsteps: [map: pam-to-patient-event]\nto: [folder: outil]\n",
    )
    .unwrap();
    jonction(["package", "install", &package, &taker])
        .exits(2)
        .says(["route.unknown-partner"])
        .warns(["leur modèle", "  coordination:"]);
    fs::write(&settings, text.replace("HOPITAL-DEMO", "AUTRE")).unwrap();
    fs::write(format!("{taker}/routes/sorties.yaml"), "route: s\nfrom: gam\naccept: message.type == \"ADT^A47\"\nsteps: [map: pam-to-patient-event]\nto: [folder: coordination]\n").unwrap();
    jonction(["package", "install", &package, &taker]).exits(2).warns(["case.differs", "admission.yaml"]);
    assert_eq!(listing(Path::new(&taker)), before, "nothing was written");

    // And a folder whose cases fail makes no package.
    let case = format!("{}/routes/cases/admission.yaml", region.path("source"));
    fs::write(&case, fs::read_to_string(&case).unwrap().replace("admitted", "discharged")).unwrap();
    jonction(["package", "build", &region.path("source"), "--name", "x", "--version", "1"])
        .exits(2)
        .warns(["case.differs"]);
}

fn listing(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.display().to_string());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}
