use super::{body::AnyBody, request::ReceivedRequest};
use http_body_util::BodyExt;
use hyper::{Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// A server on 127.0.0.1 with a thread and a runtime of its own: it works whatever the test's
/// runtime is, and whatever the test does to its clock.
#[derive(Debug)]
pub(super) struct Loopback {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Loopback {
    /// Runs `connection` for each connection that comes.
    pub(super) fn start<F>(
        name: &str,
        connection: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let listener = {
            let _guard = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            runtime.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // Without it the kernel would hold small chunks back.
                    let _ = stream.set_nodelay(true);
                    tokio::spawn(connection(stream));
                }
            });
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Answers HTTP/1.1. An error instead of an answer closes the connection.
    pub(super) fn http1<F>(
        name: &str,
        answer: impl Fn(ReceivedRequest) -> F + Send + Sync + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = io::Result<Response<AnyBody>>> + Send + 'static,
    {
        let answer = Arc::new(answer);
        Self::start(name, move |stream| {
            let answer = Arc::clone(&answer);
            let service = service_fn(move |request: hyper::Request<Incoming>| {
                let answer = Arc::clone(&answer);
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                    answer(ReceivedRequest::new(parts, body)).await
                }
            });
            async move {
                // A client that leaves is a thing tests do.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
