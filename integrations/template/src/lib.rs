//! The template integration: Jinja templates over the state machine
