//! Figures and the table of them.

use std::fmt;

use serde::Serialize;

/// One thing that was measured, of both servers or of one.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) suite: &'static str,
    pub(crate) measure: String,
    pub(crate) unit: &'static str,
    /// The median of each server's samples.
    pub(crate) hub: Option<f64>,
    pub(crate) bare: Option<f64>,
    /// `hub` by `bare`.
    pub(crate) ratio: Option<f64>,
    /// What the project wants, and whether it is so.
    pub(crate) target: Option<String>,
    pub(crate) met: Option<bool>,
    pub(crate) hub_samples: Vec<f64>,
    pub(crate) bare_samples: Vec<f64>,
}

/// What the project wants of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    RatioAtLeast(f64),
    RatioAtMost(f64),
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    pub(crate) fn new(
        suite: &'static str,
        measure: impl Into<String>,
        unit: &'static str,
        hub_samples: Vec<f64>,
        bare_samples: Vec<f64>,
    ) -> Self {
        let (hub, bare) = (median(&hub_samples), median(&bare_samples));
        let ratio = hub.zip(bare).map(|(hub, bare)| hub / bare);
        Self {
            suite,
            measure: measure.into(),
            unit,
            hub,
            bare,
            ratio: ratio.filter(|ratio| ratio.is_finite()),
            target: None,
            met: None,
            hub_samples,
            bare_samples,
        }
    }

    pub(crate) fn wanted(mut self, target: Target) -> Self {
        let (text, met) = match target {
            Target::RatioAtLeast(want) => (
                format!("ratio ≥ {want:.2}"),
                self.ratio.map(|ratio| ratio >= want),
            ),
            Target::RatioAtMost(want) => (
                format!("ratio ≤ {want:.2}"),
                self.ratio.map(|ratio| ratio <= want),
            ),
            Target::AtLeast(want) => (format!("≥ {want}"), self.hub.map(|hub| hub >= want)),
            Target::AtMost(want) => (format!("≤ {want}"), self.hub.map(|hub| hub <= want)),
        };
        self.target = Some(text);
        self.met = met;
        self
    }
}

/// The middle of the samples, or the mean of the two in the middle.
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// Figures as text: the medians, with the lowest and highest hub sample behind.
pub(crate) struct Table<'a>(pub(crate) &'a [Figure]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10} {:<34} {:<5} {:>10} {:>10} {:>6}  {:<14} hub's range",
            "suite", "median of", "unit", "hub", "bare", "ratio", "wanted"
        )?;
        for figure in self.0 {
            let ratio = figure.ratio.map_or_else(String::new, |r| format!("{r:.2}"));
            let wanted = match (&figure.target, figure.met) {
                (Some(target), Some(true)) => format!("{target} ✓"),
                (Some(target), Some(false)) => format!("{target} ✗"),
                (Some(target), None) => target.clone(),
                (None, _) => String::new(),
            };
            let range = figure
                .hub_samples
                .iter()
                .fold(None, |range: Option<(f64, f64)>, sample| {
                    let (low, high) = range.unwrap_or((*sample, *sample));
                    Some((low.min(*sample), high.max(*sample)))
                })
                .map_or_else(String::new, |(low, high)| {
                    format!("{} to {}", number(Some(low)), number(Some(high)))
                });
            writeln!(
                f,
                "{:<10} {:<34} {:<5} {:>10} {:>10} {:>6}  {:<14} {}",
                figure.suite,
                figure.measure,
                figure.unit,
                number(figure.hub),
                number(figure.bare),
                ratio,
                wanted,
                range,
            )?;
        }
        Ok(())
    }
}

/// A number to some three figures.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_sample_or_the_mean_of_the_middle_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[5.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }

    #[test]
    fn a_target_is_judged_by_the_ratio_or_by_the_hub_alone() {
        let figure = || Figure::new("s", "m", "u", vec![6.0], vec![10.0]);
        assert_eq!(figure().wanted(Target::RatioAtLeast(0.6)).met, Some(true));
        assert_eq!(figure().wanted(Target::RatioAtMost(0.5)).met, Some(false));
        assert_eq!(figure().wanted(Target::AtMost(6.0)).met, Some(true));
        let alone = Figure::new("s", "m", "u", vec![], vec![10.0]);
        assert_eq!(alone.wanted(Target::AtLeast(1.0)).met, None);
    }
}
