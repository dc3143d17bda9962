//! Polls whether a backend is ready, each time over a new connection, so that its listener is
//! checked as well.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Pause between two checks.
const CHECK_EVERY: Duration = Duration::from_millis(100);
/// Limit of one check. Together with the pause it is less than a second, so that a node with
/// `--unready-ms 1000` still serves when the last request is sent to it.
const CHECK_MAX: Duration = Duration::from_millis(500);

/// Checks forever, and reports each result.
pub(super) async fn follow(address: SocketAddr, tell: impl Fn(bool)) {
    loop {
        tell(is_ready(address).await);
        sleep(CHECK_EVERY).await;
    }
}

async fn is_ready(address: SocketAddr) -> bool {
    let asking = async {
        let mut stream = TcpStream::connect(address).await?;
        let question =
            format!("GET /healthz/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(question.as_bytes()).await?;
        let mut start = [0; "HTTP/1.1 200".len()];
        stream.read_exact(&mut start).await?;
        Ok::<_, std::io::Error>(start.ends_with(b" 200"))
    };
    matches!(timeout(CHECK_MAX, asking).await, Ok(Ok(true)))
}
