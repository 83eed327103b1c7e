//! The homeassistant integration
