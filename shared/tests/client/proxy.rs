//! A proxy that breaks connections at the worst moment.

use std::sync::Arc;

use shared::rt::net::{TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;

/// Passes bytes between clients and a server on a port of its own.
pub(crate) struct Proxy {
    port: u16,
    /// A connection on which this word is sent is closed after the server has executed it and before the client has its answer.
    fatal: Arc<Mutex<Option<String>>>,
}

impl Proxy {
    pub(crate) async fn start(server: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fatal = Arc::new(Mutex::new(None));
        let proxy = Proxy { port, fatal: Arc::clone(&fatal) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&fatal)));
            }
        });
        proxy
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The next connection on which this word is sent dies before the answer arrives.
    pub(crate) fn swallow_answers_to(&self, word: &str) {
        *self.fatal.try_lock().unwrap() = Some(word.to_owned());
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, fatal: Arc<Mutex<Option<String>>>) {
    let (mut up, mut down) = ([0; 4_096], [0; 4_096]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(bytes @ 1..) = read else { return };
                if server.write_all(&up[..bytes]).await.is_err() {
                    return;
                }
                let mut fatal = fatal.lock().await;
                let sent = String::from_utf8_lossy(&up[..bytes]);
                if fatal.as_ref().is_some_and(|word| sent.contains(&format!("\r\n{word}\r\n"))) {
                    *fatal = None;
                    // Its answer says that the server has executed it.
                    let _ = server.read(&mut down).await;
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(bytes @ 1..) = read else { return };
                if client.write_all(&down[..bytes]).await.is_err() {
                    return;
                }
            }
        }
    }
}
