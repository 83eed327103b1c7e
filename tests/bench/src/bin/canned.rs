//! The cheapest server there is: every read is taken for one request and answered with the same
//! bytes. It shows how fast the load itself can go.

use std::io::{self, Write as _};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

fn main() -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?
        .block_on(serve())
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "ready http://{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(answer(stream));
    }
}

/// Answers until the client goes away, in whatever way.
async fn answer(mut stream: TcpStream) {
    let mut request = [0; 4096];
    if stream.set_nodelay(true).is_err() {
        return;
    }
    while let Ok(1..) = stream.read(&mut request).await {
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}
