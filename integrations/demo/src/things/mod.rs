//! The kinds of things, one file each.

mod button;
mod climate;
mod cover;
mod light;
mod lock;
mod sensor;
mod switch;

pub(crate) use button::Button;
pub(crate) use climate::Climate;
pub(crate) use cover::Cover;
pub(crate) use light::{Light, Shine};
pub(crate) use lock::Lock;
pub(crate) use sensor::{BinarySensor, Sensor};
pub(crate) use switch::Switch;
