//! A made-up nation: professionals, practices, mailboxes, of any number, the same for the same seed everywhere.
//! In: a seed, sizes, a day. Out: the lines of the four files. Source: annuaires.md §8.1.
//! Fictional: RPPS of the reserved range `109…`, FINESS `99…`, department 99, domains `*.exemple.mssante.fr`.

use std::io::{self, Write};

use crate::flat::{DIPLOMES, MSSANTE, PERSONNE_ACTIVITE, SAVOIR_FAIRE};

/// How much of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Distinct persons; lines of Personne_activite are about 1.2 times as many.
    pub persons: u64,
    /// Mailboxes.
    pub mailboxes: u64,
}

impl Sizes {
    /// The nation in 2026: 2.29 million lines, 540,000 mailboxes.
    pub const NATION: Self = Self { persons: 1_909_409, mailboxes: 540_000 };
}

/// The nation on one day. Each following day changes as many lines as the real one does.
#[derive(Clone, Copy, Debug)]
pub struct Nation {
    seed: u64,
    sizes: Sizes,
    day: u64,
}

/// Numbers drawn from a seed, the same on every machine (SplitMix64).
#[derive(Clone)]
struct Draw(u64);

impl Draw {
    fn of(seed: u64, what: u64) -> Self {
        let mut draw = Self(seed ^ what.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        draw.next();
        draw
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// Small indexes far more often than great ones, about as 1/rank.
    fn ranked(&mut self, count: usize) -> usize {
        let bits = 64 - (count as u64).leading_zeros();
        let level = self.below(u64::from(bits) + 1);
        let index = if level == 0 { 0 } else { (1 << (level - 1)) + self.below(1 << (level - 1)) };
        usize::try_from(index).unwrap_or(0) % count
    }
}

const FAMILY: &[&str] = &[
    "MARTIN",
    "BERNARD",
    "THOMAS",
    "PETIT",
    "ROBERT",
    "RICHARD",
    "DURAND",
    "DUBOIS",
    "MOREAU",
    "LAURENT",
    "SIMON",
    "MICHEL",
    "LEFÈVRE",
    "LEROY",
    "ROUX",
    "DAVID",
    "BERTRAND",
    "MOREL",
    "FOURNIER",
    "GIRARD",
    "BONNET",
    "DUPONT",
    "LAMBERT",
    "FONTAINE",
    "ROUSSEAU",
    "VINCENT",
    "MULLER",
    "LEFEBVRE",
    "FAURE",
    "ANDRÉ",
    "MERCIER",
    "BLANC",
    "GUÉRIN",
    "BOYER",
    "GARNIER",
    "CHEVALIER",
    "FRANÇOIS",
    "LEGRAND",
    "GAUTHIER",
    "GARCIA",
    "PERRIN",
    "ROBIN",
    "CLÉMENT",
    "MORIN",
    "NICOLAS",
    "HENRY",
    "ROUSSEL",
    "MATHIEU",
    "GAUTIER",
    "MASSON",
    "MARCHAND",
    "DUVAL",
    "DENIS",
    "DUMONT",
    "MARIE",
    "LEMAIRE",
    "NOËL",
    "MEYER",
    "DUFOUR",
    "MEUNIER",
    "BRUN",
    "BLANCHARD",
    "GIRAUD",
    "JOLY",
    "RIVIÈRE",
    "LUCAS",
    "BRUNET",
    "GAILLARD",
    "BARBIER",
    "ARNAUD",
    "MARTINEZ",
    "GÉRARD",
    "ROCHE",
    "RENARD",
    "SCHMITT",
    "ROY",
    "LEROUX",
    "COLIN",
    "VIDAL",
    "CARON",
    "PICARD",
    "ROGER",
    "FABRE",
    "AUBERT",
    "LEMOINE",
    "RENAUD",
    "DUMAS",
    "LACROIX",
    "OLIVIER",
    "PHILIPPE",
    "BOURGEOIS",
    "PIERRE",
    "BENOÎT",
    "REY",
    "LECLERC",
    "PAYET",
    "ROLLAND",
    "LECLERCQ",
    "GUILLAUME",
    "LECOMTE",
    "LOPEZ",
    "JEAN",
    "DUPUY",
    "GUILLOT",
    "HUBERT",
    "BERGER",
    "CARPENTIER",
    "SANCHEZ",
    "DUPUIS",
    "MOULIN",
    "LOUIS",
    "DESCHAMPS",
    "HUET",
    "VASSEUR",
    "PEREZ",
    "BOUCHER",
    "FLEURY",
    "ROYER",
    "KLEIN",
    "JACQUET",
    "ADAM",
    "PARIS",
    "POIRIER",
    "MARTY",
    "AUBRY",
    "GUYOT",
    "CARRÉ",
    "CHARLES",
    "RENAULT",
    "CHARPENTIER",
    "MÉNARD",
    "MAILLARD",
    "BARON",
    "BERTIN",
    "BAILLY",
    "HERVÉ",
    "SCHNEIDER",
    "FERNANDEZ",
    "LE GALL",
    "COLLET",
    "LÉGER",
    "BOUVIER",
    "JULIEN",
    "PRÉVOST",
    "MILLET",
    "PERROT",
    "DANIEL",
    "LE ROUX",
    "COUSIN",
    "GERMAIN",
    "BRETON",
    "BESSON",
    "LANGLOIS",
    "RÉMY",
    "LE GOFF",
    "PELLETIER",
    "LÉVÊQUE",
    "PERRIER",
    "LEBLANC",
    "BARRE",
    "LEBRUN",
    "MARCHAL",
    "WEBER",
    "MALLET",
    "HAMON",
    "BOULANGER",
    "JACOB",
    "MONNIER",
    "MICHAUD",
    "RODRIGUEZ",
    "GUICHARD",
    "GILLET",
    "ÉTIENNE",
    "GRONDIN",
    "POULAIN",
    "TESSIER",
    "CHEVALLIER",
    "COLLIN",
    "CHAUVIN",
    "DA SILVA",
    "BOUCHET",
    "GAY",
    "LEMAÎTRE",
    "BÉNARD",
    "MARÉCHAL",
    "HUMBERT",
    "REYNAUD",
    "ANTOINE",
    "HOARAU",
    "PERRET",
    "BARTHÉLEMY",
    "CORDIER",
    "PICHON",
    "LEJEUNE",
    "GILBERT",
    "LAMY",
    "DELAUNAY",
    "PASQUIER",
    "CARLIER",
    "LAPORTE",
    "O'NEILL",
    "D'ALMEIDA",
    "DE LA TOUR",
    "N'GUYEN",
    "BEN ALI",
    "TRAORÉ",
    "DIALLO",
    "NGUYEN",
    "KŒNIG",
    "MUÑOZ",
];
const SYLLABLES: &[&str] = &[
    "BA", "BEL", "BRI", "CA", "CHA", "COR", "DE", "DRO", "FA", "FER", "GA", "GRI", "JU", "LA", "LE", "LOU",
    "MA", "MER", "MON", "NA", "NI", "PA", "PER", "QUI", "RA", "RI", "RO", "SA", "SER", "TA", "TRI", "VA",
    "VER", "VI",
];
const ENDINGS: &[&str] =
    &["RD", "UX", "IN", "ET", "ON", "EAU", "IER", "OT", "AULT", "EZ", "Y", "É", "LLE", "NÇON", "T"];
const GIVEN: &[&str] = &[
    "Marie",
    "Jean",
    "Pierre",
    "Anne",
    "Michel",
    "Philippe",
    "Catherine",
    "Nathalie",
    "Isabelle",
    "Sylvie",
    "Alain",
    "Patrick",
    "Nicolas",
    "Christophe",
    "Céline",
    "Sandrine",
    "Aurélie",
    "Émilie",
    "Julie",
    "Camille",
    "Léa",
    "Thomas",
    "Antoine",
    "Julien",
    "Élodie",
    "Hélène",
    "François",
    "Éric",
    "Stéphanie",
    "Véronique",
    "Laurence",
    "Frédéric",
    "Valérie",
    "Benoît",
    "Jérôme",
    "Raphaël",
    "Chloé",
    "Manon",
    "Mathilde",
    "Pauline",
    "Sophie",
    "Claire",
    "Lucie",
    "Marion",
    "Charlotte",
    "Alexandre",
    "Maxime",
    "Guillaume",
    "Romain",
    "Vincent",
    "Loïc",
    "Gaëlle",
    "Maëlys",
    "Noémie",
    "Océane",
    "Zoé",
    "Inès",
    "Sarah",
    "Mohamed",
    "Karim",
    "Fatima",
    "Amina",
    "Thi",
    "Yann",
    "Gwenaël",
    "Jean-Pierre",
    "Marie-Claude",
    "Anne-Sophie",
    "Jean-Noël",
    "Marie-Thérèse",
    "Françoise",
    "Jacqueline",
];
/// Code, label, share in thousands, specialties follow in [`SKILLS`] for doctors.
const PROFESSIONS: &[(&str, &str, u64)] = &[
    ("60", "Infirmier", 430),
    ("10", "Médecin", 160),
    ("70", "Masseur-Kinésithérapeute", 70),
    ("40", "Chirurgien-Dentiste", 35),
    ("21", "Pharmacien", 55),
    ("50", "Sage-Femme", 18),
    ("91", "Orthophoniste", 25),
    ("93", "Psychologue", 60),
    ("92", "Orthoptiste", 5),
    ("80", "Pédicure-Podologue", 12),
    ("86", "Technicien de laboratoire médical", 30),
    ("98", "Manipulateur ERM", 30),
    ("94", "Ergothérapeute", 15),
    ("95", "Diététicien", 10),
    ("35", "Assistant de service social", 45),
];
const SKILLS: &[(&str, &str)] = &[
    ("SM53", "Spécialiste en Médecine Générale"),
    ("SM54", "Médecine Générale"),
    ("SM04", "Cardiologie et maladies vasculaires"),
    ("SM40", "Pédiatrie"),
    ("SM42", "Psychiatrie"),
    ("SM44", "Radio-diagnostic"),
    ("SM02", "Anesthesie-réanimation"),
    ("SM15", "Dermatologie et vénéréologie"),
    ("SM20", "Gynécologie-obstétrique"),
    ("SM38", "Ophtalmologie"),
];
const STREETS: &[&str] = &[
    "DES JEUX D'ESSAI",
    "DE LA RÉPUBLIQUE FICTIVE",
    "DU BANC DE TEST",
    "VICTOR EXEMPLE",
    "DE L'ÉGLISE IMAGINAIRE",
    "DU GÉNÉRAL MODÈLE",
    "DES TILLEULS",
    "PASTEUR",
    "JEAN ÉPREUVE",
    "DU MOULIN",
];
const STREET_TYPES: &[(&str, &str)] = &[
    ("R", "Rue"),
    ("AV", "Avenue"),
    ("BD", "Boulevard"),
    ("PL", "Place"),
    ("CHE", "Chemin"),
    ("ALL", "Allée"),
];
const COMMUNES: u64 = 900;
const DOMAINS: u64 = 5_000;

/// Everything that lines are made of, for one person.
struct Person {
    rpps: String,
    title: bool,
    woman: bool,
    family: String,
    given: String,
    profession: usize,
    skill: Option<usize>,
    sites: Vec<Option<u64>>,
}

impl Nation {
    /// The nation of a seed, on its first day.
    pub fn new(seed: u64, sizes: Sizes) -> Self {
        Self { seed, sizes, day: 0 }
    }

    /// The same nation, so many days later.
    #[must_use]
    pub fn on_day(self, day: u64) -> Self {
        Self { day, ..self }
    }

    fn draw(&self, what: u64, of: u64) -> Draw {
        Draw::of(self.seed.wrapping_add(what << 56), of)
    }

    /// What happened to a person, or to a mailbox, up to this day: how many times it changed.
    fn changes(&self, what: u64, of: u64, per_million: u64) -> u64 {
        (1..=self.day)
            .filter(|day| {
                self.draw(what, of.wrapping_mul(4099).wrapping_add(*day)).below(1_000_000) < per_million
            })
            .count() as u64
    }

    /// RPPS of the reserved range, with its key.
    fn rpps(index: u64) -> String {
        // Spread over the range, so that the file is not in the order of the numbers.
        let spread = index.wrapping_mul(7_654_321) % 10_000_000;
        let body = format!("109{spread:07}");
        let sum: u32 = body
            .bytes()
            .rev()
            .enumerate()
            .map(|(at, byte)| {
                let digit = u32::from(byte - b'0');
                match at % 2 {
                    0 if digit > 4 => digit * 2 - 9,
                    0 => digit * 2,
                    _ => digit,
                }
            })
            .sum();
        format!("{body}{}", (10 - sum % 10) % 10)
    }

    fn family(draw: &mut Draw) -> String {
        let mut one = || {
            if draw.percent(35) {
                FAMILY[draw.ranked(FAMILY.len())].to_owned()
            } else {
                let pick = |draw: &mut Draw, from: &'static [&'static str]| {
                    from[usize::try_from(draw.below(from.len() as u64)).unwrap_or(0)]
                };
                let mut name = String::from(pick(draw, SYLLABLES));
                for _ in 0..=draw.below(2) {
                    name += pick(draw, SYLLABLES);
                }
                name + pick(draw, ENDINGS)
            }
        };
        let first = one();
        let second = one();
        if draw.percent(8) { format!("{first}-{second}") } else { first }
    }

    fn person(&self, index: u64) -> Person {
        let mut draw = self.draw(1, index);
        let moves = self.changes(2, index, 5_000);
        let mut share = draw.below(1000);
        let profession = PROFESSIONS.iter().position(|(_, _, of)| {
            let here = share < *of;
            share = share.saturating_sub(*of);
            here
        });
        let profession = profession.unwrap_or(0);
        let family = Self::family(&mut draw);
        let mut given = GIVEN[draw.ranked(GIVEN.len())].to_owned();
        if draw.below(1000) == 0 {
            given = given.replace('-', "\u{a0}");
        }
        let skill = (PROFESSIONS[profession].0 == "10").then(|| draw.ranked(SKILLS.len()));
        let count = match draw.below(100) {
            0..87 => 1,
            87..96 => 2,
            96..99 => 3,
            _ => 4 + draw.below(8),
        };
        let (title, woman) = (draw.percent(30), draw.percent(60));
        let sites = (0..count)
            .map(|_| {
                let nowhere = draw.percent(25);
                let site = draw.below(self.structures());
                // Who moved works elsewhere since.
                (!nowhere).then(|| if moves > 0 { (site + moves * 7919) % self.structures() } else { site })
            })
            .collect();
        Person { rpps: Self::rpps(index), title, woman, family, given, profession, skill, sites }
    }

    fn structures(&self) -> u64 {
        (self.sizes.persons / 2).max(3)
    }

    /// Whether this person has joined the register by now, and has not left it.
    fn is_there(&self, index: u64) -> bool {
        // One in a hundred comes within five days; as many leave.
        let mut draw = self.draw(3, index);
        let (joins, leaves) = (draw.below(100), draw.below(100));
        let arrival = if joins == 0 { 1 + draw.below(5) } else { 0 };
        let departure = if leaves == 0 { 1 + draw.below(5) } else { u64::MAX };
        arrival <= self.day && self.day < departure
    }

    fn persons(&self) -> impl Iterator<Item = (u64, Person)> {
        (0..self.sizes.persons).filter(|index| self.is_there(*index)).map(|index| (index, self.person(index)))
    }

    /// Writes Personne_activite. Out: lines without the header.
    pub fn personne_activite(&self, out: &mut impl Write) -> io::Result<u64> {
        header(out, PERSONNE_ACTIVITE.columns)?;
        let mut lines = 0;
        for (_, person) in self.persons() {
            for site in &person.sites {
                self.practice_line(out, &person, *site)?;
                lines += 1;
            }
        }
        Ok(lines)
    }

    fn practice_line(&self, out: &mut impl Write, person: &Person, site: Option<u64>) -> io::Result<()> {
        let (code, label, _) = PROFESSIONS[person.profession];
        let (civility, civility_label) = if person.woman { ("MME", "Madame") } else { ("M", "Monsieur") };
        let (title, title_label) = if person.title { ("DR", "Docteur") } else { ("", "") };
        let skill = person
            .skill
            .map_or(["", "", "", ""], |at| ["S", "Spécialité ordinale", SKILLS[at].0, SKILLS[at].1]);
        write!(
            out,
            "8|{rpps}|8{rpps}|{title}|{title_label}|{civility}|{civility_label}|{}|{}|{code}|{label}|C|Civil|{}|",
            person.family,
            person.given,
            skill.join("|"),
            rpps = person.rpps,
        )?;
        match site {
            None => writeln!(out, "||{}", "|".repeat(37)),
            Some(site) => {
                let site = self.site(site);
                let mode = if site.finess.is_empty() {
                    "L|Libéral, indépendant, artisan, commerçant"
                } else {
                    "S|Salarié"
                };
                let sector = if site.finess.is_empty() {
                    "SA07|Cabinet individuel"
                } else {
                    "SA01|Etablissement public de santé"
                };
                let (kind, kind_label) = STREET_TYPES[site.street_type];
                writeln!(
                    out,
                    "{mode}|{}|{}|{}|{}|{}|{}|||{}|{}||{kind}|{kind_label}|{}||{} {}|{}|{}|{}|99000|France|{}||||99|Département fictif|{}|CNOM/CNOM/CNOM|{sector}|||||GENR01|Activité standard de soin ou de pharmacien|",
                    site.siret,
                    site.siren,
                    site.finess,
                    site.finess_legal,
                    site.technical,
                    site.name,
                    site.complement,
                    site.number,
                    STREETS[site.street],
                    site.postcode,
                    site.town,
                    site.postcode,
                    site.commune,
                    site.town_label,
                    site.phone,
                    site.former,
                )
            }
        }
    }

    /// Writes SavoirFaire: a line for each specialty, one person in four.
    pub fn savoir_faire(&self, out: &mut impl Write) -> io::Result<u64> {
        header(out, SAVOIR_FAIRE.columns)?;
        let mut lines = 0;
        for (_, person) in self.persons() {
            let Some(skill) = person.skill else { continue };
            let ((code, label, _), (skill, skill_label)) = (PROFESSIONS[person.profession], SKILLS[skill]);
            writeln!(
                out,
                "8|{rpps}|8{rpps}|{}|{}|{code}|{label}|C|Civil|S|Spécialité ordinale|{skill}|{skill_label}|",
                person.family,
                person.given,
                rpps = person.rpps,
            )?;
            lines += 1;
        }
        Ok(lines)
    }

    /// Writes Dipl_AutExerc: 1.2 lines a person.
    pub fn dipl_autexerc(&self, out: &mut impl Write) -> io::Result<u64> {
        header(out, DIPLOMES.columns)?;
        let mut lines = 0;
        for (index, person) in self.persons() {
            let mut draw = self.draw(4, index);
            for _ in 0..1 + u64::from(draw.percent(20)) {
                let number = 1 + draw.below(80);
                writeln!(
                    out,
                    "8|{rpps}|8{rpps}|{}|{}|DE|Diplôme d'Etat français|DE{number:02}|Diplôme d'Etat fictif n°{number}|||||",
                    person.family,
                    person.given,
                    rpps = person.rpps,
                )?;
                lines += 1;
            }
        }
        Ok(lines)
    }

    /// Writes the MSSanté extraction: 85 % personal, 169 addresses on several lines in the whole nation.
    pub fn mssante(&self, out: &mut impl Write) -> io::Result<u64> {
        header(out, MSSANTE.columns)?;
        let mut lines = 0;
        // As many repeats as the real file has, in proportion.
        let repeat_every = (self.sizes.mailboxes / 169).max(12);
        for index in 0..self.sizes.mailboxes {
            let mut draw = self.draw(5, index);
            // Some close, some open later: about 480 and 340 a day in the nation.
            let (closes, opens) = (draw.below(1000) == 0, draw.below(1400) == 0);
            let since = 1 + draw.below(2);
            if closes && self.day >= since || opens && self.day < since {
                continue;
            }
            let repeated = index % repeat_every == repeat_every - 1;
            self.mailbox_line(out, index, if repeated { index - 1 } else { index })?;
            lines += 1;
        }
        Ok(lines)
    }

    fn mailbox_line(&self, out: &mut impl Write, index: u64, address_of: u64) -> io::Result<()> {
        let domain = self.draw(6, address_of).ranked(usize::try_from(DOMAINS).unwrap_or(1));
        let personal = self.draw(7, index).percent(85);
        let at_site = self.draw(8, index).percent(70);
        let person = self.person(index.wrapping_mul(3) % self.sizes.persons.max(1));
        let site =
            self.site(person.sites.iter().flatten().next().copied().unwrap_or(index % self.structures()));
        let (structure_kind, structure) =
            if site.finess.is_empty() { ("3", site.siret.as_str()) } else { ("1", site.finess.as_str()) };
        let address = |local: String| format!("{local}.{address_of}@d{domain}.exemple.mssante.fr");
        let kind = STREET_TYPES[site.street_type].0;
        let place = format!(
            "{}||||{}||{kind}|{}||{} {}|{}|99|France|",
            site.name, site.number, STREETS[site.street], site.postcode, site.town, site.postcode
        );
        if personal {
            let owner = self.person(address_of.wrapping_mul(3) % self.sizes.persons.max(1));
            let local = ascii(&format!("{}.{}", owner.given, owner.family));
            let (code, label, _) = PROFESSIONS[person.profession];
            let skill = person.skill.map_or(["", ""], |at| [SKILLS[at].0, SKILLS[at].1]);
            let (structure_kind, structure) = if at_site { (structure_kind, structure) } else { ("", "") };
            writeln!(
                out,
                "PER|{}|8|{rpps}|8{rpps}|{structure_kind}|{structure}||{}|{}|{}|C|Civil|{code}|{label}|{}|{}|{}|{place}",
                address(local),
                if person.title { "DR" } else { "" },
                person.family,
                person.given,
                skill[0],
                skill[1],
                if index.is_multiple_of(3) { "O" } else { "N" },
                rpps = person.rpps,
            )
        } else {
            writeln!(
                out,
                "ORG|{}||||{structure_kind}|{structure}|Secrétariat||||||||||{}|{place}",
                address("secretariat".to_owned()),
                if index.is_multiple_of(2) { "O" } else { "N" },
            )
        }
    }

    fn site(&self, index: u64) -> Site {
        let mut draw = self.draw(9, index);
        let hospital = draw.percent(12);
        let commune = draw.below(COMMUNES);
        let number = 1 + draw.below(150);
        let (street, street_type) = (draw.ranked(STREETS.len()), draw.ranked(STREET_TYPES.len()));
        let finess = if hospital { format!("99{:07}", index % 10_000_000) } else { String::new() };
        let siret = if hospital { String::new() } else { format!("000{:011}", index * 10 + 1) };
        let town = format!("VILLEFICTIVE {commune:03}");
        Site {
            finess_legal: if hospital {
                format!("99{:07}", 9_000_000 + index % 60_000)
            } else {
                String::new()
            },
            siren: siret.get(..9).unwrap_or_default().to_owned(),
            technical: if hospital { format!("F{finess}") } else { format!("R{index:010}") },
            name: if hospital {
                format!("HÔPITAL FICTIF DE {town}")
            } else {
                format!("CABINET MÉDICAL D'ESSAI {}", index % 10_000)
            },
            complement: if draw.percent(20) { format!("BÂTIMENT {}", draw.below(9)) } else { String::new() },
            former: if hospital { format!("1{finess}") } else { format!("3{siret}") },
            postcode: format!("99{commune:03}"),
            commune: format!("99{commune:03}"),
            town_label: format!("Villefictive {commune:03}"),
            phone: if draw.percent(70) { format!("0199{:06}", index % 1_000_000) } else { String::new() },
            finess,
            siret,
            town,
            number,
            street,
            street_type,
        }
    }
}

struct Site {
    finess: String,
    finess_legal: String,
    siret: String,
    siren: String,
    technical: String,
    name: String,
    complement: String,
    former: String,
    postcode: String,
    commune: String,
    town: String,
    town_label: String,
    phone: String,
    number: u64,
    street: usize,
    street_type: usize,
}

fn header(out: &mut impl Write, columns: &[&str]) -> io::Result<()> {
    writeln!(out, "{}|", columns.join("|"))
}

/// A local part: letters without accents, points for the rest.
fn ascii(text: &str) -> String {
    let plain = |c: char| match c {
        'é' | 'è' | 'ê' | 'ë' | 'É' | 'È' | 'Ê' | 'Ë' => 'e',
        'à' | 'â' | 'À' | 'Â' => 'a',
        'î' | 'ï' | 'Î' | 'Ï' => 'i',
        'ô' | 'ö' | 'Ô' | 'Ö' => 'o',
        'ù' | 'û' | 'ü' | 'Ù' | 'Û' | 'Ü' => 'u',
        'ç' | 'Ç' => 'c',
        c if c.is_ascii_alphanumeric() || c == '.' => c.to_ascii_lowercase(),
        _ => '-',
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TOWN: Sizes = Sizes { persons: 2_000, mailboxes: 600 };

    fn lines(write: impl Fn(&mut Vec<u8>) -> io::Result<u64>) -> Vec<String> {
        let mut out = Vec::new();
        let told = write(&mut out).unwrap();
        let lines: Vec<String> = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(lines.len() as u64, told + 1);
        lines
    }

    #[test]
    fn every_line_has_the_fields_of_its_header() {
        let nation = Nation::new(7, TOWN);
        for all in [
            lines(|out| nation.personne_activite(out)),
            lines(|out| nation.savoir_faire(out)),
            lines(|out| nation.dipl_autexerc(out)),
            lines(|out| nation.mssante(out)),
        ] {
            let width = all[0].matches('|').count();
            assert!(all.iter().all(|line| line.matches('|').count() == width), "{}", all[0]);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_nation_and_another_day_changes_little_of_it() {
        let nation = Nation::new(7, TOWN);
        let first: BTreeSet<_> = lines(|out| nation.personne_activite(out)).into_iter().collect();
        assert_eq!(first, lines(|out| Nation::new(7, TOWN).personne_activite(out)).into_iter().collect());
        let next: BTreeSet<_> = lines(|out| nation.on_day(1).personne_activite(out)).into_iter().collect();
        let new = next.difference(&first).count();
        assert!((1..60).contains(&new), "{new}");
    }

    #[test]
    fn there_are_homonyms_accents_and_people_who_practise_nowhere() {
        let all = lines(|out| Nation::new(7, TOWN).personne_activite(out));
        let names: Vec<_> = all
            .iter()
            .skip(1)
            .map(|line| line.split('|').skip(7).take(2).collect::<Vec<_>>().join(" "))
            .collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        assert!(distinct.len() < names.len() - 200);
        assert!(names.iter().any(|name| !name.is_ascii()));
        let nowhere = all.iter().skip(1).filter(|line| line.split('|').nth(23) == Some("")).count();
        assert!((all.len() / 6..all.len() / 3).contains(&nowhere), "{nowhere} of {}", all.len());
    }
}
