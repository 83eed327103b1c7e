//! The person integration
