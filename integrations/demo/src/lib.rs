//! The demo integration
