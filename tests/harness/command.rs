//! The command as its users meet it: exit statuses, streams, signals.
