//! Messages pushed to a connection by others: pub/sub.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

/// What others push to a connection until it sends it. Bounded by whoever pushes, by [`Outbox::push`]'s answer.
#[derive(Default)]
pub struct Outbox {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    messages: VecDeque<Bytes>,
    bytes: usize,
    waker: Option<Waker>,
    closed: bool,
}

impl Outbox {
    /// Queues an encoded message; returns how many bytes are queued now. Nothing is queued once it is closed.
    pub fn push(&self, message: Bytes) -> usize {
        let mut inner = self.inner.lock();
        if inner.closed {
            return 0;
        }
        inner.bytes += message.len();
        inner.messages.push_back(message);
        let waker = inner.waker.take();
        let bytes = inner.bytes;
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
        bytes
    }

    /// Makes the connection close, and drops what is queued: the client was killed, or did not take its messages.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.messages.clear();
        inner.bytes = 0;
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Bytes that are queued.
    pub fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// Takes what is queued.
    pub fn take(&self) -> Vec<Bytes> {
        let mut inner = self.inner.lock();
        inner.bytes = 0;
        inner.messages.drain(..).collect()
    }

    /// Moves messages to `out` until that holds `room` bytes, and has `cx` woken at the next push: however many messages come
    /// before it is polled again, it is woken once.
    pub(super) fn poll_take(&self, cx: &Context<'_>, out: &mut Vec<u8>, room: usize) -> Taken {
        let mut inner = self.inner.lock();
        let before = out.len();
        while out.len() < room
            && let Some(message) = inner.messages.pop_front()
        {
            inner.bytes -= message.len();
            out.extend_from_slice(&message);
        }
        if !inner.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            inner.waker = Some(cx.waker().clone());
        }
        match () {
            () if inner.closed => Taken::Closed,
            () if out.len() > before => Taken::Some,
            () => Taken::Nothing,
        }
    }
}

/// What [`Outbox::poll_take`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// The connection shall close.
    Closed,
    /// Messages; maybe there are more.
    Some,
    /// None, or no room for any.
    Nothing,
}
