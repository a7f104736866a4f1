//! The document service: WebSocket clients in front, the cluster behind, and in between one room per open document.
//!
//! # Layout
//!
//! - [`config`]: the command line. [`log`]: the log. [`metrics`]: what is counted. [`health`]: whether edits can be saved.
//! - [`service`]: what the doors share; start and stop.
//! - [`gateway`]: WebSocket clients. [`http`]: documents by HTTP. [`control`]: documents by RESP only.
//! - [`auth`]: who may do what.
//! - [`directory`]: which documents are open. [`room`]: one open document.
//! - [`save`]: snapshots: when, what, by whom. [`catalog`]: which documents there are. [`export`]: what people read.
//!
//! # What it relies on
//!
//! The document is its channel, its log and its last snapshot, all in the cluster. The service holds nothing that is not there or
//! on its way there: it may be killed at any time, and two services may hold one document.

pub mod auth;
pub mod catalog;
pub mod config;
pub mod control;
pub mod directory;
pub mod export;
pub mod gateway;
pub mod health;
pub mod http;
pub mod log;
pub mod metrics;
pub mod room;
pub mod save;
pub mod service;
