//! The native-app integration: phones, their webhooks, sensors and trackers
