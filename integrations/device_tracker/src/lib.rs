//! The device_tracker integration
