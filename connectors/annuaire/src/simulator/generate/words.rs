//! Words the nation is made of: names as they are distributed in France, professions, streets.
//! In and out: nothing but tables. Source: annuaires.md §8.1; streets and towns do not exist.

#[rustfmt::skip]
pub(super) const FAMILY: &[&str] = &[
    "MARTIN", "BERNARD", "THOMAS", "PETIT", "ROBERT", "RICHARD", "DURAND", "DUBOIS", "MOREAU", "LAURENT",
    "SIMON", "MICHEL", "LEFÈVRE", "LEROY", "ROUX", "DAVID", "BERTRAND", "MOREL", "FOURNIER", "GIRARD",
    "BONNET", "DUPONT", "LAMBERT", "FONTAINE", "ROUSSEAU", "VINCENT", "MULLER", "LEFEBVRE", "FAURE",
    "ANDRÉ", "MERCIER", "BLANC", "GUÉRIN", "BOYER", "GARNIER", "CHEVALIER", "FRANÇOIS", "LEGRAND",
    "GAUTHIER", "GARCIA", "PERRIN", "ROBIN", "CLÉMENT", "MORIN", "NICOLAS", "HENRY", "ROUSSEL", "MATHIEU",
    "GAUTIER", "MASSON", "MARCHAND", "DUVAL", "DENIS", "DUMONT", "MARIE", "LEMAIRE", "NOËL", "MEYER",
    "DUFOUR", "MEUNIER", "BRUN", "BLANCHARD", "GIRAUD", "JOLY", "RIVIÈRE", "LUCAS", "BRUNET", "GAILLARD",
    "BARBIER", "ARNAUD", "MARTINEZ", "GÉRARD", "ROCHE", "RENARD", "SCHMITT", "ROY", "LEROUX", "COLIN",
    "VIDAL", "CARON", "PICARD", "ROGER", "FABRE", "AUBERT", "LEMOINE", "RENAUD", "DUMAS", "LACROIX",
    "OLIVIER", "PHILIPPE", "BOURGEOIS", "PIERRE", "BENOÎT", "REY", "LECLERC", "PAYET", "ROLLAND",
    "LECLERCQ", "GUILLAUME", "LECOMTE", "LOPEZ", "JEAN", "DUPUY", "GUILLOT", "HUBERT", "BERGER",
    "CARPENTIER", "SANCHEZ", "DUPUIS", "MOULIN", "LOUIS", "DESCHAMPS", "HUET", "VASSEUR", "PEREZ",
    "BOUCHER", "FLEURY", "ROYER", "KLEIN", "JACQUET", "ADAM", "PARIS", "POIRIER", "MARTY", "AUBRY", "GUYOT",
    "CARRÉ", "CHARLES", "RENAULT", "CHARPENTIER", "MÉNARD", "MAILLARD", "BARON", "BERTIN", "BAILLY",
    "HERVÉ", "SCHNEIDER", "FERNANDEZ", "LE GALL", "COLLET", "LÉGER", "BOUVIER", "JULIEN", "PRÉVOST",
    "MILLET", "PERROT", "DANIEL", "LE ROUX", "COUSIN", "GERMAIN", "BRETON", "BESSON", "LANGLOIS", "RÉMY",
    "LE GOFF", "PELLETIER", "LÉVÊQUE", "PERRIER", "LEBLANC", "BARRE", "LEBRUN", "MARCHAL", "WEBER",
    "MALLET", "HAMON", "BOULANGER", "JACOB", "MONNIER", "MICHAUD", "RODRIGUEZ", "GUICHARD", "GILLET",
    "ÉTIENNE", "GRONDIN", "POULAIN", "TESSIER", "CHEVALLIER", "COLLIN", "CHAUVIN", "DA SILVA", "BOUCHET",
    "GAY", "LEMAÎTRE", "BÉNARD", "MARÉCHAL", "HUMBERT", "REYNAUD", "ANTOINE", "HOARAU", "PERRET",
    "BARTHÉLEMY", "CORDIER", "PICHON", "LEJEUNE", "GILBERT", "LAMY", "DELAUNAY", "PASQUIER", "CARLIER",
    "LAPORTE", "O'NEILL", "D'ALMEIDA", "DE LA TOUR", "N'GUYEN", "BEN ALI", "TRAORÉ", "DIALLO", "NGUYEN",
    "KŒNIG", "MUÑOZ",
];
pub(super) const SYLLABLES: &[&str] = &[
    "BA", "BEL", "BRI", "CA", "CHA", "COR", "DE", "DRO", "FA", "FER", "GA", "GRI", "JU", "LA", "LE", "LOU",
    "MA", "MER", "MON", "NA", "NI", "PA", "PER", "QUI", "RA", "RI", "RO", "SA", "SER", "TA", "TRI", "VA",
    "VER", "VI",
];
pub(super) const ENDINGS: &[&str] =
    &["RD", "UX", "IN", "ET", "ON", "EAU", "IER", "OT", "AULT", "EZ", "Y", "É", "LLE", "NÇON", "T"];
#[rustfmt::skip]
pub(super) const GIVEN: &[&str] = &[
    "Marie", "Jean", "Pierre", "Anne", "Michel", "Philippe", "Catherine", "Nathalie", "Isabelle", "Sylvie",
    "Alain", "Patrick", "Nicolas", "Christophe", "Céline", "Sandrine", "Aurélie", "Émilie", "Julie",
    "Camille", "Léa", "Thomas", "Antoine", "Julien", "Élodie", "Hélène", "François", "Éric", "Stéphanie",
    "Véronique", "Laurence", "Frédéric", "Valérie", "Benoît", "Jérôme", "Raphaël", "Chloé", "Manon",
    "Mathilde", "Pauline", "Sophie", "Claire", "Lucie", "Marion", "Charlotte", "Alexandre", "Maxime",
    "Guillaume", "Romain", "Vincent", "Loïc", "Gaëlle", "Maëlys", "Noémie", "Océane", "Zoé", "Inès",
    "Sarah", "Mohamed", "Karim", "Fatima", "Amina", "Thi", "Yann", "Gwenaël", "Jean-Pierre", "Marie-Claude",
    "Anne-Sophie", "Jean-Noël", "Marie-Thérèse", "Françoise", "Jacqueline",
];
/// Code, label, share in thousands; doctors have one of [`SKILLS`].
pub(super) const PROFESSIONS: &[(&str, &str, u64)] = &[
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
pub(super) const SKILLS: &[(&str, &str)] = &[
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
pub(super) const STREETS: &[&str] = &[
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
pub(super) const STREET_TYPES: &[(&str, &str)] = &[
    ("R", "Rue"),
    ("AV", "Avenue"),
    ("BD", "Boulevard"),
    ("PL", "Place"),
    ("CHE", "Chemin"),
    ("ALL", "Allée"),
];
