//! The introduction on a new connection to an owner.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use shared::resp::{Protocol, Value};
use shared::rt::net::TcpStream;
use shared::rt::time::{Duration, Instant};

use super::link::Failure;
use super::mode::Mode;
use crate::node::Shared;
use crate::peer::{Peer, encode};
use crate::server::session::Consistency;

/// Bounds on how long a connection may take, milliseconds; between them it is the node timeout.
const CONNECT_MS_MIN: u64 = 500;
const CONNECT_MS_MAX: u64 = 5_000;

/// A connection that is ready for requests.
pub(super) struct Dialed {
    pub(super) stream: TcpStream,
    /// What was read beyond the introduction.
    pub(super) input: BytesMut,
    /// The client's id over there.
    pub(super) id: i64,
    /// What names the time since the owner has been a primary without a break ([`super::mark::token`]).
    pub(super) token: Arc<str>,
}

/// Connects, and says that what comes was forwarded and in which mode it is meant; `is_shared` if it comes from several clients.
///
/// # Errors
/// It cannot be reached, or does not take what is forwarded.
pub(super) async fn dial(
    shared: &Shared,
    address: SocketAddr,
    mode: Mode,
    is_shared: bool,
) -> Result<Dialed, Failure> {
    let settings = shared.settings();
    let setting = |name: &str| settings.get(name).unwrap_or_default().to_owned();
    let (user, password) = (setting("masteruser"), setting("masterauth"));
    let patience = shared.config().cluster_node_timeout_ms.clamp(CONNECT_MS_MIN, CONNECT_MS_MAX);
    let deadline = Instant::now() + Duration::from_millis(patience);

    let mut request = Vec::new();
    let mut before = 0;
    let mut say = |words: &[&[u8]]| {
        encode(&mut request, words);
        before += 1;
    };
    match (user.is_empty(), password.is_empty()) {
        (_, true) => {}
        (true, false) => say(&[b"AUTH", password.as_bytes()]),
        (false, false) => say(&[b"AUTH", user.as_bytes(), password.as_bytes()]),
    }
    if mode.protocol == Protocol::Resp3 {
        say(&[b"HELLO", b"3"]);
    }
    match mode.consistency {
        Consistency::One => {}
        Consistency::Quorum => say(&[b"CLIENT", b"CONSISTENCY", b"QUORUM"]),
        Consistency::All => say(&[b"CLIENT", b"CONSISTENCY", b"ALL"]),
    }
    if mode.no_touch {
        say(&[b"CLIENT", b"NO-TOUCH", b"ON"]);
    }
    encode(&mut request, &[b"CLIENT", b"ID"]);
    encode(&mut request, &[b"CLIENT", b"PROXY", if is_shared { b"SHARED" } else { b"ON" }]);

    let broken = |error: std::io::Error| Failure::NotSent(format!("{address}: {error}"));
    let mut peer =
        Peer::connect(&address.ip().to_string(), address.port(), deadline).await.map_err(broken)?;
    peer.speak(mode.protocol);
    peer.write(&request, deadline).await.map_err(broken)?;
    for _ in 0..before {
        answer(address, peer.read(deadline).await.map_err(broken)?)?;
    }
    let id = answer(address, peer.read(deadline).await.map_err(broken)?)?.as_int().unwrap_or_default();
    let token = answer(address, peer.read(deadline).await.map_err(broken)?)?;
    let stranger = || Failure::Refused(format!("{address} is no node that takes what is forwarded"));
    let token = token.as_str().ok_or_else(stranger)?.into();
    let (stream, input) = peer.into_parts();
    Ok(Dialed { stream, input, id, token })
}

/// An answer that is no refusal.
fn answer(address: SocketAddr, value: Value) -> Result<Value, Failure> {
    match value {
        Value::Error(error) if error.code() == "NOAUTH" => {
            Err(Failure::Refused(format!("{address} asks for a password: masterauth must be set")))
        }
        Value::Error(error) => Err(Failure::Refused(format!("{address} answered: {error}"))),
        value => Ok(value),
    }
}
