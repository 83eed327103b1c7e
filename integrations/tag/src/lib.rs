//! The tag integration
