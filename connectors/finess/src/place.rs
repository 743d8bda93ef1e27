//! Where a structure stands: coordinates told by their values, never by the name of their field; communes of the archives.
//! In: numbers as written. Out: a WGS84 point, a COG code of five characters. Source: annuaires.md §4.4 n° 2 and 3, §4.5.

use jonction_model::directory::Position;

/// The point of an address. `x`, `y`: `coordonneeX`, `coordonneeY`; `latitude`, `longitude`: `directionLatitude`…
/// Each pair may hold Lambert 93 or WGS84, whatever its name. WGS84 wins; overseas UTM is not converted.
pub fn position(x: &str, y: &str, latitude: &str, longitude: &str, commune_only: bool) -> Option<Position> {
    let number =
        |text: &str| text.trim().replace(',', ".").parse::<f64>().ok().filter(|number| number.is_finite());
    let pairs = [(number(latitude), number(longitude)), (number(y), number(x))];
    let pairs: Vec<(f64, f64)> = pairs
        .into_iter()
        .filter_map(|(north, east)| Some((north?, east?)))
        .filter(|pair| *pair != (0.0, 0.0))
        .collect();
    let point = |(latitude, longitude): (f64, f64)| Position { latitude, longitude, commune_only };
    if let Some(pair) = pairs.iter().find(|pair| is_wgs84(**pair)) {
        return Some(point(*pair));
    }
    let lambert = pairs.iter().find_map(|(a, b)| in_lambert(*a, *b).or_else(|| in_lambert(*b, *a)))?;
    Some(point(of_lambert93(lambert.0, lambert.1)))
}

fn is_wgs84((latitude, longitude): (f64, f64)) -> bool {
    (-25.0..=52.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude)
}

fn in_lambert(east: f64, north: f64) -> Option<(f64, f64)> {
    ((0.0..=1.3e6).contains(&east) && (6.0e6..=7.2e6).contains(&north)).then_some((east, north))
}

/// Lambert 93 to WGS84: the inverse projection of the IGN (note NT/G 71), to a few millimetres.
fn of_lambert93(east: f64, north: f64) -> (f64, f64) {
    const N: f64 = 0.725_607_765_053_267_2;
    const C: f64 = 11_754_255.426_096;
    const XS: f64 = 700_000.0;
    const YS: f64 = 12_655_612.049_876;
    const E: f64 = 0.081_819_191_042_815_79;
    const MERIDIAN: f64 = 3.0;
    let (dx, dy) = (east - XS, YS - north);
    let radius = dx.hypot(dy);
    let longitude = MERIDIAN + (dx / dy).atan().to_degrees() / N;
    let isometric = (C / radius).ln() / N;
    let mut latitude = 2.0 * isometric.exp().atan() - std::f64::consts::FRAC_PI_2;
    // Converges by a factor of 150 each time.
    for _ in 0..8 {
        let sine = E * latitude.sin();
        let factor = ((1.0 + sine) / (1.0 - sine)).powf(E / 2.0);
        latitude = 2.0 * (factor * isometric.exp()).atan() - std::f64::consts::FRAC_PI_2;
    }
    (latitude.to_degrees(), longitude)
}

/// COG code of an archive's department and commune: `59` + `350`, `2A` + `004`, `9A` + `105` → `97105`.
pub fn cog_of_archive(department: &str, commune: &str) -> String {
    const OVERSEAS: &[(&str, &str)] = &[
        ("9A", "971"),
        ("9B", "972"),
        ("9C", "973"),
        ("9D", "974"),
        ("9E", "975"),
        ("9F", "976"),
        ("9J", "986"),
    ];
    let overseas = OVERSEAS.iter().find(|(letters, _)| *letters == department);
    match (overseas, commune.len()) {
        (Some((_, three)), 3) if commune.is_ascii() => format!("{three}{}", &commune[1..]),
        (None, 3) if department.len() == 2 => format!("{department}{commune}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_of_coordinates_are_the_same_point() {
        let lambert_first = position("6570414.61", "873766.07", "46.211257", "5.254203", false).unwrap();
        let wgs_first = position("5.254203", "46.211257", "6570414.61", "873766.07", false).unwrap();
        let lambert_alone = position("873766.07", "6570414.61", "", "", false).unwrap();
        assert!(lambert_first.distance_km(wgs_first) < 0.001);
        assert!(lambert_alone.distance_km(wgs_first) < 0.02, "{lambert_alone:?}");
    }

    #[test]
    fn nowhere_and_overseas_grids_give_no_point() {
        assert_eq!(position("0", "0", "0", "0", false), None);
        assert_eq!(position("", "", "", "", false), None);
        assert_eq!(position("355000", "1790000", "", "", false), None, "UTM of Guadeloupe");
        let reunion = position("55.45", "-20.88", "", "", true).unwrap();
        assert!(reunion.commune_only && reunion.latitude < -20.0);
    }

    #[test]
    fn archives_write_overseas_and_corsica_in_their_own_way() {
        for (department, commune, cog) in [
            ("59", "350", "59350"),
            ("2A", "004", "2A004"),
            ("2B", "033", "2B033"),
            ("9A", "105", "97105"),
            ("9B", "209", "97209"),
            ("9C", "302", "97302"),
            ("9D", "411", "97411"),
            ("9E", "502", "97502"),
            ("9F", "608", "97608"),
            ("9J", "101", "98601"),
            ("99", "", ""),
        ] {
            assert_eq!(cog_of_archive(department, commune), cog);
        }
    }
}
