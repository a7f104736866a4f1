//! The introduction on a new connection.

use std::io;

use bytes::BytesMut;

use super::request::Failure;
use crate::client::address::Address;
use crate::client::config::ClientConfig;
use crate::resp::{Protocol, ReplyDecoder, ServerError, Value, write};
use crate::rt::net::TcpStream;
use crate::rt::ready;
use crate::rt::time::timeout;

/// A connection that is ready for commands.
pub(crate) struct Introduced {
    pub(crate) stream: TcpStream,
    /// Knows the version that was agreed on.
    pub(crate) decoder: ReplyDecoder,
    /// What was read and not decoded yet.
    pub(crate) input: BytesMut,
}

/// Connects to a node and introduces us: RESP3 by `HELLO 3`, with a server that does not know it RESP2; `AUTH` where the
/// configuration has a password.
pub(crate) async fn connect(address: &Address, config: &ClientConfig) -> Result<Introduced, Failure> {
    match timeout(config.connect_deadline, introduce(address, config)).await {
        Ok(result) => result,
        Err(_) => {
            Err(Failure::NotSent(format!("{address} does not answer within {:?}", config.connect_deadline)))
        }
    }
}

async fn introduce(address: &Address, config: &ClientConfig) -> Result<Introduced, Failure> {
    let broken = |error: io::Error| Failure::NotSent(format!("{address}: {error}"));
    let stream = TcpStream::connect((address.host(), address.port())).await.map_err(broken)?;
    stream.set_nodelay(true).map_err(broken)?;
    let mut fresh = Introduced {
        stream,
        decoder: ReplyDecoder::new(Protocol::Resp3),
        input: BytesMut::with_capacity(16 * 1024),
    };

    let user = config.username.as_deref().unwrap_or("default");
    let mut hello = vec!["HELLO", "3"];
    if let Some(password) = &config.password {
        hello.extend(["AUTH", user, password]);
    }
    let refusal = match fresh.ask(&hello).await.map_err(broken)? {
        Value::Error(error) => error,
        _ => return Ok(fresh),
    };
    // Servers before version 6 do not know HELLO, some proxies know it but not version 3. A refusal reads the same in both
    // versions of RESP.
    if !matches!(refusal.code(), "ERR" | "NOPROTO") {
        return Err(failure(refusal));
    }
    fresh.decoder.set_protocol(Protocol::Resp2);
    if let Some(password) = &config.password {
        let mut auth = vec!["AUTH"];
        auth.extend(config.username.as_deref());
        auth.push(password);
        if let Value::Error(error) = fresh.ask(&auth).await.map_err(broken)? {
            return Err(failure(error));
        }
    }
    Ok(fresh)
}

fn failure(refusal: ServerError) -> Failure {
    match refusal.code() {
        "WRONGPASS" | "NOAUTH" | "NOPERM" | "ERR" => Failure::Auth(refusal),
        _ => Failure::NotSent(refusal.to_string()),
    }
}

impl Introduced {
    async fn ask(&mut self, args: &[&str]) -> io::Result<Value> {
        let mut out = Vec::new();
        write::request(&mut out, args);
        let mut rest = &out[..];
        while !rest.is_empty() {
            self.stream.writable().await?;
            rest = &rest[ready::write(&self.stream, rest)?..];
        }
        loop {
            if let Some(value) = self.decoder.next(&mut self.input).map_err(io::Error::other)? {
                return Ok(value);
            }
            self.stream.readable().await?;
            ready::read(&self.stream, &mut self.input)?;
        }
    }
}
