//! What a socket takes and has now, without waiting: for who does many things in one task.

use std::io;

use bytes::BytesMut;

use super::net::TcpStream;

/// Room for what is read at once, bytes.
pub const READ_BYTES: usize = 64 * 1024;

/// Writes as much as the socket takes; how many bytes that was.
pub fn write(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.try_write(&bytes[written..]) {
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

/// Reads once; whether anything had come. The end of the stream is an error.
pub fn read(stream: &TcpStream, input: &mut BytesMut) -> io::Result<bool> {
    input.reserve(READ_BYTES);
    match stream.try_read_buf(input) {
        Ok(0) => Err(io::Error::other("the server closed the connection")),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}
