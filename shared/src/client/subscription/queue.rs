//! The bounded queue between the connection and the reader of a subscription.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Event;
use crate::limits::{SUBSCRIPTION_BYTES_MAX, SUBSCRIPTION_MESSAGES_MAX};

/// A queue of events with one reader. Bounded: between two `Lost` there is a message, and messages are counted.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    messages: usize,
    bytes: usize,
    /// Messages were dropped behind the last event; the reader is told when it gets there.
    overflowed: bool,
    /// The reader is gone.
    left: bool,
    /// Nothing will come any more.
    ended: bool,
}

impl Queue {
    pub(super) fn message(&self, channel: &Bytes, payload: &Bytes) {
        let mut state = self.state.lock();
        if state.left || state.overflowed {
            return;
        }
        if state.messages >= SUBSCRIPTION_MESSAGES_MAX || state.bytes >= SUBSCRIPTION_BYTES_MAX {
            state.overflowed = true;
        } else {
            state.messages += 1;
            state.bytes += payload.len();
            state.events.push_back(Event::Message { channel: channel.clone(), payload: payload.clone() });
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Messages may be missing from here on.
    pub(super) fn lost(&self) {
        let mut state = self.state.lock();
        state.overflowed = false;
        if state.events.back() == Some(&Event::Resumed) {
            // Nothing came since: it is the same loss still.
            state.events.pop_back();
        }
        if state.events.back() != Some(&Event::Lost) {
            state.events.push_back(Event::Lost);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// No message is missing from here on.
    pub(super) fn resumed(&self) {
        self.state.lock().events.push_back(Event::Resumed);
        self.filled.notify_one();
    }

    /// Nothing will come any more.
    pub(super) fn end(&self) {
        self.state.lock().ended = true;
        self.filled.notify_one();
    }

    /// The reader goes.
    pub(super) fn leave(&self) {
        let mut state = self.state.lock();
        state.left = true;
        state.events.clear();
    }

    /// Whether the reader is gone.
    pub(super) fn is_left(&self) -> bool {
        self.state.lock().left
    }

    pub(super) async fn next(&self) -> Option<Event> {
        loop {
            if let Some(event) = self.try_next() {
                return Some(event);
            }
            if self.state.lock().ended {
                return None;
            }
            // A permit that was given between the look and the wait is kept.
            self.filled.notified().await;
        }
    }

    pub(super) fn try_next(&self) -> Option<Event> {
        let mut state = self.state.lock();
        match state.events.pop_front() {
            Some(Event::Message { channel, payload }) => {
                state.messages -= 1;
                state.bytes -= payload.len();
                Some(Event::Message { channel, payload })
            }
            None if state.overflowed => {
                state.overflowed = false;
                state.events.push_back(Event::Resumed);
                Some(Event::Lost)
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(queue: &Queue, payload: &'static str) {
        queue.message(&Bytes::from_static(b"c"), &Bytes::from_static(payload.as_bytes()));
    }

    fn received(queue: &Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.try_next())
            .map(|event| match event {
                Event::Message { payload, .. } => String::from_utf8(payload.to_vec()).unwrap(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_full_queue_loses_and_tells() {
        let queue = Queue::default();
        for _ in 0..SUBSCRIPTION_MESSAGES_MAX + 10 {
            send(&queue, "m");
        }
        let events = received(&queue);
        assert_eq!(events.len(), SUBSCRIPTION_MESSAGES_MAX + 2);
        assert_eq!(events[SUBSCRIPTION_MESSAGES_MAX..], ["Lost", "Resumed"]);
        send(&queue, "after");
        assert_eq!(received(&queue), ["after"]);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let queue = Queue::default();
        let payload = Bytes::from(vec![0; SUBSCRIPTION_BYTES_MAX / 2]);
        for _ in 0..4 {
            queue.message(&Bytes::new(), &payload);
        }
        assert_eq!(queue.state.lock().messages, 2);
    }

    #[test]
    fn losses_without_a_message_in_between_are_one() {
        let queue = Queue::default();
        for _ in 0..100 {
            queue.lost();
            queue.resumed();
        }
        queue.lost();
        assert_eq!(received(&queue), ["Lost"]);
        queue.resumed();
        send(&queue, "m");
        queue.lost();
        assert_eq!(received(&queue), ["Resumed", "m", "Lost"]);
    }

    #[test]
    fn a_loss_behind_an_overflow_is_told_once() {
        let queue = Queue::default();
        for _ in 0..=SUBSCRIPTION_MESSAGES_MAX {
            send(&queue, "m");
        }
        queue.lost();
        queue.resumed();
        send(&queue, "after");
        // The queue is still full: the message behind the loss overflows again.
        let events = received(&queue);
        assert_eq!(events[SUBSCRIPTION_MESSAGES_MAX..], ["Lost", "Resumed", "Lost", "Resumed"]);
    }
}
