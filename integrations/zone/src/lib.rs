//! The zone integration
