//! Colours and how they turn into each other.

/// Red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rgb(pub(crate) [u8; 3]);

/// Hue in degrees, saturation in percent, at full brightness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hs {
    pub(crate) hue: f64,
    pub(crate) saturation: f64,
}

impl Hs {
    pub(crate) fn to_rgb(self) -> Rgb {
        let saturation = (self.saturation / 100.0).clamp(0.0, 1.0);
        let part = |offset: f64| {
            let k = (offset + self.hue / 60.0).rem_euclid(6.0);
            1.0 - saturation * k.min(4.0 - k).clamp(0.0, 1.0)
        };
        Rgb([part(5.0), part(3.0), part(1.0)].map(byte))
    }
}

impl Rgb {
    pub(crate) fn to_hs(self) -> Hs {
        let [red, green, blue] = self.0.map(|part| f64::from(part) / 255.0);
        let most = red.max(green).max(blue);
        let range = most - red.min(green).min(blue);
        if range == 0.0 {
            return Hs {
                hue: 0.0,
                saturation: 0.0,
            };
        }
        let sixth = if most == red {
            ((green - blue) / range).rem_euclid(6.0)
        } else if most == green {
            (blue - red) / range + 2.0
        } else {
            (red - green) / range + 4.0
        };
        Hs {
            hue: sixth * 60.0,
            saturation: range / most * 100.0,
        }
    }

    /// CIE xy, by the sRGB primaries (IEC 61966-2-1).
    pub(crate) fn to_xy(self) -> (f64, f64) {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        let x = 0.4124 * red + 0.3576 * green + 0.1805 * blue;
        let y = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        let z = 0.0193 * red + 0.1192 * green + 0.9505 * blue;
        let sum = x + y + z;
        if sum == 0.0 {
            (0.0, 0.0)
        } else {
            (x / sum, y / sum)
        }
    }
}

/// The brightest colour at this point of the CIE diagram; points that no lamp reaches become the
/// nearest that it does.
pub(crate) fn xy_to_rgb(x: f64, y: f64) -> Rgb {
    let y = y.max(1e-6);
    let (x, z) = (x / y, (1.0 - x - y) / y);
    let linear = [
        3.2406 * x - 1.5372 - 0.4986 * z,
        -0.9689 * x + 1.8758 + 0.0415 * z,
        0.0557 * x - 0.2040 + 1.0570 * z,
    ]
    .map(|part| part.max(0.0));
    let most = linear.iter().copied().fold(1e-6, f64::max);
    Rgb(linear.map(|part| {
        let part = part / most;
        byte(if part <= 0.003_130_8 {
            part * 12.92
        } else {
            1.055 * part.powf(1.0 / 2.4) - 0.055
        })
    }))
}

/// How white light of this temperature (kelvin) looks, by Tanner Helland's fit to the black body.
pub(crate) fn of_temperature(kelvin: i64) -> Rgb {
    let t = kelvin.clamp(1000, 40_000) as f64 / 100.0;
    let red = if t <= 66.0 {
        255.0
    } else {
        329.7 * (t - 60.0).powf(-0.1332)
    };
    let green = if t <= 66.0 {
        99.47 * t.ln() - 161.12
    } else {
        288.12 * (t - 60.0).powf(-0.0755)
    };
    let blue = if t >= 66.0 {
        255.0
    } else if t <= 19.0 {
        0.0
    } else {
        138.52 * (t - 10.0).ln() - 305.04
    };
    Rgb([red, green, blue].map(|part| byte(part / 255.0)))
}

/// 0.0 to 1.0 as 0 to 255; what is beyond becomes the nearest.
fn byte(part: f64) -> u8 {
    (part * 255.0).round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hue_and_saturation_become_red_green_and_blue_and_back() {
        for (hue, saturation, rgb) in [
            (0.0, 100.0, [255, 0, 0]),
            (120.0, 100.0, [0, 255, 0]),
            (240.0, 100.0, [0, 0, 255]),
            (60.0, 100.0, [255, 255, 0]),
            (300.0, 100.0, [255, 0, 255]),
            (0.0, 0.0, [255, 255, 255]),
            (360.0, 100.0, [255, 0, 0]),
        ] {
            let hs = Hs { hue, saturation };
            assert_eq!(hs.to_rgb(), Rgb(rgb), "{hs:?}");
            let back = Rgb(rgb).to_hs();
            assert!((back.hue - hue % 360.0).abs() < 0.5, "{back:?}");
            assert!((back.saturation - saturation).abs() < 0.5, "{back:?}");
        }
    }

    #[test]
    fn a_point_of_the_diagram_becomes_its_colour_and_back() {
        for rgb in [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 200, 100]] {
            let (x, y) = Rgb(rgb).to_xy();
            let back = xy_to_rgb(x, y).0;
            for (part, expected) in back.into_iter().zip(rgb) {
                assert!(part.abs_diff(expected) <= 2, "{rgb:?} became {back:?}");
            }
        }
        // Any numbers at all give a colour.
        for (x, y) in [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0)] {
            xy_to_rgb(x, y);
        }
    }

    #[test]
    fn warm_light_is_reddish_and_cold_light_bluish() {
        let [red, _, blue] = of_temperature(2000).0;
        assert!(red > blue + 100);
        let [red, _, blue] = of_temperature(10_000).0;
        assert!(blue > red);
    }
}
