//! The HTTP and WebSocket doors of a Hearth hub
