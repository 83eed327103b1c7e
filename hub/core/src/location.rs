//! Where on Earth: zones, distances and what a tracker's position means.
//!
//! The zone integration publishes the zones here; every tracker, whoever provides it, derives its
//! state from them in the same way (spec state-machine §5).

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::ids::EntityId;
use crate::state::UNKNOWN;

/// A circle on the map with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// `zone.office`
    pub entity_id: EntityId,
    /// What a tracker in it shows.
    pub name: Arc<str>,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres.
    pub radius: f64,
    /// Passive zones trigger automations and hold no trackers.
    pub passive: bool,
}

/// A position with its accuracy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres; 0 where it is not known.
    pub accuracy: f64,
}

/// The zone of the home itself.
pub const HOME_ZONE: &str = "zone.home";
/// A tracker at home.
pub const HOME: &str = "home";
/// A tracker in no zone.
pub const NOT_HOME: &str = "not_home";

/// The table of zones; the zone integration writes it, everyone reads it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Zones(Arc<ArcSwap<Vec<Zone>>>);

impl Zones {
    /// Replaces the table. Ordered by entity id: the last tie-break of [`active_zone`].
    pub fn publish(&self, mut zones: Vec<Zone>) {
        zones.sort_by(|a, b| a.entity_id.cmp(&b.entity_id));
        self.0.store(Arc::new(zones));
    }

    /// The zones as they are now.
    pub fn current(&self) -> Arc<Vec<Zone>> {
        self.0.load_full()
    }

    /// What a tracker at `position` shows: `home`, a zone's name or `not_home`.
    pub fn tracker_state(&self, position: Position) -> Arc<str> {
        match active_zone(&self.0.load(), position) {
            Some(zone) if zone.entity_id.as_str() == HOME_ZONE => HOME.into(),
            Some(zone) => Arc::clone(&zone.name),
            None => NOT_HOME.into(),
        }
    }
}

/// What a tracker shows: the name that it was given, else what its position means, else
/// `unknown`.
pub fn tracker_state(zones: &Zones, given: Option<&str>, position: Option<Position>) -> Arc<str> {
    match (given.filter(|name| !name.is_empty()), position) {
        (Some(name), _) => name.into(),
        (None, Some(position)) => zones.tracker_state(position),
        (None, None) => UNKNOWN.into(),
    }
}

/// The zone that holds `position`: of those within reach the nearest, then the smallest, then
/// the first.
pub fn active_zone(zones: &[Zone], position: Position) -> Option<&Zone> {
    let mut best: Option<(f64, &Zone)> = None;
    for zone in zones.iter().filter(|zone| !zone.passive) {
        let reach = zone.radius + position.accuracy;
        if surely_beyond(zone, position, reach) {
            continue;
        }
        let Some(distance) = distance(
            (zone.latitude, zone.longitude),
            (position.latitude, position.longitude),
        ) else {
            continue;
        };
        if distance - zone.radius >= position.accuracy {
            continue;
        }
        let is_better = best.is_none_or(|(best_distance, best_zone)| {
            distance < best_distance
                || (distance == best_distance && zone.radius < best_zone.radius)
        });
        if is_better {
            best = Some((distance, zone));
        }
    }
    best.map(|(_, zone)| zone)
}

/// A cheap lower bound first: a degree of latitude is never shorter than 110.5 km.
fn surely_beyond(zone: &Zone, position: Position, reach: f64) -> bool {
    (zone.latitude - position.latitude).abs() * 110_500.0 > reach
}

/// Metres between two points given as degrees north and east, on the WGS-84 ellipsoid
/// (Vincenty's inverse formula); `None` where it does not converge, near opposite points.
pub fn distance(from: (f64, f64), to: (f64, f64)) -> Option<f64> {
    const A: f64 = 6_378_137.0;
    const F: f64 = 1.0 / 298.257_223_563;
    const B: f64 = (1.0 - F) * A;
    if from == to {
        return Some(0.0);
    }
    let reduced = |latitude: f64| ((1.0 - F) * latitude.to_radians().tan()).atan().sin_cos();
    let (sin_u1, cos_u1) = reduced(from.0);
    let (sin_u2, cos_u2) = reduced(to.0);
    let longitude = (to.1 - from.1).to_radians();
    let mut lambda = longitude;
    for _ in 0..200 {
        let (sin_lambda, cos_lambda) = lambda.sin_cos();
        let sin_sigma = (cos_u2 * sin_lambda).hypot(cos_u1 * sin_u2 - sin_u1 * cos_u2 * cos_lambda);
        if sin_sigma == 0.0 {
            return Some(0.0);
        }
        let cos_sigma = sin_u1 * sin_u2 + cos_u1 * cos_u2 * cos_lambda;
        let sigma = sin_sigma.atan2(cos_sigma);
        let sin_alpha = cos_u1 * cos_u2 * sin_lambda / sin_sigma;
        let cos2_alpha = 1.0 - sin_alpha * sin_alpha;
        // On the equator the line has no turning point.
        let cos_2sigma = if cos2_alpha == 0.0 {
            0.0
        } else {
            cos_sigma - 2.0 * sin_u1 * sin_u2 / cos2_alpha
        };
        let c = F / 16.0 * cos2_alpha * (4.0 + F * (4.0 - 3.0 * cos2_alpha));
        let previous = lambda;
        lambda = longitude
            + (1.0 - c)
                * F
                * sin_alpha
                * (sigma
                    + c * sin_sigma
                        * (cos_2sigma + c * cos_sigma * (2.0 * cos_2sigma * cos_2sigma - 1.0)));
        if (lambda - previous).abs() < 1e-12 {
            let u2 = cos2_alpha * (A * A - B * B) / (B * B);
            let big_a = 1.0 + u2 / 16384.0 * (4096.0 + u2 * (-768.0 + u2 * (320.0 - 175.0 * u2)));
            let big_b = u2 / 1024.0 * (256.0 + u2 * (-128.0 + u2 * (74.0 - 47.0 * u2)));
            let cos_2sigma_squared = cos_2sigma * cos_2sigma;
            let delta = big_b
                * sin_sigma
                * (cos_2sigma
                    + big_b / 4.0
                        * (cos_sigma * (2.0 * cos_2sigma_squared - 1.0)
                            - big_b / 6.0
                                * cos_2sigma
                                * (4.0 * sin_sigma * sin_sigma - 3.0)
                                * (4.0 * cos_2sigma_squared - 3.0)));
            return Some(B * big_a * (sigma - delta));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str, radius: f64, passive: bool) -> Zone {
        Zone {
            entity_id: EntityId::from_parts("zone", name),
            name: name.into(),
            latitude: 52.3731,
            longitude: 4.8922,
            radius,
            passive,
        }
    }

    fn at(metres_north: f64, accuracy: f64) -> Position {
        Position {
            latitude: 52.3731 + metres_north / 111_260.0,
            longitude: 4.8922,
            accuracy,
        }
    }

    #[test]
    fn known_distances_are_met() {
        // Flinders Peak to Buninyong, the example of the surveyors (GDA, 54 972.271 m).
        let flinders = (-37.951_033_416_666_67, 144.424_867_888_888_9);
        let buninyong = (-37.652_821_138_888_89, 143.926_495_527_777_78);
        assert!((distance(flinders, buninyong).unwrap() - 54_972.271).abs() < 0.001);
        assert_eq!(distance((1.0, 2.0), (1.0, 2.0)), Some(0.0));
        assert_eq!(distance((0.0, 0.0), (0.5, 179.7)), None);
    }

    #[test]
    fn of_two_zones_around_a_point_the_nearer_then_smaller_holds_it() {
        let zones = [
            zone("big", 1000.0, false),
            zone("small", 100.0, false),
            zone("none", 5000.0, true),
        ];
        let name = |metres, accuracy| {
            active_zone(&zones, at(metres, accuracy)).map(|zone| zone.name.to_string())
        };
        assert_eq!(name(0.0, 0.0).as_deref(), Some("small"));
        assert_eq!(name(560.0, 0.0).as_deref(), Some("big"));
        assert_eq!(name(2200.0, 1.0), None);
        assert!(name(2200.0, 2000.0).is_some());
    }
}
